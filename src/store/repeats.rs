//! Requests that were made before about the same image, or the same case.

use std::collections::BTreeMap;

use super::rows::Column;
use super::{RequestRow, Store, StoreError};
use crate::domain::RequestId;

/// Most repeats that are told; more are no news.
const MOST: i64 = 50;

/// What another request shares with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shared {
    /// A probe, byte for byte.
    pub probe: bool,
    /// Agency and case number.
    pub case: bool,
}

impl Store {
    /// Other requests with a probe of this one, or about the same case of the same agency; the newest of each kind.
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
}
