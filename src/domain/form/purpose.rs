//! What a search is for.

use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// What the search is for, with the facts that this purpose asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// An active investigation. (Braces: serde refuses unknown members only of struct variants.)
    ActiveInvestigation {},
    /// An imminent threat to life.
    ImminentThreat {
        /// The threat.
        threat: Personal<String>,
        /// The supervisor who answers for it.
        supervisor: Supervisor,
        /// Number to call back, E.164.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_back: Option<Personal<String>>,
    },
    /// A deceased person.
    Deceased {
        /// Coroner's or incident reference.
        reference: Personal<String>,
        /// What else was tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alternatives_tried: Option<Personal<String>>,
    },
    /// A person unable to identify themselves.
    UnableToIdentify {
        /// The person's condition.
        condition: Personal<String>,
        /// Where.
        location: Personal<String>,
        /// The incident's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident_number: Option<Personal<String>>,
        /// Facts, where there is danger from a medical issue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        medical_danger: Option<Personal<String>>,
    },
}

/// The kinds of purpose, without their facts.
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
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PurposeKind {
    /// An active investigation.
    ActiveInvestigation,
    /// An imminent threat to life.
    ImminentThreat,
    /// A deceased person.
    Deceased,
    /// A person unable to identify themselves.
    UnableToIdentify,
}

impl Purpose {
    /// The kind.
    pub fn kind(&self) -> PurposeKind {
        match self {
            Self::ActiveInvestigation {} => PurposeKind::ActiveInvestigation,
            Self::ImminentThreat { .. } => PurposeKind::ImminentThreat,
            Self::Deceased { .. } => PurposeKind::Deceased,
            Self::UnableToIdentify { .. } => PurposeKind::UnableToIdentify,
        }
    }
}

/// A supervisor who answers for a threat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervisor {
    /// Name.
    pub name: Personal<String>,
    /// Telephone number, E.164.
    pub phone: Personal<String>,
}
