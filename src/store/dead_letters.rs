//! Deliveries that were given up: visible, replayable, never silently gone.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::apply::{micros, update_mailing};
use super::deliveries::{publish_again, set_state};
use super::rows::Column;
use super::{MailingUpdate, Store, StoreError};
use crate::audit::AuditEvent;
use crate::domain::{MessageId, RequestId};
use crate::messages::{Body, Step};

/// A delivery that was given up.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// The message.
    pub message: MessageId,
    /// The step that gave up.
    pub queue: String,
    /// The request it is about.
    pub request: RequestId,
    /// Attempts that failed in a row.
    pub attempts: i64,
    /// Why.
    pub reason: Option<String>,
    /// When the message was made.
    pub created_at: DateTime<Utc>,
    /// What it says.
    pub body: Body,
}

impl Store {
    /// Gives a delivery up, with its audit entry; a person must replay or drop it.
    pub async fn bury(
        &self,
        message: MessageId,
        step: Step,
        error: String,
        event: AuditEvent,
    ) -> Result<(), StoreError> {
        let dialect = self.dialect;
        self.exclusively(move |connection| {
            Box::pin(async move {
                set_state(connection, message, step, ("dead", event.at, Some(error))).await?;
                super::audit_log::append(connection, dialect, &[&event]).await
            })
        })
        .await
    }

    /// Puts a dead letter back into its queue, with its audit entry. `false` if there is none.
    pub async fn replay(
        &self,
        message: MessageId,
        at: DateTime<Utc>,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let (dialect, relay) = (self.dialect, self.relay);
        let replayed = self
            .exclusively(move |connection| {
                Box::pin(async move {
                    let done = sqlx::query(
                        "UPDATE deliveries SET state = 'waiting', available_at = $2, attempts = 0
                         WHERE message = $1 AND state = 'dead'",
                    )
                    .bind(message.to_string())
                    .bind(micros(at))
                    .execute(&mut *connection)
                    .await?;
                    if done.rows_affected() == 0 {
                        return Ok(false);
                    }
                    publish_again(connection, relay, message, at).await?;
                    super::audit_log::append(connection, dialect, &[&event]).await?;
                    Ok(true)
                })
            })
            .await?;
        self.woken().notify_waiters();
        Ok(replayed)
    }

    /// Removes a dead letter for good, with its audit entry, and gives up the mail that it was about, if that is wanted.
    /// `false` if there is none.
    pub async fn drop_dead(
        &self,
        message: MessageId,
        event: AuditEvent,
        given_up: Option<MailingUpdate>,
    ) -> Result<bool, StoreError> {
        let dialect = self.dialect;
        self.exclusively(move |connection| {
            Box::pin(async move {
                let done =
                    sqlx::query("DELETE FROM deliveries WHERE message = $1 AND state = 'dead'")
                        .bind(message.to_string())
                        .execute(&mut *connection)
                        .await?;
                if done.rows_affected() == 0 {
                    return Ok(false);
                }
                if let Some(mail) = given_up {
                    update_mailing(connection, &mail).await?;
                }
                sqlx::query("DELETE FROM messages WHERE id = $1")
                    .bind(message.to_string())
                    .execute(&mut *connection)
                    .await?;
                super::audit_log::append(connection, dialect, &[&event]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Dead letters, oldest first.
    pub async fn dead_letters(&self, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.message, d.queue, d.attempts, d.last_error, m.request, m.body, m.created_at
             FROM deliveries d JOIN messages m ON m.id = d.message
             WHERE d.state = 'dead' ORDER BY d.message LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let column = Column { row, table: "deliveries" };
                Ok(DeadLetter {
                    message: column.parsed("message")?,
                    queue: column.text("queue")?,
                    request: column.parsed("request")?,
                    attempts: column.int("attempts")?,
                    reason: column.maybe_text("last_error")?,
                    created_at: column.time("created_at")?,
                    body: column.json("body")?,
                })
            })
            .collect()
    }
}
