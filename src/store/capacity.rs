//! How many claims one person may hold at once, whoever claims from whichever process at the same moment.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;

use super::StoreError;
use super::batch::fetch_in;
use super::change::{Applied, RequestUpdate};
use super::dialect::Dialect;
use super::rows::Column;
use crate::domain::AccountId;

/// Stages in which a person holds a claim.
pub(super) const CLAIMED: &str = "('leased', 'second_review', 'adjudication')";

type Updates<'c> = Vec<(&'c RequestUpdate, &'c mut Applied)>;

/// Takes out the claims that would be one too many for their holder; they are stale, and decided again.
pub(super) async fn admit<'c>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    updates: Updates<'c>,
) -> Result<Updates<'c>, StoreError> {
    let limited = updates.iter().filter(|(update, _)| update.most_leases.is_some());
    let holders: BTreeSet<AccountId> =
        limited.filter_map(|(update, _)| update.stage.holder()).collect();
    if holders.is_empty() {
        return Ok(updates);
    }
    // In one order for all processes; what is locked is the person, until the commit.
    if let Some(lock) = dialect.lock_person() {
        for holder in &holders {
            let key = holder.uuid().as_u64_pair().1.cast_signed();
            sqlx::query(lock).bind(key).fetch_one(&mut *connection).await?;
        }
    }
    let mut held = count(connection, &holders).await?;
    let mut kept = Vec::with_capacity(updates.len());
    for (update, applied) in updates {
        let (Some(most), Some(holder)) = (update.most_leases, update.stage.holder()) else {
            kept.push((update, applied));
            continue;
        };
        let jobs = held.entry(holder).or_default();
        if *jobs < most {
            *jobs += 1;
            kept.push((update, applied));
        } else {
            *applied = Applied::Stale;
        }
    }
    Ok(kept)
}

async fn count(
    connection: &mut AnyConnection,
    holders: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, i64>, StoreError> {
    let list: Vec<String> = holders.iter().map(ToString::to_string).collect();
    let around = (
        "SELECT holder, count(*) AS jobs FROM search_requests
         WHERE stage IN ('leased', 'second_review', 'adjudication') AND holder IN",
        "GROUP BY holder",
    );
    let rows = fetch_in(connection, around, &list).await?;
    rows.iter()
        .map(|row| {
            let column = Column { row, table: "search_requests" };
            Ok((column.parsed("holder")?, column.int("jobs")?))
        })
        .collect()
}
