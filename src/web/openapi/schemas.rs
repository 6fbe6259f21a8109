//! Schemas of bodies and answers. The form and the receipt are the published contracts; the rest is checked against every
//! answer that the tests of the API get.

mod emergency;
mod examination;
mod kept;
mod known_answers;
mod pages;
mod policies;
mod records;
mod roster;

use serde::Serialize;
use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::reference;
use crate::domain::form::{ImageSourceKind, SCHEMA};
use crate::domain::{Lane, Outcome, Role, WaitingReason};
use crate::lifecycle::StageCode;
use crate::pipeline::repeats::Comparison;

const RECEIPT: &str = include_str!("../../../docs/receipt.v1.schema.json");

/// Every component.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in words()
        .into_iter()
        .chain(for_agencies())
        .chain(followed())
        .chain(for_people())
        .chain(others())
    {
        all.insert(name.to_owned(), schema);
    }
    all
}

type Components = Vec<(&'static str, Value)>;

/// The words of a closed list.
fn list<T: VariantArray + Serialize>() -> Value {
    json!({ "enum": T::VARIANTS.iter().map(|word| json!(word)).collect::<Vec<_>>() })
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn array(component: &str) -> Value {
    json!({ "type": "array", "items": reference(component) })
}

fn or_null(component: &str) -> Value {
    json!({ "anyOf": [reference(component), { "type": "null" }] })
}

/// A closed object, whose members are all required but those that are named `…?`.
fn object(members: &[(&str, Value)]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, schema) in members {
        if let Some(name) = name.strip_suffix('?') {
            properties.insert(name.to_owned(), schema.clone());
        } else {
            properties.insert((*name).to_owned(), schema.clone());
            required.push(*name);
        }
    }
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn string() -> Value {
    json!({ "type": "string" })
}

fn strings() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn number() -> Value {
    json!({ "type": "integer" })
}

fn words() -> Components {
    vec![
        ("RequestId", text("^r-[0-9a-f]{32}$")),
        ("MessageId", text("^m-[0-9a-f]{32}$")),
        ("UnitId", string()),
        ("Ori", text("^[0-9A-Z]{9}$")),
        ("Sha256", text("^[0-9a-f]{64}$")),
        ("IdempotencyKey", text("^[!-~]{1,64}$")),
        ("Time", json!({ "type": "string", "format": "date-time" })),
        ("Ordinal", json!({ "type": "integer", "minimum": 0 })),
        ("Limit", json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 })),
        ("State", list::<StageCode>()),
        ("Outcome", list::<Outcome>()),
        ("Lane", list::<Lane>()),
        ("Document", json!({ "type": "object", "required": ["openapi", "paths"] })),
    ]
}

fn contract(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn for_agencies() -> Components {
    let limits = ["images", "image_bytes", "form_bytes", "forms_per_second"];
    let limits: Vec<(&str, Value)> = limits.into_iter().map(|name| (name, number())).collect();
    vec![
        ("SearchRequest", contract(SCHEMA)),
        ("Receipt", contract(RECEIPT)),
        (
            "Units",
            json!({ "type": "array", "items": object(&[("unit", reference("UnitId")), ("name", string())]) }),
        ),
        ("Pack", object(&[("id", string()), ("version", reference("Sha256"))])),
        (
            "Statement",
            object(&[
                ("statement", string()),
                ("text", string()),
                ("text_sha256", reference("Sha256")),
                ("clauses", strings()),
            ]),
        ),
        (
            "UnitForm",
            object(&[
                ("unit", reference("UnitId")),
                ("name", string()),
                ("packs", array("Pack")),
                ("repositories", strings()),
                ("source_kinds", json!({ "type": "array", "items": list::<ImageSourceKind>() })),
                ("limits", object(&limits)),
                ("statements", array("Statement")),
                ("grounds", array("Ground")),
            ]),
        ),
        ("Ground", object(&[("ground", string()), ("clauses", strings())])),
    ]
}

fn followed() -> Components {
    let item = |more: &[(&str, Value)]| {
        let mut members = vec![
            ("request", reference("RequestId")),
            ("unit", reference("UnitId")),
            ("state", reference("State")),
            ("case_number", json!({ "type": ["string", "null"] })),
            ("received_at", reference("Time")),
            ("updated_at", reference("Time")),
            ("outcome", or_null("Outcome")),
        ];
        members.extend_from_slice(more);
        object(&members)
    };
    vec![
        ("RequestItem", item(&[])),
        ("RequestPage", object(&[("items", array("RequestItem")), ("next", or_null("RequestId"))])),
        ("Waiting", object(&[("reason", list::<WaitingReason>()), ("until?", reference("Time"))])),
        ("Moment", object(&[("at", reference("Time")), ("state", reference("State"))])),
        (
            "ServiceClock",
            object(&[
                ("state", json!({ "enum": ["running", "paused", "stopped"] })),
                ("remind_at", or_null("Time")),
                ("due_at", or_null("Time")),
                ("why", string()),
            ]),
        ),
        (
            "Request",
            item(&[
                ("findings", array("Finding")),
                ("deadline_at", or_null("Time")),
                ("supersedes", or_null("RequestId")),
                ("waiting", or_null("Waiting")),
                ("service", or_null("ServiceClock")),
                ("timeline", array("Moment")),
            ]),
        ),
        ("Events", array("Event")),
        (
            "Event",
            object(&[
                ("specversion", json!({ "const": "1.0" })),
                ("id", reference("MessageId")),
                ("source", string()),
                ("type", text("^gov\\.leadbroker\\.search_request\\.[a-z_]+\\.v1$")),
                ("subject", reference("RequestId")),
                ("time", reference("Time")),
                ("datacontenttype", json!({ "const": "application/json" })),
                ("data", json!({ "type": "object", "required": ["request", "state"] })),
            ]),
        ),
        ("Reason", object(&[("reason", string())])),
        ("OfRequest", object(&[("request", reference("RequestId"))])),
        (
            "StateOfRequest",
            object(&[("request", reference("RequestId")), ("state", reference("State"))]),
        ),
    ]
}

fn for_people() -> Components {
    let job = |more: &[(&str, Value)]| {
        let mut members = vec![
            ("request", reference("RequestId")),
            ("unit", reference("UnitId")),
            ("agency", reference("Ori")),
            ("state", reference("State")),
            ("lane", reference("Lane")),
            ("case_number_of_unit", json!({ "type": ["integer", "null"] })),
            ("received_at", reference("Time")),
            ("updated_at", reference("Time")),
            ("deadline_at", or_null("Time")),
            ("service_due_at", or_null("Time")),
        ];
        members.extend_from_slice(more);
        object(&members)
    };
    let items = |component: &str| object(&[("items", array(component))]);
    let case_file = case_file();
    let mut all = further();
    all.extend([
        ("Job", job(&[])),
        ("Jobs", object(&[("items", array("Job")), ("next", or_null("RequestId"))])),
        ("CaseFile", job(&case_file)),
        (
            "Claim",
            object(&[
                ("token", number()),
                ("until", reference("Time")),
                ("stage", reference("State")),
                ("drafts", array("Draft")),
            ]),
        ),
        ("Conclusion", object(&[("token", number()), ("examination", reference("Examination"))])),
        (
            "Hold",
            job(&[
                ("role", list::<Role>()),
                ("overdue", json!({ "type": "boolean" })),
                ("clauses", strings()),
                ("findings", array("Finding")),
            ]),
        ),
        ("HoldFile", job(&[&case_file[..], &hold_file()].concat())),
        ("Holds", items("Hold")),
        (
            "HoldDecision",
            object(&[
                ("allow", json!({ "type": "boolean" })),
                ("reason", string()),
                ("clause", string()),
            ]),
        ),
    ]);
    all
}

/// What stands in files of its own.
fn further() -> Components {
    [
        examination::seen(),
        examination::schemas(),
        kept::kept(),
        known_answers::schemas(),
        records::records(),
        emergency::schemas(),
        emergency::suspensions(),
        policies::schemas(),
        pages::pages(),
        roster::roster(),
    ]
    .concat()
}

/// What a case file has besides its job.
fn case_file() -> Vec<(&'static str, Value)> {
    let lease = object(&[("token", number()), ("until", reference("Time"))]);
    let probe =
        object(&[("n", reference("Ordinal")), ("media_type", string()), ("bytes", number())]);
    vec![
        ("form", json!({ "type": "object", "description": "The form as it was submitted." })),
        ("findings", array("Finding")),
        ("probes", json!({ "type": "array", "items": probe })),
        ("lease", json!({ "anyOf": [lease, { "type": "null" }] })),
        ("repeats", array("Repeat")),
        ("pictures", json!({ "anyOf": [list::<Comparison>(), { "type": "null" }] })),
        ("earlier?", array("Earlier")),
    ]
}

/// What a held request's case file has besides.
fn hold_file() -> Vec<(&'static str, Value)> {
    let roles = json!({ "type": "array", "items": list::<Role>() });
    let reason = object(&[
        ("clause_text", string()),
        ("clause", string()),
        ("pack", string()),
        ("verdict", string()),
        ("field", string()),
        ("message", string()),
        ("remedy", string()),
    ]);
    let decision = object(&[
        ("account", string()),
        ("at", reference("Time")),
        ("allow", json!({ "type": "boolean" })),
        ("reason", string()),
        ("clause", string()),
    ]);
    vec![
        ("role", list::<Role>()),
        ("missed", roles),
        ("overdue", json!({ "type": "boolean" })),
        ("reasons", json!({ "type": "array", "items": reason })),
        ("if_allowed", string()),
        ("if_refused", string()),
        ("decided_before", json!({ "type": "array", "items": decision })),
    ]
}

fn others() -> Components {
    let check = json!({ "enum": ["ok", "away", "slow", "not_used", "kept_old"] });
    let receipt = contract(RECEIPT);
    let properties = receipt.get("properties").cloned().unwrap_or_default();
    let items = |member: &str| {
        properties.get(member).and_then(|list| list.get("items")).cloned().unwrap_or_default()
    };
    let required = receipt.get("required").cloned().unwrap_or_default();
    vec![
        ("Finding", items("findings")),
        ("ShapeError", items("errors")),
        (
            "Problem",
            json!({
                "type": "object",
                "description": "RFC 9457. Decide on `code`.",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {
                    "type": text("^urn:leadbroker:problem:[a-z_]+$"),
                    "title": string(),
                    "status": number(),
                    "detail": string(),
                    "code": string(),
                    "errors": array("ShapeError"),
                    "findings": array("Finding"),
                    "claims": array("IdentityClaim"),
                },
            }),
        ),
        (
            "RefusedForm",
            json!({
                "description": "A problem; where the form itself was read, with the receipt's members.",
                "allOf": [reference("Problem")],
                "properties": properties,
                "dependentRequired": { "state": required },
            }),
        ),
        (
            "Readiness",
            object(&[
                ("status", json!({ "enum": ["ok", "degraded", "unavailable"] })),
                (
                    "checks",
                    object(&[
                        ("database", check.clone()),
                        ("image_store", check.clone()),
                        ("broker", check.clone()),
                        ("deliveries", check.clone()),
                        ("policies", check),
                        ("oldest_waiting_seconds", json!({ "type": ["integer", "null"] })),
                        ("policy_set_refused", json!({ "type": ["integer", "null"] })),
                    ]),
                ),
            ]),
        ),
    ]
}
