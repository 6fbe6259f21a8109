//! The delivery rows: the queue itself, or, with a broker, the record of what it owes.
//!
//! A delivery is claimed by compare-and-set, with attempts counted before anything is done with it, and its row
//! goes away in the transaction of its effect. A claim that runs out is simply due again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::apply::micros;
use super::batch::{Value, execute_in, push_places};
use super::rows::{Column, StoredEvent};
use super::{Store, StoreError};
use crate::domain::{MessageId, RequestId};
use crate::messages::{Body, Step};

/// A claimed delivery.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The message.
    pub id: MessageId,
    /// What it says.
    pub body: Body,
    /// Attempts since the step last did its work, this one included.
    pub attempts: i64,
    /// Grows with every claim of the delivery.
    pub fence: i64,
}

/// Which deliveries to claim.
#[derive(Debug, Clone)]
pub struct Due {
    /// Of which step.
    pub step: Step,
    /// At most so many.
    pub limit: i64,
    /// What is due now.
    pub now: DateTime<Utc>,
    /// Until when the claim holds.
    pub until: DateTime<Utc>,
    /// Only these (a broker announced them); all if empty.
    pub only: Vec<MessageId>,
}

/// When a delivery is tried again, and why.
#[derive(Debug, Clone)]
pub struct Again {
    /// When.
    pub at: DateTime<Utc>,
    /// Code of the reason.
    pub reason: String,
    /// Its stage did its work and asks for another time, as for a mail that was deferred: failures are counted anew.
    pub worked: bool,
}

impl Store {
    /// Claims what is due.
    pub async fn claim_due(&self, due: Due) -> Result<Vec<Claimed>, StoreError> {
        let skip_locked = self.dialect.skip_locked();
        self.exclusively(move |connection| Box::pin(claim(connection, due, skip_locked))).await
    }

    /// Puts a delivery back.
    pub async fn retry(
        &self,
        message: MessageId,
        step: Step,
        again: Again,
    ) -> Result<(), StoreError> {
        let relay = self.relay;
        self.exclusively(move |connection| {
            Box::pin(async move {
                let Again { at, reason, worked } = again;
                set_state(connection, message, step, ("waiting", at, Some(reason))).await?;
                if worked {
                    forget_attempts(connection, message, step).await?;
                }
                publish_again(connection, relay, message, at).await
            })
        })
        .await
    }

    /// Ends every claim: for the one instance of an embedded installation, whose predecessor is gone. Returns how many.
    pub async fn release_claims(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE deliveries SET state = 'waiting', available_at = $1 WHERE state = 'leased'",
                )
                .bind(micros(now))
                .execute(&mut *connection)
                .await?;
                sqlx::query(
                    "UPDATE page_attempts SET status = 'waiting', available_at = $1 WHERE status = 'sending'",
                )
                .bind(micros(now))
                .execute(&mut *connection)
                .await?;
                Ok(done.rows_affected())
            })
        })
        .await
    }

    /// What the relay has to publish: claimed until `until`, so that two relays do not send the same.
    pub async fn to_publish(
        &self,
        limit: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let waiting: i64 = sqlx::query("SELECT count(*) FROM messages WHERE publish_at <= $1")
            .bind(micros(now))
            .fetch_one(&self.readers)
            .await?
            .try_get(0)?;
        if waiting == 0 {
            return Ok(Vec::new());
        }
        let skip_locked = self.dialect.skip_locked();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let sql = format!(
                    "UPDATE messages SET publish_at = $3 WHERE id IN (
                         SELECT id FROM messages WHERE publish_at <= $1 ORDER BY publish_at LIMIT $2{skip_locked})
                     RETURNING id, route, body, created_at"
                );
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(micros(now))
                    .bind(limit)
                    .bind(micros(until))
                    .fetch_all(&mut *connection)
                    .await?;
                rows.iter().map(StoredEvent::read).collect()
            })
        })
        .await
    }

    /// The broker has confirmed these.
    pub async fn published(&self, messages: Vec<MessageId>) -> Result<(), StoreError> {
        let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                execute_in(
                    connection,
                    "UPDATE messages SET publish_at = NULL WHERE id IN",
                    Vec::new(),
                    &ids,
                )
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// The broker did not take these: they are due again at `at`, not only when their claim runs out.
    pub async fn publish_later(
        &self,
        messages: Vec<MessageId>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
        self.exclusively(move |connection| {
            Box::pin(async move {
                let head = "UPDATE messages SET publish_at = $1 WHERE id IN";
                execute_in(connection, head, vec![Value::Int(micros(at))], &ids).await?;
                Ok(())
            })
        })
        .await
    }

    /// Publishes again what made no progress since `before`: a broker may lose everything it has.
    pub async fn republish_lost(
        &self,
        now: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        if !self.relay {
            return Ok(0);
        }
        self.exclusively(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "UPDATE messages SET publish_at = $1 WHERE publish_at IS NULL AND id IN (
                         SELECT message FROM deliveries
                         WHERE state IN ('waiting', 'leased') AND available_at <= $2)",
                )
                .bind(micros(now))
                .bind(micros(before))
                .execute(&mut *connection)
                .await?;
                Ok(done.rows_affected())
            })
        })
        .await
    }

    /// Whether a command of this step stands for the request: waiting, in work, or given up until a person acts.
    pub async fn has_command(&self, request: RequestId, step: Step) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FROM deliveries d JOIN messages m ON m.id = d.message
             WHERE m.request = $1 AND d.queue = $2",
        )
        .bind(request.to_string())
        .bind(step.as_str())
        .fetch_one(&self.readers)
        .await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Deliveries by queue and state, for metrics and readiness.
    pub async fn depths(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT queue, state, count(*) AS depth FROM deliveries GROUP BY queue, state
             UNION ALL SELECT 'relay', 'waiting', count(*) FROM messages WHERE publish_at IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "deliveries" };
                Ok((column.text("queue")?, column.text("state")?, column.int("depth")?))
            })
            .collect()
    }
}

async fn claim(
    connection: &mut AnyConnection,
    due: Due,
    skip_locked: &'static str,
) -> Result<Vec<Claimed>, StoreError> {
    let mut only = String::new();
    if !due.only.is_empty() {
        only.push_str(" AND message IN (");
        push_places(&mut only, 4, due.only.len());
        only.push(')');
    }
    let sql = format!(
        "UPDATE deliveries SET state = 'leased', available_at = $3, attempts = attempts + 1, fence = fence + 1
         WHERE queue = $1 AND message IN (
             SELECT message FROM deliveries
             WHERE queue = $1 AND state IN ('waiting', 'leased') AND available_at <= $2{only}
             ORDER BY available_at LIMIT $4{skip_locked})
         RETURNING message, attempts, fence"
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(due.step.as_str())
        .bind(micros(due.now))
        .bind(micros(due.until))
        .bind(due.limit);
    for id in &due.only {
        query = query.bind(id.to_string());
    }
    let rows = query.fetch_all(&mut *connection).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut claims = BTreeMap::new();
    for row in &rows {
        let column = Column { row, table: "deliveries" };
        let id: MessageId = column.parsed("message")?;
        claims.insert(id, (column.int("attempts")?, column.int("fence")?));
    }
    bodies_of(connection, &claims).await
}

/// Joins the claims with what their messages say.
async fn bodies_of(
    connection: &mut AnyConnection,
    claims: &BTreeMap<MessageId, (i64, i64)>,
) -> Result<Vec<Claimed>, StoreError> {
    let mut sql = String::from("SELECT id, body FROM messages WHERE id IN (");
    push_places(&mut sql, 0, claims.len());
    sql.push_str(") ORDER BY id");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in claims.keys() {
        query = query.bind(id.to_string());
    }
    let mut claimed = Vec::with_capacity(claims.len());
    for row in &query.fetch_all(&mut *connection).await? {
        let column = Column { row, table: "messages" };
        let id: MessageId = column.parsed("id")?;
        if let Some((attempts, fence)) = claims.get(&id) {
            claimed.push(Claimed {
                id,
                body: column.json("body")?,
                attempts: *attempts,
                fence: *fence,
            });
        }
    }
    Ok(claimed)
}

pub(super) async fn set_state(
    connection: &mut AnyConnection,
    message: MessageId,
    step: Step,
    (state, at, error): (&'static str, DateTime<Utc>, Option<String>),
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET state = $3, available_at = $4, last_error = $5
         WHERE message = $1 AND queue = $2",
    )
    .bind(message.to_string())
    .bind(step.as_str())
    .bind(state)
    .bind(micros(at))
    .bind(error)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

async fn forget_attempts(
    connection: &mut AnyConnection,
    message: MessageId,
    step: Step,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE deliveries SET attempts = 0 WHERE message = $1 AND queue = $2")
        .bind(message.to_string())
        .bind(step.as_str())
        .execute(&mut *connection)
        .await?;
    Ok(())
}

pub(super) async fn publish_again(
    connection: &mut AnyConnection,
    relay: bool,
    message: MessageId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    if relay {
        let value = vec![Value::Int(micros(at))];
        execute_in(
            connection,
            "UPDATE messages SET publish_at = $1 WHERE id IN",
            value,
            &[message.to_string()],
        )
        .await?;
    }
    Ok(())
}

impl StoredEvent {
    pub(super) fn read(row: &sqlx::any::AnyRow) -> Result<Self, StoreError> {
        let column = Column { row, table: "messages" };
        Ok(Self {
            id: column.parsed("id")?,
            at: column.time("created_at")?,
            route: column.json("route")?,
            body: column.json("body")?,
        })
    }
}
