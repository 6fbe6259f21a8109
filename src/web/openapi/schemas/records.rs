//! Schemas of answers that are passed on, and of the end of a record.

use serde_json::json;

use super::super::reference;
use super::{Components, array, number, object, string};

/// Dissemination, destruction, legal hold.
pub(super) fn records() -> Components {
    vec![
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
    ]
}
