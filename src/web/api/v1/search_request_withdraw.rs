//! `POST /api/v1/search-requests/{id}/withdraw`: an agency takes a request back, as long as no answer is released.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::{id, shown};
use crate::domain::RequestId;
use crate::pipeline::retain::{Withdrawal, withdraw};
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a reason.
const MOST: usize = 16 * 1024;

/// Withdraws.
pub(in crate::web) async fn handle(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let agency = auth::agency(&web, request.headers()).await?;
    let request_id: RequestId = id(&path)?;
    let withdrawal: Withdrawal = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let stage = web
        .to_the_end(async move { withdraw(&ctx, &agency, request_id, withdrawal).await })
        .await?;
    Ok(Json(json!({ "request": request_id, "state": shown(stage.code()) })).into_response())
}
