//! Whether the requester's signature was verified by its method. What an unverified one means is the packs' word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::stack::Stack;
use openssl::x509::X509;

use crate::domain::Form;
use crate::domain::form::{SignatureMethod, signed_bytes};
use crate::registry::Registry;

/// `token`: the agency's token came with the form, and the agency vouches for its people. `cms`: a detached signature
/// over the canonical form (RFC 8785) by the certificate that is registered for the requester. `portal`: only a
/// signed-in session proves that, and a session is no agency token.
pub(super) fn verified(registry: &Registry, form: &Form, body: &[u8]) -> bool {
    match form.signature.method {
        SignatureMethod::Token => true,
        SignatureMethod::Portal => false,
        SignatureMethod::Cms => registry
            .recipient(&form.requesting_agency, form.requester.email.expose())
            .is_some_and(|signer| {
                by_certificate(signer.certificate.as_bytes(), form.signature.value.expose(), body)
            }),
    }
}

fn by_certificate(certificate: &[u8], value: &str, body: &[u8]) -> bool {
    let (Ok(der), Ok(content)) = (STANDARD.decode(value), signed_bytes(body)) else {
        return false;
    };
    let check = || -> Result<(), openssl::error::ErrorStack> {
        let mut certificates = Stack::new()?;
        certificates.push(X509::from_pem(certificate)?)?;
        // Only this certificate counts, whatever the signature brings along; the administrator registered it.
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
        )
    };
    check().is_ok()
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::*;
    use crate::id_source::SystemIds;
    use crate::mail::MailAddress;
    use crate::mail::authority::{Authority, CertificateUse, KeyKind, Validity};

    #[test]
    fn a_cms_signature_counts_only_for_its_form_and_certificate() {
        let now = chrono::DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap();
        let validity = Validity { from: now, until: now + TimeDelta::days(1) };
        let authority = Authority::new("Sample CA", KeyKind::P256, validity, &SystemIds).unwrap();
        let address: MailAddress = "jsample@pd.example.gov".parse().unwrap();
        let issue = || {
            authority
                .issue(CertificateUse::MailSigning(&address), KeyKind::P256, validity, &SystemIds)
                .unwrap()
        };
        let (mine, other) = (issue(), issue());
        let body = include_bytes!("../../../tests/data/forms/search_request.v1.example.json");
        let signature = CmsContentInfo::sign(
            Some(mine.certificate()),
            Some(mine.key()),
            None,
            Some(&signed_bytes(body).unwrap()),
            CMSOptions::DETACHED | CMSOptions::BINARY,
        )
        .unwrap()
        .to_der()
        .unwrap();
        let value = STANDARD.encode(signature);
        let pem = mine.certificate_pem().unwrap();
        assert!(by_certificate(&pem, &value, body));
        assert!(!by_certificate(&other.certificate_pem().unwrap(), &value, body));
        let changed = String::from_utf8_lossy(body).replace("24-001873", "24-001874");
        assert!(!by_certificate(&pem, &value, changed.as_bytes()));
    }
}
