//! The ends of a request that no answer brings: withdrawal and expiry.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Context, PipelineError, dispatch, read, sealed, step};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{AccountId, Agency, Outcome, Personal, RequestId};
use crate::lifecycle::{Event, Stage, next};
use crate::messages::EventData;
use crate::store::{Change, NewRecord, RecordKind, RequestRow, RequestUpdate};

/// Why a request was withdrawn, in the agency's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Why.
    pub reason: Personal<String>,
}

/// Withdraws a request of the agency's own, as long as no answer is released.
pub async fn withdraw(
    ctx: &Context,
    agency: &Agency,
    request: RequestId,
    withdrawal: Withdrawal,
) -> Result<Stage, PipelineError> {
    let row = read::own(ctx, agency, request).await?;
    let now = ctx.now();
    let stage = next(&row.stage, Event::Withdrawn)?;
    let event =
        AuditEvent::new(now, Actor::Agency { ori: agency.ori.clone() }, "search_request.withdrawn")
            .request(row.id)
            .unit(&row.unit)
            .agency(&row.ori)
            .detail("from", row.stage.code().as_str());
    let mut change = ended(ctx, &row, &stage, (Outcome::Withdrawn, event), now);
    let id = ctx.ids.id();
    let key = sealed::key_of(ctx, &row)?;
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::Withdrawal,
        // An agency vouches for its people and has no account of its own: the nil account stands for it.
        author: AccountId::new(uuid::Uuid::nil()),
        at: now,
        sealed: sealed::seal_record(ctx, id, &key, &withdrawal)?,
    });
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

/// The change with which a request runs out of time.
pub fn expire(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::Expired)?;
    let event = ctx
        .event("retain", "search_request.expired", now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .detail("from", row.stage.code().as_str());
    Ok(ended(ctx, row, &stage, (Outcome::Expired, event), now))
}

fn ended(
    ctx: &Context,
    row: &RequestRow,
    stage: &Stage,
    (outcome, event): (Outcome, AuditEvent),
    now: DateTime<Utc>,
) -> Change {
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, None);
    update.outcome = Some(outcome);
    let mut change = Change::update(update, vec![event]);
    let data = EventData {
        request: row.id,
        state: stage.code(),
        findings: Vec::new(),
        outcome: Some(outcome),
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, stage, now, data));
    change
}
