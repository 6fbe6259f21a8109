//! A time of duty, as an operator's registry has it. [`crate::roster`] says who is on duty.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{AccountId, UnitId};

/// A time of duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Unit.
    pub unit: UnitId,
    /// Who.
    pub account: AccountId,
    /// From.
    pub starts_at: DateTime<Utc>,
    /// Until (exclusive).
    pub ends_at: DateTime<Utc>,
}
