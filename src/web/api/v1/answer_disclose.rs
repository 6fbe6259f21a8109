//! `POST /api/v1/jobs/{id}/disclose` and `GET …/disseminations`: who else is given a delivered answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde_json::json;

use super::id;
use crate::domain::{RequestId, Role};
use crate::pipeline::disclose::{self, DisclosureOrder};
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of an order.
const MOST: usize = 16 * 1024;

/// Passes a delivered answer on.
pub(in crate::web) async fn handle(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let roles = [Role::ReleaseAuthority, Role::LocalAdministrator];
    let person = auth::person_as(&web, request.headers(), &roles).await?;
    let id: RequestId = id(&path)?;
    let order: DisclosureOrder = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let mailing =
        web.to_the_end(async move { disclose::disclose(&ctx, &person, id, &order).await }).await?;
    Ok(Json(json!({ "request": id, "mailing": mailing })).into_response())
}

/// Everyone to whom the answer was passed on.
pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let request: RequestId = id(&path)?;
    let items = disclose::disseminations(web.ctx(), &person, request).await?;
    Ok(Json(json!({ "request": request, "items": items })).into_response())
}
