//! One submitted image: the file, where it came from, and what was done to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::source::ImageSource;
use crate::domain::Personal;

/// One submitted image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormImage {
    /// Name of the file; never used as a path.
    pub file_name: Personal<String>,
    /// What the requester says it is.
    pub media_type: MediaType,
    /// SHA-256 of the file, hexadecimal, lower case.
    pub sha256: String,
    /// The file, base64. `None` where it is a multipart part, or after the image was taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Personal<String>>,
    /// Name of the multipart part that holds the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Where it came from.
    pub source: ImageSource,
    /// Whether it is a frame of a video.
    pub video: Video,
    /// It depicts an employee.
    pub depicts_employee: bool,
    /// What was done to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derivatives: Option<Vec<Derivative>>,
    /// Consent record, where it depicts an employee and the likeness was altered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_consent: Option<Personal<String>>,
}

impl FormImage {
    /// What was done to the image; empty where the form is silent.
    pub fn derivatives(&self) -> &[Derivative] {
        self.derivatives.as_deref().unwrap_or_default()
    }

    /// The file that `content` holds; `None` where there is no `content`. In a form that was parsed
    /// the base64 is valid.
    pub fn decode_content(&self) -> Result<Option<Vec<u8>>, base64::DecodeError> {
        self.content.as_ref().map(|content| STANDARD.decode(content.expose())).transpose()
    }
}

/// Type of an image file.
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
pub enum MediaType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    #[strum(serialize = "image/png")]
    Png,
    /// HEIC: kept as evidence, and held; the finding says how to send JPEG.
    #[serde(rename = "image/heic")]
    #[strum(serialize = "image/heic")]
    Heic,
}

impl MediaType {
    /// The media type's name (`image/jpeg`).
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Whether an image is a frame of a video. Told apart by the member `extracted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "VideoMembers", into = "VideoMembers")]
pub enum Video {
    /// A frame of a video.
    Extracted {
        /// The video was a live stream.
        live_stream: bool,
        /// Who keeps the video.
        custodian: Personal<String>,
        /// Time of the frame.
        frame_time: DateTime<FixedOffset>,
        /// SHA-256 of the video, hexadecimal, lower case.
        video_sha256: Option<String>,
    },
    /// No frame of a video.
    NotExtracted,
}

/// `Video` as it is written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VideoMembers {
    extracted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live_stream: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custodian: Option<Personal<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frame_time: Option<DateTime<FixedOffset>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    video_sha256: Option<String>,
}

/// Members that do not fit `extracted`.
#[derive(Debug, thiserror::Error)]
#[error(
    "a frame of a video has `live_stream`, `custodian` and `frame_time`; any other image has none of them"
)]
struct BadVideo;

impl TryFrom<VideoMembers> for Video {
    type Error = BadVideo;
    fn try_from(members: VideoMembers) -> Result<Self, BadVideo> {
        let VideoMembers { extracted, live_stream, custodian, frame_time, video_sha256 } = members;
        match (extracted, live_stream, custodian, frame_time) {
            (true, Some(live_stream), Some(custodian), Some(frame_time)) => {
                Ok(Self::Extracted { live_stream, custodian, frame_time, video_sha256 })
            }
            (false, None, None, None) if video_sha256.is_none() => Ok(Self::NotExtracted),
            _ => Err(BadVideo),
        }
    }
}

impl From<Video> for VideoMembers {
    fn from(video: Video) -> Self {
        match video {
            Video::Extracted { live_stream, custodian, frame_time, video_sha256 } => Self {
                extracted: true,
                live_stream: Some(live_stream),
                custodian: Some(custodian),
                frame_time: Some(frame_time),
                video_sha256,
            },
            Video::NotExtracted => Self {
                extracted: false,
                live_stream: None,
                custodian: None,
                frame_time: None,
                video_sha256: None,
            },
        }
    }
}

/// One change that was made to an image before it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derivative {
    /// What was done.
    pub operation: DerivativeOperation,
    /// With which tool.
    pub tool: Personal<String>,
    /// By whom.
    pub operator: Personal<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Changes to an image.
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
pub enum DerivativeOperation {
    /// Cropped.
    Crop,
    /// Rotated.
    Rotate,
    /// Mirrored.
    Mirror,
    /// Brightness changed.
    Brightness,
    /// Contrast changed.
    Contrast,
    /// Sharpened.
    Sharpen,
    /// Deinterlaced.
    Deinterlace,
    /// Anything else.
    Other,
}
