//! An accepted job goes to the queue of an available, trained, on-call reviewer of the unit.
//!
//! Nobody available: it waits in the queue, the agency is told why, and the unit is paged. Never silence.

mod round;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

pub use round::{round, waiting};

use super::standing::Moment;
use super::{Context, Disposition, PipelineError, hold, sealed, standing};
use crate::audit::AuditEvent;
use crate::domain::{
    Account, AccountId, Capability, Form, Lane, MessageId, RequestId, Role, UnitId, Verdict,
    WaitingReason,
};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{AgencyEvent, Body, EventData, Message, Route, Step};
use crate::policy::conflict::conflict;
use crate::policy::facts;
use crate::policy::queue_choice::{
    Candidate, Choice, Exclusion, PassedOver, Wanted, choose, needed, passed_over,
};
use crate::registry::Registry;
use crate::store::{Change, RecordKind, RequestRow, RequestUpdate};

/// Jobs that are counted for a reviewer; more make no difference.
const MOST_COUNTED: i64 = 100;
/// Examinations of this time count for fairness.
const LATELY: TimeDelta = TimeDelta::hours(24);

/// What is to be given out, seen from its unit.
fn wanted(registry: &Registry, row: &RequestRow, form: &Form) -> Wanted {
    let capacity = registry.unit(&row.unit).map_or(0, |unit| unit.desk.capacity());
    Wanted { request: row.id, lane: row.lane, needed: needed(form), capacity: capacity.into() }
}

/// Reviewers of the unit, as the choice sees them. `asked` were just asked.
async fn candidates(
    ctx: &Context,
    registry: &Registry,
    (row, form): (&RequestRow, &Form),
    asked: &[AccountId],
) -> Result<Vec<Candidate>, PipelineError> {
    let now = ctx.now();
    let people = reviewers(registry, &row.unit);
    let ids: Vec<AccountId> = people.iter().map(|person| person.id).collect();
    let loads = ctx.store.loads(&row.unit, &ids, MOST_COUNTED).await?;
    let recent = ctx.store.examined_since(&ids, now - LATELY).await?;
    let earlier = ctx.store.earlier_reviewers(row.id).await?;
    let gave_back = gave_back(ctx, row).await?;
    let on_duty = registry.on_duty(&row.unit, row.lane, now);
    let excluded = |person: &Account| {
        if gave_back.contains(&person.id) {
            return Some(Exclusion::GaveBack);
        }
        let same_probe = earlier.contains(&person.id).then_some(Exclusion::EarlierReviewer);
        let just_asked = asked.contains(&person.id).then_some(Exclusion::JustAsked);
        conflict(form, person).or(same_probe).or(just_asked)
    };
    let candidate = |person: &Account| Candidate {
        reviewer: person.id,
        on_duty: person.active && on_duty.contains(&person.id),
        capabilities: capabilities(person, now),
        allowed: true,
        open_jobs: loads.get(&person.id).copied().unwrap_or_default(),
        recent: recent.get(&person.id).copied().unwrap_or_default(),
        excluded: excluded(person),
    };
    Ok(people.iter().map(|person| candidate(person)).collect())
}

/// Whether the policies let this reviewer claim the job.
fn may_claim(moment: &Moment<'_>, (row, form): (&RequestRow, &Form), person: AccountId) -> bool {
    let (registry, policies, now) = (moment.registry, moment.policies, moment.at);
    registry.account(person).is_some_and(|person| {
        let reviewer = standing::reviewer(registry, row, form, person, now);
        let packs = standing::packs(registry, row);
        policies.decide(&packs, &facts::lease(&reviewer, now)).verdict() == Verdict::Accept
    })
}

fn reviewers<'r>(registry: &'r Registry, unit: &UnitId) -> Vec<&'r Account> {
    let accounts = registry.accounts.iter().map(|entry| &entry.account);
    accounts.filter(|a| a.unit == *unit && a.role == Role::Reviewer).collect()
}

fn capabilities(person: &Account, now: DateTime<Utc>) -> BTreeSet<Capability> {
    let in_force = person.credentials.iter().filter(|credential| credential.in_force(now));
    in_force.flat_map(|credential| credential.capabilities.iter().copied()).collect()
}

/// Who gave this job back.
async fn gave_back(ctx: &Context, row: &RequestRow) -> Result<BTreeSet<AccountId>, PipelineError> {
    let records = ctx.store.records(row.id).await?;
    let back = records.iter().filter(|record| record.kind == RecordKind::GiveBack);
    Ok(back.map(|record| record.author).collect())
}

/// Why this one person cannot be given the job; none if he or she can.
pub async fn refuses(
    ctx: &Context,
    registry: &Registry,
    (row, form): (&RequestRow, &Form),
    person: AccountId,
) -> Result<Option<PassedOver>, PipelineError> {
    let mut all = candidates(ctx, registry, (row, form), &[]).await?;
    let Some(one) = all.iter_mut().find(|one| one.reviewer == person) else {
        return Ok(Some(PassedOver::NotQualified));
    };
    let policies = ctx.policies().await?;
    one.allowed = may_claim(&Moment::now(ctx, registry, &policies), (row, form), person);
    Ok(passed_over(&wanted(registry, row, form), one))
}

/// Whom the job is offered to. A unit that is offline offers nothing.
async fn chosen(
    ctx: &Context,
    moment: &Moment<'_>,
    (row, form): (&RequestRow, &Form),
    asked: &[AccountId],
) -> Result<Choice, PipelineError> {
    let registry = moment.registry;
    if registry.unit(&row.unit).is_none_or(|unit| unit.desk.is_offline(ctx.now())) {
        let waiting = Some(WaitingReason::UnitOffline);
        return Ok(Choice { chosen: None, passed_over: BTreeMap::new(), available: 0, waiting });
    }
    let mut candidates = candidates(ctx, registry, (row, form), asked).await?;
    let wanted = wanted(registry, row, form);
    // The policies are asked about whom the choice falls on, and not about everybody.
    loop {
        let choice = choose(&wanted, &candidates);
        let Some(chosen) = choice.chosen else { return Ok(choice) };
        if may_claim(moment, (row, form), chosen) {
            return Ok(choice);
        }
        for one in candidates.iter_mut().filter(|one| one.reviewer == chosen) {
            one.allowed = false;
        }
    }
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
    Ok(match offer(ctx, &row, Some(cause), &[]).await? {
        Offer::Made => Disposition::Done,
        Offer::NotMade(disposition) => disposition,
    })
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Offer {
    /// A reviewer is asked.
    Made,
    /// Nobody is asked: it waits, is held, or moved meanwhile.
    NotMade(Disposition),
}

/// Offers the job, or queues it. `asked` did not take it.
pub async fn offer(
    ctx: &Context,
    row: &RequestRow,
    cause: Option<MessageId>,
    asked: &[AccountId],
) -> Result<Offer, PipelineError> {
    let now = ctx.now();
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let intake = sealed::intake_of(ctx, row)?;
    let cause = cause.map(|id| (id, Step::Dispatch));
    let moment = Moment::now(ctx, &registry, &policies);
    let standing = standing::standing(&moment, row, intake.signature_verified);
    let facts = facts::dispatch(&intake.form, &standing, now);
    let decision = policies.decide(&standing::packs(&registry, row), &facts);
    let allowed_by = hold::allowed_by(ctx, row, &decision).await?;
    if decision.verdict() != Verdict::Accept && allowed_by.is_none() {
        let change = hold::change(ctx, row, &decision, Resume::Dispatch)?;
        return super::step::apply_for(ctx, change, cause).await.map(Offer::NotMade);
    }
    let choice = chosen(ctx, &moment, (row, &intake.form), asked).await?;
    if choice.chosen.is_none() && row.stage == Stage::Queued && choice.waiting == row.waiting {
        return Ok(Offer::NotMade(Disposition::Done));
    }
    let mut audit = of_choice(ctx, row, &choice, now).decision(&decision);
    if let Some(person) = allowed_by {
        audit = audit.detail("allowed_by", &person.to_string());
    }
    let change = given_out(ctx, &registry, row, &choice, audit)?;
    let done = super::step::apply_for(ctx, change, cause).await?;
    let made = choice.chosen.is_some() && done == Disposition::Done;
    Ok(if made { Offer::Made } else { Offer::NotMade(done) })
}

/// The change that offers the job to whom was chosen, or queues it. The agency is told when the job is queued for the
/// first time, and whenever the reason for its wait is another one.
fn given_out(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
    choice: &Choice,
    audit: AuditEvent,
) -> Result<Change, PipelineError> {
    let now = ctx.now();
    let event = match choice.chosen {
        Some(reviewer) => Event::Offered { reviewer },
        None => Event::Queued,
    };
    let stage = next(&row.stage, event)?;
    // Another reason for the wait is no new wait: its end stays.
    let waits_on = row.stage == Stage::Queued && stage == Stage::Queued;
    let until = if waits_on { row.deadline_at } else { deadline(&stage, now, &ctx.rules.terms) };
    let first = row.stage.code() == StageCode::Accepted;
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    update.waiting = choice.waiting;
    let mut change = Change::update(update, vec![audit]);
    if !waits_on {
        change.outgoing.push(announce(ctx, row, now));
    }
    if first || choice.waiting != row.waiting {
        let data = EventData {
            request: row.id,
            state: stage.code(),
            findings: Vec::new(),
            outcome: None,
            waiting: choice.waiting.map(|why| waiting(registry, &row.unit, why)),
        };
        change.outgoing.push(told_with(ctx, row, &stage, now, data));
    }
    Ok(change)
}

/// What the log says of a choice: who is asked, and the reason's code for everybody who cannot be.
fn of_choice(ctx: &Context, row: &RequestRow, choice: &Choice, now: DateTime<Utc>) -> AuditEvent {
    let name =
        if choice.chosen.is_some() { "search_request.offered" } else { "search_request.queued" };
    let mut audit = ctx
        .event("dispatch", name, now)
        .request(row.id)
        .unit(&row.unit)
        .detail("available", &choice.available.to_string());
    if let Some(reviewer) = choice.chosen {
        audit = audit.detail("reviewer", &reviewer.to_string());
    }
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (person, why) in &choice.passed_over {
        *counts.entry(why.code()).or_default() += 1;
        if matches!(why, PassedOver::Excluded(_)) {
            audit = audit.detail(&format!("excluded.{person}"), why.code());
        }
    }
    for (code, count) in counts {
        audit = audit.detail(&format!("passed_over.{code}"), &count.to_string());
    }
    if choice.chosen.is_none() && choice.passed_over.is_empty() {
        audit = audit.detail("nobody", "offline");
    }
    if let Some(why) = choice.waiting {
        audit = audit.detail("waiting", why.into());
    }
    audit
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
        EventData {
            request: row.id,
            state: stage.code(),
            findings: Vec::new(),
            outcome: None,
            waiting: None,
        },
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
