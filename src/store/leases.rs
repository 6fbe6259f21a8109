//! Reads of the queue and of what people have on their desks. They never lock and never change anything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::apply::micros;
use super::batch::push_places;
use super::capacity::CLAIMED;
use super::rows::{Column, REQUEST_COLUMNS, RequestRow};
use super::{RecordKind, RecordRow, Store, StoreError};
use crate::domain::{AccountId, Lane, RequestId, UnitId, WaitingReason};
use crate::lifecycle::{StageCode, rank};

/// Word for word the expression of the index `search_requests_by_rank`, or the index is of no use.
const RANK: &str = "(received_at - CASE lane WHEN 'threat' THEN 259200000000 WHEN 'priority' THEN 86400000000 ELSE 0 END)";

/// Word for word the predicate of that index.
const OPEN_WORK: &str = "stage IN ('queued', 'offered', 'leased', 'examined', 'second_review', 'adjudication_due', 'adjudication', 'awaiting_release', 'held')";

/// Which part of a person's worklist to read.
#[derive(Debug, Clone)]
pub struct WorkPage {
    /// Unit.
    pub unit: UnitId,
    /// Whose worklist: what the person holds, what nobody holds, and nothing that the person examined before.
    pub person: AccountId,
    /// In these stages.
    pub stages: Vec<StageCode>,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// What comes after this request.
    pub after: Option<RequestId>,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// A page of a person's worklist, in the order in which jobs are served.
    pub async fn worklist(&self, page: &WorkPage) -> Result<Vec<RequestRow>, StoreError> {
        let (rank, id) = self.place_of(page.after).await?;
        let stages: Vec<String> = page.stages.iter().map(|stage| format!("'{stage}'")).collect();
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests
             WHERE unit = $1 AND {OPEN_WORK} AND stage IN ({}) AND ($2 = '' OR lane = $2)
                 AND (holder = $3 OR ((holder IS NULL OR stage = 'offered') AND stage_data NOT LIKE $4))
                 AND ({RANK}, id) > ($5, $6)
             ORDER BY {RANK}, id LIMIT $7",
            stages.join(", ")
        );
        let lane: &'static str = page.lane.map_or("", Into::into);
        sqlx::query(AssertSqlSafe(sql))
            .bind(page.unit.as_str())
            .bind(lane)
            .bind(page.person.to_string())
            .bind(format!("%{}%", page.person))
            .bind(rank)
            .bind(id)
            .bind(page.limit)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(RequestRow::read)
            .collect()
    }

    /// Jobs that nobody is asked to take, in the order in which they are given out.
    pub async fn queued(
        &self,
        unit: &UnitId,
        after: Option<RequestId>,
        limit: i64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let (rank, id) = self.place_of(after).await?;
        let sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests
             WHERE unit = $1 AND {OPEN_WORK} AND stage = 'queued' AND ({RANK}, id) > ($2, $3)
             ORDER BY {RANK}, id LIMIT $4"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(unit.as_str())
            .bind(rank)
            .bind(id)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(RequestRow::read)
            .collect()
    }

    /// Queued jobs of a lane that wait for one of these reasons, or for none that was told; the oldest ones.
    pub async fn waiting(
        &self,
        (unit, lane): (&UnitId, Lane),
        reasons: &[WaitingReason],
        limit: i64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let mut sql = format!(
            "SELECT {REQUEST_COLUMNS} FROM search_requests
             WHERE unit = $1 AND stage = 'queued' AND lane = $2 AND coalesce(waiting, '') IN ("
        );
        push_places(&mut sql, 3, reasons.len() + 1);
        sql.push_str(") ORDER BY received_at, id LIMIT $3");
        let lane: &'static str = lane.into();
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(unit.as_str()).bind(lane).bind(limit);
        query = query.bind("");
        for reason in reasons {
            query = query.bind(<&'static str>::from(*reason));
        }
        query.fetch_all(&self.readers).await?.iter().map(RequestRow::read).collect()
    }

    /// Where a request stands in the queue; before everything if none is given.
    async fn place_of(&self, after: Option<RequestId>) -> Result<(i64, String), StoreError> {
        let Some(after) = after else {
            return Ok((i64::MIN, String::new()));
        };
        let row = self.request(after).await?;
        let place = row.map_or(i64::MAX, |row| micros(rank(row.lane, row.received_at)));
        Ok((place, after.to_string()))
    }

    /// How many claims a person holds.
    pub async fn claims_held(&self, person: AccountId) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT count(*) AS jobs FROM search_requests WHERE holder = $1 AND stage IN {CLAIMED}"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(person.to_string())
            .fetch_one(&self.readers)
            .await?;
        Column { row: &row, table: "search_requests" }.int("jobs")
    }

    /// What a person has on the desk, by offer or by claim.
    pub async fn on_desk(&self, person: AccountId) -> Result<Vec<RequestRow>, StoreError> {
        let sql =
            format!("SELECT {REQUEST_COLUMNS} FROM search_requests WHERE holder = $1 ORDER BY id");
        sqlx::query(AssertSqlSafe(sql))
            .bind(person.to_string())
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(RequestRow::read)
            .collect()
    }

    /// Everybody who has something on the desk.
    pub async fn holders(&self) -> Result<BTreeSet<AccountId>, StoreError> {
        let sql = "SELECT DISTINCT holder FROM search_requests WHERE holder IS NOT NULL";
        sqlx::query(sql)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| Column { row, table: "search_requests" }.parsed("holder"))
            .collect()
    }

    /// Who examined, in another request, an image that this request has too.
    pub async fn earlier_reviewers(
        &self,
        request: RequestId,
    ) -> Result<BTreeSet<AccountId>, StoreError> {
        sqlx::query(
            "SELECT DISTINCT earlier.author FROM probes this
             JOIN probes other ON other.image_hash = this.image_hash AND other.request <> this.request
             JOIN case_records earlier ON earlier.request = other.request
                 AND earlier.kind IN ('examination', 'second_review', 'adjudication')
             WHERE this.request = $1",
        )
        .bind(request.to_string())
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| Column { row, table: "case_records" }.parsed("author"))
        .collect()
    }

    /// How many examinations each of these people recorded since then; who recorded none is left out.
    pub async fn examined_since(
        &self,
        people: &[AccountId],
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<AccountId, i64>, StoreError> {
        let mut counts = BTreeMap::new();
        for chunk in people.chunks(500) {
            let mut sql = "SELECT author, count(*) AS jobs FROM case_records
                 WHERE kind IN ('examination', 'second_review', 'adjudication') AND written_at >= $1
                     AND author IN ("
                .to_owned();
            push_places(&mut sql, 1, chunk.len());
            sql.push_str(") GROUP BY author");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(micros(since));
            let query = chunk.iter().fold(query, |query, person| query.bind(person.to_string()));
            for row in &query.fetch_all(&self.readers).await? {
                let column = Column { row, table: "case_records" };
                counts.insert(column.parsed("author")?, column.int("jobs")?);
            }
        }
        Ok(counts)
    }

    /// A person's own records of a kind about requests of a unit, newest first, with the request of each; of destroyed requests
    /// there are none.
    pub async fn written_by(
        &self,
        (author, unit): (AccountId, &UnitId),
        kind: RecordKind,
    ) -> Result<Vec<(RequestId, RecordRow)>, StoreError> {
        sqlx::query(
            "SELECT r.request, r.id, r.kind, r.author, r.written_at, r.sealed FROM case_records r
             JOIN search_requests s ON s.id = r.request
             WHERE r.author = $1 AND r.kind = $2 AND s.unit = $3 AND s.data_key IS NOT NULL
             ORDER BY r.written_at DESC, r.id DESC",
        )
        .bind(author.to_string())
        .bind(<&'static str>::from(kind))
        .bind(unit.as_str())
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| {
            let column = Column { row, table: "case_records" };
            let record = RecordRow {
                id: column.parsed("id")?,
                kind: column.parsed("kind")?,
                author: column.parsed("author")?,
                written_at: column.time("written_at")?,
                sealed: column.maybe_bytes("sealed")?,
            };
            Ok((column.parsed("request")?, record))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::lifecycle::head_start;

    #[test]
    fn the_index_the_query_and_the_pure_function_agree() {
        let migration = include_str!("../../migrations/20261121120600_add_leases_and_clocks.sql");
        assert!(migration.contains(RANK) && migration.contains(OPEN_WORK));
        for lane in Lane::VARIANTS {
            let word: &'static str = lane.into();
            let micros = head_start(*lane).num_microseconds().unwrap();
            let arm = format!("WHEN '{word}' THEN {micros} ");
            assert!(RANK.contains(&arm) || micros == 0 && RANK.contains("ELSE 0 "), "{word}");
        }
    }
}
