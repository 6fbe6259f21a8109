//! The waiver of a second review.

use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// Why a second review is waived. A pack lists those that it allows.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WaiverReason {
    /// A life is in imminent danger, and no second reviewer can be awaited.
    ImminentThreat,
    /// No second reviewer is to be had before the answer is needed.
    NoSecondReviewer,
}

impl WaiverReason {
    /// The words on the report.
    pub fn printed(self) -> &'static str {
        match self {
            Self::ImminentThreat => {
                "a life was in imminent danger, and no second reviewer could be awaited"
            }
            Self::NoSecondReviewer => {
                "no second reviewer was to be had before the answer was needed"
            }
        }
    }
}

/// A waiver, in the approver's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Why.
    pub reason: WaiverReason,
    /// The circumstances; kept with the case.
    pub note: Personal<String>,
}
