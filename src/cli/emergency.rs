//! `leadbroker emergency` and `leadbroker suspensions`: what an imminent threat owes, and who may send no forms.

use serde_json::{Value, json};

use super::Output;
use super::args::{EmergencyCommand, SuspensionCommand};
use super::client::{Api, rows, segment, shown};

/// Runs `emergency`.
pub(super) async fn run(
    api: &Api,
    command: &EmergencyCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        EmergencyCommand::List => {
            let answer = api.get("emergencies").await?;
            if output.is_json() {
                output.value(&answer);
                return Ok(());
            }
            let members = ["request", "duty", "due_at", "overdue", "outcome"];
            let rows = rows(answer.get("items"), &members);
            if rows.is_empty() {
                output.line("no emergency owes anything");
            } else {
                output.table(&["request", "duty", "due", "overdue", "last attempt"], &rows);
            }
        }
        EmergencyCommand::Show { request } => {
            let answer = api.get(&format!("emergencies/{}", segment(request)?)).await?;
            sheet(&answer, output);
        }
        EmergencyCommand::CallBack { request, outcome, spoke_to_name, note } => {
            let path = format!("emergencies/{}/call-back", segment(request)?);
            let outcome = outcome.replace('-', "_");
            let body = json!({ "outcome": outcome, "spoke_to_name": spoke_to_name, "note": note });
            let answer = api.post(&path, Some(&body)).await?;
            output.step(&answer, &["request", "emergency"]);
        }
    }
    Ok(())
}

/// Whom to call about what.
fn sheet(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let members =
        ["request", "state", "agency", "agency_name", "requester", "case_number", "received_at"];
    output.members(answer, &members);
    let number = answer.get("call_back").and_then(Value::as_str);
    output.line(&match number {
        Some(number) => format!("call {number}, the number in the registry, and no other"),
        None => {
            "the registry has no number of this agency: have it verified and imported".to_owned()
        }
    });
    let duties = rows(answer.get("duties"), &["duty", "due_at", "overdue", "outcome", "done_at"]);
    output.table(&["duty", "due", "overdue", "outcome", "done"], &duties);
    let members = ["at", "account", "outcome", "spoke_to_name", "note"];
    let attempts = rows(answer.get("attempts"), &members);
    output.table(&["call at", "by", "outcome", "spoke to", "note"], &attempts);
}

/// Runs `suspensions`.
pub(super) async fn suspensions(
    api: &Api,
    command: &SuspensionCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        SuspensionCommand::List => {
            let answer = api.get("suspensions").await?;
            if output.is_json() {
                output.value(&answer);
                return Ok(());
            }
            let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            if items.is_empty() {
                output.line("nobody was suspended");
            }
            for item in items {
                let requester = item.get("requester").cloned().unwrap_or_default();
                output.line(&format!(
                    "{}  {}  {} <{}>  {} since {}  request {}  lifted {}",
                    shown(&item, "suspension"),
                    shown(&item, "agency"),
                    shown(&requester, "name"),
                    shown(&requester, "email"),
                    shown(&item, "cause"),
                    shown(&item, "since"),
                    shown(&item, "request"),
                    shown(&item, "lifted_at")
                ));
            }
        }
        SuspensionCommand::Lift { suspension, reason } => {
            let path = format!("suspensions/{}/lift", segment(suspension)?);
            let answer = api.post(&path, Some(&json!({ "reason": reason }))).await?;
            output.step(&answer, &["suspension", "state"]);
        }
    }
    Ok(())
}
