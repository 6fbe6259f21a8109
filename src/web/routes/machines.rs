//! Operations without a token.

use super::{Content, Operation, get, handler, routing};

pub(super) const OPERATIONS: &[Operation] = &[
    get("/livez", "live", "The process runs.", handler!(get health::live))
        .answers(&[(204, Content::Empty)]),
    get("/readyz", "ready", "What works and what does not.", handler!(get health::ready))
        .answers(&[(200, Content::Json("Readiness")), (503, Content::Json("Readiness"))]),
    get(
        "/metrics",
        "metrics",
        "Counts and times in Prometheus' text format.",
        handler!(get health::metrics),
    )
    .answers(&[(200, Content::Media(&["text/plain"]))]),
    get("/api/v1/openapi.json", "openapi", "This document.", handler!(get openapi::handle))
        .answers(&[(200, Content::Json("Document"))]),
];
