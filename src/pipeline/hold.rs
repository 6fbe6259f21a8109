//! A hold: a named human decides, with a reason. Never nobody, never silence.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Context, PipelineError, dispatch, sealed, standing, step, wording};
use crate::audit::{Actor, AuditEvent};
use crate::domain::plain_text::is_a_reason;
use crate::domain::{Account, AccountId, Finding, Personal, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, StageCode, decision_due, due, next};
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
    let until = Some(decision_due(row.lane, now, &ctx.rules.terms));
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    update.findings = Some(findings.clone());
    let event = event.request(row.id).unit(&row.unit).agency(&row.ori).detail("role", role.into());
    let mut change = Change::update(update, vec![event]);
    let data = EventData {
        request: row.id,
        state: StageCode::Held,
        findings,
        outcome: None,
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    Ok(change)
}

/// The change with which a hold that nobody decided in time goes to the next role, or to the last one again.
pub fn overdue(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let role_of = |stage: &Stage| {
        if let Stage::Held { role, .. } = stage { (*role).into() } else { "nobody" }
    };
    let stage = next(&row.stage, Event::HoldOverdue)?;
    let (from, to) = (role_of(&row.stage), role_of(&stage));
    let action = if from == to { "hold.overdue" } else { "hold.escalated" };
    let mut event = ctx
        .event("sweep", action, now)
        .request(row.id)
        .unit(&row.unit)
        .detail("from", from)
        .detail("to", to);
    if let Some(first) = row.findings.first() {
        event = event.clause(&first.clause);
    }
    tracing::warn!(request = %row.id, from, to, "a hold is overdue");
    let until = Some(decision_due(row.lane, now, &ctx.rules.terms));
    Ok(Change::update(RequestUpdate::stage(row.id, row.version, stage, now, until), vec![event]))
}

/// Pure: whether a hold concerns a role: it decides, or let the time run out and may still see it.
fn concerns(stage: &Stage, who: Role) -> bool {
    matches!(stage, Stage::Held { role, missed, .. } if *role == who || missed.contains(&who))
}

/// Pure: whether a hold has been overdue, or is.
pub fn is_late(stage: &Stage, deadline_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let missed = matches!(stage, Stage::Held { missed, .. } if !missed.is_empty());
    missed || deadline_at.is_some_and(|due| due <= now)
}

/// A decision about an earlier hold of the same request.
#[derive(Debug, Clone, Serialize)]
pub struct EarlierDecision {
    /// Who decided.
    pub account: AccountId,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub decision: HoldDecision,
}

/// Every decision about a hold of the request, oldest first.
pub async fn decisions(
    ctx: &Context,
    row: &RequestRow,
) -> Result<Vec<EarlierDecision>, PipelineError> {
    let records = ctx.store.records(row.id).await?;
    let key = sealed::key_of(ctx, row)?;
    let decided = records.iter().filter(|record| record.kind == RecordKind::HoldDecision);
    decided
        .map(|record| {
            let decision = sealed::open_record(ctx, &key, record)?;
            Ok(EarlierDecision { account: record.author, at: record.written_at, decision })
        })
        .collect()
}

/// Requests of the person's unit that wait for the person's role, or did until it let them be late. Late ones first,
/// then by due time.
pub async fn list(ctx: &Context, person: &Account) -> Result<Vec<RequestRow>, PipelineError> {
    let filter = WorkFilter {
        unit: person.unit.clone(),
        stages: vec![StageCode::Held],
        lane: None,
        limit: 1_000,
    };
    let mut rows = ctx.store.jobs(&filter).await?;
    rows.retain(|row| concerns(&row.stage, person.role));
    let now = ctx.now();
    rows.sort_by_key(|row| (!is_late(&row.stage, row.deadline_at, now), row.deadline_at, row.id));
    Ok(rows)
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
    let Stage::Held { role, resume, .. } = row.stage.clone() else {
        return Err(PipelineError::conflict("state", "this request is not held; read its status"));
    };
    if role != person.role {
        return Err(PipelineError::forbidden(
            "role",
            format!("this hold waits for the role `{}`", <&'static str>::from(role)),
        ));
    }
    if !is_a_reason(decision.reason.expose()) {
        return Err(PipelineError::conflict(
            "reason",
            "give the reason of the decision in a sentence; it is kept with the case",
        ));
    }
    if ctx.policies().await?.clause(&decision.clause).is_none() {
        return Err(PipelineError::conflict(
            "clause",
            "cite a clause of a pack in force; `leadbroker policy clauses` lists them",
        ));
    }
    wording::refuse_claims(ctx, &decision).await?;
    no_other_part(ctx, person, &row).await?;
    let event = if decision.allow { Event::HoldAllowed } else { Event::HoldRefused };
    let stage = next(&row.stage, event)?;
    let change = decided(ctx, person, &row, (resume, stage.clone(), &decision))?;
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

/// A person cannot be two roles on one request: who sent it, or recorded something about its images, does not decide its
/// hold, under whatever account.
async fn no_other_part(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
) -> Result<(), PipelineError> {
    let registry = ctx.registry().await?;
    let mut authors = ctx.store.records(row.id).await?;
    authors.retain(|record| record.kind.is_examination());
    let authors: Vec<AccountId> = authors.iter().map(|record| record.author).collect();
    let sent = standing::is_requester(&sealed::form_of(ctx, row)?, person);
    if sent || standing::is_one_of(&registry, person, &authors) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "you sent or examined this request; somebody else must decide its hold (CORE-SEPARATION)",
        ));
    }
    Ok(())
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
    let mut since = records.iter().rev().take_while(|record| !record.kind.is_examination());
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
    let until = due(&stage, row.lane, now, &ctx.rules.terms);
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let accepted = stage.code() == StageCode::Accepted;
    if accepted && row.case_number_of_unit.is_none() {
        update.number_in = Some(row.unit.clone());
    }
    // What was examined is kept as long as the records of its examination.
    update.drop_probes = stage.code() == StageCode::Rejected && !resume.is_examined();
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
    if matches!(stage, Stage::Examined { .. } | Stage::AdjudicationDue { .. }) {
        change.outgoing.push(dispatch::announce(ctx, row, now));
    }
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
        Resume::SecondReview { .. } | Resume::Adjudication { .. } | Resume::Release { .. } => None,
        // A mail that could not be delivered is sealed anew: the certificate or the address has changed.
        Resume::Respond { .. } | Resume::Deliver | Resume::Recall => Some(Step::Respond),
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

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
    fn a_late_hold_concerns_who_decides_and_who_did_not() {
        let stage = Stage::Held {
            role: Role::LocalAdministrator,
            resume: Resume::Check,
            missed: vec![Role::ReleaseAuthority],
        };
        let concerned: Vec<Role> =
            Role::VARIANTS.iter().copied().filter(|role| concerns(&stage, *role)).collect();
        assert_eq!(concerned, [Role::ReleaseAuthority, Role::LocalAdministrator]);
        assert!(!concerns(&Stage::Queued, Role::LocalAdministrator));
        let (now, fresh) = (DateTime::UNIX_EPOCH, held_now());
        assert!(is_late(&stage, Some(now + chrono::TimeDelta::hours(1)), now), "it was late once");
        assert!(is_late(&fresh, Some(now), now));
        assert!(!is_late(&fresh, Some(now + chrono::TimeDelta::seconds(1)), now));
    }

    fn held_now() -> Stage {
        Stage::Held { role: Role::Reviewer, resume: Resume::Check, missed: Vec::new() }
    }

    #[test]
    fn a_decision_reaches_to_the_next_examination_and_over_a_release() {
        use RecordKind as K;
        let records = |kinds: &[RecordKind]| -> Vec<RecordRow> {
            let row = |(nth, kind): (usize, &RecordKind)| RecordRow {
                id: uuid::Uuid::from_u128(nth as u128),
                kind: *kind,
                author: AccountId::new(uuid::Uuid::nil()),
                written_at: DateTime::UNIX_EPOCH,
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
            (&[K::Examination, K::HoldDecision, K::CallBack, K::Confirmation], Some(1)),
        ] {
            let records = records(kinds);
            let found = still_standing(&records).map(|record| record.id.as_u128());
            assert_eq!(found, standing, "{kinds:?}");
        }
    }
}
