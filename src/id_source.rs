//! Where identifiers and random bytes come from. Everything that needs them takes an [`IdSource`].

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A source of identifiers and of random bytes.
pub trait IdSource: Send + Sync + std::fmt::Debug {
    /// A new identifier (UUID version 7, so that rows sort by their birth).
    fn id(&self) -> Uuid;
    /// Fills `bytes` with random bytes fit for keys.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("read random bytes from the system")]
pub struct NoRandomness;

/// The system's generator, through OpenSSL.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one permitted call")]
    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        openssl::rand::rand_bytes(bytes).map_err(|_| NoRandomness)
    }
}

/// Counts up: the same ids and "random" bytes at every run, for tests.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl IdSource for CountingIds {
    fn id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let start = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        for (byte, value) in bytes.iter_mut().zip(start.iter().cycle()) {
            *byte = *value;
        }
        Ok(())
    }
}
