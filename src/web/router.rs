//! Which path leads to which action. Every action finds out itself who asks; a path that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::api::v1;
use super::problem::Problem;
use super::state::{AppState, Web};
use super::{headers, health};
use crate::id_source::IdSource;

/// The whole API.
pub fn router(state: AppState) -> Router {
    let ids: Arc<dyn IdSource> = Arc::clone(&state.ctx.ids);
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .nest("/api/v1", agencies().merge(people()))
        .fallback(|| async { Problem::not_found() })
        .with_state(Arc::new(Web::new(state)))
        .layer(from_fn_with_state(ids, headers::dress))
}

fn agencies() -> Router<Arc<Web>> {
    Router::new()
        .route(
            "/search-requests",
            get(v1::search_request_read::list).post(v1::search_request_submit::handle),
        )
        .route("/search-requests/{id}", get(v1::search_request_read::one))
        .route("/search-requests/{id}/events", get(v1::search_request_read::events))
        .route("/search-requests/{id}/withdraw", post(v1::search_request_withdraw::handle))
        .route("/units", get(v1::form_read::units))
        .route("/units/{unit}/form", get(v1::form_read::form))
}

fn people() -> Router<Arc<Web>> {
    Router::new()
        .route("/sessions", post(v1::session_create::handle))
        .route("/jobs", get(v1::job_read::list))
        .route("/jobs/{id}", get(v1::job_read::one))
        .route("/jobs/{id}/probes/{n}", get(v1::job_read::probe))
        .route("/jobs/{id}/claim", post(v1::job_step::claim))
        .route("/jobs/{id}/give-back", post(v1::job_step::give_back))
        .route("/jobs/{id}/conclude", post(v1::job_step::conclude))
        .route("/jobs/{id}/second-review", post(v1::job_step::second_review))
        .route("/jobs/{id}/adjudicate", post(v1::job_step::adjudicate))
        .route("/jobs/{id}/document", get(v1::document_release::document))
        .route("/jobs/{id}/release", post(v1::document_release::handle))
        .route("/holds", get(v1::hold_decide::list))
        .route("/holds/{id}", get(v1::hold_decide::one))
        .route("/holds/{id}/decide", post(v1::hold_decide::decide))
        .route("/dead-letters", get(v1::dead_letter_handle::list))
        .route("/dead-letters/{message}", get(v1::dead_letter_handle::one))
        .route("/dead-letters/{message}/replay", post(v1::dead_letter_handle::replay))
        .route("/dead-letters/{message}/drop", post(v1::dead_letter_handle::drop))
        .route("/audit/requests/{id}", get(v1::audit_read::of_request))
        .route("/audit/export", get(v1::audit_read::export))
}
