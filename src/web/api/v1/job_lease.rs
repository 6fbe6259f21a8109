//! `POST /api/v1/jobs/{id}/claim`, `…/renew`, `…/hand-over`, `…/give-back`: claims on jobs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::json;

use super::{id, shown};
use crate::domain::{GiveBackReason, Personal, RequestId};
use crate::pipeline::lease;
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOver {
    token: i64,
    /// Login of the colleague.
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveBack {
    token: i64,
    reason: GiveBackReason,
    #[serde(default)]
    text: Option<Personal<String>>,
}

/// Takes a job.
pub(in crate::web) async fn claim(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let request: RequestId = id(&path)?;
    let ctx = web.ctx().clone();
    let claimed = web
        .to_the_end(async move {
            match lease::claim(&ctx, &person, request).await {
                Ok(claimed) => Ok(claimed),
                Err(error) => Err(auth::refused(&ctx, &person, Some(request), error).await),
            }
        })
        .await?;
    let answer = json!({
        "token": claimed.lease.token,
        "until": claimed.lease.until,
        "stage": shown(claimed.stage),
        "drafts": claimed.drafts,
    });
    Ok(Json(answer).into_response())
}

/// Keeps a job for longer.
pub(in crate::web) async fn renew(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let given: Token = body::step(request).await?;
    let ctx = web.ctx().clone();
    let lease =
        web.to_the_end(async move { lease::renew(&ctx, &person, id, given.token).await }).await?;
    Ok(Json(json!({ "token": lease.token, "until": lease.until })).into_response())
}

/// Offers a job to a colleague.
pub(in crate::web) async fn hand_over(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let given: HandOver = body::step(request).await?;
    let ctx = web.ctx().clone();
    web.to_the_end(
        async move { lease::hand_over(&ctx, &person, id, (given.token, &given.to)).await },
    )
    .await?;
    Ok(Json(json!({ "request": id })).into_response())
}

/// Gives a job back.
pub(in crate::web) async fn give_back(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let GiveBack { token, reason, text } = body::step(request).await?;
    let back = lease::GiveBack { reason, text };
    let ctx = web.ctx().clone();
    web.to_the_end(async move { lease::give_back(&ctx, &person, id, (token, back)).await }).await?;
    Ok(Json(json!({ "request": id })).into_response())
}
