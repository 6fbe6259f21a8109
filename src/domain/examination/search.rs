//! What was searched, with what, when.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

/// One search of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Repository id (`DMS`).
    pub repository: String,
    /// System that was used.
    pub system: String,
    /// Its vendor.
    pub vendor: String,
    /// Its version.
    pub version: String,
    /// When (LACRIS-RPT-4c: the date searched, not the date of the print).
    pub searched_at: DateTime<FixedOffset>,
    /// Candidates that the system listed.
    pub candidates: u32,
}
