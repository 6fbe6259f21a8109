//! The order of the questions: is there a file, is it small enough, what is it, is it whole.

use openssl::sha::sha256;

use super::facts::{ImageFacts, ImageFault, ImageFaultCode, ImageLimits, corrupt, truncated};
use super::sniff::{Seen, sniff};
use super::{heic, jpeg, png};
use crate::domain::form::MediaType;

/// No image of any type is shorter.
const SHORTEST: usize = 12;

/// What the file is, or what is wrong with it; `declared` is what the form says it is.
///
/// Time is linear in the file's bytes, memory constant.
pub fn inspect(
    bytes: &[u8],
    declared: MediaType,
    limits: &ImageLimits,
) -> Result<ImageFacts, Vec<ImageFault>> {
    let byte_len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if byte_len > limits.bytes {
        let what = format!("the file has {byte_len} bytes, {} are allowed", limits.bytes);
        return Err(vec![ImageFault::new(ImageFaultCode::ImageTooLarge, &what)]);
    }
    if bytes.is_empty() {
        return Err(vec![ImageFault::new(ImageFaultCode::ImageEmpty, "the file is empty")]);
    }
    if bytes.len() < SHORTEST {
        return Err(vec![truncated("the file ends before an image begins")]);
    }
    let media_type = match sniff(bytes) {
        Seen::Accepted(media_type) => media_type,
        Seen::Foreign(name) => return Err(foreign(name, declared)),
        Seen::Unknown => return Err(vec![unknown(bytes, declared)]),
    };
    if media_type != declared {
        return Err(vec![mismatch(media_type.as_str(), declared)]);
    }
    let walked = match media_type {
        MediaType::Png => png::walk(bytes, limits),
        MediaType::Jpeg => jpeg::walk(bytes, limits),
        MediaType::Heic => heic::walk(bytes, limits),
    };
    let walked = walked.map_err(|fault| vec![fault])?;
    Ok(ImageFacts {
        media_type,
        dimensions: walked.dimensions,
        sha256: sha256(bytes),
        byte_len,
        orientation: walked.orientation,
        trailing_bytes: u64::try_from(walked.trailing_bytes).unwrap_or(u64::MAX),
    })
}

fn mismatch(seems: &str, declared: MediaType) -> ImageFault {
    ImageFault::new(
        ImageFaultCode::ImageTypeMismatch,
        &format!("the form says {}, the file is {seems}", declared.as_str()),
    )
}

/// A type that is known and not accepted is both: not what was declared, and not allowed.
fn foreign(name: &str, declared: MediaType) -> Vec<ImageFault> {
    vec![
        mismatch(name, declared),
        ImageFault::new(
            ImageFaultCode::ImageTypeNotAllowed,
            &format!("the file seems to be {name}, which is not accepted"),
        ),
    ]
}

/// Bytes of no known type: damaged in the first bytes, or something else.
fn unknown(bytes: &[u8], declared: MediaType) -> ImageFault {
    let (start, signature): (usize, &[u8]) = match declared {
        MediaType::Png => (0, png::SIGNATURE),
        MediaType::Jpeg => (0, b"\xFF\xD8\xFF"),
        MediaType::Heic => (4, b"ftyp"),
    };
    let alike = bytes.iter().skip(start).zip(signature).filter(|(a, b)| a == b).count();
    if alike * 3 >= signature.len() * 2 {
        return corrupt("the first bytes of the file are damaged");
    }
    ImageFault::new(ImageFaultCode::ImageTypeNotAllowed, "the file is no image that is known here")
}
