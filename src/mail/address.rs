//! Addresses and Message-IDs: the strings that reach a header or an SMTP command. Pure.

use std::fmt;
use std::str::FromStr;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// A text that may not stand in a mail's header or envelope.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum BadHeader {
    /// No address of the plain kind.
    #[error("this is no plain e-mail address: letters, digits, one @ and a domain name")]
    Address,
    /// No host name.
    #[error("this is no domain name")]
    Domain,
    /// No Message-ID as this program makes them.
    #[error("this is no Message-ID of the form <hexadecimal digits@domain>")]
    MessageId,
    /// A control character, or no length between 1 and 200 characters.
    #[error("a header's text has 1 to 200 characters and no line breaks or other controls")]
    Text,
    /// The keyed hash could not be computed.
    #[error("the Message-ID could not be computed")]
    Hash,
}

/// A plain e-mail address (`dot-atom@domain`, RFC 5321): ASCII, no quotes, no comments, no display
/// name, so that it can carry nothing into a header or a command. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MailAddress(String);

impl MailAddress {
    /// The address. Personal data: for headers, envelopes and comparisons only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` names the same mailbox: domain without regard to case, local part exactly
    /// (RFC 5280, section 7.5).
    pub fn is_same_as(&self, other: &str) -> bool {
        match (self.0.rsplit_once('@'), other.rsplit_once('@')) {
            (Some((local, domain)), Some((other_local, other_domain))) => {
                local == other_local && domain.eq_ignore_ascii_case(other_domain)
            }
            _ => false,
        }
    }
}

impl FromStr for MailAddress {
    type Err = BadHeader;
    fn from_str(text: &str) -> Result<Self, BadHeader> {
        let (local, domain) = text.rsplit_once('@').ok_or(BadHeader::Address)?;
        let fits = text.len() <= 254
            && (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
            && is_domain(domain)
            && text.parse::<lettre::Address>().is_ok();
        if fits { Ok(Self(text.to_owned())) } else { Err(BadHeader::Address) }
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("·")
    }
}

/// RFC 5322 `atext`.
fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Whether `text` is a host name of letters, digits, hyphens and dots.
pub(super) fn is_domain(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Checks a header's text before it reaches a library that would panic or fold it.
pub(super) fn check_text(text: &str) -> Result<(), BadHeader> {
    if (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(BadHeader::Text)
    }
}

/// A Message-ID with its angle brackets: `<64 hexadecimal digits@domain>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailMessageId(String);

impl MailMessageId {
    /// The Message-ID of one mailing to one recipient: an HMAC-SHA-256 under the unit's `key`, so
    /// that every attempt carries the same one and nobody can read the mailing from it. Other bytes
    /// are another mailing: a server drops a Message-ID that it has seen (RFC 5322, section 3.6.4).
    pub fn derive(
        key: &[u8],
        mailing: &str,
        recipient: &MailAddress,
        domain: &str,
    ) -> Result<Self, BadHeader> {
        if !is_domain(domain) {
            return Err(BadHeader::Domain);
        }
        let mac = keyed_hash(key, &[mailing, recipient.expose()]).map_err(|_| BadHeader::Hash)?;
        Ok(Self(format!("<{}@{domain}>", hex::encode(mac))))
    }

    /// The Message-ID with its angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hexadecimal part.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('<').split_once('@').map_or("", |(digits, _)| digits)
    }
}

impl FromStr for MailMessageId {
    type Err = BadHeader;
    fn from_str(text: &str) -> Result<Self, BadHeader> {
        text.strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .and_then(|rest| rest.split_once('@'))
            .filter(|(digits, domain)| {
                digits.len() == 64
                    && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                    && is_domain(domain)
            })
            .map(|_| Self(text.to_owned()))
            .ok_or(BadHeader::MessageId)
    }
}

/// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists collide.
fn keyed_hash(key: &[u8], parts: &[&str]) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    for part in parts {
        signer.update(&(part.len() as u64).to_be_bytes())?;
        signer.update(part.as_bytes())?;
    }
    signer.sign_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        for good in ["r.sample@pd.example.gov", "O'Hara+fr@example.gov"] {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "@example.gov",
            "sample@",
            "sample",
            "a b@example.gov",
            "\"a b\"@example.gov",
            "a@example.gov\r\nBcc: x@example.gov",
            "a\0@example.gov",
            "a@exämple.gov",
            "ä@example.gov",
            "a..b@example.gov",
            "a@b@example.gov",
            "<a@example.gov>",
            "a@-example.gov",
            "a@example..gov",
            "a@example.gov>",
        ] {
            assert_eq!(bad.parse::<MailAddress>(), Err(BadHeader::Address), "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_not_printed() {
        let address: MailAddress = "r.sample@example.gov".parse().unwrap();
        assert_eq!(format!("{address:?}"), "·");
    }

    #[test]
    fn a_mailbox_is_the_same_by_domain_without_case_and_by_local_part_with_it() {
        let address: MailAddress = "r.sample@example.gov".parse().unwrap();
        assert!(address.is_same_as("r.sample@EXAMPLE.gov"));
        assert!(!address.is_same_as("R.sample@example.gov"));
        assert!(!address.is_same_as("example.gov"));
    }

    #[test]
    fn a_message_id_depends_on_key_mailing_and_recipient_and_on_nothing_else() {
        let (a, b): (MailAddress, MailAddress) =
            ("a@example.gov".parse().unwrap(), "b@example.gov".parse().unwrap());
        let id = |key: &[u8], mailing: &str, to: &MailAddress| {
            MailMessageId::derive(key, mailing, to, "unit.example.gov").unwrap()
        };
        let first = id(b"key", "mailing-1", &a);
        assert_eq!(first, id(b"key", "mailing-1", &a));
        assert_ne!(first, id(b"other", "mailing-1", &a));
        assert_ne!(first, id(b"key", "mailing-2", &a));
        assert_ne!(first, id(b"key", "mailing-1", &b));
        assert_eq!(first.as_str().parse::<MailMessageId>(), Ok(first.clone()));
        assert_eq!(first.digits().len(), 64);
    }

    #[test]
    fn a_message_id_takes_no_foreign_text() {
        let to: MailAddress = "a@example.gov".parse().unwrap();
        assert_eq!(
            MailMessageId::derive(b"key", "r", &to, "unit\r\nBcc: x"),
            Err(BadHeader::Domain)
        );
        for bad in ["<ab@example.gov>", "x", "<>"] {
            assert_eq!(bad.parse::<MailMessageId>(), Err(BadHeader::MessageId));
        }
    }

    #[test]
    fn header_text_has_no_controls() {
        assert!(check_text("A document from Unit Süd").is_ok());
        for bad in ["", "a\r\nb", "a\nb", "a\0", "a\u{85}b"] {
            assert_eq!(check_text(bad), Err(BadHeader::Text), "{bad:?}");
        }
    }
}
