//! `GET /api/v1/units/{unit}/roster` and below: who is on duty, when, why, and where nobody is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse as _;
use chrono::{DateTime, Datelike as _, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use strum::VariantArray as _;

use super::{bad_query, query};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, AccountId, Lane, Role, UnitId};
use crate::pipeline::roster as duty;
use crate::registry::Registry;
use crate::roster::{self, Entry, OnDuty, Period, Placed, Rule, Why};
use crate::store::Change;
use crate::web::auth;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;

/// No calendar is longer.
const LONGEST: TimeDelta = TimeDelta::days(2 * 366);

/// The person who asks, and the unit: `own` is the person's.
pub(super) async fn of_unit(
    web: &Web,
    headers: &HeaderMap,
    path: &str,
) -> Result<(Account, UnitId), Problem> {
    let person = auth::person(web, headers).await?;
    if path == "own" {
        let unit = person.unit.clone();
        return Ok((person, unit));
    }
    let unit = super::id(path)?;
    duty::may_read(&person, &unit)?;
    Ok((person, unit))
}

/// A time of a query.
fn time(text: Option<&str>) -> Result<Option<DateTime<Utc>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at: Option<DateTime<Utc>> = text.parse().ok();
    at.filter(|at| (2000..2200).contains(&at.year()))
        .map(Some)
        .ok_or_else(|| bad_query("give times as `2026-11-23T16:00:00Z`, of the years 2000 to 2199"))
}

fn lane(text: Option<&str>) -> Result<Option<Lane>, Problem> {
    let Some(text) = text else { return Ok(None) };
    serde_json::from_value(text.into())
        .map(Some)
        .map_err(|_| bad_query("give the lane as `threat`, `priority` or `routine`"))
}

fn period(
    (from, until): (Option<&str>, Option<&str>),
    (start, length): (DateTime<Utc>, TimeDelta),
) -> Result<Period, Problem> {
    let from = time(from)?.unwrap_or_else(|| start.trunc_subsecs(0));
    let until = time(until)?.unwrap_or(from + length);
    if until <= from || until - from > LONGEST {
        return Err(bad_query("let `to` be after `from`, within two years"));
    }
    Ok(Period { from, until })
}

fn login(registry: &Registry, person: AccountId) -> String {
    registry.account(person).map_or_else(|| person.to_string(), |account| account.login.clone())
}

fn placed(registry: &Registry, one: &Placed) -> Value {
    let mut shown = Map::new();
    shown.insert("account".to_owned(), json!(one.person));
    shown.insert("login".to_owned(), login(registry, one.person).into());
    shown.insert("level".to_owned(), json!(one.level));
    if let Ok(Value::Object(why)) = serde_json::to_value(one.why) {
        shown.extend(why.into_iter().filter(|(name, _)| name != "person"));
    }
    if let Why::Replaced { person, .. } = one.why {
        shown.insert("in_place_of".to_owned(), login(registry, person).into());
    }
    Value::Object(shown)
}

fn on_duty(registry: &Registry, duty: &OnDuty) -> Map<String, Value> {
    let people: Vec<Value> = duty.why.iter().map(|one| placed(registry, one)).collect();
    let taken: Vec<Value> = duty
        .taken
        .iter()
        .map(|one| json!({ "login": login(registry, one.person), "account": one.person, "entry": one.entry }))
        .collect();
    let mut shown = Map::new();
    shown.insert("people".to_owned(), people.into());
    shown.insert("taken".to_owned(), taken.into());
    shown.insert("holiday".to_owned(), json!(duty.holiday));
    shown
}

/// Who is, was, or was thought to be on duty.
pub(in crate::web) async fn who(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(unit): Path<String>,
    uri: Uri,
) -> Answer {
    let (_, unit) = of_unit(&web, &headers, &unit).await?;
    let [lane_text, at, known_at] = query(&uri, ["lane", "at", "known_at"])?;
    let (lane, known_at) = (lane(lane_text)?.unwrap_or(Lane::Priority), time(known_at)?);
    let at = time(at)?.unwrap_or_else(|| web.ctx().now());
    let who = duty::who(web.ctx(), (&unit, lane), at, known_at).await?;
    let registry = web.ctx().registry().await?;
    let mut shown = on_duty(&registry, &who.duty);
    let thought = who.thought.as_ref();
    let corrected = thought.is_some_and(|thought| thought.people != who.duty.people);
    shown.insert("unit".to_owned(), json!(unit));
    shown.insert("lane".to_owned(), json!(lane));
    shown.insert("at".to_owned(), json!(at));
    shown.insert("known_at".to_owned(), json!(known_at));
    shown.insert("corrected".to_owned(), corrected.into());
    shown.insert("thought".to_owned(), thought.map(|duty| on_duty(&registry, duty)).into());
    Ok(Json(Value::Object(shown)).into_response())
}

/// Coverage gaps, with the drafts.
pub(in crate::web) async fn gaps(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(unit): Path<String>,
    uri: Uri,
) -> Answer {
    let (person, unit) = of_unit(&web, &headers, &unit).await?;
    let [from, to] = query(&uri, ["from", "to"])?;
    let within = match (from, to) {
        (None, None) => None,
        given => Some(period(given, (web.ctx().now(), duty::AHEAD))?),
    };
    let gaps = duty::gaps(web.ctx(), (&person, &unit), within).await?;
    Ok(Json(json!({ "unit": unit, "items": gaps })).into_response())
}

/// The duty of a time, lane by lane, for a calendar.
pub(in crate::web) async fn show(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(unit): Path<String>,
    uri: Uri,
) -> Answer {
    let (_, unit) = of_unit(&web, &headers, &unit).await?;
    let [lane_text, from, to] = query(&uri, ["lane", "from", "to"])?;
    let within = period((from, to), (web.ctx().now(), TimeDelta::days(7)))?;
    let lanes = lane(lane_text)?.map_or_else(|| Lane::VARIANTS.to_vec(), |lane| vec![lane]);
    let loaded = duty::load(web.ctx(), &unit).await?;
    let roster = roster::Roster::new(&loaded.entries, &loaded.registry.shifts);
    let lanes: Vec<Value> = lanes
        .into_iter()
        .map(|lane| {
            let spans: Vec<Value> = roster::spans(&roster, &unit, lane, within)
                .iter()
                .map(|span| {
                    let mut shown = on_duty(&loaded.registry, &span.duty);
                    shown.insert("from".to_owned(), json!(span.period.from));
                    shown.insert("until".to_owned(), json!(span.period.until));
                    Value::Object(shown)
                })
                .collect();
            json!({ "lane": lane, "spans": spans })
        })
        .collect();
    let drafts = roster::drafts(&loaded.entries).len();
    let zone = zone(&loaded.entries).name();
    let (from, until) = (within.from, within.until);
    let shown = json!({
        "unit": unit, "zone": zone, "from": from, "until": until, "drafts": drafts, "lanes": lanes
    });
    Ok(Json(shown).into_response())
}

/// The time zone that the unit's people read: that of its newest rotation.
fn zone(entries: &[Entry]) -> Tz {
    let of = |entry: &Entry| match &entry.rule {
        Rule::Rotation(rotation) => Some(rotation.zone),
        Rule::Holiday(holiday) => Some(holiday.zone),
        Rule::Shift(_)
        | Rule::Temporary(_)
        | Rule::Override(_)
        | Rule::Retraction(_)
        | Rule::Publication(_) => None,
    };
    entries.iter().rev().find_map(of).unwrap_or(Tz::UTC)
}

/// The record: every entry, with its state. Reasons are for administrators and auditors.
pub(in crate::web) async fn entries(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(unit): Path<String>,
) -> Answer {
    let (person, unit) = of_unit(&web, &headers, &unit).await?;
    let loaded = duty::load(web.ctx(), &unit).await?;
    let mut reasons = if [Role::LocalAdministrator, Role::Auditor].contains(&person.role) {
        web.ctx().store.roster_reasons(&unit).await?
    } else {
        std::collections::BTreeMap::new()
    };
    // No audit record, no read (LACRIS-AUD-2).
    if !reasons.is_empty() {
        let actor = Actor::Person { account: person.id };
        let event = AuditEvent::new(web.ctx().now(), actor, "roster.reasons_read")
            .unit(&unit)
            .clause("LACRIS-AUD-2")
            .detail("number", &reasons.len().to_string());
        let _ = web.ctx().store.apply(Change::audited(vec![event])).await?;
    }
    let drafts: Vec<_> = roster::drafts(&loaded.entries).iter().map(|entry| entry.id).collect();
    let mut published = std::collections::BTreeMap::new();
    for entry in &loaded.entries {
        if let Rule::Publication(publication) = &entry.rule {
            published.extend(publication.entries.iter().map(|id| (*id, publication.number)));
        }
    }
    let mut items = Vec::with_capacity(loaded.entries.len());
    for entry in &loaded.entries {
        let is_publication = matches!(entry.rule, Rule::Publication(_));
        let state = if published.contains_key(&entry.id) || is_publication {
            "published"
        } else if drafts.contains(&entry.id) {
            "draft"
        } else {
            "withdrawn"
        };
        let reason = match reasons.remove(&entry.id) {
            None => None,
            Some(sealed) => Some(
                web.ctx()
                    .vault
                    .open_reason(entry.id, &sealed)
                    .map_err(crate::pipeline::PipelineError::from)?,
            ),
        };
        items.push(json!({
            "entry": entry.id, "state": state, "publication": published.get(&entry.id),
            "recorded_at": entry.recorded_at, "recorded_by": login(&loaded.registry, entry.recorded_by),
            "correction": entry.correction, "reason": reason, "rule": named(&loaded.registry, &entry.rule),
        }));
    }
    Ok(Json(json!({ "unit": unit, "items": items })).into_response())
}

/// A rule with its people by login.
fn named(registry: &Registry, rule: &Rule) -> Rule<String> {
    let named =
        rule.clone().named(|person| Ok::<_, std::convert::Infallible>(login(registry, person)));
    match named {
        Ok(rule) => rule,
        Err(never) => match never {},
    }
}

/// The duty of a time as an iCalendar file; with `person`, of that login alone.
pub(in crate::web) async fn calendar(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(unit): Path<String>,
    uri: Uri,
) -> Answer {
    let (_, unit) = of_unit(&web, &headers, &unit).await?;
    let [from, to, only] = query(&uri, ["from", "to", "person"])?;
    let now = web.ctx().now();
    let within = period((from, to), (now, TimeDelta::days(28)))?;
    let loaded = duty::load(web.ctx(), &unit).await?;
    let roster = roster::Roster::new(&loaded.entries, &loaded.registry.shifts);
    let name = |person: AccountId| {
        let login = loaded.registry.account(person)?.login.clone();
        only.is_none_or(|only| only == login).then_some(login)
    };
    let text = roster::calendar::export(&roster, &unit, within, now, &name);
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"roster.ics\""),
    ];
    Ok((headers, text).into_response())
}
