//! `leadbroker audit`: who saw what, and the log verified from a file alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::args::AuditCommand;
use super::client::{Api, segment, shown};
use super::{Output, exit};
use crate::audit::Checkpoint;

/// Verifies an export.
pub(super) fn verify(
    file: &Path,
    key: Option<&str>,
    checkpoints: &[PathBuf],
    output: &mut Output,
) -> anyhow::Result<u8> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("read the export `{}`", file.display()))?;
    let key =
        key.map(hex::decode).transpose().context("read `--key`: expected 64 hexadecimal digits")?;
    let lines = || text.strip_suffix('\n').unwrap_or(&text).split('\n');
    let held = match held(lines().next().unwrap_or_default(), key.as_deref(), checkpoints)? {
        Ok(held) => held,
        Err(fault) => {
            output.error("audit_broken", &fault);
            return Ok(exit::DATA);
        }
    };
    match crate::audit::verify(lines(), key.as_deref(), &held) {
        Ok(verified) if output.is_json() => {
            output.value(&verified);
            Ok(exit::OK)
        }
        Ok(verified) => {
            output.line(&format!(
                "sound: {} entries of {}, {} signed checkpoints, root {}",
                verified.size, verified.origin, verified.checkpoints, verified.root
            ));
            if !held.is_empty() {
                output.line(&format!("it contains all {} checkpoints that you hold", held.len()));
            }
            if !verified.key_pinned {
                output
                    .line("the key is the file's own word; give the one that you hold with --key");
            }
            Ok(exit::OK)
        }
        Err(broken) => {
            output.error("audit_broken", &format!("the log is broken: {broken}"));
            Ok(exit::DATA)
        }
    }
}

/// The checkpoints that the reader holds, each signed by the log's key: the reader's, else the file's.
fn held(
    header: &str,
    key: Option<&[u8]>,
    files: &[PathBuf],
) -> anyhow::Result<Result<Vec<Checkpoint>, String>> {
    let mut held = Vec::new();
    for file in files {
        let name = file.display();
        let note = std::fs::read_to_string(file)
            .with_context(|| format!("read the checkpoint `{name}`"))?;
        match crate::audit::open_note(header, key, note) {
            Ok(checkpoint) => held.push(checkpoint),
            Err(broken) => return Ok(Err(format!("the checkpoint `{name}`: {broken}"))),
        }
    }
    Ok(Ok(held))
}

/// Runs what asks a server.
pub(super) async fn run(
    api: &Api,
    command: &AuditCommand,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        AuditCommand::Show { request } => {
            let answer = api.get(&format!("audit/requests/{}", segment(request)?)).await?;
            show(&answer, output);
            Ok(exit::OK)
        }
        AuditCommand::Repeats { request } => {
            let answer = api.get(&format!("audit/requests/{}/repeats", segment(request)?)).await?;
            output.value(&answer);
            Ok(exit::OK)
        }
        AuditCommand::Export { out } => {
            let bytes = export(api, out).await?;
            if output.is_json() {
                output.value(&json!({ "file": out, "bytes": bytes }));
            } else {
                output.line(&format!("saved {} ({bytes} bytes); verify it with", out.display()));
                output.line(&format!("  leadbroker audit verify {}", out.display()));
            }
            Ok(exit::OK)
        }
        AuditCommand::Verify { file, key, checkpoints } => {
            verify(file, key.as_deref(), checkpoints, output)
        }
    }
}

fn show(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let rows: Vec<Vec<String>> = answer
        .get("entries")
        .and_then(Value::as_array)
        .map(|entries| entries.iter().map(row).collect())
        .unwrap_or_default();
    output.table(&["at", "who", "what", "why", "clauses"], &rows);
}

/// When, who, what, why, under which clauses.
fn row(entry: &Value) -> Vec<String> {
    let event = entry.get("event").unwrap_or(&Value::Null);
    let who = event.get("actor").map_or_else(|| "-".to_owned(), actor);
    let gate = [shown(event, "gate"), shown(event, "verdict")];
    let mut why: Vec<String> = gate.into_iter().filter(|text| text != "-").collect();
    for (name, value) in event.get("detail").and_then(Value::as_object).into_iter().flatten() {
        why.push(format!("{name}={}", value.as_str().unwrap_or_default()));
    }
    let clauses: Vec<&str> = event
        .get("clauses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    vec![shown(event, "at"), who, shown(event, "action"), why.join(" "), clauses.join(" ")]
}

fn actor(actor: &Value) -> String {
    let name = ["account", "ori", "stage", "command"].iter().find_map(|member| actor.get(member));
    format!("{} {}", shown(actor, "kind"), name.and_then(Value::as_str).unwrap_or_default())
}

/// Writes beside the target first: an export that broke off must not look like one.
async fn export(api: &Api, out: &Path) -> anyhow::Result<u64> {
    let mut answer = api.send(api.call(Method::GET, "audit/export")).await?;
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let told = || format!("write `{}`", part.display());
    let mut file = std::fs::File::create(part).with_context(told)?;
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await.map_err(|error| api.fault(&error))? {
        file.write_all(&chunk).with_context(told)?;
        bytes += u64::try_from(chunk.len()).unwrap_or(0);
    }
    file.sync_all().with_context(told)?;
    std::fs::rename(part, out).with_context(|| format!("write `{}`", out.display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_who_saw_what_and_under_which_clause() {
        let entry = json!({ "seq": 4, "event": {
            "at": "2024-05-03T16:02:12Z", "actor": { "kind": "person", "account": "p-1" },
            "action": "probe.read", "gate": null, "verdict": null,
            "clauses": ["LACRIS-AUD-2", "LACRIS-ACC-1"], "detail": { "probe": "0" }
        }});
        assert_eq!(
            row(&entry),
            [
                "2024-05-03T16:02:12Z",
                "person p-1",
                "probe.read",
                "probe=0",
                "LACRIS-AUD-2 LACRIS-ACC-1"
            ]
        );
    }
}
