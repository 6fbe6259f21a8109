//! Rows as the domain sees them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::{MailingStatus, StoreError};
use crate::domain::{Finding, Lane, MessageId, Ori, Outcome, RequestId, UnitId, WaitingReason};
use crate::lifecycle::{Resume, Stage};
use crate::messages::{Body, Route};

/// A request's row.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// Id.
    pub id: RequestId,
    /// Unit.
    pub unit: UnitId,
    /// Agency.
    pub ori: Ori,
    /// Where it stands.
    pub stage: Stage,
    /// Grows with every change.
    pub version: i64,
    /// Lane.
    pub lane: Lane,
    /// The last fencing token given.
    pub fence: i64,
    /// Arrival.
    pub received_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
    /// Next deadline.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Keyed hash of agency, case and images.
    pub repeat_hash: Vec<u8>,
    /// Number in the unit (LACRIS-RPT-4a), once accepted.
    pub case_number_of_unit: Option<i64>,
    /// Outcome, once released.
    pub outcome: Option<Outcome>,
    /// Findings of the policies.
    pub findings: Vec<Finding>,
    /// Request that it replaces.
    pub supersedes: Option<RequestId>,
    /// Why nobody is asked to take it, while it is queued for that.
    pub waiting: Option<WaitingReason>,
    /// Wrapped data key; none once destroyed.
    pub data_key: Option<Vec<u8>>,
    /// Sealed form; none once destroyed.
    pub form: Option<Vec<u8>>,
}

impl RequestRow {
    /// The outcome as it may be told: none of an answer that was called back.
    pub fn told_outcome(&self) -> Option<Outcome> {
        let recalled =
            matches!(self.stage, Stage::Rejected | Stage::Held { resume: Resume::Recall, .. });
        self.outcome.filter(|_| !recalled)
    }
}

/// A probe's row.
#[derive(Debug, Clone)]
pub struct ProbeRow {
    /// Place in the form, from 0.
    pub ordinal: i64,
    /// Key in the image store.
    pub object_key: String,
    /// Media type.
    pub media_type: String,
    /// Length in bytes.
    pub byte_len: i64,
}

/// A mailing's row.
#[derive(Debug, Clone)]
pub struct MailingRow {
    /// Id.
    pub id: Uuid,
    /// Of which request.
    pub request: RequestId,
    /// Message-ID header.
    pub message_id: String,
    /// Where the finished bytes are.
    pub object_key: String,
    /// Sealed envelope; none once destroyed.
    pub envelope: Option<Vec<u8>>,
    /// Where it stands.
    pub status: MailingStatus,
    /// Attempts begun.
    pub attempts: i64,
    /// Phase that the last attempt reached.
    pub last_phase: Option<String>,
    /// Reply code of the last attempt.
    pub last_code: Option<String>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
}

/// An event of a request, as its agency may read it.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Message id.
    pub id: MessageId,
    /// When.
    pub at: DateTime<Utc>,
    /// Where it went.
    pub route: Route,
    /// What it says.
    pub body: Body,
}

/// Text of a value for a column.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|_| StoreError::Inconsistent { table: "memory", column: "json" })
}

/// One column, parsed.
pub(super) struct Column<'r> {
    pub(super) row: &'r AnyRow,
    pub(super) table: &'static str,
}

impl Column<'_> {
    pub(super) fn bad(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn maybe_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn maybe_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.row.try_get(column)?)
    }

    pub(super) fn parsed<T: std::str::FromStr>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| self.bad(column))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| self.bad(column))
    }

    /// A value whose serde form is a bare word.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_value(self.text(column)?.into()).map_err(|_| self.bad(column))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<DateTime<Utc>, StoreError> {
        DateTime::from_timestamp_micros(self.int(column)?).ok_or_else(|| self.bad(column))
    }

    pub(super) fn maybe_time(
        &self,
        column: &'static str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let Some(value) = self.maybe_int(column)? else {
            return Ok(None);
        };
        DateTime::from_timestamp_micros(value).map(Some).ok_or_else(|| self.bad(column))
    }
}

/// Columns of [`RequestRow`], for every query that reads one.
pub(super) const REQUEST_COLUMNS: &str =
    "id, unit, ori, stage_data, version, lane, fence, received_at, updated_at,
     deadline_at, repeat_hash, case_number_of_unit, outcome, findings, supersedes, waiting,
     data_key, form";

impl RequestRow {
    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "search_requests" };
        let outcome = column
            .maybe_text("outcome")?
            .map(|word| serde_json::from_value(word.into()))
            .transpose()
            .map_err(|_| column.bad("outcome"))?;
        let supersedes = column
            .maybe_text("supersedes")?
            .map(|id| id.parse())
            .transpose()
            .map_err(|_| column.bad("supersedes"))?;
        let waiting = column
            .maybe_text("waiting")?
            .map(|word| word.parse())
            .transpose()
            .map_err(|_| column.bad("waiting"))?;
        Ok(Self {
            id: column.parsed("id")?,
            unit: column.parsed("unit")?,
            ori: column.parsed("ori")?,
            stage: column.json("stage_data")?,
            version: column.int("version")?,
            lane: column.word("lane")?,
            fence: column.int("fence")?,
            received_at: column.time("received_at")?,
            updated_at: column.time("updated_at")?,
            deadline_at: column.maybe_time("deadline_at")?,
            repeat_hash: column.bytes("repeat_hash")?,
            case_number_of_unit: column.maybe_int("case_number_of_unit")?,
            outcome,
            findings: column.json("findings")?,
            supersedes,
            waiting,
            data_key: column.maybe_bytes("data_key")?,
            form: column.maybe_bytes("form")?,
        })
    }
}

impl MailingRow {
    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "mailings" };
        Ok(Self {
            id: column.parsed("id")?,
            request: column.parsed("request")?,
            message_id: column.text("message_id")?,
            object_key: column.text("object_key")?,
            envelope: column.maybe_bytes("envelope")?,
            status: column.parsed("status")?,
            attempts: column.int("attempts")?,
            last_phase: column.maybe_text("last_phase")?,
            last_code: column.maybe_text("last_code")?,
            updated_at: column.time("updated_at")?,
        })
    }
}
