//! What an answer says when it is no: RFC 9457, `application/problem+json`.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::ShapeError;
use crate::pipeline::{PipelineError, Refusal};
use crate::policy::Claim;
use crate::store::StoreError;
use crate::vault::VaultError;

/// The media type of every problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem. Its `code` is stable; its `detail` says what to do next and holds no personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone, PartialEq)]
struct Content {
    status: StatusCode,
    code: String,
    detail: String,
    members: Map<String, Value>,
    headers: HeaderMap,
}

/// The answer of a step.
pub(super) type Answer = Result<Response, Problem>;

impl Problem {
    /// A problem with a stable code.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            status,
            code: code.to_owned(),
            detail: detail.into(),
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// With a further member at top level. One that cannot be written as JSON is left out.
    #[must_use]
    pub fn member(mut self, name: &str, value: &impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.members.insert(name.to_owned(), value);
        }
        self
    }

    /// With a further member, unless there is one of this name.
    #[must_use]
    pub fn default_member(self, name: &str, value: &impl Serialize) -> Self {
        if self.0.members.contains_key(name) { self } else { self.member(name, value) }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// A request for which the client shows no valid token (RFC 6750).
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send a valid token: `Authorization: Bearer <token>`; a session ends after 30 minutes without use",
        )
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"leadbroker\""))
    }

    /// Nothing is there for this client. Another agency's and another unit's requests read the same.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such thing here; check the path and the id",
        )
    }

    /// A fault that retrying may cure.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the service cannot reach what it needs; nothing was changed, send the same again in a moment",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// A fault of leadbroker's own.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed; give the administrator the value of the header `X-Request-Id`",
        )
    }

    /// What has not the wanted shape: 422, or 413 where something is too large or too many.
    pub fn shape(errors: &[ShapeError]) -> Self {
        let status = shape_status(errors);
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "shape" };
        Self::new(
            status,
            code,
            "what was sent has not the wanted shape; `errors` names every place",
        )
        .member("errors", &errors)
    }

    /// One shape error with a status of its own; its code is the problem's.
    pub fn one_error(status: StatusCode, error: &ShapeError) -> Self {
        Self::new(status, &error.code, error.message.clone()).member("errors", &[error])
    }

    /// The problem that stands for a bare status code, as the router or an extractor gives it.
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method_not_allowed",
                "this path does not take this method; the header `Allow` lists those that it takes",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "too_large", "the body is larger than this path takes; send less")
            }
            _ if status.is_server_error() => Self::internal(),
            _ => Self::new(
                StatusCode::BAD_REQUEST,
                "bad_request",
                "the request cannot be read; check its path, query and headers",
            ),
        }
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

/// The status of shape errors: 413 where something is too large, else 422.
pub(super) fn shape_status(errors: &[ShapeError]) -> StatusCode {
    let large = |error: &ShapeError| {
        ["too_large", "too_many_files", "image_too_large"].contains(&error.code.as_str())
    };
    if errors.iter().any(large) {
        StatusCode::PAYLOAD_TOO_LARGE
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Content { status, code, detail, members: mut body, headers } = *self.0;
        let title = status.canonical_reason().unwrap_or("Problem");
        body.insert("type".to_owned(), format!("urn:leadbroker:problem:{code}").into());
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), detail.into());
        body.insert("code".to_owned(), code.into());
        let mut response = (status, headers, Json(Value::Object(body))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

impl From<PipelineError> for Problem {
    fn from(error: PipelineError) -> Self {
        let passes = match error {
            PipelineError::Refused(refusal) => return refusal.into(),
            PipelineError::Store(
                StoreError::Database(_) | StoreError::NotCommitted | StoreError::Stopped,
            )
            | PipelineError::Vault(VaultError::Store(_) | VaultError::Late) => true,
            PipelineError::Store(_)
            | PipelineError::Vault(_)
            | PipelineError::Registry(_)
            | PipelineError::Document(_)
            | PipelineError::Mail(_)
            | PipelineError::Randomness(_)
            | PipelineError::Inconsistent(_) => false,
        };
        fault(&error, passes)
    }
}

/// Logs a fault of the service and answers for it.
fn fault(error: &PipelineError, passes: bool) -> Problem {
    tracing::error!(error = %error, passes, "a step failed");
    if passes { Problem::unavailable() } else { Problem::internal() }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        PipelineError::from(error).into()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::Forbidden { code, message } => Self::new(StatusCode::FORBIDDEN, code, message),
            // The stages give these as conflicts; to a client they are members of its body.
            Refusal::Conflict { code: code @ ("reason" | "clause" | "note"), message } => {
                let error = ShapeError::new(code, format!("/{code}"), message);
                Self::one_error(StatusCode::UNPROCESSABLE_ENTITY, &error)
            }
            Refusal::Conflict { code, message } => Self::new(StatusCode::CONFLICT, code, message),
            Refusal::Shape(errors) => Self::shape(&errors),
            Refusal::Findings(findings) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "policy",
                "the policies in force do not allow this step; `findings` gives every reason and its remedy",
            )
            .member("findings", &findings),
            Refusal::Identification { claims, findings } => {
                let error = |claim: &Claim| {
                    ShapeError::new("identification", claim.pointer.clone(), claim.message())
                };
                let errors: Vec<ShapeError> = claims.iter().map(error).collect();
                Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "identification",
                    "a lead does not say that a face is somebody; `claims` shows every place that does, `errors` says what to write",
                )
                .member("errors", &errors)
                .member("claims", &claims)
                .member("findings", &findings)
            }
            Refusal::Gone => Self::new(
                StatusCode::GONE,
                "destroyed",
                "the content of this request was destroyed; only its audit entries remain",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(problem: Problem) -> (StatusCode, HeaderMap, Value) {
        let response = problem.into_response();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_rfc_and_its_own_at_top_level() {
        let error = ShapeError::new("field_unknown", "/x", "remove it");
        let (status, headers, body) = written(Problem::shape(&[error])).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(headers[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:leadbroker:problem:shape",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "what was sent has not the wanted shape; `errors` names every place",
                "code": "shape",
                "errors": [{ "code": "field_unknown", "pointer": "/x", "message": "remove it" }],
            })
        );
    }

    #[tokio::test]
    async fn a_missing_token_asks_for_one() {
        let (status, headers, _) = written(Problem::unauthorized()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer realm=\"leadbroker\"");
    }

    #[test]
    fn refusals_keep_their_codes() {
        let of = |error: PipelineError| {
            let problem = Problem::from(error);
            (problem.status().as_u16(), problem.code().to_owned())
        };
        assert_eq!(of(PipelineError::not_found()), (404, "not_found".to_owned()));
        assert_eq!(of(PipelineError::forbidden("role", "x")), (403, "role".to_owned()));
        assert_eq!(of(PipelineError::conflict("leased", "x")), (409, "leased".to_owned()));
        assert_eq!(of(PipelineError::conflict("clause", "x")), (422, "clause".to_owned()));
        assert_eq!(of(PipelineError::Refused(Refusal::Gone)), (410, "destroyed".to_owned()));
        assert_eq!(of(PipelineError::Store(StoreError::Stopped)), (503, "unavailable".to_owned()));
        assert_eq!(of(PipelineError::Inconsistent("a request")), (500, "internal".to_owned()));
        let large = ShapeError::new("too_large", "", "x");
        let shape = PipelineError::Refused(Refusal::Shape(vec![large]));
        assert_eq!(of(shape), (413, "too_large".to_owned()));
    }
}
