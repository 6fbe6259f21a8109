use chrono::TimeDelta;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509Name;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use strum::VariantArray as _;

use super::*;
use crate::id_source::CountingIds;
use crate::mail::authority::{Authority, CertificateUse, KeyKind, Validity};

/// A self-signed certificate with one thing wrong at most.
struct Draft {
    key: PKey<Private>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    san: Option<&'static str>,
    subject: Option<&'static str>,
    ca: bool,
    usage: Option<KeyUsage>,
    purpose: Option<ExtendedKeyUsage>,
    hash: MessageDigest,
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn address() -> MailAddress {
    "r.sample@pd.example.gov".parse().unwrap()
}

fn curve(name: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(name).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

fn usage(choose: fn(&mut KeyUsage) -> &mut KeyUsage) -> KeyUsage {
    let mut usage = KeyUsage::new();
    choose(&mut usage);
    usage
}

impl Draft {
    fn good() -> Self {
        let mut purpose = ExtendedKeyUsage::new();
        purpose.email_protection();
        Self {
            key: curve(Nid::X9_62_PRIME256V1),
            from: at() - TimeDelta::days(1),
            until: at() + TimeDelta::days(1),
            san: Some("r.sample@PD.example.gov"),
            subject: None,
            ca: false,
            usage: Some(usage(KeyUsage::key_agreement)),
            purpose: Some(purpose),
            hash: MessageDigest::sha256(),
        }
    }

    fn pem(&self) -> Vec<u8> {
        let time = |at: DateTime<Utc>| Asn1Time::from_unix(at.timestamp()).unwrap();
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, "Sample contact").unwrap();
        if let Some(subject) = self.subject {
            name.append_entry_by_nid(Nid::PKCS9_EMAILADDRESS, subject).unwrap();
        }
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&time(self.from)).unwrap();
        builder.set_not_after(&time(self.until)).unwrap();
        builder.set_pubkey(&self.key).unwrap();
        if self.ca {
            let constraints = BasicConstraints::new().critical().ca().build().unwrap();
            builder.append_extension(constraints).unwrap();
        }
        if let Some(usage) = &self.usage {
            builder.append_extension(usage.build().unwrap()).unwrap();
        }
        if let Some(purpose) = &self.purpose {
            builder.append_extension(purpose.build().unwrap()).unwrap();
        }
        if let Some(san) = self.san {
            let names = SubjectAlternativeName::new()
                .email(san)
                .build(&builder.x509v3_context(None, None))
                .unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(&self.key, self.hash).unwrap();
        builder.build().to_pem().unwrap()
    }

    fn problems(&self) -> Vec<CertificateProblem> {
        match RecipientCertificate::check(&self.pem(), &address(), at(), None) {
            Ok(_) => Vec::new(),
            Err(CertificateRefused(problems)) => problems,
        }
    }
}

fn with(change: impl FnOnce(&mut Draft)) -> Vec<CertificateProblem> {
    let mut draft = Draft::good();
    change(&mut draft);
    draft.problems()
}

#[test]
fn good_certificates_are_taken() {
    assert_eq!(with(|_| {}), []);
    assert_eq!(with(|d| d.key = curve(Nid::SECP384R1)), []);
    assert_eq!(with(|d| d.purpose = None), []);
    assert_eq!(
        with(|d| {
            d.key = rsa(2048);
            d.usage = Some(usage(KeyUsage::key_encipherment));
        }),
        []
    );
    // Without an alternative name, the subject's address counts.
    assert_eq!(
        with(|d| {
            d.san = None;
            d.subject = Some("r.sample@pd.example.gov");
        }),
        []
    );
}

#[test]
fn each_flaw_has_its_own_reason() {
    use CertificateProblem as P;
    let day = TimeDelta::days(1);
    let mut server = ExtendedKeyUsage::new();
    server.server_auth();
    let elsewhere = |d: &mut Draft| d.san = Some("other@pd.example.gov");
    let table = [
        (with(|d| d.from = at() + day / 2), P::NotYetValid),
        (with(|d| d.until = at() - day / 2), P::Expired),
        (with(elsewhere), P::Address),
        (with(|d| d.san = None), P::Address),
        // An alternative name for another address is not mended by the subject.
        (
            with(|d| {
                elsewhere(d);
                d.subject = Some("r.sample@pd.example.gov");
            }),
            P::Address,
        ),
        (with(|d| d.ca = true), P::IsAuthority),
        (with(|d| d.usage = None), P::KeyUsage),
        (with(|d| d.usage = Some(usage(KeyUsage::digital_signature))), P::KeyUsage),
        (with(|d| d.usage = Some(usage(KeyUsage::key_encipherment))), P::KeyUsage),
        (with(|d| d.key = rsa(2048)), P::KeyUsage),
        (with(|d| d.key = rsa(1024)), P::WeakKey),
        (with(|d| d.key = curve(Nid::SECP521R1)), P::KeyKind),
        (with(|d| d.hash = MessageDigest::sha1()), P::WeakSignature),
        (with(|d| d.purpose = Some(server)), P::Purpose),
    ];
    for (row, (found, wanted)) in table.iter().enumerate() {
        assert_eq!(found.as_slice(), [*wanted], "row {row}");
    }
    let unreadable = RecipientCertificate::check(b"none", &address(), at(), None).unwrap_err();
    assert_eq!(unreadable.0, [P::Unreadable]);
}

#[test]
fn all_flaws_are_told_at_once() {
    let problems = with(|d| {
        d.until = at() - TimeDelta::hours(1);
        d.ca = true;
    });
    assert_eq!(problems, [CertificateProblem::Expired, CertificateProblem::IsAuthority]);
}

#[test]
fn trust_is_a_path_to_one_of_the_authorities() {
    let validity = Validity { from: at() - TimeDelta::days(1), until: at() + TimeDelta::days(1) };
    let ids = CountingIds::default();
    let root = |name| Authority::new(name, KeyKind::P256, validity, &ids).unwrap();
    let (ours, other) = (root("Ours"), root("Other"));
    let to = address();
    let contact =
        ours.issue(CertificateUse::MailEncryption(&to), KeyKind::P256, validity, &ids).unwrap();
    let pem = contact.certificate_pem().unwrap();
    let check = |trust: &[X509]| {
        RecipientCertificate::check(&pem, &to, at(), Some(trust)).map(|_| ()).map_err(|e| e.0)
    };
    let (ours, other) = (ours.root().certificate().clone(), other.root().certificate().clone());
    assert_eq!(check(&[other.clone(), ours]), Ok(()));
    assert_eq!(check(&[other]), Err(vec![CertificateProblem::Untrusted]));
    assert_eq!(check(&[]), Err(vec![CertificateProblem::Untrusted]));
}

#[test]
fn short_rsa_is_taken_and_marked() {
    let mut draft = Draft::good();
    draft.key = rsa(2048);
    draft.usage = Some(usage(KeyUsage::key_encipherment));
    let taken = RecipientCertificate::check(&draft.pem(), &address(), at(), None).unwrap();
    assert!(taken.is_below_recommendation());
    let taken = RecipientCertificate::check(&Draft::good().pem(), &address(), at(), None).unwrap();
    assert!(!taken.is_below_recommendation());
    assert_eq!(taken.fingerprint().unwrap().len(), 64);
}

#[test]
fn every_code_begins_alike_and_every_text_says_what_helps() {
    for problem in CertificateProblem::VARIANTS {
        assert!(problem.code().starts_with("certificate_"), "{problem:?}");
        assert!(problem.to_string().contains(':'), "{problem:?}");
    }
}

#[test]
fn the_first_end_of_a_chain_is_told() {
    let ids = CountingIds::default();
    let until = |days| Validity { from: at(), until: at() + TimeDelta::days(days) };
    let authority = Authority::new("Sample", KeyKind::P256, until(400), &ids).unwrap();
    let contact = address();
    let usage = CertificateUse::MailEncryption(&contact);
    let one = authority.issue(usage, KeyKind::P256, until(90), &ids).unwrap();
    let leaf = one.certificate_pem().unwrap();
    let root = authority.root().certificate_pem().unwrap();
    assert_eq!(ends_at(&leaf), Some(at() + TimeDelta::days(90)));
    assert_eq!(ends_at(&[root.clone(), leaf].concat()), Some(at() + TimeDelta::days(90)));
    assert_eq!(ends_at(&root), Some(at() + TimeDelta::days(400)));
    assert_eq!(ends_at(b"no certificate"), None);
}
