//! `GET /api/v1/audit/requests/{id}` and `…/export`: who saw what, why, under which clause, and its proof.
//! `GET /api/v1/audit/requests/{id}/repeats` and `…/units/{unit}/repeats`: what was asked before.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::{bad_query, id, query};
use crate::audit::{Actor, AuditEntry, AuditEvent};
use crate::domain::{Account, RequestId, Role, UnitId};
use crate::pipeline::read::{self, Wanted};
use crate::pipeline::{Context, PipelineError, audit_export, people, repeats};
use crate::policy::facts::Content;
use crate::store::{Change, UnitRepeats};
use crate::web::auth;
use crate::web::problem::Answer;
use crate::web::state::Web;

/// Every entry about one request of the person's unit.
pub(in crate::web) async fn of_request(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let ctx = web.ctx();
    let request: RequestId = id(&path)?;
    let wanted = Wanted { content: Content::Audit, action: "audit.read", which: "" };
    let row = read::allow(ctx, &person, request, wanted).await?;
    let entries: Vec<AuditEntry> = ctx
        .store
        .audit_of(row.id)
        .await?
        .iter()
        .map(|body| serde_json::from_str(body))
        .collect::<Result<_, _>>()
        .map_err(|_| PipelineError::Inconsistent("an audit entry"))?;
    let logins = people::logins(&*ctx.registry().await?, &entries);
    Ok(Json(json!({ "request": row.id, "entries": entries, "logins": logins })).into_response())
}

/// Earlier requests about the same image or case.
pub(in crate::web) async fn repeats_of(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let ctx = web.ctx();
    let wanted = Wanted { content: Content::Audit, action: "repeats.read", which: "" };
    let row = read::allow(ctx, &person, id(&path)?, wanted).await?;
    let found = repeats::of(ctx, &row).await?;
    let answer = json!({ "request": row.id, "repeats": found.repeats, "pictures": found.pictures });
    Ok(Json(answer).into_response())
}

/// Requests of the person's unit that repeat an earlier one, newest first.
pub(in crate::web) async fn repeats_of_unit(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
    uri: Uri,
) -> Answer {
    let person = auth::person(&web, &headers).await?;
    let unit: UnitId = id(&path)?;
    let [since, limit, cursor] = query(&uri, ["since", "limit", "cursor"])?;
    let since = since
        .map(str::parse)
        .transpose()
        .map_err(|_| bad_query("`since` is a time as `2026-11-23T16:00:00Z`"))?;
    let limit = limit.map_or(Ok(50), str::parse).ok().filter(|limit| (1..=200).contains(limit));
    let limit: i64 = limit.ok_or_else(|| bad_query("`limit` is a number from 1 to 200"))?;
    let before = cursor
        .map(str::parse)
        .transpose()
        .map_err(|_| bad_query("`cursor` is the `next` of the page before"))?;
    let ctx = web.ctx();
    let wanted = Wanted { content: Content::Audit, action: "repeats.listed", which: "" };
    read::allow_unit(ctx, &person, &unit, wanted).await?;
    let page = repeats::of_unit(ctx, &UnitRepeats { unit, since, before, limit }).await?;
    Ok(Json(page).into_response())
}

/// The whole log with its checkpoints, one JSON document a line, for offline verification.
pub(in crate::web) async fn export(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person_as(&web, &headers, &[Role::Auditor]).await?;
    exported_by(web.ctx(), &person).await?;
    let lines = audit_export::export(web.ctx().clone(), web.app.audit_origin.clone()).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Reading the log is an entry of the log.
async fn exported_by(ctx: &Context, person: &Account) -> Result<(), PipelineError> {
    let actor = Actor::Person { account: person.id };
    let event = AuditEvent::new(ctx.now(), actor, "audit.exported")
        .unit(&person.unit)
        .clause("LACRIS-AUD-2");
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    Ok(())
}
