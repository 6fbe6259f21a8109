//! Schemas of policy sets and explanations.

use serde_json::json;

use super::super::reference;
use super::{Components, array, list, number, object, or_null, string, strings, text};
use crate::pipeline::explain;
use crate::pipeline::policy_sets::PolicySetState;
use crate::policy::facts::Content;

/// Policy sets, explanations.
pub(super) fn schemas() -> Components {
    let mut all = sets();
    all.extend(explanations());
    all
}

/// A version as it is listed, with further members.
fn listed(more: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut members = vec![
        ("version", number()),
        ("sha256", reference("Sha256")),
        ("state", reference("PolicySetState")),
        ("proposed_by", text("^p-[0-9a-f]{32}$")),
        ("proposed_at", reference("Time")),
        ("confirmed_by", json!({ "type": ["string", "null"] })),
        ("confirmed_at", or_null("Time")),
    ];
    members.extend_from_slice(more);
    object(&members)
}

fn sets() -> Components {
    let origin = json!({ "anyOf": [
        { "enum": ["built_in", "directory"] },
        object(&[("activated", number())]),
    ] });
    let in_force = object(&[("origin", origin), ("sha256", reference("Sha256"))]);
    let refused =
        object(&[("version", json!({ "type": ["integer", "null"] })), ("reasons", strings())]);
    let review = object(&[
        ("pack", string()),
        ("review_due", json!({ "type": "string", "format": "date" })),
        ("overdue", json!({ "type": "boolean" })),
    ]);
    vec![
        ("PolicySetState", list::<PolicySetState>()),
        ("PolicyFile", object(&[("path", string()), ("content", string())])),
        ("PolicySetProposal", object(&[("version", number()), ("files", array("PolicyFile"))])),
        ("PolicySetConfirmation", object(&[("sha256", reference("Sha256"))])),
        (
            "RecordedPolicySet",
            object(&[
                ("version", number()),
                ("sha256", reference("Sha256")),
                ("state", reference("PolicySetState")),
                ("reviews", json!({ "type": "array", "items": review })),
            ]),
        ),
        ("PolicySet", listed(&[])),
        ("WholePolicySet", listed(&[("files", array("PolicyFile"))])),
        (
            "PolicySets",
            object(&[
                ("in_force", in_force),
                ("refused", json!({ "anyOf": [refused, { "type": "null" }] })),
                ("items", array("PolicySet")),
            ]),
        ),
    ]
}

fn explanations() -> Components {
    let verdict = json!({ "enum": ["accept", "hold", "reject"] });
    let mut rule = ["pack", "rule", "clause", "clause_text", "clause_lines"]
        .into_iter()
        .chain(["field", "message", "remedy", "place"])
        .map(|member| (member, string()))
        .collect::<Vec<_>>();
    rule.push(("gate", reference("ExplainedGate")));
    rule.push(("verdict", verdict.clone()));
    rule.push(("failed", json!({ "type": "boolean" })));
    vec![
        ("ExplainedGate", json!({ "enum": explain::gates() })),
        ("ExplainedActor", string()),
        ("ExplainedContent", list::<Content>()),
        ("ExplainedClause", string()),
        ("ExplainedRule", object(&rule)),
        ("PackInForce", object(&[("pack", string()), ("sha256", reference("Sha256"))])),
        (
            "Explanation",
            object(&[
                ("verdict", verdict),
                ("packs", array("PackInForce")),
                ("rules", array("ExplainedRule")),
                ("engine", array("Finding")),
                ("assumed", json!({ "type": "array", "items": { "type": "string" } })),
            ]),
        ),
    ]
}
