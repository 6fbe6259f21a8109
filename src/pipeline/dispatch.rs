//! An accepted job goes to the queue of an available, trained, on-call reviewer of the unit.
//!
//! Nobody available: it waits in the queue, and the unit is told. Never silence.

use chrono::{DateTime, Utc};

use super::standing::Moment;
use super::{Context, Disposition, PipelineError, hold, sealed, standing};
use crate::domain::{Account, AccountId, Form, Lane, MessageId, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{AgencyEvent, Body, EventData, Message, Route, Step};
use crate::policy::facts;
use crate::registry::Registry;
use crate::store::{Change, RequestRow, RequestUpdate};

/// A reviewer as the choice sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// Who.
    pub reviewer: AccountId,
    /// Jobs that are offered to or leased by the reviewer.
    pub open_jobs: i64,
}

/// Jobs that are counted for a reviewer; more make no difference.
const MOST_COUNTED: i64 = 100;

/// Pure: who is asked. The least busy; equals take turns by the request, so that a backlog is shared and the same
/// input has the same choice, whatever its order. `not` are those who were asked before or may not see the case.
pub fn choose(request: RequestId, available: &[Available], not: &[AccountId]) -> Option<AccountId> {
    let turn = |reviewer: AccountId| {
        let mixed = request.uuid().as_u128() ^ reviewer.uuid().as_u128();
        // An odd number with irregular bits: the high half of the product depends on every bit below.
        mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835) >> 64
    };
    available
        .iter()
        .filter(|candidate| !not.contains(&candidate.reviewer))
        .min_by_key(|one| (one.open_jobs, turn(one.reviewer), one.reviewer))
        .map(|candidate| candidate.reviewer)
}

/// Reviewers of the unit who are on duty, hold a credential in force, and whom the policies let claim this job, with
/// their load.
pub async fn available(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
    form: &Form,
    now: DateTime<Utc>,
) -> Result<Vec<Available>, PipelineError> {
    let packs = standing::packs(registry, row);
    let policies = ctx.policies().await?;
    let may_claim = |account: &Account| {
        let reviewer = standing::reviewer(registry, row, form, account, now);
        policies.decide(&packs, &facts::lease(&reviewer, now)).verdict() == Verdict::Accept
    };
    let on_duty: Vec<AccountId> = registry
        .on_duty(&row.unit, row.lane, now)
        .into_iter()
        .filter_map(|id| registry.account(id))
        .filter(|account| account.active && account.role == Role::Reviewer)
        .filter(|account| account.credentials.iter().any(|c| c.in_force(now)))
        .filter(|account| may_claim(account))
        .map(|account| account.id)
        .collect();
    let loads = ctx.store.loads(&row.unit, &on_duty, MOST_COUNTED).await?;
    Ok(loads.into_iter().map(|(reviewer, open_jobs)| Available { reviewer, open_jobs }).collect())
}

/// Handles the command to dispatch.
pub async fn handle(
    ctx: &Context,
    cause: MessageId,
    request: RequestId,
) -> Result<Disposition, PipelineError> {
    let Some(row) = ctx.store.request(request).await? else {
        return Ok(Disposition::DeadLetter { reason: "request_unknown".to_owned() });
    };
    // Whoever was asked stays asked when the command comes again; the offer's own deadline asks the next one.
    if row.stage != Stage::Accepted {
        return super::step::acknowledge(ctx, cause, Step::Dispatch).await;
    }
    offer(ctx, &row, Some(cause), &[]).await
}

/// Offers the job, or queues it. `asked` did not take it.
pub async fn offer(
    ctx: &Context,
    row: &RequestRow,
    cause: Option<MessageId>,
    asked: &[AccountId],
) -> Result<Disposition, PipelineError> {
    let now = ctx.now();
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let intake = sealed::intake_of(ctx, row)?;
    let moment = Moment::now(ctx, &registry, &policies);
    let standing = standing::standing(&moment, row, intake.signature_verified);
    let facts = facts::dispatch(&intake.form, &standing, now);
    let decision = policies.decide(&standing::packs(&registry, row), &facts);
    let allowed_by = hold::allowed_by(ctx, row, &decision).await?;
    if decision.verdict() != Verdict::Accept && allowed_by.is_none() {
        let change = hold::change(ctx, row, &decision, Resume::Dispatch)?;
        return super::step::apply_for(ctx, change, cause.map(|id| (id, Step::Dispatch))).await;
    }
    let available = available(ctx, &registry, row, &intake.form, now).await?;
    let chosen = choose(row.id, &available, asked);
    let event = match chosen {
        Some(reviewer) => Event::Offered { reviewer },
        None => Event::Queued,
    };
    let stage = next(&row.stage, event)?;
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut audit = ctx
        .event("dispatch", event_name(chosen), now)
        .request(row.id)
        .unit(&row.unit)
        .decision(&decision)
        .detail("available", &available.len().to_string());
    if let Some(reviewer) = chosen {
        audit = audit.detail("reviewer", &reviewer.to_string());
    }
    if let Some(person) = allowed_by {
        audit = audit.detail("allowed_by", &person.to_string());
    }
    let first = row.stage.code() == StageCode::Accepted;
    let mut change = Change::update(
        RequestUpdate::stage(row.id, row.version, stage.clone(), now, until),
        vec![audit],
    );
    change.outgoing.push(announce(ctx, row, now));
    if first {
        change.outgoing.push(told(ctx, row, &stage, now));
    }
    super::step::apply_for(ctx, change, cause.map(|id| (id, Step::Dispatch))).await
}

fn event_name(chosen: Option<AccountId>) -> &'static str {
    if chosen.is_some() { "search_request.offered" } else { "search_request.queued" }
}

/// The announcement to the unit's own tools.
pub fn announce(ctx: &Context, row: &RequestRow, now: DateTime<Utc>) -> Message {
    let lane: Lane = row.lane;
    Message::new(
        ctx.message_id(),
        now,
        Route::Reviewers { unit: row.unit.clone(), lane },
        Body::JobWaiting { request: row.id, unit: row.unit.clone(), lane },
    )
}

/// The event to the requesting agency about a new stage.
pub fn told(ctx: &Context, row: &RequestRow, stage: &Stage, now: DateTime<Utc>) -> Message {
    told_with(
        ctx,
        row,
        stage,
        now,
        EventData { request: row.id, state: stage.code(), findings: Vec::new(), outcome: None },
    )
}

/// What an agency sees of a stage: who was asked is the unit's own business.
pub fn for_agencies(code: StageCode) -> StageCode {
    if code == StageCode::Offered { StageCode::Queued } else { code }
}

/// The same, with findings or an outcome.
pub fn told_with(
    ctx: &Context,
    row: &RequestRow,
    stage: &Stage,
    now: DateTime<Utc>,
    data: EventData,
) -> Message {
    let event = for_agencies(stage.code()).as_str().to_owned();
    let data = EventData { state: for_agencies(data.state), ..data };
    Message::new(
        ctx.message_id(),
        now,
        Route::Agency { ori: row.ori.clone(), event: event.clone() },
        Body::AgencyEvent(AgencyEvent { ori: row.ori.clone(), event, data }),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn person(n: u128) -> AccountId {
        AccountId::new(Uuid::from_u128(n))
    }

    proptest! {
        #[test]
        fn the_choice_is_the_least_busy_and_independent_of_order(loads in proptest::collection::vec(0i64..5, 0..8), not in 0u128..8, request: u128) {
            let mut available: Vec<Available> = loads
                .iter()
                .enumerate()
                .map(|(n, load)| Available { reviewer: person(n as u128), open_jobs: *load })
                .collect();
            let request = RequestId::new(Uuid::from_u128(request));
            let chosen = choose(request, &available, &[person(not)]);
            available.reverse();
            prop_assert_eq!(chosen, choose(request, &available, &[person(not)]));
            prop_assert_ne!(chosen, Some(person(not)));
            let eligible = available.iter().filter(|a| a.reviewer != person(not));
            prop_assert_eq!(chosen.is_none(), eligible.clone().count() == 0);
            if let Some(chosen) = chosen {
                let least = eligible.map(|a| a.open_jobs).min();
                let load = available.iter().find(|a| a.reviewer == chosen).map(|a| a.open_jobs);
                prop_assert_eq!(load, least);
            }
        }
    }

    #[test]
    fn equals_take_turns() {
        let available = [1, 2, 3].map(|n| Available { reviewer: person(n), open_jobs: 100 });
        let asked = |n: u128| choose(RequestId::new(Uuid::from_u128(n)), &available, &[]);
        let counts = [1, 2, 3].map(|n| (0..300).filter(|r| asked(*r) == Some(person(n))).count());
        assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
    }
}
