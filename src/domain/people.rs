//! People who serve requests, what they may do, and what proves it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{AccountId, UnitId};
use super::personal::Personal;
use super::plain_text::same_name;

/// What an account may do.
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
pub enum Role {
    /// Examines, and reviews a second time.
    Reviewer,
    /// Decides where two reviewers differ.
    Adjudicator,
    /// Releases answers.
    ReleaseAuthority,
    /// Keeps the unit's registry, holds and dead letters.
    LocalAdministrator,
    /// Reads the audit log.
    Auditor,
}

/// What a credential attests its holder can do (LACRIS-TRN-3).
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
pub enum Capability {
    /// Judges image quality and suitability.
    Quality,
    /// Searches one image against many.
    OneToMany,
    /// Compares one image with one.
    OneToOne,
}

/// Proof of training (LACRIS-DEF-4, LACRIS-TRN-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Who trained: `FBI`, `LACRIS`, ...
    pub issuer: String,
    /// The course.
    pub course: String,
    /// What it covers.
    pub capabilities: Vec<Capability>,
    /// Meets the CJIS minimum training criteria.
    pub cjis_minimum: bool,
    /// Issued.
    pub issued_at: DateTime<Utc>,
    /// Expires (exclusive).
    pub expires_at: DateTime<Utc>,
    /// The authority that approved it.
    pub approved_by: String,
    /// What the course taught, as codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// The refresher is due (exclusive): without it the credential is out of force from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresher_due: Option<DateTime<Utc>>,
}

impl Credential {
    /// When it ceases to be in force (exclusive): it expires, or its refresher is due.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.refresher_due.map_or(self.expires_at, |due| due.min(self.expires_at))
    }

    /// Whether it is in force at `at`.
    pub fn in_force(&self, at: DateTime<Utc>) -> bool {
        self.issued_at <= at && at < self.ends_at()
    }
}

/// A person's account at a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id; one person, one account.
    pub id: AccountId,
    /// Login name.
    pub login: String,
    /// Printed name.
    pub name: String,
    /// The human behind it, as the unit's own key. It tells apart two people of one name, and joins two accounts of one
    /// person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The unit.
    pub unit: UnitId,
    /// What the account may do.
    pub role: Role,
    /// May it log in.
    pub active: bool,
    /// Training.
    pub credentials: Vec<Credential>,
    /// Positions and bureaus that a policy names, as codes (`special-investigations-section-lieutenant`).
    #[serde(default)]
    pub positions: Vec<String>,
    /// Printed names of relatives: a request that names one of them is not this person's to examine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relatives: Vec<String>,
    /// Where the person is paged; a page holds nothing of a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pager_email: Option<Personal<String>>,
}

/// Why a reviewer gives a job back.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GiveBackReason {
    /// The reviewer knows somebody of the case.
    ConflictOfInterest,
    /// It asks for skills that the reviewer has not.
    NotQualified,
    /// The reviewer has other work to do first.
    Workload,
    /// The reviewer goes off duty.
    ShiftEnds,
    /// Anything else; the text says what.
    Other,
}

impl GiveBackReason {
    /// Whether the person must not take the same job again, even by choice.
    pub fn is_final(self) -> bool {
        match self {
            Self::ConflictOfInterest | Self::NotQualified => true,
            Self::Workload | Self::ShiftEnds | Self::Other => false,
        }
    }
}

impl Account {
    /// Whether one human is behind both accounts. Where no key tells, the printed names do.
    pub fn is_same_person(&self, other: &Self) -> bool {
        if self.id == other.id {
            return true;
        }
        if let (Some(one), Some(other)) = (&self.person, &other.person) {
            return one == other;
        }
        same_name(&self.name, &other.name)
    }
}

/// How urgently a job is served. One queue a lane: quorum queues know no priorities.
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
pub enum Lane {
    /// Imminent threat to life.
    Threat,
    /// Active incident, deceased, or unable to identify themselves.
    Priority,
    /// Everything else.
    Routine,
}

/// What a person was taught, and when it must be refreshed (SPD-AI-G1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The person.
    pub account: AccountId,
    /// What it covered, as the packs' codes (`ethics`, `go-390.01/2025-09-30`).
    pub topics: Vec<String>,
    /// Completed.
    pub completed_at: DateTime<Utc>,
    /// The refresher is due (exclusive).
    pub refresher_due: DateTime<Utc>,
    /// The authority that approved it.
    pub approved_by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u128, name: &str, person: Option<&str>) -> Account {
        let account = serde_json::json!({
            "id": AccountId::new(uuid::Uuid::from_u128(n)), "login": "sample", "name": name, "person": person,
            "unit": "lacris", "role": "reviewer", "active": true, "credentials": [],
        });
        serde_json::from_value(account).unwrap()
    }

    #[test]
    fn two_accounts_can_be_one_human() {
        let one = account(1, "Casey Sample", Some("p-7"));
        assert!(one.is_same_person(&account(1, "Robin Other", None)));
        assert!(one.is_same_person(&account(2, "Robin Other", Some("p-7"))));
        assert!(one.is_same_person(&account(2, "SAMPLE, CASEY", None)));
        assert!(!one.is_same_person(&account(2, "Casey Sample", Some("p-8"))), "two of one name");
        assert!(!one.is_same_person(&account(2, "Robin Other", None)));
    }
}
