//! One-time codes that were spent.

use super::{Store, StoreError};
use crate::domain::AccountId;

impl Store {
    /// Spends the code of a step in time. False if it, or a later one, was spent before (RFC 6238, section 5.2).
    pub async fn spend_code(&self, account: AccountId, step: i64) -> Result<bool, StoreError> {
        self.exclusively(move |connection| {
            Box::pin(async move {
                let done = sqlx::query(
                    "INSERT INTO spent_codes (account, step) VALUES ($1, $2)
                     ON CONFLICT (account) DO UPDATE SET step = excluded.step
                     WHERE spent_codes.step < excluded.step",
                )
                .bind(account.to_string())
                .bind(step)
                .execute(&mut *connection)
                .await?;
                Ok(done.rows_affected() == 1)
            })
        })
        .await
    }
}
