//! `POST /api/v1/jobs/{id}/destroy` and `…/legal-hold`: the end of a record, and what keeps it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::id;
use crate::domain::{RequestId, Role};
use crate::pipeline::destroy::{self, DestructionOrder, LegalHold};
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a reason.
const MOST: usize = 16 * 1024;

/// Destroys the record; the answer is the certificate.
pub(in crate::web) async fn handle(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person_as(&web, request.headers(), &[Role::LocalAdministrator]).await?;
    let id: RequestId = id(&path)?;
    let order: DestructionOrder = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let certificate =
        web.to_the_end(async move { destroy::destroy(&ctx, &person, id, &order).await }).await?;
    Ok(Json(certificate).into_response())
}

/// Sets or lifts a legal hold.
pub(in crate::web) async fn legal_hold(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person_as(&web, request.headers(), &[Role::LocalAdministrator]).await?;
    let id: RequestId = id(&path)?;
    let order: LegalHold = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    let held = order.held;
    web.to_the_end(async move { destroy::legal_hold(&ctx, &person, id, &order).await }).await?;
    Ok(Json(json!({ "request": id, "held": held })).into_response())
}
