//! One SMTP dialogue (RFC 5321). [`Clear`] knows the greeting, `EHLO` and `STARTTLS` only; all that
//! names a person is a method of [`Session`], which exists only over verified TLS.

use std::time::Duration;

use base64::Engine as _;
use openssl::ssl::SslConnector;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_openssl::SslStream;

use super::reply::{Answer, Gatherer, LONGEST_LINE};
use super::settings::{SmtpDeadlines, SmtpLogin, SmtpSettings, SmtpTls};
use super::tls;
use crate::mail::deliverable::Outbound;
use crate::mail::delivery::{Cause, DeliveryResult, Phase, Reply, TlsRefusal};
use crate::mail::wire;

/// Bytes of the mail written under one deadline.
const BLOCK: usize = 16 * 1024;

/// Why a dialogue ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// In a phase.
    At(Phase, Cause),
    /// No verified encryption.
    Tls(TlsRefusal),
}

impl Failure {
    pub(super) fn result(self) -> DeliveryResult {
        match self {
            Self::At(phase, cause) => DeliveryResult::of(phase, cause),
            Self::Tls(reason) => DeliveryResult::TlsRefused { reason },
        }
    }

    /// Whether the connection can serve another mail: the server answered, and not that it closes.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        match self {
            Self::At(_, Cause::Reply(reply)) => reply.code != 421,
            Self::At(..) | Self::Tls(_) => false,
        }
    }
}

/// The waits of one attempt: each phase has its own, and all before the final dot have one together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    each: SmtpDeadlines,
    /// When the final dot must be reached.
    pub(super) until: Instant,
}

impl Waits {
    /// An attempt begins.
    pub(super) fn begin(each: SmtpDeadlines) -> Self {
        Self { each, until: Instant::now() + each.before_dot }
    }

    fn of(&self, phase: Phase) -> Duration {
        let own = match phase {
            Phase::Internal | Phase::Connect => self.each.connect,
            Phase::Greeting => self.each.greeting,
            Phase::Ehlo => self.each.ehlo,
            Phase::StartTls => self.each.start_tls,
            Phase::Tls => self.each.tls,
            Phase::Auth => self.each.auth,
            Phase::Reset => self.each.reset,
            Phase::Mail => self.each.mail,
            Phase::Rcpt => self.each.rcpt,
            Phase::Data => self.each.data,
            Phase::Body => self.each.block,
            // From here on the server may have the mail: its answer is waited for in any case.
            Phase::FinalDot => return self.each.final_dot,
        };
        own.min(self.until.saturating_duration_since(Instant::now()))
    }
}

/// Sends lines and reads answers over any stream, each under a deadline.
#[derive(Debug)]
struct Talk<S> {
    stream: S,
    /// Received and not yet read.
    ahead: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn over(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    /// Sends `line`, if there is one, and waits for the answer; both within `wait`.
    async fn ask(&mut self, phase: Phase, line: &str, wait: Duration) -> Result<Answer, Failure> {
        let exchange = async {
            if !line.is_empty() {
                self.send(format!("{line}\r\n").as_bytes()).await?;
            }
            self.answer().await
        };
        within(phase, wait, exchange).await
    }

    /// The same, and the answer's code must be `wanted`.
    async fn expect(
        &mut self,
        phase: Phase,
        line: &str,
        wanted: u16,
        wait: Duration,
    ) -> Result<Answer, Failure> {
        wanted_code(phase, wanted, self.ask(phase, line, wait).await?)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Cause> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|_| Cause::Connection)
    }

    async fn answer(&mut self) -> Result<Answer, Cause> {
        let mut gatherer = Gatherer::default();
        loop {
            let line = self.line().await?;
            if let Some(answer) = gatherer.line(&line).map_err(|_| Cause::Protocol)? {
                return Ok(answer);
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Cause> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                return Ok(line);
            }
            if self.ahead.len() > LONGEST_LINE {
                return Err(Cause::Protocol);
            }
            let read = self.stream.read_buf(&mut self.ahead).await;
            if read.map_err(|_| Cause::Connection)? == 0 {
                return Err(Cause::Connection);
            }
        }
    }
}

/// Runs one step under its deadline.
async fn within<T>(
    phase: Phase,
    wait: Duration,
    step: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Failure> {
    timeout(wait, step)
        .await
        .unwrap_or(Err(Cause::Timeout))
        .map_err(|cause| Failure::At(phase, cause))
}

fn wanted_code(phase: Phase, wanted: u16, answer: Answer) -> Result<Answer, Failure> {
    if answer.code == wanted {
        Ok(answer)
    } else {
        Err(Failure::At(phase, Cause::Reply(answer.reply())))
    }
}

/// A connection in clear, on its way to encryption.
struct Clear(Talk<TcpStream>);

impl Clear {
    async fn connect(settings: &SmtpSettings, waits: &Waits) -> Result<TcpStream, Failure> {
        let connect = async {
            let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await?;
            // The final dot is a write of its own, which would wait for a delayed acknowledgement.
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        within(Phase::Connect, waits.of(Phase::Connect), async {
            connect.await.map_err(|_: std::io::Error| Cause::Connection)
        })
        .await
    }

    /// Greeting, `EHLO`, `STARTTLS`: the only words that are ever sent in clear.
    async fn start_tls(
        mut self,
        settings: &SmtpSettings,
        waits: &Waits,
    ) -> Result<TcpStream, Failure> {
        self.0.expect(Phase::Greeting, "", 220, waits.of(Phase::Greeting)).await?;
        let hello = format!("EHLO {}", settings.hello_name);
        let offer = self.0.expect(Phase::Ehlo, &hello, 250, waits.of(Phase::Ehlo)).await?;
        if offer.keyword("STARTTLS").is_none() {
            return Err(Failure::Tls(TlsRefusal::NotOffered));
        }
        let answer = self.0.ask(Phase::StartTls, "STARTTLS", waits.of(Phase::StartTls)).await?;
        if answer.code >= 500 {
            return Err(Failure::Tls(TlsRefusal::StartTlsRefused));
        }
        wanted_code(Phase::StartTls, 220, answer)?;
        // Whatever was sent along in clear would be read as if it had come encrypted.
        if self.0.ahead.is_empty() {
            Ok(self.0.stream)
        } else {
            Err(Failure::Tls(TlsRefusal::Injection))
        }
    }
}

/// A dialogue over verified TLS.
#[derive(Debug)]
pub(super) struct Session {
    talk: Talk<SslStream<TcpStream>>,
}

impl Session {
    /// Connects, encrypts, greets and, if asked to, logs in.
    pub(super) async fn open(
        settings: &SmtpSettings,
        connector: &SslConnector,
        waits: &Waits,
    ) -> Result<Self, Failure> {
        let stream = Clear::connect(settings, waits).await?;
        let stream = match settings.tls {
            SmtpTls::StartTls => Clear(Talk::over(stream)).start_tls(settings, waits).await?,
            SmtpTls::Implicit => stream,
        };
        let handshake = tls::encrypt(connector, &settings.server_name, stream);
        let stream = timeout(waits.of(Phase::Tls), handshake)
            .await
            .unwrap_or(Err(Failure::At(Phase::Tls, Cause::Timeout)))?;
        let mut this = Self { talk: Talk::over(stream) };
        if settings.tls == SmtpTls::Implicit {
            this.talk.expect(Phase::Greeting, "", 220, waits.of(Phase::Greeting)).await?;
        }
        let hello = format!("EHLO {}", settings.hello_name);
        let offer = this.talk.expect(Phase::Ehlo, &hello, 250, waits.of(Phase::Ehlo)).await?;
        if let Some(login) = &settings.login {
            this.log_in(login, offer.keyword("AUTH").unwrap_or(""), waits).await?;
        }
        Ok(this)
    }

    /// `AUTH PLAIN` (RFC 4616) or, where the server has only that, `AUTH LOGIN`.
    async fn log_in(
        &mut self,
        login: &SmtpLogin,
        offered: &str,
        waits: &Waits,
    ) -> Result<(), Failure> {
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let offers = |wanted: &str| {
            offered.split(' ').any(|mechanism| mechanism.eq_ignore_ascii_case(wanted))
        };
        if offers("PLAIN") {
            let token = base64(&format!("\0{}\0{}", login.username, login.password));
            self.talk
                .expect(Phase::Auth, &format!("AUTH PLAIN {token}"), 235, waits.of(Phase::Auth))
                .await?;
        } else if offers("LOGIN") {
            self.talk.expect(Phase::Auth, "AUTH LOGIN", 334, waits.of(Phase::Auth)).await?;
            self.talk
                .expect(Phase::Auth, &base64(&login.username), 334, waits.of(Phase::Auth))
                .await?;
            self.talk
                .expect(Phase::Auth, &base64(&login.password), 235, waits.of(Phase::Auth))
                .await?;
        } else {
            return Err(Failure::At(Phase::Auth, Cause::NoAuthMechanism));
        }
        Ok(())
    }

    /// Forgets an unfinished mail, and shows whether the connection still lives.
    pub(super) async fn reset(&mut self, waits: &Waits) -> Result<(), Failure> {
        self.talk.expect(Phase::Reset, "RSET", 250, waits.of(Phase::Reset)).await.map(drop)
    }

    /// Sends one mail.
    pub(super) async fn send(
        &mut self,
        mail: Outbound<'_>,
        waits: &Waits,
    ) -> Result<Reply, Failure> {
        let from = format!("MAIL FROM:<{}>", mail.from.expose());
        self.talk.expect(Phase::Mail, &from, 250, waits.of(Phase::Mail)).await?;
        let to = format!("RCPT TO:<{}>", mail.to.expose());
        let answer = self.talk.ask(Phase::Rcpt, &to, waits.of(Phase::Rcpt)).await?;
        // 251: the server forwards it.
        if answer.code != 251 {
            wanted_code(Phase::Rcpt, 250, answer)?;
        }
        self.talk.expect(Phase::Data, "DATA", 354, waits.of(Phase::Data)).await?;
        for block in wire::stuff_dots(mail.bytes).chunks(BLOCK) {
            within(Phase::Body, waits.of(Phase::Body), self.talk.send(block)).await?;
        }
        let answer = self.talk.expect(Phase::FinalDot, ".", 250, waits.of(Phase::FinalDot)).await?;
        Ok(answer.reply())
    }

    /// Takes leave.
    pub(super) async fn quit(mut self, waits: &SmtpDeadlines) -> Result<(), Failure> {
        // The answer's phase matters to nobody: the mails are delivered.
        self.talk.expect(Phase::Reset, "QUIT", 221, waits.quit).await.map(drop)
    }
}
