//! What people of a unit ask and do beside their jobs: emergencies, suspensions, explanations, policy sets.

use super::Content::Json;
use super::{Operation, Who, get, handler, post, routing};

const fn person(operation: Operation) -> Operation {
    operation.who(Who::Person)
}

pub(super) const OPERATIONS: &[Operation] = &[
    person(get(
        "/api/v1/emergencies",
        "listEmergencies",
        "Open duties of the unit's emergencies, what is due first first.",
        handler!(get api::v1::emergency_handle::list),
    ))
    .answers(&[(200, Json("OpenDuties"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/emergencies/{id}",
        "readEmergency",
        "Whom to call about what: the registry's number, the duties, the attempts. Each reading is recorded.",
        handler!(get api::v1::emergency_handle::one),
    ))
    .answers(&[(200, Json("CallSheet"))])
    .refuses(&[(403, "role"), (410, "destroyed")]),
    person(post(
        "/api/v1/emergencies/{id}/call-back",
        "recordCallBack",
        "Records an attempt to call the agency back. A denial stops the request at once.",
        handler!(post api::v1::emergency_handle::call_back),
    ))
    .body("CallBack")
    .answers(&[(200, Json("Duties"))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (409, "state"),
        (409, "moved_on"),
        (409, "call_back_missing"),
        (410, "destroyed"),
        (422, "identification"),
    ]),
    person(get(
        "/api/v1/suspensions",
        "listSuspensions",
        "Requesters whose forms are refused, newest first. Each reading is recorded.",
        handler!(get api::v1::suspension_handle::list),
    ))
    .answers(&[(200, Json("Suspensions"))])
    .refuses(&[(403, "role")]),
    person(post(
        "/api/v1/suspensions/{suspension}/lift",
        "liftSuspension",
        "Lifts a suspension, with a reason.",
        handler!(post api::v1::suspension_handle::lift),
    ))
    .body("Reason")
    .answers(&[(200, Json("StateOfSuspension"))])
    .refuses(&[
        (403, "role"),
        (409, "state"),
        (409, "moved_on"),
        (422, "reason"),
        (422, "identification"),
    ]),
    person(get(
        "/api/v1/search-requests/{id}/explanation",
        "explain",
        "Every rule that is asked about a request, and what it says now. Each reading is recorded (LACRIS-AUD-2).",
        handler!(get api::v1::explanation_read::handle),
    ))
    .query(&[
        ("gate", "ExplainedGate"),
        ("as", "ExplainedActor"),
        ("what", "ExplainedContent"),
        ("to", "Ori"),
        ("clause", "ExplainedClause"),
    ])
    .answers(&[(200, Json("Explanation"))])
    .refuses(&[(403, "role"), (410, "destroyed")]),
    person(get(
        "/api/v1/policy-sets",
        "listPolicySets",
        "Every version of the policy packs, and which set decides.",
        handler!(get api::v1::policy_set::list),
    ))
    .answers(&[(200, Json("PolicySets"))])
    .refuses(&[(403, "role")]),
    person(post(
        "/api/v1/policy-sets",
        "proposePolicySet",
        "Proposes a whole set of packs; it decides nothing until another person confirms it.",
        handler!(post api::v1::policy_set::propose),
    ))
    .body("PolicySetProposal")
    .answers(&[(201, Json("RecordedPolicySet"))])
    .refuses(&[(403, "role"), (409, "policy_set_version")]),
    person(get(
        "/api/v1/policy-sets/{version}",
        "readPolicySet",
        "A version with its files.",
        handler!(get api::v1::policy_set::one),
    ))
    .answers(&[(200, Json("WholePolicySet"))])
    .refuses(&[(403, "role")]),
    person(post(
        "/api/v1/policy-sets/{version}/confirm",
        "confirmPolicySet",
        "Puts the proposal with this SHA-256 in force; by another person than who proposed it.",
        handler!(post api::v1::policy_set::confirm),
    ))
    .body("PolicySetConfirmation")
    .answers(&[(200, Json("RecordedPolicySet"))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (409, "moved_on"),
        (409, "policy_set_changed"),
        (409, "policy_set_confirmed"),
        (409, "policy_set_proposer"),
        (409, "policy_set_superseded"),
    ]),
    person(post(
        "/api/v1/known-answers",
        "injectKnownAnswer",
        "Injects a test case with its sealed expected answer; whoever works on it sees a request like any other.",
        handler!(post api::v1::known_answer::inject),
    ))
    .body("KnownAnswer")
    .answers(&[(201, Json("Receipt")), (202, Json("Receipt"))])
    .refuses(&[(403, "role"), (409, "repeat"), (422, "rejected")]),
    person(get(
        "/api/v1/known-answers",
        "readKnownAnswers",
        "What the unit's test cases came to, by case and by person. Each reading is recorded.",
        handler!(get api::v1::known_answer::results),
    ))
    .answers(&[(200, Json("KnownAnswers"))])
    .refuses(&[(403, "role")]),
];
