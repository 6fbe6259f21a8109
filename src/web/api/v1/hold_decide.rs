//! `GET /api/v1/holds`, `…/{id}`, `POST …/{id}/decide`: a named human decides what a policy held.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde::Serialize;
use serde_json::json;

use super::job_read::{Job, case_file, readable};
use super::{id, shown};
use crate::domain::{Finding, RequestId};
use crate::lifecycle::StageCode;
use crate::pipeline::examine;
use crate::pipeline::hold::{self, HoldDecision};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a decision.
const MOST: usize = 16 * 1024;

#[derive(Debug, Serialize)]
struct Hold {
    #[serde(flatten)]
    job: Job,
    findings: Vec<Finding>,
}

/// Requests that wait for the person's role.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let rows = hold::list(web.ctx(), &person).await?;
    let items: Vec<Hold> =
        rows.into_iter().map(|row| Hold { job: Job::of(&row), findings: row.findings }).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// The case file of a held request.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let request: RequestId = id(&path)?;
    let held = examine::row_for(web.ctx(), &person, request).await?;
    if held.stage.code() != StageCode::Held {
        return Err(Problem::not_found());
    }
    let row = readable(web.ctx(), &person, request).await?;
    case_file(web.ctx(), &person, &row).await
}

/// Decides a hold.
pub(in crate::web) async fn decide(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let decision: HoldDecision = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let stage = web
        .to_the_end(async move {
            match hold::decide(&ctx, &person, id, decision).await {
                Ok(stage) => Ok(stage),
                Err(error) => Err(auth::refused(&ctx, &person, Some(id), error).await),
            }
        })
        .await?;
    Ok(Json(json!({ "request": id, "state": shown(stage.code()) })).into_response())
}
