//! The files of a pack as they are written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, de};

use super::pack::{Clause, Origin, Stated};
use crate::domain::examination::WaiverReason;

/// `pack.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) issuer: String,
    pub(super) number: String,
    #[serde(default, deserialize_with = "optional_date")]
    pub(super) effective: Option<NaiveDate>,
    #[serde(default, deserialize_with = "optional_date")]
    pub(super) review_due: Option<NaiveDate>,
    #[serde(default)]
    pub(super) source_sha256: Option<String>,
    /// Dates that the source does not state.
    #[serde(default)]
    pub(super) missing: BTreeSet<Stated>,
    /// Reasons for which a second review may be waived.
    #[serde(default)]
    pub(super) waivers: BTreeSet<WaiverReason>,
    /// No pack imports another one; the key is known so that the refusal can say so.
    #[serde(default)]
    pub(super) extends: Option<toml::Value>,
    #[serde(default, rename = "statement")]
    pub(super) statements: BTreeMap<String, StatementEntry>,
}

/// `[statement.<name>]` in `pack.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementEntry {
    pub(super) clauses: Vec<String>,
    pub(super) sha256: String,
    #[serde(default)]
    pub(super) published_sha256: Option<String>,
    #[serde(default)]
    pub(super) affirm: bool,
    pub(super) origin: Origin,
}

/// `clauses.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClauseTable {
    pub(super) clause: Vec<Clause>,
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?;
    written.to_string().parse().map_err(|_| de::Error::custom("expected a date (2024-01-01)"))
}

fn optional_date<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NaiveDate>, D::Error> {
    date(deserializer).map(Some)
}
