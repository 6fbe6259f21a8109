//! Regional units: who provides the service, under which packs, searching what.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::escalation::EscalationPolicy;
use super::examination::Checklist;
use super::ids::{PackId, UnitId};
use super::service::ServiceTerms;

/// What kind of collection a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryKind {
    /// Booking photographs (LACRIS-DEF-2).
    Mugshot,
    /// Anything else.
    Other,
}

/// What may be searched (LACRIS-DB-2, LACRIS-DB-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Id (`DMS`).
    pub id: String,
    /// Kind.
    pub kind: RepositoryKind,
}

/// A regional unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Id (`lacris`).
    pub id: UnitId,
    /// Name, as printed on documents.
    pub name: String,
    /// Packs in force.
    pub packs: Vec<PackId>,
    /// Repositories that it offers.
    pub repositories: Vec<Repository>,
    /// Address or number for questions, printed on every document (LACRIS-FTR-7).
    pub contact: String,
    /// Who may train its people, where a policy wants trainers designated (OX-461.3-0b).
    #[serde(default)]
    pub trainers: Vec<TrainerDesignation>,
    /// Its own changes to the words that need a human (CORE-WORDS).
    #[serde(default, skip_serializing_if = "UnitWords::is_empty")]
    pub words: UnitWords,
    /// What becomes of a request on which two reviewers differ.
    #[serde(default, skip_serializing_if = "Differences::is_usual")]
    pub differences: Differences,
    /// Its own checklist of the morphological comparison, in place of the one that comes with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
    /// How its people work.
    #[serde(default, skip_serializing_if = "UnitDesk::is_usual")]
    pub desk: UnitDesk,
    /// Its hours, and how soon it means to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceTerms>,
    /// Whom it pages, first one first; what none of them is for goes by the standard policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalations: Vec<EscalationPolicy>,
}

impl Unit {
    /// The checklist that its reviewers compare by.
    pub fn checklist(&self) -> &Checklist {
        self.checklist.as_ref().unwrap_or(Checklist::builtin())
    }
}

/// What becomes of a request on which two reviewers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Differences {
    /// An adjudicator decides.
    #[default]
    Adjudicate,
    /// It is inconclusive.
    Inconclusive,
}

impl Differences {
    /// Whether it is what a unit does that says nothing.
    pub fn is_usual(&self) -> bool {
        *self == Self::Adjudicate
    }
}

/// How a unit's people work: whatever is absent is as usual.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitDesk {
    /// Jobs that one reviewer may have on the desk at once; [`USUAL_CAPACITY`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// The unit offers no job until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_until: Option<DateTime<Utc>>,
}

/// Jobs that a reviewer may have on the desk where the unit says nothing.
pub const USUAL_CAPACITY: u32 = 20;

impl UnitDesk {
    /// Whether nothing is set.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Jobs that one reviewer may have on the desk at once.
    pub fn capacity(&self) -> u32 {
        self.capacity.unwrap_or(USUAL_CAPACITY)
    }

    /// Whether the unit offers no job at `at`.
    pub fn is_offline(&self, at: DateTime<Utc>) -> bool {
        self.offline_until.is_some_and(|until| at < until)
    }
}

/// A unit's changes to the words that need a human.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitWords {
    /// Words of its own.
    #[serde(default)]
    pub add: Vec<String>,
    /// Words that hold nothing here.
    #[serde(default)]
    pub remove: Vec<String>,
}

impl UnitWords {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// Somebody in authority has designated a trainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerDesignation {
    /// The trainer, as credentials name the issuer.
    pub issuer: String,
    /// The position that designated, as a code (`investigations-bureau-commander`).
    pub designated_by: String,
    /// Designated from.
    pub from: DateTime<Utc>,
    /// Designated until (exclusive); without it the designation stands.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
}

impl TrainerDesignation {
    /// Whether it covers a training that `issuer` gave at `at`.
    pub fn covers(&self, issuer: &str, at: DateTime<Utc>) -> bool {
        self.issuer == issuer && self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A system that a unit searches with, and what makes it fit for protected information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AiSystem {
    /// The unit.
    pub unit: UnitId,
    /// Its name, as reviewers record it with a search.
    pub name: String,
    /// Its vendor.
    pub vendor: String,
    /// The contract that keeps what is put into it private (SPD-AI-B4a).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safeguards: Option<Safeguards>,
    /// Who answered for it before it was used (SPD-AI-H1).
    #[serde(default)]
    pub sign_offs: Vec<SignOff>,
}

/// Contractual safeguards of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Safeguards {
    /// The contract's number.
    pub number: String,
    /// In force from.
    pub valid_from: DateTime<Utc>,
    /// In force until (exclusive).
    pub valid_until: DateTime<Utc>,
    /// SHA-256 of the signed document, hexadecimal.
    pub document_sha256: String,
}

/// A promise that somebody signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// The clause that it answers (`SPD-AI-H1b`).
    pub clause: String,
    /// The office that signed (`PSIT`).
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl AiSystem {
    /// Whether its safeguards are in force at `at`.
    pub fn is_safeguarded(&self, at: DateTime<Utc>) -> bool {
        self.safeguards.as_ref().is_some_and(|s| s.valid_from <= at && at < s.valid_until)
    }
}
