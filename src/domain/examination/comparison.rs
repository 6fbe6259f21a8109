//! The morphological comparison.

use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// How two features compare.
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
pub enum Agreement {
    /// Alike.
    Similar,
    /// Unlike, for a reason that the narrative gives (age, lens, light).
    Explained,
    /// Unlike.
    Dissimilar,
    /// Cannot be told: it is not visible in one of them.
    #[serde(alias = "not_visible")]
    NotComparable,
}

/// One line of the morphological comparison (LACRIS-RPT-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureComparison {
    /// The feature, of the unit's checklist (`Ears`, `Ears: lobe attachment`).
    pub feature: String,
    /// What the probe shows.
    pub probe: Personal<String>,
    /// What the candidate shows.
    pub candidate: Personal<String>,
    /// How they compare.
    pub agreement: Agreement,
    /// What explains a difference, or limits the comparison.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub note: Personal<String>,
}

fn is_blank(text: &Personal<String>) -> bool {
    text.expose().trim().is_empty()
}
