//! A hold: a named human decides, with a reason. Never nobody, never silence.

use serde::{Deserialize, Serialize};

use super::{Context, PipelineError, dispatch, sealed, standing, step, wording};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, AccountId, Finding, Personal, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{EventData, Message, Step};
use crate::policy::PolicyDecision;
use crate::store::{
    Change, NewRecord, RecordKind, RecordRow, RequestRow, RequestUpdate, WorkFilter,
};

/// What a person decided about a hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldDecision {
    /// Let it go on.
    pub allow: bool,
    /// Why, in the person's words.
    pub reason: Personal<String>,
    /// The clause the decision rests on.
    pub clause: String,
}

/// The change that holds a request because of a policy's decision.
pub fn change(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
    resume: Resume,
) -> Result<Change, PipelineError> {
    let event = ctx.event("hold", "search_request.held", ctx.now()).decision(decision);
    begin(ctx, row, standing::decider(decision), resume, (decision.findings().to_vec(), event))
}

/// The change that holds a request for a reason.
pub fn begin(
    ctx: &Context,
    row: &RequestRow,
    role: Role,
    resume: Resume,
    (findings, event): (Vec<Finding>, AuditEvent),
) -> Result<Change, PipelineError> {
    let now = ctx.now();
    let stage = next(&row.stage, Event::Held { role, resume })?;
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    update.findings = Some(findings.clone());
    let event = event.request(row.id).unit(&row.unit).agency(&row.ori).detail("role", role.into());
    let mut change = Change::update(update, vec![event]);
    let data = EventData { request: row.id, state: StageCode::Held, findings, outcome: None };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    Ok(change)
}

/// Requests of the person's unit that wait for the person's role.
pub async fn list(ctx: &Context, person: &Account) -> Result<Vec<RequestRow>, PipelineError> {
    let filter = WorkFilter {
        unit: person.unit.clone(),
        stages: vec![StageCode::Held],
        lane: None,
        limit: 1_000,
    };
    let rows = ctx.store.jobs(&filter).await?;
    Ok(rows
        .into_iter()
        .filter(|row| matches!(row.stage, Stage::Held { role, .. } if role == person.role))
        .collect())
}

/// Decides a hold.
pub async fn decide(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    decision: HoldDecision,
) -> Result<Stage, PipelineError> {
    let row = ctx.store.request(request).await?.ok_or_else(PipelineError::not_found)?;
    if row.unit != person.unit {
        return Err(PipelineError::not_found());
    }
    let Stage::Held { role, resume } = row.stage.clone() else {
        return Err(PipelineError::conflict("state", "this request is not held; read its status"));
    };
    if role != person.role {
        return Err(PipelineError::forbidden(
            "role",
            format!("this hold waits for the role `{}`", <&'static str>::from(role)),
        ));
    }
    if decision.reason.expose().chars().filter(|c| c.is_alphabetic()).count() < 10 {
        return Err(PipelineError::conflict(
            "reason",
            "give the reason of the decision in a sentence; it is kept with the case",
        ));
    }
    if ctx.policies.clause(&decision.clause).is_none() {
        return Err(PipelineError::conflict(
            "clause",
            "cite a clause of a pack in force; `leadbroker policy clauses` lists them",
        ));
    }
    wording::refuse_claims(ctx, &decision)?;
    let event = if decision.allow { Event::HoldAllowed } else { Event::HoldRefused };
    let stage = next(&row.stage, event)?;
    let change = decided(ctx, person, &row, (resume, stage.clone(), &decision))?;
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

/// Pure: whether a human's decision about the findings that were shown covers these too. What is new is not covered, and
/// no human overrules a refusal.
fn covers(held: &[Finding], shown: &[Finding]) -> bool {
    let known = |finding: &Finding| {
        let same = |s: &Finding| {
            (&s.clause, &s.pack, &s.field) == (&finding.clause, &finding.pack, &finding.field)
        };
        finding.verdict == Verdict::Hold && shown.iter().any(same)
    };
    held.iter().all(known)
}

/// Pure: the last decision since the last examination. One from before it was about the examination; one about the
/// release reaches the delivery of what was then released.
fn still_standing(records: &[RecordRow]) -> Option<&RecordRow> {
    let about_the_answer =
        |record: &&RecordRow| matches!(record.kind, RecordKind::HoldDecision | RecordKind::Release);
    let mut since = records.iter().rev().take_while(about_the_answer);
    since.find(|record| record.kind == RecordKind::HoldDecision)
}

/// Who allowed the request to go on although the policies hold it; `None`: nobody, or something is new since.
pub async fn allowed_by(
    ctx: &Context,
    row: &RequestRow,
    decision: &PolicyDecision,
) -> Result<Option<AccountId>, PipelineError> {
    if decision.verdict() != Verdict::Hold {
        return Ok(None);
    }
    let records = ctx.store.records(row.id).await?;
    let Some(record) = still_standing(&records) else {
        return Ok(None);
    };
    let key = sealed::key_of(ctx, row)?;
    let decided: HoldDecision = sealed::open_record(ctx, &key, record)?;
    let covered = decided.allow && covers(decision.findings(), &row.findings);
    Ok(covered.then_some(record.author))
}

fn decided(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    (resume, stage, decision): (Resume, Stage, &HoldDecision),
) -> Result<Change, PipelineError> {
    let now = ctx.now();
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let accepted = stage.code() == StageCode::Accepted;
    if accepted && row.case_number_of_unit.is_none() {
        update.number_in = Some(row.unit.clone());
    }
    // What was examined is kept as long as the records of its examination.
    let examined = matches!(resume, Resume::Release { .. });
    update.drop_probes = stage.code() == StageCode::Rejected && !examined;
    let event = AuditEvent::new(now, Actor::Person { account: person.id }, "hold.decided")
        .request(row.id)
        .unit(&row.unit)
        .clause(&decision.clause)
        .detail("allow", if decision.allow { "yes" } else { "no" });
    let mut change = Change::update(update, vec![event]);
    let record = ctx.ids.id();
    let key = sealed::key_of(ctx, row)?;
    change.records.push(NewRecord {
        id: record,
        request: row.id,
        kind: RecordKind::HoldDecision,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, record, &key, decision)?,
    });
    change.outgoing.push(dispatch::told(ctx, row, &stage, now));
    if stage.code() != StageCode::Rejected
        && let Some(step) = step_after(&resume)
    {
        change.outgoing.push(Message::command(ctx.message_id(), now, step, row.id));
    }
    Ok(change)
}

/// The step of leadbroker's own with which the request goes on; `None`: a person's.
fn step_after(resume: &Resume) -> Option<Step> {
    match resume {
        Resume::Check | Resume::Dispatch => Some(Step::Dispatch),
        Resume::Release { .. } => None,
        // A mail that could not be delivered is sealed anew: the certificate or the address has changed.
        Resume::Respond { .. } | Resume::Deliver => Some(Step::Respond),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_reaches_as_far_as_what_was_shown_and_never_over_a_refusal() {
        let finding = |clause: &str, verdict| Finding {
            clause: clause.to_owned(),
            pack: "core".to_owned(),
            verdict,
            field: "/x".to_owned(),
            message: String::new(),
            remedy: String::new(),
        };
        let standing = finding("CORE-STANDING", Verdict::Hold);
        let agreement = finding("CORE-AGREEMENT", Verdict::Hold);
        let shown = [standing.clone()];
        assert!(covers(&shown, &shown));
        assert!(!covers(&[standing, agreement], &shown), "the agreement lapsed since");
        let clear = [finding("CORE-CLEAR", Verdict::Reject)];
        assert!(!covers(&clear, &clear), "a refusal is a refusal");
    }

    #[test]
    fn a_decision_reaches_to_the_next_examination_and_over_a_release() {
        use RecordKind as K;
        let records = |kinds: &[RecordKind]| -> Vec<RecordRow> {
            let row = |(nth, kind): (usize, &RecordKind)| RecordRow {
                id: uuid::Uuid::from_u128(nth as u128),
                kind: *kind,
                author: AccountId::new(uuid::Uuid::nil()),
                written_at: chrono::DateTime::UNIX_EPOCH,
                sealed: Some(Vec::new()),
            };
            kinds.iter().enumerate().map(row).collect()
        };
        for (kinds, standing) in [
            (&[][..], None),
            (&[K::HoldDecision], Some(0)),
            (&[K::HoldDecision, K::HoldDecision], Some(1)),
            (&[K::HoldDecision, K::Examination, K::SecondReview], None),
            (&[K::HoldDecision, K::Examination, K::SecondReview, K::Release], None),
            (&[K::Examination, K::SecondReview, K::HoldDecision], Some(2)),
            (&[K::Examination, K::Adjudication, K::HoldDecision, K::Release], Some(2)),
            (&[K::Examination, K::Release, K::HoldDecision], Some(2)),
        ] {
            let records = records(kinds);
            let found = still_standing(&records).map(|record| record.id.as_u128());
            assert_eq!(found, standing, "{kinds:?}");
        }
    }
}
