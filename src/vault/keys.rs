//! Keys: one master key, sub-keys derived from it, one data key a request. AES-256-GCM throughout.

use std::fmt;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
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
        let derive = |label: &str| hmac(bytes, label.as_bytes()).map(DataKey);
        Ok(Self {
            wrapping: derive("leadbroker.v1 wrapping")?,
            registry: derive("leadbroker.v1 registry")?,
            lookup: derive("leadbroker.v1 lookup")?,
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
        // HMAC over bytes in memory fails only if OpenSSL itself is broken; then nothing may agree with anything.
        hmac(self.lookup.bytes(), text.as_bytes()).unwrap_or_else(|_| {
            let mut never = [0; 32];
            let _ = openssl::rand::rand_bytes(&mut never);
            never
        })
    }
}

fn hmac(key: &[u8], data: &[u8]) -> Result<[u8; 32], VaultError> {
    let key = PKey::hmac(key).map_err(|_| VaultError::Crypto)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(|_| VaultError::Crypto)?;
    let code = signer.sign_oneshot_to_vec(data).map_err(|_| VaultError::Crypto)?;
    code.try_into().map_err(|_| VaultError::Crypto)
}
