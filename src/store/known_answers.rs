//! Known-answer jobs: which requests are test cases, and what they came to.
//!
//! INVARIANT: nothing that a reviewer, an adjudicator or a release authority asks for reads this table.

use chrono::{DateTime, Utc};
use sqlx::AnyConnection;

use super::apply::micros;
use super::batch::{execute_in, insert_rows};
use super::change::Change;
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::{AccountId, RequestId, UnitId};
use crate::messages::{Message, Route};

/// Which of a request's columns a row has.
const COLUMNS: &str = "request, unit, injected_by, injected_at, expected, result, concluded_at";

/// A test case to store, with its request.
#[derive(Debug, Clone)]
pub struct NewKnownAnswer {
    /// The request.
    pub request: RequestId,
    /// The unit that tests itself.
    pub unit: UnitId,
    /// Who injected it.
    pub by: AccountId,
    /// When.
    pub at: DateTime<Utc>,
    /// The expected answer, sealed under the request's key.
    pub expected: Vec<u8>,
}

/// What is written beside a change; it demands nothing.
#[derive(Debug, Clone)]
pub enum KnownAnswerWrite {
    /// The request is a test case.
    Injected(NewKnownAnswer),
    /// It has come to this; what is recorded already stays.
    Concluded {
        /// Which.
        request: RequestId,
        /// Each person's share, sealed.
        result: Vec<u8>,
        /// When.
        at: DateTime<Utc>,
    },
}

/// A test case.
#[derive(Debug, Clone)]
pub struct KnownAnswerRow {
    /// The request.
    pub request: RequestId,
    /// The unit.
    pub unit: UnitId,
    /// Who injected it.
    pub by: AccountId,
    /// When.
    pub injected_at: DateTime<Utc>,
    /// The expected answer, sealed; none once the request is destroyed.
    pub expected: Option<Vec<u8>>,
    /// Each person's share, sealed, once it came to its end.
    pub result: Option<Vec<u8>>,
    /// When that was.
    pub concluded_at: Option<DateTime<Utc>>,
}

impl KnownAnswerRow {
    fn read(row: &sqlx::any::AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "known_answers" };
        Ok(Self {
            request: column.parsed("request")?,
            unit: column.parsed("unit")?,
            by: column.parsed("injected_by")?,
            injected_at: column.time("injected_at")?,
            expected: column.maybe_bytes("expected")?,
            result: column.maybe_bytes("result")?,
            concluded_at: column.maybe_time("concluded_at")?,
        })
    }
}

impl Store {
    /// The test case that a request is; none where it is a request like any other.
    pub async fn known_answer(
        &self,
        request: RequestId,
    ) -> Result<Option<KnownAnswerRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM known_answers WHERE request = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(KnownAnswerRow::read).transpose()
    }

    /// A unit's test cases, newest first.
    pub async fn known_answers(
        &self,
        unit: &UnitId,
        limit: i64,
    ) -> Result<Vec<KnownAnswerRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM known_answers WHERE unit = $1 ORDER BY injected_at DESC, request DESC LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(unit.as_str())
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(KnownAnswerRow::read).collect()
    }

    /// The newest request with the same agency, case and images since `since` that was not refused, whoever made it.
    pub async fn any_repeat_of(
        &self,
        repeat_hash: [u8; 32],
        since: DateTime<Utc>,
    ) -> Result<Option<RequestId>, StoreError> {
        let row = sqlx::query(
            "SELECT id FROM search_requests
             WHERE repeat_hash = $1 AND received_at >= $2
                 AND stage NOT IN ('rejected', 'withdrawn', 'expired', 'destroyed')
             ORDER BY received_at DESC LIMIT 1",
        )
        .bind(repeat_hash.to_vec())
        .bind(micros(since))
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Column { row: &row, table: "search_requests" }.parsed("id")).transpose()
    }
}

/// Writes what changes say of test cases.
pub(super) async fn write(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for change in kept {
        match &change.known_answer {
            Some(KnownAnswerWrite::Injected(case)) => new.push(vec![
                case.request.to_string().into(),
                case.unit.as_str().into(),
                case.by.to_string().into(),
                micros(case.at).into(),
                case.expected.clone().into(),
            ]),
            Some(KnownAnswerWrite::Concluded { request, result, at }) => {
                sqlx::query(
                    "UPDATE known_answers SET result = $2, concluded_at = $3
                     WHERE request = $1 AND concluded_at IS NULL",
                )
                .bind(request.to_string())
                .bind(result.clone())
                .bind(micros(*at))
                .execute(&mut *connection)
                .await?;
            }
            None => {}
        }
    }
    let head = "INSERT INTO known_answers (request, unit, injected_by, injected_at, expected)";
    insert_rows(connection, head, new).await
}

/// No event of a test case goes to the broker: the agency that the form names must not hear of a request that it never
/// sent. The rows stay, for the service clock counts by them.
pub(super) async fn keep_in_unit(
    connection: &mut AnyConnection,
    messages: &[&Message],
) -> Result<(), StoreError> {
    let for_agencies = messages.iter().filter(|message| match message.route {
        Route::Agency { .. } => true,
        Route::Step { .. } | Route::Reviewers { .. } => false,
    });
    let ids: Vec<String> = for_agencies.map(|message| message.id.to_string()).collect();
    let head = "UPDATE messages SET publish_at = NULL
         WHERE request IN (SELECT request FROM known_answers) AND id IN";
    execute_in(connection, head, Vec::new(), &ids).await?;
    Ok(())
}
