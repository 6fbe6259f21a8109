//! `GET /api/v1/jobs/{id}/document` and `POST …/release`: an officer reads the answer and signs exactly that.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::id;
use super::job_read::attachment;
use crate::domain::{Account, Personal, RequestId};
use crate::lifecycle::StageCode;
use crate::pipeline::{examine, release};
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;
use crate::web::step_up::step_up;
use crate::web::{auth, body};

const DOCUMENT_SHA256: HeaderName = HeaderName::from_static("document-sha256");

/// Most bytes of a release.
const MOST: usize = 4 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    document_sha256: String,
    /// A fresh one-time code, where the account has a second factor.
    #[serde(default)]
    code: Option<Personal<String>>,
}

/// The document as it would leave. Its reading is recorded before it is made.
pub(in crate::web) async fn document(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let officer = auth::person(&web, &headers).await?;
    let request: RequestId = id(&path)?;
    let ctx = web.ctx().clone();
    let preview = web
        .to_the_end(async move {
            // The gate records its refusals itself.
            release::preview(&ctx, &officer, request).await
        })
        .await?;
    let hash = HeaderValue::from_str(&preview.sha256).map_err(|_| Problem::internal())?;
    let mut response = attachment(preview.pdf, &format!("{request}.pdf"), "application/pdf");
    response.headers_mut().insert(DOCUMENT_SHA256, hash);
    Ok(response)
}

/// Releases the document that was read, or has a named human decide whether it leaves.
pub(in crate::web) async fn handle(
    State(web): State<Arc<Web>>,
    Path(path): Path<String>,
    request: Request,
) -> Answer {
    let officer = auth::person(&web, request.headers()).await?;
    let id: RequestId = id(&path)?;
    let given: Release = body::small(request, MOST).await?;
    let shared = Arc::clone(&web);
    let answer =
        web.to_the_end(async move { released(&shared, &officer, id, given).await }).await?;
    Ok(Json(answer).into_response())
}

/// Nothing is signed without a fresh second factor, and none is spent in vain.
async fn released(
    web: &Web,
    officer: &Account,
    id: RequestId,
    given: Release,
) -> Result<Value, Problem> {
    let ctx = web.ctx();
    if let Err(error) = release::precheck(ctx, officer, id, &given.document_sha256).await {
        return Err(auth::refused(ctx, officer, Some(id), error).await.into());
    }
    step_up(web, officer, id, given.code.as_ref()).await?;
    match release::release(ctx, officer, id, &given.document_sha256).await {
        Ok(stage) => {
            let held = stage.code() == StageCode::Held;
            let why =
                if held { examine::row_for(ctx, officer, id).await?.findings } else { Vec::new() };
            Ok(json!({ "request": id, "state": stage.code(), "findings": why }))
        }
        Err(error) => Err(auth::refused(ctx, officer, Some(id), error).await.into()),
    }
}
