//! Duties of emergencies, and who is suspended for them.

use chrono::{DateTime, Utc};
use sqlx::AnyConnection;
use uuid::Uuid;

use super::apply::micros;
use super::batch::insert_rows;
use super::change::{Applied, Change};
use super::dialect::Dialect;
use super::notices::end_pages;
use super::rows::Column;
use super::suspensions::{NewSuspension, suspend};
use super::{Store, StoreError};
use crate::domain::emergency::{Breach, Duty, DutyKind, DutyOutcome};
use crate::domain::{AccountId, RequestId, UnitId};

/// A duty to store.
#[derive(Debug, Clone)]
pub struct NewDuty {
    /// Of which request.
    pub request: RequestId,
    /// Which.
    pub kind: DutyKind,
    /// The unit that serves the request.
    pub unit: UnitId,
    /// Until when.
    pub due_at: DateTime<Utc>,
}

/// The consequence of a failed duty.
#[derive(Debug, Clone)]
pub struct Enforcement {
    /// Of which request.
    pub request: RequestId,
    /// Which duty.
    pub kind: DutyKind,
    /// How it failed: the change is stale where the duty does not stand so any more.
    pub cause: Breach,
    /// When.
    pub at: DateTime<Utc>,
}

/// What is written beside a change. Only `Enforced` demands something.
#[derive(Debug, Clone)]
pub enum EmergencyWrite {
    /// A duty begins.
    Begin(NewDuty),
    /// What follows from a failed duty is done.
    Enforced(Enforcement),
    /// A requester is suspended for a request; another request's suspension stays beside it.
    Suspend(NewSuspension),
}

/// A step that only the first one takes.
#[derive(Debug, Clone)]
pub enum EmergencyStep {
    /// An attempt at a duty that is open.
    Attempt {
        /// Of which request.
        request: RequestId,
        /// Which.
        kind: DutyKind,
        /// What it came to.
        outcome: DutyOutcome,
        /// When.
        at: DateTime<Utc>,
    },
    /// The unit is told that an open duty is nearly due, or that its time is over.
    Tell {
        /// Of which request.
        request: RequestId,
        /// Which.
        kind: DutyKind,
        /// Its time is over.
        overdue: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// The end of a suspension in force.
    Lift {
        /// Which.
        suspension: Uuid,
        /// Who lifts it.
        by: AccountId,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A duty with its request.
#[derive(Debug, Clone)]
pub struct DutyRow {
    /// Of which request.
    pub request: RequestId,
    /// The duty.
    pub duty: Duty,
}

/// Takes a step, if nobody took it before.
pub(super) async fn take(
    connection: &mut AnyConnection,
    step: &EmergencyStep,
) -> Result<bool, StoreError> {
    let query = match step {
        EmergencyStep::Attempt { request, kind, outcome, at } => sqlx::query(
            "UPDATE emergency_duties SET outcome = $3, done_at = $4
             WHERE request = $1 AND kind = $2 AND done_at IS NULL",
        )
        .bind(request.to_string())
        .bind(<&'static str>::from(kind))
        .bind(<&'static str>::from(outcome))
        .bind(outcome.is_final().then(|| micros(*at))),
        EmergencyStep::Tell { request, kind, overdue, at } => sqlx::query(if *overdue {
            "UPDATE emergency_duties SET overdue_at = $3, reminded_at = coalesce(reminded_at, $3)
             WHERE request = $1 AND kind = $2 AND overdue_at IS NULL AND done_at IS NULL"
        } else {
            "UPDATE emergency_duties SET reminded_at = $3
             WHERE request = $1 AND kind = $2 AND reminded_at IS NULL AND done_at IS NULL"
        })
        .bind(request.to_string())
        .bind(<&'static str>::from(kind))
        .bind(micros(*at)),
        EmergencyStep::Lift { suspension, by, at } => sqlx::query(
            "UPDATE suspensions SET lifted_by = $2, lifted_at = $3
             WHERE id = $1 AND lifted_at IS NULL",
        )
        .bind(suspension.to_string())
        .bind(by.to_string())
        .bind(micros(*at)),
    };
    let taken = query.execute(&mut *connection).await?.rows_affected() == 1;
    if taken {
        end_pages(connection, step).await?;
    }
    Ok(taken)
}

/// Whether every duty of which the change draws the consequence still stands as it was read. The row stays locked: a
/// confirmation at the same moment comes before, and the change is stale, or after.
pub(super) async fn still_failed(
    connection: &mut AnyConnection,
    dialect: Dialect,
    change: &Change,
) -> Result<bool, StoreError> {
    for write in &change.emergency {
        let EmergencyWrite::Enforced(enforcement) = write else { continue };
        let failed = match enforcement.cause {
            Breach::Denied => "outcome = 'denied'",
            Breach::Unconfirmed => "done_at IS NULL",
        };
        let sql = format!(
            "SELECT 1 FROM emergency_duties
             WHERE request = $1 AND kind = $2 AND enforced_at IS NULL AND {failed}{}",
            dialect.lock_rows()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(enforcement.request.to_string())
            .bind(<&'static str>::from(enforcement.kind))
            .fetch_optional(&mut *connection)
            .await?;
        if row.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn enforced(
    connection: &mut AnyConnection,
    enforcement: &Enforcement,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE emergency_duties SET enforced_at = $3 WHERE request = $1 AND kind = $2")
        .bind(enforcement.request.to_string())
        .bind(<&'static str>::from(enforcement.kind))
        .bind(micros(enforcement.at))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Takes the steps of a group, in order.
pub(super) async fn take_all(
    connection: &mut AnyConnection,
    steps: Vec<(&EmergencyStep, &mut Applied)>,
) -> Result<(), StoreError> {
    for (step, applied) in steps {
        if !take(connection, step).await? {
            *applied = Applied::Stale;
        }
    }
    Ok(())
}

/// Writes what is beside the changes of a group.
pub(super) async fn write(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<(), StoreError> {
    let mut duties = Vec::new();
    for write in kept.iter().flat_map(|change| &change.emergency) {
        match write {
            EmergencyWrite::Begin(duty) => duties.push(vec![
                duty.request.to_string().into(),
                <&'static str>::from(duty.kind).into(),
                duty.unit.as_str().into(),
                micros(duty.due_at).into(),
            ]),
            EmergencyWrite::Enforced(enforcement) => enforced(connection, enforcement).await?,
            EmergencyWrite::Suspend(new) => suspend(connection, new).await?,
        }
    }
    insert_rows(connection, "INSERT INTO emergency_duties (request, kind, unit, due_at)", duties)
        .await
}

/// Stages in which a request owes nothing: it ended without an answer.
pub(super) const OWES_NOTHING: &str = "('rejected', 'withdrawn', 'expired', 'destroyed')";

impl Store {
    /// The duties of a request, none if it is no emergency.
    pub async fn duties_of(&self, request: RequestId) -> Result<Vec<Duty>, StoreError> {
        let rows = sqlx::query("SELECT * FROM emergency_duties WHERE request = $1 ORDER BY kind")
            .bind(request.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(duty(row)?.duty)).collect()
    }

    /// The open duties of a unit, what is due first first.
    pub async fn open_duties(&self, unit: &UnitId, limit: i64) -> Result<Vec<DutyRow>, StoreError> {
        let sql = format!(
            "SELECT d.* FROM emergency_duties d JOIN search_requests r ON r.id = d.request
             WHERE d.unit = $1 AND d.done_at IS NULL AND r.stage NOT IN {OWES_NOTHING}
             ORDER BY d.due_at, d.request, d.kind LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(unit.as_str())
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(duty).collect()
    }

    /// Requests with a duty that failed and has had no consequence: denied, or a confirmation that is overdue.
    pub async fn failed_duties(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<RequestId>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT d.request AS request FROM emergency_duties d
             JOIN search_requests r ON r.id = d.request
             WHERE d.enforced_at IS NULL AND (d.outcome = 'denied'
                 OR (d.kind = 'confirmation' AND d.done_at IS NULL AND d.due_at <= $1
                     AND r.stage NOT IN {OWES_NOTHING}))
             LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(micros(now))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Column { row, table: "emergency_duties" }.parsed("request")).collect()
    }
}

pub(super) fn duty(row: &sqlx::any::AnyRow) -> Result<DutyRow, StoreError> {
    let column = Column { row, table: "emergency_duties" };
    let outcome = column.maybe_text("outcome")?.map(|text| text.parse()).transpose();
    let duty = Duty {
        kind: column.parsed("kind")?,
        due_at: column.time("due_at")?,
        outcome: outcome.map_err(|_: strum::ParseError| column.bad("outcome"))?,
        done_at: column.maybe_time("done_at")?,
        enforced_at: column.maybe_time("enforced_at")?,
    };
    Ok(DutyRow { request: column.parsed("request")?, duty })
}
