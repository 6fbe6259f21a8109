//! A reviewer examines a job and concludes; a second one does so without seeing the first answer; where
//! they differ an adjudicator decides.

mod candidate_image;
mod ending;
mod shape;
mod waive;

pub use waive::waive;

use chrono::{DateTime, Utc};

use super::standing::Moment;
use super::{
    Context, PipelineError, Refusal, dispatch, draft, lease, sealed, standing, step, wording,
};
use crate::audit::{Actor, AuditEvent};
use crate::domain::examination::{Conclusion, Examination};
use crate::domain::{Account, Lane, RequestId, Role, ShapeError, Verdict};
use crate::lifecycle::{Stage, StageCode, due, next};
use crate::policy::facts::SecondReview;
use crate::policy::{PolicyDecision, facts};
use crate::store::{Change, NewRecord, Page, RecordKind, RequestRow, RequestUpdate, WorkPage};
use crate::vault::DataKey;

/// Stages that wait for somebody of this role.
pub fn waiting_for(role: Role) -> &'static [StageCode] {
    match role {
        Role::Reviewer => &[
            StageCode::Queued,
            StageCode::Offered,
            StageCode::Leased,
            StageCode::Examined,
            StageCode::SecondReview,
        ],
        Role::Adjudicator => &[StageCode::AdjudicationDue, StageCode::Adjudication],
        Role::ReleaseAuthority => &[StageCode::AwaitingRelease],
        Role::LocalAdministrator => &[StageCode::Held],
        Role::Auditor => &[],
    }
}

/// Which part of a worklist is wanted.
#[derive(Debug, Clone, Copy)]
pub struct WorkQuery {
    /// Only this lane.
    pub lane: Option<Lane>,
    /// What comes after this request.
    pub after: Option<RequestId>,
    /// At most so many.
    pub limit: i64,
}

/// A page of the person's worklist: what the person may take or holds, in the order in which jobs are served.
pub async fn worklist(
    ctx: &Context,
    person: &Account,
    query: WorkQuery,
) -> Result<Page, PipelineError> {
    let stages = waiting_for(person.role).to_vec();
    if stages.is_empty() {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    let WorkQuery { lane, after, limit } = query;
    let (unit, person_id) = (person.unit.clone(), person.id);
    let page = WorkPage { unit, person: person_id, stages, lane, after, limit: limit + 1 };
    let mut rows = ctx.store.worklist(&page).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = if more { rows.last().map(|row| row.id) } else { None };
    rows.retain(|row| concerns(&row.stage, person));
    Ok(Page { rows, next })
}

/// Pure: whether a job is this person's business. A job that another holds, or that the person examined before, is not.
fn concerns(stage: &Stage, person: &Account) -> bool {
    match stage {
        Stage::Leased { lease }
        | Stage::SecondReview { lease, .. }
        | Stage::Adjudication { lease, .. } => lease.reviewer == person.id,
        Stage::Examined { first } => *first != person.id,
        Stage::AdjudicationDue { first, second } => ![*first, *second].contains(&person.id),
        Stage::AwaitingRelease { reviewers, .. } => !reviewers.contains(&person.id),
        Stage::Held { role, .. } => *role == person.role,
        Stage::Queued | Stage::Offered { .. } => true,
        Stage::Received
        | Stage::Rejected
        | Stage::Accepted
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

/// A request of the person's own unit; another unit's does not exist for the person.
pub async fn row_for(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<RequestRow, PipelineError> {
    ctx.store
        .request(request)
        .await?
        .filter(|row| row.unit == person.unit)
        .ok_or_else(PipelineError::not_found)
}

/// Submits an examination: the first, the blind second, or the adjudication, as the stage has it.
pub async fn conclude(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    token: i64,
    mut exam: Examination,
) -> Result<Stage, PipelineError> {
    let ctx = &ctx.with_one_policy_set().await?;
    let row = row_for(ctx, person, request).await?;
    let now = ctx.now();
    if lease::held_by(&row.stage, person.id, (token, now)).is_none() {
        return Err(draft::late(ctx, person, &row, (token, exam)).await?);
    }
    let given = exam.clone();
    let probes = ctx.store.probes(row.id).await?;
    shape::complete(ctx, &row, &mut exam, probes.len()).await?;
    let key = sealed::key_of(ctx, &row)?;
    let candidate = candidate_image::take(ctx, &mut exam)?;
    let claims = wording::claims(ctx, &exam).await?;
    let decision =
        examined_under(ctx, person, &row, (&exam, probes.len(), !claims.is_empty())).await?;
    let accepted = refuse_unless_accepted(ctx, person, &row, &decision).await;
    if !claims.is_empty()
        && let Err(PipelineError::Refused(Refusal::Findings(findings))) = accepted
    {
        return Err(PipelineError::Refused(Refusal::Identification { claims, findings }));
    }
    accepted?;
    if !claims.is_empty() {
        // A folder of packs of the site's own may lack the rule; the words are refused all the same.
        return Err(PipelineError::Refused(Refusal::Identification {
            claims,
            findings: Vec::new(),
        }));
    }
    let record_id = ctx.ids.id();
    let candidate_key = match candidate {
        Some(bytes) => Some(sealed::put_image(ctx, row.id, &key, bytes).await?),
        None => None,
    };
    let (kind, event) = ending::of(ctx, &row, &key, &exam).await?;
    let stage = next(&row.stage, event)?;
    let until = due(&stage, row.lane, now, &ctx.rules.terms);
    let audit = by_person(person, ending::action(kind), now, &row).decision(&decision);
    // INVARIANT (blind): the audit entry and the events of the first examination do not say how it ended.
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let mut change = Change::update(update, vec![audit]);
    let record = ExaminationRecord { examination: exam, candidate_image: candidate_key };
    change.records.push(NewRecord {
        id: record_id,
        request: row.id,
        kind,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, record_id, &key, &record)?,
    });
    change.outgoing.push(dispatch::told(ctx, &row, &stage, now));
    if let Err(error) = step::apply_by_person(ctx, change).await {
        // The claim may have ended at this very moment; then the text is kept, too.
        let row = row_for(ctx, person, request).await?;
        if lease::held_by(&row.stage, person.id, (token, now)).is_some() {
            return Err(error);
        }
        return Err(draft::late(ctx, person, &row, (token, given)).await?);
    }
    Ok(stage)
}

/// An examination as stored: its candidate's image lies sealed in the image store.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExaminationRecord {
    /// What the reviewer recorded.
    pub examination: Examination,
    /// Key of the candidate's image in the image store.
    pub candidate_image: Option<String>,
}

/// The newest record of a kind.
pub async fn examination(
    ctx: &Context,
    row: &RequestRow,
    key: &DataKey,
    kind: RecordKind,
) -> Result<ExaminationRecord, PipelineError> {
    let records = ctx.store.records(row.id).await?;
    let record = records
        .iter()
        .rfind(|record| record.kind == kind)
        .ok_or(PipelineError::Inconsistent("an examination"))?;
    sealed::open_record(ctx, key, record)
}

/// The policies' word on this examination.
async fn examined_under(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    (exam, probes, claims_identity): (&Examination, usize, bool),
) -> Result<PolicyDecision, PipelineError> {
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let form = sealed::form_of(ctx, row)?;
    let now = ctx.now();
    let packs = standing::packs(&registry, row);
    let reviewer = standing::reviewer(&registry, row, &form, person, now);
    let done = standing::examination(exam, &form, probes, claims_identity);
    let service = standing::service(&Moment::now(ctx, &registry, &policies), row);
    let mut decision = policies.decide(&packs, &facts::conclude(&reviewer, &done, &service, now));
    if let Stage::SecondReview { first, .. } = &row.stage
        && decision.verdict() == Verdict::Accept
    {
        let review = SecondReview {
            same_as_first: standing::is_one_of(&registry, person, &[*first]),
            // No endpoint shows the first record to the holder of this lease.
            saw_first_answer: false,
            comparison_done: standing::compared(&done),
            waiver: None,
        };
        decision = policies.decide(&packs, &facts::second_review(&reviewer, review, now));
    }
    let cited = exam.declined_under.as_deref();
    if exam.conclusion == Conclusion::Declined && cited.and_then(|c| policies.clause(c)).is_none() {
        return Err(PipelineError::Refused(Refusal::Shape(vec![ShapeError::new(
            "clause_unknown",
            "/declined_under",
            "cite a clause of a pack in force; `leadbroker policy clauses` lists them",
        )])));
    }
    Ok(decision)
}

/// An audit event by a person about a request.
pub fn by_person(
    person: &Account,
    action: &str,
    at: DateTime<Utc>,
    row: &RequestRow,
) -> AuditEvent {
    AuditEvent::new(at, Actor::Person { account: person.id }, action)
        .request(row.id)
        .unit(&row.unit)
}

/// A person's step that a policy does not allow is refused with its findings, and the refusal is recorded.
pub async fn refuse_unless_accepted(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    decision: &PolicyDecision,
) -> Result<(), PipelineError> {
    if decision.verdict() == Verdict::Accept {
        return Ok(());
    }
    let event = by_person(person, "step.refused", ctx.now(), row).decision(decision);
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Err(PipelineError::Refused(Refusal::Findings(decision.findings().to_vec())))
}
