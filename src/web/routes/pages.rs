//! Operations of pages.

use super::Content::Json;
use super::{Operation, Who, get, handler, post, routing};

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/pages",
        "listPages",
        "Pages of the person's unit, newest first.",
        handler!(get api::v1::page_acknowledge::list),
    )
    .who(Who::Person)
    .query(&[("all", "Switch")])
    .answers(&[(200, Json("Pages"))]),
    get(
        "/api/v1/pages/{page}",
        "readPage",
        "A page and its attempts. Reading changes nothing: links in pages lead here.",
        handler!(get api::v1::page_acknowledge::one),
    )
    .who(Who::Person)
    .answers(&[(200, Json("PageWithAttempts"))]),
    post(
        "/api/v1/pages/{page}/acknowledgement",
        "acknowledgePage",
        "Holds further pages back for a while; the job is not taken by this.",
        handler!(post api::v1::page_acknowledge::acknowledge),
    )
    .who(Who::Person)
    .answers(&[(200, Json("Page"))])
    .refuses(&[(403, "role"), (409, "page_ended"), (409, "moved_on")]),
    post(
        "/api/v1/page-callbacks/{destination}",
        "acknowledgePageByDestination",
        "A destination's signed acknowledgement (docs/PAGING.md).",
        handler!(post api::v1::page_acknowledge::callback),
    )
    .body("PageCallback")
    .answers(&[(200, Json("Page"))])
    .refuses(&[(401, "signature"), (409, "page_ended"), (409, "moved_on"), (409, "replayed")]),
];
