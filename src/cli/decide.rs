//! `leadbroker holds`, `dead-letters`, `disclose`, `destroy` and `legal-hold`: what a named human decides.

use serde_json::{Value, json};

use super::Output;
use super::agency::findings;
use super::args::{DeadLetterCommand, DiscloseArgs, HoldCommand, LegalHoldCommand};
use super::client::{Api, rows, segment, shown};
use super::people::case_file;

/// Runs `holds`.
pub(super) async fn holds(
    api: &Api,
    command: &HoldCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        HoldCommand::List => {
            let answer = api.get("holds").await?;
            held(&answer, output);
        }
        HoldCommand::Show { request } => {
            let answer = api.get(&format!("holds/{}", segment(request)?)).await?;
            case_file(&answer, output);
            if !output.is_json() {
                decision_rests_on(&answer, output);
            }
        }
        HoldCommand::Decide { request, allow, refuse: _, reason, clause } => {
            let path = format!("holds/{}/decide", segment(request)?);
            let body = json!({ "allow": allow, "reason": reason, "clause": clause });
            let answer = api.post(&path, Some(&body)).await?;
            output.step(&answer, &["request", "state"]);
        }
    }
    Ok(())
}

fn held(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let items =
        answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return output.line("nothing waits for your decision");
    }
    for item in items {
        let late = item.get("overdue").and_then(Value::as_bool).unwrap_or_default();
        output.line(&format!(
            "{}  {}  {}  {}  {} {}",
            shown(item, "request"),
            shown(item, "agency"),
            shown(item, "lane"),
            shown(item, "role"),
            if late { "OVERDUE, now until" } else { "until" },
            shown(item, "deadline_at")
        ));
        findings(item, output);
    }
}

/// What a person reads before the decision: each clause, what follows, what was decided before.
fn decision_rests_on(answer: &Value, output: &mut Output) {
    let list =
        |member: &str| answer.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    for reason in list("reasons") {
        output.line(&format!("\n{}: {}", shown(&reason, "clause"), shown(&reason, "clause_text")));
        output.line(&format!("  {} ({})", shown(&reason, "message"), shown(&reason, "field")));
        output.line(&format!("  {}", shown(&reason, "remedy")));
    }
    output.line(&format!("\nallow:  {}", shown(answer, "if_allowed")));
    output.line(&format!("refuse: {}", shown(answer, "if_refused")));
    for before in list("decided_before") {
        let allowed = before.get("allow").and_then(Value::as_bool).unwrap_or_default();
        output.line(&format!(
            "decided before: {} by {} under {}: {}",
            if allowed { "allowed" } else { "refused" },
            shown(&before, "account"),
            shown(&before, "clause"),
            shown(&before, "reason")
        ));
    }
}

/// Runs `dead-letters`.
pub(super) async fn dead_letters(
    api: &Api,
    command: &DeadLetterCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        DeadLetterCommand::List => {
            let answer = api.get("dead-letters").await?;
            if output.is_json() {
                output.value(&answer);
                return Ok(());
            }
            let members = ["message", "queue", "request", "attempts", "reason", "created_at"];
            let rows = rows(answer.get("items"), &members);
            if rows.is_empty() {
                output.line("no message has given up");
            } else {
                output
                    .table(&["message", "queue", "request", "attempts", "reason", "since"], &rows);
            }
        }
        DeadLetterCommand::Show { message } => {
            let answer = api.get(&format!("dead-letters/{}", segment(message)?)).await?;
            output.value(&answer);
        }
        DeadLetterCommand::Replay { message } => {
            let answer =
                api.post(&format!("dead-letters/{}/replay", segment(message)?), None).await?;
            output.step(&answer, &["message", "state"]);
        }
        DeadLetterCommand::Drop { message, reason } => {
            let path = format!("dead-letters/{}/drop", segment(message)?);
            let answer = api.post(&path, Some(&json!({ "reason": reason }))).await?;
            output.step(&answer, &["message", "state"]);
        }
    }
    Ok(())
}

/// Runs `disclose`.
pub(super) async fn disclose(
    api: &Api,
    args: &DiscloseArgs,
    output: &mut Output,
) -> anyhow::Result<()> {
    let body = json!({
        "recipient_ori": args.recipient_ori,
        "recipient_email": args.recipient_email,
        "purpose": args.purpose,
        "right_to_know": args.right_to_know,
        "need_to_know": args.need_to_know,
    });
    let path = format!("jobs/{}/disclose", segment(&args.request)?);
    output.step(&api.post(&path, Some(&body)).await?, &["request", "mailing"]);
    Ok(())
}

/// Runs `disseminations`.
pub(super) async fn disseminations(
    api: &Api,
    request: &str,
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = api.get(&format!("jobs/{}/disseminations", segment(request)?)).await?;
    if output.is_json() {
        output.value(&answer);
        return Ok(());
    }
    let members = [
        "at",
        "by",
        "recipient_ori",
        "recipient_email",
        "purpose",
        "right_to_know",
        "need_to_know",
        "status",
    ];
    let rows = rows(answer.get("items"), &members);
    if rows.is_empty() {
        output.line("the answer was passed on to nobody");
    } else {
        output
            .table(&["at", "by", "agency", "recipient", "purpose", "right", "need", "mail"], &rows);
    }
    Ok(())
}

/// Runs `destroy`: shows the certificate.
pub(super) async fn destroy(
    api: &Api,
    request: &str,
    (reason, clause): (&str, &str),
    output: &mut Output,
) -> anyhow::Result<()> {
    let body = json!({ "reason": reason, "clause": clause });
    let answer = api.post(&format!("jobs/{}/destroy", segment(request)?), Some(&body)).await?;
    let members =
        ["request", "at", "clause", "records", "probes", "files", "key_sha256", "form_sha256"];
    output.step(&answer, &members);
    Ok(())
}

/// Runs `legal-hold`.
pub(super) async fn legal_hold(
    api: &Api,
    command: &LegalHoldCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    let (request, reason, held) = match command {
        LegalHoldCommand::Set { request, reason } => (request, reason, true),
        LegalHoldCommand::Lift { request, reason } => (request, reason, false),
    };
    let body = json!({ "held": held, "reason": reason });
    let answer = api.post(&format!("jobs/{}/legal-hold", segment(request)?), Some(&body)).await?;
    output.step(&answer, &["request", "held"]);
    Ok(())
}
