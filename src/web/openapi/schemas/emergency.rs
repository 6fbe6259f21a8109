//! Schemas of emergencies and suspensions.

use serde_json::{Value, json};

use super::super::reference;
use super::{Components, array, list, object, or_null, string};
use crate::domain::emergency::{DutyKind, DutyOutcome, EmergencyState};

fn outcome_or_null() -> Value {
    json!({ "anyOf": [list::<DutyOutcome>(), { "type": "null" }] })
}

fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

fn duty(before: &[(&str, Value)]) -> Value {
    let mut members = before.to_vec();
    members.extend([
        ("duty", list::<DutyKind>()),
        ("due_at", reference("Time")),
        ("overdue", json!({ "type": "boolean" })),
        ("outcome", outcome_or_null()),
        ("done_at", or_null("Time")),
    ]);
    object(&members)
}

/// Duties, call-backs, confirmations.
pub(super) fn schemas() -> Components {
    let call = [
        ("outcome", list::<DutyOutcome>()),
        ("spoke_to_name?", text_or_null()),
        ("note?", text_or_null()),
    ];
    let attempt = [("account?", string()), ("at", reference("Time"))];
    vec![
        ("Duty", duty(&[])),
        ("OpenDuty", duty(&[("request", reference("RequestId"))])),
        ("OpenDuties", object(&[("items", array("OpenDuty"))])),
        (
            "Duties",
            object(&[
                ("request", reference("RequestId")),
                ("emergency", list::<EmergencyState>()),
                ("duties", array("Duty")),
            ]),
        ),
        ("CallBack", object(&call)),
        ("Attempt", object(&[&attempt[..], &call[..]].concat())),
        (
            "CallSheet",
            object(&[
                ("request", reference("RequestId")),
                ("state", reference("State")),
                ("agency", reference("Ori")),
                ("agency_name", string()),
                ("call_back", text_or_null()),
                ("requester", string()),
                ("case_number", string()),
                ("received_at", reference("Time")),
                ("duties", array("Duty")),
                ("attempts", array("Attempt")),
            ]),
        ),
        (
            "Confirmation",
            object(&[("name", string()), ("title", string()), ("statement", string())]),
        ),
    ]
}

/// Suspensions.
pub(super) fn suspensions() -> Components {
    vec![
        (
            "Suspension",
            object(&[
                ("suspension", string()),
                ("agency", reference("Ori")),
                (
                    "requester",
                    json!({ "anyOf": [object(&[("name", string()), ("email", string())]), { "type": "null" }] }),
                ),
                ("request", reference("RequestId")),
                ("cause", json!({ "enum": ["denied", "unconfirmed"] })),
                ("since", reference("Time")),
                ("lifted_by", text_or_null()),
                ("lifted_at", or_null("Time")),
            ]),
        ),
        ("Suspensions", object(&[("items", array("Suspension"))])),
        (
            "StateOfSuspension",
            object(&[("suspension", string()), ("state", json!({ "const": "lifted" }))]),
        ),
    ]
}
