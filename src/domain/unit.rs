//! Regional units: who provides the service, under which packs, searching what.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{PackId, UnitId};

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
