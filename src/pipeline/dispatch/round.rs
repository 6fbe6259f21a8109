//! What waits is given out as soon as somebody has room, and its agency is told why it waits still.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use strum::VariantArray as _;

use super::super::{Context, PipelineError};
use super::{MOST_COUNTED, Offer, offer, reviewers};
use crate::domain::{AccountId, Lane, Unit, UnitId, Waiting, WaitingReason};
use crate::registry::Registry;
use crate::store::RequestRow;

/// How many more jobs the reviewers of a unit who are on duty have room for.
async fn room(ctx: &Context, registry: &Registry, unit: &Unit) -> Result<i64, PipelineError> {
    let now = ctx.now();
    if unit.desk.is_offline(now) {
        return Ok(0);
    }
    let on_duty: BTreeSet<AccountId> =
        Lane::VARIANTS.iter().flat_map(|lane| registry.on_duty(&unit.id, *lane, now)).collect();
    let people: Vec<AccountId> = reviewers(registry, &unit.id)
        .into_iter()
        .filter(|person| person.active && on_duty.contains(&person.id))
        .filter(|person| person.credentials.iter().any(|credential| credential.in_force(now)))
        .map(|person| person.id)
        .collect();
    let loads = ctx.store.loads(&unit.id, &people, MOST_COUNTED).await?;
    let capacity = i64::from(unit.desk.capacity());
    Ok(loads.values().map(|open| (capacity - open).max(0)).sum())
}

/// Jobs that are read at a time.
const PAGE: i64 = 50;
/// Pages of one round: what nobody may take does not keep the others from being given out.
const PAGES: usize = 10;

/// Gives out what waits, in the order of the queue, as long as somebody has room. Returns how many were offered.
pub async fn round(ctx: &Context) -> Result<usize, PipelineError> {
    let registry = ctx.registry().await?;
    let mut offered = 0;
    for unit in &registry.units {
        let room = room(ctx, &registry, unit).await?;
        offered += round_of(ctx, unit, room).await?;
        offered += look_again(ctx, &registry, unit).await?;
    }
    Ok(offered)
}

async fn round_of(ctx: &Context, unit: &Unit, mut room: i64) -> Result<usize, PipelineError> {
    let mut offered = 0;
    let mut after = None;
    for _ in 0..PAGES {
        if room == 0 {
            break;
        }
        let page = ctx.store.queued(&unit.id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in &page {
            if room > 0 && is_offered(ctx, row).await {
                room -= 1;
                offered += 1;
            }
        }
    }
    Ok(offered)
}

/// Jobs whose agency was told another reason for the wait than the one that holds now, or none, are decided again.
async fn look_again(
    ctx: &Context,
    registry: &Registry,
    unit: &Unit,
) -> Result<usize, PipelineError> {
    let mut offered = 0;
    for lane in Lane::VARIANTS {
        let outdated = outdated(registry, unit, *lane, ctx.now());
        for row in ctx.store.waiting((&unit.id, *lane), &outdated, PAGE).await? {
            offered += usize::from(is_offered(ctx, &row).await);
        }
    }
    Ok(offered)
}

/// Pure: reasons that no job of the lane can wait for at this time.
fn outdated(
    registry: &Registry,
    unit: &Unit,
    lane: Lane,
    now: DateTime<Utc>,
) -> Vec<WaitingReason> {
    let on_duty = registry.on_duty(&unit.id, lane, now);
    let holds = |reason: WaitingReason| {
        if unit.desk.is_offline(now) {
            reason == WaitingReason::UnitOffline
        } else if reviewers(registry, &unit.id).iter().any(|a| a.active && on_duty.contains(&a.id))
        {
            !matches!(reason, WaitingReason::UnitOffline | WaitingReason::NobodyOnDuty)
        } else {
            reason == WaitingReason::NobodyOnDuty
        }
    };
    WaitingReason::VARIANTS.iter().copied().filter(|reason| !holds(*reason)).collect()
}

/// The reason with what the registry says of it.
pub fn waiting(registry: &Registry, unit: &UnitId, reason: WaitingReason) -> Waiting {
    let desk = registry.unit(unit).map(|unit| &unit.desk);
    let until = match reason {
        WaitingReason::UnitOffline => desk.and_then(|desk| desk.offline_until),
        WaitingReason::NobodyOnDuty
        | WaitingReason::NobodyQualified
        | WaitingReason::AtCapacity
        | WaitingReason::Conflict => None,
    };
    Waiting { reason, until }
}

/// A job that cannot be given out does not keep the others from it.
async fn is_offered(ctx: &Context, row: &RequestRow) -> bool {
    match offer(ctx, row, None, &[]).await {
        Ok(Offer::Made) => true,
        Ok(Offer::NotMade(_)) => false,
        Err(error) => {
            tracing::warn!(request = %row.id, error = %error, "give out a job");
            false
        }
    }
}
