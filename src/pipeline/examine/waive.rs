//! The second review is waived, where every pack of the unit allows it, and by another person.

use super::{by_person, examination, refuse_unless_accepted, row_for};
use crate::domain::examination::Waiver;
use crate::domain::plain_text::is_a_reason;
use crate::domain::{Account, AccountId, Form, RequestId, Role};
use crate::lifecycle::{Event, Stage, due, next};
use crate::pipeline::{Context, PipelineError, dispatch, sealed, standing, step, wording};
use crate::policy::facts::{self, SecondReview};
use crate::policy::{PolicyDecision, PolicySet};
use crate::registry::Registry;
use crate::store::{Change, NewRecord, RecordKind, RequestRow, RequestUpdate};

/// Waives the second review. What the first reviewer found is neither shown nor asked.
pub async fn waive(
    ctx: &Context,
    approver: &Account,
    request: RequestId,
    waiver: Waiver,
) -> Result<Stage, PipelineError> {
    let row = row_for(ctx, approver, request).await?;
    if ![Role::ReleaseAuthority, Role::LocalAdministrator].contains(&approver.role) {
        return Err(PipelineError::forbidden(
            "role",
            "a second review is waived by a release authority or the local administrator",
        ));
    }
    let Stage::Examined { first } = row.stage else {
        let code = row.stage.code();
        let message =
            format!("this request is `{code}`; a second review is waived before somebody takes it");
        return Err(PipelineError::conflict("state", message));
    };
    if !is_a_reason(waiver.note.expose()) {
        return Err(PipelineError::conflict(
            "note",
            "say in a sentence why nobody else can examine it; it is kept with the case",
        ));
    }
    wording::refuse_claims(ctx, &waiver).await?;
    let decision = decided(ctx, (approver, first), &row, &waiver).await?;
    refuse_unless_accepted(ctx, approver, &row, &decision).await?;
    let key = sealed::key_of(ctx, &row)?;
    let exam = examination(ctx, &row, &key, RecordKind::Examination).await?;
    let outcome = exam.examination.conclusion.into();
    let now = ctx.now();
    let stage = next(&row.stage, Event::SecondWaived { outcome })?;
    let until = due(&stage, row.lane, now, &ctx.rules.terms);
    let event = by_person(approver, "second_review.waived", now, &row)
        .decision(&decision)
        .clause("CORE-SECOND-REVIEW")
        .detail("reason", waiver.reason.into());
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let mut change = Change::update(update, vec![event]);
    let id = ctx.ids.id();
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::Waiver,
        author: approver.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &key, &waiver)?,
    });
    change.outgoing.push(dispatch::told(ctx, &row, &stage, now));
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

async fn decided(
    ctx: &Context,
    (approver, first): (&Account, AccountId),
    row: &RequestRow,
    waiver: &Waiver,
) -> Result<PolicyDecision, PipelineError> {
    let (registry, policies) = (ctx.registry().await?, ctx.policies().await?);
    let form = sealed::form_of(ctx, row)?;
    let now = ctx.now();
    let reviewer = registry
        .account(first)
        .ok_or(PipelineError::Inconsistent("the account of the first reviewer"))?;
    let standing = standing::reviewer(&registry, row, &form, reviewer, now);
    let review = SecondReview {
        same_as_first: false,
        saw_first_answer: false,
        comparison_done: true,
        waiver: Some(facts::Waiver {
            allowed: is_allowed(&policies, &registry, row, waiver),
            approved: is_another(approver, reviewer, &form, row),
        }),
    };
    let packs = standing::packs(&registry, row);
    Ok(policies.decide(&packs, &facts::second_review(&standing, review, now)))
}

/// Pure: every pack that binds the unit must list the reason, so that a further pack never loosens.
fn is_allowed(
    policies: &PolicySet,
    registry: &Registry,
    row: &RequestRow,
    waiver: &Waiver,
) -> bool {
    let packs = standing::unit_packs(registry, row);
    let lists = |id| policies.pack(id).is_some_and(|pack| pack.allows_waiver(waiver.reason));
    !packs.is_empty() && packs.iter().all(lists)
}

/// Pure: the approver is neither who examined nor who asked, under whatever account.
fn is_another(approver: &Account, reviewer: &Account, form: &Form, row: &RequestRow) -> bool {
    approver.active
        && approver.unit == row.unit
        && !approver.is_same_person(reviewer)
        && !standing::is_requester(form, approver)
}
