//! The schema of an examination's record.

use serde_json::{Value, json};

use super::super::reference;
use super::{Components, array, list, number, object, or_null, string};
use crate::domain::examination::{
    Agreement, Compression, Conclusion, Lighting, Occlusion, Pose, WaiverReason,
};
use crate::pipeline::repeats::Comparison;

fn generative_ai() -> Value {
    let used = object(&[
        ("reviewed", json!({ "type": "boolean" })),
        ("approved_by?", json!({ "type": ["string", "null"] })),
    ]);
    json!({ "anyOf": [used, { "type": "null" }] })
}

fn quality() -> Value {
    let quality = object(&[
        ("pose", list::<Pose>()),
        ("eye_distance_px", reference("Ordinal")),
        ("occlusion", list::<Occlusion>()),
        ("lighting", list::<Lighting>()),
        ("compression", list::<Compression>()),
    ]);
    json!({ "anyOf": [quality, { "type": "null" }] })
}

fn resources() -> Value {
    json!({ "type": "array", "maxItems": 20, "items": { "type": "string", "maxLength": 200 } })
}

/// What is shown of examinations and earlier requests, and what is told about them.
pub(super) fn seen() -> Components {
    let flag = || json!({ "type": "boolean" });
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    let component = object(&[("name", string()), ("features", strings)]);
    let earlier = object(&[("which", string()), ("examination", reference("Examination"))]);
    let repeat = object(&[
        ("request", or_null("RequestId")),
        ("unit", reference("UnitId")),
        ("same_agency", flag()),
        ("same_probe", flag()),
        ("similar_probe", flag()),
        ("same_case", flag()),
        ("elsewhere_after_no_match", flag()),
        ("received_at", reference("Time")),
        ("outcome", or_null("Outcome")),
    ]);
    let examinations = object(&[
        ("request", reference("RequestId")),
        ("examinations", array("Earlier")),
        ("repeats", array("Repeat")),
        ("pictures", list::<Comparison>()),
    ]);
    let repeats = object(&[
        ("request", reference("RequestId")),
        ("repeats", array("Repeat")),
        ("pictures", list::<Comparison>()),
    ]);
    let repeating = object(&[
        ("request", reference("RequestId")),
        ("agency", reference("Ori")),
        ("state", reference("State")),
        ("lane", reference("Lane")),
        ("received_at", reference("Time")),
        ("elsewhere_after_no_match", flag()),
        ("repeats", array("Repeat")),
        ("pictures", list::<Comparison>()),
    ]);
    let page = object(&[("items", array("Repeating")), ("next", or_null("RequestId"))]);
    let checklist = object(&[
        ("version", string()),
        ("sha256", reference("Sha256")),
        ("components", json!({ "type": "array", "items": component })),
    ]);
    let claim = object(&[
        ("pointer", string()),
        ("offset", number()),
        ("length", number()),
        ("words", string()),
    ]);
    vec![
        ("Earlier", earlier),
        ("Repeat", repeat),
        ("Repeats", repeats),
        ("Repeating", repeating),
        ("RepeatingPage", page),
        ("Examinations", examinations),
        ("Checklist", checklist),
        ("IdentityClaim", claim),
        ("Waiver", object(&[("reason", list::<WaiverReason>()), ("note", string())])),
    ]
}

/// What a reviewer records.
pub(super) fn schemas() -> Components {
    let each = |members: &[(&str, Value)]| json!({ "type": "array", "items": object(members) });
    let candidate = [
        ("repository", string()),
        ("image?", json!({ "type": "string", "contentEncoding": "base64" })),
        ("image_sha256", reference("Sha256")),
        ("source_record?", string()),
        ("captured_on?", string()),
        ("name", string()),
        ("date_of_birth", string()),
        ("cdl?", string()),
        ("main_number?", string()),
        ("sid", string()),
        ("booking_number?", string()),
        ("comments?", string()),
    ];
    let suitability = [
        ("probe", reference("Ordinal")),
        ("suitable", json!({ "type": "boolean" })),
        ("note", string()),
        ("quality?", quality()),
        ("frontal?", json!({ "type": ["boolean", "null"] })),
    ];
    let derivatives = [
        ("operation", string()),
        ("tool", string()),
        ("operator", string()),
        ("parent_sha256", reference("Sha256")),
        ("sha256", reference("Sha256")),
    ];
    let searches = [
        ("repository", string()),
        ("system", string()),
        ("vendor", string()),
        ("version", string()),
        ("searched_at", reference("Time")),
        ("candidates", reference("Ordinal")),
    ];
    let comparison = [
        ("feature", string()),
        ("probe", string()),
        ("candidate", string()),
        ("agreement", list::<Agreement>()),
        ("note?", string()),
    ];
    let used = [("version", string()), ("sha256", reference("Sha256"))];
    let whole = object(&[
        ("suitability", each(&suitability)),
        ("derivatives?", each(&derivatives)),
        ("searches?", each(&searches)),
        ("comparison?", each(&comparison)),
        ("checklist?", json!({ "anyOf": [object(&used), { "type": "null" }] })),
        ("conclusion", list::<Conclusion>()),
        ("narrative", string()),
        ("candidate?", json!({ "anyOf": [object(&candidate), { "type": "null" }] })),
        ("declined_under?", json!({ "type": ["string", "null"] })),
        ("bias_review?", string()),
        ("generative_ai?", generative_ai()),
        ("verified_with?", resources()),
    ]);
    vec![("Examination", whole)]
}
