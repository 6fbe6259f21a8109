use base64::Engine as _;
use chrono::TimeDelta;
use openssl::x509::store::X509StoreBuilder;
use strum::VariantArray as _;

use super::*;
use crate::id_source::CountingIds;
use crate::mail::authority::{Authority, CertificateUse, Certified, KeyKind, Validity};
use crate::mail::certificate::CertificateProblem;
use crate::mail::render::{AnswerMail, MailRenderer};

const DOCUMENT: &[u8] = b"%PDF-1.7\n.\n\r\0\xff";

struct World {
    root: Authority,
    signer: SigningIdentity,
    contact: Certified,
    from: MailAddress,
    to: MailAddress,
    at: DateTime<Utc>,
}

fn world(kind: KeyKind) -> World {
    // CMS_verify looks at the machine's clock, so the certificates enclose it widely.
    let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let validity =
        Validity { from: at - TimeDelta::days(3650), until: at + TimeDelta::days(36500) };
    let ids = CountingIds::default();
    let from: MailAddress = "unit@unit.example.gov".parse().unwrap();
    let to: MailAddress = "r.sample@pd.example.gov".parse().unwrap();
    let root = Authority::new("Sample root", KeyKind::P256, validity, &ids).unwrap();
    let signing = root.issue(CertificateUse::MailSigning(&from), kind, validity, &ids).unwrap();
    let contact = root.issue(CertificateUse::MailEncryption(&to), kind, validity, &ids).unwrap();
    let signer =
        SigningIdentity::from_pem(&signing.certificate_pem().unwrap(), &signing.key_pem().unwrap())
            .unwrap();
    World { root, signer, contact, from, to, at }
}

impl World {
    fn recipient(&self) -> RecipientCertificate {
        let pem = self.contact.certificate_pem().unwrap();
        let trust = [self.root.root().certificate().clone()];
        RecipientCertificate::check(&pem, &self.to, self.at, Some(&trust)).unwrap()
    }

    fn words() -> RenderedMail {
        MailRenderer::load().unwrap().answer(&AnswerMail::sample()).unwrap()
    }

    fn message_id(&self) -> MailMessageId {
        MailMessageId::derive(b"key", "release", &self.to, "unit.example.gov").unwrap()
    }

    fn seal(&self, cipher: ContentCipher) -> Result<Deliverable, SealError> {
        self.seal_with(cipher, &Self::words(), self.at)
    }

    fn seal_with(
        &self,
        cipher: ContentCipher,
        words: &RenderedMail,
        at: DateTime<Utc>,
    ) -> Result<Deliverable, SealError> {
        let letter = Letter {
            from: &self.from,
            to: &self.to,
            message_id: &self.message_id(),
            words,
            document: DOCUMENT,
        };
        seal(&letter, &self.signer, &self.recipient(), cipher, at)
    }

    /// Decrypts, verifies, and gives the inner entity.
    fn open(&self, mail: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let signed = CmsContentInfo::from_der(&decoded(mail))?
            .decrypt(self.contact.key(), self.contact.certificate())?;
        let mut store = X509StoreBuilder::new()?;
        store.add_cert(self.root.root().certificate().clone())?;
        let mut inner = Vec::new();
        CmsContentInfo::smime_read_cms(&signed)?.verify(
            None,
            Some(&store.build()),
            None,
            Some(&mut inner),
            CMSOptions::BINARY,
        )?;
        Ok(inner)
    }
}

/// The content behind the headers, out of its base64.
fn decoded(mail: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(mail).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let joined: String = body.split("\r\n").collect();
    base64::engine::general_purpose::STANDARD.decode(joined).unwrap()
}

/// A sealed mail for the tests of other files.
pub(crate) fn sample_mail() -> Deliverable {
    world(KeyKind::P256).seal(ContentCipher::Aes256Cbc).unwrap()
}

/// A mail that is signed and not encrypted, under the headers of a sealed one.
pub(crate) fn sample_signed_only() -> Vec<u8> {
    let world = world(KeyKind::P256);
    let signed = CmsContentInfo::sign(
        Some(&world.signer.certificate),
        Some(&world.signer.key),
        None,
        Some(DOCUMENT),
        CMSOptions::BINARY,
    )
    .unwrap();
    let sealed = world.seal(ContentCipher::Aes256Cbc).unwrap();
    let text = String::from_utf8(sealed.bytes().to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let body = wire::base64_lines(&signed.to_der().unwrap());
    format!("{head}\r\n\r\n{body}").into_bytes()
}

#[test]
fn what_is_sealed_opens_for_each_key_and_cipher() {
    for kind in KeyKind::VARIANTS {
        let world = world(*kind);
        for cipher in ContentCipher::VARIANTS {
            let mail = world.seal(*cipher).unwrap();
            let inner = String::from_utf8(world.open(mail.bytes()).unwrap()).unwrap();
            assert!(inner.starts_with("Content-Type: multipart/mixed;"), "{inner}");
            assert!(inner.contains("Content-Type: text/plain; charset=utf-8"));
            assert!(inner.contains("filename=\"document.pdf\""));
            assert!(inner.contains(&AnswerMail::sample().contact));
            let pdf = base64::engine::general_purpose::STANDARD.encode(DOCUMENT);
            assert!(inner.contains(&pdf), "{inner}");
            assert!(!inner.contains("text/html"));
        }
    }
}

#[test]
fn the_outer_headers_are_these_and_no_others() {
    let mail = world(KeyKind::P256).seal(ContentCipher::Aes256Gcm).unwrap();
    let text = std::str::from_utf8(mail.bytes()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(head.replace("\r\n", "\n"), @r#"
    Date: Mon, 21 Sep 2026 14:13:20 +0000
    From: unit@unit.example.gov
    To: r.sample@pd.example.gov
    Subject: A document from Sample Regional Unit
    Message-ID: <6b1fa69775ac9d8ac9d58bf78ace05f91aa863559ec73dd7fed04c7a61edcbc8@unit.example.gov>
    Auto-Submitted: auto-generated
    MIME-Version: 1.0
    Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data;
     name="smime.p7m"
    Content-Disposition: attachment; filename="smime.p7m"
    Content-Transfer-Encoding: base64
    "#);
}

#[test]
fn a_changed_byte_does_not_open() {
    for cipher in ContentCipher::VARIANTS {
        let world = world(KeyKind::P256);
        let mail = world.seal(*cipher).unwrap();
        let text = String::from_utf8(mail.bytes().to_vec()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let mut content = decoded(mail.bytes());
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let changed = format!("{head}\r\n\r\n{}", wire::base64_lines(&content));
        assert!(world.open(mail.bytes()).is_ok());
        assert!(world.open(changed.as_bytes()).is_err(), "{cipher:?}");
    }
}

#[test]
fn a_stranger_cannot_open_it() {
    let (ours, theirs) = (world(KeyKind::P256), world(KeyKind::P256));
    let mail = ours.seal(ContentCipher::Aes256Gcm).unwrap();
    assert!(theirs.open(mail.bytes()).is_err());
}

#[test]
fn nothing_of_the_inside_stands_outside() {
    let mail = world(KeyKind::P256).seal(ContentCipher::Aes256Cbc).unwrap();
    let text = std::str::from_utf8(mail.bytes()).unwrap();
    let sample = AnswerMail::sample();
    for inside in [sample.contact, sample.request.to_string(), DOCUMENT_NAME.to_owned()] {
        assert!(!text.contains(&inside), "{inside}");
    }
}

#[test]
fn a_unit_with_letters_beyond_ascii_stays_within_the_wire_format() {
    let world = world(KeyKind::P256);
    let mut answer = AnswerMail::sample();
    answer.unit_name = "Unidad Peñasquitos 東".repeat(6);
    answer.banner = format!("{}\n.\n", "ß".repeat(3000));
    let words = MailRenderer::load().unwrap().answer(&answer).unwrap();
    let mail = world.seal_with(ContentCipher::Aes256Cbc, &words, world.at).unwrap();
    assert_eq!(wire::check(mail.bytes()), Ok(()));
    assert!(world.open(mail.bytes()).is_ok());
}

#[test]
fn a_recipient_whose_certificate_ran_out_gets_nothing() {
    let world = world(KeyKind::P256);
    let late = world.at + TimeDelta::days(40_000);
    let refused = world.seal_with(ContentCipher::Aes256Cbc, &World::words(), late);
    let Err(SealError::Recipient(CertificateRefused(problems))) = refused else {
        panic!("sealed to an expired certificate: {refused:?}");
    };
    assert_eq!(problems, [CertificateProblem::Expired]);
}

#[test]
fn a_key_that_is_not_the_signers_is_refused() {
    let (a, b) = (world(KeyKind::P256), world(KeyKind::P256));
    let refused = SigningIdentity::from_pem(
        &a.contact.certificate_pem().unwrap(),
        &b.contact.key_pem().unwrap(),
    );
    assert!(matches!(refused, Err(SealError::SignerKey)));
}
