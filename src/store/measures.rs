//! What the store can count cheaply, for metrics.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use super::apply::micros;
use super::batch::push_places;
use super::rows::Column;
use super::{Store, StoreError};
use crate::domain::RequestId;

/// Counts of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measures {
    /// Unit, stage, requests.
    pub requests: Vec<(String, String, i64)>,
    /// Step, deliveries that wait, and when the one that waits longest became due.
    pub waiting: Vec<(String, i64, DateTime<Utc>)>,
    /// Step, dead letters.
    pub dead: Vec<(String, i64)>,
    /// Messages that the broker has not confirmed.
    pub outbox: i64,
    /// Held requests that somebody let the time run out of.
    pub late_holds: i64,
    /// Status, mails.
    pub mailings: Vec<(String, i64)>,
    /// Entries of the audit log.
    pub audit_entries: i64,
}

impl Store {
    /// Counts what there is. A hold is late if its due time is over, or if it went to the next role because it was.
    pub async fn measures(&self, now: DateTime<Utc>) -> Result<Measures, StoreError> {
        let requests = sqlx::query(
            "SELECT unit, stage, count(*) AS number FROM search_requests GROUP BY unit, stage",
        )
        .fetch_all(&self.readers)
        .await?;
        let deliveries = sqlx::query(
            "SELECT queue, state, count(*) AS number, min(available_at) AS due FROM deliveries
             WHERE state IN ('waiting', 'dead') GROUP BY queue, state",
        )
        .fetch_all(&self.readers)
        .await?;
        let mailings =
            sqlx::query("SELECT status, count(*) AS number FROM mailings GROUP BY status")
                .fetch_all(&self.readers)
                .await?;
        let mut measures = Measures {
            outbox: self
                .number("SELECT count(*) FROM messages WHERE publish_at IS NOT NULL", None)
                .await?,
            late_holds: self
                .number(
                    "SELECT count(*) FROM search_requests
                     WHERE stage = 'held' AND (deadline_at <= $1 OR stage_data LIKE '%\"missed\":%')",
                    Some(micros(now)),
                )
                .await?,
            audit_entries: self.number("SELECT size FROM audit_log WHERE id = 1", None).await?,
            ..Measures::default()
        };
        for row in &requests {
            let column = Column { row, table: "search_requests" };
            let number = column.int("number")?;
            measures.requests.push((column.text("unit")?, column.text("stage")?, number));
        }
        for row in &deliveries {
            let column = Column { row, table: "deliveries" };
            let (queue, number) = (column.text("queue")?, column.int("number")?);
            if column.text("state")? == "dead" {
                measures.dead.push((queue, number));
            } else {
                measures.waiting.push((queue, number, column.time("due")?));
            }
        }
        for row in &mailings {
            let column = Column { row, table: "mailings" };
            measures.mailings.push((column.text("status")?, column.int("number")?));
        }
        Ok(measures)
    }

    /// Which of these requests have a row and are not destroyed: what is left of those names no image.
    pub async fn known_requests(
        &self,
        asked: Vec<RequestId>,
    ) -> Result<BTreeSet<RequestId>, StoreError> {
        let mut known = BTreeSet::new();
        for chunk in asked.chunks(500) {
            let mut sql =
                "SELECT id FROM search_requests WHERE stage <> 'destroyed' AND id IN (".to_owned();
            push_places(&mut sql, 0, chunk.len());
            sql.push(')');
            let query = chunk
                .iter()
                .fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id.to_string()));
            for row in &query.fetch_all(&self.readers).await? {
                known.insert(Column { row, table: "search_requests" }.parsed("id")?);
            }
        }
        Ok(known)
    }

    async fn number(&self, sql: &'static str, given: Option<i64>) -> Result<i64, StoreError> {
        let query = sqlx::query(sql);
        let query = match given {
            Some(given) => query.bind(given),
            None => query,
        };
        Ok(query.fetch_one(&self.readers).await?.try_get(0)?)
    }
}
