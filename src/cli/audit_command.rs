//! `leadbroker audit`: who saw what, and the log verified from a file alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::args::AuditCommand;
use super::client::{Api, segment, shown};
use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::audit::{Actor, AuditEntry, AuditEvent, Checkpoint};
use crate::domain::RequestId;
use crate::pipeline::{PipelineError, people};
use crate::store::Change;

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
                "sound: {} of {}, root {}",
                verified.counts(),
                verified.origin,
                verified.root
            ));
            if !held.is_empty() {
                output
                    .line(&format!("it contains every checkpoint that you hold ({})", held.len()));
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
        AuditCommand::Repeats { request: Some(request), .. } => {
            let answer = api.get(&format!("audit/requests/{}/repeats", segment(request)?)).await?;
            output.value(&answer);
            Ok(exit::OK)
        }
        AuditCommand::Repeats { request: None, unit, since, limit, cursor } => {
            let unit = unit.as_deref().unwrap_or_default();
            let since = since.map(|day| format!("since={day}T00:00:00Z"));
            let limit = limit.map(|limit| format!("limit={limit}"));
            let cursor = cursor.as_deref().map(segment).transpose()?;
            let cursor = cursor.map(|cursor| format!("cursor={cursor}"));
            let query: Vec<String> = [since, limit, cursor].into_iter().flatten().collect();
            let path = format!("audit/units/{}/repeats?{}", segment(unit)?, query.join("&"));
            repeating(&api.get(&path).await?, output);
            Ok(exit::OK)
        }
        AuditCommand::Who { request, local: _ } => {
            let answer = api.get(&format!("audit/requests/{}", segment(request)?)).await?;
            who(request, &answer, output);
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

/// A unit's requests that repeat an earlier one: a line for each of these.
fn repeating(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let mut rows = Vec::new();
    for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
        for earlier in item.get("repeats").and_then(Value::as_array).into_iter().flatten() {
            rows.push(repeated(item, earlier));
        }
    }
    output.table(
        &["request", "received", "agency", "repeats", "of unit", "shares", "outcome"],
        &rows,
    );
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        output.line(&format!("more: --cursor {next}"));
    }
}

fn repeated(item: &Value, earlier: &Value) -> Vec<String> {
    let shares = [
        ("same_probe", "same file"),
        ("similar_probe", "looks like the same picture"),
        ("same_case", "same case"),
        ("elsewhere_after_no_match", "asked elsewhere after no match"),
    ];
    let has = |member: &str| earlier.get(member).and_then(Value::as_bool) == Some(true);
    let shares: Vec<&str> =
        shares.into_iter().filter(|(member, _)| has(member)).map(|(_, text)| text).collect();
    vec![
        shown(item, "request"),
        shown(item, "received_at"),
        shown(item, "agency"),
        shown(earlier, "request"),
        shown(earlier, "unit"),
        shares.join(", "),
        shown(earlier, "outcome"),
    ]
}

fn show(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let logins = Logins(answer.get("logins").unwrap_or(&Value::Null));
    let rows: Vec<Vec<String>> = answer
        .get("entries")
        .and_then(Value::as_array)
        .map(|entries| entries.iter().map(|entry| row(entry, logins)).collect())
        .unwrap_or_default();
    output.table(&["at", "who", "what", "why", "clauses"], &rows);
}

/// Readings beside those that the gate `read` decided: an explanation, one's own text, a requester's name, an operator's own.
const READINGS: [&str; 4] =
    ["search_request.explained", "draft.read", "suspensions.read", "audit.read_locally"];

/// Who read what of the request, from its audit entries.
fn who(request: &str, answer: &Value, output: &mut Output) {
    let event = |entry: &Value, member: &str| {
        entry.pointer(&format!("/event/{member}")).and_then(Value::as_str).map(str::to_owned)
    };
    let entries = answer.get("entries").and_then(Value::as_array);
    let reads = entries.into_iter().flatten().filter(|entry| {
        event(entry, "gate").as_deref() == Some("read")
            || event(entry, "action").is_some_and(|action| READINGS.contains(&action.as_str()))
    });
    let reads: Vec<&Value> = reads.collect();
    let logins = answer.get("logins").unwrap_or(&Value::Null);
    if output.is_json() {
        return output.value(&json!({ "request": request, "reads": reads, "logins": logins }));
    }
    if reads.is_empty() {
        return output.line("nobody has read anything of this request");
    }
    let logins = Logins(logins);
    let rows: Vec<Vec<String>> = reads.iter().map(|entry| reading(entry, logins)).collect();
    output.table(&["at", "who", "what", "why", "decision", "clauses"], &rows);
}

/// When, who, what, for which step, what the gate decided, under which clauses.
fn reading(entry: &Value, logins: Logins<'_>) -> Vec<String> {
    let event = entry.get("event").unwrap_or(&Value::Null);
    let detail = |name: &str| event.pointer(&format!("/detail/{name}")).and_then(Value::as_str);
    let what = [Some(shown(event, "action")), detail("what").map(str::to_owned)];
    let which = detail("which").map(str::to_owned);
    let what: Vec<String> = what.into_iter().flatten().chain(which).collect();
    let clauses = row(entry, logins).pop().unwrap_or_default();
    let who = event.get("actor").map_or_else(String::new, |one| actor(one, logins));
    let at = shown(event, "at");
    let why = detail("purpose").unwrap_or("-").to_owned();
    vec![at, who, what.join(" "), why, shown(event, "verdict"), clauses]
}

/// The same from the server's own database, by its operator; recorded before it is shown.
pub(super) async fn who_locally(
    request: &str,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let id: RequestId = request.parse().context("read the request's id: expected `r-…`")?;
    let ctx = app::context(&loaded(config)?.config).await?;
    let told = async {
        let Some(row) = ctx.store.request(id).await? else {
            return Ok::<_, PipelineError>(None);
        };
        let actor = Actor::Operator { command: "audit who".to_owned() };
        let event = AuditEvent::new(ctx.now(), actor, "audit.read_locally")
            .request(row.id)
            .unit(&row.unit)
            .clause("LACRIS-AUD-2");
        let _ = ctx.store.apply(Change::audited(vec![event])).await?;
        Ok(Some((ctx.store.audit_of(row.id).await?, ctx.registry().await?)))
    }
    .await;
    ctx.store.close().await;
    let Some((bodies, registry)) = told? else {
        output.error("request_unknown", &format!("there is no request `{request}`"));
        return Ok(exit::DATA);
    };
    let entries: Result<Vec<AuditEntry>, _> =
        bodies.iter().map(|body| serde_json::from_str(body)).collect();
    let entries = entries.context("read an audit entry")?;
    let logins = people::logins(&registry, &entries);
    who(request, &json!({ "entries": entries, "logins": logins }), output);
    Ok(exit::OK)
}

/// When, who, what, why, under which clauses.
fn row(entry: &Value, logins: Logins<'_>) -> Vec<String> {
    let event = entry.get("event").unwrap_or(&Value::Null);
    let who = event.get("actor").map_or_else(|| "-".to_owned(), |one| actor(one, logins));
    let gate = [shown(event, "gate"), shown(event, "verdict")];
    let mut why: Vec<String> = gate.into_iter().filter(|text| text != "-").collect();
    for (name, value) in event.get("detail").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        why.push(format!("{}={}", logins.beside(name), logins.beside(value)));
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

fn actor(actor: &Value, logins: Logins<'_>) -> String {
    let name = ["account", "ori", "stage", "command"].iter().find_map(|member| actor.get(member));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", shown(actor, "kind"), logins.beside(name))
}

/// The login names that the registry has today, by the ids of accounts.
#[derive(Clone, Copy)]
struct Logins<'a>(&'a Value);

impl Logins<'_> {
    /// The text, with the login name beside it where it is, or ends in, the id of an account that the registry knows.
    fn beside(self, text: &str) -> String {
        let id = text.rsplit('.').next().unwrap_or(text);
        match self.0.get(id).and_then(Value::as_str) {
            Some(login) => format!("{text} ({login})"),
            None => text.to_owned(),
        }
    }
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
    fn a_repeat_says_what_it_shares_and_nothing_of_a_face() {
        let item = json!({ "request": "r-2", "received_at": "2024-05-03T16:02:12Z", "agency": "CA0194200" });
        let earlier = json!({
            "request": null, "unit": "oxnard", "same_probe": false, "similar_probe": true,
            "same_case": true, "elsewhere_after_no_match": true, "outcome": "no_match",
        });
        let row = repeated(&item, &earlier);
        assert_eq!(row[3..5], ["-", "oxnard"]);
        assert_eq!(
            row[5],
            "looks like the same picture, same case, asked elsewhere after no match"
        );
    }

    #[test]
    fn a_row_tells_who_saw_what_and_under_which_clause() {
        let entry = json!({ "seq": 4, "event": {
            "at": "2024-05-03T16:02:12Z", "actor": { "kind": "person", "account": "p-1" },
            "action": "probe.read", "gate": null, "verdict": null,
            "clauses": ["LACRIS-AUD-2", "LACRIS-ACC-1"],
            "detail": { "by": "p-3", "excluded.p-2": "examined_before", "probe": "0", "to": "p-2" }
        }});
        let known = json!({ "p-1": "rivera", "p-2": "okafor" });
        assert_eq!(
            row(&entry, Logins(&known)),
            [
                "2024-05-03T16:02:12Z",
                "person p-1 (rivera)",
                "probe.read",
                "by=p-3 excluded.p-2 (okafor)=examined_before probe=0 to=p-2 (okafor)",
                "LACRIS-AUD-2 LACRIS-ACC-1"
            ]
        );
        assert_eq!(row(&entry, Logins(&Value::Null))[1], "person p-1");
    }
}
