//! When to look at the service clocks of requests, and what was told of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::apply::micros;
use super::batch::{Value, push_places};
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::RequestId;
use crate::lifecycle::Threshold;

/// The clock of a request that is stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewClock {
    /// When the answer is due.
    pub due_at: Option<DateTime<Utc>>,
    /// When to look first.
    pub look_at: DateTime<Utc>,
}

/// A clock's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRow {
    /// Of which request.
    pub request: RequestId,
    /// When it was to be looked at.
    pub look_at: DateTime<Utc>,
    /// What was told of it.
    pub told: Option<Threshold>,
}

/// What a look found. It holds as long as nobody else looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockLook {
    /// The row that was read.
    pub seen: ClockRow,
    /// When the answer is due now.
    pub due_at: Option<DateTime<Utc>>,
    /// When to look next; `None`: never.
    pub look_at: Option<DateTime<Utc>>,
    /// What is told by now.
    pub told: Option<Threshold>,
}

pub(super) fn row(request: RequestId, clock: &NewClock) -> Vec<Value> {
    vec![request.to_string().into(), clock.due_at.map(micros).into(), micros(clock.look_at).into()]
}

/// Writes what a look found; whether nobody else looked meanwhile.
pub(super) async fn write(
    connection: &mut AnyConnection,
    look: &ClockLook,
) -> Result<bool, StoreError> {
    let told: Option<&'static str> = look.told.map(Into::into);
    let written = sqlx::query(
        "UPDATE service_clocks SET due_at = $3, look_at = $4, told = $5
         WHERE request = $1 AND look_at = $2",
    )
    .bind(look.seen.request.to_string())
    .bind(micros(look.seen.look_at))
    .bind(look.due_at.map(micros))
    .bind(look.look_at.map(micros))
    .bind(told.map(str::to_owned))
    .execute(&mut *connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

impl Store {
    /// Clocks that are to be looked at, the longest waiting first.
    pub async fn clocks_to_look_at(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ClockRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT request, look_at, told FROM service_clocks WHERE look_at <= $1
             ORDER BY look_at LIMIT $2",
        )
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "service_clocks" };
                let told = column.maybe_text("told")?.map(|told| told.parse()).transpose();
                Ok(ClockRow {
                    request: column.parsed("request")?,
                    look_at: column.time("look_at")?,
                    told: told.map_err(|_| StoreError::Inconsistent {
                        table: "service_clocks",
                        column: "told",
                    })?,
                })
            })
            .collect()
    }

    /// When the answers to these requests are due, as far as there is a target and it does not wait for the agency.
    pub async fn service_due(
        &self,
        requests: &[RequestId],
    ) -> Result<BTreeMap<RequestId, DateTime<Utc>>, StoreError> {
        let mut due = BTreeMap::new();
        for some in requests.chunks(500) {
            let mut sql = "SELECT request, due_at FROM service_clocks WHERE due_at IS NOT NULL AND request IN ("
                .to_owned();
            push_places(&mut sql, 0, some.len());
            sql.push(')');
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for request in some {
                query = query.bind(request.to_string());
            }
            for row in &query.fetch_all(&self.readers).await? {
                let column = Column { row, table: "service_clocks" };
                due.insert(column.parsed("request")?, column.time("due_at")?);
            }
        }
        Ok(due)
    }
}
