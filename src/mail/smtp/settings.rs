//! What an SMTP delivery needs to know.

use std::path::PathBuf;
use std::time::Duration;

/// How a connection becomes encrypted. There is no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// `STARTTLS`, usually port 587 or 25 (RFC 3207).
    StartTls,
    /// From the first byte, usually port 465 (RFC 8314).
    Implicit,
}

/// Name and password for the server.
#[derive(Clone)]
pub struct SmtpLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for SmtpLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpLogin").finish_non_exhaustive()
    }
}

/// A server and how to speak with it.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Host to connect to, name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection becomes encrypted.
    pub tls: SmtpTls,
    /// Trust only the authorities in this PEM file, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name that the server's certificate must bear.
    pub server_name: String,
    /// Log in, if the server asks for it.
    pub login: Option<SmtpLogin>,
    /// This machine's name, for `EHLO`.
    pub hello_name: String,
    /// Connections kept open at most, and so mails under way at once.
    pub connections: usize,
    /// Longest waits.
    pub deadlines: SmtpDeadlines,
}

/// The longest wait of each phase. The default is that of RFC 5321, section 4.5.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpDeadlines {
    /// Look-up and connection.
    pub connect: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// `EHLO`.
    pub ehlo: Duration,
    /// `STARTTLS`.
    pub start_tls: Duration,
    /// The handshake.
    pub tls: Duration,
    /// Each step of `AUTH`.
    pub auth: Duration,
    /// `RSET`; short, for the answer to silence is a new connection.
    pub reset: Duration,
    /// `MAIL FROM`.
    pub mail: Duration,
    /// `RCPT TO`.
    pub rcpt: Duration,
    /// `DATA`.
    pub data: Duration,
    /// Each block of the mail.
    pub block: Duration,
    /// The answer to the final dot; never shorter than 10 minutes in production.
    pub final_dot: Duration,
    /// `QUIT`.
    pub quit: Duration,
    /// All that comes before the final dot together, the wait for a free connection included: a server that is slow in every
    /// phase does not outlast the claim on the mail.
    pub before_dot: Duration,
}

const BEFORE_DOT: Duration = Duration::from_mins(8);

impl Default for SmtpDeadlines {
    fn default() -> Self {
        let minutes = Duration::from_mins;
        Self {
            connect: minutes(1),
            greeting: minutes(5),
            ehlo: minutes(5),
            start_tls: minutes(2),
            tls: minutes(2),
            auth: minutes(2),
            reset: Duration::from_secs(10),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            final_dot: minutes(10),
            quit: Duration::from_secs(5),
            before_dot: BEFORE_DOT,
        }
    }
}

impl SmtpDeadlines {
    /// The same wait for every phase, ten minutes at most, for tests and drills.
    pub fn each(wait: Duration) -> Self {
        let wait = wait.min(Duration::from_mins(10));
        Self {
            connect: wait,
            greeting: wait,
            ehlo: wait,
            start_tls: wait,
            tls: wait,
            auth: wait,
            reset: wait,
            mail: wait,
            rcpt: wait,
            data: wait,
            block: wait,
            final_dot: wait,
            quit: wait,
            before_dot: BEFORE_DOT,
        }
    }
}
