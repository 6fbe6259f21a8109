//! Requests that were made before about the same image, a picture that looks the same, or the same case.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::apply::micros;
use super::rows::{Column, REQUEST_COLUMNS};
use super::{Page, RequestRow, Store, StoreError};
use crate::domain::{RequestId, UnitId};

/// Most repeats that are told; more are no news.
const MOST: i64 = 50;

/// What another request shares with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shared {
    /// A probe, byte for byte.
    pub probe: bool,
    /// Probes that look like the same picture.
    pub picture: bool,
    /// Agency and case number.
    pub case: bool,
}

/// Which requests of a unit that repeat an earlier one to list.
#[derive(Debug, Clone)]
pub struct UnitRepeats {
    /// Unit.
    pub unit: UnitId,
    /// Received at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// What comes after this request, which is older.
    pub before: Option<RequestId>,
    /// At most so many.
    pub limit: i64,
}

/// What another request of `r` may share, joined with `o`: the other request.
const SAME_PROBE: &str = "SELECT 1 FROM probes own
     JOIN probes other ON other.image_hash = own.image_hash AND other.request <> own.request
     JOIN search_requests o ON o.id = other.request WHERE own.request = r.id";
const SAME_PICTURE: &str = "SELECT 1 FROM picture_likenesses alike
     JOIN probes p ON p.request = alike.other AND p.ordinal = alike.other_ordinal
     JOIN search_requests o ON o.id = alike.other WHERE alike.request = r.id";
const SAME_CASE: &str = "SELECT 1 FROM search_requests o
     WHERE o.case_hash = r.case_hash AND o.ori = r.ori AND o.id <> r.id AND o.stage <> 'destroyed'";
/// What `pipeline::repeats` tells: an earlier one, and no known-answer job of another unit.
const EARLIER: &str =
    "(o.received_at < r.received_at OR (o.received_at = r.received_at AND o.id < r.id))
     AND (o.unit = r.unit OR NOT EXISTS (SELECT 1 FROM known_answers k WHERE k.request = o.id))";

impl Store {
    /// Other requests with a probe of this one, a picture that looks like one of its own, or about the same case of the
    /// same agency; the newest of each kind.
    pub async fn repeats(
        &self,
        request: RequestId,
    ) -> Result<Vec<(RequestRow, Shared)>, StoreError> {
        let mut found: BTreeMap<RequestId, Shared> = BTreeMap::new();
        let by_probe = "SELECT DISTINCT other.request AS request FROM probes own
             JOIN probes other ON other.image_hash = own.image_hash
             WHERE own.request = $1 AND other.request <> $1
             ORDER BY other.request DESC LIMIT $2";
        for other in self.others(by_probe, request).await? {
            found.entry(other).or_default().probe = true;
        }
        // A probe that is gone looks like nothing.
        let by_picture = "SELECT DISTINCT alike.other AS request FROM picture_likenesses alike
             JOIN probes other ON other.request = alike.other AND other.ordinal = alike.other_ordinal
             WHERE alike.request = $1
             ORDER BY alike.other DESC LIMIT $2";
        for other in self.others(by_picture, request).await? {
            found.entry(other).or_default().picture = true;
        }
        let by_case = "SELECT other.id AS request FROM search_requests own
             JOIN search_requests other ON other.case_hash = own.case_hash AND other.ori = own.ori
             WHERE own.id = $1 AND other.id <> $1 AND other.stage <> 'destroyed'
             ORDER BY other.id DESC LIMIT $2";
        for other in self.others(by_case, request).await? {
            found.entry(other).or_default().case = true;
        }
        let mut repeats = Vec::new();
        for (other, shared) in found {
            if let Some(row) = self.request(other).await? {
                repeats.push((row, shared));
            }
        }
        Ok(repeats)
    }

    async fn others(
        &self,
        sql: &'static str,
        request: RequestId,
    ) -> Result<Vec<RequestId>, StoreError> {
        let rows =
            sqlx::query(sql).bind(request.to_string()).bind(MOST).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Column { row, table: "repeats" }.parsed("request")).collect()
    }

    /// Requests of a unit that repeat an earlier one, of whatever unit; the newest first.
    pub async fn unit_repeats(&self, wanted: &UnitRepeats) -> Result<Page, StoreError> {
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests r
             WHERE unit = $1 AND received_at >= $2 AND id < $3 AND stage <> 'rejected' AND (
                 EXISTS ({SAME_PROBE} AND {EARLIER})
                 OR EXISTS ({SAME_PICTURE} AND {EARLIER})
                 OR EXISTS ({SAME_CASE} AND {EARLIER}))
             ORDER BY id DESC LIMIT $4"
        );
        // `r.` sorts behind every id.
        let before = wanted.before.map_or_else(|| "r.".to_owned(), |id| id.to_string());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(wanted.unit.as_str())
            .bind(wanted.since.map_or(0, micros))
            .bind(before)
            .bind(wanted.limit + 1)
            .fetch_all(&self.readers)
            .await?;
        let mut rows: Vec<RequestRow> =
            rows.iter().map(RequestRow::read).collect::<Result<_, _>>()?;
        let most = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let next = if more { rows.last().map(|row| row.id) } else { None };
        Ok(Page { rows, next })
    }

    /// When a request's answer was released; none if it was not.
    pub async fn released_at(
        &self,
        request: RequestId,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sqlx::query(
            "SELECT min(written_at) AS written_at FROM case_records
             WHERE request = $1 AND kind = 'release'",
        )
        .bind(request.to_string())
        .fetch_one(&self.readers)
        .await?;
        Column { row: &row, table: "case_records" }.maybe_time("written_at")
    }
}
