//! `leadbroker pages`: who was told that a job waits, and that somebody has seen it.

use serde_json::Value;

use super::Output;
use super::args::PageCommand;
use super::client::{Api, rows, segment};

/// Runs the command.
pub(super) async fn run(
    api: &Api,
    command: &PageCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        PageCommand::List { all } => {
            let path = if *all { "pages?all=true" } else { "pages" };
            list(&api.get(path).await?, output);
        }
        PageCommand::Show { page } => {
            show(&api.get(&format!("pages/{}", segment(page)?)).await?, output);
        }
        PageCommand::Ack { page } => {
            let path = format!("pages/{}/acknowledgement", segment(page)?);
            output.step(&api.post(&path, None).await?, &["page", "state", "next_at"]);
        }
    }
    Ok(())
}

fn list(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let members = ["page", "request", "lane", "cause", "state", "opened_at"];
    let rows = rows(answer.get("items"), &members);
    if rows.is_empty() {
        return output.line("nobody is being paged");
    }
    output.table(&["page", "request", "lane", "cause", "state", "since"], &rows);
}

fn show(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let members = [
        "page",
        "request",
        "unit",
        "lane",
        "cause",
        "state",
        "opened_at",
        "next_at",
        "acknowledged_by",
        "acknowledged_at",
    ];
    output.members(answer, &members);
    let columns = ["step", "kind", "target", "status", "tries", "code", "updated_at"];
    output.table(&columns, &rows(answer.get("attempts"), &columns));
}
