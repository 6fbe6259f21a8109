//! Mail that is ready to leave. Pure.

use base64::Engine as _;
use openssl::cms::CmsContentInfo;

use super::address::{MailAddress, MailMessageId};
use super::der;
use super::wire::{self, UnsafeBytes};

/// id-envelopedData, 1.2.840.113549.1.7.3 (RFC 5652).
const ENVELOPED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// id-ct-authEnvelopedData, 1.2.840.113549.1.9.16.1.23 (RFC 5083).
const AUTH_ENVELOPED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];

/// Bytes that are no mail this program sealed.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum NotDeliverable {
    /// They cannot be sent as they are.
    #[error("the bytes cannot be sent")]
    Bytes(#[from] UnsafeBytes),
    /// A header is missing, there twice, or malformed.
    #[error("the header {0} is missing, repeated or malformed")]
    Header(&'static str),
    /// The content is not encrypted. Nothing leaves in clear.
    #[error("the content is not encrypted")]
    NotEncrypted,
}

/// Finished MIME bytes, their sender, their one recipient and their Message-ID.
///
/// Comes only from [`super::smime::seal`], or from bytes that it made and the store kept: whatever
/// is not an encrypted S/MIME message is refused, so nothing in clear can become one.
#[derive(Clone, PartialEq, Eq)]
pub struct Deliverable {
    from: MailAddress,
    to: MailAddress,
    message_id: MailMessageId,
    bytes: Vec<u8>,
}

impl Deliverable {
    /// Takes stored bytes again, for a further attempt. Sender, recipient and Message-ID are read
    /// from them, so they cannot differ between attempts.
    pub fn from_stored(bytes: Vec<u8>) -> Result<Self, NotDeliverable> {
        wire::check(&bytes)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| UnsafeBytes::NotText)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or(NotDeliverable::NotEncrypted)?;
        let headers = unfold(head);
        let kind = one(&headers, "Content-Type")?;
        let coding = one(&headers, "Content-Transfer-Encoding")?;
        if !kind.starts_with("application/pkcs7-mime;") || coding != "base64" {
            return Err(NotDeliverable::NotEncrypted);
        }
        if !is_encrypted(body) {
            return Err(NotDeliverable::NotEncrypted);
        }
        let address = |name| {
            one(&headers, name)?.parse::<MailAddress>().map_err(|_| NotDeliverable::Header(name))
        };
        let (from, to) = (address("From")?, address("To")?);
        let message_id = one(&headers, "Message-ID")?
            .parse()
            .map_err(|_| NotDeliverable::Header("Message-ID"))?;
        Ok(Self { from, to, message_id, bytes })
    }

    /// The envelope's sender.
    pub fn from(&self) -> &MailAddress {
        &self.from
    }

    /// The one recipient.
    pub fn to(&self) -> &MailAddress {
        &self.to
    }

    /// The Message-ID, the same in every attempt.
    pub fn message_id(&self) -> &MailMessageId {
        &self.message_id
    }

    /// The bytes to store and to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What one dialogue with a mail server carries.
#[derive(Clone, Copy)]
pub(super) struct Outbound<'a> {
    pub(super) from: &'a MailAddress,
    pub(super) to: &'a MailAddress,
    pub(super) bytes: &'a [u8],
}

impl<'a> From<&'a Deliverable> for Outbound<'a> {
    fn from(mail: &'a Deliverable) -> Self {
        Self { from: &mail.from, to: &mail.to, bytes: &mail.bytes }
    }
}

impl<'a> From<&'a super::notice::PageMail> for Outbound<'a> {
    fn from(mail: &'a super::notice::PageMail) -> Self {
        Self { from: mail.from(), to: mail.to(), bytes: mail.bytes() }
    }
}

impl std::fmt::Debug for Deliverable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverable")
            .field("message_id", &self.message_id)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The headers with continuation lines joined (RFC 5322, section 2.2.3).
fn unfold(head: &str) -> Vec<(String, String)> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn one<'a>(headers: &'a [(String, String)], name: &'static str) -> Result<&'a str, NotDeliverable> {
    let mut found = headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value),
        _ => Err(NotDeliverable::Header(name)),
    }
}

/// Whether the base64 text holds a CMS message of one of the two encrypted kinds.
fn is_encrypted(body: &str) -> bool {
    let joined: String = body.split("\r\n").collect();
    base64::engine::general_purpose::STANDARD.decode(joined).is_ok_and(|content| {
        let kind = der::Elements(&content)
            .content(der::SEQUENCE)
            .and_then(|inside| der::Elements(inside).content(der::OBJECT));
        kind.is_some_and(|kind| kind == ENVELOPED || kind == AUTH_ENVELOPED)
            && CmsContentInfo::from_der(&content).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::smime::tests::{sample_mail, sample_signed_only};

    fn edited(from: &str, to: &str) -> Result<Deliverable, NotDeliverable> {
        let text = String::from_utf8(sample_mail().bytes().to_vec()).expect("ASCII");
        assert!(text.contains(from), "{from}");
        Deliverable::from_stored(text.replacen(from, to, 1).into_bytes())
    }

    #[test]
    fn stored_bytes_become_the_same_mail() {
        let mail = sample_mail();
        assert_eq!(Deliverable::from_stored(mail.bytes().to_vec()), Ok(mail));
    }

    #[test]
    fn nothing_in_clear_becomes_deliverable() {
        let plain = b"From: a@example.gov\r\nTo: b@example.gov\r\nContent-Type: text/plain\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n";
        assert_eq!(Deliverable::from_stored(plain.to_vec()), Err(NotDeliverable::NotEncrypted));
        // A signature alone is no encryption, whatever the header says.
        assert_eq!(
            Deliverable::from_stored(sample_signed_only()),
            Err(NotDeliverable::NotEncrypted)
        );
    }

    #[test]
    fn headers_are_there_once_and_well_formed() {
        assert_eq!(
            edited("Message-ID: <", "Message-ID: x<"),
            Err(NotDeliverable::Header("Message-ID"))
        );
        assert_eq!(
            edited("To: ", "To: other@example.gov\r\nTo: "),
            Err(NotDeliverable::Header("To"))
        );
        assert_eq!(edited("To: ", "Cc: "), Err(NotDeliverable::Header("To")));
        assert_eq!(
            edited("From: ", "\nFrom: "),
            Err(NotDeliverable::Bytes(UnsafeBytes::BareLineEnd))
        );
    }

    #[test]
    fn a_mail_does_not_print_its_recipient() {
        let mail = sample_mail();
        assert!(!format!("{mail:?}").contains(mail.to().expose()));
    }
}
