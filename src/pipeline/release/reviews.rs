//! Who concluded what: whose examination the answer rests on, and how the second review stood to the first.

use crate::domain::examination::{Examination, Waiver};
use crate::domain::{Outcome, Personal};
use crate::pipeline::examine::ExaminationRecord;
use crate::pipeline::{Context, PipelineError, sealed};
use crate::policy::facts::SecondReviewState;
use crate::registry::Registry;
use crate::report::document as paper;
use crate::store::{RecordKind, RecordRow};
use crate::vault::DataKey;

/// What the document says of the people who examined.
pub(super) struct Reviews {
    /// The examination that the answer rests on. Where the result is that two differed, what both record of the probes and
    /// of their searches.
    pub(super) exam: ExaminationRecord,
    /// Who came to the result. Where the result is that two differed, both.
    pub(super) authors: Personal<String>,
    /// The second review, or what stood in its place.
    pub(super) second: paper::SecondReview,
}

impl Reviews {
    /// The same, as the policies ask.
    pub(super) const fn state(&self) -> SecondReviewState {
        match self.second {
            paper::SecondReview::Concurred { .. } => SecondReviewState::Agreed,
            paper::SecondReview::Adjudicated { .. } => SecondReviewState::Adjudicated,
            paper::SecondReview::Differed { .. } => SecondReviewState::Differed,
            paper::SecondReview::Waived { .. } => SecondReviewState::Waived,
        }
    }

    fn outcome(&self) -> Outcome {
        match self.second {
            paper::SecondReview::Differed { .. } => Outcome::Inconclusive,
            paper::SecondReview::Concurred { .. }
            | paper::SecondReview::Adjudicated { .. }
            | paper::SecondReview::Waived { .. } => self.exam.examination.conclusion.into(),
        }
    }
}

/// Reads it off the records, and from the records alone: that a request ends as its first examination did, does not say that
/// the second agreed.
pub(super) fn of(
    ctx: &Context,
    registry: &Registry,
    key: &DataKey,
    records: &[RecordRow],
    outcome: Outcome,
) -> Result<Reviews, PipelineError> {
    let reviews = recorded(ctx, registry, key, records)?;
    if reviews.outcome() != outcome {
        return Err(PipelineError::Inconsistent("an outcome that its examinations say"));
    }
    Ok(reviews)
}

fn recorded(
    ctx: &Context,
    registry: &Registry,
    key: &DataKey,
    records: &[RecordRow],
) -> Result<Reviews, PipelineError> {
    let newest = |kind| records.iter().rfind(|record| record.kind == kind);
    let open = |record| sealed::open_record::<ExaminationRecord>(ctx, key, record);
    let name = |record| Personal::new(name_of(registry, record));
    let one =
        newest(RecordKind::Examination).ok_or(PipelineError::Inconsistent("an examination"))?;
    let (mut exam, first) = (open(one)?, name(one));
    if let Some(record) = newest(RecordKind::Waiver) {
        let waiver: Waiver = sealed::open_record(ctx, key, record)?;
        let reason = Personal::new(waiver.reason.printed().to_owned());
        let second = paper::SecondReview::Waived { by: name(record), reason };
        return Ok(Reviews { exam, authors: first, second });
    }
    let other =
        newest(RecordKind::SecondReview).ok_or(PipelineError::Inconsistent("a second review"))?;
    let (second, at) = (name(other), other.written_at);
    if let Some(record) = newest(RecordKind::Adjudication) {
        // The decision is the adjudicator's own, whomever it follows.
        let (adjudicator, at) = (name(record), record.written_at);
        let authors = adjudicator.clone();
        let second = paper::SecondReview::Adjudicated { first, second, adjudicator, at };
        return Ok(Reviews { exam: open(record)?, authors, second });
    }
    let review = open(other)?.examination;
    if exam.examination.agrees_with(&review) {
        let concurred = paper::SecondReview::Concurred { reviewer: second, at };
        return Ok(Reviews { exam, authors: first, second: concurred });
    }
    both(&mut exam.examination, review);
    let authors = Personal::new(format!("{} and {}", first.expose(), second.expose()));
    Ok(Reviews { exam, authors, second: paper::SecondReview::Differed { first, second, at } })
}

/// Adds what the other examination says of the probes and of its searches.
fn both(exam: &mut Examination, other: Examination) {
    exam.searches.extend(other.searches);
    exam.suitability.extend(other.suitability);
    exam.suitability.sort_by_key(|entry| entry.probe);
    exam.derivatives.extend(other.derivatives);
    exam.generative_ai = exam.generative_ai.take().or(other.generative_ai);
}

fn name_of(registry: &Registry, record: &RecordRow) -> String {
    registry
        .account(record.author)
        .map_or_else(|| record.author.to_string(), |account| account.name.clone())
}
