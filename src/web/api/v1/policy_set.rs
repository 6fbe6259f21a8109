//! `GET` and `POST /api/v1/policy-sets`, `GET …/{version}`, `POST …/{version}/confirm`: two people put packs in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::id;
use crate::domain::Account;
use crate::pipeline::policy_sets::{self, Proposal, READS};
use crate::pipeline::{Context, PipelineError};
use crate::policy::archive::MOST_BYTES;
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// Most bytes of a confirmation.
const SMALL: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    sha256: String,
}

/// Every version, and which set decides.
pub(in crate::web) async fn list(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    auth::person_as(&web, &headers, READS).await?;
    Ok(Json(policy_sets::list(web.ctx()).await?).into_response())
}

/// One version with its files: whoever confirms has read them.
pub(in crate::web) async fn one(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    auth::person_as(&web, &headers, READS).await?;
    Ok(Json(policy_sets::one(web.ctx(), id(&path)?).await?).into_response())
}

/// Proposes a set.
pub(in crate::web) async fn propose(State(web): State<Arc<Web>>, request: Request) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let proposal: Proposal = body::small(request, MOST_BYTES).await?;
    let ctx = web.ctx().clone();
    let recorded = web
        .to_the_end(async move {
            let recorded = policy_sets::propose(&ctx, &person, proposal).await;
            refused(&ctx, &person, recorded).await
        })
        .await?;
    Ok((StatusCode::CREATED, Json(recorded)).into_response())
}

/// Puts a proposal in force.
pub(in crate::web) async fn confirm(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let person = auth::person(&web, request.headers()).await?;
    let version: i64 = id(&path)?;
    let Confirmation { sha256 } = body::small(request, SMALL).await?;
    let ctx = web.ctx().clone();
    let recorded = web
        .to_the_end(async move {
            let recorded = policy_sets::confirm(&ctx, &person, (version, &sha256)).await;
            refused(&ctx, &person, recorded).await
        })
        .await?;
    Ok(Json(recorded).into_response())
}

/// A refusal for want of a right is recorded.
async fn refused<T>(
    ctx: &Context,
    person: &Account,
    result: Result<T, PipelineError>,
) -> Result<T, PipelineError> {
    match result {
        Ok(done) => Ok(done),
        Err(error) => Err(auth::refused(ctx, person, None, error).await),
    }
}
