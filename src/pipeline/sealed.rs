//! Reading and writing what is sealed under a request's own key.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, PipelineError, Refusal};
use crate::domain::known_answer::Expected;
use crate::domain::{Form, RequestId};
use crate::store::{KnownAnswerRow, ProbeRow, RecordRow, RequestRow};
use crate::vault::DataKey;

/// The key of a request; a destroyed one is gone for good.
pub fn key_of(ctx: &Context, row: &RequestRow) -> Result<DataKey, PipelineError> {
    let wrapped = row.data_key.as_deref().ok_or(PipelineError::Refused(Refusal::Gone))?;
    Ok(ctx.vault.unwrap(wrapped, row.id)?)
}

/// What is kept of a submission: the form without its images, and what could only be known while it was whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// The form.
    pub form: Form,
    /// Whether the signature was verified by its method.
    pub signature_verified: bool,
    /// SHA-256 of the canonical form as it arrived (RFC 8785), hexadecimal.
    pub body_sha256: String,
}

/// Seals a submission.
pub fn seal_intake(
    ctx: &Context,
    id: RequestId,
    key: &DataKey,
    intake: &Intake,
) -> Result<Vec<u8>, PipelineError> {
    Ok(ctx.vault.seal_json(ctx.ids.as_ref(), key, (&id.to_string(), "form"), intake)?)
}

/// Opens the form.
pub fn form_of(ctx: &Context, row: &RequestRow) -> Result<Form, PipelineError> {
    Ok(intake_of(ctx, row)?.form)
}

/// Opens a submission.
pub fn intake_of(ctx: &Context, row: &RequestRow) -> Result<Intake, PipelineError> {
    let key = key_of(ctx, row)?;
    let sealed = row.form.as_deref().ok_or(PipelineError::Refused(Refusal::Gone))?;
    Ok(ctx.vault.open_json(&key, (&row.id.to_string(), "form"), sealed)?)
}

/// Seals what a known-answer job should come to: it ends with the request's key.
pub fn seal_expected(
    ctx: &Context,
    id: RequestId,
    key: &DataKey,
    expected: &Expected,
) -> Result<Vec<u8>, PipelineError> {
    Ok(ctx.vault.seal_json(ctx.ids.as_ref(), key, (&id.to_string(), "known-answer"), expected)?)
}

/// Opens what a known-answer job should come to.
pub fn open_expected(
    ctx: &Context,
    key: &DataKey,
    case: &KnownAnswerRow,
) -> Result<Expected, PipelineError> {
    let sealed = case.expected.as_deref().ok_or(PipelineError::Refused(Refusal::Gone))?;
    Ok(ctx.vault.open_json(key, (&case.request.to_string(), "known-answer"), sealed)?)
}

/// Seals a record.
pub fn seal_record<T: Serialize>(
    ctx: &Context,
    id: Uuid,
    key: &DataKey,
    record: &T,
) -> Result<Vec<u8>, PipelineError> {
    Ok(ctx.vault.seal_json(ctx.ids.as_ref(), key, (&id.to_string(), "record"), record)?)
}

/// Opens a record.
pub fn open_record<T: DeserializeOwned>(
    ctx: &Context,
    key: &DataKey,
    row: &RecordRow,
) -> Result<T, PipelineError> {
    let sealed = row.sealed.as_deref().ok_or(PipelineError::Refused(Refusal::Gone))?;
    Ok(ctx.vault.open_json(key, (&row.id.to_string(), "record"), sealed)?)
}

/// Seals a file and puts it into the image store; returns its opaque key there.
pub async fn put_image(
    ctx: &Context,
    request: RequestId,
    key: &DataKey,
    bytes: Vec<u8>,
) -> Result<String, PipelineError> {
    let object_key = object_key(request, ctx.ids.id());
    let sealed = ctx.vault.seal(ctx.ids.as_ref(), key, (&object_key, "image"), &bytes)?;
    ctx.vault.put(&object_key, sealed).await?;
    Ok(object_key)
}

/// A place that says nothing. In a folder, a directory a request would cost more than its files: the last two digits
/// of the random id choose one of 256.
fn object_key(request: RequestId, id: Uuid) -> String {
    let id = id.simple().to_string();
    let shard: String = id.chars().skip(id.len() - 2).collect();
    format!("{shard}/{}-{id}", request.uuid().simple())
}

/// The request that an object's key names; none for what leadbroker did not write.
pub fn owner(object_key: &str) -> Option<RequestId> {
    let (request, id) = object_key.split_once('/')?.1.split_once('-')?;
    let id = Uuid::try_parse(id).ok()?;
    let request = format!("r-{request}").parse().ok()?;
    (self::object_key(request, id) == object_key).then_some(request)
}

/// Opens a file of the image store.
pub async fn image(
    ctx: &Context,
    key: &DataKey,
    object_key: &str,
) -> Result<Vec<u8>, PipelineError> {
    let sealed = ctx.vault.get(object_key).await?;
    Ok(ctx.vault.open(key, (object_key, "image"), &sealed)?)
}

/// A probe's file.
pub async fn probe_image(
    ctx: &Context,
    row: &RequestRow,
    probe: &ProbeRow,
) -> Result<Vec<u8>, PipelineError> {
    image(ctx, &key_of(ctx, row)?, &probe.object_key).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_our_own_form_have_an_owner() {
        let (request, id) = (RequestId::new(Uuid::from_u128(7)), Uuid::from_u128(0x1ab));
        let key = object_key(request, id);
        assert_eq!(key, format!("ab/{}7-{}1ab", "0".repeat(31), "0".repeat(29)));
        assert_eq!(owner(&key), Some(request));
        let elsewhere = key.replacen("ab/", "ac/", 1);
        for foreign in
            ["doctor", "a/b", "a/b-c", &elsewhere, &format!("{key}/x"), &key.to_uppercase()]
        {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }
}
