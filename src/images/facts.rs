//! What an inspection says: facts, or faults; and the limits it applies.

use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::domain::ShapeError;
use crate::domain::form::MediaType;

const MIB: u64 = 1024 * 1024;

/// Limits of an image file. `validate()` (crate `validator`) tells whether they make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct ImageLimits {
    /// Bytes of the file.
    #[validate(range(min = 1, max = 104_857_600))]
    pub bytes: u64,
    /// Pixels of the shorter and the longer side, at least.
    #[validate(range(min = 1, max = 10_000))]
    pub min_side: u32,
    /// Pixels of a side, at most.
    #[validate(range(min = 1, max = 65_535))]
    pub max_side: u32,
    /// Pixels in all.
    #[validate(range(min = 1, max = 500_000_000))]
    pub pixels: u64,
    /// PNG chunks, JPEG segments or HEIC boxes.
    #[validate(range(min = 10, max = 1_000_000))]
    pub parts: u32,
    /// Scans of a JPEG.
    #[validate(range(min = 1, max = 10_000))]
    pub scans: u32,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            bytes: 15 * MIB,
            min_side: 1,
            max_side: 10_000,
            pixels: 50_000_000,
            parts: 20_000,
            scans: 100,
        }
    }
}

/// Width and height in pixels, as stored (before any orientation is applied).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What an image file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its type, by its bytes.
    pub media_type: MediaType,
    /// Its size; `None` for HEIC, which is not walked so deep.
    pub dimensions: Option<Dimensions>,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Bytes of the file.
    pub byte_len: u64,
    /// EXIF orientation, 1 to 8; `None` where there is none or it is nonsense.
    pub orientation: Option<u8>,
    /// Bytes after the image's end. They are evidence and kept, and never shown.
    pub trailing_bytes: u64,
}

impl ImageFacts {
    /// Whether the file is the one that the form declares (`images[].sha256`, hexadecimal).
    pub fn matches_declared_hash(&self, declared: &str) -> bool {
        hex::encode(self.sha256) == declared
    }
}

/// What is wrong with an image file.
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
pub enum ImageFaultCode {
    /// No bytes.
    ImageEmpty,
    /// The file ends before the image does.
    ImageTruncated,
    /// The file's structure is damaged.
    ImageCorrupt,
    /// The file is another type than the form says.
    ImageTypeMismatch,
    /// The file's type is not accepted.
    ImageTypeNotAllowed,
    /// The image's sides are outside the limits.
    ImageDimensions,
    /// The file is too large.
    ImageTooLarge,
    /// The file holds more than one image.
    ImageMultipleFrames,
    /// The file has more parts than any camera writes.
    ImageTooComplex,
}

impl ImageFaultCode {
    /// The stable code (`image_truncated`).
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What the requester can do.
    fn remedy(self) -> &'static str {
        match self {
            Self::ImageEmpty => "attach the file again",
            Self::ImageTruncated | Self::ImageCorrupt => {
                "export the image again from the original and attach it anew"
            }
            Self::ImageTypeMismatch => "correct `media_type`, or attach the file that was meant",
            Self::ImageTypeNotAllowed => "send the image as JPEG or PNG",
            Self::ImageDimensions => "crop the image around the person, without enlarging it",
            Self::ImageTooLarge => "crop the image, or send it as JPEG",
            Self::ImageMultipleFrames => {
                "export the one frame that shows the person, as JPEG or PNG"
            }
            Self::ImageTooComplex => "open the image and save it anew as JPEG or PNG",
        }
    }
}

/// One fault, with words for the requester. It quotes nothing from the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImageFault {
    /// The code.
    pub code: ImageFaultCode,
    /// What is wrong, and what to do.
    pub message: String,
}

impl ImageFault {
    pub(super) fn new(code: ImageFaultCode, what: &str) -> Self {
        Self { code, message: format!("{what}; {}", code.remedy()) }
    }

    /// The fault as an error of the form, at `pointer` (`/images/0`).
    pub fn into_shape_error(self, pointer: impl Into<String>) -> ShapeError {
        ShapeError::new(self.code.as_str(), pointer, self.message)
    }
}

pub(super) fn truncated(what: &str) -> ImageFault {
    ImageFault::new(ImageFaultCode::ImageTruncated, what)
}

pub(super) fn corrupt(what: &str) -> ImageFault {
    ImageFault::new(ImageFaultCode::ImageCorrupt, what)
}

pub(super) fn multiple(what: &str) -> ImageFault {
    ImageFault::new(ImageFaultCode::ImageMultipleFrames, what)
}

pub(super) fn complex(what: &str) -> ImageFault {
    ImageFault::new(ImageFaultCode::ImageTooComplex, what)
}

pub(super) fn not_allowed(what: &str) -> ImageFault {
    ImageFault::new(ImageFaultCode::ImageTypeNotAllowed, what)
}

/// What a walk found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walked {
    pub(super) dimensions: Option<Dimensions>,
    pub(super) orientation: Option<u8>,
    pub(super) trailing_bytes: usize,
}

impl ImageLimits {
    /// Whether announced sides are within the limits.
    pub(super) fn sides(&self, width: u32, height: u32) -> Result<Dimensions, ImageFault> {
        let sides = self.min_side..=self.max_side;
        let pixels = u64::from(width) * u64::from(height);
        if !sides.contains(&width) || !sides.contains(&height) || pixels > self.pixels {
            return Err(ImageFault::new(
                ImageFaultCode::ImageDimensions,
                &format!(
                    "the image announces {width} x {height} pixels; \
                     {} to {} a side and {} in all are allowed",
                    self.min_side, self.max_side, self.pixels
                ),
            ));
        }
        Ok(Dimensions { width, height })
    }
}

/// What follows the image's end: anything is kept, but no second image.
pub(super) fn trailing(rest: &[u8]) -> Result<usize, ImageFault> {
    let start = rest.iter().position(|b| *b != 0).unwrap_or(rest.len());
    let data = rest.get(start..).unwrap_or_default();
    if data.starts_with(b"\xFF\xD8\xFF") || data.starts_with(super::png::SIGNATURE) {
        return Err(multiple("a second image follows the first in the same file"));
    }
    Ok(rest.len())
}
