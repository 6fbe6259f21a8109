//! Schemas of pages.

use serde_json::json;

use super::super::reference;
use super::{Components, array, list, number, object, or_null, string, text};
use crate::domain::PageCause;

/// Pages, their attempts, and what a destination replies.
pub(super) fn pages() -> Components {
    let page = |more: &[(&str, serde_json::Value)]| {
        let mut members = vec![
            ("page", reference("PageId")),
            ("request", reference("RequestId")),
            ("unit", reference("UnitId")),
            ("lane", reference("Lane")),
            ("cause", list::<PageCause>()),
            ("state", json!({ "enum": ["open", "acknowledged", "ended"] })),
            ("step", number()),
            ("opened_at", reference("Time")),
            ("next_at", or_null("Time")),
            ("acknowledged_by", json!({ "type": ["string", "null"] })),
            ("acknowledged_at", or_null("Time")),
        ];
        members.extend_from_slice(more);
        object(&members)
    };
    let attempt = object(&[
        ("id", text("^pa-[0-9a-f]{32}$")),
        ("step", number()),
        ("kind", json!({ "enum": ["mail", "webhook"] })),
        ("target", string()),
        ("status", json!({ "enum": ["waiting", "sending", "sent", "failed", "ended"] })),
        ("tries", number()),
        ("code", json!({ "type": ["string", "null"] })),
        ("created_at", reference("Time")),
        ("updated_at", reference("Time")),
    ]);
    vec![
        ("PageId", text("^pg-[0-9a-f]{32}$")),
        ("DestinationName", text("^[a-z0-9-]{1,64}$")),
        ("Switch", json!({ "enum": [true, false] })),
        ("Page", page(&[])),
        ("Pages", object(&[("items", array("Page"))])),
        ("PageAttempt", attempt),
        ("PageWithAttempts", page(&[("attempts", array("PageAttempt"))])),
        (
            "PageCallback",
            object(&[("page", reference("PageId")), ("action", json!({ "const": "acknowledge" }))]),
        ),
    ]
}
