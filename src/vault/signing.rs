//! The site's Ed25519 key: it signs checkpoints of the audit log and releases of answers.

use std::fmt;

use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sign::{Signer, Verifier};

use super::VaultError;

/// A signing key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SigningKey(PKey<Private>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(·)")
    }
}

impl SigningKey {
    /// A new key.
    pub fn generate() -> Result<Self, VaultError> {
        PKey::generate_ed25519().map(Self).map_err(|_| VaultError::Crypto)
    }

    /// From PEM (PKCS#8).
    pub fn from_pem(pem: &[u8]) -> Result<Self, VaultError> {
        let key = PKey::private_key_from_pem(pem)
            .ok()
            .filter(|key| key.id() == Id::ED25519)
            .ok_or_else(|| {
                VaultError::Settings(
                    "the signing key must be an Ed25519 key in PEM; make one with `leadbroker keys generate`"
                        .to_owned(),
                )
            })?;
        Ok(Self(key))
    }

    /// As PEM (PKCS#8), for a file that only leadbroker may read.
    pub fn to_pem(&self) -> Result<Vec<u8>, VaultError> {
        self.0.private_key_to_pem_pkcs8().map_err(|_| VaultError::Crypto)
    }

    /// The key, for signing checkpoints.
    pub fn key(&self) -> &PKey<Private> {
        &self.0
    }

    /// The public key's 32 bytes.
    pub fn public_bytes(&self) -> Result<Vec<u8>, VaultError> {
        self.0.raw_public_key().map_err(|_| VaultError::Crypto)
    }

    /// Signs bytes.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
        Signer::new_without_digest(&self.0)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(bytes))
            .map_err(|_| VaultError::Crypto)
    }

    /// Whether `signature` is this key's over `bytes`.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let public = || -> Result<PKey<Public>, openssl::error::ErrorStack> {
            PKey::public_key_from_raw_bytes(&self.0.raw_public_key()?, Id::ED25519)
        };
        public()
            .and_then(|key| Verifier::new_without_digest(&key)?.verify_oneshot(signature, bytes))
            .unwrap_or(false)
    }
}
