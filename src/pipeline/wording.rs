//! What a person of a unit writes about a case does not say that a face is somebody (CORE-IDENTITY).

use serde::Serialize;
use serde_json::Value;

use super::{Context, PipelineError, Refusal};
use crate::policy::Claim;

/// Every place in the texts of a record that says so. Call it on whatever a person wrote, before it is stored.
pub async fn claims(ctx: &Context, written: &impl Serialize) -> Result<Vec<Claim>, PipelineError> {
    let written = serde_json::to_value(written)
        .map_err(|_| PipelineError::Inconsistent("a record as it was written"))?;
    let mut texts = Vec::new();
    collect(String::new(), &written, &mut texts);
    let policies = ctx.policies().await?;
    let claims = texts.iter().flat_map(|(at, text)| policies.identity_claims(at, text));
    Ok(claims.collect())
}

/// Refuses a record that says so.
pub async fn refuse_claims(ctx: &Context, written: &impl Serialize) -> Result<(), PipelineError> {
    let claims = claims(ctx, written).await?;
    if claims.is_empty() {
        return Ok(());
    }
    Err(PipelineError::Refused(Refusal::Identification { claims, findings: Vec::new() }))
}

/// Every text, with its JSON pointer (RFC 6901).
fn collect<'v>(at: String, value: &'v Value, texts: &mut Vec<(String, &'v str)>) {
    match value {
        Value::String(text) => texts.push((at, text)),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                collect(format!("{at}/{place}"), item, texts);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(format!("{at}/{name}"), member, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_of_a_record_has_its_pointer() {
        let record = json!({ "a": [{ "b/c": "one" }, 2, null], "d~": "two", "e": true });
        let mut texts = Vec::new();
        collect(String::new(), &record, &mut texts);
        let wanted = [("/a/0/b~1c".to_owned(), "one"), ("/d~0".to_owned(), "two")];
        assert_eq!(texts, wanted);
        for (pointer, text) in &texts {
            assert_eq!(record.pointer(pointer).and_then(Value::as_str), Some(*text));
        }
    }
}
