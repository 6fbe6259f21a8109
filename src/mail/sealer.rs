//! One unit of machinery that turns a released document into a sealed mail.

use chrono::{DateTime, Utc};
use openssl::x509::X509;

use super::certificate::{CertificateRefused, RecipientCertificate};
use super::render::{AnswerMail, MailRenderer, RenderError};
use super::smime::{ContentCipher, Letter, SealError, SigningIdentity, seal};
use super::{Deliverable, MailAddress, MailMessageId};

/// What an answer's mail needs besides the document.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The mailing's id: with the recipient it makes the Message-ID, the same at every attempt, another for other bytes.
    pub mailing: &'a str,
    /// To whom.
    pub to: &'a MailAddress,
    /// The recipient's certificate, PEM.
    pub certificate: &'a [u8],
    /// Whether the recipient's program reads AES-256-GCM.
    pub reads_gcm: bool,
    /// Words of the mail.
    pub words: &'a AnswerMail,
    /// The PDF.
    pub document: &'a [u8],
}

/// An answer could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    /// The recipient's certificate is not usable; a person must register another.
    #[error(transparent)]
    Certificate(#[from] CertificateRefused),
    /// The words could not be rendered.
    #[error(transparent)]
    Words(#[from] RenderError),
    /// Signing or encrypting failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The Message-ID could not be made.
    #[error("make the Message-ID")]
    MessageId,
}

/// Signs and encrypts answers.
pub struct Sealer {
    words: MailRenderer,
    identity: SigningIdentity,
    from: MailAddress,
    domain: String,
    message_id_key: [u8; 32],
    trust: Option<Vec<X509>>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("from", &self.from)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// What a [`Sealer`] is made of.
pub struct SealerSettings {
    /// The unit's signing certificate and key.
    pub identity: SigningIdentity,
    /// Sender.
    pub from: MailAddress,
    /// Right side of Message-IDs.
    pub domain: String,
    /// Key for Message-IDs.
    pub message_id_key: [u8; 32],
    /// Authorities that recipients' certificates must come from; none: any, as registered by the administrator.
    pub trust: Option<Vec<X509>>,
}

impl std::fmt::Debug for SealerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealerSettings")
            .field("from", &self.from)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// Loads the templates and checks them.
    pub fn new(settings: SealerSettings) -> Result<Self, SealerError> {
        Ok(Self {
            words: MailRenderer::load()?,
            identity: settings.identity,
            from: settings.from,
            domain: settings.domain,
            message_id_key: settings.message_id_key,
            trust: settings.trust,
        })
    }

    /// Whether a certificate can be used for an address now.
    pub fn check(
        &self,
        certificate: &[u8],
        to: &MailAddress,
        at: DateTime<Utc>,
    ) -> Result<RecipientCertificate, CertificateRefused> {
        RecipientCertificate::check(certificate, to, at, self.trust.as_deref())
    }

    /// Signs, then encrypts. There is no other way to a [`Deliverable`].
    pub fn seal(&self, answer: &Answer<'_>, at: DateTime<Utc>) -> Result<Deliverable, SealerError> {
        let certificate = self.check(answer.certificate, answer.to, at)?;
        let words = self.words.answer(answer.words)?;
        let message_id =
            MailMessageId::derive(&self.message_id_key, answer.mailing, answer.to, &self.domain)
                .map_err(|_| SealerError::MessageId)?;
        let cipher =
            if answer.reads_gcm { ContentCipher::Aes256Gcm } else { ContentCipher::Aes256Cbc };
        let letter = Letter {
            from: &self.from,
            to: answer.to,
            message_id: &message_id,
            words: &words,
            document: answer.document,
        };
        Ok(seal(&letter, &self.identity, &certificate, cipher, at)?)
    }
}
