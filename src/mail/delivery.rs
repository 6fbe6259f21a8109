//! How the delivery of one mail to one recipient ended. Pure, apart from the trait's name.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::deliverable::Deliverable;
use super::notice::PageMail;

/// No attempt takes longer, whatever the server does: the claim on a delivery outlasts it.
pub const LONGEST_ATTEMPT: Duration = Duration::from_mins(18);

/// Takes finished mail to its recipient.
pub trait Mailer: Send + Sync + fmt::Debug {
    /// How many deliveries may be begun at once; a further one would wait for its turn inside.
    fn at_once(&self) -> usize;

    /// One attempt. Ends within [`LONGEST_ATTEMPT`], never panics, never sends in clear.
    fn deliver<'a>(&'a self, mail: &'a Deliverable) -> BoxFuture<'a, DeliveryResult>;

    /// One attempt to send a page, over the same verified connection.
    fn page<'a>(&'a self, mail: &'a PageMail) -> BoxFuture<'a, DeliveryResult>;
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum DeliveryResult {
    /// The server took responsibility for the mail.
    Sent {
        /// Its answer to the final dot.
        reply: Reply,
    },
    /// Not taken now; the same bytes may be sent again later.
    Deferred {
        /// Where it ended.
        phase: Phase,
        /// Why.
        cause: Cause,
    },
    /// Not taken, and the same bytes will not be.
    Refused {
        /// Where it ended.
        phase: Phase,
        /// Why.
        cause: Cause,
    },
    /// No understandable answer to the final dot: nobody can know whether the mail was taken.
    Indeterminate {
        /// Always the final dot.
        phase: Phase,
        /// What came instead of an answer.
        cause: Cause,
    },
    /// No verified encryption to the server, so nothing was sent.
    TlsRefused {
        /// Why.
        reason: TlsRefusal,
    },
}

/// The steps of an SMTP dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// Outside the dialogue: the bytes themselves, a folder, a fault in this program.
    Internal,
    /// Look-up of the name, and the connection.
    Connect,
    /// The server's greeting.
    Greeting,
    /// `EHLO`, before or after encryption.
    Ehlo,
    /// `STARTTLS`.
    StartTls,
    /// The TLS handshake.
    Tls,
    /// `AUTH`.
    Auth,
    /// `RSET` on a connection that is used again.
    Reset,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The mail's bytes, before the final dot.
    Body,
    /// The final dot and its answer.
    FinalDot,
}

impl Phase {
    /// Whether the server had not heard of the mail yet: what failed is the connection or the
    /// account, and concerns every mail alike. An administrator's task, not the recipient's.
    pub fn is_before_mail(self) -> bool {
        match self {
            Self::Connect
            | Self::Greeting
            | Self::Ehlo
            | Self::StartTls
            | Self::Tls
            | Self::Auth
            | Self::Reset => true,
            Self::Internal | Self::Mail | Self::Rcpt | Self::Data | Self::Body | Self::FinalDot => {
                false
            }
        }
    }
}

/// Why an attempt ended before the server took the mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The server's answer.
    Reply(Reply),
    /// No answer within the phase's deadline.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// An answer that is none.
    Protocol,
    /// The server offers no way to log in that this program knows.
    NoAuthMechanism,
    /// The mail's bytes cannot be sent safely.
    UnsafeBytes,
    /// The folder could not be written.
    Storage,
    /// A fault in this program.
    Panic,
}

/// A server's answer without its text, which may hold an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub enhanced: Option<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.enhanced {
            Some(enhanced) => write!(f, "{} {enhanced}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

/// Why there is no verified encryption to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TlsRefusal {
    /// The server does not offer STARTTLS, or somebody between removed the offer.
    NotOffered,
    /// The server offers STARTTLS and then refuses it.
    StartTlsRefused,
    /// Something in clear followed the answer to STARTTLS: an attempt to inject answers.
    Injection,
    /// The certificate is expired or not yet valid.
    CertificateExpired,
    /// The certificate is for another name.
    CertificateName,
    /// The certificate is from an authority that is not trusted here, or is otherwise invalid.
    CertificateUntrusted,
    /// The two sides could not agree, for instance on TLS 1.2 or later.
    Handshake,
}

impl DeliveryResult {
    /// What `cause` in `phase` means for the mail: after the final dot anything but an answer leaves
    /// it open; before it, only a permanent answer and faults of the mail itself refuse it.
    pub fn of(phase: Phase, cause: Cause) -> Self {
        match &cause {
            Cause::Reply(reply) if (500..600).contains(&reply.code) => {
                Self::Refused { phase, cause }
            }
            Cause::Reply(reply) if (400..500).contains(&reply.code) => {
                Self::Deferred { phase, cause }
            }
            Cause::UnsafeBytes | Cause::Panic => Self::Refused { phase, cause },
            Cause::Reply(_)
            | Cause::Timeout
            | Cause::Connection
            | Cause::Protocol
            | Cause::NoAuthMechanism
            | Cause::Storage => {
                if phase == Phase::FinalDot {
                    Self::Indeterminate { phase, cause }
                } else {
                    Self::Deferred { phase, cause }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_final_dot_leaves_a_mail_open() {
        let reply = |code| Cause::Reply(Reply { code, enhanced: None });
        assert!(matches!(
            DeliveryResult::of(Phase::Rcpt, reply(550)),
            DeliveryResult::Refused { .. }
        ));
        assert!(matches!(
            DeliveryResult::of(Phase::FinalDot, reply(451)),
            DeliveryResult::Deferred { .. }
        ));
        for cause in [Cause::Timeout, Cause::Connection, Cause::Protocol, reply(354)] {
            assert!(matches!(
                DeliveryResult::of(Phase::FinalDot, cause.clone()),
                DeliveryResult::Indeterminate { .. }
            ));
            assert!(matches!(
                DeliveryResult::of(Phase::Body, cause),
                DeliveryResult::Deferred { .. }
            ));
        }
        assert!(matches!(
            DeliveryResult::of(Phase::Internal, Cause::Panic),
            DeliveryResult::Refused { .. }
        ));
    }

    #[test]
    fn a_wrong_password_is_no_fault_of_the_mail() {
        assert!(Phase::Auth.is_before_mail());
        assert!(!Phase::Rcpt.is_before_mail());
    }

    #[test]
    fn a_reply_is_stored_and_shown_without_its_text() {
        let reply = Reply { code: 550, enhanced: Some("5.1.1".to_owned()) };
        assert_eq!(reply.to_string(), "550 5.1.1");
        let result = DeliveryResult::of(Phase::Rcpt, Cause::Reply(reply));
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(
            json,
            r#"{"result":"refused","phase":"rcpt","cause":{"reply":{"code":550,"enhanced":"5.1.1"}}}"#
        );
        assert_eq!(serde_json::from_str::<DeliveryResult>(&json).unwrap(), result);
    }
}
