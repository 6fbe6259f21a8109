//! Regional units: who provides the service, under which packs, searching what.

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
}
