//! Reading bodies of strangers: within a size, within a time, of a known kind, each member once.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::domain::ShapeError;

/// Most bytes of a person's step; a candidate's image is inline.
const STEP_BYTES: usize = 25 * 1024 * 1024;

/// What multipart adds to the bytes of its parts.
const MULTIPART_OVERHEAD: usize = 64 * 1024;

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_mins(2);

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// `application/json`, UTF-8.
    Json,
    /// `multipart/form-data`.
    Multipart,
}

/// A form and the files beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// The form's bytes.
    pub(super) form: Vec<u8>,
    /// Files by the name of their part.
    pub(super) parts: BTreeMap<String, Vec<u8>>,
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail)
}

/// The kind of a body by its headers. Compressed bodies are refused: a kilobyte could become a gigabyte.
pub(super) fn kind_of(headers: &HeaderMap) -> Result<BodyKind, Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported("send the body uncompressed, without `Content-Encoding`"));
    }
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let expected = "send one `Content-Type`: `application/json` in UTF-8, or `multipart/form-data` with its boundary";
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unsupported(expected));
    };
    let value = value.to_str().map_err(|_| unsupported(expected))?;
    kind_of_value(value).ok_or_else(|| unsupported(expected))
}

fn kind_of_value(value: &str) -> Option<BodyKind> {
    let mut pieces = value.split(';').map(str::trim);
    let essence = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let parameters: Vec<(String, &str)> = pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            piece
                .split_once('=')
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        })
        .collect::<Option<_>>()?;
    match essence.as_str() {
        "application/json" => parameters
            .iter()
            .all(|(name, value)| {
                name == "charset" && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
            .then_some(BodyKind::Json),
        "multipart/form-data" => parameters
            .iter()
            .any(|(name, value)| name == "boundary" && !value.trim_matches('"').is_empty())
            .then_some(BodyKind::Multipart),
        _ => None,
    }
}

/// Reads a whole body of at most `limit` bytes.
async fn whole(mut request: Request, limit: usize) -> Result<Bytes, Problem> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    let read = Bytes::from_request(request, &());
    match tokio::time::timeout(BODY_TIME, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => Err(unreadable(rejection.status(), limit)),
        Err(_) => Err(late()),
    }
}

fn late() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        "the body did not arrive within two minutes; send it again, or fewer files",
    )
}

fn unreadable(status: StatusCode, limit: usize) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let error = ShapeError::new(
            "too_large",
            "",
            format!("the body has more than {limit} bytes; send fewer or smaller files"),
        );
        return Problem::one_error(status, &error);
    }
    Problem::new(
        StatusCode::BAD_REQUEST,
        "body_unreadable",
        "the body broke off or is not what its headers say; send it again",
    )
}

/// Reads a form: JSON, or multipart with a part `form` and files.
pub(super) async fn upload(
    request: Request,
    limit: usize,
    files: usize,
) -> Result<Upload, Problem> {
    match kind_of(request.headers())? {
        BodyKind::Json => {
            let form = whole(request, limit).await?.to_vec();
            Ok(Upload { form, parts: BTreeMap::new() })
        }
        BodyKind::Multipart => {
            let read = multipart(request, limit.saturating_add(MULTIPART_OVERHEAD), files);
            tokio::time::timeout(BODY_TIME, read).await.unwrap_or_else(|_| Err(late()))
        }
    }
}

async fn multipart(mut request: Request, limit: usize, files: usize) -> Result<Upload, Problem> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| unsupported("send `multipart/form-data` with its boundary"))?;
    let mut form = None;
    let mut parts = BTreeMap::new();
    while let Some(field) =
        multipart.next_field().await.map_err(|error| unreadable(error.status(), limit))?
    {
        let name = field.name().unwrap_or_default().to_owned();
        let json =
            field.content_type().is_none_or(|kind| kind_of_value(kind) == Some(BodyKind::Json));
        if name == "form" && !json {
            return Err(unsupported("the part `form` is `application/json` in UTF-8"));
        }
        if name != "form" && parts.len() >= files {
            let error = ShapeError::new(
                "too_many_files",
                "/images",
                format!("at most {files} files are allowed beside a form; send the best ones"),
            );
            return Err(Problem::one_error(StatusCode::PAYLOAD_TOO_LARGE, &error));
        }
        let bytes =
            field.bytes().await.map_err(|error| unreadable(error.status(), limit))?.to_vec();
        let before = if name == "form" { form.replace(bytes) } else { parts.insert(name, bytes) };
        if before.is_some() {
            return Err(bad_part(
                "field_repeated",
                "every part needs a name of its own; the part `form` comes once",
            ));
        }
    }
    let form = form.ok_or_else(|| {
        bad_part("form_missing", "send the form as JSON in a part that is named `form`")
    })?;
    if parts.contains_key("") {
        return Err(bad_part(
            "part_unnamed",
            "give every file part a name, and name it in the image's `part`",
        ));
    }
    Ok(Upload { form, parts })
}

fn bad_part(code: &str, detail: &str) -> Problem {
    Problem::one_error(StatusCode::BAD_REQUEST, &ShapeError::new(code, "", detail))
}

/// Reads the JSON body of a person's step. Members that are not known are refused, with their pointer.
pub(super) async fn step<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    small(request, STEP_BYTES).await
}

/// Reads the bytes of a signed body of at most `limit` bytes: what was signed, not what it was read as.
pub(super) async fn signed(request: Request, limit: usize) -> Result<Bytes, Problem> {
    if kind_of(request.headers())? != BodyKind::Json {
        return Err(unsupported("send `application/json` in UTF-8"));
    }
    whole(request, limit).await
}

/// The document of a signed body.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    parse(bytes)
}

/// Reads a JSON body of at most `limit` bytes.
pub(super) async fn small<T: DeserializeOwned>(
    request: Request,
    limit: usize,
) -> Result<T, Problem> {
    if kind_of(request.headers())? != BodyKind::Json {
        return Err(unsupported("send `application/json` in UTF-8"));
    }
    parse(&whole(request, limit).await?)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::shape(&[misfit(&error)]),
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            let text = format!(
                "expected one JSON document; it breaks at line {}, column {}",
                error.line(),
                error.column()
            );
            Problem::one_error(StatusCode::BAD_REQUEST, &ShapeError::new("json", "", text))
        }
    })
}

/// What serde says can hold input, so only the name of a member that leadbroker itself knows is taken from it.
fn misfit(error: &serde_json::Error) -> ShapeError {
    let text = error.to_string();
    let at = format!("line {}, column {}", error.line(), error.column());
    let quoted = |prefix: &str| {
        text.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(str::to_owned)
    };
    if let Some(name) = quoted("missing field `") {
        return ShapeError::new(
            "field_missing",
            format!("/{name}"),
            format!("give the member `{name}` ({at})"),
        );
    }
    if let Some(name) = quoted("duplicate field `") {
        return ShapeError::new(
            "field_repeated",
            format!("/{name}"),
            format!("give the member `{name}` once ({at})"),
        );
    }
    if text.starts_with("unknown field `") {
        return ShapeError::new(
            "field_unknown",
            "",
            format!(
                "there is a member that this step does not know ({at}); docs/API.md lists them"
            ),
        );
    }
    ShapeError::new(
        "value",
        "",
        format!(
            "a value has another type or another word than this step takes ({at}); docs/API.md lists them"
        ),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    fn request(kind: &str, body: impl Into<Body>) -> Request {
        axum::http::Request::builder().header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()
    }

    fn parts(list: &[(&str, &str)]) -> String {
        let mut text = String::new();
        for (name, content) in list {
            text.push_str("--b\r\nContent-Disposition: form-data; name=\"");
            text.push_str(name);
            text.push_str("\"\r\n\r\n");
            text.push_str(content);
            text.push_str("\r\n");
        }
        text + "--b--\r\n"
    }

    const MULTIPART: &str = "multipart/form-data; boundary=b";

    #[test]
    fn only_plain_json_and_multipart_are_read() {
        for (value, kind) in [
            ("application/json", Some(BodyKind::Json)),
            ("Application/JSON; charset=\"UTF-8\"", Some(BodyKind::Json)),
            ("application/json; charset=utf-7", None),
            ("application/json; boundary", None),
            (MULTIPART, Some(BodyKind::Multipart)),
            ("multipart/form-data", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(kind_of_value(value), kind, "{value}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(kind_of(&headers).unwrap_err().status(), 415);
        headers.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        assert_eq!(kind_of(&headers).unwrap(), BodyKind::Json);
        headers.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        assert_eq!(kind_of(&headers).unwrap_err().status(), 415);
        headers.remove(header::CONTENT_TYPE);
        headers.append(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.append(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(kind_of(&headers).unwrap_err().status(), 415);
    }

    #[tokio::test]
    async fn a_form_comes_alone_or_with_its_files() {
        let alone = upload(request("application/json", "{}"), 2, 1).await.unwrap();
        assert_eq!(alone, Upload { form: b"{}".to_vec(), parts: BTreeMap::new() });
        let both = parts(&[("file-1", "abc"), ("form", "{}")]);
        let both = upload(request(MULTIPART, both), 5, 1).await.unwrap();
        assert_eq!(both.form, b"{}");
        assert_eq!(both.parts["file-1"], b"abc");
    }

    #[tokio::test]
    async fn every_limit_of_an_upload_has_its_own_answer() {
        let big = "x".repeat(MULTIPART_OVERHEAD + 100);
        let cases = [
            (request("application/json", "{ }"), 2, (413, "too_large")),
            (request(MULTIPART, parts(&[("form", &big)])), 2, (413, "too_large")),
            (request(MULTIPART, parts(&[("a", "1"), ("b", "2")])), 9, (413, "too_many_files")),
            (
                request(MULTIPART, parts(&[("form", "{}"), ("form", "{}")])),
                9,
                (400, "field_repeated"),
            ),
            (request(MULTIPART, parts(&[("a", "1")])), 9, (400, "form_missing")),
            (request(MULTIPART, "--b\r\nbroken"), 9, (400, "body_unreadable")),
            (request("text/plain", "{}"), 9, (415, "media_type")),
        ];
        for (request, limit, (status, code)) in cases {
            let problem = upload(request, limit, 1).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        token: i64,
    }

    #[tokio::test]
    async fn a_step_reads_what_it_knows_and_repeats_nothing_of_the_rest() {
        let read = |body: &'static str| step::<Sample>(request("application/json", body));
        assert_eq!(read("{\"token\": 7}").await.unwrap().token, 7);
        for (body, status, code) in [
            ("{\"token\": 7", 400, "json"),
            ("{}", 422, "shape"),
            ("{\"token\": 1, \"Jordan Sample\": 2}", 422, "shape"),
            ("{\"token\": \"Jordan Sample\"}", 422, "shape"),
            ("{\"token\": 1, \"token\": 2}", 422, "shape"),
        ] {
            let problem = read(body).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (status, code), "{body}");
            assert!(!format!("{problem:?}").contains("Jordan"), "{body}");
        }
    }
}
