//! Where an image came from: a closed list, each kind with the evidence that makes it lawful.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::source_lists::{
    AtmBasis, BodyWornBasis, CctvBasis, ImageSourceKind, ProvidedBy, SocialMediaAccess,
};
use crate::domain::Personal;

/// Where an image came from. Evidence that is asked for only in some cases is a policy's affair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageSource {
    /// A closed-circuit camera.
    Cctv {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// The lawful basis.
        legal_basis: CctvBasis,
        /// Number of the warrant, subpoena or order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warrant_number: Option<Personal<String>>,
    },
    /// A cash machine.
    Atm {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// The lawful basis.
        legal_basis: AtmBasis,
        /// Who keeps the recording.
        custodian: Personal<String>,
        /// Number of the warrant, subpoena or order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warrant_number: Option<Personal<String>>,
    },
    /// A fraudulent card or document.
    FraudulentCard {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// What kind of card.
        card_kind: Personal<String>,
        /// Under what it was seized.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seized_under: Option<Personal<String>>,
    },
    /// A victim's or witness's identification.
    VictimOrWitnessId {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Who provided it.
        provided_by: ProvidedBy,
        /// That person consented.
        consent: bool,
    },
    /// A booking photograph.
    BookingPhoto {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Booking number.
        booking_number: Personal<String>,
    },
    /// A body-worn camera.
    BodyWorn {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Who recorded it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recorded_by: Option<Personal<String>>,
        /// The lawful basis.
        legal_basis: BodyWornBasis,
        /// Number of the warrant, subpoena or order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warrant_number: Option<Personal<String>>,
    },
    /// Social media.
    SocialMedia {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Address of the page.
        url: Personal<String>,
        /// How it was accessed.
        access: SocialMediaAccess,
        /// Number of the warrant, subpoena or order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warrant_number: Option<Personal<String>>,
    },
    /// A public website.
    PublicWebsite {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Address of the page.
        url: Personal<String>,
    },
    /// A search warrant.
    SearchWarrant {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Number of the warrant, subpoena or order.
        warrant_number: Personal<String>,
        /// The court.
        court: Personal<String>,
    },
    /// A licence plate reader.
    LicensePlateReader {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// The lawful basis, in words.
        legal_basis: Personal<String>,
    },
    /// A photograph taken in the field.
    FieldPhoto {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// Who took it.
        taken_by: Personal<String>,
        /// The lawful basis of a detention.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detention_basis: Option<Personal<String>>,
    },
    /// Any other source.
    Other {
        /// Answer to "source image obtained from".
        obtained_from: Personal<String>,
        /// When it was obtained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obtained_at: Option<DateTime<FixedOffset>>,
        /// Evidence or item number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Personal<String>>,
        /// What it is.
        description: Personal<String>,
        /// The lawful basis, in words.
        legal_basis: Personal<String>,
    },
}

impl ImageSource {
    /// The kind.
    pub fn kind(&self) -> ImageSourceKind {
        match self {
            Self::Cctv { .. } => ImageSourceKind::Cctv,
            Self::Atm { .. } => ImageSourceKind::Atm,
            Self::FraudulentCard { .. } => ImageSourceKind::FraudulentCard,
            Self::VictimOrWitnessId { .. } => ImageSourceKind::VictimOrWitnessId,
            Self::BookingPhoto { .. } => ImageSourceKind::BookingPhoto,
            Self::BodyWorn { .. } => ImageSourceKind::BodyWorn,
            Self::SocialMedia { .. } => ImageSourceKind::SocialMedia,
            Self::PublicWebsite { .. } => ImageSourceKind::PublicWebsite,
            Self::SearchWarrant { .. } => ImageSourceKind::SearchWarrant,
            Self::LicensePlateReader { .. } => ImageSourceKind::LicensePlateReader,
            Self::FieldPhoto { .. } => ImageSourceKind::FieldPhoto,
            Self::Other { .. } => ImageSourceKind::Other,
        }
    }

    /// Answer to "source image obtained from".
    pub fn obtained_from(&self) -> &Personal<String> {
        match self {
            Self::Cctv { obtained_from, .. }
            | Self::Atm { obtained_from, .. }
            | Self::FraudulentCard { obtained_from, .. }
            | Self::VictimOrWitnessId { obtained_from, .. }
            | Self::BookingPhoto { obtained_from, .. }
            | Self::BodyWorn { obtained_from, .. }
            | Self::SocialMedia { obtained_from, .. }
            | Self::PublicWebsite { obtained_from, .. }
            | Self::SearchWarrant { obtained_from, .. }
            | Self::LicensePlateReader { obtained_from, .. }
            | Self::FieldPhoto { obtained_from, .. }
            | Self::Other { obtained_from, .. } => obtained_from,
        }
    }

    /// When it was obtained.
    pub fn obtained_at(&self) -> Option<DateTime<FixedOffset>> {
        match self {
            Self::Cctv { obtained_at, .. }
            | Self::Atm { obtained_at, .. }
            | Self::FraudulentCard { obtained_at, .. }
            | Self::VictimOrWitnessId { obtained_at, .. }
            | Self::BookingPhoto { obtained_at, .. }
            | Self::BodyWorn { obtained_at, .. }
            | Self::SocialMedia { obtained_at, .. }
            | Self::PublicWebsite { obtained_at, .. }
            | Self::SearchWarrant { obtained_at, .. }
            | Self::LicensePlateReader { obtained_at, .. }
            | Self::FieldPhoto { obtained_at, .. }
            | Self::Other { obtained_at, .. } => *obtained_at,
        }
    }

    /// Number of the warrant, subpoena or order, where the kind has that member.
    pub fn warrant_number(&self) -> Option<&Personal<String>> {
        match self {
            Self::Cctv { warrant_number, .. }
            | Self::Atm { warrant_number, .. }
            | Self::BodyWorn { warrant_number, .. }
            | Self::SocialMedia { warrant_number, .. } => warrant_number.as_ref(),
            Self::SearchWarrant { warrant_number, .. } => Some(warrant_number),
            Self::FraudulentCard { .. }
            | Self::VictimOrWitnessId { .. }
            | Self::BookingPhoto { .. }
            | Self::PublicWebsite { .. }
            | Self::LicensePlateReader { .. }
            | Self::FieldPhoto { .. }
            | Self::Other { .. } => None,
        }
    }
}
