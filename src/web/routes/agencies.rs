//! Operations of agencies.

use super::Content::Json;
use super::{FORM, Operation, Who, get, handler, post, routing};

pub(super) const OPERATIONS: &[Operation] = &[
    get("/api/v1/units", "listUnits", "The units, by id and name.", handler!(get api::v1::form_read::units))
        .who(Who::Agency)
        .answers(&[(200, Json("Units"))]),
    get(
        "/api/v1/units/{unit}/form",
        "readForm",
        "What a form for a unit needs: packs, repositories, limits, statements to affirm.",
        handler!(get api::v1::form_read::form),
    )
    .who(Who::Agency)
    .answers(&[(200, Json("UnitForm"))]),
    post(
        "/api/v1/search-requests",
        "submit",
        "Submits a form. 201: accepted or held; 202: stored, the check is under way; 200: known already.",
        handler!(post api::v1::search_request_submit::handle),
    )
    .who(Who::Agency)
    .body(FORM)
    .answers(&[(200, Json("Receipt")), (201, Json("Receipt")), (202, Json("Receipt"))])
    .refuses(&[
        (400, "malformed"),
        (400, "idempotency_key"),
        (400, "field_repeated"),
        (400, "form_missing"),
        (400, "part_unnamed"),
        (403, "foreign_ori"),
        (409, "idempotency_conflict"),
        (409, "idempotency_race"),
        (413, "too_many_files"),
        (422, "rejected"),
        (429, "rate_limited"),
    ]),
    get(
        "/api/v1/search-requests",
        "listRequests",
        "The agency's requests, newest first.",
        handler!(get api::v1::search_request_read::list),
    )
    .who(Who::Agency)
    .query(&[("limit", "Limit"), ("cursor", "RequestId")])
    .answers(&[(200, Json("RequestPage"))]),
    get(
        "/api/v1/search-requests/{id}",
        "readRequest",
        "Where a request stands.",
        handler!(get api::v1::search_request_read::one),
    )
    .who(Who::Agency)
    .answers(&[(200, Json("Request"))]),
    get(
        "/api/v1/search-requests/{id}/events",
        "listEvents",
        "Everything that happened to a request, oldest first, as CloudEvents 1.0.",
        handler!(get api::v1::search_request_read::events),
    )
    .who(Who::Agency)
    .answers(&[(200, Json("Events"))]),
    post(
        "/api/v1/search-requests/{id}/withdraw",
        "withdraw",
        "Withdraws a request, until an answer is released.",
        handler!(post api::v1::search_request_withdraw::handle),
    )
    .who(Who::Agency)
    .body("Reason")
    .answers(&[(200, Json("StateOfRequest"))])
    .refuses(&[(409, "state"), (410, "destroyed"), (422, "reason")]),
    post(
        "/api/v1/search-requests/{id}/emergency-confirmation",
        "confirmEmergency",
        "A supervisor of the agency, who is not the requester, confirms an imminent threat.",
        handler!(post api::v1::emergency_handle::confirm),
    )
    .who(Who::Agency)
    .body("Confirmation")
    .answers(&[(200, Json("Duties"))])
    .refuses(&[(409, "state"), (409, "moved_on"), (410, "destroyed")]),
];
