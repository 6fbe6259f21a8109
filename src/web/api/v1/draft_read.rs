//! `GET /api/v1/drafts`, `…/{draft}`: what a person submitted too late, for that person alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde_json::json;

use crate::pipeline::draft;
use crate::web::auth;
use crate::web::problem::Answer;
use crate::web::state::Web;

/// The person's own drafts.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let items = draft::list(web.ctx(), &person).await?;
    Ok(Json(json!({ "items": items })).into_response())
}

/// One of them, with its text.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let (kept, text) = draft::read(web.ctx(), &person, &path).await?;
    let answer = json!({
        "draft": kept.draft,
        "request": kept.request,
        "written_at": kept.written_at,
        "token": text.token,
        "examination": text.examination,
    });
    Ok(Json(answer).into_response())
}
