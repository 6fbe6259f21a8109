//! Registry versions, sessions, discarded images, and the lock that keeps a second instance off an embedded database.

use chrono::{DateTime, TimeDelta, Utc};

use super::apply::micros;
use super::batch::execute_in;
use super::rows::Column;
use super::{Store, StoreError};
use crate::audit::AuditEvent;
use crate::domain::AccountId;

/// A registry to store.
#[derive(Debug, Clone)]
pub struct NewRegistry {
    /// The version that was read.
    pub seen: i64,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// Its sealed content.
    pub sealed: Vec<u8>,
    /// Accounts that open nothing any more.
    pub shut_out: Vec<AccountId>,
    /// When.
    pub at: DateTime<Utc>,
    /// Its audit entries.
    pub events: Vec<AuditEvent>,
}

impl Store {
    /// The newest registry's version, without its content.
    pub async fn registry_version(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT max(version) AS version FROM registry_versions")
            .fetch_one(&self.readers)
            .await?;
        Column { row: &row, table: "registry_versions" }.maybe_int("version")
    }

    /// The newest registry: version and sealed content.
    pub async fn registry(&self) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let row = sqlx::query(
            "SELECT version, sealed FROM registry_versions ORDER BY version DESC LIMIT 1",
        )
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let column = Column { row: &row, table: "registry_versions" };
        Ok(Some((column.int("version")?, column.bytes("sealed")?)))
    }

    /// Every version of the registry and when it was imported, newest first.
    pub async fn registry_versions(&self) -> Result<Vec<(i64, DateTime<Utc>)>, StoreError> {
        let rows =
            sqlx::query("SELECT version, imported_at FROM registry_versions ORDER BY version DESC")
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "registry_versions" };
                Ok((column.int("version")?, column.time("imported_at")?))
            })
            .collect()
    }

    /// The sealed content of a version of the registry.
    pub async fn registry_of(&self, version: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT sealed FROM registry_versions WHERE version = $1")
            .bind(version)
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| Column { row: &row, table: "registry_versions" }.bytes("sealed")).transpose()
    }

    /// Stores a new registry, with its audit entry. Old versions stay: who was on duty then has one answer.
    pub async fn add_registry(
        &self,
        digest: [u8; 32],
        sealed: Vec<u8>,
        event: AuditEvent,
    ) -> Result<i64, StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "SELECT coalesce(max(version), 0) + 1 AS version FROM registry_versions",
                )
                .fetch_one(&mut *connection)
                .await?;
                let version = Column { row: &row, table: "registry_versions" }.int("version")?;
                sqlx::query(
                    "INSERT INTO registry_versions (version, imported_at, digest, sealed)
                     VALUES ($1, $2, $3, $4)",
                )
                .bind(version)
                .bind(micros(event.at))
                .bind(digest.to_vec())
                .bind(sealed)
                .execute(&mut *connection)
                .await?;
                super::audit_log::append(connection, dialect, &[&event]).await?;
                Ok(version)
            })
        })
        .await
    }

    /// Adds a version after the one that was read; none if somebody else was first. Nothing is written then. The sessions
    /// of who is shut out by it end with it.
    pub async fn add_registry_after(&self, new: NewRegistry) -> Result<Option<i64>, StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "INSERT INTO registry_versions (version, imported_at, digest, sealed)
                     SELECT $1 + 1, $2, $3, $4
                     WHERE (SELECT coalesce(max(version), 0) FROM registry_versions) = $1
                     ON CONFLICT (version) DO NOTHING RETURNING version",
                )
                .bind(new.seen)
                .bind(micros(new.at))
                .bind(new.digest.to_vec())
                .bind(new.sealed)
                .fetch_optional(&mut *connection)
                .await?;
                let Some(row) = row else { return Ok(None) };
                let accounts: Vec<String> = new.shut_out.iter().map(ToString::to_string).collect();
                let head = "DELETE FROM sessions WHERE account IN";
                execute_in(connection, head, Vec::new(), &accounts).await?;
                let events: Vec<&AuditEvent> = new.events.iter().collect();
                super::audit_log::append(connection, dialect, &events).await?;
                Column { row: &row, table: "registry_versions" }.int("version").map(Some)
            })
        })
        .await
    }

    /// Ends every session of an account.
    pub async fn end_sessions(&self, account: AccountId) -> Result<(), StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE account = $1")
                    .bind(account.to_string())
                    .execute(&mut *connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes the one place of an embedded instance, or names who has it. A silent owner loses it after 15 s.
    pub async fn take_instance(&self, owner: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let wanted = owner.to_owned();
        let stale = micros(now - TimeDelta::seconds(15));
        let holder: String = self
            .exclusively(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO instances (id, owner, heartbeat_at) VALUES (1, $1, $2)
                         ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, heartbeat_at = excluded.heartbeat_at
                         WHERE instances.owner = excluded.owner OR instances.heartbeat_at < $3",
                    )
                    .bind(wanted)
                    .bind(micros(now))
                    .bind(stale)
                    .execute(&mut *connection)
                    .await?;
                    let row = sqlx::query("SELECT owner FROM instances WHERE id = 1")
                        .fetch_one(&mut *connection)
                        .await?;
                    Column { row: &row, table: "instances" }.text("owner")
                })
            })
            .await?;
        if holder == owner { Ok(()) } else { Err(StoreError::InUse(holder)) }
    }

    /// Gives the place back.
    pub async fn leave_instance(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM instances WHERE owner = $1")
                    .bind(owner)
                    .execute(&mut *connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Images that are to leave the image store.
    pub async fn discarded(&self, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT object_key FROM discarded_objects LIMIT $1")
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| Column { row, table: "discarded_objects" }.text("object_key"))
            .collect()
    }

    /// The image has left.
    pub async fn forget_discarded(&self, object_key: String) -> Result<(), StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM discarded_objects WHERE object_key = $1")
                    .bind(object_key)
                    .execute(&mut *connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Stores a session.
    pub async fn add_session(
        &self,
        token_hash: [u8; 32],
        account: AccountId,
        event: AuditEvent,
    ) -> Result<(), StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO sessions (token_hash, account, created_at, seen_at) VALUES ($1, $2, $3, $3)",
                )
                .bind(token_hash.to_vec())
                .bind(account.to_string())
                .bind(micros(event.at))
                .execute(&mut *connection)
                .await?;
                super::audit_log::append(connection, dialect, &[&event]).await
            })
        })
        .await
    }

    /// The account of a session that is not idle for 30 minutes nor older than 12 hours (CJIS AC-11, AC-12).
    pub async fn session(
        &self,
        token_hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<AccountId>, StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "UPDATE sessions SET seen_at = $2
                     WHERE token_hash = $1 AND seen_at > $3 AND created_at > $4 RETURNING account",
                )
                .bind(token_hash.to_vec())
                .bind(micros(now))
                .bind(micros(now - TimeDelta::minutes(30)))
                .bind(micros(now - TimeDelta::hours(12)))
                .fetch_optional(&mut *connection)
                .await?;
                row.map(|row| Column { row: &row, table: "sessions" }.parsed("account")).transpose()
            })
        })
        .await
    }
}
