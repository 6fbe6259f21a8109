//! `leadbroker submit`: a form and its images, as one multipart request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::Value;

use super::args::SubmitArgs;
use super::client::{Api, finding_text};
use super::{Output, exit};
use crate::domain::Finding;

/// The images do not fit the form.
#[derive(Debug, thiserror::Error)]
pub(super) enum SubmitError {
    /// The form is no JSON object with images.
    #[error("fill in the images: the form is no JSON object with a list `images`")]
    NoImages,
    /// Two files of one name.
    #[error("attach `{0}`: two images have this file name; give each its own")]
    SameName(String),
    /// More files than places.
    #[error("attach `{0}`: no image of the form waits for a file; add it to the form's `images`")]
    NoPlace(String),
    /// The form says another hash.
    #[error(
        "attach `{0}`: the form names another `sha256`; attach the file that the form describes"
    )]
    OtherFile(String),
    /// The path names no file.
    #[error("attach `{0}`: it has no file name of plain characters")]
    NoName(String),
}

/// A receipt, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Receipt {
    request: Option<String>,
    state: String,
    #[serde(default)]
    findings: Vec<Finding>,
    duplicate_of: Option<String>,
}

/// Runs the command.
pub(super) async fn run(api: &Api, args: &SubmitArgs, output: &mut Output) -> anyhow::Result<u8> {
    let body = std::fs::read(&args.form)
        .with_context(|| format!("read the form `{}`", args.form.display()))?;
    let files = read_files(&args.image)?;
    let body = if files.is_empty() {
        body
    } else {
        let mut form: Value = serde_json::from_slice(&body)
            .with_context(|| format!("read the form `{}`: it is no JSON", args.form.display()))?;
        fill(&mut form, &files)?;
        serde_json::to_vec(&form)?
    };
    let key = args.key.clone().unwrap_or_else(|| hex::encode(openssl::sha::sha256(&body)));
    let call = api.call(Method::POST, "search-requests").header("Idempotency-Key", key);
    let call = if files.is_empty() {
        call.header("Content-Type", "application/json").body(body)
    } else {
        let part = |bytes: Vec<u8>, mime: &str| Part::bytes(bytes).mime_str(mime);
        let mut form = Form::new().part("form", part(body, "application/json")?);
        for (name, bytes) in files {
            let file = part(bytes, "application/octet-stream")?.file_name(name.clone());
            form = form.part(name, file);
        }
        call.multipart(form)
    };
    let answer = api.json(call).await?;
    show(&answer, output)?;
    Ok(exit::OK)
}

/// The files' bytes, in the order given.
pub(super) fn read_files(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for path in paths {
        let name = part_name(path)?;
        if name == "form" || files.iter().any(|(other, _)| *other == name) {
            return Err(SubmitError::SameName(name).into());
        }
        let bytes =
            std::fs::read(path).with_context(|| format!("read the image `{}`", path.display()))?;
        files.push((name, bytes));
    }
    Ok(files)
}

fn part_name(path: &Path) -> Result<String, SubmitError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .filter(|name| !name.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| SubmitError::NoName(path.display().to_string()))
}

/// Gives each file its image: the one with the same `part`, else the next that has neither `part` nor `content`.
pub(super) fn fill(form: &mut Value, files: &[(String, Vec<u8>)]) -> Result<(), SubmitError> {
    let images =
        form.get_mut("images").and_then(Value::as_array_mut).ok_or(SubmitError::NoImages)?;
    let hashes: BTreeMap<&str, String> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), hex::encode(openssl::sha::sha256(bytes))))
        .collect();
    for (name, _) in files {
        let named = images.iter().position(|image| text(image, "part") == Some(name));
        let place = named.or_else(|| {
            images
                .iter()
                .position(|image| text(image, "part").is_none() && text(image, "content").is_none())
        });
        let image = place
            .and_then(|place| images.get_mut(place))
            .and_then(Value::as_object_mut)
            .ok_or_else(|| SubmitError::NoPlace(name.clone()))?;
        let hash = hashes.get(name.as_str()).cloned().unwrap_or_default();
        let said = image.get("sha256").and_then(Value::as_str).unwrap_or_default();
        // A hash that is there is the requester's word, perhaps under a signature.
        if hex::decode(said).is_ok_and(|said| said.len() == 32) && said != hash {
            return Err(SubmitError::OtherFile(name.clone()));
        }
        let _ = image.insert("sha256".to_owned(), hash.into());
        let _ = image.insert("part".to_owned(), name.clone().into());
        let _ = image.remove("content");
    }
    let count = images.len();
    if let Some(form) = form.as_object_mut() {
        let _ = form.insert("images_attached".to_owned(), count.into());
    }
    Ok(())
}

fn text<'v>(image: &'v Value, member: &str) -> Option<&'v str> {
    image.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn show(answer: &Value, output: &mut Output) -> anyhow::Result<()> {
    if output.is_json() {
        output.value(answer);
        return Ok(());
    }
    let receipt: Receipt = serde_json::from_value(answer.clone())
        .context("read the receipt: it is not leadbroker's")?;
    output.line(&receipt_text(&receipt));
    Ok(())
}

fn receipt_text(receipt: &Receipt) -> String {
    let request = receipt.request.as_deref().unwrap_or("-");
    let mut lines = vec![format!("{}  {request}", receipt.state)];
    if let Some(earlier) = &receipt.duplicate_of {
        lines.push(format!("the same case and images came before; this is {earlier}"));
    }
    lines.extend(receipt.findings.iter().map(finding_text));
    lines.push(match receipt.state.as_str() {
        "held" => "a named human of the unit decides about the findings above".to_owned(),
        _ => format!("follow it with `leadbroker status {request}`"),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
        (name.to_owned(), bytes.to_vec())
    }

    #[test]
    fn files_go_to_their_part_else_to_the_next_free_image() {
        let mut form = json!({ "images": [
            { "content": "aGVsbG8=" }, { "sha256": "<SHA-256>" }, { "part": "b.png" }, {}
        ]});
        fill(&mut form, &[file("b.png", b"b"), file("a.png", b"a"), file("c.png", b"c")]).unwrap();
        let hash = |bytes: &[u8]| hex::encode(openssl::sha::sha256(bytes));
        assert_eq!(
            form,
            json!({ "images_attached": 4, "images": [
                { "content": "aGVsbG8=" },
                { "part": "a.png", "sha256": hash(b"a") },
                { "part": "b.png", "sha256": hash(b"b") },
                { "part": "c.png", "sha256": hash(b"c") }
            ]})
        );
    }

    #[test]
    fn a_file_that_the_form_does_not_describe_is_refused() {
        let mut form = json!({ "images": [{ "part": "a.png", "sha256": "0".repeat(64) }] });
        let error = fill(&mut form, &[file("a.png", b"a")]).unwrap_err();
        assert!(matches!(error, SubmitError::OtherFile(_)), "{error}");
        let error = fill(&mut form, &[file("z.png", b"z")]).unwrap_err();
        assert!(matches!(error, SubmitError::NoPlace(_)), "{error}");
        let error = fill(&mut json!([]), &[file("z.png", b"z")]).unwrap_err();
        assert!(matches!(error, SubmitError::NoImages), "{error}");
    }

    #[test]
    fn a_receipt_says_what_comes_next() {
        let receipt: Receipt = serde_json::from_value(json!({
            "request": "r-1", "state": "held", "errors": [], "duplicate_of": null,
            "findings": [{
                "clause": "LACRIS-PRO-2", "pack": "lacris", "verdict": "hold", "field": "",
                "message": "the situation is short", "remedy": "tell more"
            }]
        }))
        .unwrap();
        insta::assert_snapshot!(receipt_text(&receipt), @r"
        held  r-1
          LACRIS-PRO-2 (lacris) at the whole: the situation is short
            -> tell more
        a named human of the unit decides about the findings above
        ");
    }
}
