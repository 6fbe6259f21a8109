//! Facts of an answer that is passed on to another recipient than the one who asked.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::form::agency_record;
use super::{Facts, Record, texts};
use crate::domain::emergency::EmergencyState;
use crate::domain::{Agency, PackId, Role, UnitId};
use crate::policy::Gate;

/// A secondary dissemination, as somebody of the unit wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Disclosure {
    /// What the account of the person who passes it on may do.
    pub role: Role,
    /// That account may log in.
    pub active: bool,
    /// That account belongs to the unit that answered.
    pub of_unit: bool,
    /// Positions that the person holds, as codes.
    #[serde(default)]
    pub positions: Vec<String>,
    /// The answer has been released and delivered to the agency that asked.
    pub answered: bool,
    /// The registry has the recipient.
    pub registered: bool,
    /// The recipient's certificate can be used now.
    pub has_key: bool,
    /// The recipient's address is in a verified domain of its agency.
    pub owns_email: bool,
    /// Letters of the purpose.
    pub purpose_letters: u32,
    /// Letters of the right to know.
    pub right_letters: u32,
    /// Letters of the need to know.
    pub need_letters: u32,
    /// Where the duties of an emergency stand.
    #[serde(default)]
    pub emergency: EmergencyState,
    /// Packs of the unit that answered.
    #[serde(default)]
    pub unit_packs: Vec<PackId>,
}

/// The facts at `disclose`. `agency` receives, `unit` answered.
pub fn disclose(
    disclosure: &Disclosure,
    agency: &Agency,
    unit: &UnitId,
    now: DateTime<Utc>,
) -> Facts {
    let officer = Record::default()
        .with("role", <&'static str>::from(disclosure.role))
        .with("active", disclosure.active)
        .with("of_unit", disclosure.of_unit)
        .with("positions", texts(&disclosure.positions));
    let agency = agency_record(agency, unit, now)
        .with("is_sender", false)
        .with("owns_email", disclosure.owns_email);
    let values = Record::default()
        .with("discloser", officer)
        .with("agency", agency)
        .with("answered", disclosure.answered)
        .with("registered", disclosure.registered)
        .with("has_key", disclosure.has_key)
        .with("purpose_letters", disclosure.purpose_letters)
        .with("right_letters", disclosure.right_letters)
        .with("need_letters", disclosure.need_letters)
        .with("emergency", <&'static str>::from(disclosure.emergency))
        .with("unit_packs", texts(disclosure.unit_packs.iter().map(PackId::as_str)));
    Facts::new(Gate::Disclose, values)
}
