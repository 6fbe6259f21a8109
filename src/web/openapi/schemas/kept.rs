//! Schemas of sessions, small bodies, dead letters and audit entries.

use serde_json::json;

use super::super::reference;
use super::{Components, array, number, object, string};

/// Sessions, small bodies, dead letters, audit entries.
pub(super) fn kept() -> Components {
    let items = |component: &str| object(&[("items", array(component))]);
    vec![
        ("GiveBack", object(&[("token", number())])),
        ("Release", object(&[("document_sha256", reference("Sha256"))])),
        (
            "Released",
            object(&[
                ("request", reference("RequestId")),
                ("state", reference("State")),
                ("findings", array("Finding")),
            ]),
        ),
        (
            "DisclosureOrder",
            object(&[
                ("recipient_ori", reference("Ori")),
                ("recipient_email", string()),
                ("purpose", string()),
                ("right_to_know", string()),
                ("need_to_know", string()),
            ]),
        ),
        ("Disclosed", object(&[("request", reference("RequestId")), ("mailing", string())])),
        (
            "Dissemination",
            object(&[
                ("at", reference("Time")),
                ("by", string()),
                ("recipient_ori", reference("Ori")),
                ("recipient_email", string()),
                ("purpose", string()),
                ("right_to_know", string()),
                ("need_to_know", string()),
                ("document_sha256", reference("Sha256")),
                ("status", string()),
            ]),
        ),
        (
            "Disseminations",
            object(&[("request", reference("RequestId")), ("items", array("Dissemination"))]),
        ),
        ("DestructionOrder", object(&[("reason", string()), ("clause", string())])),
        (
            "Certificate",
            object(&[
                ("request", reference("RequestId")),
                ("at", reference("Time")),
                ("clause", string()),
                ("records", number()),
                ("probes", number()),
                ("files", number()),
                ("key_sha256", reference("Sha256")),
                ("form_sha256", json!({ "anyOf": [reference("Sha256"), { "type": "null" }] })),
            ]),
        ),
        ("LegalHold", object(&[("held", json!({ "type": "boolean" })), ("reason", string())])),
        (
            "LegalHoldOf",
            object(&[("request", reference("RequestId")), ("held", json!({ "type": "boolean" }))]),
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
            ]),
        ),
    ]
}
