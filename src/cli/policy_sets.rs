//! `leadbroker policy activate` and `policy sets`: a set of packs, from a folder into force by two people.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::args::{ActivateArgs, SetsArgs};
use super::client::{Api, rows, shown};
use super::{Output, exit};
use crate::app::pack_files;
use crate::policy::{Archive, ArchivedFile};

/// Proposes a folder, or confirms a version.
pub(super) async fn activate(
    api: &Api,
    args: &ActivateArgs,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let answer = match (&args.dir, args.confirm, &args.digest) {
        (Some(dir), ..) => propose(api, dir).await?,
        (None, Some(version), Some(digest)) => {
            let body = json!({ "sha256": digest });
            api.post(&format!("policy-sets/{version}/confirm"), Some(&body)).await?
        }
        (None, ..) => anyhow::bail!("activate: give a folder, or `--confirm` with `--digest`"),
    };
    if output.is_json() {
        output.value(&answer);
        return Ok(exit::OK);
    }
    output.members(&answer, &["version", "sha256", "state"]);
    for review in answer.get("reviews").and_then(Value::as_array).into_iter().flatten() {
        let overdue = review.get("overdue") == Some(&Value::Bool(true));
        let when = if overdue { "was due" } else { "is due" };
        let (pack, day) = (shown(review, "pack"), shown(review, "review_due"));
        output.line(&format!("warning: the review of `{pack}` {when} on {day}"));
    }
    if args.dir.is_some() {
        let (version, digest) = (shown(&answer, "version"), shown(&answer, "sha256"));
        output.line("nothing has changed yet; another person reads it and confirms exactly it:");
        output.line(&format!("  leadbroker policy sets --save {version} --out DIR"));
        output.line(&format!("  leadbroker policy activate --confirm {version} --digest {digest}"));
    }
    Ok(exit::OK)
}

async fn propose(api: &Api, dir: &Path) -> anyhow::Result<Value> {
    let archive = Archive::new(&pack_files(dir)?)
        .with_context(|| format!("read the packs in `{}`", dir.display()))?;
    let sets = api.get("policy-sets").await?;
    let newest = sets.pointer("/items/0/version").and_then(Value::as_i64).unwrap_or_default();
    let body = json!({ "version": newest + 1, "files": archive.listed() });
    let answer = api.post("policy-sets", Some(&body)).await?;
    let digest = hex::encode(archive.digest());
    anyhow::ensure!(
        shown(&answer, "sha256") == digest,
        "compare what was proposed with `{}`: the server has another SHA-256 than {digest}; do not have it confirmed",
        dir.display()
    );
    Ok(answer)
}

/// Lists the versions, or saves the files of one.
pub(super) async fn sets(api: &Api, args: &SetsArgs, output: &mut Output) -> anyhow::Result<u8> {
    if let (Some(version), Some(out)) = (args.save, &args.out) {
        return save(api, version, out, output).await;
    }
    let answer = api.get("policy-sets").await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(exit::OK);
    }
    let origin = answer.pointer("/in_force/origin");
    let origin = match origin.and_then(Value::as_str) {
        Some("built_in") => "the packs that come with the program decide".to_owned(),
        Some(_) => "the packs of `policy.directory` decide".to_owned(),
        None => {
            let version = origin.map(|origin| shown(origin, "activated")).unwrap_or_default();
            format!("version {version} decides")
        }
    };
    output.line(&format!("{origin}; SHA-256 {}", in_force(&answer)));
    if let Some(refused) = answer.get("refused").filter(|refused| !refused.is_null()) {
        output.line(&format!(
            "a newer set cannot be used, so the one before decides: version {}",
            shown(refused, "version")
        ));
        for reason in refused.get("reasons").and_then(Value::as_array).into_iter().flatten() {
            output.line(&format!("  {}", reason.as_str().unwrap_or_default()));
        }
    }
    let members = [
        "version",
        "state",
        "proposed_by",
        "proposed_at",
        "confirmed_by",
        "confirmed_at",
        "sha256",
    ];
    let headers =
        ["version", "state", "proposed by", "proposed", "confirmed by", "confirmed", "SHA-256"];
    output.table(&headers, &rows(answer.get("items"), &members));
    Ok(exit::OK)
}

fn in_force(answer: &Value) -> String {
    answer.get("in_force").map(|set| shown(set, "sha256")).unwrap_or_default()
}

async fn save(api: &Api, version: i64, out: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let answer = api.get(&format!("policy-sets/{version}")).await?;
    let files: Vec<ArchivedFile> =
        serde_json::from_value(answer.get("files").cloned().unwrap_or_default())
            .context("read the files of the set")?;
    // The paths are the server's; a set has none that leave the folder.
    let archive = Archive::of(files).context("read the files of the set")?;
    let digest = hex::encode(archive.digest());
    anyhow::ensure!(
        shown(&answer, "sha256") == digest,
        "compare the set with its SHA-256: its files have {digest}; ask the operator"
    );
    for (path, bytes) in archive.files() {
        let file = out.join(path);
        let folder = file.parent().unwrap_or(out);
        std::fs::create_dir_all(folder)
            .with_context(|| format!("make the folder `{}`", folder.display()))?;
        std::fs::write(&file, bytes).with_context(|| format!("write `{}`", file.display()))?;
    }
    if output.is_json() {
        output.value(&json!({ "version": version, "sha256": digest, "folder": out }));
    } else {
        output.line(&format!("saved version {version} in {}", out.display()));
        output.line(&format!("its SHA-256 is {digest}"));
    }
    Ok(exit::OK)
}
