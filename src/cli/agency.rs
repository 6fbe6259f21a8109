//! What an agency asks a running server.

use serde_json::{Value, json};

use super::args::AgencyCommand;
use super::client::{Api, finding_text, rows, segment, shown};
use super::{Output, exit, submit};
use crate::domain::Finding;

/// Runs the command.
pub(super) async fn run(
    api: &Api,
    command: &AgencyCommand,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match command {
        AgencyCommand::Submit(args) => return submit::run(api, args, output).await,
        AgencyCommand::Status { request } => status(api, request, output).await?,
        AgencyCommand::List { limit, cursor } => {
            list(api, *limit, cursor.as_deref(), output).await?;
        }
        AgencyCommand::Events { request } => events(api, request, output).await?,
        AgencyCommand::Withdraw { request, reason } => {
            let path = format!("search-requests/{}/withdraw", segment(request)?);
            let answer = api.post(&path, Some(&json!({ "reason": reason }))).await?;
            output.step(&answer, &["request", "state"]);
        }
        AgencyCommand::ConfirmEmergency { request, name, title, statement } => {
            let path = format!("search-requests/{}/emergency-confirmation", segment(request)?);
            let body = json!({ "name": name, "title": title, "statement": statement });
            let answer = api.post(&path, Some(&body)).await?;
            output.step(&answer, &["request", "emergency"]);
        }
        AgencyCommand::Form { unit } => form(api, unit, output).await?,
    }
    Ok(exit::OK)
}

async fn status(api: &Api, request: &str, output: &mut Output) -> anyhow::Result<()> {
    let answer = api.get(&format!("search-requests/{}", segment(request)?)).await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(());
    }
    let members =
        ["request", "unit", "case_number", "state", "outcome", "deadline_at", "supersedes"];
    output.members(&answer, &members);
    if let Some(reason) = answer.pointer("/waiting/reason").and_then(Value::as_str) {
        let until = answer.pointer("/waiting/until").and_then(Value::as_str);
        let until = until.map_or_else(String::new, |until| format!(" until {until}"));
        output.line(&format!("{:<22}{reason}{until}: no reviewer is asked yet", "waiting"));
    }
    if let Some(why) = answer.pointer("/service/why").and_then(Value::as_str) {
        output.line(&format!("{:<22}{why}", "answer"));
    }
    output.table(&["at", "state"], &rows(answer.get("timeline"), &["at", "state"]));
    findings(&answer, output);
    if answer.get("outcome").and_then(Value::as_str) == Some("lead") {
        output.line("a lead is an investigative lead and nothing more: no cause to arrest anybody");
    }
    Ok(())
}

/// The findings of a document, for people.
pub(super) fn findings(answer: &Value, output: &mut Output) {
    let found = answer.get("findings").cloned().unwrap_or_default();
    let found: Vec<Finding> = serde_json::from_value(found).unwrap_or_default();
    for finding in &found {
        output.line(&finding_text(finding));
    }
}

async fn list(
    api: &Api,
    limit: u16,
    cursor: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut call =
        api.call(reqwest::Method::GET, "search-requests").query(&[("limit", limit.to_string())]);
    if let Some(cursor) = cursor {
        call = call.query(&[("cursor", cursor)]);
    }
    let answer = api.json(call).await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(());
    }
    let members = ["request", "unit", "state", "outcome", "case_number", "updated_at"];
    output.table(&members.map(heading), &rows(answer.get("items"), &members));
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        output.line(&format!("there are more: `leadbroker list --cursor {next}`"));
    }
    Ok(())
}

fn heading(member: &str) -> &str {
    match member {
        "case_number" => "case",
        "updated_at" => "since",
        other => other,
    }
}

async fn events(api: &Api, request: &str, output: &mut Output) -> anyhow::Result<()> {
    let answer = api.get(&format!("search-requests/{}/events", segment(request)?)).await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(());
    }
    let events: Vec<Vec<String>> =
        answer.as_array().map(|events| events.iter().map(event).collect()).unwrap_or_default();
    output.table(&["time", "event", "outcome", "id"], &events);
    Ok(())
}

fn event(event: &Value) -> Vec<String> {
    let kind = shown(event, "type");
    let name = kind.rsplit('.').nth(1).unwrap_or(&kind).to_owned();
    let outcome = event.get("data").map_or_else(|| "-".to_owned(), |data| shown(data, "outcome"));
    vec![shown(event, "time"), name, outcome, shown(event, "id")]
}

async fn form(api: &Api, unit: &str, output: &mut Output) -> anyhow::Result<()> {
    let answer = api.get(&format!("units/{}/form", segment(unit)?)).await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(());
    }
    output.members(&answer, &["unit", "name", "repositories", "source_kinds", "limits"]);
    output.line("\nthe requester must read and affirm each of these; copy statement and hash into `affirmations`:");
    for statement in answer.get("statements").and_then(Value::as_array).into_iter().flatten() {
        output.line(&format!(
            "\n{}  {}",
            shown(statement, "statement"),
            shown(statement, "text_sha256")
        ));
        output.line(&shown(statement, "text"));
    }
    Ok(())
}
