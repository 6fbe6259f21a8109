//! The closed lists of an image source: kinds, lawful bases, ways of access.

use serde::{Deserialize, Serialize};

/// The kinds of source, without their evidence.
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
pub enum ImageSourceKind {
    /// A closed-circuit camera.
    Cctv,
    /// A cash machine.
    Atm,
    /// A fraudulent card or document.
    FraudulentCard,
    /// A victim's or witness's identification.
    VictimOrWitnessId,
    /// A booking photograph.
    BookingPhoto,
    /// A body-worn camera.
    BodyWorn,
    /// Social media.
    SocialMedia,
    /// A public website.
    PublicWebsite,
    /// A search warrant.
    SearchWarrant,
    /// A licence plate reader.
    LicensePlateReader,
    /// A photograph taken in the field.
    FieldPhoto,
    /// Any other source.
    Other,
}

/// Lawful bases of a closed-circuit camera's image.
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
pub enum CctvBasis {
    /// The owner's consent.
    OwnerConsent,
    /// A search warrant.
    SearchWarrant,
    /// A subpoena.
    Subpoena,
    /// A public agency's camera.
    PublicAgencyCamera,
}

/// Lawful bases of a cash machine's image.
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
pub enum AtmBasis {
    /// The custodian's consent.
    CustodianConsent,
    /// A search warrant.
    SearchWarrant,
    /// A subpoena.
    Subpoena,
}

/// Lawful bases of a body-worn camera's image.
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
pub enum BodyWornBasis {
    /// The agency's policy.
    AgencyPolicy,
    /// A search warrant.
    SearchWarrant,
    /// A court's order.
    CourtOrder,
}

/// How an image on social media was accessed.
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
pub enum SocialMediaAccess {
    /// Open to the public.
    Public,
    /// With the account holder's consent.
    ConsentOfAccountHolder,
    /// A search warrant.
    SearchWarrant,
}

/// Who provided an identification.
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
pub enum ProvidedBy {
    /// A victim.
    Victim,
    /// A witness.
    Witness,
}
