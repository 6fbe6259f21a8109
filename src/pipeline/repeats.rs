//! Earlier requests about the same image or the same case, as a person of the unit may be shown them.
//!
//! Who asks a second unit after a first one found nothing, or the same unit again, may only be thorough; a reviewer should
//! know, and an auditor see it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Context, PipelineError};
use crate::domain::{Outcome, RequestId, UnitId};
use crate::store::{RequestRow, Shared};

/// An earlier request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// Its id, where it is the unit's own.
    pub request: Option<RequestId>,
    /// The unit that was asked.
    pub unit: UnitId,
    /// The same agency asked.
    pub same_agency: bool,
    /// A probe is the same file.
    pub same_probe: bool,
    /// It was about the same case of the same agency.
    pub same_case: bool,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// How it ended, once it is answered or over.
    pub outcome: Option<Outcome>,
}

/// Every request before this one that it repeats, oldest first.
pub async fn of(ctx: &Context, row: &RequestRow) -> Result<Vec<Repeat>, PipelineError> {
    let others = ctx.store.repeats(row.id).await?;
    let mut repeats: Vec<Repeat> = Vec::with_capacity(others.len());
    for (other, shared) in &others {
        // A known-answer job is the unit's own affair. Within the unit it is shown like any request, for a reviewer would
        // miss the one that he or she remembers.
        if other.unit != row.unit && ctx.store.known_answer(other.id).await?.is_some() {
            continue;
        }
        repeats.extend(repeat(row, other, *shared));
    }
    repeats.sort_by_key(|repeat| repeat.received_at);
    Ok(repeats)
}

/// Pure: an earlier request as this one's unit may see it.
fn repeat(row: &RequestRow, other: &RequestRow, shared: Shared) -> Option<Repeat> {
    (other.received_at <= row.received_at).then(|| Repeat {
        request: (other.unit == row.unit).then_some(other.id),
        unit: other.unit.clone(),
        same_agency: other.ori == row.ori,
        same_probe: shared.probe,
        same_case: shared.case,
        received_at: other.received_at,
        outcome: other.told_outcome(),
    })
}
