//! Requesting agencies and their standing with units.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{PackId, UnitId};

/// Originating Agency Identifier: two letters, then seven letters or digits (`CA0194200`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ori(String);

/// A text that is no ORI.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an ORI has two capital letters, then seven capital letters or digits")]
pub struct BadOri;

impl Ori {
    /// The nine characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ori {
    type Err = BadOri;
    fn from_str(text: &str) -> Result<Self, BadOri> {
        let fits = text.len() == 9
            && text.bytes().take(2).all(|b| b.is_ascii_uppercase())
            && text.bytes().skip(2).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(BadOri) }
    }
}

impl TryFrom<String> for Ori {
    type Error = BadOri;
    fn try_from(text: String) -> Result<Self, BadOri> {
        text.parse()
    }
}

impl From<Ori> for String {
    fn from(ori: Ori) -> Self {
        ori.0
    }
}

impl fmt::Display for Ori {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Ori {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an agency may use the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum AgencyStanding {
    /// In good standing.
    Active,
    /// Suspended: every request is refused until an administrator lifts it.
    Suspended,
}

/// A requesting agency as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// Its ORI.
    pub ori: Ori,
    /// Its name.
    pub name: String,
    /// Verified e-mail domains; a requester's address must be in one of them, exactly.
    pub domains: Vec<String>,
    /// Standing.
    pub standing: AgencyStanding,
    /// Packs that bind the agency itself.
    pub packs: Vec<PackId>,
    /// The agency's user at the broker.
    pub amqp_user: Option<String>,
    /// Telephone number for call-backs, E.164.
    pub call_back: Option<String>,
    /// Agreements with units.
    pub agreements: Vec<Agreement>,
}

/// An information-exchange agreement between an agency and a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The unit.
    pub unit: UnitId,
    /// The agreement's number.
    pub number: String,
    /// In force from.
    pub valid_from: DateTime<Utc>,
    /// In force until (exclusive).
    pub valid_until: DateTime<Utc>,
    /// SHA-256 of the signed document, hexadecimal.
    pub document_sha256: String,
}

impl Agency {
    /// The agreement with `unit` that is in force at `at`.
    pub fn agreement(&self, unit: &UnitId, at: DateTime<Utc>) -> Option<&Agreement> {
        self.agreements.iter().find(|a| a.unit == *unit && a.valid_from <= at && at < a.valid_until)
    }

    /// Whether `address` lies in one of the verified domains (exact, case-insensitive).
    pub fn owns_address(&self, address: &str) -> bool {
        address
            .rsplit_once('@')
            .is_some_and(|(_, domain)| self.domains.iter().any(|d| d.eq_ignore_ascii_case(domain)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ori_has_nine_characters() {
        assert!("CA0194200".parse::<Ori>().is_ok());
        for bad in ["", "CA019420", "ca0194200", "C10194200", "CA01942000", "CA01942é"] {
            assert!(bad.parse::<Ori>().is_err(), "{bad}");
        }
    }
}
