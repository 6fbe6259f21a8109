//! The only place that sees plaintext at rest: data keys, sealed records, keyed hashes, images.
//!
//! Every request has a data key of its own (AES-256-GCM), wrapped by a key derived from the master key. What is
//! sealed is bound to the record that it belongs to, so that a swapped row does not open. Destroying the wrapped key
//! destroys the request's records and files everywhere; only a backup of the database from before still has it.

mod keys;
mod objects;
mod s3_crypto;
mod signing;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use keys::{DataKey, MasterKey};
pub use objects::{ImageStore, S3Settings, StoredObject};
pub use signing::SigningKey;

use crate::domain::{RequestId, RosterEntryId};
use crate::id_source::{IdSource, NoRandomness};

/// Sealed data could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// OpenSSL refused.
    #[error("seal a record")]
    Crypto,
    /// The bytes are not what was sealed for this record: changed, cut, or another record's.
    #[error(
        "open `{0}`: it was changed since it was sealed, or it belongs to another record or key"
    )]
    Integrity(String),
    /// A key file or URL is not usable.
    #[error("use the vault's settings: {0}")]
    Settings(String),
    /// The image store did not answer; try again later.
    #[error("reach the image store")]
    Store(#[source] object_store::Error),
    /// There is no such image any more.
    #[error("find an image in the image store; it was destroyed or lost")]
    Missing,
    /// The image store took too long.
    #[error("reach the image store in time")]
    Late,
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// The vault.
#[derive(Debug)]
pub struct Vault {
    master: MasterKey,
    images: ImageStore,
}

impl Vault {
    /// A vault with its master key and its image store.
    pub fn new(master: MasterKey, images: ImageStore) -> Self {
        Self { master, images }
    }

    /// A new data key for a request.
    pub fn new_request_key(
        &self,
        ids: &dyn IdSource,
        _request: RequestId,
    ) -> Result<DataKey, VaultError> {
        DataKey::generate(ids)
    }

    /// Wraps a data key for its row.
    pub fn wrap(
        &self,
        ids: &dyn IdSource,
        key: &DataKey,
        request: RequestId,
    ) -> Result<Vec<u8>, VaultError> {
        self.master.wrapping().seal(ids, &aad(&request.to_string(), "data-key"), key.bytes())
    }

    /// Unwraps a request's data key.
    pub fn unwrap(&self, wrapped: &[u8], request: RequestId) -> Result<DataKey, VaultError> {
        let name = request.to_string();
        let bytes = self
            .master
            .wrapping()
            .open(&aad(&name, "data-key"), wrapped)
            .ok_or_else(|| VaultError::Integrity(name.clone()))?;
        DataKey::from_bytes(&bytes).ok_or(VaultError::Integrity(name))
    }

    /// Seals bytes for a record (`name`) and a purpose.
    pub fn seal(
        &self,
        ids: &dyn IdSource,
        key: &DataKey,
        (name, purpose): (&str, &str),
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        key.seal(ids, &aad(name, purpose), plain)
    }

    /// Opens bytes.
    pub fn open(
        &self,
        key: &DataKey,
        (name, purpose): (&str, &str),
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        key.open(&aad(name, purpose), sealed).ok_or_else(|| VaultError::Integrity(name.to_owned()))
    }

    /// Seals a value as JSON.
    pub fn seal_json<T: Serialize>(
        &self,
        ids: &dyn IdSource,
        key: &DataKey,
        bound_to: (&str, &str),
        value: &T,
    ) -> Result<Vec<u8>, VaultError> {
        let plain = serde_json::to_vec(value).map_err(|_| VaultError::Crypto)?;
        self.seal(ids, key, bound_to, &plain)
    }

    /// Opens a value.
    pub fn open_json<T: DeserializeOwned>(
        &self,
        key: &DataKey,
        bound_to: (&str, &str),
        sealed: &[u8],
    ) -> Result<T, VaultError> {
        let plain = self.open(key, bound_to, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| VaultError::Integrity(bound_to.0.to_owned()))
    }

    /// Seals a registry under a key of its own.
    pub fn seal_registry<T: Serialize>(
        &self,
        ids: &dyn IdSource,
        registry: &T,
    ) -> Result<Vec<u8>, VaultError> {
        self.seal_json(ids, self.master.registry(), ("registry", "registry"), registry)
    }

    /// Opens a registry.
    pub fn open_registry<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, VaultError> {
        self.master.open_registry(sealed)
    }

    /// Seals the reason of a roster's entry.
    pub fn seal_reason(
        &self,
        ids: &dyn IdSource,
        entry: RosterEntryId,
        reason: &str,
    ) -> Result<Vec<u8>, VaultError> {
        let bound_to = (entry.to_string(), "roster-reason");
        self.seal(ids, self.master.registry(), (&bound_to.0, bound_to.1), reason.as_bytes())
    }

    /// Opens the reason of a roster's entry.
    pub fn open_reason(&self, entry: RosterEntryId, sealed: &[u8]) -> Result<String, VaultError> {
        let name = entry.to_string();
        let plain = self.open(self.master.registry(), (&name, "roster-reason"), sealed)?;
        String::from_utf8(plain).map_err(|_| VaultError::Integrity(name))
    }

    /// Seals what a known-answer job came to, under the key of what concerns the unit's people: it outlives the case.
    pub fn seal_known_answer<T: Serialize>(
        &self,
        ids: &dyn IdSource,
        request: RequestId,
        result: &T,
    ) -> Result<Vec<u8>, VaultError> {
        let name = request.to_string();
        self.seal_json(ids, self.master.registry(), (&name, "known-answer-result"), result)
    }

    /// Opens what a known-answer job came to.
    pub fn open_known_answer<T: DeserializeOwned>(
        &self,
        request: RequestId,
        sealed: &[u8],
    ) -> Result<T, VaultError> {
        let name = request.to_string();
        self.open_json(self.master.registry(), (&name, "known-answer-result"), sealed)
    }

    /// Keyed hash for look-ups (HMAC-SHA-256): without the key, a case number cannot be guessed from it. Hashes of
    /// different domains never agree. The caller normalises `value` (trimmed; e-mail addresses in lower case).
    pub fn lookup_hash(&self, domain: &str, value: &str) -> [u8; 32] {
        self.master.lookup_hash(domain, value)
    }

    /// Key for deterministic Message-IDs.
    pub fn message_id_key(&self) -> [u8; 32] {
        self.master.lookup_hash("message-id", "key")
    }

    /// Stores sealed bytes; durable when this returns.
    pub async fn put(&self, object_key: &str, sealed: Vec<u8>) -> Result<(), VaultError> {
        self.images.put(object_key, sealed).await
    }

    /// Reads sealed bytes.
    pub async fn get(&self, object_key: &str) -> Result<Vec<u8>, VaultError> {
        self.images.get(object_key).await
    }

    /// Deletes an object; a missing one is no error.
    pub async fn delete(&self, object_key: &str) -> Result<(), VaultError> {
        self.images.delete(object_key).await
    }

    /// Every object of the image store.
    pub async fn list(&self) -> Result<Vec<StoredObject>, VaultError> {
        self.images.list().await
    }

    /// Answers if the image store answers.
    pub async fn ping(&self) -> Result<(), VaultError> {
        self.images.ping().await
    }
}

impl MasterKey {
    /// Opens a registry.
    pub fn open_registry<T: DeserializeOwned>(&self, sealed: &[u8]) -> Result<T, VaultError> {
        let name = "registry";
        let plain = self.registry().open(&aad(name, "registry"), sealed);
        plain
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or_else(|| VaultError::Integrity(name.to_owned()))
    }
}

/// What binds sealed bytes to their place.
fn aad(name: &str, purpose: &str) -> Vec<u8> {
    format!("leadbroker.v1\n{purpose}\n{name}").into_bytes()
}

#[cfg(test)]
mod tests;
