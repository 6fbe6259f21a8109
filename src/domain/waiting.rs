//! Why a job waits that nobody is asked to examine: a code for its agency, and nobody's name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why no reviewer is asked.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WaitingReason {
    /// The unit offers no job for a while.
    UnitOffline,
    /// The roster has no reviewer on duty for the lane.
    NobodyOnDuty,
    /// Who is on duty lacks a credential in force for what is asked, or a policy refuses the claim.
    NobodyQualified,
    /// Who is on duty has as many jobs as the unit allows.
    AtCapacity,
    /// Who is on duty may not examine this one request.
    Conflict,
}

/// Why no reviewer is asked, and until when if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Code.
    pub reason: WaitingReason,
    /// When a unit that is offline offers jobs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}
