//! Facts of what happens to a record: who reads it, and what ends it.

use serde::{Deserialize, Serialize};

use super::{Facts, Record, texts};
use crate::domain::{PackId, Role};
use crate::policy::Gate;

/// What is read of a request.
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
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Content {
    /// Where it stands, and the agency's own case number.
    Status,
    /// The form, as the case file shows it.
    CaseFile,
    /// A probe's original.
    Probe,
    /// An examination that somebody else made.
    Examination,
    /// The answer's document.
    Document,
    /// The audit entries about it.
    Audit,
    /// Whom to call back about an emergency, and what came of it.
    CallSheet,
}

/// What somebody reads for: the step that waits for the reader, as the request's stage has it.
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
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    /// The reader's own claim: the first examination.
    Examine,
    /// The reader's own claim: the blind second review.
    SecondReview,
    /// The reader's own claim: two differ.
    Adjudicate,
    /// A hold that waits for the reader's role.
    DecideHold,
    /// An answer that waits for the reader's role.
    Release,
    /// An agency follows a request of its own.
    Follow,
    /// Who saw what.
    Audit,
    /// The reader recorded an examination, and compares it with the others once nothing can be given away.
    Compare,
    /// The agency of an emergency is owed a call.
    CallBack,
    /// No step of this request waits for the reader.
    None,
}

/// Who wants to read, seen from the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Reader {
    /// What the account may do; none: an agency through its token.
    pub role: Option<Role>,
    /// The account, or the agency's, is in good standing.
    pub active: bool,
    /// The account belongs to the unit that serves the request.
    pub of_unit: bool,
    /// It is the agency that asked.
    pub of_agency: bool,
    /// The person examined the request.
    pub took_part: bool,
    /// The person holds the claim on the job.
    pub holds_lease: bool,
    /// The hold waits for the person's role.
    pub decides_hold: bool,
    /// Positions that the person holds, as codes.
    #[serde(default)]
    pub positions: Vec<String>,
}

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Who.
    pub reader: Reader,
    /// What.
    pub what: Content,
    /// What for.
    pub purpose: Purpose,
    /// Where the request stands, as a code.
    pub stage: String,
    /// Packs of the unit that serves the request.
    #[serde(default)]
    pub unit_packs: Vec<PackId>,
}

/// The facts at `read`.
pub fn read(reading: &Reading) -> Facts {
    let who = &reading.reader;
    let role: &'static str = who.role.map_or("agency", Into::into);
    let reader = Record::default()
        .with("role", role)
        .with("active", who.active)
        .with("of_unit", who.of_unit)
        .with("of_agency", who.of_agency)
        .with("took_part", who.took_part)
        .with("holds_lease", who.holds_lease)
        .with("decides_hold", who.decides_hold)
        .with("positions", texts(&who.positions));
    let values = Record::default()
        .with("reader", reader)
        .with("what", <&'static str>::from(reading.what))
        .with("purpose", <&'static str>::from(reading.purpose))
        .with("stage", reading.stage.as_str())
        .with("unit_packs", texts(reading.unit_packs.iter().map(PackId::as_str)));
    Facts::new(Gate::Read, values)
}

/// A record that somebody wants to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Destruction {
    /// What the account may do.
    pub role: Role,
    /// The account may log in.
    pub active: bool,
    /// The account belongs to the unit that serves the request.
    pub of_unit: bool,
    /// Nobody owes the request a step any more.
    pub ended: bool,
    /// Whole days since it ended.
    pub days_since_end: i64,
    /// Days that the unit keeps what has ended.
    pub retention_days: u32,
    /// Somebody in authority wants it kept.
    pub legal_hold: bool,
    /// The clause that is cited is one of a pack.
    pub clause_known: bool,
}

/// The facts at `destroy`.
pub fn destroy(destruction: &Destruction) -> Facts {
    let values = Record::default()
        .with("role", <&'static str>::from(destruction.role))
        .with("active", destruction.active)
        .with("of_unit", destruction.of_unit)
        .with("ended", destruction.ended)
        .with("days_since_end", destruction.days_since_end)
        .with("retention_days", destruction.retention_days)
        .with("legal_hold", destruction.legal_hold)
        .with("clause_known", destruction.clause_known);
    Facts::new(Gate::Destroy, values)
}
