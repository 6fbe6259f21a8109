//! Sessions that have ended.

use chrono::{DateTime, TimeDelta, Utc};

use super::apply::micros;
use super::{Store, StoreError};

/// Idle for half an hour, or begun twelve hours ago, a session has ended; this much later nobody asks for it any more.
const KEPT: TimeDelta = TimeDelta::days(1);

impl Store {
    /// Deletes the sessions that ended more than a day ago. Returns how many; the audit log keeps who logged in when.
    pub async fn forget_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let idle = micros(now - KEPT - TimeDelta::minutes(30));
        let old = micros(now - KEPT - TimeDelta::hours(12));
        // Nearly always there is nothing to do, and the writer is left alone.
        let row =
            sqlx::query("SELECT count(*) FROM sessions WHERE seen_at <= $1 OR created_at <= $2")
                .bind(idle)
                .bind(old)
                .fetch_one(&self.readers)
                .await?;
        if sqlx::Row::try_get::<i64, _>(&row, 0)? == 0 {
            return Ok(0);
        }
        self.exclusively(move |connection| {
            Box::pin(async move {
                let done =
                    sqlx::query("DELETE FROM sessions WHERE seen_at <= $1 OR created_at <= $2")
                        .bind(idle)
                        .bind(old)
                        .execute(&mut *connection)
                        .await?;
                Ok(done.rows_affected())
            })
        })
        .await
    }
}
