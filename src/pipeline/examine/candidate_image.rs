//! The candidate's image, on its way from the record to the image store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::ShapeError;
use crate::domain::examination::Examination;
use crate::domain::form::MediaType;
use crate::images::inspect;
use crate::pipeline::{Context, PipelineError, Refusal};

/// Takes the candidate's image out of the record, measured like every image.
pub(super) fn take(
    ctx: &Context,
    exam: &mut Examination,
) -> Result<Option<Vec<u8>>, PipelineError> {
    let Some(candidate) = &mut exam.candidate else {
        return Ok(None);
    };
    let shape = |code: &str, message: &str| {
        PipelineError::Refused(Refusal::Shape(vec![ShapeError::new(
            code,
            "/candidate/image",
            message,
        )]))
    };
    let Some(image) = candidate.image.take() else {
        return Err(shape(
            "candidate_image",
            "a lead needs the candidate's image (LACRIS-RPT-5), base64",
        ));
    };
    let bytes = STANDARD
        .decode(image)
        .map_err(|_| shape("image_base64", "expected base64 (RFC 4648 section 4, with padding)"))?;
    let declared = if bytes.starts_with(&[0x89, b'P']) { MediaType::Png } else { MediaType::Jpeg };
    let facts = inspect(&bytes, declared, &ctx.rules.image).map_err(|faults| {
        let faults = faults.into_iter().map(|fault| fault.into_shape_error("/candidate/image"));
        PipelineError::Refused(Refusal::Shape(faults.collect()))
    })?;
    if !facts.matches_declared_hash(&candidate.image_sha256) {
        return Err(shape(
            "image_hash",
            "`image_sha256` is not the SHA-256 of the image that arrived",
        ));
    }
    Ok(Some(bytes))
}
