//! The policies of both sides decide about a received form: accepted, held, or rejected, with every reason at once.

use chrono::{DateTime, Utc};

use super::emergency::{self, suspension};
use super::standing::Moment;
use super::{Context, Disposition, PipelineError, dispatch, hold, sealed, standing, step};
use crate::audit::AuditEvent;
use crate::domain::{MessageId, RequestId, Verdict};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{EventData, Message, Step};
use crate::policy::facts::Standing;
use crate::policy::{PolicyDecision, facts};
use crate::store::{Change, Guard, RequestRow, RequestUpdate};

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
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let intake = sealed::intake_of(ctx, &row)?;
    let moment = Moment::now(ctx, &registry, &policies);
    let mut standing = standing::standing(&moment, &row, intake.signature_verified);
    let email = intake.form.requester.email.expose();
    standing.requester_suspended = suspension::is_suspended(ctx, &row, email).await?;
    // The form is as fresh as it was when it came; it does not grow stale in a queue.
    let facts = facts::form(&intake.form, &standing, row.received_at);
    let decision = policies.decide_form(&standing::packs(&registry, &row), &facts);
    let verdict = decision.verdict();
    let mut change = match verdict {
        Verdict::Accept => accepted(ctx, &row, &decision, &standing, now)?,
        Verdict::Hold => hold::change(ctx, &row, &decision, Resume::Check)?,
        Verdict::Reject => rejected(ctx, &row, &decision, now)?,
    };
    if verdict != Verdict::Reject {
        // The duties run from the receipt, while a person reads a held one as well.
        emergency::begin(ctx, &row, &mut change, now);
    }
    let disposition = step::apply_for(ctx, change, Some((cause, Step::Check))).await?;
    ctx.progress.checked(request);
    if disposition == Disposition::Done {
        let verdict = match verdict {
            Verdict::Accept => "accepted",
            Verdict::Hold => "held",
            Verdict::Reject => "rejected",
        };
        metrics::counter!(crate::telemetry::name::SUBMISSIONS, "verdict" => verdict).increment(1);
    }
    Ok(disposition)
}

fn accepted(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
    standing: &Standing,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::CheckAccepted)?;
    let mut change = checked(ctx, row, decision, (stage, "search_request.accepted"), now);
    if let Some(agreement) = standing.agency.agreement(&row.unit, now) {
        // Under which agreement it was taken in (SPD-AI-B4b).
        let cited = |event: AuditEvent| event.detail("agreement", &agreement.number);
        change.audit = change.audit.into_iter().map(cited).collect();
    }
    if let Guard::Update(update) = &mut change.guard {
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
    if let Guard::Update(update) = &mut change.guard {
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
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    change
}
