//! Whether the requester's signature was verified by its method. What an unverified one means is the packs' word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::stack::Stack;
use openssl::x509::X509;

use crate::domain::Form;
use crate::domain::form::{SignatureMethod, signed_bytes};
use crate::mail::certificate::may_sign;
use crate::registry::Registry;

/// `token`: the agency's token came with the form, and the agency vouches for its people. `cms`: a detached signature
/// over the canonical form (RFC 8785) by the certificate that is registered for the requester, and that is in its dates now
/// and permits signatures. `portal`: only a signed-in session proves that, and a session is no agency token.
pub(super) fn verified(registry: &Registry, form: &Form, body: &[u8], now: DateTime<Utc>) -> bool {
    match form.signature.method {
        SignatureMethod::Token => true,
        SignatureMethod::Portal => false,
        SignatureMethod::Cms => registry
            .recipient(&form.requesting_agency, form.requester.email.expose())
            .is_some_and(|signer| {
                let value = form.signature.value.expose();
                by_certificate(signer.certificate.as_bytes(), value, body, now)
            }),
    }
}

fn by_certificate(certificate: &[u8], value: &str, body: &[u8], now: DateTime<Utc>) -> bool {
    let (Ok(der), Ok(content)) = (STANDARD.decode(value), signed_bytes(body)) else {
        return false;
    };
    let check = || -> Result<bool, openssl::error::ErrorStack> {
        let certificate = X509::from_pem(certificate)?;
        if !may_sign(&certificate, now)? {
            return Ok(false);
        }
        let mut certificates = Stack::new()?;
        certificates.push(certificate)?;
        // Only this certificate counts, whatever the signature brings along, and no chain: the administrator registered it.
        let options = CMSOptions::DETACHED
            | CMSOptions::BINARY
            | CMSOptions::NOINTERN
            | CMSOptions::NO_SIGNER_CERT_VERIFY;
        CmsContentInfo::from_der(&der)?.verify(
            Some(&certificates),
            None,
            Some(&content),
            None,
            options,
        )?;
        Ok(true)
    };
    check().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::id_source::SystemIds;
    use crate::mail::MailAddress;
    use crate::mail::authority::{Authority, CertificateUse, Certified, KeyKind, Validity};

    const BODY: &[u8] = include_bytes!("../../../tests/data/forms/search_request.v1.example.json");

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// Certificates for signatures and for encryption, valid for a day from now.
    fn issued() -> [Certified; 3] {
        let validity = Validity { from: now(), until: now() + TimeDelta::days(1) };
        let authority = Authority::new("Sample CA", KeyKind::P256, validity, &SystemIds).unwrap();
        let address: MailAddress = "jsample@pd.example.gov".parse().unwrap();
        let (signing, encryption) =
            (CertificateUse::MailSigning(&address), CertificateUse::MailEncryption(&address));
        [signing, signing, encryption]
            .map(|usage| authority.issue(usage, KeyKind::P256, validity, &SystemIds).unwrap())
    }

    fn signed(by: &Certified) -> String {
        let options = CMSOptions::DETACHED | CMSOptions::BINARY;
        let content = signed_bytes(BODY).unwrap();
        let (certificate, key) = (by.certificate(), by.key());
        let cms = CmsContentInfo::sign(Some(certificate), Some(key), None, Some(&content), options);
        STANDARD.encode(cms.unwrap().to_der().unwrap())
    }

    #[test]
    fn a_cms_signature_counts_only_for_its_form_and_certificate() {
        let [mine, other, _] = issued();
        let value = signed(&mine);
        let pem = mine.certificate_pem().unwrap();
        assert!(by_certificate(&pem, &value, BODY, now()));
        assert!(!by_certificate(&other.certificate_pem().unwrap(), &value, BODY, now()));
        let changed = String::from_utf8_lossy(BODY).replace("24-001873", "24-001874");
        assert!(!by_certificate(&pem, &value, changed.as_bytes(), now()));
    }

    #[test]
    fn a_cms_signature_counts_only_while_its_certificate_is_valid() {
        let [mine, ..] = issued();
        let (value, pem) = (signed(&mine), mine.certificate_pem().unwrap());
        let (second, day) = (TimeDelta::seconds(1), TimeDelta::days(1));
        for (at, counts) in [
            (now() - second, false),
            (now(), true),
            (now() + day, true),
            (now() + day + second, false),
            (now() + TimeDelta::days(365), false),
        ] {
            assert_eq!(by_certificate(&pem, &value, BODY, at), counts, "{at}");
        }
    }

    #[test]
    fn a_certificate_for_encryption_alone_signs_nothing() {
        let [_, _, encryption] = issued();
        let value = signed(&encryption);
        assert!(!by_certificate(&encryption.certificate_pem().unwrap(), &value, BODY, now()));
    }
}
