//! Operations of a unit's people.

use super::Content::{Empty, Json, Media};
use super::{Operation, Who, get, handler, post, routing};

/// What a step of an examination refuses.
const STEP: &[(u16, &str)] = &[
    (403, "role"),
    (403, "separation_of_duties"),
    (409, "state"),
    (409, "lease_lost"),
    (410, "destroyed"),
    (422, "policy"),
    (422, "identification"),
];

const LETTER: &[(u16, &str)] = &[(403, "role"), (409, "moved_on")];

const fn person(operation: Operation) -> Operation {
    operation.who(Who::Person)
}

pub(super) const OPERATIONS: &[Operation] = &[
    post(
        "/api/v1/sessions",
        "logIn",
        "Logs in with password and one-time code.",
        handler!(post api::v1::session_create::handle),
    )
    .body("Credentials")
    .answers(&[(201, Json("Session"))])
    .refuses(&[(401, "login_failed"), (429, "login_locked")]),
    person(get(
        "/api/v1/jobs",
        "listJobs",
        "The worklist: what the person may take or holds.",
        handler!(get api::v1::job_read::list),
    ))
    .query(&[("lane", "Lane"), ("limit", "Limit"), ("cursor", "RequestId")])
    .answers(&[(200, Json("Jobs")), (304, Empty)])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/jobs/{id}",
        "readJob",
        "The case file. Each reading is recorded (LACRIS-AUD-2).",
        handler!(get api::v1::job_read::one),
    ))
    .answers(&[(200, Json("CaseFile"))])
    .refuses(&[(403, "not_assigned"), (403, "role"), (410, "destroyed")]),
    person(get(
        "/api/v1/jobs/{id}/probes/{n}",
        "readProbe",
        "A probe's original file.",
        handler!(get api::v1::job_read::probe),
    ))
    .answers(&[(200, Media(&["image/jpeg", "image/png", "image/heic"]))])
    .refuses(&[(403, "not_assigned"), (403, "role"), (410, "destroyed")]),
    person(post(
        "/api/v1/jobs/{id}/claim",
        "claim",
        "Takes a job; every later step names the claim's token.",
        handler!(post api::v1::job_lease::claim),
    ))
    .answers(&[(200, Json("Claim"))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (403, "conflict_of_interest"),
        (403, "gave_back"),
        (409, "state"),
        (409, "leased"),
        (409, "capacity"),
        (409, "moved_on"),
        (410, "destroyed"),
        (422, "policy"),
    ]),
    person(post(
        "/api/v1/jobs/{id}/renew",
        "renew",
        "Keeps a claimed job for longer.",
        handler!(post api::v1::job_lease::renew),
    ))
    .body("Token")
    .answers(&[(200, Json("Renewed"))])
    .refuses(&[(409, "lease_lost"), (409, "lease_limit"), (409, "moved_on")]),
    person(post(
        "/api/v1/jobs/{id}/hand-over",
        "handOver",
        "Offers a claimed job to a colleague.",
        handler!(post api::v1::job_lease::hand_over),
    ))
    .body("HandOver")
    .answers(&[(200, Json("OfRequest"))])
    .refuses(&[
        (409, "lease_lost"),
        (409, "not_eligible"),
        (409, "state"),
        (409, "moved_on"),
        (410, "destroyed"),
    ]),
    person(post(
        "/api/v1/jobs/{id}/give-back",
        "giveBack",
        "Gives a job back, with the reason; it is not offered to the person again.",
        handler!(post api::v1::job_lease::give_back),
    ))
    .body("GiveBack")
    .answers(&[(200, Json("OfRequest"))])
    .refuses(STEP),
    person(get(
        "/api/v1/drafts",
        "listDrafts",
        "What the person submitted after a claim had ended.",
        handler!(get api::v1::draft_read::list),
    ))
    .answers(&[(200, Json("Drafts"))]),
    person(get(
        "/api/v1/drafts/{draft}",
        "readDraft",
        "One of them, with its text. Nobody but its author reads it.",
        handler!(get api::v1::draft_read::one),
    ))
    .answers(&[(200, Json("DraftText"))])
    .refuses(&[(410, "destroyed")]),
    person(post(
        "/api/v1/jobs/{id}/conclude",
        "conclude",
        "Records the first examination.",
        handler!(post api::v1::job_step::conclude),
    ))
    .body("Conclusion")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(STEP),
    person(post(
        "/api/v1/jobs/{id}/second-review",
        "secondReview",
        "Records the blind second examination.",
        handler!(post api::v1::job_step::second_review),
    ))
    .body("Conclusion")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(STEP),
    person(post(
        "/api/v1/jobs/{id}/adjudicate",
        "adjudicate",
        "Records the adjudication of two that differ.",
        handler!(post api::v1::job_step::adjudicate),
    ))
    .body("Conclusion")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(STEP),
    person(get(
        "/api/v1/jobs/{id}/examinations",
        "readExaminations",
        "Every examination, to those who recorded one, once the second review is recorded.",
        handler!(get api::v1::job_reveal::examinations),
    ))
    .answers(&[(200, Json("Examinations"))])
    .refuses(&[(403, "not_revealed"), (410, "destroyed")]),
    person(post(
        "/api/v1/jobs/{id}/waive-second-review",
        "waiveSecondReview",
        "Waives the second review, where every pack of the unit allows the reason.",
        handler!(post api::v1::job_reveal::waive),
    ))
    .body("Waiver")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(&[
        (403, "role"),
        (409, "state"),
        (410, "destroyed"),
        (422, "note"),
        (422, "policy"),
        (422, "identification"),
    ]),
    person(get(
        "/api/v1/jobs/{id}/document",
        "readDocument",
        "The answer as it would leave; `Document-SHA256` is its hash.",
        handler!(get api::v1::document_release::document),
    ))
    .answers(&[(200, Media(&["application/pdf"]))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (409, "state"),
        (410, "destroyed"),
    ]),
    person(post(
        "/api/v1/jobs/{id}/release",
        "release",
        "Signs exactly the document with this hash; or it is held, and a named human decides.",
        handler!(post api::v1::document_release::handle),
    ))
    .body("Release")
    .answers(&[(200, Json("Released"))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (409, "state"),
        (409, "document_changed"),
        (410, "destroyed"),
        (422, "policy"),
        (403, "second_factor"),
        (429, "login_locked"),
    ]),
    person(get(
        "/api/v1/checklist",
        "readChecklist",
        "The checklist of the morphological comparison, as the unit has it.",
        handler!(get api::v1::checklist_read::handle),
    ))
    .answers(&[(200, Json("Checklist"))]),
    person(get(
        "/api/v1/holds",
        "listHolds",
        "Requests that wait for the person's role, or did until they were late. Late ones first, then by due time.",
        handler!(get api::v1::hold_decide::list),
    ))
    .answers(&[(200, Json("Holds"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/holds/{id}",
        "readHold",
        "A held request: its case file, the words of every clause, what a decision does. Each reading is recorded.",
        handler!(get api::v1::hold_decide::one),
    ))
    .answers(&[(200, Json("HoldFile"))])
    .refuses(&[(403, "not_assigned"), (403, "role"), (409, "state"), (410, "destroyed")]),
    person(post(
        "/api/v1/holds/{id}/decide",
        "decideHold",
        "Decides a hold, with a reason and the clause.",
        handler!(post api::v1::hold_decide::decide),
    ))
    .body("HoldDecision")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(&[
        (403, "role"),
        (403, "separation_of_duties"),
        (409, "state"),
        (410, "destroyed"),
        (422, "reason"),
        (422, "clause"),
        (422, "identification"),
    ]),
    person(post(
        "/api/v1/jobs/{id}/disclose",
        "disclose",
        "Passes a delivered answer on to another recipient, sealed anew.",
        handler!(post api::v1::answer_disclose::handle),
    ))
    .body("DisclosureOrder")
    .answers(&[(200, Json("Disclosed"))])
    .refuses(&[
        (403, "role"),
        (409, "kept_in_unit"),
        (409, "moved_on"),
        (409, "repeated"),
        (410, "destroyed"),
        (422, "policy"),
        (422, "identification"),
    ]),
    person(get(
        "/api/v1/jobs/{id}/disseminations",
        "listDisseminations",
        "To whom the answer was passed on, and why. Reading it is an entry.",
        handler!(get api::v1::answer_disclose::list),
    ))
    .answers(&[(200, Json("Disseminations"))])
    .refuses(&[(403, "role"), (410, "destroyed")]),
    person(post(
        "/api/v1/jobs/{id}/destroy",
        "destroyRecord",
        "Destroys the record of an ended request; the answer is the certificate.",
        handler!(post api::v1::record_destroy::handle),
    ))
    .body("DestructionOrder")
    .answers(&[(200, Json("Certificate"))])
    .refuses(&[
        (403, "role"),
        (409, "state"),
        (409, "moved_on"),
        (410, "destroyed"),
        (422, "policy"),
        (422, "reason"),
    ]),
    person(post(
        "/api/v1/jobs/{id}/legal-hold",
        "legalHold",
        "Sets or lifts a legal hold: while it stands, nothing destroys the record.",
        handler!(post api::v1::record_destroy::legal_hold),
    ))
    .body("LegalHold")
    .answers(&[(200, Json("LegalHoldOf"))])
    .refuses(&[
        (403, "role"),
        (409, "state"),
        (409, "moved_on"),
        (410, "destroyed"),
        (422, "identification"),
        (422, "reason"),
    ]),
    person(get(
        "/api/v1/dead-letters",
        "listDeadLetters",
        "Messages that gave up after all their attempts.",
        handler!(get api::v1::dead_letter_handle::list),
    ))
    .answers(&[(200, Json("DeadLetters"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/dead-letters/{message}",
        "readDeadLetter",
        "One of them.",
        handler!(get api::v1::dead_letter_handle::one),
    ))
    .answers(&[(200, Json("DeadLetter"))])
    .refuses(&[(403, "role")]),
    person(post(
        "/api/v1/dead-letters/{message}/replay",
        "replayDeadLetter",
        "Puts it back, with all its attempts before it.",
        handler!(post api::v1::dead_letter_handle::replay),
    ))
    .answers(&[(200, Json("StateOfMessage"))])
    .refuses(LETTER),
    person(post(
        "/api/v1/dead-letters/{message}/drop",
        "dropDeadLetter",
        "Gives it up for good.",
        handler!(post api::v1::dead_letter_handle::drop),
    ))
    .body("Reason")
    .answers(&[(200, Json("StateOfMessage"))])
    .refuses(&[(403, "role"), (409, "moved_on"), (422, "reason")]),
    person(get(
        "/api/v1/audit/requests/{id}",
        "readAudit",
        "Every audit entry about one request. Reading it is an entry too.",
        handler!(get api::v1::audit_read::of_request),
    ))
    .answers(&[(200, Json("AuditOfRequest"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/audit/requests/{id}/repeats",
        "readRepeats",
        "Earlier requests about the same image, a picture that looks the same, or the same case. Reading it is an entry too.",
        handler!(get api::v1::audit_read::repeats_of),
    ))
    .answers(&[(200, Json("Repeats"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/audit/units/{unit}/repeats",
        "listRepeats",
        "Requests of the unit that repeat an earlier one, newest first. Reading it is an entry.",
        handler!(get api::v1::audit_read::repeats_of_unit),
    ))
    .query(&[("since", "Time"), ("limit", "Limit"), ("cursor", "RequestId")])
    .answers(&[(200, Json("RepeatingPage"))])
    .refuses(&[(403, "role")]),
    person(get(
        "/api/v1/audit/export",
        "exportAudit",
        "The whole log as JSON lines, with its signed checkpoints.",
        handler!(get api::v1::audit_read::export),
    ))
    .answers(&[(200, Media(&["application/jsonl"]))])
    .refuses(&[(403, "role")]),
];
