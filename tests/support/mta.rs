//! A mail server that does as its script says: any answer, silence or hang-up in any phase, any
//! flaw in its certificate. It keeps the mails it accepted and all it heard in clear.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::id_source::SystemIds;
use leadbroker::mail::authority::{Authority, CertificateUse, KeyKind, Validity};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_openssl::SslStream;

/// The name in a good certificate.
pub(crate) const HOST: &str = "mail.example.gov";

/// Where a script can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Greeting,
    /// `EHLO` in clear.
    ClearEhlo,
    StartTls,
    Handshake,
    /// `EHLO` over TLS.
    Ehlo,
    Auth,
    Reset,
    Mail,
    Rcpt,
    Data,
    /// While the mail's bytes arrive.
    Body,
    /// After the final dot.
    Dot,
}

/// What the server does there.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers this, and a line end.
    Reply(&'static str),
    /// At [`Stage::Dot`]: thinks until it is told to go on, then takes the mail.
    Think(Arc<Notify>),
    /// Says nothing more, and keeps the connection.
    Hang,
    /// Hangs up.
    Close,
    /// At [`Stage::Dot`]: takes the mail and says nothing.
    TakeAndHang,
    /// At [`Stage::Dot`]: takes the mail and hangs up.
    TakeAndClose,
}

/// What is wrong with the server's TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Flaw {
    #[default]
    None,
    Expired,
    WrongName,
    UnknownAuthority,
    /// TLS 1.1 at most.
    OldProtocol,
}

/// What a server is like. The default takes every mail over STARTTLS.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// What it does where, in this order. See [`Script::on`].
    pub(crate) acts: HashMap<Stage, VecDeque<Act>>,
    /// TLS from the first byte.
    pub(crate) implicit_tls: bool,
    /// Does not offer STARTTLS.
    pub(crate) hides_starttls: bool,
    /// Mechanisms offered for logging in.
    pub(crate) auth: Option<&'static str>,
    /// What is wrong with its TLS.
    pub(crate) flaw: Flaw,
}

impl Script {
    /// Acts so the next time this stage is reached; afterwards as usual, or as the next `on` says.
    pub(crate) fn on(mut self, stage: Stage, act: Act) -> Self {
        self.acts.entry(stage).or_default().push_back(act);
        self
    }
}

/// A mail the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// As it was before dots were doubled.
    pub(crate) bytes: Vec<u8>,
}

/// What the server heard.
#[derive(Debug, Default)]
struct Heard {
    accepted: Vec<Accepted>,
    clear: Vec<u8>,
    lines: Vec<String>,
    connections: usize,
}

/// A running server. Ends when dropped.
pub(crate) struct Mta {
    port: u16,
    ca_pem: Vec<u8>,
    server: Server,
    tasks: JoinSet<()>,
}

impl Mta {
    /// Starts one on a free port of the loopback.
    pub(crate) async fn start(script: Script) -> Self {
        let (ca_pem, context) = certificates(script.flaw);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let server = Server { script: Arc::new(Mutex::new(script)), heard, context };
        let mut mta = Self { port, ca_pem, server, tasks: JoinSet::new() };
        mta.listen(listener);
        mta
    }

    fn listen(&mut self, listener: TcpListener) {
        let server = self.server.clone();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    // The end of a connection is what many scripts are about.
                    let _ = server.serve(stream).await;
                });
            }
        });
    }

    /// Is gone: nobody listens on its port, and every connection has ended.
    pub(crate) async fn go(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Is back, on the same port.
    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.listen(listener);
    }

    /// Adds to its script: see [`Script::on`].
    pub(crate) fn on(&self, stage: Stage, act: Act) {
        self.server.script.lock().unwrap().acts.entry(stage).or_default().push_back(act);
    }

    /// Where its script falls silent.
    pub(crate) fn silences(&self) -> Vec<Stage> {
        let script = self.server.script.lock().unwrap();
        let silent = |act: &Act| matches!(act, Act::Hang | Act::TakeAndHang);
        script
            .acts
            .iter()
            .filter(|(_, acts)| acts.iter().any(silent))
            .map(|(stage, _)| *stage)
            .collect()
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The authority a client must trust.
    pub(crate) fn ca_pem(&self) -> &[u8] {
        &self.ca_pem
    }

    /// The mails it took.
    pub(crate) fn accepted(&self) -> Vec<Accepted> {
        self.server.heard.lock().unwrap().accepted.clone()
    }

    /// Every byte it received before TLS, without the handshake.
    pub(crate) fn heard_in_clear(&self) -> String {
        String::from_utf8_lossy(&self.server.heard.lock().unwrap().clear).into_owned()
    }

    /// Every command it received.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.server.heard.lock().unwrap().lines.clone()
    }

    /// How many connections it took.
    pub(crate) fn connections(&self) -> usize {
        self.server.heard.lock().unwrap().connections
    }
}

/// A root to trust, and the server's side of TLS.
fn certificates(flaw: Flaw) -> (Vec<u8>, SslContext) {
    let now = SystemClock.now();
    let validity = Validity { from: now - TimeDelta::days(9), until: now + TimeDelta::days(9) };
    let authority = || Authority::new("Mail root", KeyKind::P256, validity, &SystemIds).unwrap();
    let trusted = authority();
    let issuer = if flaw == Flaw::UnknownAuthority { authority() } else { trusted.clone() };
    let hosts: &[&str] = if flaw == Flaw::WrongName { &["other.example.gov"] } else { &[HOST] };
    let until = now + TimeDelta::days(if flaw == Flaw::Expired { -1 } else { 9 });
    let server = issuer
        .issue(
            CertificateUse::Server(hosts),
            KeyKind::P256,
            Validity { until, ..validity },
            &SystemIds,
        )
        .unwrap();
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_certificate(server.certificate()).unwrap();
    context.set_private_key(server.key()).unwrap();
    if flaw == Flaw::OldProtocol {
        context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        context.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        context.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    }
    (trusted.root().certificate_pem().unwrap(), context.build())
}

/// The connection is to be closed.
struct Closed;

impl From<std::io::Error> for Closed {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

#[derive(Clone)]
struct Server {
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Heard>>,
    context: SslContext,
}

impl Server {
    async fn serve(&self, stream: TcpStream) -> Result<(), Closed> {
        self.heard.lock().unwrap().connections += 1;
        stream.set_nodelay(true)?;
        let (implicit, hides) = {
            let script = self.script.lock().unwrap();
            (script.implicit_tls, script.hides_starttls)
        };
        let mut clear =
            Wire { stream, ahead: Vec::new(), heard: Arc::clone(&self.heard), is_clear: true };
        if !implicit {
            self.act(&mut clear, Stage::Greeting, "220 mail.example.gov ready").await?;
            loop {
                let line = clear.line().await?;
                match line.as_str() {
                    hello if hello.starts_with("EHLO ") => {
                        let offer = if hides { "" } else { "250-STARTTLS\r\n" };
                        let answer = format!("250-mail.example.gov\r\n{offer}250 8BITMIME");
                        self.act(&mut clear, Stage::ClearEhlo, &answer).await?;
                    }
                    "STARTTLS" if !hides => {
                        self.act(&mut clear, Stage::StartTls, "220 2.0.0 go ahead").await?;
                        break;
                    }
                    _ => clear.say("530 5.7.0 STARTTLS first").await?,
                }
            }
        }
        self.act(&mut clear, Stage::Handshake, "").await?;
        let ssl = Ssl::new(&self.context).map_err(|_| Closed)?;
        let mut stream = SslStream::new(ssl, clear.stream).map_err(|_| Closed)?;
        Pin::new(&mut stream).accept().await.map_err(|_| Closed)?;
        let wire =
            Wire { stream, ahead: Vec::new(), heard: Arc::clone(&self.heard), is_clear: false };
        self.converse(wire, implicit).await
    }

    /// Acts as the script says, or says `usual`; gives whether it was usual.
    async fn act<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        stage: Stage,
        usual: &str,
    ) -> Result<bool, Closed> {
        let act = self.next_act(stage);
        match act {
            None => {
                if !usual.is_empty() {
                    wire.say(usual).await?;
                }
                Ok(true)
            }
            Some(Act::Reply(answer)) => {
                wire.say(answer).await?;
                Ok(answer.starts_with(['2', '3']))
            }
            Some(Act::Think(_) | Act::Hang | Act::TakeAndHang) => std::future::pending().await,
            Some(Act::Close | Act::TakeAndClose) => Err(Closed),
        }
    }

    fn next_act(&self, stage: Stage) -> Option<Act> {
        self.script.lock().unwrap().acts.get_mut(&stage).and_then(VecDeque::pop_front)
    }

    async fn converse(
        &self,
        mut wire: Wire<SslStream<TcpStream>>,
        greets: bool,
    ) -> Result<(), Closed> {
        if greets {
            self.act(&mut wire, Stage::Greeting, "220 mail.example.gov ready").await?;
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let line = wire.line().await?;
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let auth = self.script.lock().unwrap().auth;
                    let auth = auth.map_or(String::new(), |names| format!("250-AUTH {names}\r\n"));
                    let answer = format!("250-mail.example.gov\r\n{auth}250 8BITMIME");
                    self.act(&mut wire, Stage::Ehlo, &answer).await?;
                }
                "AUTH" => self.log_in(&mut wire, &line).await?,
                "RSET" => {
                    to.clear();
                    self.act(&mut wire, Stage::Reset, "250 2.0.0 reset").await?;
                }
                "MAIL" => {
                    to.clear();
                    line.clone_into(&mut from);
                    self.act(&mut wire, Stage::Mail, "250 2.1.0 ok").await?;
                }
                "RCPT" => {
                    if self.act(&mut wire, Stage::Rcpt, "250 2.1.5 ok").await? {
                        to.push(line);
                    }
                }
                "DATA" => {
                    if self.act(&mut wire, Stage::Data, "354 go on").await? {
                        let mail =
                            Accepted { from: from.clone(), to: to.clone(), bytes: Vec::new() };
                        self.receive(&mut wire, mail).await?;
                    }
                }
                "QUIT" => return wire.say("221 2.0.0 bye").await,
                _ => wire.say("500 5.5.1 unknown").await?,
            }
        }
    }

    async fn log_in(
        &self,
        wire: &mut Wire<SslStream<TcpStream>>,
        line: &str,
    ) -> Result<(), Closed> {
        if line == "AUTH LOGIN" {
            wire.say("334 VXNlcm5hbWU6").await?;
            wire.line().await?;
            wire.say("334 UGFzc3dvcmQ6").await?;
            wire.line().await?;
        }
        self.act(wire, Stage::Auth, "235 2.7.0 welcome").await.map(drop)
    }

    async fn receive(
        &self,
        wire: &mut Wire<SslStream<TcpStream>>,
        mut mail: Accepted,
    ) -> Result<(), Closed> {
        if let Some(act) = self.next_act(Stage::Body) {
            wire.some_bytes().await?;
            match act {
                Act::Think(_) | Act::Hang | Act::TakeAndHang => std::future::pending::<()>().await,
                Act::Reply(_) | Act::Close | Act::TakeAndClose => return Err(Closed),
            }
        }
        loop {
            let line = wire.raw_line().await?;
            if line == b".\r\n" {
                break;
            }
            mail.bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let act = self.next_act(Stage::Dot);
        let takes = match &act {
            None | Some(Act::Think(_) | Act::TakeAndHang | Act::TakeAndClose) => true,
            Some(Act::Reply(answer)) => answer.starts_with('2'),
            Some(Act::Hang | Act::Close) => false,
        };
        if takes {
            self.heard.lock().unwrap().accepted.push(mail);
        }
        match act {
            None => wire.say("250 2.0.0 taken").await,
            Some(Act::Think(told)) => {
                told.notified().await;
                wire.say("250 2.0.0 taken").await
            }
            Some(Act::Reply(answer)) => wire.say(answer).await,
            Some(Act::Hang | Act::TakeAndHang) => std::future::pending().await,
            Some(Act::Close | Act::TakeAndClose) => Err(Closed),
        }
    }
}

/// One side of a connection.
struct Wire<S> {
    stream: S,
    ahead: Vec<u8>,
    heard: Arc<Mutex<Heard>>,
    is_clear: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    async fn say(&mut self, answer: &str) -> Result<(), Closed> {
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    /// A command.
    async fn line(&mut self) -> Result<String, Closed> {
        let line = String::from_utf8_lossy(&self.raw_line().await?).trim_end().to_owned();
        self.heard.lock().unwrap().lines.push(line.clone());
        Ok(line)
    }

    async fn raw_line(&mut self) -> Result<Vec<u8>, Closed> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                return Ok(self.ahead.drain(..end + 2).collect());
            }
            self.some_bytes().await?;
        }
    }

    async fn some_bytes(&mut self) -> Result<(), Closed> {
        let before = self.ahead.len();
        if self.stream.read_buf(&mut self.ahead).await? == 0 {
            return Err(Closed);
        }
        if self.is_clear {
            self.heard.lock().unwrap().clear.extend_from_slice(&self.ahead[before..]);
        }
        Ok(())
    }
}
