//! `GET /api/v1/checklist`: what the person's unit compares by.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde_json::json;

use crate::domain::Unit;
use crate::domain::examination::Checklist;
use crate::web::auth;
use crate::web::problem::Answer;
use crate::web::state::Web;

/// The checklist, with the hash that a record keeps.
pub(in crate::web) async fn handle(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let registry = web.ctx().registry().await?;
    let checklist = registry.unit(&person.unit).map_or(Checklist::builtin(), Unit::checklist);
    let used = checklist.used();
    let answer = json!({
        "version": used.version, "sha256": used.sha256, "components": checklist.components,
    });
    Ok(Json(answer).into_response())
}
