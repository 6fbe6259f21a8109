//! Earlier requests about the same image or the same case, as a person of the unit may be shown them.
//!
//! Who asks a second unit after a first one found nothing, or the same unit again, may only be thorough; a reviewer should
//! know, and an auditor see it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Context, PipelineError};
use crate::domain::{Lane, Ori, Outcome, RequestId, UnitId};
use crate::lifecycle::StageCode;
use crate::store::{PicturesCompared, RequestRow, Shared, UnitRepeats};

/// An earlier request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "members of the answer; any of them may hold with any other"
)]
pub struct Repeat {
    /// Its id, where it is the unit's own.
    pub request: Option<RequestId>,
    /// The unit that was asked.
    pub unit: UnitId,
    /// The same agency asked.
    pub same_agency: bool,
    /// A probe is the same file.
    pub same_probe: bool,
    /// No probe is the same file, but one looks like the same picture. Of the whole picture, and of nobody's face.
    pub similar_probe: bool,
    /// It was about the same case of the same agency.
    pub same_case: bool,
    /// Another unit was asked before, and had answered that nothing was found.
    pub elsewhere_after_no_match: bool,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// How it ended, once it is answered or over.
    pub outcome: Option<Outcome>,
}

/// How far the comparison of a request's pictures is. Until it is done, no `similar_probe` says nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::VariantArray, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Comparison {
    /// Every probe was compared with those of all other requests.
    Done,
    /// Probes wait for it.
    Waiting,
    /// Some probes cannot be compared; the others were.
    Partial,
}

/// What a request repeats, and whether its pictures were compared yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Every request before it that it repeats, oldest first.
    pub repeats: Vec<Repeat>,
    /// How far the comparison of its pictures is.
    pub pictures: Comparison,
}

/// A request of a unit that repeats an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeating {
    /// Which.
    pub request: RequestId,
    /// Whose.
    pub agency: Ori,
    /// Where it stands.
    pub state: StageCode,
    /// Lane.
    pub lane: Lane,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// One of the earlier ones was another unit's, which had answered that nothing was found.
    pub elsewhere_after_no_match: bool,
    /// What it repeats.
    #[serde(flatten)]
    pub of: Repeats,
}

/// A page of a unit's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepeatingPage {
    /// Requests, newest first.
    pub items: Vec<Repeating>,
    /// Give it as `cursor` for the next page.
    pub next: Option<RequestId>,
}

/// What a request repeats.
pub async fn of(ctx: &Context, row: &RequestRow) -> Result<Repeats, PipelineError> {
    let mut repeats = Vec::new();
    for (other, shared) in ctx.store.repeats(row.id).await? {
        // A known-answer job is the unit's own affair. Within the unit it is shown like any request, for a reviewer would
        // miss the one that he or she remembers.
        if other.unit != row.unit && ctx.store.known_answer(other.id).await?.is_some() {
            continue;
        }
        let nothing_found = other.outcome == Some(Outcome::NoMatch);
        let released = if nothing_found { ctx.store.released_at(other.id).await? } else { None };
        repeats.extend(repeat(row, (&other, released), shared));
    }
    repeats.sort_by_key(|repeat| repeat.received_at);
    let pictures = comparison(ctx.store.comparison_of(row.id).await?);
    Ok(Repeats { repeats, pictures })
}

/// A page of the requests of a unit that repeat an earlier one, whichever unit was asked then.
pub async fn of_unit(ctx: &Context, wanted: &UnitRepeats) -> Result<RepeatingPage, PipelineError> {
    let page = ctx.store.unit_repeats(wanted).await?;
    let mut items = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let of = of(ctx, row).await?;
        items.push(Repeating {
            request: row.id,
            agency: row.ori.clone(),
            state: row.stage.code(),
            lane: row.lane,
            received_at: row.received_at,
            elsewhere_after_no_match: of.repeats.iter().any(|one| one.elsewhere_after_no_match),
            of,
        });
    }
    Ok(RepeatingPage { items, next: page.next })
}

/// Pure: an earlier request as this one's unit may see it. `released` is when its answer was, if nothing was found.
fn repeat(
    row: &RequestRow,
    (other, released): (&RequestRow, Option<DateTime<Utc>>),
    shared: Shared,
) -> Option<Repeat> {
    let is_earlier = (other.received_at, other.id) < (row.received_at, row.id);
    is_earlier.then(|| Repeat {
        request: (other.unit == row.unit).then_some(other.id),
        unit: other.unit.clone(),
        same_agency: other.ori == row.ori,
        same_probe: shared.probe,
        similar_probe: shared.picture && !shared.probe,
        same_case: shared.case,
        elsewhere_after_no_match: other.unit != row.unit
            && released.is_some_and(|released| released <= row.received_at),
        received_at: other.received_at,
        outcome: other.told_outcome(),
    })
}

/// Pure: how far the comparison is.
fn comparison(of: PicturesCompared) -> Comparison {
    if of.waiting > 0 {
        Comparison::Waiting
    } else if of.unreadable > 0 {
        Comparison::Partial
    } else {
        Comparison::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_before_what_cannot_be_compared() {
        let of = |waiting, unreadable| comparison(PicturesCompared { waiting, unreadable });
        assert_eq!(of(0, 0), Comparison::Done);
        assert_eq!(of(2, 1), Comparison::Waiting);
        assert_eq!(of(0, 1), Comparison::Partial);
    }
}
