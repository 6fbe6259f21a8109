//! How a request can end. There is no word here for "identified", and there must never be one.

use serde::{Deserialize, Serialize};

/// The end of a request.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// An investigative lead, and nothing more (LACRIS-RPT-3).
    Lead,
    /// No possible match in the repositories that were searched (LACRIS-NM-1).
    NoMatch,
    /// No probe was suitable for a search (LACRIS-INV-2a).
    UnsuitableProbe,
    /// The reviewers could neither offer nor exclude a lead.
    Inconclusive,
    /// A reviewer declined the search, citing a clause (LACRIS-FA-1).
    Declined,
    /// The requester withdrew it.
    Withdrawn,
    /// Its time ran out.
    Expired,
    /// The person present refused.
    SubjectRefused,
}
