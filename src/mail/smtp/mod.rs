//! Delivery by SMTP: verified TLS or no sending, a deadline for every phase, kept connections.
//!
//! An own dialogue instead of lettre's: lettre's drops the deadline after connecting, keeps what
//! was received in clear across STARTTLS, adds an empty line before the final dot, and cannot say
//! in which phase it failed.

mod reply;
mod session;
mod settings;
mod tls;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use openssl::ssl::SslConnector;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use self::session::{Failure, Session, Waits};
pub use self::settings::{SmtpDeadlines, SmtpLogin, SmtpSettings, SmtpTls};
use super::address::is_domain;
use super::deliverable::{Deliverable, Outbound};
use super::delivery::{Cause, DeliveryResult, Mailer, Phase};
use super::notice::PageMail;
use super::wire;

/// A kept connection that was idle for longer is not used again: servers close them.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSettingsError {
    /// The file of authorities cannot be read.
    #[error("read the mail server's authorities from {path}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It holds no certificate, or OpenSSL refuses.
    #[error("set up TLS to the mail server: the file of authorities must hold PEM certificates")]
    Tls(#[from] openssl::error::ErrorStack),
    /// No host name.
    #[error("greet the mail server: the hello name must be this machine's host name")]
    HelloName,
    /// No connection may be open.
    #[error("send mail: the number of connections must be at least 1")]
    Connections,
}

/// Sends by SMTP over a few kept connections.
pub struct SmtpMailer {
    settings: SmtpSettings,
    connector: SslConnector,
    permits: Semaphore,
    idle: Mutex<Vec<(Session, Instant)>>,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpMailer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// Reads the authorities; connects only when there is mail.
    pub fn new(settings: SmtpSettings) -> Result<Self, SmtpSettingsError> {
        if !is_domain(&settings.hello_name) {
            return Err(SmtpSettingsError::HelloName);
        }
        if settings.connections == 0 {
            return Err(SmtpSettingsError::Connections);
        }
        let authorities = match &settings.ca_file {
            Some(path) => Some(
                std::fs::read(path)
                    .map_err(|source| SmtpSettingsError::CaFile { path: path.clone(), source })?,
            ),
            None => None,
        };
        let connector = tls::connector(authorities.as_deref())?;
        let permits = Semaphore::new(settings.connections);
        Ok(Self { settings, connector, permits, idle: Mutex::default() })
    }

    /// Takes leave on every kept connection.
    pub async fn close(&self) {
        let kept = std::mem::take(&mut *self.lock_idle());
        for (session, _) in kept {
            // A server that does not answer the leave-taking loses nothing.
            let _ = session.quit(&self.settings.deadlines).await;
        }
    }

    /// Connects, verifies TLS and logs in, as for a mail, and takes its leave.
    pub async fn probe(&self) -> Result<(), DeliveryResult> {
        let session =
            Session::open(&self.settings, &self.connector, &Waits::begin(self.settings.deadlines))
                .await
                .map_err(Failure::result)?;
        // It has answered everything that matters; an unanswered leave-taking is no fault.
        let _ = session.quit(&self.settings.deadlines).await;
        Ok(())
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<(Session, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, mail: Outbound<'_>) -> DeliveryResult {
        if wire::check(mail.bytes).is_err() {
            return DeliveryResult::of(Phase::Internal, Cause::UnsafeBytes);
        }
        let waits = Waits::begin(self.settings.deadlines);
        let Ok(permit) = timeout_at(waits.until, self.permits.acquire()).await else {
            return DeliveryResult::of(Phase::Connect, Cause::Timeout);
        };
        // The semaphore is never closed; were it, there would be no connection.
        let Ok(_permit) = permit else {
            return DeliveryResult::of(Phase::Connect, Cause::Connection);
        };
        if let Some(session) = self.kept(&waits).await {
            match self.send(session, mail, &waits).await {
                Err(failure) if is_stale(&failure) => {}
                other => return result(other),
            }
        }
        match Session::open(&self.settings, &self.connector, &waits).await {
            Ok(session) => result(self.send(session, mail, &waits).await),
            Err(failure) => failure.result(),
        }
    }

    /// A kept connection that still answers.
    async fn kept(&self, waits: &Waits) -> Option<Session> {
        loop {
            let (mut session, since) = self.lock_idle().pop()?;
            if since.elapsed() < LONGEST_IDLE && session.reset(waits).await.is_ok() {
                return Some(session);
            }
        }
    }

    /// Sends on `session` and keeps it if it can serve again.
    async fn send(
        &self,
        mut session: Session,
        mail: Outbound<'_>,
        waits: &Waits,
    ) -> Result<super::Reply, Failure> {
        let sent = session.send(mail, waits).await;
        if sent.as_ref().err().is_none_or(Failure::leaves_connection_usable) {
            self.lock_idle().push((session, Instant::now()));
        }
        sent
    }
}

/// Whether a kept connection broke before the server heard of a mail, so that a new one may be
/// tried at once.
fn is_stale(failure: &Failure) -> bool {
    match failure {
        Failure::At(Phase::Mail, Cause::Connection) => true,
        Failure::At(Phase::Mail, Cause::Reply(reply)) => reply.code == 421,
        Failure::At(..) | Failure::Tls(_) => false,
    }
}

fn result(sent: Result<super::Reply, Failure>) -> DeliveryResult {
    match sent {
        Ok(reply) => DeliveryResult::Sent { reply },
        Err(failure) => failure.result(),
    }
}

/// A fault in this program refuses this one mail and lets the others go.
async fn guarded(attempt: impl Future<Output = DeliveryResult>) -> DeliveryResult {
    AssertUnwindSafe(attempt)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| DeliveryResult::of(Phase::Internal, Cause::Panic))
}

impl Mailer for SmtpMailer {
    fn at_once(&self) -> usize {
        self.settings.connections
    }

    fn deliver<'a>(&'a self, mail: &'a Deliverable) -> BoxFuture<'a, DeliveryResult> {
        guarded(self.attempt(mail.into())).boxed()
    }

    fn page<'a>(&'a self, mail: &'a PageMail) -> BoxFuture<'a, DeliveryResult> {
        guarded(self.attempt(mail.into())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::LONGEST_ATTEMPT;

    fn settings() -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: 1,
            tls: SmtpTls::StartTls,
            ca_file: None,
            server_name: "mail.example.gov".to_owned(),
            login: Some(SmtpLogin { username: "unit".to_owned(), password: "secret".to_owned() }),
            hello_name: "unit.example.gov".to_owned(),
            connections: 1,
            deadlines: SmtpDeadlines::each(Duration::from_secs(1)),
        }
    }

    #[tokio::test]
    async fn a_fault_refuses_the_mail_and_goes_no_further() {
        let fault = async { panic!("a fault in the driver") };
        assert_eq!(
            guarded(fault).await,
            DeliveryResult::Refused { phase: Phase::Internal, cause: Cause::Panic }
        );
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let refused = |change: fn(&mut SmtpSettings)| {
            let mut settings = settings();
            change(&mut settings);
            SmtpMailer::new(settings).unwrap_err()
        };
        assert!(matches!(
            refused(|s| s.hello_name = "unit\r\nMAIL".to_owned()),
            SmtpSettingsError::HelloName
        ));
        assert!(matches!(refused(|s| s.connections = 0), SmtpSettingsError::Connections));
        assert!(matches!(
            refused(|s| s.ca_file = Some("/nonexistent/ca.pem".into())),
            SmtpSettingsError::CaFile { .. }
        ));
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", settings()).contains("secret"));
    }

    #[test]
    fn the_final_dot_is_waited_for_ten_minutes() {
        let longest = |waits: SmtpDeadlines| waits.before_dot + waits.final_dot;
        assert_eq!(SmtpDeadlines::default().final_dot, Duration::from_mins(10));
        for waits in [SmtpDeadlines::default(), SmtpDeadlines::each(Duration::from_hours(1))] {
            assert!(longest(waits) <= LONGEST_ATTEMPT, "{waits:?}");
        }
    }
}
