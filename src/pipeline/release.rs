//! An officer who examined nothing signs the exact bytes that leave.
//!
//! The document is a pure function of the records and of the moment when they were complete, so the preview that the
//! officer reads and the bytes that are released are the same, byte for byte.

mod content;
mod document;
mod previews;
mod reviews;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use self::previews::Made;
use super::emergency::suspension;
use super::read::{self, Wanted};
use super::{Context, PipelineError, dispatch, emergency, examine, hold, sealed, standing, step};
use crate::domain::form::FormAffirmation;
use crate::domain::{Account, Outcome, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, StageCode, deadline, next};
use crate::messages::{EventData, Message, Step};
use crate::policy::PolicyDecision;
use crate::policy::facts::{self, Content, SecondReviewState};
use crate::store::{Change, NewRecord, RecordKind, RequestRow, RequestUpdate};

pub use previews::Previews;

/// A release, as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// SHA-256 of the document, hexadecimal.
    pub document_sha256: String,
    /// Where the document lies, sealed.
    pub object_key: String,
    /// Ed25519 signature over [`signed_text`], hexadecimal.
    pub signature: String,
    /// The conclusion.
    pub outcome: Outcome,
}

/// A document that waits for its release.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Its SHA-256, hexadecimal: the officer gives it back to release exactly this.
    pub sha256: String,
}

/// What a document says that a policy asks about.
#[derive(Debug, Default)]
struct Printed {
    /// The mandated statements that were put into it.
    statements: Vec<FormAffirmation>,
    /// Generative AI helped to make the request or the examination.
    generative_ai: bool,
    /// The second review.
    second_review: SecondReviewState,
    /// A placeholder stands in what the unit's registry and packs give the document.
    placeholder_open: bool,
    /// SHA-256 of the set of packs whose words they are.
    policies: String,
}

/// What a release signs: the request, the officer, the document.
pub fn signed_text(request: RequestId, officer: &Account, document_sha256: &str) -> String {
    format!("leadbroker release v1\n{request}\n{}\n{document_sha256}\n", officer.id)
}

/// Makes the document for the officer to read. Reading it is recorded.
pub async fn preview(
    ctx: &Context,
    officer: &Account,
    request: RequestId,
) -> Result<Preview, PipelineError> {
    let row = examine::row_for(ctx, officer, request).await?;
    if officer.role == Role::ReleaseAuthority && row.stage.code() != StageCode::AwaitingRelease {
        let _ = awaiting(&row, officer)?;
    }
    let wanted = Wanted { content: Content::Document, action: "document.previewed", which: "" };
    let row = read::allow(ctx, officer, request, wanted).await?;
    let (outcome, _) = awaiting(&row, officer)?;
    Ok(made(ctx, &row, outcome).await?.0.clone())
}

/// Pure: the request must wait for a release, and by somebody who examined nothing of it.
fn awaiting<'r>(
    row: &'r RequestRow,
    officer: &Account,
) -> Result<(Outcome, &'r [crate::domain::AccountId]), PipelineError> {
    if officer.role != Role::ReleaseAuthority {
        return Err(PipelineError::forbidden(
            "role",
            "a release is for the role `release_authority`",
        ));
    }
    let Stage::AwaitingRelease { outcome, reviewers, .. } = &row.stage else {
        let code = row.stage.code();
        let message = format!("this request is `{code}` and waits for no release; read its status");
        return Err(PipelineError::conflict("state", message));
    };
    if reviewers.contains(&officer.id) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "you examined this request; somebody else must release it (CORE-SEPARATION)",
        ));
    }
    Ok((*outcome, reviewers))
}

/// The document as it was last read; made if nobody did.
async fn made(ctx: &Context, row: &RequestRow, outcome: Outcome) -> Result<Made, PipelineError> {
    let ctx = &ctx.with_one_policy_set().await?;
    // Words of a set that is no longer in force may not leave; the officer reads the new ones.
    let policies = ctx.policies().await?;
    if let Some(made) = ctx.previews.of((row.id, row.version), ctx.now())
        && made.1.policies == policies.set().sha256
    {
        return Ok(made);
    }
    let (document, printed) = document::compose(ctx, row, outcome).await?;
    // The moment of the last record, not of the row: a reminder of an overdue release must not change what was read.
    let records = ctx.store.records(row.id).await?;
    // Nor must a decision about a hold of the release, or a call to the agency.
    let last = records.iter().rfind(|record| record.kind.is_examination());
    let made_at = last.map_or(row.updated_at, |record| record.written_at);
    let pdf = tokio::task::spawn_blocking(move || crate::report::render(&document, made_at))
        .await
        .map_err(|_| PipelineError::Document("the typesetter stopped".to_owned()))?
        .map_err(|error| PipelineError::Document(error.to_string()))?;
    let sha256 = hex::encode(openssl::sha::sha256(pdf.bytes()));
    let made = Arc::new((Preview { pdf: pdf.bytes().to_vec(), sha256 }, printed));
    // One with an open placeholder is made anew when the unit has filled it in.
    if !made.1.placeholder_open {
        ctx.previews.keep((row.id, row.version), ctx.now(), Arc::clone(&made));
    }
    Ok(made)
}

/// Whether the officer could release this document, before a second factor is spent on it.
pub async fn precheck(
    ctx: &Context,
    officer: &Account,
    request: RequestId,
    document_sha256: &str,
) -> Result<(), PipelineError> {
    let row = examine::row_for(ctx, officer, request).await?;
    let (outcome, _) = awaiting(&row, officer)?;
    is_read(&made(ctx, &row, outcome).await?.0, document_sha256)
}

fn is_read(preview: &Preview, document_sha256: &str) -> Result<(), PipelineError> {
    if preview.sha256 == document_sha256 {
        return Ok(());
    }
    Err(PipelineError::conflict(
        "document_changed",
        "the document is not the one with this SHA-256; read the preview again and release what you read",
    ))
}

/// Releases the document with this SHA-256.
pub async fn release(
    ctx: &Context,
    officer: &Account,
    request: RequestId,
    document_sha256: &str,
) -> Result<Stage, PipelineError> {
    let ctx = &ctx.with_one_policy_set().await?;
    let row = examine::row_for(ctx, officer, request).await?;
    let (outcome, reviewers) = awaiting(&row, officer)?;
    let now = ctx.now();
    let registry = ctx.registry().await?;
    let form = sealed::form_of(ctx, &row)?;
    let made = made(ctx, &row, outcome).await?;
    let (preview, printed) = &*made;
    let asked = facts::Release {
        officer: standing::officer(&registry, &row, &form, officer),
        outcome,
        second_review: printed.second_review,
        lead_images: u32::from(outcome == Outcome::Lead),
        printed: printed.statements.clone(),
        unit_packs: standing::unit_packs(&registry, &row),
        generative_ai: printed.generative_ai,
        credentials_in_force: standing::credentials_in_force(&registry, reviewers, now),
        placeholder_open: printed.placeholder_open,
        emergency: emergency::state_of(ctx, &row, now).await?,
        requester_suspended: suspension::by_another(ctx, &row, form.requester.email.expose())
            .await?,
    };
    let agency = standing::agency(&registry, &row);
    let decision = ctx.policies().await?.decide(
        &standing::packs(&registry, &row),
        &facts::release(&asked, &agency, &row.unit, now),
    );
    if decision.verdict() == Verdict::Reject {
        examine::refuse_unless_accepted(ctx, officer, &row, &decision).await?;
    }
    is_read(preview, document_sha256)?;
    let allowed_by = hold::allowed_by(ctx, &row, &decision).await?;
    if decision.verdict() == Verdict::Hold && allowed_by.is_none() {
        return held(ctx, officer, &row, &decision).await;
    }
    let record = sign(ctx, &row, officer, (preview, outcome)).await?;
    let mut event = examine::by_person(officer, "answer.released", now, &row)
        .decision(&decision)
        .detail("outcome", outcome.into())
        .detail("document", &hex::encode(ctx.vault.lookup_hash("document", document_sha256)));
    if let Some(person) = allowed_by {
        event = event.detail("allowed_by", &person.to_string());
    }
    let stage = next(&row.stage, Event::ReleaseGranted { officer: officer.id })?;
    let change = released(ctx, &row, officer, (stage.clone(), outcome, record, event), now)?;
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

/// What may not leave without a named human's word waits for that human; the officer's document stays as it was read.
async fn held(
    ctx: &Context,
    officer: &Account,
    row: &RequestRow,
    decision: &PolicyDecision,
) -> Result<Stage, PipelineError> {
    let (outcome, reviewers) = awaiting(row, officer)?;
    let resume = Resume::Release { outcome, reviewers: reviewers.to_vec() };
    let role = standing::decider(decision);
    let stage = next(&row.stage, Event::Held { role, resume: resume.clone() })?;
    let event = examine::by_person(officer, "release.held", ctx.now(), row).decision(decision);
    let change = hold::begin(ctx, row, role, resume, (decision.findings().to_vec(), event))?;
    step::apply_by_person(ctx, change).await?;
    Ok(stage)
}

async fn sign(
    ctx: &Context,
    row: &RequestRow,
    officer: &Account,
    (made, outcome): (&Preview, Outcome),
) -> Result<ReleaseRecord, PipelineError> {
    let text = signed_text(row.id, officer, &made.sha256);
    let signature = hex::encode(ctx.release_key.sign(text.as_bytes())?);
    let key = sealed::key_of(ctx, row)?;
    let object_key = sealed::put_image(ctx, row.id, &key, made.pdf.clone()).await?;
    Ok(ReleaseRecord { document_sha256: made.sha256.clone(), object_key, signature, outcome })
}

fn released(
    ctx: &Context,
    row: &RequestRow,
    officer: &Account,
    (stage, outcome, record, event): (Stage, Outcome, ReleaseRecord, crate::audit::AuditEvent),
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let until = deadline(&stage, now, &ctx.rules.terms);
    let mut update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    update.outcome = Some(outcome);
    let mut change = Change::update(update, vec![event]);
    let id = ctx.ids.id();
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::Release,
        author: officer.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &sealed::key_of(ctx, row)?, &record)?,
    });
    let data = EventData {
        request: row.id,
        state: stage.code(),
        findings: Vec::new(),
        outcome: Some(outcome),
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    change.outgoing.push(Message::command(ctx.message_id(), now, Step::Respond, row.id));
    Ok(change)
}
