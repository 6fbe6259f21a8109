//! How an examination can end.

use serde::{Deserialize, Serialize};

use crate::domain::Outcome;

/// How a reviewer can conclude. A lead is all that it can say.
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
pub enum Conclusion {
    /// An investigative lead.
    Lead,
    /// No possible match in the repositories that were searched.
    NoMatch,
    /// No probe is suitable for a search (LACRIS-INV-2a).
    UnsuitableProbe,
    /// Neither a lead nor its absence can be stated.
    Inconclusive,
    /// The reviewer declines the search, citing a clause (LACRIS-FA-1).
    Declined,
}

impl From<Conclusion> for Outcome {
    fn from(conclusion: Conclusion) -> Self {
        match conclusion {
            Conclusion::Lead => Self::Lead,
            Conclusion::NoMatch => Self::NoMatch,
            Conclusion::UnsuitableProbe => Self::UnsuitableProbe,
            Conclusion::Inconclusive => Self::Inconclusive,
            Conclusion::Declined => Self::Declined,
        }
    }
}
