//! What every answer carries, errors included: a request id, headers that keep browsers and caches out, and
//! problems in one form.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::problem::{MEDIA_TYPE, Problem};
use crate::id_source::IdSource;
use crate::telemetry::name;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Fixed headers of every answer. This is an API: no page of it may run, frame or be kept anywhere.
const FIXED: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// A test case is counted as the form that it stands for: who reads the metrics beside the worklist must not learn which job
/// came by which path.
const TESTS: &str = "/api/v1/known-answers";
const FORMS: &str = "/api/v1/search-requests";

/// How long the recording of an examination takes depends on what it says: a lead brings a picture. Nobody but its author may
/// learn that before the second review (CORE-BLIND), and the metrics ask for no token: they count it with no time.
const UNMEASURED: [&str; 3] = [
    "/api/v1/jobs/{id}/conclude",
    "/api/v1/jobs/{id}/second-review",
    "/api/v1/jobs/{id}/adjudicate",
];

/// The outermost layer. A client's own request id is not taken: it would end up in the log.
pub(super) async fn dress(
    State(ids): State<Arc<dyn IdSource>>,
    request: Request,
    next: Next,
) -> Response {
    let id = ids.id().simple().to_string();
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    // Whatever a step logs carries the id that the client can name.
    let span = tracing::info_span!("request", request_id = %id);
    let response = AssertUnwindSafe(next.run(request).instrument(span))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Problem::internal().into_response());
    let mut response = uniform(response);
    tracing::info!(request_id = %id, %method, path, status = response.status().as_u16(), "answered");
    fix(response.headers_mut(), &id);
    let seconds =
        if UNMEASURED.contains(&path.as_str()) { 0.0 } else { started.elapsed().as_secs_f64() };
    // Only known words become labels: a client must not be able to make new ones.
    let path = if path == TESTS { FORMS.to_owned() } else { path };
    let known = [Method::GET, Method::POST, Method::HEAD].contains(&method);
    let verb = if known { method.as_str().to_owned() } else { "other".to_owned() };
    metrics::histogram!(
        name::HTTP_SECONDS,
        "method" => verb, "route" => path, "status" => response.status().as_u16().to_string()
    )
    .record(seconds);
    response
}

fn fix(headers: &mut HeaderMap, id: &str) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// A refusal that the router or an extractor wrote in its own words becomes a problem; `Allow` stays.
fn uniform(response: Response) -> Response {
    let status = response.status();
    let ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == MEDIA_TYPE || kind == "application/json");
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut problem = Problem::of_status(status);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem = problem.header(header::ALLOW, allow.clone());
    }
    problem.into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;
    use crate::id_source::CountingIds;

    fn app() -> Router {
        let ids: Arc<dyn IdSource> = Arc::new(CountingIds::default());
        Router::new()
            .route("/fine", get(|| async { "fine" }))
            .route("/panics", get(panics))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(axum::middleware::from_fn_with_state(ids, dress))
    }

    async fn panics() -> String {
        panic!("a handler's fault");
    }

    async fn answer(method: &str, path: &str) -> Response {
        let request = axum::http::Request::builder().method(method).uri(path).body(Body::empty());
        app().oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_answer_is_dressed_and_every_refusal_is_a_problem() {
        for (method, path, status) in [
            ("GET", "/fine", 200),
            ("GET", "/nothing", 404),
            ("POST", "/fine", 405),
            ("TRACE", "/fine", 405),
            ("GET", "/panics", 500),
        ] {
            let response = answer(method, path).await;
            assert_eq!(response.status().as_u16(), status, "{method} {path}");
            for (name, value) in FIXED {
                assert_eq!(response.headers()[&name], value, "{method} {path}");
            }
            assert_eq!(response.headers()[REQUEST_ID].len(), 32);
            if status >= 400 {
                assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
            }
            if status == 405 {
                assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
            }
        }
    }
}
