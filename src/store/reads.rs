//! Reads. They never lock and never change anything.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::apply::micros;
use super::batch::push_places;
use super::rows::{Column, MailingRow, ProbeRow, REQUEST_COLUMNS, RequestRow, StoredEvent};
use super::{RecordKind, Store, StoreError};
use crate::domain::{AccountId, Lane, Ori, RequestId, UnitId};
use crate::lifecycle::StageCode;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// Rows, newest first.
    pub rows: Vec<RequestRow>,
    /// Give it as `cursor` for the next page.
    pub next: Option<RequestId>,
}

/// Which jobs of a unit to list.
#[derive(Debug, Clone)]
pub struct WorkFilter {
    /// Unit.
    pub unit: UnitId,
    /// In these stages.
    pub stages: Vec<StageCode>,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// At most so many.
    pub limit: i64,
}

/// A sealed record.
#[derive(Debug, Clone)]
pub struct RecordRow {
    /// Id, bound to the sealed bytes.
    pub id: Uuid,
    /// What it is.
    pub kind: RecordKind,
    /// Who wrote it.
    pub author: AccountId,
    /// When.
    pub written_at: DateTime<Utc>,
    /// Sealed content; none once destroyed.
    pub sealed: Option<Vec<u8>>,
}

impl Store {
    /// A request.
    pub async fn request(&self, id: RequestId) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!("SELECT {REQUEST_COLUMNS} FROM search_requests WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(RequestRow::read).transpose()
    }

    /// The request that an idempotency key stands for, with the digest of its body.
    pub async fn idempotent(
        &self,
        ori: &Ori,
        key: &str,
    ) -> Result<Option<(RequestId, Vec<u8>)>, StoreError> {
        let row = sqlx::query(
            "SELECT request, body_digest FROM idempotency_keys WHERE ori = $1 AND idempotency_key = $2",
        )
        .bind(ori.as_str())
        .bind(key)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let column = Column { row: &row, table: "idempotency_keys" };
        Ok(Some((column.parsed("request")?, column.bytes("body_digest")?)))
    }

    /// The newest request with the same agency, case and images since `since` that was not refused and is no less urgent
    /// than `lane`. A known-answer job is none that the agency made.
    pub async fn repeat_of(
        &self,
        repeat_hash: [u8; 32],
        lane: Lane,
        since: DateTime<Utc>,
    ) -> Result<Option<RequestId>, StoreError> {
        let row = sqlx::query(
            "SELECT id FROM search_requests
             WHERE repeat_hash = $1 AND received_at >= $2
                 AND CASE lane WHEN 'threat' THEN 0 WHEN 'priority' THEN 1 ELSE 2 END
                     <= CASE $3 WHEN 'threat' THEN 0 WHEN 'priority' THEN 1 ELSE 2 END
                 AND stage NOT IN ('rejected', 'withdrawn', 'expired', 'destroyed')
                 AND NOT EXISTS (SELECT 1 FROM known_answers known WHERE known.request = search_requests.id)
             ORDER BY received_at DESC LIMIT 1",
        )
        .bind(repeat_hash.to_vec())
        .bind(micros(since))
        .bind(<&'static str>::from(lane))
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Column { row: &row, table: "search_requests" }.parsed("id")).transpose()
    }

    /// An agency's requests, newest first, without the known-answer jobs that name it.
    pub async fn requests_of(
        &self,
        ori: &Ori,
        before: Option<RequestId>,
        limit: i64,
    ) -> Result<Page, StoreError> {
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests WHERE ori = $1 AND id < $2
                 AND NOT EXISTS (SELECT 1 FROM known_answers known WHERE known.request = search_requests.id)
             ORDER BY id DESC LIMIT $3"
        );
        // `r.` sorts behind every id.
        let before = before.map_or_else(|| "r.".to_owned(), |id| id.to_string());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(ori.as_str())
            .bind(before)
            .bind(limit + 1)
            .fetch_all(&self.readers)
            .await?;
        let mut rows: Vec<RequestRow> =
            rows.iter().map(RequestRow::read).collect::<Result<_, _>>()?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let next = if more { rows.last().map(|row| row.id) } else { None };
        Ok(Page { rows, next })
    }

    /// A unit's jobs: lane by lane, oldest first.
    pub async fn jobs(&self, filter: &WorkFilter) -> Result<Vec<RequestRow>, StoreError> {
        let mut sql =
            format!("SELECT {REQUEST_COLUMNS} FROM search_requests WHERE unit = $1 AND stage IN (");
        push_places(&mut sql, 3, filter.stages.len());
        sql.push_str(
            ") AND ($2 = '' OR lane = $2)
             ORDER BY CASE lane WHEN 'threat' THEN 0 WHEN 'priority' THEN 1 ELSE 2 END, received_at LIMIT $3",
        );
        let lane: &'static str = filter.lane.map_or("", Into::into);
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.unit.as_str())
            .bind(lane)
            .bind(filter.limit);
        for stage in &filter.stages {
            query = query.bind(stage.as_str());
        }
        query.fetch_all(&self.readers).await?.iter().map(RequestRow::read).collect()
    }

    /// How many jobs each of these reviewers holds, counted up to `most`: whoever has so many is full, and the
    /// count must not grow with the backlog.
    pub async fn loads(
        &self,
        unit: &UnitId,
        reviewers: &[AccountId],
        most: i64,
    ) -> Result<BTreeMap<AccountId, i64>, StoreError> {
        if reviewers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let each = (3..reviewers.len() + 3).map(|place| {
            format!(
                "SELECT ${place} AS holder, count(*) AS jobs FROM (
                     SELECT 1 FROM search_requests WHERE unit = $1 AND holder = ${place} LIMIT $2) AS held"
            )
        });
        let sql = each.collect::<Vec<_>>().join(" UNION ALL ");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(unit.as_str()).bind(most);
        for reviewer in reviewers {
            query = query.bind(reviewer.to_string());
        }
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "search_requests" };
                Ok((column.parsed("holder")?, column.int("jobs")?))
            })
            .collect()
    }

    /// Open requests whose deadline has passed.
    pub async fn overdue(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests WHERE deadline_at <= $1
             ORDER BY deadline_at LIMIT $2"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(micros(now))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(RequestRow::read)
            .collect()
    }

    /// Requests that were received at `since` or later, by id, behind `after`.
    pub async fn received(
        &self,
        since: DateTime<Utc>,
        after: Option<RequestId>,
        limit: i64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests WHERE received_at >= $1 AND id > $2
             ORDER BY id LIMIT $3"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(micros(since))
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(limit)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(RequestRow::read)
            .collect()
    }

    /// How many requests were received at `since` or later.
    pub async fn count_received(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT count(*) AS requests FROM search_requests WHERE received_at >= $1")
                .bind(micros(since))
                .fetch_one(&self.readers)
                .await?;
        let count = Column { row: &row, table: "search_requests" }.int("requests")?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Since when a legal hold keeps the request's record.
    pub async fn legal_hold(
        &self,
        request: RequestId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query("SELECT legal_hold_at FROM search_requests WHERE id = $1")
            .bind(request.to_string())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Column { row: &row, table: "search_requests" }.maybe_time("legal_hold_at")
    }

    /// A request's probes, in the form's order.
    pub async fn probes(&self, request: RequestId) -> Result<Vec<ProbeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT ordinal, object_key, media_type, byte_len FROM probes
             WHERE request = $1 ORDER BY ordinal",
        )
        .bind(request.to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "probes" };
                Ok(ProbeRow {
                    ordinal: column.int("ordinal")?,
                    object_key: column.text("object_key")?,
                    media_type: column.text("media_type")?,
                    byte_len: column.int("byte_len")?,
                })
            })
            .collect()
    }

    /// A request's sealed records, oldest first.
    pub async fn records(&self, request: RequestId) -> Result<Vec<RecordRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, kind, author, written_at, sealed FROM case_records
             WHERE request = $1 ORDER BY written_at, id",
        )
        .bind(request.to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "case_records" };
                Ok(RecordRow {
                    id: column.parsed("id")?,
                    kind: column.parsed("kind")?,
                    author: column.parsed("author")?,
                    written_at: column.time("written_at")?,
                    sealed: column.maybe_bytes("sealed")?,
                })
            })
            .collect()
    }

    /// A mailing.
    pub async fn mailing(&self, id: Uuid) -> Result<Option<MailingRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM mailings WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(MailingRow::read).transpose()
    }

    /// A request's mailings.
    pub async fn mailings_of(&self, request: RequestId) -> Result<Vec<MailingRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM mailings WHERE request = $1 ORDER BY id")
            .bind(request.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(MailingRow::read).collect()
    }

    /// Every message of a request that is still kept: its events, and commands under way.
    pub async fn messages_of(&self, request: RequestId) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, route, body, created_at FROM messages WHERE request = $1 ORDER BY id",
        )
        .bind(request.to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(StoredEvent::read).collect()
    }

    /// When the delivery that waits longest became due, for readiness.
    pub async fn oldest_waiting(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query(
            "SELECT min(available_at) AS available_at FROM deliveries WHERE state = 'waiting'",
        )
        .fetch_one(&self.readers)
        .await?;
        Column { row: &row, table: "deliveries" }.maybe_time("available_at")
    }
}
