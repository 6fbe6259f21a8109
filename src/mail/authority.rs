//! A small certificate authority for demonstrations and tests. Agencies bring their own.

use chrono::{DateTime, Utc};
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};

use super::address::MailAddress;
use crate::id_source::{IdSource, NoRandomness};

/// A certificate that could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// OpenSSL refused.
    #[error("make or read a certificate")]
    OpenSsl(#[from] ErrorStack),
    /// No serial number.
    #[error("draw a serial number")]
    Serial(#[from] NoRandomness),
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray)]
pub enum KeyKind {
    /// Elliptic curve P-256.
    P256,
    /// RSA with 3072 bits.
    Rsa3072,
}

impl KeyKind {
    fn generate(self) -> Result<PKey<Private>, ErrorStack> {
        match self {
            Self::P256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)
            }
            Self::Rsa3072 => PKey::from_rsa(Rsa::generate(3072)?),
        }
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
pub enum CertificateUse<'a> {
    /// A unit signs its mail.
    MailSigning(&'a MailAddress),
    /// A contact receives encrypted mail.
    MailEncryption(&'a MailAddress),
    /// A server proves its host names.
    Server(&'a [&'a str]),
}

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub from: DateTime<Utc>,
    /// Last second.
    pub until: DateTime<Utc>,
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct Certified {
    certificate: X509,
    key: PKey<Private>,
}

impl std::fmt::Debug for Certified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certified").finish_non_exhaustive()
    }
}

impl Certified {
    /// Reads both from PEM.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, AuthorityError> {
        Ok(Self {
            certificate: X509::from_pem(certificate)?,
            key: PKey::private_key_from_pem(key)?,
        })
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The private key.
    pub fn key(&self) -> &PKey<Private> {
        &self.key
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.certificate.to_pem()?)
    }

    /// The private key as PEM (PKCS #8, not encrypted: the caller guards the file).
    pub fn key_pem(&self) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.key.private_key_to_pem_pkcs8()?)
    }
}

/// A root that issues certificates.
#[derive(Debug, Clone)]
pub struct Authority(Certified);

impl Authority {
    /// A new root named `name`.
    pub fn new(
        name: &str,
        kind: KeyKind,
        validity: Validity,
        ids: &dyn IdSource,
    ) -> Result<Self, AuthorityError> {
        let key = kind.generate()?;
        let subject = named(name)?;
        let mut builder = start(&subject, &key, validity, ids)?;
        builder.set_issuer_name(&subject)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self(Certified { certificate: builder.build(), key }))
    }

    /// A root that was kept.
    pub fn from_certified(root: Certified) -> Self {
        Self(root)
    }

    /// The root's certificate and key.
    pub fn root(&self) -> &Certified {
        &self.0
    }

    /// Issues a certificate, with a new key.
    pub fn issue(
        &self,
        usage: CertificateUse<'_>,
        kind: KeyKind,
        validity: Validity,
        ids: &dyn IdSource,
    ) -> Result<Certified, AuthorityError> {
        let key = kind.generate()?;
        let certificate = self.certify(usage, &key, validity, ids)?;
        Ok(Certified { certificate, key })
    }

    /// Issues a certificate for a key that is there.
    fn certify(
        &self,
        usage: CertificateUse<'_>,
        key: &PKey<Private>,
        validity: Validity,
        ids: &dyn IdSource,
    ) -> Result<X509, AuthorityError> {
        let mut builder = start(&*named(common_name(usage))?, key, validity, ids)?;
        builder.set_issuer_name(self.0.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        let (mut uses, mut purposes) = (KeyUsage::new(), ExtendedKeyUsage::new());
        let mut names = SubjectAlternativeName::new();
        uses.critical();
        match usage {
            CertificateUse::MailSigning(address) => {
                uses.digital_signature();
                purposes.email_protection();
                names.email(address.expose());
            }
            CertificateUse::MailEncryption(address) => {
                if key.rsa().is_ok() {
                    uses.key_encipherment();
                } else {
                    uses.key_agreement();
                }
                purposes.email_protection();
                names.email(address.expose());
            }
            CertificateUse::Server(hosts) => {
                uses.digital_signature();
                purposes.server_auth();
                for host in hosts {
                    names.dns(host);
                }
            }
        }
        builder.append_extension(uses.build()?)?;
        builder.append_extension(purposes.build()?)?;
        let root = &self.0.certificate;
        let alternative = names.build(&builder.x509v3_context(Some(root), None))?;
        builder.append_extension(alternative)?;
        let issuer = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(Some(root), None))?;
        builder.append_extension(issuer)?;
        builder.sign(&self.0.key, MessageDigest::sha256())?;
        Ok(builder.build())
    }
}

fn common_name(usage: CertificateUse<'_>) -> &str {
    match usage {
        CertificateUse::MailSigning(_) => "Sample unit",
        CertificateUse::MailEncryption(_) => "Sample contact",
        CertificateUse::Server(hosts) => hosts.first().copied().unwrap_or("server"),
    }
}

fn named(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

/// Version, serial number, dates, subject and key.
fn start(
    subject: &X509NameRef,
    key: &PKey<Private>,
    validity: Validity,
    ids: &dyn IdSource,
) -> Result<X509Builder, AuthorityError> {
    let mut serial = [0; 16];
    ids.fill(&mut serial)?;
    // Positive, and of one length (RFC 5280, section 4.1.2.2).
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&*BigNum::from_slice(&serial)?)?)?;
    builder.set_not_before(&*Asn1Time::from_unix(validity.from.timestamp())?)?;
    builder.set_not_after(&*Asn1Time::from_unix(validity.until.timestamp())?)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use openssl::x509::X509VerifyResult;

    use super::*;
    use crate::id_source::CountingIds;

    #[test]
    fn a_root_and_what_it_issues_read_back_from_pem() {
        let from = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let validity = Validity { from, until: from + TimeDelta::days(30) };
        let ids = CountingIds::default();
        let root = Authority::new("Sample root", KeyKind::P256, validity, &ids).unwrap();
        let usage = CertificateUse::Server(&["mail.example.gov"]);
        let server = root.issue(usage, KeyKind::P256, validity, &ids).unwrap();
        assert_eq!(root.root().certificate().issued(server.certificate()), X509VerifyResult::OK);
        assert!(server.certificate().verify(root.root().key()).unwrap());

        let again =
            Certified::from_pem(&server.certificate_pem().unwrap(), &server.key_pem().unwrap())
                .unwrap();
        assert_eq!(again.certificate(), server.certificate());
        assert!(again.certificate().public_key().unwrap().public_eq(again.key()));
        let serials = [root.root(), &server]
            .map(|c| c.certificate().serial_number().to_bn().unwrap().to_vec());
        assert_ne!(serials[0], serials[1]);
    }
}
