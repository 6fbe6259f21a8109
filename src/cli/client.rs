//! A running server, asked over HTTP; what it refuses becomes lines a person can act on.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::exit;
use crate::domain::{Finding, ShapeError};

/// Forms carry images: a slow line needs minutes.
const DEADLINE: Duration = Duration::from_mins(5);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody answered.
    #[error("reach `{server}`: {why}; check `--server`, and `leadbroker serve` on its machine")]
    Away {
        /// Which server.
        server: String,
        /// What happened.
        why: &'static str,
    },
    /// The server refused.
    #[error("{}", .0.text())]
    Refused(Box<Refusal>),
    /// Something else than leadbroker answered.
    #[error("understand the answer of `{0}`: it is not leadbroker's; check `--server`")]
    Foreign(String),
    /// There is no token.
    #[error("log in: there is no token; set LEADBROKER_TOKEN or give `--token-file`")]
    NoToken,
    /// A token must not travel in the clear.
    #[error("send a token to `{0}`: it would travel in the clear; use `https://`")]
    Clear(String),
    /// An argument is no id.
    #[error("use `{0}`: it is no id; ids look like `r-019abc…`, `m-019abc…`, `lacris`")]
    Id(String),
}

impl CallError {
    /// The stable code.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Away { .. } => "server_away",
            Self::Refused(refusal) => &refusal.code,
            Self::Foreign(_) => "answer_foreign",
            Self::NoToken => "token_missing",
            Self::Clear(_) => "token_in_the_clear",
            Self::Id(_) => "id",
        }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> u8 {
        match self {
            Self::Away { .. } => exit::AWAY,
            Self::Refused(refusal) => refusal.exit(),
            Self::Foreign(_) => exit::DATA,
            Self::NoToken => exit::NO_RIGHT,
            Self::Clear(_) | Self::Id(_) => exit::USAGE,
        }
    }
}

/// The server's problem document (RFC 9457).
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    errors: Vec<ShapeError>,
}

impl Refusal {
    fn exit(&self) -> u8 {
        match self.status {
            401 | 403 => exit::NO_RIGHT,
            502..=504 => exit::AWAY,
            422 => exit::REFUSED,
            _ if !self.findings.is_empty() || !self.errors.is_empty() => exit::REFUSED,
            400 | 413 | 415 => exit::DATA,
            _ => exit::FAILURE,
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{} ({})", self.detail, self.code)];
        lines.extend(self.findings.iter().map(finding_text));
        for error in &self.errors {
            let place = if error.pointer.is_empty() { "the whole" } else { &error.pointer };
            lines.push(format!("  {place}: {} ({})", error.message, error.code));
        }
        lines.join("\n")
    }
}

/// A finding as a person reads it.
pub(super) fn finding_text(finding: &Finding) -> String {
    let place = if finding.field.is_empty() { "the whole" } else { &finding.field };
    format!(
        "  {} ({}) at {place}: {}\n    -> {}",
        finding.clause, finding.pack, finding.message, finding.remedy
    )
}

/// A running server.
pub(super) struct Api {
    http: reqwest::Client,
    server: String,
    token: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Api {
    /// The server at `server`, for whom the file or `LEADBROKER_TOKEN` names.
    pub(super) fn open(server: &str, token_file: Option<&Path>) -> anyhow::Result<Self> {
        let token = if let Some(path) = token_file {
            crate::config::read_secret(&path.display().to_string())
                .map_err(|fault| anyhow::anyhow!("read the token: `--token-file` {fault}"))?
        } else {
            let (mut variables, broken) = crate::config::environment();
            if let Some(fault) = broken.iter().find(|fault| fault.key == "LEADBROKER_TOKEN") {
                anyhow::bail!("read the token: {fault}");
            }
            variables.remove("LEADBROKER_TOKEN").unwrap_or_default()
        };
        let token = token.trim().to_owned();
        if token.is_empty() {
            return Err(CallError::NoToken.into());
        }
        let url: reqwest::Url = server
            .parse()
            .with_context(|| format!("read `--server {server}`: expected `https://HOST`"))?;
        if url.scheme() != "https" && !is_local(url.host_str().unwrap_or_default()) {
            return Err(CallError::Clear(server.to_owned()).into());
        }
        let http = crate::http::client(DEADLINE).context("make an HTTP client")?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned(), token })
    }

    /// A call to `path` below `/api/v1/`.
    pub(super) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1/{path}", self.server)).bearer_auth(&self.token)
    }

    /// Reads a document.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.json(self.call(Method::GET, path)).await
    }

    /// Takes a step.
    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let call = self.call(Method::POST, path);
        self.json(match body {
            Some(body) => call.json(body),
            None => call,
        })
        .await
    }

    /// Sends, and reads the answer as JSON.
    pub(super) async fn json(&self, call: RequestBuilder) -> Result<Value, CallError> {
        let answer = self.send(call).await?;
        answer.json().await.map_err(|error| self.fault(&error))
    }

    /// Sends; an answer that is a refusal becomes an error.
    pub(super) async fn send(&self, call: RequestBuilder) -> Result<Response, CallError> {
        let answer = call.send().await.map_err(|error| self.fault(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refusal(answer).await)
    }

    /// Reads a document with its `ETag`, unless it is still the one with this `ETag`.
    pub(super) async fn unless_same(
        &self,
        call: RequestBuilder,
        known: Option<&str>,
    ) -> Result<Option<(String, Value)>, CallError> {
        let call = match known {
            Some(tag) => call.header(reqwest::header::IF_NONE_MATCH, tag),
            None => call,
        };
        let answer = call.send().await.map_err(|error| self.fault(&error))?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        let tag = answer.headers().get(reqwest::header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Some((tag, answer.json().await.map_err(|error| self.fault(&error))?)))
    }

    async fn refusal(&self, answer: Response) -> CallError {
        let status = answer.status();
        match answer.json::<Refusal>().await {
            Ok(refusal) => CallError::Refused(Box::new(refusal)),
            Err(_)
                if status == StatusCode::BAD_GATEWAY
                    || status == StatusCode::SERVICE_UNAVAILABLE =>
            {
                CallError::Away {
                    server: self.server.clone(),
                    why: "a proxy answered that it is away",
                }
            }
            Err(_) => CallError::Foreign(self.server.clone()),
        }
    }

    /// An error of the transport, without its own text, which may hold the whole address.
    pub(super) fn fault(&self, error: &reqwest::Error) -> CallError {
        if error.is_decode() {
            return CallError::Foreign(self.server.clone());
        }
        let why = if error.is_timeout() {
            "it did not answer in time"
        } else if error.is_connect() {
            "nothing listens there, or its certificate is not trusted"
        } else {
            "the connection broke"
        };
        CallError::Away { server: self.server.clone(), why }
    }
}

/// Whether a host is this machine.
fn is_local(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An argument that becomes a part of a path.
pub(super) fn segment(text: &str) -> Result<&str, CallError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        Ok(text)
    } else {
        Err(CallError::Id(text.to_owned()))
    }
}

/// A member as a table shows it.
pub(super) fn shown(value: &Value, member: &str) -> String {
    match value.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The members of a list of documents, as rows.
pub(super) fn rows(items: Option<&Value>, members: &[&str]) -> Vec<Vec<String>> {
    items
        .and_then(Value::as_array)
        .map(|items| {
            items
                .iter()
                .map(|item| members.iter().map(|name| shown(item, name)).collect())
                .collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(problem: Value) -> Result<CallError, serde_json::Error> {
        Ok(CallError::Refused(Box::new(serde_json::from_value(problem)?)))
    }

    #[test]
    fn findings_tell_clause_reason_and_remedy() {
        let error = refused(json!({
            "type": "urn:leadbroker:problem:rejected", "title": "Unprocessable Entity", "status": 422,
            "detail": "the policies in force refuse this request", "code": "rejected", "request": null,
            "findings": [{
                "clause": "CORE-AGREEMENT", "pack": "core", "verdict": "reject", "field": "/provider_unit",
                "message": "no agreement is in force", "remedy": "renew it"
            }],
            "errors": []
        }))
        .unwrap();
        insta::assert_snapshot!(error, @r"
        the policies in force refuse this request (rejected)
          CORE-AGREEMENT (core) at /provider_unit: no agreement is in force
            -> renew it
        ");
        assert_eq!((error.code(), error.exit()), ("rejected", exit::REFUSED));
    }

    #[test]
    fn errors_of_shape_tell_every_place() {
        let error = refused(json!({
            "status": 422, "detail": "the form has not the shape of search_request.v1", "code": "shape",
            "errors": [
                { "code": "field_missing", "pointer": "/requester/phone", "message": "must be there" },
                { "code": "json_syntax", "pointer": "", "message": "breaks off" }
            ]
        }))
        .unwrap();
        insta::assert_snapshot!(error, @r"
        the form has not the shape of search_request.v1 (shape)
          /requester/phone: must be there (field_missing)
          the whole: breaks off (json_syntax)
        ");
    }

    #[test]
    fn each_refusal_has_the_exit_code_that_scripts_depend_on() {
        let expected = [
            (401, exit::NO_RIGHT),
            (403, exit::NO_RIGHT),
            (400, exit::DATA),
            (413, exit::DATA),
            (409, exit::FAILURE),
            (422, exit::REFUSED),
            (503, exit::AWAY),
        ];
        for (status, code) in expected {
            let error = refused(json!({ "status": status, "detail": "d", "code": "c" })).unwrap();
            assert_eq!(error.exit(), code, "{status}");
        }
    }

    #[test]
    fn a_path_cannot_be_left_through_an_id() {
        for text in ["", "../audit/export", "r-1?x=y", "r 1", "r-1/claim"] {
            assert!(segment(text).is_err(), "{text}");
        }
        assert!(segment("r-019abc0000007000800000000000002a").is_ok());
    }

    #[test]
    fn a_token_does_not_travel_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        crate::cli::keys::write_secret(&file, b"lbs_sample\n").unwrap();
        for server in ["http://leadbroker.example.gov", "http://127.example.gov"] {
            let error = Api::open(server, Some(&file)).unwrap_err();
            assert_eq!(error.downcast_ref::<CallError>().unwrap().code(), "token_in_the_clear");
        }
        assert!(Api::open("https://leadbroker.example.gov", Some(&file)).is_ok());
        assert!(Api::open("http://127.0.0.1:8400/", Some(&file)).is_ok());
    }
}
