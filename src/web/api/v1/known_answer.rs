//! `POST /api/v1/known-answers`, `GET …`: the unit's administrator tests the unit's examiners, and reads what came of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::search_request_submit::refusal;
use crate::domain::Role;
use crate::domain::known_answer::Expected;
use crate::pipeline::PipelineError;
use crate::pipeline::accept::{KnownCase, Receipt, ReceiptState, inject as injected};
use crate::pipeline::known_answers;
use crate::web::problem::Answer;
use crate::web::state::Web;
use crate::web::{auth, body};

/// What is around the form.
const AROUND: usize = 16 * 1024;

/// A test case: a form as an agency would send it, its images inline, and what it should come to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Injection {
    form: serde_json::Value,
    expected: Expected,
}

/// Injects a test case.
pub(in crate::web) async fn inject(State(web): State<Arc<Web>>, request: Request) -> Answer {
    let person = auth::person_as(&web, request.headers(), &[Role::LocalAdministrator]).await?;
    let limit = web.app.limits.form_bytes.saturating_add(AROUND);
    let Injection { form, expected } = body::small(request, limit).await?;
    let form = serde_json::to_vec(&form).map_err(|_| PipelineError::Inconsistent("a form"))?;
    let ctx = web.ctx().clone();
    let case = KnownCase { form, expected };
    let submitted = web.to_the_end(async move { injected(&ctx, &person, case).await }).await?;
    Ok(answer(submitted.receipt()))
}

fn answer(receipt: &Receipt) -> axum::response::Response {
    match receipt.state {
        ReceiptState::Accepted | ReceiptState::Held => {
            (StatusCode::CREATED, Json(receipt)).into_response()
        }
        ReceiptState::Received => (StatusCode::ACCEPTED, Json(receipt)).into_response(),
        ReceiptState::Rejected => {
            let detail = "the policies in force refuse this form; `findings` gives every reason and its remedy";
            refusal(receipt, StatusCode::UNPROCESSABLE_ENTITY, ("rejected", detail)).into_response()
        }
    }
}

/// What the unit's test cases came to.
pub(in crate::web) async fn results(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    let roles = [Role::LocalAdministrator, Role::Auditor];
    let person = auth::person_as(&web, &headers, &roles).await?;
    Ok(Json(known_answers::results(web.ctx(), &person).await?).into_response())
}
