//! What a reviewer records: suitability, search, comparison, conclusion.
//!
//! The same record serves the first examination, the blind second review and the adjudication.

mod candidate;
mod checklist;
mod comparison;
mod conclusion;
mod faults;
mod probe;
mod quality;
mod search;
#[cfg(test)]
mod tests;
mod waiver;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

pub use self::candidate::Candidate;
pub use self::checklist::{Checklist, ChecklistUsed, Component};
pub use self::comparison::{Agreement, FeatureComparison};
pub use self::conclusion::Conclusion;
pub use self::faults::{comparison_faults, derivative_faults, examination_faults};
pub use self::probe::{ProbeDerivative, Suitability};
pub use self::quality::{Compression, Lighting, Occlusion, Pose, Quality};
pub use self::search::Search;
pub use self::waiver::{Waiver, WaiverReason};
use super::Personal;
use super::plain_text::letters;

/// A reviewer's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examination {
    /// One for every probe.
    pub suitability: Vec<Suitability>,
    /// Steps that led from a probe to the searched image; the original never changes (LACRIS-INV-2b).
    #[serde(default)]
    pub derivatives: Vec<ProbeDerivative>,
    /// Searches.
    #[serde(default)]
    pub searches: Vec<Search>,
    /// Comparison, for a lead.
    #[serde(default)]
    pub comparison: Vec<FeatureComparison>,
    /// The checklist that the comparison was made with; leadbroker notes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<ChecklistUsed>,
    /// The conclusion.
    pub conclusion: Conclusion,
    /// Its reasons (LACRIS-DOC-1).
    pub narrative: Personal<String>,
    /// The candidate, for a lead only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The clause under which the search is declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined_under: Option<String>,
    /// Other resources and databases that the candidate was checked against (APD-4D5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified_with: Vec<Personal<String>>,
    /// What the review for indications of bias found, and what was done about it (SPD-AI-B3).
    #[serde(default)]
    pub bias_review: Personal<String>,
    /// Where generative AI made or altered something of this record (SPD-AI-C1, C2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generative_ai: Option<GenerativeAi>,
}

/// The use of generative AI in an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerativeAi {
    /// The reviewer has reviewed what it made for accuracy (SPD-AI-C2).
    pub reviewed: bool,
    /// The supervisor who approved its use beforehand (SPD-AI-C1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Personal<String>>,
}

impl Examination {
    /// Whether every probe that was found suitable is recorded as showing the face from the front, and there is one.
    pub fn is_frontal(&self) -> bool {
        let mut suitable = self.suitability.iter().filter(|entry| entry.suitable).peekable();
        suitable.peek().is_some() && suitable.all(|entry| entry.frontal == Some(true))
    }

    /// How many other resources the candidate was checked against; blank lines do not count.
    pub fn resources_asked(&self) -> usize {
        self.verified_with.iter().filter(|name| !name.expose().trim().is_empty()).count()
    }

    /// Whether another examiner, who did not see this record, came to the same end: the same conclusion, and for
    /// a lead the same person's record.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.conclusion == other.conclusion
            && match (&self.candidate, &other.candidate) {
                (Some(mine), Some(theirs)) => mine.sid == theirs.sid,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }

    /// When the last search was made.
    pub fn searched_at(&self) -> Option<DateTime<FixedOffset>> {
        self.searches.iter().map(|search| search.searched_at).max()
    }

    /// Number of letters of the reasons.
    pub fn narrative_letters(&self) -> usize {
        letters(self.narrative.expose())
    }

    /// Number of letters of the review for bias.
    pub fn bias_review_letters(&self) -> usize {
        letters(self.bias_review.expose())
    }
}
