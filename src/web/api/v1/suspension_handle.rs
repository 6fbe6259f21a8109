//! `GET /api/v1/suspensions`, `POST …/{suspension}/lift`: who may send no forms, until a local administrator lifts it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::id;
use crate::domain::{AccountId, Ori, Personal, RequestId, Role};
use crate::pipeline::emergency::suspension::{self, Lift, Suspended};
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a reason.
const MOST: usize = 16 * 1024;

#[derive(Debug, Serialize)]
struct Requester {
    name: Personal<String>,
    email: Personal<String>,
}

#[derive(Debug, Serialize)]
struct Item {
    suspension: Uuid,
    agency: Ori,
    /// `null` once the request that caused it is destroyed.
    requester: Option<Requester>,
    request: RequestId,
    cause: &'static str,
    since: DateTime<Utc>,
    lifted_by: Option<AccountId>,
    lifted_at: Option<DateTime<Utc>>,
}

impl From<Suspended> for Item {
    fn from(Suspended { row, requester }: Suspended) -> Self {
        Self {
            suspension: row.id,
            agency: row.ori,
            requester: requester.map(|(name, email)| Requester { name, email }),
            request: row.request,
            cause: row.cause.into(),
            since: row.since,
            lifted_by: row.lifted_by,
            lifted_at: row.lifted_at,
        }
    }
}

/// Every suspension that the unit's requests caused, newest first.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let person = auth::person_as(&web, &headers, &[Role::LocalAdministrator]).await?;
    let all = suspension::list(web.ctx(), &person).await?;
    let items: Vec<Item> = all.into_iter().map(Item::from).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Lifts one.
pub(in crate::web) async fn lift(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person_as(&web, request.headers(), &[Role::LocalAdministrator]).await?;
    let id: Uuid = id(&path)?;
    let lift: Lift = body::small(request, MOST).await?;
    let ctx = web.ctx().clone();
    web.to_the_end(async move { suspension::lift(&ctx, &person, id, lift).await }).await?;
    Ok(Json(json!({ "suspension": id, "state": "lifted" })).into_response())
}
