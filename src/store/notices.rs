//! Pages that no stage opens: what an emergency owes, what the unit's service targets want, and that it was not done in time.

use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, Row as _};

use super::apply::micros;
use super::batch::fetch_rows;
use super::change::Change;
use super::emergency::{DutyRow, EmergencyStep, OWES_NOTHING, duty};
use super::pages::{INSERT, PageChange, page_id, row};
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::emergency::{Duty, DutyKind};
use crate::domain::{Lane, Ori, PageCause, RequestId, UnitId};

/// A page to store.
#[derive(Debug, Clone)]
pub struct NewPage {
    /// Of which request.
    pub request: RequestId,
    /// Of which unit.
    pub unit: UnitId,
    /// Of which lane.
    pub lane: Lane,
    /// Why.
    pub cause: PageCause,
    /// When.
    pub at: DateTime<Utc>,
}

/// A duty that its unit is to be told of.
#[derive(Debug, Clone)]
pub struct DutyToTell {
    /// Of which request.
    pub request: RequestId,
    /// The unit that serves it.
    pub unit: UnitId,
    /// The agency that owes the confirmation.
    pub ori: Ori,
    /// Its lane.
    pub lane: Lane,
    /// The duty.
    pub duty: Duty,
}

/// Opens what no stage opens, once for each request and cause.
pub(super) async fn announced(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<bool, StoreError> {
    let mut rows = Vec::new();
    for change in kept.iter().flat_map(|change| &change.pages) {
        match change {
            PageChange::Opened(NewPage { request, unit, lane, cause, at }) => {
                let id = page_id(*request, 0, *cause);
                rows.push(row(id, (*request, unit, *lane), *cause, *at).1);
            }
            PageChange::Over { request, cause, at } => {
                end_of(connection, *request, (&[*cause], *at)).await?;
            }
            PageChange::Begun(_) | PageChange::Tried(_) => {}
        }
    }
    if rows.is_empty() {
        return Ok(false);
    }
    let opened =
        fetch_rows(connection, (INSERT, " ON CONFLICT DO NOTHING RETURNING id"), rows).await?;
    Ok(!opened.is_empty())
}

/// Ends pages of a request.
async fn end_of(
    connection: &mut AnyConnection,
    request: RequestId,
    (causes, at): (&[PageCause], DateTime<Utc>),
) -> Result<(), StoreError> {
    for cause in causes {
        sqlx::query(
            "UPDATE pages SET state = 'ended', next_at = NULL, updated_at = $3
             WHERE request = $1 AND cause = $2 AND state <> 'ended'",
        )
        .bind(request.to_string())
        .bind(<&'static str>::from(*cause))
        .bind(micros(at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What is done needs nobody's attention any more; what is overdue has a page of its own.
pub(super) async fn end_pages(
    connection: &mut AnyConnection,
    step: &EmergencyStep,
) -> Result<(), StoreError> {
    match step {
        EmergencyStep::Attempt { request, kind, outcome, at } if outcome.is_final() => {
            if *kind == DutyKind::CallBack {
                end_of(connection, *request, (&[PageCause::EmergencyBegun], *at)).await?;
            }
            let open = sqlx::query(
                "SELECT count(*) FROM emergency_duties WHERE request = $1 AND done_at IS NULL",
            )
            .bind(request.to_string())
            .fetch_one(&mut *connection)
            .await?;
            if open.try_get::<i64, _>(0)? == 0 {
                let causes = &[PageCause::DutyDue, PageCause::DutyOverdue];
                end_of(connection, *request, (causes, *at)).await?;
            }
            Ok(())
        }
        EmergencyStep::Tell { request, overdue: true, at, .. } => {
            let causes = &[PageCause::EmergencyBegun, PageCause::DutyDue];
            end_of(connection, *request, (causes, *at)).await
        }
        EmergencyStep::Attempt { .. } | EmergencyStep::Tell { .. } | EmergencyStep::Lift { .. } => {
            Ok(())
        }
    }
}

impl Store {
    /// Open duties that are due before `soon`, or whose time is over, and of which their units were not told.
    pub async fn duties_to_tell(
        &self,
        (now, soon): (DateTime<Utc>, DateTime<Utc>),
        limit: i64,
    ) -> Result<Vec<DutyToTell>, StoreError> {
        let sql = format!(
            "SELECT d.*, r.ori, r.lane FROM emergency_duties d JOIN search_requests r ON r.id = d.request
             WHERE d.done_at IS NULL AND r.stage NOT IN {OWES_NOTHING}
                 AND ((d.overdue_at IS NULL AND d.due_at <= $1) OR (d.reminded_at IS NULL AND d.due_at <= $2))
             ORDER BY d.due_at, d.request, d.kind LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(micros(now))
            .bind(micros(soon))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        let read = |row| {
            let column = Column { row, table: "emergency_duties" };
            let DutyRow { request, duty } = duty(row)?;
            let (unit, ori) = (column.parsed("unit")?, column.parsed("ori")?);
            Ok(DutyToTell { request, unit, ori, lane: column.word("lane")?, duty })
        };
        rows.iter().map(read).collect()
    }
}
