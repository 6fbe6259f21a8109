//! Bytes in, a [`Form`] out, or every reason why not.

use serde_json::Value;

use super::request::{Form, whole};
use super::{pointer, schema, strict_json};
use crate::domain::ShapeError;

/// Why bytes are no form. Two kinds, because they are answered differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFailure {
    /// No JSON, or JSON that two readers could read differently: HTTP 400.
    #[error("failed to read the form as JSON; see the code")]
    Malformed(ShapeError),
    /// JSON, but not in the form's shape, with every fault: HTTP 422.
    #[error("failed to read the form: its shape has {} errors; see each of them", .0.len())]
    Shape(Vec<ShapeError>),
}

impl ParseFailure {
    /// The errors, whichever kind it is.
    pub fn errors(&self) -> &[ShapeError] {
        match self {
            Self::Malformed(error) => std::slice::from_ref(error),
            Self::Shape(errors) => errors,
        }
    }
}

/// Reads a form. Errors hold places and expectations, never what the sender wrote.
pub fn parse_form(bytes: &[u8]) -> Result<Form, ParseFailure> {
    let value = strict_json::read(bytes).map_err(ParseFailure::Malformed)?;
    let mut errors = schema::check(&value);
    errors.extend(check_images(&value));
    if !errors.is_empty() {
        return Err(ParseFailure::Shape(errors));
    }
    // Not reached while types and schema agree, which tests hold; serde's text could hold input.
    serde_json::from_value(value).map_err(|_| {
        ParseFailure::Shape(vec![ShapeError::new(
            "form_unreadable",
            "",
            "the form fits its schema and still cannot be read; tell the unit's administrator",
        )])
    })
}

/// What the schema cannot say: the images are as many as announced, and each is there once.
fn check_images(form: &Value) -> Vec<ShapeError> {
    let mut errors = Vec::new();
    let Some(images) = form.get("images").and_then(Value::as_array) else {
        return errors;
    };
    let announced = form.get("images_attached").and_then(Value::as_number).and_then(whole);
    let count = images.len();
    if let Some(announced) = announced.filter(|n| usize::try_from(*n) != Ok(count)) {
        errors.push(ShapeError::new(
            "image_count",
            "/images_attached",
            format!(
                "the form says {announced} images and holds {count}; \
                 attach what is missing, or correct the number"
            ),
        ));
    }
    for (position, image) in images.iter().enumerate() {
        let Some(image) = image.as_object() else {
            continue;
        };
        let message = match (image.contains_key("content"), image.contains_key("part")) {
            (true, true) => "send the file once: either `content` or `part`",
            (false, false) => {
                "the file is missing: send it as `content` (base64), or name its multipart part in `part`"
            }
            (true, false) | (false, true) => continue,
        };
        let at = pointer::index("/images", position);
        errors.push(ShapeError::new("image_content", at, message));
    }
    errors
}
