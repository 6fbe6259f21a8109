//! What opens an account's door, as the registry holds it: the hash of a password, the secret of one-time codes.

use std::fmt::Write as _;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _};
use totp_rs::Secret;

/// Fewest characters of a password beside a second factor (NIST SP 800-63B-4, 3.1.1.2).
pub const PASSWORD_CHARACTERS: usize = 8;

/// Argon2id (RFC 9106) of a password, as `password_argon2` holds it. `None`: the password is too long for it.
pub fn password_hash(password: &str, salt: [u8; 16]) -> Option<String> {
    let hash: PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

/// Secret of one-time codes, as `totp_secret` holds it: 160 bits (RFC 4226, 4), base32 (RFC 4648).
pub fn totp_secret(random: [u8; 20]) -> String {
    Secret::new_stack(random).to_base32()
}

/// The secret as an authenticator reads it: six digits, thirty seconds, SHA-1, which every one of them knows.
pub fn otpauth(issuer: &str, login: &str, secret: &str) -> String {
    let (issuer, login) = (escaped(issuer), escaped(login));
    format!(
        "otpauth://totp/{issuer}:{login}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    )
}

/// Percent-encoding (RFC 3986, 2.1) of everything that is not unreserved.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::*;

    #[test]
    fn a_hash_fits_its_password_and_no_other() {
        let hash = password_hash("correct horse", [7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        let fits = |password: &str| {
            Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok()
        };
        assert!(fits("correct horse") && !fits("correct horse ") && !fits(""));
    }

    #[test]
    fn a_secret_is_read_back_and_its_uri_has_no_stray_character() {
        let secret = totp_secret(*b"12345678901234567890");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "RFC 6238, appendix B");
        let read = Secret::try_from_base32(&secret).unwrap();
        assert_eq!(read.as_bytes(), b"12345678901234567890");
        assert_eq!(
            otpauth("Sample Unit: LA", "adlér", &secret),
            format!(
                "otpauth://totp/Sample%20Unit%3A%20LA:adl%C3%A9r?secret={secret}&issuer=Sample%20Unit%3A%20LA\
                 &algorithm=SHA1&digits=6&period=30"
            )
        );
    }
}
