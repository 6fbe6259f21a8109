//! Who is shown what of a request: the engine decides, and the reading is durable in the audit log before anything leaves.
//!
//! INVARIANT: no audit record, no read (LACRIS-AUD-2).

use super::{Context, PipelineError, Refusal, standing};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, Agency, AgencyStanding, PackId, RequestId, Role, UnitId, Verdict};
use crate::lifecycle::{Resume, Stage};
use crate::policy::facts::{self, Content, Purpose, Reader, Reading};
use crate::policy::{Facts, PolicyDecision};
use crate::registry::Registry;
use crate::store::{Change, RequestRow};

/// Clauses whose breach means that the request does not exist for the reader.
const ELSEWHERE: [&str; 2] = ["CORE-READ-UNIT", "CORE-READ-AGENCY"];

/// One reading by a person: what, and what the audit log calls it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// What.
    pub content: Content,
    /// Code in the audit log (`case.read`).
    pub action: &'a str,
    /// Which of several: a probe's place, an id.
    pub which: &'a str,
}

/// Pure: everyone who examined the request, as its stage tells it.
fn took_part(stage: &Stage, person: &Account) -> bool {
    match stage {
        Stage::AwaitingRelease { reviewers, .. }
        | Stage::Held { resume: Resume::Release { reviewers, .. }, .. } => {
            reviewers.contains(&person.id)
        }
        Stage::Examined { first } | Stage::SecondReview { first, .. } => *first == person.id,
        Stage::AdjudicationDue { first, second } | Stage::Adjudication { first, second, .. } => {
            [*first, *second].contains(&person.id)
        }
        Stage::Received
        | Stage::Rejected
        | Stage::Held { .. }
        | Stage::Accepted
        | Stage::Queued
        | Stage::Offered { .. }
        | Stage::Leased { .. }
        | Stage::Released { .. }
        | Stage::Delivering
        | Stage::Delivered
        | Stage::AwaitingPickup
        | Stage::Acknowledged
        | Stage::FeedbackDue
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => false,
    }
}

/// Pure: the step for which the person needs the content; nobody else needs it.
fn purpose(stage: &Stage, person: &Account, content: Content) -> Purpose {
    if content == Content::Audit {
        return Purpose::Audit;
    }
    let holds = stage.lease().is_some_and(|lease| lease.reviewer == person.id);
    match stage {
        Stage::Leased { .. } if holds => Purpose::Examine,
        Stage::SecondReview { .. } if holds => Purpose::SecondReview,
        Stage::Adjudication { .. } if holds => Purpose::Adjudicate,
        Stage::AwaitingRelease { .. }
            if person.role == Role::ReleaseAuthority && !took_part(stage, person) =>
        {
            Purpose::Release
        }
        // Who missed the hold may still read it: the next role may ask.
        Stage::Held { role, missed, .. }
            if person.role == *role
                || person.role == Role::LocalAdministrator
                || missed.contains(&person.role) =>
        {
            Purpose::DecideHold
        }
        Stage::Received
        | Stage::Rejected
        | Stage::Held { .. }
        | Stage::Accepted
        | Stage::Queued
        | Stage::Offered { .. }
        | Stage::Leased { .. }
        | Stage::Examined { .. }
        | Stage::SecondReview { .. }
        | Stage::AdjudicationDue { .. }
        | Stage::Adjudication { .. }
        | Stage::AwaitingRelease { .. }
        | Stage::Released { .. }
        | Stage::Delivering
        | Stage::Delivered
        | Stage::AwaitingPickup
        | Stage::Acknowledged
        | Stage::FeedbackDue
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => Purpose::None,
    }
}

/// Pure: a person's reading as the rules see it.
pub(super) fn by_person(row: &RequestRow, person: &Account, content: Content) -> Reading {
    Reading {
        reader: Reader {
            role: Some(person.role),
            active: person.active,
            of_unit: person.unit == row.unit,
            of_agency: false,
            took_part: took_part(&row.stage, person),
            holds_lease: row.stage.lease().is_some_and(|lease| lease.reviewer == person.id),
            decides_hold: matches!(row.stage, Stage::Held { role, .. } if role == person.role),
            positions: person.positions.clone(),
        },
        what: content,
        purpose: purpose(&row.stage, person, content),
        stage: row.stage.code().as_str().to_owned(),
        unit_packs: Vec::new(),
    }
}

/// Lets a person read, or refuses; either is durable when this returns. A request that the person may not know of is
/// not found.
pub async fn allow(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    wanted: Wanted<'_>,
) -> Result<RequestRow, PipelineError> {
    let row = ctx.store.request(request).await?.ok_or_else(PipelineError::not_found)?;
    let reading = by_person(&row, person, wanted.content);
    decided(ctx, person, &row, (wanted, &reading)).await?;
    Ok(row)
}

/// As [`allow`], where the need follows from a record and not from the stage.
pub async fn allow_for(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    wanted: Wanted<'_>,
    purpose: Purpose,
) -> Result<(), PipelineError> {
    let mut reading = by_person(row, person, wanted.content);
    reading.purpose = purpose;
    // Who compares has recorded one of the examinations, however long ago.
    reading.reader.took_part |= purpose == Purpose::Compare;
    decided(ctx, person, row, (wanted, &reading)).await
}

/// The decision, durable when this returns.
async fn decided(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    (wanted, reading): (Wanted<'_>, &Reading),
) -> Result<(), PipelineError> {
    let decision = decide(ctx, row, reading).await?;
    let refusal = refusal(&decision);
    let action = if refusal.is_some() { "authz.denied" } else { wanted.action };
    let actor = Actor::Person { account: person.id };
    let event =
        AuditEvent::new(ctx.now(), actor, action).request(row.id).unit(&row.unit).agency(&row.ori);
    let mut event = reading_of(event, reading, &decision, refusal.as_ref())
        .detail("stage", &reading.stage)
        .detail("role", person.role.into());
    if !wanted.which.is_empty() {
        event = event.detail("which", wanted.which);
    }
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    refusal.map_or(Ok(()), Err)
}

/// A request that this agency sent. A known-answer job names an agency that never sent it: for the agency there is none.
pub async fn own(
    ctx: &Context,
    agency: &Agency,
    request: RequestId,
) -> Result<RequestRow, PipelineError> {
    let row = ctx.store.request(request).await?.filter(|row| row.ori == agency.ori);
    let row = row.ok_or_else(PipelineError::not_found)?;
    if ctx.store.known_answer(request).await?.is_some() {
        return Err(PipelineError::not_found());
    }
    Ok(row)
}

/// Lets a person read what is of all requests of a unit together, or refuses; either is durable when this returns. A unit
/// that is not the person's own is not found.
pub async fn allow_unit(
    ctx: &Context,
    person: &Account,
    unit: &UnitId,
    wanted: Wanted<'_>,
) -> Result<(), PipelineError> {
    let registry = ctx.registry().await?;
    let unit_packs = registry.unit(unit).map(|unit| unit.packs.clone()).unwrap_or_default();
    let reading = of_unit(person, unit, (wanted.content, unit_packs.clone()));
    let decision = ctx.policies().await?.decide(&unit_packs, &facts::read(&reading));
    let refusal = refusal(&decision);
    let action = if refusal.is_some() { "authz.denied" } else { wanted.action };
    // Of a unit that is not the person's own the log of that unit hears, too.
    let event = AuditEvent::new(ctx.now(), Actor::Person { account: person.id }, action);
    let mut event = reading_of(event.unit(unit), &reading, &decision, refusal.as_ref())
        .detail("role", person.role.into());
    if !wanted.which.is_empty() {
        event = event.detail("which", wanted.which);
    }
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    refusal.map_or(Ok(()), Err)
}

/// Pure: a person's reading of all requests of a unit, as the rules see it: of no request's stage, for no step.
fn of_unit(
    person: &Account,
    unit: &UnitId,
    (content, unit_packs): (Content, Vec<PackId>),
) -> Reading {
    Reading {
        reader: Reader {
            role: Some(person.role),
            active: person.active,
            of_unit: person.unit == *unit,
            of_agency: false,
            took_part: false,
            holds_lease: false,
            decides_hold: false,
            positions: person.positions.clone(),
        },
        what: content,
        purpose: if content == Content::Audit { Purpose::Audit } else { Purpose::None },
        stage: String::new(),
        unit_packs,
    }
}

/// What the log says of a reading: what, for which step, by which rules.
fn reading_of(
    event: AuditEvent,
    reading: &Reading,
    decision: &PolicyDecision,
    refusal: Option<&PipelineError>,
) -> AuditEvent {
    let mut event = event
        .decision(decision)
        .clause("LACRIS-AUD-2")
        .detail("what", reading.what.into())
        .detail("purpose", reading.purpose.into());
    event.clauses.sort();
    event.clauses.dedup();
    if let Some(PipelineError::Refused(Refusal::Forbidden { code, .. })) = refusal {
        event = event.detail("code", code);
    }
    event
}

/// Lets an agency see where a request of its own stands. What it is shown is its own: it leaves no entry, a refusal
/// says that there is no such request.
pub async fn follow(
    ctx: &Context,
    agency: &Agency,
    request: RequestId,
) -> Result<RequestRow, PipelineError> {
    let row = own(ctx, agency, request).await?;
    let reading = by_agency(&row, agency, Content::Status);
    let decision = decide(ctx, &row, &reading).await?;
    refusal(&decision).map_or(Ok(row), Err)
}

/// Pure: an agency's reading as the rules see it.
pub(super) fn by_agency(row: &RequestRow, agency: &Agency, content: Content) -> Reading {
    Reading {
        reader: Reader {
            role: None,
            active: match agency.standing {
                AgencyStanding::Active => true,
                AgencyStanding::Suspended => false,
            },
            of_unit: false,
            of_agency: row.ori == agency.ori,
            took_part: false,
            holds_lease: false,
            decides_hold: false,
            positions: Vec::new(),
        },
        what: content,
        purpose: Purpose::Follow,
        stage: row.stage.code().as_str().to_owned(),
        unit_packs: Vec::new(),
    }
}

/// Pure: the packs that decide about a reading, and what they are asked.
pub(super) fn question(
    registry: &Registry,
    row: &RequestRow,
    reading: &Reading,
) -> (Vec<PackId>, Facts) {
    let unit_packs = standing::unit_packs(registry, row);
    let reading = Reading { unit_packs, ..reading.clone() };
    (standing::packs(registry, row), facts::read(&reading))
}

async fn decide(
    ctx: &Context,
    row: &RequestRow,
    reading: &Reading,
) -> Result<PolicyDecision, PipelineError> {
    let (packs, facts) = question(&*ctx.registry().await?, row, reading);
    Ok(ctx.policies().await?.decide(&packs, &facts))
}

/// Pure: the refusal of a reading that is not accepted. Nobody decides a hold of a reading, so a hold is a refusal.
fn refusal(decision: &PolicyDecision) -> Option<PipelineError> {
    if decision.verdict() == Verdict::Accept {
        return None;
    }
    let broken = |clause: &str| decision.findings().iter().any(|f| f.clause == clause);
    if ELSEWHERE.iter().any(|clause| broken(clause)) {
        return Some(PipelineError::not_found());
    }
    if broken("CORE-SEPARATION") {
        return Some(PipelineError::forbidden(
            "separation_of_duties",
            "you examined this request; somebody else must release it (CORE-SEPARATION)",
        ));
    }
    if broken("CORE-READ-AUDIT") || broken("CORE-READ-DOCUMENT") {
        let finding = decision.findings().iter().find(|f| f.clause.starts_with("CORE-READ-"));
        let message = finding.map_or_else(String::new, |f| format!("{}: {}", f.message, f.remedy));
        return Some(PipelineError::forbidden("role", message));
    }
    Some(PipelineError::forbidden(
        "not_assigned",
        "a case is read by who holds its claim, releases it, or decides its hold; claim the job first",
    ))
}

#[cfg(test)]
mod tests;
