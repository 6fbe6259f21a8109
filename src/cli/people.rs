//! What the people of a unit ask a running server.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::agency::findings;
use super::args::{ExaminationArgs, PeopleCommand, ReleaseArgs};
use super::client::{Api, rows, segment, shown};
use super::keys::write_secret;
use super::{Output, decide, desk, emergency, exit, known_answer, pages};

/// Runs the command.
pub(super) async fn run(
    api: &Api,
    command: &PeopleCommand,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        PeopleCommand::Queue { lane, limit, cursor, watch } => {
            let look =
                desk::Look { lane: lane.as_deref(), limit: *limit, cursor: cursor.as_deref() };
            desk::queue(api, &look, *watch, output).await?;
        }
        PeopleCommand::Show { request, images } => {
            let answer = api.get(&format!("jobs/{}", segment(request)?)).await?;
            case_file(&answer, output);
            if let Some(folder) = images {
                save_probes(api, request, &answer, folder, output).await?;
            }
        }
        PeopleCommand::Claim { request } => desk::claim(api, request, output).await?,
        PeopleCommand::Renew { request, token } => {
            let body = json!({ "token": token });
            post(api, (request, "renew"), &body, &["token", "until"], output).await?;
        }
        PeopleCommand::Checklist => checklist(&api.get("checklist").await?, output),
        PeopleCommand::HandOver { request, token, to } => {
            let body = json!({ "token": token, "to": to });
            post(api, (request, "hand-over"), &body, &["request"], output).await?;
        }
        PeopleCommand::GiveBack(args) => desk::give_back(api, args, output).await?,
        PeopleCommand::Drafts(command) => desk::drafts(api, command, output).await?,
        PeopleCommand::Conclude(args) => examination(api, "conclude", args, output).await?,
        PeopleCommand::SecondReview(args) => {
            examination(api, "second-review", args, output).await?;
        }
        PeopleCommand::Adjudicate(args) => examination(api, "adjudicate", args, output).await?,
        PeopleCommand::Examinations { request } => {
            let answer = api.get(&format!("jobs/{}/examinations", segment(request)?)).await?;
            output.value(&without_pictures(&answer));
        }
        PeopleCommand::WaiveSecondReview { request, reason, note } => {
            let body = json!({ "reason": reason, "note": note });
            let step = (request.as_str(), "waive-second-review");
            post(api, step, &body, &["request", "state"], output).await?;
        }
        PeopleCommand::Release(args) => return release(api, args, output).await,
        PeopleCommand::Holds(command) => decide::holds(api, command, output).await?,
        PeopleCommand::DeadLetters(command) => decide::dead_letters(api, command, output).await?,
        PeopleCommand::Emergency(command) => emergency::run(api, command, output).await?,
        PeopleCommand::Suspensions(command) => emergency::suspensions(api, command, output).await?,
        PeopleCommand::Disclose(args) => decide::disclose(api, args, output).await?,
        PeopleCommand::Disseminations { request } => {
            decide::disseminations(api, request, output).await?;
        }
        PeopleCommand::Destroy { request, reason, clause } => {
            decide::destroy(api, request, (reason, clause), output).await?;
        }
        PeopleCommand::LegalHold(command) => decide::legal_hold(api, command, output).await?,
        PeopleCommand::Pages(command) => pages::run(api, command, output).await?,
        PeopleCommand::Roster(args) => return super::roster::run(api, args, output).await,
        PeopleCommand::KnownAnswer(command) => known_answer::run(api, command, output).await?,
    }
    Ok(exit::OK)
}

/// A step of a job whose answer is shown by some of its members.
async fn post(
    api: &Api,
    (request, step): (&str, &str),
    body: &Value,
    members: &[&str],
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = api.post(&format!("jobs/{}/{step}", segment(request)?), Some(body)).await?;
    output.step(&answer, members);
    Ok(())
}

fn checklist(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    output.line(&format!(
        "version {}, SHA-256 {}",
        shown(answer, "version"),
        shown(answer, "sha256")
    ));
    let components = answer.get("components").and_then(Value::as_array).map(Vec::as_slice);
    for component in components.unwrap_or_default() {
        let features = component.get("features").and_then(Value::as_array).map(Vec::as_slice);
        let features: Vec<&str> =
            features.unwrap_or_default().iter().filter_map(Value::as_str).collect();
        output.line(&format!("{}: {}", shown(component, "name"), features.join("; ")));
    }
}

/// A case file: the request, its form, what earlier examinations say.
pub(super) fn case_file(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let members = [
        "request",
        "unit",
        "agency",
        "state",
        "lane",
        "case_number_of_unit",
        "deadline_at",
        "service_due_at",
    ];
    output.members(answer, &members);
    if let Some(lease) = answer.get("lease").filter(|lease| !lease.is_null()) {
        output.line(&format!(
            "your claim     token {}, until {}",
            shown(lease, "token"),
            shown(lease, "until")
        ));
    }
    findings(answer, output);
    output.table(
        &["probe", "type", "bytes"],
        &rows(answer.get("probes"), &["n", "media_type", "bytes"]),
    );
    for member in ["form", "earlier"] {
        if let Some(part) = answer.get(member) {
            output.line(&format!("\n{member}:"));
            output.value(&without_pictures(part));
        }
    }
}

/// The same document with pictures told by their length: nobody reads base64.
fn without_pictures(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) if name == "content" || name == "image" => {
                    (name.clone(), format!("({} characters of base64)", text.len()).into())
                }
                _ => (name.clone(), without_pictures(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(without_pictures).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

async fn save_probes(
    api: &Api,
    request: &str,
    answer: &Value,
    folder: &Path,
    output: &mut Output,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("make the folder `{}`", folder.display()))?;
    for probe in answer.get("probes").and_then(Value::as_array).into_iter().flatten() {
        let n = probe.get("n").and_then(Value::as_i64).context("read the probes' numbers")?;
        let extension = match probe.get("media_type").and_then(Value::as_str) {
            Some("image/jpeg") => "jpg",
            Some("image/png") => "png",
            _ => "bin",
        };
        let path = format!("jobs/{}/probes/{n}", segment(request)?);
        let original = api.send(api.call(Method::GET, &path)).await?;
        let bytes = original.bytes().await.map_err(|error| api.fault(&error))?;
        let file = folder.join(format!("probe-{n}.{extension}"));
        write_secret(&file, &bytes)?;
        if !output.is_json() {
            output.line(&format!("saved {}; destroy it when you are done", file.display()));
        }
    }
    Ok(())
}

async fn examination(
    api: &Api,
    step: &str,
    args: &ExaminationArgs,
    output: &mut Output,
) -> anyhow::Result<()> {
    let text = std::fs::read(&args.file)
        .with_context(|| format!("read the examination `{}`", args.file.display()))?;
    let mut exam: Value = serde_json::from_slice(&text).with_context(|| {
        format!("read the examination `{}`: it is no JSON", args.file.display())
    })?;
    if let Some(file) = &args.candidate {
        let picture = std::fs::read(file)
            .with_context(|| format!("read the candidate's picture `{}`", file.display()))?;
        add_picture(&mut exam, &picture)?;
    }
    let path = format!("jobs/{}/{step}", segment(&args.request)?);
    let body = json!({ "token": args.token, "examination": exam });
    let answer = api.post(&path, Some(&body)).await?;
    output.step(&answer, &["request", "state"]);
    Ok(())
}

fn add_picture(exam: &mut Value, picture: &[u8]) -> anyhow::Result<()> {
    let candidate = exam
        .get_mut("candidate")
        .and_then(Value::as_object_mut)
        .context("add the candidate's picture: the examination has no object `candidate`")?;
    let hash = hex::encode(openssl::sha::sha256(picture));
    let _ = candidate.insert("image".to_owned(), STANDARD.encode(picture).into());
    let _ = candidate.insert("image_sha256".to_owned(), hash.into());
    Ok(())
}

async fn release(api: &Api, args: &ReleaseArgs, output: &mut Output) -> anyhow::Result<u8> {
    let request = segment(&args.request)?;
    if let Some(hash) = &args.sha256 {
        let body = json!({ "document_sha256": hash, "code": args.code });
        let answer = api.post(&format!("jobs/{request}/release"), Some(&body)).await?;
        output.step(&answer, &["request", "state"]);
        if !output.is_json() {
            findings(&answer, output);
        }
        return Ok(exit::OK);
    }
    let file = args.preview.as_deref().context("release: give `--preview` or `--sha256`")?;
    let answer = api.send(api.call(Method::GET, &format!("jobs/{request}/document"))).await?;
    let said = answer.headers().get("Document-SHA256").and_then(|value| value.to_str().ok());
    let said = said.unwrap_or_default().to_owned();
    let pdf = answer.bytes().await.map_err(|error| api.fault(&error))?;
    let hash = hex::encode(openssl::sha::sha256(&pdf));
    if hash != said {
        output.error("document_broken", "the document broke on its way; ask for it again");
        return Ok(exit::DATA);
    }
    write_secret(file, &pdf)?;
    if output.is_json() {
        output.value(&json!({ "request": request, "document": file, "document_sha256": hash }));
    } else {
        output.line(&format!("saved {}; nothing is released yet", file.display()));
        output.line("read it, then release exactly it:");
        output.line(&format!("  leadbroker release {request} --sha256 {hash} [--code CODE]"));
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidates_picture_comes_with_its_hash() {
        let mut exam = json!({ "candidate": { "sid": "S1" } });
        add_picture(&mut exam, b"picture").unwrap();
        assert_eq!(exam["candidate"]["image"], "cGljdHVyZQ==");
        let hash = exam["candidate"]["image_sha256"].as_str().unwrap();
        assert_eq!(hash, hex::encode(openssl::sha::sha256(b"picture")));
        assert!(add_picture(&mut json!({ "conclusion": "no_match" }), b"picture").is_err());
    }

    #[test]
    fn a_case_file_shows_no_base64() {
        let shown = without_pictures(&json!([{ "image": "AAAA", "name": "AAAA" }]));
        assert_eq!(shown, json!([{ "image": "(4 characters of base64)", "name": "AAAA" }]));
    }
}
