//! `GET /api/v1/audit/requests/{id}` and `…/export`: who saw what, why, under which clause, and its proof.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::id;
use crate::audit::{Actor, AuditEntry, AuditEvent};
use crate::domain::{Account, RequestId, Role};
use crate::pipeline::{Context, PipelineError, audit_export, examine, repeats};
use crate::store::Change;
use crate::web::auth;
use crate::web::problem::Answer;
use crate::web::state::Web;

/// Every entry about one request of the person's unit.
pub(in crate::web) async fn of_request(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let roles = [Role::Auditor, Role::LocalAdministrator];
    let person = auth::person_as(&web, &headers, &roles).await?;
    let ctx = web.ctx();
    let request: RequestId = id(&path)?;
    let row = examine::row_for(ctx, &person, request).await?;
    read_by(ctx, &person, Some(row.id), "audit.read").await?;
    let entries: Vec<AuditEntry> = ctx
        .store
        .audit_of(row.id)
        .await?
        .iter()
        .map(|body| serde_json::from_str(body))
        .collect::<Result<_, _>>()
        .map_err(|_| PipelineError::Inconsistent("an audit entry"))?;
    Ok(Json(json!({ "request": row.id, "entries": entries })).into_response())
}

/// Earlier requests about the same image or case.
pub(in crate::web) async fn repeats_of(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let roles = [Role::Auditor, Role::LocalAdministrator];
    let person = auth::person_as(&web, &headers, &roles).await?;
    let ctx = web.ctx();
    let row = examine::row_for(ctx, &person, id(&path)?).await?;
    read_by(ctx, &person, Some(row.id), "repeats.read").await?;
    let repeats = repeats::of(ctx, &row).await?;
    Ok(Json(json!({ "request": row.id, "repeats": repeats })).into_response())
}

/// The whole log with its checkpoints, one JSON document a line, for offline verification.
pub(in crate::web) async fn export(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person_as(&web, &headers, &[Role::Auditor]).await?;
    read_by(web.ctx(), &person, None, "audit.exported").await?;
    let lines = audit_export::export(web.ctx().clone(), web.app.audit_origin.clone()).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Reading the log is an entry of the log.
async fn read_by(
    ctx: &Context,
    person: &Account,
    request: Option<RequestId>,
    action: &str,
) -> Result<(), PipelineError> {
    let mut event = AuditEvent::new(ctx.now(), Actor::Person { account: person.id }, action)
        .unit(&person.unit)
        .clause("LACRIS-AUD-2");
    event.request = request;
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}
