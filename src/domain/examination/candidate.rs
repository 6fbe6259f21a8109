//! The one candidate of a lead.

use serde::{Deserialize, Serialize};

use crate::domain::Personal;

/// The one candidate of a lead (LACRIS-RPT-5, RPT-7a to 7c, RPT-8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Repository that holds the image.
    pub repository: String,
    /// The image, base64 (JPEG or PNG). Dropped when stored; the sealed image has its own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// SHA-256 of the image, hexadecimal.
    pub image_sha256: String,
    /// The repository's own number of the record that the image comes from.
    #[serde(default)]
    pub source_record: Personal<String>,
    /// When the image was taken, `YYYY-MM-DD`.
    #[serde(default)]
    pub captured_on: Personal<String>,
    /// Name.
    pub name: Personal<String>,
    /// Date of birth, `YYYY-MM-DD`.
    pub date_of_birth: Personal<String>,
    /// California driver licence.
    #[serde(default)]
    pub cdl: Personal<String>,
    /// MAIN number.
    #[serde(default)]
    pub main_number: Personal<String>,
    /// State identification number.
    pub sid: Personal<String>,
    /// Most recent booking number.
    #[serde(default)]
    pub booking_number: Personal<String>,
    /// Recent arrests or contact locations.
    #[serde(default)]
    pub comments: Personal<String>,
}
