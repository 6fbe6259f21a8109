//! Enforces deadlines and finds what was lost. Every open request has one next deadline; nothing waits for ever.

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::orphans;
use crate::lifecycle::{Event, Stage, due, next};
use crate::messages::{Message, Step};
use crate::pipeline::emergency::{enforce, remind};
use crate::pipeline::respond::stranded;
use crate::pipeline::{Context, PipelineError, dispatch, hold, lease, people, retain, service};
use crate::store::{Change, RequestRow, RequestUpdate};

/// A published message without progress for this long is published again.
const LOST_AFTER: TimeDelta = TimeDelta::seconds(30);

/// The whole image store is listed; a crash's images are sealed and may wait.
const ORPHANS_EVERY: Duration = Duration::from_hours(1);

/// Sweeps every `every`, until told to stop.
pub async fn run(ctx: Context, every: Duration, stop: CancellationToken) {
    // The first look an hour after the start: an operator who restores a database has time to see that it is another one.
    let mut orphans_at = tokio::time::Instant::now() + ORPHANS_EVERY;
    while !stop.is_cancelled() {
        let _ = once(&ctx).await;
        if tokio::time::Instant::now() >= orphans_at {
            orphans_at += ORPHANS_EVERY;
            look_for_orphans(&ctx).await;
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn look_for_orphans(ctx: &Context) {
    match orphans::once(ctx).await {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(deleted, "deleted images that no request names"),
        Err(error) => tracing::warn!(error = %error, "look for images that no request names"),
    }
}

/// One sweep. Returns how many requests were moved. A part that fails holds no other up; the next sweep tries it again.
pub async fn once(ctx: &Context) -> usize {
    let now = ctx.now();
    ctx.previews.expire(now);
    part("publish again", republish(ctx, now).await);
    let mut moved = part("enforce what emergencies owe", enforce::sweep(ctx).await);
    let _ = part("remind of what emergencies owe", remind::sweep(ctx).await);
    moved += part("move overdue requests", overdue(ctx, now).await);
    part("look at service clocks", service_clocks(ctx, now).await);
    moved += part("reclaim from the suspended", people::reclaim_from_the_suspended(ctx).await);
    moved += part("give out what is queued", dispatch::round(ctx).await);
    let _ = part("forget sessions", ctx.store.forget_sessions(now).await);
    part("delete images", discard(ctx).await);
    moved
}

fn part<T: Default, E: Display>(what: &'static str, done: Result<T, E>) -> T {
    done.unwrap_or_else(|error| {
        tracing::warn!(%error, "failed to {what}");
        T::default()
    })
}

async fn republish(ctx: &Context, now: DateTime<Utc>) -> Result<(), PipelineError> {
    let lost = ctx.store.republish_lost(now, now - LOST_AFTER).await?;
    if lost > 0 {
        tracing::info!(messages = lost, "published again what made no progress");
    }
    Ok(())
}

async fn overdue(ctx: &Context, now: DateTime<Utc>) -> Result<usize, PipelineError> {
    let mut moved = 0;
    for row in &ctx.store.overdue(now, 500).await? {
        match overdue_request(ctx, row, now).await {
            Ok(()) => moved += 1,
            Err(error) => {
                tracing::warn!(request = %row.id, error = %error, "move an overdue request");
            }
        }
    }
    Ok(moved)
}

/// Images of rejected forms leave the image store; their rows left in the transaction of the rejection.
async fn discard(ctx: &Context) -> Result<(), PipelineError> {
    for object_key in ctx.store.discarded(100).await? {
        match ctx.vault.delete(&object_key).await {
            Ok(()) => ctx.store.forget_discarded(object_key).await?,
            Err(error) => tracing::warn!(%error, "failed to delete an image"),
        }
    }
    Ok(())
}

/// Reminders and overdue answers, by the units' service targets.
async fn service_clocks(ctx: &Context, now: DateTime<Utc>) -> Result<(), PipelineError> {
    for clock in ctx.store.clocks_to_look_at(now, 500).await? {
        if let Err(error) = service::look_at(ctx, clock).await {
            tracing::warn!(request = %clock.request, error = %error, "look at a service clock");
        }
    }
    Ok(())
}

async fn overdue_request(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<(), PipelineError> {
    let change = match &row.stage {
        Stage::Offered { reviewer } => {
            let _ = dispatch::offer(ctx, row, None, &[*reviewer]).await?;
            return Ok(());
        }
        Stage::Leased { .. } | Stage::SecondReview { .. } | Stage::Adjudication { .. } => {
            lease_ended(ctx, row, now)?
        }
        Stage::Queued | Stage::Examined { .. } | Stage::AdjudicationDue { .. } => {
            retain::expire(ctx, row, now)?
        }
        Stage::Received => again(ctx, row, Step::Check, now).await?,
        Stage::Accepted => again(ctx, row, Step::Dispatch, now).await?,
        Stage::Released { .. } => again(ctx, row, Step::Respond, now).await?,
        // The mail has its own schedule of attempts, two days long.
        Stage::Delivering => {
            let overdue = extended(ctx, row, "delivery.overdue", now);
            stranded::take_up(ctx, row, overdue, now).await?
        }
        Stage::Held { .. } => hold::overdue(ctx, row, now)?,
        Stage::AwaitingRelease { .. } => release_overdue(ctx, row, now)?,
        Stage::AwaitingPickup | Stage::FeedbackDue => extended(ctx, row, "requester.overdue", now),
        Stage::Rejected
        | Stage::Delivered
        | Stage::Acknowledged
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => return Ok(()),
    };
    let _ = ctx.store.apply(change).await?;
    Ok(())
}

fn lease_ended(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let mut event = ctx.event("sweep", "lease.expired", now).request(row.id).unit(&row.unit);
    if let Some(lease) = row.stage.lease() {
        event = event
            .detail("reviewer", &lease.reviewer.to_string())
            .detail("token", &lease.token.to_string());
    }
    lease::ended(ctx, row, event)
}

/// A step of leadbroker's own made no progress. A command that is still there has its own schedule of attempts, or is a
/// dead letter that waits for a person: another one beside it would outrun both. One that is gone is given once more.
async fn again(
    ctx: &Context,
    row: &RequestRow,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let mut change = extended(ctx, row, "step.overdue", now);
    if !ctx.store.has_command(row.id, step).await? {
        change.outgoing.push(Message::command(ctx.message_id(), now, step, row.id));
    }
    Ok(change)
}

/// The owner has had its time: the log says so, and the clock starts anew.
fn extended(ctx: &Context, row: &RequestRow, action: &str, now: DateTime<Utc>) -> Change {
    late(ctx, row, (row.stage.clone(), action), now)
}

/// Nobody released the answer in time: from now on the supervisors are paged, too.
fn release_overdue(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::ReleaseOverdue)?;
    Ok(late(ctx, row, (stage, "release.overdue"), now))
}

fn late(
    ctx: &Context,
    row: &RequestRow,
    (stage, action): (Stage, &str),
    now: DateTime<Utc>,
) -> Change {
    let until = due(&stage, row.lane, now, &ctx.rules.terms);
    let event = ctx
        .event("sweep", action, now)
        .request(row.id)
        .unit(&row.unit)
        .detail("stage", row.stage.code().as_str());
    tracing::warn!(request = %row.id, stage = row.stage.code().as_str(), "overdue");
    Change::update(RequestUpdate::stage(row.id, row.version, stage, now, until), vec![event])
}
