//! A unit, a contact, and mail sealed between them.

use chrono::{DateTime, TimeDelta, Utc};
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::id_source::SystemIds;
use leadbroker::mail::authority::{Authority, CertificateUse, Certified, KeyKind, Validity};
use leadbroker::mail::render::{AnswerMail, MailRenderer};
use leadbroker::mail::smime::{ContentCipher, Letter, SigningIdentity, seal};
use leadbroker::mail::{Deliverable, MailAddress, MailMessageId, RecipientCertificate};

/// A unit and a contact with certificates from one root.
pub(crate) struct Correspondents {
    /// The root, as PEM.
    pub(crate) root_pem: Vec<u8>,
    /// The contact's certificate and key.
    pub(crate) contact: Certified,
    signer: SigningIdentity,
    from: MailAddress,
    to: MailAddress,
    at: DateTime<Utc>,
}

impl Correspondents {
    /// New ones, with keys of one kind.
    pub(crate) fn new(kind: KeyKind) -> Self {
        let at = SystemClock.now();
        let validity = Validity { from: at - TimeDelta::days(1), until: at + TimeDelta::days(1) };
        let from: MailAddress = "unit@unit.example.gov".parse().unwrap();
        let to: MailAddress = "r.sample@pd.example.gov".parse().unwrap();
        let root = Authority::new("Sample root", KeyKind::P256, validity, &SystemIds).unwrap();
        let issue = |usage| root.issue(usage, kind, validity, &SystemIds).unwrap();
        let signing = issue(CertificateUse::MailSigning(&from));
        let contact = issue(CertificateUse::MailEncryption(&to));
        let signer = SigningIdentity::from_pem(
            &signing.certificate_pem().unwrap(),
            &signing.key_pem().unwrap(),
        )
        .unwrap();
        let root_pem = root.root().certificate_pem().unwrap();
        Self { root_pem, contact, signer, from, to, at }
    }

    /// The sealed mail of `release`, with `document` attached.
    pub(crate) fn seal(
        &self,
        release: &str,
        document: &[u8],
        cipher: ContentCipher,
    ) -> Deliverable {
        let words = MailRenderer::load().unwrap().answer(&AnswerMail::sample()).unwrap();
        let pem = self.contact.certificate_pem().unwrap();
        let recipient = RecipientCertificate::check(&pem, &self.to, self.at, None).unwrap();
        let message_id =
            MailMessageId::derive(b"key", release, &self.to, "unit.example.gov").unwrap();
        let letter = Letter {
            from: &self.from,
            to: &self.to,
            message_id: &message_id,
            words: &words,
            document,
        };
        seal(&letter, &self.signer, &recipient, cipher, self.at).unwrap()
    }
}
