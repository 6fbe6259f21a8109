//! Schemas of known-answer jobs.

use serde_json::{Value, json};

use super::super::reference;
use super::{Components, array, list, number, object, string};
use crate::domain::known_answer::{Comparison, ExaminationStep};

/// What a test should come to.
fn expected() -> Value {
    let lead = object(&[("outcome", json!({ "const": "lead" })), ("sid", string())]);
    let other = object(&[("outcome", json!({ "enum": ["no_match", "unsuitable_probe"] }))]);
    json!({ "oneOf": [lead, other] })
}

/// Test cases and what they came to.
pub(super) fn schemas() -> Components {
    let end = json!({ "type": ["number", "null"] });
    let mut tally = vec![("account", string())];
    let counts = [
        "conclusions",
        "agreeing",
        "false_leads",
        "missed",
        "unsuitable",
        "inconclusive",
        "declined",
    ];
    tally.extend(counts.map(|name| (name, number())));
    tally.extend(["error_rate", "false_lead_rate"].map(|name| (name, reference("Rate"))));
    vec![
        ("KnownAnswer", object(&[("form", reference("SearchRequest")), ("expected", expected())])),
        (
            "ScoredConclusion",
            object(&[
                ("account", string()),
                ("step", list::<ExaminationStep>()),
                ("comparison", list::<Comparison>()),
                ("at", reference("Time")),
            ]),
        ),
        (
            "KnownAnswerCase",
            object(&[
                ("request", reference("RequestId")),
                ("injected_by", string()),
                ("injected_at", reference("Time")),
                ("state", reference("State")),
                ("conclusions", array("ScoredConclusion")),
            ]),
        ),
        (
            "Rate",
            object(&[("count", number()), ("of", number()), ("low", end.clone()), ("high", end)]),
        ),
        ("Tally", object(&tally)),
        (
            "KnownAnswers",
            object(&[
                ("unit", reference("UnitId")),
                ("cases", array("KnownAnswerCase")),
                ("people", array("Tally")),
            ]),
        ),
    ]
}
