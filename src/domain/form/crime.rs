//! The crime that is investigated.

use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// The crime: coded, or why there is no code. Told apart by the member `not_available`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CrimeMembers", into = "CrimeMembers")]
pub enum CrimeType {
    /// A code.
    Coded {
        /// The code (`13A`).
        code: String,
        /// The system it belongs to.
        system: CrimeSystem,
        /// In words.
        description: Option<Personal<String>>,
    },
    /// None.
    NotAvailable {
        /// Why there is none.
        not_available: Personal<String>,
    },
}

/// A system of crime codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum CrimeSystem {
    /// National Incident-Based Reporting System.
    Nibrs,
    /// National Crime Information Center.
    Ncic,
    /// The agency's own.
    Local,
}

/// `CrimeType` as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CrimeMembers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<CrimeSystem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_available: Option<Personal<String>>,
}

/// A crime type that has the members of neither kind, or of both.
#[derive(Debug, thiserror::Error)]
#[error("a crime type has `code` and `system`, or only `not_available`")]
struct BadCrimeType;

impl TryFrom<CrimeMembers> for CrimeType {
    type Error = BadCrimeType;
    fn try_from(members: CrimeMembers) -> Result<Self, BadCrimeType> {
        match (members.code, members.system, members.not_available) {
            (Some(code), Some(system), None) => {
                Ok(Self::Coded { code, system, description: members.description })
            }
            (None, None, Some(not_available)) if members.description.is_none() => {
                Ok(Self::NotAvailable { not_available })
            }
            _ => Err(BadCrimeType),
        }
    }
}

impl From<CrimeType> for CrimeMembers {
    fn from(crime: CrimeType) -> Self {
        let mut members = Self { code: None, system: None, description: None, not_available: None };
        match crime {
            CrimeType::Coded { code, system, description } => {
                members.code = Some(code);
                members.system = Some(system);
                members.description = description;
            }
            CrimeType::NotAvailable { not_available } => {
                members.not_available = Some(not_available);
            }
        }
        members
    }
}
