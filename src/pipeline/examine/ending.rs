//! What kind of record an examination is, and where it leads.

use super::examination;
use crate::domain::examination::Examination;
use crate::domain::{Differences, Outcome};
use crate::lifecycle::{Event, Stage};
use crate::pipeline::{Context, PipelineError};
use crate::store::{RecordKind, RequestRow};
use crate::vault::DataKey;

/// The audit entry's action.
pub(super) fn action(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Examination => "examination.concluded",
        RecordKind::SecondReview => "second_review.concluded",
        RecordKind::Adjudication => "adjudication.concluded",
        RecordKind::Waiver => "second_review.waived",
        RecordKind::Release
        | RecordKind::HoldDecision
        | RecordKind::Withdrawal
        | RecordKind::CallBack
        | RecordKind::Confirmation
        | RecordKind::SuspensionLift
        | RecordKind::LegalHold
        | RecordKind::Dissemination
        | RecordKind::Draft
        | RecordKind::GiveBack => "record.written",
    }
}

/// What kind of record this is, and where it leads. The first examination is opened here and nowhere before, for the second
/// reviewer has concluded.
pub(super) async fn of(
    ctx: &Context,
    row: &RequestRow,
    key: &DataKey,
    exam: &Examination,
) -> Result<(RecordKind, Event), PipelineError> {
    let outcome = Outcome::from(exam.conclusion);
    if matches!(row.stage, Stage::Adjudication { .. }) {
        return Ok((RecordKind::Adjudication, Event::Adjudicated { outcome }));
    }
    if !matches!(row.stage, Stage::SecondReview { .. }) {
        return Ok((RecordKind::Examination, Event::Concluded));
    }
    let first = examination(ctx, row, key, RecordKind::Examination).await?;
    let registry = ctx.registry().await?;
    let differences = registry.unit(&row.unit).map(|unit| unit.differences).unwrap_or_default();
    let event = match (first.examination.agrees_with(exam), differences) {
        (true, _) => Event::SecondAgreed { outcome },
        (false, Differences::Adjudicate) => Event::SecondDiffered,
        (false, Differences::Inconclusive) => Event::SecondDivided,
    };
    Ok((RecordKind::SecondReview, event))
}
