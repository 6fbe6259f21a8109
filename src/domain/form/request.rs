//! The form, and the members that say who asks, for what, and why.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::attest::{Basis, FormAffirmation, Signature, SupervisorApproval};
use super::crime::CrimeType;
use super::image::FormImage;
use super::purpose::Purpose;
use super::source_lists::ImageSourceKind;
use crate::domain::{Ori, Personal};

/// Which form it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FormVersion {
    /// Facial Recognition Search Request, version 1.
    #[serde(rename = "search_request.v1")]
    SearchRequestV1,
}

/// The form that an outside agency submits, member for member as the schema
/// `docs/search_request.v1.schema.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Name and version of the form.
    pub form: FormVersion,
    /// Id of the unit that is asked; whether such a unit exists is asked later.
    pub provider_unit: String,
    /// The requesting agency.
    pub requesting_agency: Ori,
    /// Who asks.
    pub requester: Requester,
    /// The agency's case number.
    pub case_number: Personal<String>,
    /// The crime.
    pub crime_type: CrimeType,
    /// What the search is for.
    pub purpose: Purpose,
    /// Why.
    pub justification: Justification,
    /// In which situation.
    pub context: Context,
    /// Repositories to search, by id.
    pub repositories: Vec<String>,
    /// The person is present, and how; `null` when not.
    #[serde(deserialize_with = "Option::deserialize")]
    pub subject_present: Option<SubjectPresent>,
    /// `null`: the search is no surveillance of members of the public.
    #[serde(deserialize_with = "Option::deserialize")]
    pub surveillance: Option<Surveillance>,
    /// The search serves predictive analysis.
    pub predictive_analysis: bool,
    /// Any image or text of this form was created or altered with generative AI.
    pub generative_ai_used: bool,
    /// How many images the requester attached; equals `images.len()` in a form that was parsed.
    #[serde(deserialize_with = "whole_number")]
    pub images_attached: u32,
    /// The images.
    pub images: Vec<FormImage>,
    /// The statements that the requester affirms.
    pub affirmations: Vec<FormAffirmation>,
    /// Protected grounds.
    pub basis: Basis,
    /// The requester's signature.
    pub signature: Signature,
    /// Id of the request that this one replaces.
    #[serde(deserialize_with = "Option::deserialize")]
    pub supersedes: Option<String>,
    /// A supervisor's approval, where generative AI was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor_approval: Option<SupervisorApproval>,
}

impl Form {
    /// Whether the person was present, or an image was taken in the field.
    pub fn is_from_the_field(&self) -> bool {
        let field = |image: &FormImage| image.source.kind() == ImageSourceKind::FieldPhoto;
        self.subject_present.is_some() || self.images.iter().any(field)
    }
}

/// The person who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Printed name.
    pub name: Personal<String>,
    /// Telephone number, E.164.
    pub phone: Personal<String>,
    /// E-mail address.
    pub email: Personal<String>,
    /// Completed the training that the agency's policy asks of requesters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<bool>,
}

/// Why the search is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Justification {
    /// Situation, and purpose of the search.
    pub situation: Personal<String>,
    /// Circumstances that amount to reasonable suspicion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasonable_suspicion: Option<Personal<String>>,
}

/// In which situation the search is asked for.
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
pub enum Context {
    /// An investigation.
    Investigation,
    /// An incident that goes on.
    ActiveIncident,
}

/// The person is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the form asks these as separate yes-or-no questions"
)]
pub struct SubjectPresent {
    /// The lawful basis of the detention.
    pub detention_basis: Personal<String>,
    /// Detained since.
    pub detained_at: DateTime<FixedOffset>,
    /// The search would prolong the detention.
    pub prolongs_detention: bool,
    /// The person showed a valid identity document.
    pub valid_id_presented: bool,
    /// Why the document is not relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_exception: Option<IdException>,
    /// Force was used to take the image.
    pub force_used: bool,
    /// The person refused.
    pub refused: bool,
}

/// Why an identity document that was shown is not relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdException {
    /// The reason.
    pub reason: IdExceptionReason,
    /// The facts.
    pub facts: Personal<String>,
}

/// Reasons not to rely on an identity document.
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
pub enum IdExceptionReason {
    /// Forged, altered or fraudulent.
    ForgedAlteredOrFraudulent,
    /// It belongs to another person.
    BelongsToAnother,
}

/// Surveillance, and the exception that would allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surveillance {
    /// The exception.
    pub exception: SurveillanceException,
    /// The facts.
    pub facts: Personal<String>,
}

/// Exceptions that a policy may know.
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
pub enum SurveillanceException {
    /// An active criminal investigation.
    ActiveCriminalInvestigation,
    /// An imminent threat to life.
    ImminentThreatToLife,
    /// A person at risk.
    AtRiskIndividual,
}

/// A whole number, also where it is written `1.0`: to JSON Schema that is an integer too.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    whole(&number)
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| de::Error::custom("expected a whole number"))
}

/// The number as an integer, if it is one.
pub(super) fn whole(number: &serde_json::Number) -> Option<i64> {
    if let Some(n) = number.as_i64() {
        return Some(n);
    }
    let float = number.as_f64()?;
    // Far inside what both types hold exactly.
    if float.fract() == 0.0 && float.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 1e15")]
        return Some(float as i64);
    }
    None
}
