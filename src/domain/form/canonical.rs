//! The canonical form (RFC 8785): what a signature covers, and what tells two bodies apart.
//!
//! Both functions work on the body as it was received, not on the typed [`Form`](super::Form):
//! a date that was written `…:07.50Z` is `…:07.500Z` after parsing, and a signature covers what the
//! signer wrote. RFC 8785 fixes the order of members, white space, escapes and numbers; it leaves
//! strings as they are, so no Unicode normalisation takes place.

use openssl::sha::sha256;
use serde_json::Value;

use super::strict_json;
use crate::domain::ShapeError;

/// The bytes that a detached CMS signature covers: the canonical form of the body without its
/// top-level member `signature`. Images are covered as they were sent: `content` by its base64
/// text, a multipart part by its `sha256`.
///
/// Fails as [`parse_form`](super::parse_form) does on malformed JSON.
pub fn signed_bytes(body: &[u8]) -> Result<Vec<u8>, ShapeError> {
    let mut value = strict_json::read(body)?;
    if let Value::Object(members) = &mut value {
        members.remove("signature");
    }
    canonical(&value)
}

/// SHA-256 over the canonical form of the whole body, signature included. Two bodies with the same
/// digest say the same, whatever their white space and order of members.
///
/// Fails as [`parse_form`](super::parse_form) does on malformed JSON.
pub fn body_digest(body: &[u8]) -> Result<[u8; 32], ShapeError> {
    Ok(sha256(&canonical(&strict_json::read(body)?)?))
}

fn canonical(value: &Value) -> Result<Vec<u8>, ShapeError> {
    serde_json_canonicalizer::to_vec(value).map_err(|_| {
        ShapeError::new(
            "form_unreadable",
            "",
            "the form has no canonical JSON; check its numbers and texts",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_space_do_not_count_and_the_signature_is_left_out() {
        let one = br#"{"b":1,"a":{"y":"\u00e9","x":[1,2]},"signature":{"value":"QQ=="}}"#;
        let two =
            "{ \"signature\": {\"value\":\"Qg==\"}, \"a\":{\"x\":[1,2], \"y\":\"é\"}, \"b\":1.0 }";
        let expected = "{\"a\":{\"x\":[1,2],\"y\":\"é\"},\"b\":1}";
        assert_eq!(signed_bytes(one).unwrap(), expected.as_bytes());
        assert_eq!(signed_bytes(two.as_bytes()).unwrap(), expected.as_bytes());
        assert_ne!(body_digest(one).unwrap(), body_digest(two.as_bytes()).unwrap());
    }

    #[test]
    fn a_nested_signature_stays() {
        let body = br#"{"a":{"signature":1}}"#;
        assert_eq!(signed_bytes(body).unwrap(), body);
    }

    #[test]
    fn the_digest_is_sha256_of_the_canonical_text() {
        assert_eq!(body_digest(b"{ \"a\" : 1 }").unwrap(), sha256(b"{\"a\":1}"));
        assert_eq!(body_digest(b"{").unwrap_err().code, "json_syntax");
    }
}
