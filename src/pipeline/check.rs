//! The policies of both sides decide about a received form: accepted, held, or rejected, with every reason at once.

use chrono::{DateTime, Utc};

use super::{Context, Disposition, PipelineError, dispatch, hold, sealed, step};
use crate::domain::{
    Account, AgencyStanding, Form, MessageId, PackId, RepositoryKind, RequestId, Verdict,
};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{EventData, Message, Step};
use crate::policy::facts::{Examiner, OfferedRepository, Standing, StatementHash};
use crate::policy::{Gate, PolicyDecision, PolicySet, facts, merge};
use crate::registry::Registry;
use crate::store::{Change, RequestRow, RequestUpdate};

/// Packs of both sides: the unit's and the agency's own.
pub fn packs(registry: &Registry, row: &RequestRow) -> Vec<PackId> {
    let mut packs: Vec<PackId> =
        registry.unit(&row.unit).map(|unit| unit.packs.clone()).unwrap_or_default();
    packs.extend(registry.agency(&row.ori).map(|agency| agency.packs.clone()).unwrap_or_default());
    packs.sort();
    packs.dedup();
    packs
}

/// What the registry and the clock say about a request now. Read again at every gate, so that whatever lapsed in
/// between stops the job there.
pub fn standing(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
    form: &Form,
    now: DateTime<Utc>,
) -> Standing {
    let unit = registry.unit(&row.unit);
    let agency = registry.agency(&row.ori);
    let rules = &ctx.rules;
    // The form was fresh when it came; it does not grow stale while it waits for people.
    let signed = form.signature.signed_at.with_timezone(&Utc);
    Standing {
        unit_known: unit.is_some(),
        repositories: unit
            .map(|unit| unit.repositories.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|repository| OfferedRepository {
                id: repository.id.clone(),
                mugshot: repository.kind == RepositoryKind::Mugshot,
            })
            .collect(),
        agency_active: agency.is_some_and(|agency| agency.standing == AgencyStanding::Active),
        agreement_in_force: agency.is_some_and(|agency| agency.agreement(&row.unit, now).is_some()),
        email_in_domain: agency
            .is_some_and(|agency| agency.owns_address(form.requester.email.expose())),
        image_limit: i64::from(rules.form.images),
        situation_letters_min: rules.situation_letters,
        suspicion_letters_min: rules.suspicion_letters,
        signature_age_seconds: (row.received_at - signed).num_seconds(),
        signature_max_age_seconds: rules.signature_max_age.num_seconds(),
        signature_skew_seconds: rules.signature_skew.num_seconds(),
        statements: ctx
            .policies
            .statements(&packs(registry, row))
            .into_iter()
            .filter(|statement| statement.affirm)
            .map(|statement| StatementHash {
                statement: statement.statement,
                text_sha256: statement.text_sha256,
            })
            .collect(),
    }
}

/// A person as the rules see one: role, and credentials in force.
pub fn examiner(person: &Account, now: DateTime<Utc>) -> Examiner {
    Examiner {
        person: person.id.to_string(),
        role: person.role,
        active: person.active,
        credentials: person.credentials.iter().filter(|c| c.in_force(now)).cloned().collect(),
    }
}

/// Pure: what the packs say of a form and of each of its probes.
pub fn decide(
    policies: &PolicySet,
    packs: &[PackId],
    form: &Form,
    standing: &Standing,
) -> PolicyDecision {
    let mut decisions = vec![policies.decide(Gate::Submit, packs, facts::submit(form, standing))];
    for ordinal in 0..form.images.len() {
        let probe = facts::probe(form, ordinal, standing);
        decisions.push(policies.decide(Gate::UseProbe, packs, probe));
    }
    merge(decisions)
}

/// Handles the command to check.
pub async fn handle(
    ctx: &Context,
    cause: MessageId,
    request: RequestId,
) -> Result<Disposition, PipelineError> {
    let Some(row) = ctx.store.request(request).await? else {
        return Ok(Disposition::DeadLetter { reason: "request_unknown".to_owned() });
    };
    if row.stage.code() != StageCode::Received {
        ctx.progress.checked(request);
        return step::acknowledge(ctx, cause, Step::Check).await;
    }
    let now = ctx.now();
    let registry = ctx.registry().await?;
    let form = sealed::form_of(ctx, &row)?;
    let decision =
        decide(&ctx.policies, &packs(&registry, &row), &form, &standing(ctx, &registry, &row, &form, now));
    let change = match decision.verdict() {
        Verdict::Accept => accepted(ctx, &row, &decision, now)?,
        Verdict::Hold => hold::change(ctx, &row, &decision, Resume::Check)?,
        Verdict::Reject => rejected(ctx, &row, &decision, now)?,
    };
    let disposition = step::apply_for(ctx, change, Some((cause, Step::Check))).await?;
    ctx.progress.checked(request);
    Ok(disposition)
}

fn accepted(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::CheckAccepted)?;
    let mut change = checked(ctx, row, decision, (stage, "search_request.accepted"), now);
    if let crate::store::Guard::Update(update) = &mut change.guard {
        update.number_in = Some(row.unit.clone());
    }
    change.outgoing.push(Message::command(ctx.message_id(), now, Step::Dispatch, row.id));
    Ok(change)
}

fn rejected(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::CheckRejected)?;
    let mut change = checked(ctx, row, decision, (stage, "search_request.rejected"), now);
    if let crate::store::Guard::Update(update) = &mut change.guard {
        // The attempt is recorded; its images are not kept.
        update.drop_probes = true;
    }
    Ok(change)
}

fn checked(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
    (stage, action): (Stage, &str),
    now: DateTime<Utc>,
) -> Change {
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    update.findings = Some(decision.findings().to_vec());
    let event = ctx
        .event("check", action, now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .decision(decision);
    let mut change = Change::update(update, vec![event]);
    let data = EventData {
        request: row.id,
        state: stage.code(),
        findings: decision.findings().to_vec(),
        outcome: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    change
}
