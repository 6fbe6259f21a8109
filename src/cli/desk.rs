//! A reviewer's desk: the queue, claims, drafts.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::Output;
use super::args::{DraftCommand, GiveBackArgs};
use super::client::{Api, CallError, rows, segment, shown};
use super::keys::write_secret;
use crate::clock::{Clock as _, SystemClock};

/// Between two looks at the worklist.
const WATCH: Duration = Duration::from_secs(2);

/// Which part of the worklist.
pub(super) struct Look<'a> {
    pub(super) lane: Option<&'a str>,
    pub(super) limit: u8,
    pub(super) cursor: Option<&'a str>,
}

/// Shows the worklist; with `watch` until Ctrl-C. On a terminal the waiting times move, elsewhere a change is told.
pub(super) async fn queue(
    api: &Api,
    look: &Look<'_>,
    watch: bool,
    output: &mut Output,
) -> anyhow::Result<()> {
    if !watch {
        return looks(api, look, watch, output).await;
    }
    // One listener from the first look on: a Ctrl-C during a call counts as well.
    let mut interrupts = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    tokio::select! {
        ended = looks(api, look, watch, output) => ended,
        _ = interrupts.recv() => Ok(()),
    }
}

async fn looks(api: &Api, look: &Look<'_>, watch: bool, output: &mut Output) -> anyhow::Result<()> {
    let mut known: Option<(String, Value)> = None;
    loop {
        let tag = known.as_ref().map(|(tag, _)| tag.as_str());
        let (changed, away) = match api.unless_same(call(api, look), tag).await {
            Ok(Some(new)) => {
                known = Some(new);
                (true, None)
            }
            Ok(None) => (false, None),
            // Who watches has seen the server before; it comes back.
            Err(error @ CallError::Away { .. }) if watch && known.is_some() => (false, Some(error)),
            Err(error) => return Err(error.into()),
        };
        if let Some((_, answer)) = &known
            && (changed || (watch && output.is_screen()))
        {
            show(answer, away.as_ref(), watch, output);
        }
        if !watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH).await;
    }
}

fn call(api: &Api, look: &Look<'_>) -> reqwest::RequestBuilder {
    let mut call = api.call(Method::GET, "jobs").query(&[("limit", look.limit)]);
    if let Some(lane) = look.lane {
        call = call.query(&[("lane", lane)]);
    }
    if let Some(cursor) = look.cursor {
        call = call.query(&[("cursor", cursor)]);
    }
    call
}

fn show(answer: &Value, away: Option<&CallError>, watch: bool, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    if watch && output.is_screen() {
        output.clear();
    }
    jobs(answer, SystemClock.now(), output);
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        output.line(&format!("more: leadbroker queue --cursor {next}"));
    }
    if let Some(error) = away {
        output.line(&format!("not up to date: {error}"));
    }
    if watch && output.is_screen() {
        output.line("Ctrl-C ends");
    }
}

/// The jobs as a table, in the order in which they are served.
fn jobs(answer: &Value, now: DateTime<Utc>, output: &mut Output) {
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<Vec<String>> = items
        .map(|job| {
            let mut row: Vec<String> = ["request", "lane", "state", "agency"]
                .iter()
                .map(|name| shown(job, name))
                .collect();
            row.push(since(job, "received_at", now));
            row.push(shown(job, "deadline_at"));
            row.push(shown(job, "service_due_at"));
            row
        })
        .collect();
    if rows.is_empty() {
        return output.line("nothing waits for you");
    }
    output.table(&["request", "lane", "state", "agency", "waits", "due", "answer due"], &rows);
}

fn since(job: &Value, member: &str, now: DateTime<Utc>) -> String {
    let at = job.get(member).and_then(Value::as_str).and_then(|text| text.parse().ok());
    at.map_or_else(|| "-".to_owned(), |at: DateTime<Utc>| spoken(now - at))
}

/// A time as a person reads it at a glance.
fn spoken(time: TimeDelta) -> String {
    let minutes = time.num_minutes().max(0);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Takes a job, and says what its holder wrote on it before.
pub(super) async fn claim(api: &Api, request: &str, output: &mut Output) -> anyhow::Result<()> {
    let answer = api.post(&format!("jobs/{}/claim", segment(request)?), None).await?;
    output.step(&answer, &["token", "until", "stage"]);
    if !output.is_json() {
        for draft in rows(answer.get("drafts"), &["draft", "written_at"]) {
            output.line(&format!("your draft  {}", draft.join("  of ")));
        }
    }
    Ok(())
}

/// Gives a job back.
pub(super) async fn give_back(
    api: &Api,
    args: &GiveBackArgs,
    output: &mut Output,
) -> anyhow::Result<()> {
    let path = format!("jobs/{}/give-back", segment(&args.request)?);
    let body = json!({ "token": args.token, "reason": args.reason, "text": args.text });
    let answer = api.post(&path, Some(&body)).await?;
    output.step(&answer, &["request"]);
    Ok(())
}

/// Drafts.
pub(super) async fn drafts(
    api: &Api,
    command: &DraftCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        DraftCommand::List => {
            let answer = api.get("drafts").await?;
            let list = rows(answer.get("items"), &["draft", "request", "written_at"]);
            if output.is_json() {
                output.value(&answer);
            } else if list.is_empty() {
                output.line("you have no drafts");
            } else {
                output.table(&["draft", "request", "kept"], &list);
            }
        }
        DraftCommand::Show { draft, out } => {
            let answer = api.get(&format!("drafts/{}", segment(draft)?)).await?;
            let Some(file) = out else {
                output.value(&answer);
                return Ok(());
            };
            let text = answer.get("examination").context("read the draft's examination")?;
            write_secret(file, &serde_json::to_vec_pretty(text)?)?;
            output.step(&answer, &["draft", "request"]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_time_is_read_at_a_glance() {
        let cases =
            [(0, "0 min"), (59, "59 min"), (61, "1 h 01 min"), (1500, "1 d 1 h"), (-5, "0 min")];
        for (minutes, wanted) in cases {
            assert_eq!(spoken(TimeDelta::minutes(minutes)), wanted);
        }
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        assert_eq!(since(&json!({ "at": "1970-01-01T00:30:00Z" }), "at", now), "1 h 30 min");
        assert_eq!(since(&json!({}), "at", now), "-");
    }
}
