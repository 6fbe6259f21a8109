//! Facts of an answer: who releases it, and how it leaves.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::form::agency_record;
use super::{Facts, Record, Value, texts};
use crate::domain::emergency::EmergencyState;
use crate::domain::form::FormAffirmation;
use crate::domain::{Agency, Outcome, PackId, Role, UnitId};
use crate::policy::Gate;

/// Who wants to release an answer, seen from its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Officer {
    /// What the account may do.
    pub role: Role,
    /// The account may log in.
    pub active: bool,
    /// The account belongs to the unit that serves the request.
    pub of_unit: bool,
    /// The person is the requester.
    pub is_requester: bool,
    /// The person examined the request.
    pub is_reviewer: bool,
    /// The person examined it a second time, or adjudicated.
    pub is_second_reviewer: bool,
    /// Positions that the person holds, as codes.
    #[serde(default)]
    pub positions: Vec<String>,
}

/// Where the second review stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SecondReviewState {
    /// There was none.
    #[default]
    None,
    /// It was waived, with a reason that the report prints.
    Waived,
    /// Both reviewers agree.
    Agreed,
    /// They differed, and an adjudicator decided.
    Adjudicated,
    /// They differed, and the unit left it at that: inconclusive.
    Differed,
}

/// An answer that waits for release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Release {
    /// Who releases.
    pub officer: Officer,
    /// How the request ends.
    pub outcome: Outcome,
    /// The second review.
    pub second_review: SecondReviewState,
    /// Lead images in the document.
    pub lead_images: u32,
    /// Statements as the document prints them: name, and SHA-256 of the words on the page.
    pub printed: Vec<FormAffirmation>,
    /// Packs of the unit that answers.
    #[serde(default)]
    pub unit_packs: Vec<PackId>,
    /// Generative AI helped to make the request or the examination.
    #[serde(default)]
    pub generative_ai: bool,
    /// Everybody who examined the request still holds a credential in force.
    #[serde(default = "yes")]
    pub credentials_in_force: bool,
    /// A placeholder stands where the document should have words of the unit.
    #[serde(default)]
    pub placeholder_open: bool,
    /// Where the duties of an emergency stand.
    #[serde(default)]
    pub emergency: EmergencyState,
    /// The requester is suspended because of another request.
    #[serde(default)]
    pub requester_suspended: bool,
}

fn yes() -> bool {
    true
}

/// How an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// Encrypted mail.
    Mail {
        /// A verified key or certificate of the recipient is on file.
        has_key: bool,
        /// The bytes that leave are encrypted to it.
        encrypted: bool,
    },
    /// Pickup in the portal.
    Pickup {
        /// The recipient signed in with a second factor.
        second_factor: bool,
    },
}

/// An answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate yes or no that a rule asks")]
pub struct Delivery {
    /// The channel.
    pub channel: Channel,
    /// The release authority signed exactly these bytes.
    pub released: bool,
    /// The recipient is a law-enforcement agency.
    pub law_enforcement: bool,
    /// The recipient's address is in a verified domain of the agency.
    pub owns_email: bool,
    /// The image was taken in the field, or the person was present (OX-461.5a).
    #[serde(default)]
    pub field_tool: bool,
    /// Where the duties of an emergency stand.
    #[serde(default)]
    pub emergency: EmergencyState,
    /// The requester is suspended because of another request.
    #[serde(default)]
    pub requester_suspended: bool,
}

/// The facts at `release`. `agency` asked, `unit` answers.
pub fn release(release: &Release, agency: &Agency, unit: &UnitId, now: DateTime<Utc>) -> Facts {
    let officer = &release.officer;
    let officer = Record::default()
        .with("role", <&'static str>::from(officer.role))
        .with("active", officer.active)
        .with("of_unit", officer.of_unit)
        .with("is_requester", officer.is_requester)
        .with("is_reviewer", officer.is_reviewer)
        .with("is_second_reviewer", officer.is_second_reviewer)
        .with("positions", texts(&officer.positions));
    let printed =
        release.printed.iter().map(|s| (s.statement.clone(), s.text_sha256.clone())).collect();
    // The sender and the address were asked at submit; here only the standing can have changed.
    let agency = agency_record(agency, unit, now).with("is_sender", true).with("owns_email", true);
    let values = Record::default()
        .with("officer", officer)
        .with("agency", agency)
        .with("outcome", <&'static str>::from(release.outcome))
        .with("second_review", <&'static str>::from(release.second_review))
        .with("lead_images", release.lead_images)
        .with("printed", Value::Statements(printed))
        .with("unit_packs", texts(release.unit_packs.iter().map(PackId::as_str)))
        .with("generative_ai", release.generative_ai)
        .with("credentials_in_force", release.credentials_in_force)
        .with("placeholder_open", release.placeholder_open)
        .with("emergency", <&'static str>::from(release.emergency))
        .with("requester_suspended", release.requester_suspended);
    Facts::new(Gate::Release, values)
}

/// The facts at `deliver`. `agency` receives, `unit` answers.
pub fn deliver(delivery: &Delivery, agency: &Agency, unit: &UnitId, now: DateTime<Utc>) -> Facts {
    let (channel, has_key, encrypted, second_factor) = match delivery.channel {
        Channel::Mail { has_key, encrypted } => ("mail", has_key, encrypted, false),
        Channel::Pickup { second_factor } => ("pickup", false, false, second_factor),
    };
    let agency = agency_record(agency, unit, now)
        .with("is_sender", true)
        .with("owns_email", delivery.owns_email);
    let emergency: &'static str = delivery.emergency.into();
    let suspended = delivery.requester_suspended;
    let delivery = Record::default()
        .with("channel", channel)
        .with("released", delivery.released)
        .with("has_key", has_key)
        .with("encrypted", encrypted)
        .with("second_factor", second_factor)
        .with("law_enforcement", delivery.law_enforcement)
        .with("owns_email", delivery.owns_email)
        .with("field_tool", delivery.field_tool);
    let values = Record::default()
        .with("agency", agency)
        .with("delivery", delivery)
        .with("emergency", emergency)
        .with("requester_suspended", suspended);
    Facts::new(Gate::Deliver, values)
}
