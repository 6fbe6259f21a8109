//! How many images, and how large: configurable, below the schema's maxima.

use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{Form, pointer};
use crate::domain::ShapeError;

const MIB: u64 = 1024 * 1024;

/// Limits of a form. `validate()` (crate `validator`) tells whether a configuration makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct FormLimits {
    /// Images in a form. The schema allows 50.
    #[validate(range(min = 1, max = 50))]
    pub images: u32,
    /// Bytes of an image file.
    #[validate(range(min = 1, max = 104_857_600))]
    pub image_bytes: u64,
    /// Bytes of a form as sent, all its parts and base64 included.
    #[validate(range(min = 1, max = 1_073_741_824))]
    pub form_bytes: u64,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self { images: 20, image_bytes: 15 * MIB, form_bytes: 60 * MIB }
    }
}

impl FormLimits {
    /// What is too many or too large (HTTP 413); `body_bytes` is the body as sent, with its parts.
    pub fn check(&self, form: &Form, body_bytes: u64) -> Vec<ShapeError> {
        let mut errors = Vec::new();
        errors.extend(self.check_body(body_bytes));
        let count = form.images.len();
        if u32::try_from(count).map_or(true, |n| n > self.images) {
            errors.push(ShapeError::new(
                "too_many_files",
                "/images",
                format!(
                    "at most {} images are allowed in a form, {count} given; send the best ones",
                    self.images
                ),
            ));
        }
        for (position, image) in form.images.iter().enumerate() {
            if let Some(content) = &image.content {
                let at = pointer::member(&pointer::index("/images", position), "content");
                errors.extend(self.check_file(&at, decoded_len(content.expose())));
            }
        }
        errors
    }

    /// Whether a body of that many bytes is too large, known before it is read to its end.
    pub fn check_body(&self, bytes: u64) -> Option<ShapeError> {
        (bytes > self.form_bytes).then(|| too_large("", "form", bytes, self.form_bytes))
    }

    /// Whether the file at `pointer` is too large.
    pub fn check_file(&self, pointer: &str, bytes: u64) -> Option<ShapeError> {
        (bytes > self.image_bytes).then(|| too_large(pointer, "image", bytes, self.image_bytes))
    }
}

fn too_large(pointer: &str, what: &str, bytes: u64, limit: u64) -> ShapeError {
    ShapeError::new(
        "too_large",
        pointer,
        format!("the {what} has {bytes} bytes, {limit} are allowed; send fewer or smaller images"),
    )
}

/// How many bytes padded base64 stands for.
fn decoded_len(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take(2).filter(|b| *b == b'=').count();
    let full = base64.len() / 4 * 3;
    u64::try_from(full.saturating_sub(padding)).unwrap_or(u64::MAX)
}
