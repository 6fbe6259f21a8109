//! Where sealed images lie: a local folder, or any S3-compatible store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

use super::VaultError;
use super::s3_crypto::OpensslCrypto;

/// A store that does not answer within this time is away.
const DEADLINE: Duration = Duration::from_secs(20);

/// How to reach an S3-compatible store.
#[derive(Clone)]
pub struct S3Settings {
    /// Bucket.
    pub bucket: String,
    /// Endpoint's URL.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Access key's id.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Whether the endpoint may be plain HTTP (loopback only).
    pub allow_http: bool,
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// An object of the image store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// When it was written, by the store's clock.
    pub modified_at: DateTime<Utc>,
}

/// Sealed objects by opaque keys.
#[derive(Debug, Clone)]
pub struct ImageStore {
    store: Arc<dyn ObjectStore>,
}

impl ImageStore {
    /// A local folder; it is made if it is missing. Every write reaches the disk before it counts.
    pub fn folder(path: &Path) -> Result<Self, VaultError> {
        std::fs::create_dir_all(path).map_err(|error| {
            VaultError::Settings(format!("the image folder cannot be made: {}", error.kind()))
        })?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(VaultError::Store)?;
        Ok(Self { store: Arc::new(store.with_fsync(true)) })
    }

    /// An S3-compatible store.
    pub fn s3(settings: &S3Settings) -> Result<Self, VaultError> {
        let store = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_endpoint(&settings.endpoint)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .with_allow_http(settings.allow_http)
            .with_crypto_provider(Arc::new(OpensslCrypto))
            .build()
            .map_err(VaultError::Store)?;
        Ok(Self { store: Arc::new(store) })
    }

    pub(super) async fn put(&self, key: &str, sealed: Vec<u8>) -> Result<(), VaultError> {
        let payload = PutPayload::from(sealed);
        timed(self.store.put(&ObjectPath::from(key), payload)).await?.map_err(VaultError::Store)?;
        Ok(())
    }

    pub(super) async fn get(&self, key: &str) -> Result<Vec<u8>, VaultError> {
        let path = ObjectPath::from(key);
        let read = async { self.store.get(&path).await?.bytes().await };
        match timed(read).await? {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(object_store::Error::NotFound { .. }) => Err(VaultError::Missing),
            Err(error) => Err(VaultError::Store(error)),
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), VaultError> {
        match timed(self.store.delete(&ObjectPath::from(key))).await? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(VaultError::Store(error)),
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<StoredObject>, VaultError> {
        let mut listed = self.store.list(None);
        let mut objects = Vec::new();
        while let Some(next) = timed(listed.next()).await? {
            let object = next.map_err(VaultError::Store)?;
            let key = object.location.to_string();
            objects.push(StoredObject { key, modified_at: object.last_modified });
        }
        Ok(objects)
    }

    pub(super) async fn ping(&self) -> Result<(), VaultError> {
        match timed(self.store.head(&ObjectPath::from("doctor"))).await? {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(VaultError::Store(error)),
        }
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> Result<T, VaultError> {
    tokio::time::timeout(DEADLINE, work).await.map_err(|_| VaultError::Late)
}
