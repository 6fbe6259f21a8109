//! Schemas of the duty roster.

use serde_json::{Value, json};

use super::super::reference;
use super::{Components, array, list, number, object, or_null, string, text};
use crate::domain::Capability;
use crate::roster::{GapKind, Level};

/// What a roster is made of, and what it answers.
pub(super) fn roster() -> Components {
    let mut all = answers();
    all.extend(times());
    all.extend(record());
    all.push(rule());
    all
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn on_duty(more: &[(&str, Value)]) -> Value {
    let mut members = vec![
        ("people", array("Placed")),
        ("taken", array("Taken")),
        ("holiday", or_null("RosterEntryId")),
    ];
    members.extend_from_slice(more);
    object(&members)
}

fn answers() -> Components {
    let why = json!({ "enum": ["rotation", "temporary", "holiday", "shift", "registry", "added", "replaced"] });
    vec![
        ("RosterEntryId", text("^d-[0-9a-f]{32}$")),
        ("AccountId", text("^p-[0-9a-f]{32}$")),
        ("Login", string()),
        ("Level", list::<Level>()),
        ("Period", object(&[("from", reference("Time")), ("until", reference("Time"))])),
        (
            "Placed",
            object(&[
                ("account", reference("AccountId")),
                ("login", reference("Login")),
                ("level", reference("Level")),
                ("rule", why),
                ("entry?", reference("RosterEntryId")),
                ("rotation?", reference("RosterEntryId")),
                ("in_place_of?", reference("Login")),
            ]),
        ),
        (
            "Taken",
            object(&[
                ("account", reference("AccountId")),
                ("login", reference("Login")),
                ("entry", reference("RosterEntryId")),
            ]),
        ),
    ]
}

fn times() -> Components {
    let kinds = list::<GapKind>();
    vec![
        ("Duty", on_duty(&[])),
        (
            "OnDuty",
            on_duty(&[
                ("unit", reference("UnitId")),
                ("lane", reference("Lane")),
                ("at", reference("Time")),
                ("known_at", or_null("Time")),
                ("corrected", boolean()),
                ("thought", or_null("Duty")),
            ]),
        ),
        ("Span", on_duty(&[("from", reference("Time")), ("until", reference("Time"))])),
        ("LaneDuty", object(&[("lane", reference("Lane")), ("spans", array("Span"))])),
        (
            "Roster",
            object(&[
                ("unit", reference("UnitId")),
                ("zone", string()),
                ("from", reference("Time")),
                ("until", reference("Time")),
                ("drafts", number()),
                ("lanes", array("LaneDuty")),
            ]),
        ),
        (
            "Gap",
            object(&[
                ("lane", reference("Lane")),
                ("period", reference("Period")),
                ("gap", kinds),
                ("missing", json!({ "type": "array", "items": list::<Capability>() })),
            ]),
        ),
        ("Gaps", object(&[("unit", reference("UnitId")), ("items", array("Gap"))])),
    ]
}

/// What edits take and answer, and the record.
fn record() -> Components {
    vec![
        ("Drafted", object(&[("entries", array("RosterEntryId"))])),
        (
            "Published",
            object(&[
                ("entry", reference("RosterEntryId")),
                ("number", number()),
                ("entries", array("RosterEntryId")),
                ("gaps", array("Gap")),
            ]),
        ),
        ("Publish", object(&[("accept_gaps?", string())])),
        ("CalendarImport", object(&[("calendar", string()), ("reason?", string())])),
        ("Retraction", object(&[("reason", string()), ("from?", or_null("Time"))])),
        ("RosterDrafts", object(&[("entries", array("RosterRule")), ("reason?", string())])),
        (
            "RosterEntry",
            object(&[
                ("entry", reference("RosterEntryId")),
                ("state", json!({ "enum": ["draft", "published", "withdrawn"] })),
                ("publication", json!({ "type": ["integer", "null"] })),
                ("recorded_at", reference("Time")),
                ("recorded_by", reference("Login")),
                ("correction", boolean()),
                ("reason", json!({ "type": ["string", "null"] })),
                ("rule", reference("RosterRule")),
            ]),
        ),
        (
            "RosterEntries",
            object(&[("unit", reference("UnitId")), ("items", array("RosterEntry"))]),
        ),
    ]
}

fn rule() -> (&'static str, Value) {
    let lanes = ("lanes?", array("Lane"));
    let login = || reference("Login");
    let day = json!({ "type": "string", "format": "date" });
    let rotation = rotation(lanes.clone(), day.clone());
    let shift = object(&[
        ("kind", kind("shift")),
        lanes.clone(),
        ("level", reference("Level")),
        ("person", login()),
        ("period", reference("Period")),
    ]);
    let stint = object(&[("person", login()), ("period", reference("Period"))]);
    let temporary = object(&[
        ("kind", kind("temporary")),
        ("replaces", reference("RosterEntryId")),
        ("period", reference("Period")),
        ("stints", json!({ "type": "array", "items": stint })),
    ]);
    let change = json!({ "oneOf": [
        object(&[("act", kind("add")), ("person", login()), ("level", reference("Level"))]),
        object(&[("act", kind("replace")), ("person", login()), ("with", login())]),
        object(&[("act", kind("remove")), ("person", login())]),
    ] });
    let over = object(&[
        ("kind", kind("override")),
        lanes,
        ("period", reference("Period")),
        ("change", change),
    ]);
    let named = object(&[("rotation", reference("RosterEntryId"))]);
    let holiday = object(&[
        ("kind", kind("holiday")),
        ("name", string()),
        ("day", day),
        ("zone", string()),
        ("duty", json!({ "oneOf": [{ "enum": ["ordinary", "nobody"] }, named] })),
    ]);
    let [retraction, publication] = recorded();
    let all = [rotation, shift, temporary, over, holiday, retraction, publication];
    (
        "RosterRule",
        json!({
            "description": "The last two are recorded by their own operations. docs/ROSTER.md explains all.",
            "oneOf": all,
        }),
    )
}

fn kind(name: &str) -> Value {
    json!({ "const": name })
}

/// What `retract` and `publish` record.
fn recorded() -> [Value; 2] {
    let retraction = object(&[
        ("kind", kind("retraction")),
        ("entry", reference("RosterEntryId")),
        ("from", reference("Time")),
    ]);
    let publication = object(&[
        ("kind", kind("publication")),
        ("number", number()),
        ("entries", array("RosterEntryId")),
        ("gaps_accepted", number()),
    ]);
    [retraction, publication]
}

fn rotation(lanes: (&str, Value), day: Value) -> Value {
    let hand_off = json!({ "oneOf": [
        { "enum": ["hourly", "daily", "weekly"] },
        object(&[("hours", json!({ "type": "integer", "minimum": 1, "maximum": 744 }))]),
        object(&[("days", json!({ "type": "integer", "minimum": 1, "maximum": 366 }))]),
    ] });
    object(&[
        ("kind", kind("rotation")),
        ("name", string()),
        lanes,
        ("level", reference("Level")),
        ("participants", array("Login")),
        ("hand_off", hand_off),
        ("time", text("^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$")),
        ("zone", string()),
        ("starts_on", day),
        ("ends_on?", json!({ "type": ["string", "null"], "format": "date" })),
        ("only_holidays?", boolean()),
    ])
}
