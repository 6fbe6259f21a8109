//! `POST /api/v1/search-requests`: an agency submits a form.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::{Agency, AgencyStanding, ShapeError};
use crate::pipeline::accept::{Receipt, ReceiptState, Submission, Submitted, accept, unreadable};
use crate::web::auth;
use crate::web::body;
use crate::web::problem::{Answer, Problem, shape_status};
use crate::web::rate::too_many;
use crate::web::state::Web;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Takes a form.
pub(in crate::web) async fn handle(State(web): State<Arc<Web>>, request: Request) -> Answer {
    let agency = auth::any_agency(&web, request.headers()).await?;
    web.ctx().form_rate.take(&agency.ori).map_err(|wait| too_many("rate_limited", wait))?;
    let submission = if agency.standing == AgencyStanding::Suspended {
        // The stage records the attempt and refuses it; nothing of the body is read.
        Submission {
            agency,
            body: Arc::default(),
            parts: std::collections::BTreeMap::new(),
            key: None,
        }
    } else {
        match read(&web, &agency, request).await {
            Ok(submission) => submission,
            Err(problem) => return Err(on_record(&web, agency, problem).await),
        }
    };
    let ctx = web.ctx().clone();
    let submitted = web
        .to_the_end(async move { accept(&ctx, submission).await })
        .await
        .map_err(with_receipt)?;
    Ok(answer(submitted))
}

/// What breaks before the form is read is on record too. A record that cannot be kept is the answer then.
async fn on_record(web: &Web, agency: Agency, problem: Problem) -> Problem {
    let (ctx, code) = (web.ctx().clone(), problem.code().to_owned());
    match web.to_the_end(async move { unreadable(&ctx, &agency, &code).await }).await {
        Ok(()) => problem,
        Err(fault) => fault,
    }
}

async fn read(web: &Web, agency: &Agency, request: Request) -> Result<Submission, Problem> {
    body::kind_of(request.headers())?;
    let key = key(request.headers())?;
    let files = usize::try_from(web.ctx().rules.form.images).unwrap_or(usize::MAX);
    let limit = web.app.limits.form_bytes;
    let upload = body::upload(request, limit, files).await.map_err(with_receipt)?;
    Ok(Submission { agency: agency.clone(), body: Arc::new(upload.form), parts: upload.parts, key })
}

/// The idempotency key: at most 64 visible ASCII characters, once.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && values.next().is_none() {
        return Ok(Some(text.to_owned()));
    }
    let text = "send one `Idempotency-Key` of 1 to 64 visible ASCII characters, or none";
    Err(Problem::one_error(StatusCode::BAD_REQUEST, &ShapeError::new("idempotency_key", "", text)))
}

/// Status and body of each answer, as the section "Submit" of docs/API.md promises.
fn answer(submitted: Submitted) -> Response {
    match submitted {
        Submitted::New(receipt) => stored(&receipt, StatusCode::CREATED),
        Submitted::Before(receipt) => stored(&receipt, StatusCode::OK),
        Submitted::Malformed(receipt) => {
            let detail = "the body is not one sound JSON document; `errors` says where it breaks";
            refusal(&receipt, StatusCode::BAD_REQUEST, ("malformed", detail)).into_response()
        }
        Submitted::Misshapen(receipt) => {
            let status = shape_status(&receipt.errors);
            let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "shape" };
            let detail = "the form has not the shape of search_request.v1; `errors` names every place, nothing was stored";
            refusal(&receipt, status, (code, detail)).into_response()
        }
    }
}

fn stored(receipt: &Receipt, taken: StatusCode) -> Response {
    let location = receipt
        .request
        .and_then(|id| HeaderValue::from_str(&format!("/api/v1/search-requests/{id}")).ok());
    let mut response = match receipt.state {
        ReceiptState::Accepted | ReceiptState::Held => (taken, Json(receipt)).into_response(),
        ReceiptState::Received => (StatusCode::ACCEPTED, Json(receipt)).into_response(),
        ReceiptState::Rejected => {
            let detail = "the policies in force refuse this request; `findings` gives every reason and its remedy";
            refusal(receipt, StatusCode::UNPROCESSABLE_ENTITY, ("rejected", detail)).into_response()
        }
    };
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What is wrong with a form before or while it is stored reads like every receipt of a refused one.
fn with_receipt(problem: Problem) -> Problem {
    let about_the_form =
        [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];
    if !about_the_form.contains(&problem.status()) {
        return problem;
    }
    problem
        .default_member("request", &None::<()>)
        .default_member("state", &ReceiptState::Rejected)
        .default_member("findings", &[(); 0])
        .default_member("errors", &[(); 0])
        .default_member("duplicate_of", &None::<()>)
}

/// A problem with the receipt's members at top level.
pub(super) fn refusal(
    receipt: &Receipt,
    status: StatusCode,
    (code, detail): (&str, &str),
) -> Problem {
    Problem::new(status, code, detail)
        .member("request", &receipt.request)
        .member("state", &receipt.state)
        .member("findings", &receipt.findings)
        .member("errors", &receipt.errors)
        .member("duplicate_of", &receipt.duplicate_of)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Finding, RequestId, Verdict};

    fn receipt(state: ReceiptState) -> Receipt {
        Receipt {
            request: Some(RequestId::new(Uuid::from_u128(1))),
            state,
            findings: Vec::new(),
            errors: Vec::new(),
            duplicate_of: None,
        }
    }

    async fn written(submitted: Submitted) -> (u16, HeaderMap, Value) {
        let (parts, body) = answer(submitted).into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    const LOCATION: &str = "/api/v1/search-requests/r-00000000000000000000000000000001";

    #[tokio::test]
    async fn the_status_says_what_became_of_the_form() {
        let cases = [
            (Submitted::New(receipt(ReceiptState::Accepted)), 201, "accepted"),
            (Submitted::New(receipt(ReceiptState::Held)), 201, "held"),
            (Submitted::New(receipt(ReceiptState::Received)), 202, "received"),
            (Submitted::New(receipt(ReceiptState::Rejected)), 422, "rejected"),
            (Submitted::Before(receipt(ReceiptState::Accepted)), 200, "accepted"),
            (Submitted::Before(receipt(ReceiptState::Received)), 202, "received"),
            (Submitted::Before(receipt(ReceiptState::Rejected)), 422, "rejected"),
        ];
        for (submitted, status, state) in cases {
            let (written, headers, body) = written(submitted).await;
            assert_eq!((written, &body["state"]), (status, &json!(state)));
            assert_eq!(headers[header::LOCATION], LOCATION);
        }
    }

    #[tokio::test]
    async fn a_rejection_carries_its_receipt_at_top_level() {
        let mut rejected = receipt(ReceiptState::Rejected);
        rejected.findings = vec![Finding {
            clause: "CORE-AGREEMENT".to_owned(),
            pack: "core".to_owned(),
            verdict: Verdict::Reject,
            field: "/provider_unit".to_owned(),
            message: "there is no agreement in force".to_owned(),
            remedy: "sign one".to_owned(),
        }];
        let (_, headers, body) = written(Submitted::New(rejected)).await;
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            json!({
                "type": "urn:leadbroker:problem:rejected",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "the policies in force refuse this request; `findings` gives every reason and its remedy",
                "code": "rejected",
                "request": "r-00000000000000000000000000000001",
                "state": "rejected",
                "findings": [{
                    "clause": "CORE-AGREEMENT",
                    "pack": "core",
                    "verdict": "reject",
                    "field": "/provider_unit",
                    "message": "there is no agreement in force",
                    "remedy": "sign one",
                }],
                "errors": [],
                "duplicate_of": null,
            })
        );
    }

    #[tokio::test]
    async fn what_was_not_stored_has_no_place() {
        let misshapen = |code: &str| {
            let errors = vec![ShapeError::new(code, "/images", "x")];
            Receipt { request: None, errors, ..receipt(ReceiptState::Rejected) }
        };
        for (submitted, status, code) in [
            (Submitted::Malformed(misshapen("json")), 400, "malformed"),
            (Submitted::Misshapen(misshapen("field_unknown")), 422, "shape"),
            (Submitted::Misshapen(misshapen("too_many_files")), 413, "too_large"),
        ] {
            let (written, headers, body) = written(submitted).await;
            assert_eq!((written, &body["code"]), (status, &json!(code)));
            assert_eq!(body["request"], Value::Null);
            assert!(!headers.contains_key(header::LOCATION));
        }
    }

    #[tokio::test]
    async fn a_form_that_cannot_be_read_gets_a_receipt_too() {
        let error = ShapeError::new("too_many_files", "/images", "x");
        let problem = with_receipt(Problem::one_error(StatusCode::PAYLOAD_TOO_LARGE, &error));
        let body = problem.into_response().into_body();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["state"], "rejected");
        assert_eq!(body["errors"][0]["code"], "too_many_files");
        assert_eq!(body["findings"], json!([]));
        let other = Problem::unauthorized();
        assert_eq!(with_receipt(other.clone()), other);
    }

    #[test]
    fn a_key_has_up_to_64_visible_characters() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            key(&headers).map_err(|problem| (problem.status().as_u16(), problem.code().to_owned()))
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["a-1"]), Ok(Some("a-1".to_owned())));
        let (most, more) = ("k".repeat(64), "k".repeat(65));
        assert_eq!(with(&[&most]), Ok(Some(most.clone())));
        let bad = Err((400, "idempotency_key".to_owned()));
        for values in [&[more.as_str()][..], &[""], &["a b"], &["ä"], &["a", "a"]] {
            assert_eq!(with(values), bad, "{values:?}");
        }
    }
}
