//! Schemas of sessions, small bodies, dead letters and audit entries.

use serde_json::json;

use super::super::reference;
use super::{Components, array, list, number, object, string, text};
use crate::domain::GiveBackReason;

/// Claims on jobs, and drafts.
fn claims() -> Components {
    let items = |component: &str| object(&[("items", array(component))]);
    vec![
        ("Token", object(&[("token", number())])),
        ("Renewed", object(&[("token", number()), ("until", reference("Time"))])),
        ("HandOver", object(&[("token", number()), ("to", string())])),
        (
            "GiveBack",
            object(&[
                ("token", number()),
                ("reason", list::<GiveBackReason>()),
                ("text?", json!({ "type": ["string", "null"] })),
            ]),
        ),
        ("DraftId", text("^d-[0-9a-f]{32}$")),
        (
            "Draft",
            object(&[
                ("draft", reference("DraftId")),
                ("request", reference("RequestId")),
                ("written_at", reference("Time")),
            ]),
        ),
        ("Drafts", items("Draft")),
        (
            "DraftText",
            object(&[
                ("draft", reference("DraftId")),
                ("request", reference("RequestId")),
                ("written_at", reference("Time")),
                ("token", number()),
                ("examination", reference("Examination")),
            ]),
        ),
    ]
}

/// Sessions, small bodies, dead letters, audit entries.
pub(super) fn kept() -> Components {
    let items = |component: &str| object(&[("items", array(component))]);
    let mut all = claims();
    all.extend([
        (
            "Release",
            object(&[
                ("document_sha256", reference("Sha256")),
                ("code?", json!({ "type": ["string", "null"] })),
            ]),
        ),
        (
            "Released",
            object(&[
                ("request", reference("RequestId")),
                ("state", reference("State")),
                ("findings", array("Finding")),
            ]),
        ),
        ("Credentials", object(&[("login", string()), ("password", string()), ("code", string())])),
        ("Session", object(&[("token", string()), ("expires_at", reference("Time"))])),
        (
            "DeadLetter",
            object(&[
                ("message", reference("MessageId")),
                ("queue", string()),
                ("request", reference("RequestId")),
                ("attempts", number()),
                ("reason", json!({ "type": ["string", "null"] })),
                ("created_at", reference("Time")),
                ("body", json!({ "type": "object", "required": ["type", "request"] })),
            ]),
        ),
        ("DeadLetters", items("DeadLetter")),
        (
            "StateOfMessage",
            object(&[
                ("message", reference("MessageId")),
                ("state", json!({ "enum": ["replayed", "dropped"] })),
            ]),
        ),
        (
            "AuditOfRequest",
            object(&[
                ("request", reference("RequestId")),
                (
                    "entries",
                    json!({ "type": "array", "items": { "type": "object", "required": ["seq", "event"] } }),
                ),
                (
                    "logins",
                    json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                ),
            ]),
        ),
    ]);
    all
}
