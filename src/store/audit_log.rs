//! The audit log's rows. Entries are appended in the transaction of what they record.

use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, Row};

use super::apply::micros;
use super::batch::insert_rows;
use super::dialect::Dialect;
use super::rows::Column;
use super::{Store, StoreError};
use crate::audit::{AuditEntry, AuditEvent, Frontier, leaf_hash};
use crate::domain::RequestId;

/// A signed checkpoint, as stored.
#[derive(Debug, Clone)]
pub struct StoredCheckpoint {
    /// Entries that it covers.
    pub size: i64,
    /// The signed note.
    pub note: String,
}

/// Appends events in order. The head's row is locked first, so that there is one order for all processes.
pub(super) async fn append(
    connection: &mut AnyConnection,
    dialect: Dialect,
    events: &[&AuditEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let (mut size, mut frontier) = head(connection, dialect).await?;
    let mut rows = Vec::new();
    for event in events {
        let entry = AuditEntry::new(size, (*event).clone());
        let body = entry.canonical().map_err(|error| StoreError::Audit(error.to_string()))?;
        let leaf = leaf_hash(&body);
        frontier.append(leaf);
        let body = String::from_utf8(body)
            .map_err(|_| StoreError::Inconsistent { table: "audit_entries", column: "body" })?;
        rows.push(vec![
            signed(size)?.into(),
            leaf.into(),
            body.into(),
            event.request.map(|id| id.to_string()).into(),
        ]);
        size += 1;
    }
    insert_rows(connection, "INSERT INTO audit_entries (seq, leaf, body, request)", rows).await?;
    sqlx::query("UPDATE audit_log SET size = $1, frontier = $2 WHERE id = 1")
        .bind(signed(size)?)
        .bind(frontier.to_bytes())
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn head(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<(u64, Frontier), StoreError> {
    let row = sqlx::query(dialect.read_audit_head()).fetch_one(&mut *connection).await?;
    let column = Column { row: &row, table: "audit_log" };
    let size = u64::try_from(column.int("size")?)
        .map_err(|_| StoreError::Inconsistent { table: "audit_log", column: "size" })?;
    let frontier = Frontier::from_bytes(size, &column.bytes("frontier")?)
        .map_err(|error| StoreError::Audit(error.to_string()))?;
    Ok((size, frontier))
}

fn signed(size: u64) -> Result<i64, StoreError> {
    i64::try_from(size).map_err(|_| StoreError::Inconsistent { table: "audit_log", column: "size" })
}

impl Store {
    /// Size and root of the log as it is now.
    pub async fn audit_head(&self) -> Result<(u64, [u8; 32]), StoreError> {
        let mut connection = self.readers.acquire().await?;
        let (size, frontier) = head(&mut connection, Dialect::Sqlite).await?;
        Ok((size, frontier.root()))
    }

    /// Stores a checkpoint; the same size again changes nothing.
    pub async fn add_checkpoint(
        &self,
        size: u64,
        note: String,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let size = signed(size)?;
        self.exclusively(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO audit_checkpoints (size, note, made_at) VALUES ($1, $2, $3)
                     ON CONFLICT (size) DO NOTHING",
                )
                .bind(size)
                .bind(note)
                .bind(micros(at))
                .execute(&mut *connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Checkpoints, smallest first.
    pub async fn checkpoints(&self) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let rows = sqlx::query("SELECT size, note FROM audit_checkpoints ORDER BY size")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredCheckpoint { size: row.try_get("size")?, note: row.try_get("note")? })
            })
            .collect()
    }

    /// Canonical bodies of up to `limit` entries from `from` on.
    pub async fn audit_entries(&self, from: u64, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows =
            sqlx::query("SELECT body FROM audit_entries WHERE seq >= $1 ORDER BY seq LIMIT $2")
                .bind(signed(from)?)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| Ok(row.try_get("body")?)).collect()
    }

    /// Canonical bodies of the entries about one request: who saw it, why, under which clause.
    pub async fn audit_of(&self, request: RequestId) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT body FROM audit_entries WHERE request = $1 ORDER BY seq")
            .bind(request.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("body")?)).collect()
    }
}
