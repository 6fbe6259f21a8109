//! Keys: one master key, sub-keys derived from it, one data key a request. AES-256-GCM throughout.

use std::fmt;

use openssl::sha::Sha256;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use super::VaultError;
use crate::id_source::IdSource;

/// First byte of everything sealed.
const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// A 256-bit key for AES-256-GCM. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct DataKey([u8; 32]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(·)")
    }
}

impl DataKey {
    /// A new random key.
    pub(super) fn generate(ids: &dyn IdSource) -> Result<Self, VaultError> {
        let mut bytes = [0; 32];
        ids.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// version ‖ nonce ‖ tag ‖ ciphertext.
    pub(super) fn seal(
        &self,
        ids: &dyn IdSource,
        aad: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE];
        ids.fill(&mut nonce)?;
        let mut tag = [0; TAG];
        let cipher =
            encrypt_aead(Cipher::aes_256_gcm(), &self.0, Some(&nonce), aad, plain, &mut tag)
                .map_err(|_| VaultError::Crypto)?;
        let mut sealed = Vec::with_capacity(1 + NONCE + TAG + cipher.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&tag);
        sealed.extend_from_slice(&cipher);
        Ok(sealed)
    }

    /// `None` if anything at all differs.
    pub(super) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (tag, cipher) = rest.split_at_checked(TAG)?;
        if *version != VERSION {
            return None;
        }
        decrypt_aead(Cipher::aes_256_gcm(), &self.0, Some(nonce), aad, cipher, tag).ok()
    }
}

/// The site's master key, and what is derived from it.
#[derive(Debug)]
pub struct MasterKey {
    wrapping: DataKey,
    registry: DataKey,
    lookup: DataKey,
}

impl MasterKey {
    /// From 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, VaultError> {
        let derive = |label: &str| DataKey(hmac(bytes, label.as_bytes()));
        Ok(Self {
            wrapping: derive("leadbroker.v1 wrapping"),
            registry: derive("leadbroker.v1 registry"),
            lookup: derive("leadbroker.v1 lookup"),
        })
    }

    /// From 64 hexadecimal digits, as in a key file.
    pub fn from_hex(text: &str) -> Result<Self, VaultError> {
        let bytes: [u8; 32] =
            hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
                VaultError::Settings(
                    "the master key must be 64 hexadecimal digits; make one with `leadbroker keys generate`"
                        .to_owned(),
                )
            })?;
        Self::new(&bytes)
    }

    pub(super) fn wrapping(&self) -> &DataKey {
        &self.wrapping
    }

    pub(super) fn registry(&self) -> &DataKey {
        &self.registry
    }

    pub(super) fn lookup_hash(&self, domain: &str, value: &str) -> [u8; 32] {
        let text = format!("{domain}\0{value}");
        hmac(self.lookup.bytes(), text.as_bytes())
    }
}

/// HMAC-SHA-256 (RFC 2104) for keys of at most one block. Of OpenSSL's SHA-256, which cannot fail: a look-up hash that
/// could would either lose its request or agree with nothing.
fn hmac(key: &[u8; 32], data: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        let mut sha = Sha256::new();
        sha.update(&block);
        sha
    };
    let mut inner = pad(0x36);
    inner.update(data);
    let mut outer = pad(0x5c);
    outer.update(&inner.finish());
    outer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_openssls_hmac() {
        use openssl::hash::MessageDigest;
        use openssl::pkey::PKey;
        use openssl::sign::Signer;
        for length in [0, 1, 55, 56, 64, 65, 1000] {
            let (key, data) = ([0xa5; 32], vec![0x3c; length]);
            let signer_key = PKey::hmac(&key).unwrap();
            let mut signer = Signer::new(MessageDigest::sha256(), &signer_key).unwrap();
            let expected = signer.sign_oneshot_to_vec(&data).unwrap();
            assert_eq!(hmac(&key, &data).as_slice(), expected, "{length} bytes");
        }
    }
}
