//! A page by mail: text in clear, which holds nothing of a case. Pure.
//!
//! It is no [`super::Deliverable`]: no document goes this way, and what it says is made by [`crate::paging::message`]
//! from ids, codes and times alone.

use chrono::{DateTime, Utc};

use super::address::{BadHeader, MailAddress, check_text};
use super::wire::{self, UnsafeBytes};
use crate::domain::PageAttemptId;

/// A page that cannot become a mail.
#[derive(Debug, thiserror::Error)]
pub enum NotMailable {
    /// A header.
    #[error("write the header of a page")]
    Header(#[from] BadHeader),
    /// The text.
    #[error("write the text of a page")]
    Bytes(#[from] UnsafeBytes),
}

/// A page with its sender and its one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct PageMail {
    from: MailAddress,
    to: MailAddress,
    name: String,
    bytes: Vec<u8>,
}

/// The words of a page by mail.
#[derive(Debug, Clone, Copy)]
pub struct PageWords<'a> {
    /// Subject.
    pub subject: &'a str,
    /// Text.
    pub body: &'a str,
    /// Right side of the Message-ID.
    pub domain: &'a str,
}

impl PageMail {
    /// Writes the mail. The same delivery has the same Message-ID in every attempt.
    pub fn new(
        from: MailAddress,
        to: MailAddress,
        delivery: PageAttemptId,
        words: &PageWords<'_>,
        at: DateTime<Utc>,
    ) -> Result<Self, NotMailable> {
        check_text(words.subject)?;
        check_text(words.domain)?;
        let head = format!(
            "Date: {}\nFrom: {}\nTo: {}\nSubject: {}\nMessage-ID: <{delivery}@{}>\nAuto-Submitted: auto-generated\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n",
            at.to_rfc2822(),
            from.expose(),
            to.expose(),
            words.subject,
            words.domain,
        );
        let bytes = wire::normalise(format!("{head}\n{}", words.body).as_bytes());
        wire::check(&bytes)?;
        Ok(Self { from, to, name: delivery.to_string(), bytes })
    }

    /// The envelope's sender.
    pub fn from(&self) -> &MailAddress {
        &self.from
    }

    /// The one recipient.
    pub fn to(&self) -> &MailAddress {
        &self.to
    }

    /// The delivery's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for PageMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageMail").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(subject: &str, body: &str) -> Result<PageMail, NotMailable> {
        let address = |text: &str| text.parse::<MailAddress>().unwrap();
        PageMail::new(
            address("pages@leadbroker.example.gov"),
            address("pager@unit.example.gov"),
            PageAttemptId::new(uuid::Uuid::from_u128(7)),
            &PageWords { subject, body, domain: "leadbroker.example.gov" },
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_page_is_plain_ascii_mail_with_one_recipient() {
        let mail = page("a job waits", "one\ntwo\n").unwrap();
        let text = String::from_utf8(mail.bytes().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Subject: a job waits\r\n") && body == "one\r\ntwo\r\n", "{text}");
        assert!(
            head.contains(
                "Message-ID: <pa-00000000000000000000000000000007@leadbroker.example.gov>"
            )
        );
        assert!(!format!("{mail:?}").contains("unit.example.gov"));
    }

    #[test]
    fn nothing_can_leave_its_header_or_its_line() {
        assert!(page("x\r\nBcc: other@example.gov", "text").is_err());
        assert!(page("x", &"long".repeat(300)).is_err());
        assert!(page("x", "\u{e9}").is_err());
    }
}
