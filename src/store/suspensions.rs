//! Who is suspended for an emergency that failed its proof.

use chrono::{DateTime, Utc};
use sqlx::any::{Any, AnyArguments};
use sqlx::query::Query;
use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use super::apply::micros;
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::emergency::Breach;
use crate::domain::{AccountId, Ori, RequestId, UnitId};

/// A suspension to store.
#[derive(Debug, Clone)]
pub struct NewSuspension {
    /// Its id.
    pub id: Uuid,
    /// Keyed hash of agency and address.
    pub requester_hash: [u8; 32],
    /// Agency.
    pub ori: Ori,
    /// The unit whose request caused it.
    pub unit: UnitId,
    /// The request that caused it.
    pub request: RequestId,
    /// Why.
    pub cause: Breach,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A suspension.
#[derive(Debug, Clone)]
pub struct SuspensionRow {
    /// Its id.
    pub id: Uuid,
    /// Agency.
    pub ori: Ori,
    /// The unit whose request caused it.
    pub unit: UnitId,
    /// The request that caused it.
    pub request: RequestId,
    /// Why.
    pub cause: Breach,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who lifted it.
    pub lifted_by: Option<AccountId>,
    /// When.
    pub lifted_at: Option<DateTime<Utc>>,
}

/// Writes one.
pub(super) async fn suspend(
    connection: &mut AnyConnection,
    new: &NewSuspension,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO suspensions (id, requester_hash, ori, unit, request, cause, since)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.requester_hash.to_vec())
    .bind(new.ori.as_str())
    .bind(new.unit.as_str())
    .bind(new.request.to_string())
    .bind(<&'static str>::from(new.cause))
    .bind(micros(new.since))
    .execute(&mut *connection)
    .await?;
    Ok(())
}

impl Store {
    /// Whether a requester is suspended.
    pub async fn is_suspended(&self, requester_hash: [u8; 32]) -> Result<bool, StoreError> {
        let sql =
            "SELECT count(*) FROM suspensions WHERE requester_hash = $1 AND lifted_at IS NULL";
        self.any(sqlx::query(sql).bind(requester_hash.to_vec())).await
    }

    /// Whether a requester is suspended because of another request than this one.
    pub async fn is_suspended_by_another(
        &self,
        requester_hash: [u8; 32],
        request: RequestId,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM suspensions
             WHERE requester_hash = $1 AND request <> $2 AND lifted_at IS NULL";
        self.any(sqlx::query(sql).bind(requester_hash.to_vec()).bind(request.to_string())).await
    }

    /// Whether a requester was suspended at a moment.
    pub async fn was_suspended(
        &self,
        requester_hash: [u8; 32],
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM suspensions
             WHERE requester_hash = $1 AND since <= $2 AND (lifted_at IS NULL OR lifted_at > $2)";
        self.any(sqlx::query(sql).bind(requester_hash.to_vec()).bind(micros(at))).await
    }

    /// Whether a request suspends its requester already.
    pub async fn has_suspended(&self, request: RequestId) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM suspensions WHERE request = $1 AND lifted_at IS NULL";
        self.any(sqlx::query(sql).bind(request.to_string())).await
    }

    /// Whether what is counted is there at all.
    async fn any(&self, count: Query<'_, Any, AnyArguments>) -> Result<bool, StoreError> {
        let row = count.fetch_one(&self.readers).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// The suspensions that a unit's requests caused, newest first.
    pub async fn suspensions(
        &self,
        unit: &UnitId,
        limit: i64,
    ) -> Result<Vec<SuspensionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM suspensions WHERE unit = $1 ORDER BY since DESC, id LIMIT $2",
        )
        .bind(unit.as_str())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(suspension).collect()
    }

    /// A suspension.
    pub async fn suspension(&self, id: Uuid) -> Result<Option<SuspensionRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM suspensions WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(suspension).transpose()
    }
}

fn suspension(row: &sqlx::any::AnyRow) -> Result<SuspensionRow, StoreError> {
    let column = Column { row, table: "suspensions" };
    let lifted_by = column.maybe_text("lifted_by")?.map(|text| text.parse()).transpose();
    Ok(SuspensionRow {
        id: column.parsed("id")?,
        ori: column.parsed("ori")?,
        unit: column.parsed("unit")?,
        request: column.parsed("request")?,
        cause: column.parsed("cause")?,
        since: column.time("since")?,
        lifted_by: lifted_by.map_err(|_| column.bad("lifted_by"))?,
        lifted_at: column.maybe_time("lifted_at")?,
    })
}
