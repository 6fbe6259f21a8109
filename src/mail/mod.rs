//! Mail: what is said ([`render`]), how it is signed and encrypted ([`smime`]), and how it travels
//! ([`smtp`], [`mod@file`]).
//!
//! There is no plaintext branch for answers. A [`Deliverable`] is finished, encrypted MIME bytes, and a
//! [`Mailer`] takes no other answer. Its bytes and Message-ID are stored before
//! the first attempt, so that every retry is byte-identical. The one other thing that a [`Mailer`]
//! takes is a [`PageMail`], which holds nothing of a case.

pub mod address;
pub mod authority;
pub mod certificate;
pub mod deliverable;
pub mod delivery;
mod der;
pub mod file;
pub mod notice;
pub mod render;
pub mod sealer;
pub mod smime;
pub mod smtp;
mod wire;

pub use address::{MailAddress, MailMessageId};
pub use certificate::{CertificateProblem, RecipientCertificate};
pub use deliverable::Deliverable;
pub use delivery::{Cause, DeliveryResult, LONGEST_ATTEMPT, Mailer, Phase, Reply, TlsRefusal};
pub use notice::{PageMail, PageWords};
pub use sealer::{Answer, Sealer, SealerError, SealerSettings};
pub use wire::UnsafeBytes;
