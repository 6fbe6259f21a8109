//! The signature of a webhook and of its reply: HMAC-SHA-256 over the time, a dot and the body.
//!
//! ```text
//! Leadbroker-Timestamp: 1800000000
//! Leadbroker-Signature: v1=<hexadecimal HMAC-SHA-256 of "1800000000." and the body's bytes>
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// Header with the time, in seconds since 1970.
pub const TIMESTAMP: &str = "leadbroker-timestamp";
/// Header with the signature.
pub const SIGNATURE: &str = "leadbroker-signature";
/// Header with the delivery's id, the same in every attempt.
pub const DELIVERY: &str = "leadbroker-delivery";

/// How far a reply's time may be from now.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Fewest bytes of a destination's secret.
pub const SECRET_BYTES: usize = 32;

/// Why a signed reply is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// A header is missing or has another form.
    #[error(
        "send `Leadbroker-Timestamp` (seconds since 1970) and `Leadbroker-Signature` (`v1=` and 64 hexadecimal digits), each once"
    )]
    Headers,
    /// The time is too far from now.
    #[error("the timestamp is more than five minutes from now; sign the reply when it is sent")]
    Time,
    /// The signature is another.
    #[error("the signature is not that of this timestamp and body under the destination's secret")]
    Signature,
    /// OpenSSL failed.
    #[error("compute a signature")]
    Compute,
}

/// The value of `Leadbroker-Signature`.
pub fn sign(secret: &[u8], at: DateTime<Utc>, body: &[u8]) -> Result<String, BadSignature> {
    Ok(format!("v1={}", hex::encode(mac(secret, at.timestamp(), body)?)))
}

fn mac(secret: &[u8], seconds: i64, body: &[u8]) -> Result<Vec<u8>, BadSignature> {
    let compute = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let key = PKey::hmac(secret)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.update(seconds.to_string().as_bytes())?;
        signer.update(b".")?;
        signer.update(body)?;
        signer.sign_to_vec()
    };
    compute().map_err(|_| BadSignature::Compute)
}

/// Checks a reply. `timestamp` and `signature` are the values of its headers.
pub fn verify(
    secret: &[u8],
    (timestamp, signature): (&str, &str),
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), BadSignature> {
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(BadSignature::Headers)?;
    let given = signature
        .strip_prefix("v1=")
        .and_then(|digits| hex::decode(digits).ok())
        .filter(|bytes| bytes.len() == 32)
        .ok_or(BadSignature::Headers)?;
    // The signature first: who cannot sign learns nothing of the clock.
    if !openssl::memcmp::eq(&mac(secret, seconds, body)?, &given) {
        return Err(BadSignature::Signature);
    }
    let at = DateTime::from_timestamp(seconds, 0).ok_or(BadSignature::Time)?;
    if (now - at).abs() > TOLERANCE {
        return Err(BadSignature::Time);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn the_signature_is_that_of_rfc_2104_over_time_dot_body() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let expected = "v1=d40e555bc2c1dae21953757b24b165a171698880732ac310a5c8cf0ab751abf2";
        assert_eq!(sign(SECRET, at, br#"{"a":1}"#).unwrap(), expected);
    }

    #[test]
    fn a_reply_is_believed_only_with_its_own_signature_and_in_time() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let body = b"{}";
        let good = sign(SECRET, now, body).unwrap();
        let stamp = "1800000000";
        assert_eq!(verify(SECRET, (stamp, &good), body, now), Ok(()));
        assert_eq!(verify(SECRET, (stamp, &good), body, now + TOLERANCE), Ok(()));
        let late = now + TOLERANCE + TimeDelta::seconds(1);
        assert_eq!(verify(SECRET, (stamp, &good), body, late), Err(BadSignature::Time));
        for (secret, stamp, body) in [
            (&b"another secret of thirty-two byte"[..], stamp, &body[..]),
            (SECRET, "1800000001", body),
            (SECRET, stamp, b"{ }"),
        ] {
            assert_eq!(verify(secret, (stamp, &good), body, now), Err(BadSignature::Signature));
        }
        for (stamp, signature) in
            [("", good.as_str()), ("+1800000000", &good), (stamp, "v1=00"), (stamp, "v0=")]
        {
            assert_eq!(verify(SECRET, (stamp, signature), body, now), Err(BadSignature::Headers));
        }
    }
}
