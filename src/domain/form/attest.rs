//! What the requester attests: grounds, affirmations, signature; and a supervisor's approval.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// One affirmed statement, bound to the text that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormAffirmation {
    /// Pack and statement (`lacris/lead-only`).
    pub statement: String,
    /// SHA-256 of the UTF-8 text that was shown, hexadecimal, lower case.
    pub text_sha256: String,
}

/// The protected grounds of all policies. `true`: the search is based solely on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the form asks one yes or no for each protected ground"
)]
pub struct Basis {
    /// Race.
    pub race: bool,
    /// Religion.
    pub religion: bool,
    /// Ethnicity.
    pub ethnicity: bool,
    /// Citizenship.
    pub citizenship: bool,
    /// Place of origin.
    pub place_of_origin: bool,
    /// Age.
    pub age: bool,
    /// Disability.
    pub disability: bool,
    /// Gender.
    pub gender: bool,
    /// Gender identification.
    pub gender_identification: bool,
    /// Sexual orientation.
    pub sexual_orientation: bool,
    /// Any other protected class.
    pub other_protected_class: bool,
    /// Religious, political or social views.
    pub religious_political_or_social_views: bool,
    /// An activity that the constitution protects.
    pub constitutionally_protected_activity: bool,
    /// Membership of an organisation that is not criminal.
    pub noncriminal_organization: bool,
}

impl Basis {
    /// Every ground by its name in the form, with its answer, in the form's order.
    pub fn grounds(&self) -> impl Iterator<Item = (&'static str, bool)> + use<> {
        [
            ("race", self.race),
            ("religion", self.religion),
            ("ethnicity", self.ethnicity),
            ("citizenship", self.citizenship),
            ("place_of_origin", self.place_of_origin),
            ("age", self.age),
            ("disability", self.disability),
            ("gender", self.gender),
            ("gender_identification", self.gender_identification),
            ("sexual_orientation", self.sexual_orientation),
            ("other_protected_class", self.other_protected_class),
            ("religious_political_or_social_views", self.religious_political_or_social_views),
            ("constitutionally_protected_activity", self.constitutionally_protected_activity),
            ("noncriminal_organization", self.noncriminal_organization),
        ]
        .into_iter()
    }
}

/// How the form was signed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SignatureMethod {
    /// In the agency's portal session.
    Portal,
    /// Under the agency's token.
    Token,
    /// Detached CMS signature over the canonical form.
    Cms,
}

/// The requester's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Printed name; must be the requester's.
    pub printed_name: Personal<String>,
    /// When it was signed.
    pub signed_at: DateTime<FixedOffset>,
    /// How.
    pub method: SignatureMethod,
    /// For `cms` the detached signature, base64; else empty.
    pub value: Personal<String>,
}

/// A supervisor's approval, where generative AI was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisorApproval {
    /// The supervisor.
    pub name: Personal<String>,
    /// Telephone number, E.164.
    pub phone: Personal<String>,
    /// When it was given.
    pub approved_at: DateTime<FixedOffset>,
}
