//! Sets of policy packs: proposed by one person, in force once another one confirms. Versions grow by one, and the newest
//! confirmed one is in force.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;

use super::apply::micros;
use super::rows::Column;
use super::{Applied, Store, StoreError};
use crate::audit::AuditEvent;
use crate::domain::AccountId;

/// A set as it is listed, without its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySetRow {
    /// Version, from 1.
    pub version: i64,
    /// SHA-256 of the files' archive.
    pub digest: Vec<u8>,
    /// Who proposed it.
    pub proposed_by: AccountId,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// Who confirmed it, if anybody did.
    pub confirmed_by: Option<AccountId>,
    /// When.
    pub confirmed_at: Option<DateTime<Utc>>,
}

impl PolicySetRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "policy_sets" };
        Ok(Self {
            version: column.int("version")?,
            digest: column.bytes("digest")?,
            proposed_by: column.parsed("proposed_by")?,
            proposed_at: column.time("proposed_at")?,
            confirmed_by: confirmed_by(&column)?,
            confirmed_at: column.maybe_time("confirmed_at")?,
        })
    }
}

fn confirmed_by(column: &Column<'_>) -> Result<Option<AccountId>, StoreError> {
    let text = column.maybe_text("confirmed_by")?;
    text.map(|_| column.parsed("confirmed_by")).transpose()
}

/// A set to store.
#[derive(Debug, Clone)]
pub struct NewPolicySet {
    /// One more than the newest that its proposer saw.
    pub version: i64,
    /// SHA-256 of the files' archive.
    pub digest: [u8; 32],
    /// The files' archive.
    pub files: Vec<u8>,
    /// Who proposes it.
    pub by: AccountId,
}

/// A confirmation.
#[derive(Debug, Clone, Copy)]
pub struct PolicySetConfirmation {
    /// Which version.
    pub version: i64,
    /// The digest that the person read.
    pub digest: [u8; 32],
    /// Who confirms it.
    pub by: AccountId,
}

const LISTED: &str = "version, digest, proposed_by, proposed_at, confirmed_by, confirmed_at";

impl Store {
    /// The version in force, without its files.
    pub async fn policy_set_version(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(
            "SELECT max(version) AS version FROM policy_sets WHERE confirmed_at IS NOT NULL",
        )
        .fetch_one(&self.readers)
        .await?;
        Column { row: &row, table: "policy_sets" }.maybe_int("version")
    }

    /// A version's digest and files.
    pub async fn policy_set_files(
        &self,
        version: i64,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let row = sqlx::query("SELECT digest, files FROM policy_sets WHERE version = $1")
            .bind(version)
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let column = Column { row: &row, table: "policy_sets" };
        Ok(Some((column.bytes("digest")?, column.bytes("files")?)))
    }

    /// Every version, newest first.
    pub async fn policy_sets(&self) -> Result<Vec<PolicySetRow>, StoreError> {
        let sql = format!("SELECT {LISTED} FROM policy_sets ORDER BY version DESC");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.readers).await?;
        rows.iter().map(PolicySetRow::read).collect()
    }

    /// Stores a proposal with its audit entry. `Stale`: its version is not the next one any more, and nothing was
    /// written.
    pub async fn propose_policy_set(
        &self,
        new: NewPolicySet,
        event: AuditEvent,
    ) -> Result<Applied, StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                // The primary key refuses the second of two processes that write at the same moment.
                let written = sqlx::query(
                    "INSERT INTO policy_sets (version, digest, files, proposed_by, proposed_at)
                     SELECT v, $2, $3, $4, $5 FROM (SELECT CAST($1 AS BIGINT) AS v) AS next
                     WHERE v = (SELECT coalesce(max(version), 0) + 1 FROM policy_sets)
                     ON CONFLICT (version) DO NOTHING",
                )
                .bind(new.version)
                .bind(new.digest.to_vec())
                .bind(new.files)
                .bind(new.by.to_string())
                .bind(micros(event.at))
                .execute(&mut *connection)
                .await?
                .rows_affected();
                if written == 0 {
                    return Ok(Applied::Stale);
                }
                super::audit_log::append(connection, dialect, &[&event]).await?;
                Ok(Applied::Now)
            })
        })
        .await
    }

    /// Puts a proposal in force, with its audit entry. `Stale`: it is not the newest version, has another digest, was
    /// confirmed already, or whoever confirms is who proposed; and nothing was written.
    pub async fn confirm_policy_set(
        &self,
        confirmation: PolicySetConfirmation,
        event: AuditEvent,
    ) -> Result<Applied, StoreError> {
        let dialect = self.dialect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let written = sqlx::query(
                    "UPDATE policy_sets SET confirmed_by = $3, confirmed_at = $4
                     WHERE version = $1 AND digest = $2 AND confirmed_at IS NULL AND proposed_by <> $3
                         AND version = (SELECT max(version) FROM policy_sets)",
                )
                .bind(confirmation.version)
                .bind(confirmation.digest.to_vec())
                .bind(confirmation.by.to_string())
                .bind(micros(event.at))
                .execute(&mut *connection)
                .await?
                .rows_affected();
                if written == 0 {
                    return Ok(Applied::Stale);
                }
                super::audit_log::append(connection, dialect, &[&event]).await?;
                Ok(Applied::Now)
            })
        })
        .await
    }
}
