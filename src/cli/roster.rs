//! `leadbroker roster`: who is on duty, and the drafts that change it.

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use chrono_tz::Tz;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::args::{
    AddCommand, HolidayArgs, OverrideArgs, PlaceArgs, RosterArgs, RosterCommand, RotationArgs,
    ShiftArgs,
};
use super::client::{Api, rows, segment, shown};
use super::{Output, exit};

/// Runs the command.
pub(super) async fn run(api: &Api, args: &RosterArgs, output: &mut Output) -> anyhow::Result<u8> {
    let root = format!("units/{}/roster", segment(&args.unit)?);
    match &args.command {
        RosterCommand::Who { lane, at, known_at } => {
            let query = query(&[("at", *at), ("known_at", *known_at)], &[("lane", Some(lane))])?;
            let answer = api.get(&format!("{root}/who{query}")).await?;
            who(&answer, output);
        }
        RosterCommand::Show { lane, from, to, zone } => {
            let query = query(&[("from", *from), ("to", *to)], &[("lane", lane.as_ref())])?;
            let answer = api.get(&format!("{root}{query}")).await?;
            week(&answer, *zone, output);
        }
        RosterCommand::List => list(&api.get(&format!("{root}/entries")).await?, output),
        RosterCommand::Gaps { from, to } => {
            let query = query(&[("from", *from), ("to", *to)], &[])?;
            gaps(&api.get(&format!("{root}/gaps{query}")).await?, output);
        }
        RosterCommand::Add(command) => {
            let (entry, reason) = drafted(command)?;
            let body = json!({ "entries": [entry], "reason": reason });
            let answer = api.post(&format!("{root}/entries"), Some(&body)).await?;
            told(&answer, output);
        }
        RosterCommand::Retract { entry, reason, from } => {
            let body = json!({ "reason": reason, "from": from.map(|at| at.trunc_subsecs(0)) });
            let path = format!("{root}/entries/{}/retract", segment(entry)?);
            told(&api.post(&path, Some(&body)).await?, output);
        }
        RosterCommand::Publish { accept_gaps } => {
            let body = json!({ "accept_gaps": accept_gaps });
            let answer = api.post(&format!("{root}/publish"), Some(&body)).await?;
            published(&answer, output);
        }
        RosterCommand::Export { ics: _, from, to, person } => {
            let query = query(&[("from", *from), ("to", *to)], &[("person", person.as_ref())])?;
            let path = format!("{root}/calendar{query}");
            let answer = api.send(api.call(Method::GET, &path)).await?;
            let text = answer.text().await.map_err(|error| api.fault(&error))?;
            output.text(&text);
        }
        RosterCommand::Import { file, reason } => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("read the calendar `{}`", file.display()))?;
            let body = json!({ "calendar": text, "reason": reason });
            told(&api.post(&format!("{root}/import"), Some(&body)).await?, output);
        }
    }
    Ok(exit::OK)
}

/// A query whose values need no encoding.
fn query(
    times: &[(&str, Option<DateTime<Utc>>)],
    words: &[(&str, Option<&String>)],
) -> anyhow::Result<String> {
    let mut parts = Vec::new();
    for (name, at) in times {
        if let Some(at) = at {
            parts.push(format!("{name}={}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
        }
    }
    for (name, word) in words {
        if let Some(word) = word {
            parts.push(format!("{name}={}", segment(word)?));
        }
    }
    let start = if parts.is_empty() { "" } else { "?" };
    Ok(format!("{start}{}", parts.join("&")))
}

/// A rule as the API takes it, and its reason.
fn drafted(command: &AddCommand) -> anyhow::Result<(Value, Option<&String>)> {
    Ok(match command {
        AddCommand::Rotation(args) => (
            from_file(args.file.as_deref(), "rotation", || rotation(args))?,
            args.place.reason.as_ref(),
        ),
        AddCommand::Shift(args) => {
            (from_file(args.file.as_deref(), "shift", || shift(args))?, args.place.reason.as_ref())
        }
        AddCommand::Override(args) => (
            from_file(args.file.as_deref(), "override", || over(args))?,
            args.place.reason.as_ref(),
        ),
        AddCommand::Holiday(args) => {
            (from_file(args.file.as_deref(), "holiday", || holiday(args))?, args.reason.as_ref())
        }
        AddCommand::Temporary { file, reason } => {
            (from_file(Some(file), "temporary", || Value::Null)?, reason.as_ref())
        }
    })
}

/// The file's object, or what the options say; the kind need not be written.
fn from_file(
    file: Option<&Path>,
    kind: &str,
    options: impl FnOnce() -> Value,
) -> anyhow::Result<Value> {
    let mut rule = match file {
        None => options(),
        Some(file) => {
            let text = std::fs::read(file)
                .with_context(|| format!("read the entry `{}`", file.display()))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("read the entry `{}`: it is no JSON", file.display()))?
        }
    };
    let members = rule.as_object_mut().context("read the entry: it is no JSON object")?;
    let _ = members.insert("kind".to_owned(), kind.into());
    Ok(rule)
}

fn placed(place: &PlaceArgs, more: Value) -> Value {
    let mut members = Map::new();
    let _ = members.insert("lanes".to_owned(), json!(place.lanes));
    let _ = members.insert("level".to_owned(), json!(place.level));
    if let Value::Object(more) = more {
        members.extend(more);
    }
    Value::Object(members)
}

fn rotation(args: &RotationArgs) -> Value {
    let more = json!({
        "name": args.name, "participants": args.people, "hand_off": args.every, "time": args.time,
        "zone": args.zone, "starts_on": args.starts_on, "ends_on": args.ends_on,
        "only_holidays": args.only_holidays,
    });
    placed(&args.place, more)
}

fn period(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Value {
    let from = from.unwrap_or_else(now);
    json!({ "from": from.trunc_subsecs(0), "until": until.map(|at| at.trunc_subsecs(0)) })
}

fn now() -> DateTime<Utc> {
    use crate::clock::Clock as _;
    crate::clock::SystemClock.now()
}

fn shift(args: &ShiftArgs) -> Value {
    let more = json!({ "person": args.person, "period": period(args.from, args.until) });
    placed(&args.place, more)
}

fn over(args: &OverrideArgs) -> Value {
    let change = if let Some(person) = &args.add {
        json!({ "act": "add", "person": person, "level": args.place.level })
    } else if let Some(person) = &args.remove {
        json!({ "act": "remove", "person": person })
    } else {
        json!({ "act": "replace", "person": args.replace, "with": args.with })
    };
    json!({ "lanes": args.place.lanes, "period": period(args.from, args.until), "change": change })
}

fn holiday(args: &HolidayArgs) -> Value {
    let duty = match (&args.rotation, args.nobody) {
        (Some(entry), _) => json!({ "rotation": entry }),
        (None, true) => json!("nobody"),
        (None, false) => json!("ordinary"),
    };
    json!({ "name": args.name, "day": args.day, "zone": args.zone, "duty": duty })
}

fn told(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let ids = answer.get("entries").and_then(Value::as_array).map(Vec::as_slice);
    for id in ids.unwrap_or_default().iter().filter_map(Value::as_str) {
        output.line(id);
    }
    output.line("drafted; it counts when you publish: `leadbroker roster publish`");
}

fn published(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let count = answer.get("entries").and_then(Value::as_array).map_or(0, Vec::len);
    output.line(&format!("publication {} is in force: {count} entries", shown(answer, "number")));
    let gaps = rows(answer.get("gaps"), &["lane"]).len();
    if gaps > 0 {
        output.line(&format!("{gaps} gaps are left, with your reason; `leadbroker roster gaps`"));
    }
}

/// The people of an answer, one after the other.
fn names(duty: &Value, level: Option<&str>) -> String {
    let people = duty.get("people").and_then(Value::as_array).map(Vec::as_slice);
    let names: Vec<String> = people
        .unwrap_or_default()
        .iter()
        .filter(|one| level.is_none_or(|level| shown(one, "level") == level))
        .map(|one| shown(one, "login"))
        .collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn who(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let members = ["login", "level", "rule", "entry", "in_place_of"];
    let people = rows(answer.get("people"), &members);
    if people.is_empty() {
        output.line("nobody is on duty");
    } else {
        output.table(&["person", "level", "by", "entry", "in place of"], &people);
    }
    for taken in rows(answer.get("taken"), &["login", "entry"]) {
        output.line(&format!("not on duty, by override: {}", taken.join("  ")));
    }
    if answer.get("corrected") == Some(&Value::Bool(true)) {
        let thought = answer.get("thought").map(|thought| names(thought, None));
        output.line(&format!(
            "corrected since; at that time it was thought to be: {}",
            thought.unwrap_or_default()
        ));
    }
}

fn list(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice);
    let lines: Vec<Vec<String>> = items
        .unwrap_or_default()
        .iter()
        .map(|item| {
            let rule = item.get("rule").unwrap_or(&Value::Null);
            let correction = item.get("correction") == Some(&Value::Bool(true));
            let state = if correction { "correction, " } else { "" };
            vec![
                shown(item, "entry"),
                shown(rule, "kind"),
                shown(rule, "name"),
                format!("{state}{}", shown(item, "state")),
                shown(item, "publication"),
                shown(item, "recorded_by"),
                shown(item, "recorded_at"),
                shown(item, "reason"),
            ]
        })
        .collect();
    let headers = ["entry", "kind", "name", "state", "publication", "by", "at", "reason"];
    output.table(&headers, &lines);
}

fn gaps(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice);
    let lines: Vec<Vec<String>> = items
        .unwrap_or_default()
        .iter()
        .map(|gap| {
            let period = gap.get("period").unwrap_or(&Value::Null);
            let of = |name| shown(period, name);
            vec![
                shown(gap, "lane"),
                of("from"),
                of("until"),
                shown(gap, "gap"),
                shown(gap, "missing"),
            ]
        })
        .collect();
    if lines.is_empty() {
        return output.line("no gaps");
    }
    output.table(&["lane", "from", "until", "gap", "missing"], &lines);
}

/// The duty of a week: one table a lane, lanes with the same duty together.
fn week(answer: &Value, zone: Option<Tz>, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let zone = zone.or_else(|| shown(answer, "zone").parse().ok()).unwrap_or(Tz::UTC);
    let lanes = answer.get("lanes").and_then(Value::as_array).map(Vec::as_slice);
    let mut tables: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    for lane in lanes.unwrap_or_default() {
        let spans = lane.get("spans").and_then(Value::as_array).map(Vec::as_slice);
        let table: Vec<Vec<String>> =
            spans.unwrap_or_default().iter().map(|span| line(span, zone)).collect();
        match tables.iter_mut().find(|(_, known)| *known == table) {
            Some((names, _)) => *names = format!("{names}, {}", shown(lane, "lane")),
            None => tables.push((shown(lane, "lane"), table)),
        }
    }
    output.line(&format!("{}, times of {zone}", shown(answer, "unit")));
    for (names, table) in &tables {
        output.line(&format!("\n{names}"));
        output.table(&["from", "until", "primary", "secondary", "note"], table);
    }
    if let Some(drafts) = answer.get("drafts").and_then(Value::as_u64).filter(|n| *n > 0) {
        output.line(&format!("{drafts} drafts do not count yet; `leadbroker roster publish`"));
    }
}

fn line(span: &Value, zone: Tz) -> Vec<String> {
    let at = |name: &str| {
        let text = shown(span, name);
        let time: Option<DateTime<Utc>> = text.parse().ok();
        time.map_or(text, |time| time.with_timezone(&zone).format("%a %d %b %H:%M").to_string())
    };
    let (primary, secondary) = (names(span, Some("primary")), names(span, Some("secondary")));
    let mut notes = Vec::new();
    if primary == "-" && secondary == "-" {
        notes.push("GAP: nobody".to_owned());
    }
    if span.get("holiday").is_some_and(|holiday| !holiday.is_null()) {
        notes.push("holiday".to_owned());
    }
    let rules: Vec<String> = rows(span.get("people"), &["rule"]).into_iter().flatten().collect();
    for (rule, note) in
        [("temporary", "temporary"), ("added", "override"), ("replaced", "override")]
    {
        if rules.iter().any(|one| one == rule) && !notes.iter().any(|known| known == note) {
            notes.push(note.to_owned());
        }
    }
    let taken: Vec<String> = rows(span.get("taken"), &["login"]).into_iter().flatten().collect();
    if !taken.is_empty() {
        notes.push(format!("not {}", taken.join(", ")));
    }
    vec![at("from"), at("until"), primary, secondary, notes.join("; ")]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command, PeopleCommand};
    use crate::roster::Rule;

    fn typed(line: &str) -> (Value, Option<String>) {
        let words = ["leadbroker", "roster", "add"].into_iter().chain(line.split(' '));
        let Command::People(PeopleCommand::Roster(args)) =
            Cli::try_parse_from(words).unwrap().command
        else {
            panic!("{line}");
        };
        let RosterCommand::Add(command) = &args.command else { panic!("{line}") };
        let (rule, reason) = drafted(command).unwrap();
        (rule, reason.cloned())
    }

    #[test]
    fn options_make_the_rule_that_the_api_reads() {
        let place = "--lanes threat,priority --level secondary";
        let times = "--from 2026-11-23T16:00:00Z --until 2026-11-24T00:00:00Z";
        let zone = "--zone America/Los_Angeles";
        let entry = "d-00000000000000000000000000000001";
        for (line, kind) in [
            (
                format!(
                    "rotation --name a --people x,y --every 12h --time 08:00 {zone} --starts-on 2026-11-23 {place}"
                ),
                "rotation",
            ),
            (
                format!(
                    "rotation --name a --people x --every weekly --time 08:00 {zone} --starts-on 2026-11-23"
                ),
                "rotation",
            ),
            (format!("shift --person x {times} {place}"), "shift"),
            (format!("override --add x {times} {place}"), "override"),
            (format!("override --remove x {times}"), "override"),
            (format!("override --replace x --with y {times}"), "override"),
            (format!("holiday --name a --day 2026-12-25 {zone} --nobody"), "holiday"),
            (format!("holiday --name a --day 2026-12-25 {zone} --rotation {entry}"), "holiday"),
            (format!("holiday --name a --day 2026-12-25 {zone}"), "holiday"),
        ] {
            let (rule, _) = typed(&line);
            let read: Rule<String> =
                serde_json::from_value(rule).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(read.kind(), kind);
        }
    }

    #[test]
    fn a_span_is_a_line_of_local_times_with_its_notes() {
        let span = json!({
            "from": "2026-11-23T16:00:00Z", "until": "2026-11-24T16:00:00Z", "holiday": null,
            "people": [{ "login": "b", "level": "primary", "rule": "replaced" }],
            "taken": [{ "login": "a" }],
        });
        let shown = line(&span, Tz::America__Los_Angeles);
        assert_eq!(shown, ["Mon 23 Nov 08:00", "Tue 24 Nov 08:00", "b", "-", "override; not a"]);
        let empty =
            json!({ "from": "x", "until": "y", "people": [], "taken": [], "holiday": "d-1" });
        assert_eq!(line(&empty, Tz::UTC), ["x", "y", "-", "-", "GAP: nobody; holiday"]);
    }
}
