//! Which certificates mail may be encrypted to: checked when a contact is registered and again
//! before each sealing. Pure.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509ExtendedKeyUsage, X509KeyUsage, X509Ref, X509StoreContext};

use super::address::MailAddress;
use super::der;

/// What is wrong with a recipient's certificate. The code is stable; the text says what helps.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    thiserror::Error,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum CertificateProblem {
    /// No certificate.
    #[strum(serialize = "certificate_unreadable")]
    #[error("the certificate cannot be read: send one certificate as PEM")]
    Unreadable,
    /// Before its first day.
    #[strum(serialize = "certificate_not_yet_valid")]
    #[error(
        "the certificate is not valid yet: register it on its first day, or send the present one"
    )]
    NotYetValid,
    /// After its last day.
    #[strum(serialize = "certificate_expired")]
    #[error("the certificate is expired: send its successor")]
    Expired,
    /// For another address.
    #[strum(serialize = "certificate_address")]
    #[error(
        "the certificate is for another address: send one that names the contact's e-mail address"
    )]
    Address,
    /// An authority's own.
    #[strum(serialize = "certificate_is_authority")]
    #[error("the certificate belongs to an authority: send the contact's own certificate")]
    IsAuthority,
    /// Not for encryption.
    #[strum(serialize = "certificate_key_usage")]
    #[error(
        "the certificate does not permit encryption: its key usage must hold keyEncipherment (RSA) or keyAgreement (elliptic curve)"
    )]
    KeyUsage,
    /// Not for e-mail.
    #[strum(serialize = "certificate_purpose")]
    #[error("the certificate is not for e-mail: its extended key usage must hold emailProtection")]
    Purpose,
    /// A short RSA key.
    #[strum(serialize = "certificate_weak_key")]
    #[error("the key is too short: RSA keys have at least 2048 bits, better 3072")]
    WeakKey,
    /// Neither RSA nor P-256 nor P-384.
    #[strum(serialize = "certificate_key_kind")]
    #[error("the kind of key is not supported: use RSA, P-256 or P-384")]
    KeyKind,
    /// Signed with a broken or unknown hash.
    #[strum(serialize = "certificate_weak_signature")]
    #[error(
        "the certificate is signed with a weak or unknown hash: it must be SHA-256, SHA-384 or SHA-512, with RSA (PKCS #1) or ECDSA"
    )]
    WeakSignature,
    /// No path to a trusted authority.
    #[strum(serialize = "certificate_untrusted")]
    #[error(
        "the certificate is from an authority that is not trusted here: send one from a trusted authority, or have the administrator add the authority"
    )]
    Untrusted,
}

impl CertificateProblem {
    /// The reason code, such as `certificate_expired`.
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// Every problem of a certificate that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recipient's certificate cannot be used: {}", codes(.0))]
pub struct CertificateRefused(pub Vec<CertificateProblem>);

fn codes(problems: &[CertificateProblem]) -> String {
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code()).collect();
    codes.join(", ")
}

/// A certificate that passed the check for one address at one time.
#[derive(Clone)]
pub struct RecipientCertificate {
    certificate: X509,
}

impl std::fmt::Debug for RecipientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecipientCertificate").finish_non_exhaustive()
    }
}

impl RecipientCertificate {
    /// Checks a certificate (PEM) for `address` at the time `at`. With `trust`, it must also have a
    /// path to one of those authorities; without, the registry's own verification stands for it.
    pub fn check(
        pem: &[u8],
        address: &MailAddress,
        at: DateTime<Utc>,
        trust: Option<&[X509]>,
    ) -> Result<Self, CertificateRefused> {
        let certificate = X509::from_pem(pem)
            .map_err(|_| CertificateRefused(vec![CertificateProblem::Unreadable]))?;
        let this = Self { certificate };
        this.check_again(address, at, trust)?;
        Ok(this)
    }

    /// The same check at a later time.
    pub fn check_again(
        &self,
        address: &MailAddress,
        at: DateTime<Utc>,
        trust: Option<&[X509]>,
    ) -> Result<(), CertificateRefused> {
        let problems = problems(&self.certificate, address, at, trust)
            .unwrap_or_else(|_| vec![CertificateProblem::Unreadable]);
        if problems.is_empty() { Ok(()) } else { Err(CertificateRefused(problems)) }
    }

    /// Whether an RSA key is shorter than the recommended 3072 bits: accepted, but worth a notice.
    pub fn is_below_recommendation(&self) -> bool {
        self.certificate
            .public_key()
            .and_then(|key| key.rsa())
            .is_ok_and(|rsa| rsa.size() * 8 < 3072)
    }

    /// SHA-256 of the certificate, hexadecimal, for the registry and the audit log.
    pub fn fingerprint(&self) -> Result<String, ErrorStack> {
        let digest = self.certificate.digest(openssl::hash::MessageDigest::sha256())?;
        Ok(hex::encode(digest))
    }

    pub(super) fn x509(&self) -> &X509 {
        &self.certificate
    }
}

fn problems(
    certificate: &X509Ref,
    address: &MailAddress,
    at: DateTime<Utc>,
    trust: Option<&[X509]>,
) -> Result<Vec<CertificateProblem>, ErrorStack> {
    let mut found = Vec::new();
    found.extend(time_problem(certificate, at)?);
    if !names(certificate).iter().any(|name| address.is_same_as(name)) {
        found.push(CertificateProblem::Address);
    }
    if der::is_authority(&certificate.to_der()?) != Some(false) {
        found.push(CertificateProblem::IsAuthority);
    }
    found.extend(key_problem(certificate));
    let purposes = certificate.extended_key_usage();
    if purposes.is_some_and(|purposes| {
        !purposes.intersects(X509ExtendedKeyUsage::SMIME | X509ExtendedKeyUsage::ANYEKU)
    }) {
        found.push(CertificateProblem::Purpose);
    }
    if !has_strong_signature(certificate) {
        found.push(CertificateProblem::WeakSignature);
    }
    if let Some(trust) = trust
        && !is_trusted(certificate, at, trust)?
    {
        found.push(CertificateProblem::Untrusted);
    }
    Ok(found)
}

/// Whether the certificate is in its dates at `at`.
pub(super) fn time_problem(
    certificate: &X509Ref,
    at: DateTime<Utc>,
) -> Result<Option<CertificateProblem>, ErrorStack> {
    let now = Asn1Time::from_unix(at.timestamp())?;
    if certificate.not_before().compare(&now)? == Ordering::Greater {
        return Ok(Some(CertificateProblem::NotYetValid));
    }
    if certificate.not_after().compare(&now)? == Ordering::Less {
        return Ok(Some(CertificateProblem::Expired));
    }
    Ok(None)
}

/// Whether a signature counts that somebody made with this certificate's key and that arrives at `at`: it is in its dates,
/// and its key usage, where it states one, permits signatures (RFC 8550, section 4.4.2).
pub fn may_sign(certificate: &X509Ref, at: DateTime<Utc>) -> Result<bool, ErrorStack> {
    let signs = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
    let permitted = certificate.key_usage().is_none_or(|usage| usage.intersects(signs));
    Ok(permitted && time_problem(certificate, at)?.is_none())
}

/// When the first of the certificates in a PEM text ends; `None` where it holds none that can be read.
pub fn ends_at(pem: &[u8]) -> Option<DateTime<Utc>> {
    let ends = |certificate: &X509| {
        let since = Asn1Time::from_unix(0).ok()?.diff(certificate.not_after()).ok()?;
        DateTime::from_timestamp(i64::from(since.days) * 86_400 + i64::from(since.secs), 0)
    };
    X509::stack_from_pem(pem).ok()?.iter().map(ends).min().flatten()
}

/// The e-mail addresses of a certificate: those of the alternative name, or, where it has none,
/// those of the subject (RFC 8550, section 3).
fn names(certificate: &X509Ref) -> Vec<String> {
    let alternative: Vec<String> = certificate
        .subject_alt_names()
        .iter()
        .flatten()
        .filter_map(|name| name.email().map(str::to_owned))
        .collect();
    if !alternative.is_empty() {
        return alternative;
    }
    certificate
        .subject_name()
        .entries_by_nid(Nid::PKCS9_EMAILADDRESS)
        .filter_map(|entry| entry.data().to_string().ok())
        .collect()
}

/// The key's kind and size, and whether its usage fits the kind.
fn key_problem(certificate: &X509Ref) -> Option<CertificateProblem> {
    let Ok(key) = certificate.public_key() else {
        return Some(CertificateProblem::KeyKind);
    };
    let needed = if let Ok(rsa) = key.rsa() {
        if rsa.size() * 8 < 2048 {
            return Some(CertificateProblem::WeakKey);
        }
        X509KeyUsage::KEY_ENCIPHERMENT
    } else if let Ok(curve) = key.ec_key() {
        let name = curve.group().curve_name();
        if name != Some(Nid::X9_62_PRIME256V1) && name != Some(Nid::SECP384R1) {
            return Some(CertificateProblem::KeyKind);
        }
        X509KeyUsage::KEY_AGREEMENT
    } else {
        return Some(CertificateProblem::KeyKind);
    };
    let permits = certificate.key_usage().is_some_and(|usage| usage.contains(needed));
    (!permits).then_some(CertificateProblem::KeyUsage)
}

fn has_strong_signature(certificate: &X509Ref) -> bool {
    [
        Nid::SHA256WITHRSAENCRYPTION,
        Nid::SHA384WITHRSAENCRYPTION,
        Nid::SHA512WITHRSAENCRYPTION,
        Nid::ECDSA_WITH_SHA256,
        Nid::ECDSA_WITH_SHA384,
        Nid::ECDSA_WITH_SHA512,
    ]
    .contains(&certificate.signature_algorithm().object().nid())
}

fn is_trusted(
    certificate: &X509Ref,
    at: DateTime<Utc>,
    trust: &[X509],
) -> Result<bool, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_time(at.timestamp());
    // An administrator may trust one issuing authority without its root.
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    let mut store = X509StoreBuilder::new()?;
    for authority in trust {
        store.add_cert(authority.clone())?;
    }
    store.set_param(&parameters)?;
    X509StoreContext::new()?.init(
        &store.build(),
        certificate,
        &*Stack::new()?,
        openssl::x509::X509StoreContextRef::verify_cert,
    )
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
