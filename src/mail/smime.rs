//! Sealing: sign, then encrypt (S/MIME 4.0, RFC 8551). Pure apart from OpenSSL's randomness.
//!
//! ```text
//! outer headers (clear: Date, From, To, a neutral Subject, Message-ID)
//!   enveloped-data | authEnveloped-data        to one recipient
//!     signed-data (opaque, SHA-256)            by the unit
//!       multipart/mixed: text/plain + document.pdf
//! ```

use chrono::{DateTime, Utc};
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
    MIME_VERSION_1_0,
};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::X509;

use super::address::{BadHeader, MailAddress, MailMessageId, check_text};
use super::certificate::{CertificateRefused, RecipientCertificate, time_problem};
use super::deliverable::{Deliverable, NotDeliverable};
use super::render::RenderedMail;
use super::wire::{self, UnsafeBytes};

/// The attachment's name: the same for every case.
const DOCUMENT_NAME: &str = "document.pdf";

/// A mail that could not be sealed. It is held, never sent in clear.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A header's text would break the message.
    #[error("put a value into a header")]
    Header(#[from] BadHeader),
    /// The recipient's certificate no longer fits.
    #[error(transparent)]
    Recipient(#[from] CertificateRefused),
    /// The unit's signing certificate is out of its dates.
    #[error(
        "sign the mail: the unit's signing certificate is expired or not yet valid; install its successor"
    )]
    SignerDates,
    /// The unit's key does not belong to its certificate.
    #[error("load the unit's signing certificate: the key does not belong to it")]
    SignerKey,
    /// OpenSSL refused.
    #[error("sign or encrypt the mail")]
    OpenSsl(#[from] ErrorStack),
    /// The message could not be put together.
    #[error("build the message")]
    Build,
    /// What was built cannot be sent.
    #[error("build a message that can be sent")]
    Bytes(#[from] UnsafeBytes),
    /// What was built is not what it must be.
    #[error("build an encrypted message")]
    NotDeliverable(#[from] NotDeliverable),
}

/// How the content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray)]
pub enum ContentCipher {
    /// AES-256-GCM, authEnveloped-data (RFC 5083): only for recipients known to read it.
    Aes256Gcm,
    /// AES-256-CBC, enveloped-data: every S/MIME reader; only the signature inside shows tampering.
    Aes256Cbc,
}

/// A unit's signing certificate and key.
#[derive(Clone)]
pub struct SigningIdentity {
    certificate: X509,
    key: PKey<Private>,
    chain: Vec<X509>,
}

impl std::fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningIdentity").finish_non_exhaustive()
    }
}

impl SigningIdentity {
    /// Reads the certificate, followed by the certificates between it and its root, and the key.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, SealError> {
        let mut chain = X509::stack_from_pem(certificates)?.into_iter();
        let certificate = chain.next().ok_or(SealError::SignerKey)?;
        let key = PKey::private_key_from_pem(key)?;
        if !certificate.public_key()?.public_eq(&key) {
            return Err(SealError::SignerKey);
        }
        Ok(Self { certificate, key, chain: chain.collect() })
    }
}

/// What is to be sealed.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The unit's address.
    pub from: &'a MailAddress,
    /// The one recipient.
    pub to: &'a MailAddress,
    /// Made by [`MailMessageId::derive`].
    pub message_id: &'a MailMessageId,
    /// The words.
    pub words: &'a RenderedMail,
    /// The PDF.
    pub document: &'a [u8],
}

/// Signs and encrypts. The only way to a [`Deliverable`] for bytes that no store kept yet.
pub fn seal(
    letter: &Letter<'_>,
    signer: &SigningIdentity,
    recipient: &RecipientCertificate,
    cipher: ContentCipher,
    at: DateTime<Utc>,
) -> Result<Deliverable, SealError> {
    check_text(letter.words.subject())?;
    recipient.check_again(letter.to, at, None)?;
    if time_problem(&signer.certificate, at)?.is_some() {
        return Err(SealError::SignerDates);
    }
    let entity = sign(&content(letter)?, signer)?;
    let encrypted = encrypt(&entity, recipient, cipher)?;
    let bytes = wire::normalise(&envelope(letter, encrypted, cipher, at)?.formatted());
    Ok(Deliverable::from_stored(bytes)?)
}

/// The inner MIME entity: the words and the document.
fn content(letter: &Letter<'_>) -> Result<Vec<u8>, SealError> {
    let pdf = ContentType::parse("application/pdf").map_err(|_| SealError::Build)?;
    // Unguessable without the unit's key, so no text can hold it; the same at every attempt.
    let boundary = format!("part-{:.40}", letter.message_id.digits());
    let entity = MultiPart::mixed()
        .boundary(boundary)
        .singlepart(SinglePart::plain(letter.words.body().to_owned()))
        .singlepart(
            Attachment::new(DOCUMENT_NAME.to_owned()).body(
                Body::new_with_encoding(letter.document.to_vec(), ContentTransferEncoding::Base64)
                    .map_err(|_| SealError::Build)?,
                pdf,
            ),
        )
        .formatted();
    let entity = wire::normalise(&entity);
    wire::check(&entity)?;
    Ok(entity)
}

/// The signed entity (`signed-data`, so the content is inside the signature).
fn sign(content: &[u8], signer: &SigningIdentity) -> Result<Vec<u8>, SealError> {
    let mut chain = Stack::new()?;
    for certificate in &signer.chain {
        chain.push(certificate.clone())?;
    }
    let signature = CmsContentInfo::sign(
        Some(&signer.certificate),
        Some(&signer.key),
        Some(&chain),
        Some(content),
        CMSOptions::BINARY,
    )?;
    let entity = format!(
        "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n{}",
        wire::base64_lines(&signature.to_der()?)
    );
    Ok(entity.into_bytes())
}

fn encrypt(
    entity: &[u8],
    recipient: &RecipientCertificate,
    cipher: ContentCipher,
) -> Result<Vec<u8>, SealError> {
    let mut recipients = Stack::new()?;
    recipients.push(recipient.x509().clone())?;
    let cipher = match cipher {
        ContentCipher::Aes256Gcm => Cipher::aes_256_gcm(),
        ContentCipher::Aes256Cbc => Cipher::aes_256_cbc(),
    };
    let sealed = CmsContentInfo::encrypt(&recipients, entity, cipher, CMSOptions::BINARY)?;
    Ok(sealed.to_der()?)
}

/// The outer message. Its headers travel in clear and say nothing of the case.
fn envelope(
    letter: &Letter<'_>,
    encrypted: Vec<u8>,
    cipher: ContentCipher,
    at: DateTime<Utc>,
) -> Result<Message, SealError> {
    let kind = match cipher {
        ContentCipher::Aes256Gcm => "authEnveloped-data",
        ContentCipher::Aes256Cbc => "enveloped-data",
    };
    let kind = format!("application/pkcs7-mime; smime-type={kind}; name=\"smime.p7m\"");
    let body = Body::new_with_encoding(encrypted, ContentTransferEncoding::Base64)
        .map_err(|_| SealError::Build)?;
    Message::builder()
        .date(at.into())
        .from(mailbox(letter.from)?)
        .to(mailbox(letter.to)?)
        .subject(letter.words.subject())
        .message_id(Some(letter.message_id.as_str().to_owned()))
        .header(AutoSubmitted)
        .header(MIME_VERSION_1_0)
        .header(ContentType::parse(&kind).map_err(|_| SealError::Build)?)
        .header(ContentDisposition::attachment("smime.p7m"))
        .body(body)
        .map_err(|_| SealError::Build)
}

/// Address only: a display name would name a person in clear.
fn mailbox(address: &MailAddress) -> Result<Mailbox, SealError> {
    let address: Address = address.expose().parse().map_err(|_| BadHeader::Address)?;
    Ok(Mailbox::new(None, address))
}

/// `Auto-Submitted: auto-generated` (RFC 3834), so that no machine answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
#[path = "smime_tests.rs"]
pub(crate) mod tests;
