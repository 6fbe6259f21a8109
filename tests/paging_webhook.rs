//! Pages by webhook against a server on the loopback: what it is told, and what it may not do.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta, Utc};
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::pager::{CallResult, Webhooks};
use leadbroker::paging::Destination;
use leadbroker::paging::settings::Template;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// One call: its headers and its body.
type Call = (HeaderMap, Vec<u8>);

/// A receiver: what it answers, in turn, and what it was told.
#[derive(Clone, Default)]
struct Desk {
    answers: Arc<Mutex<VecDeque<u16>>>,
    told: Arc<Mutex<Vec<Call>>>,
}

async fn take(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> impl IntoResponse {
    desk.told.lock().unwrap().push((headers, body.to_vec()));
    let status = desk.answers.lock().unwrap().pop_front().unwrap_or(202);
    if status == 0 {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, [("location", "/elsewhere")], "x".repeat(1 << 20))
}

impl Desk {
    /// Serves, and gives the URL of its page.
    async fn open(&self, answers: &[u16]) -> String {
        self.answers.lock().unwrap().extend(answers);
        let app = Router::new().fallback(take).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await });
        // It serves until the test's runtime ends.
        std::mem::forget(tasks);
        format!("http://127.0.0.1:{port}/page")
    }

    fn told(&self) -> Vec<Call> {
        self.told.lock().unwrap().clone()
    }
}

fn destination(url: &str, allow_private: bool) -> Destination {
    Destination {
        name: "desk".to_owned(),
        url: url.to_owned(),
        secret: SECRET.to_vec(),
        service_key: String::new(),
        template: Template::Generic,
        allow_private,
        authorities: None,
        timeout_seconds: 60,
    }
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

async fn call(hooks: &Webhooks, at: DateTime<Utc>) -> CallResult {
    hooks.call("desk", "pa-7", br#"{"a":1}"#.to_vec(), at).await
}

#[tokio::test]
async fn a_call_carries_a_signature_that_anybody_with_the_secret_can_check() {
    let desk = Desk::default();
    let url = desk.open(&[500, 200]).await;
    let hooks = Webhooks::new(&[destination(&url, true)]).unwrap();
    let first = call(&hooks, now()).await;
    assert_eq!(first, CallResult::Later { code: "500".to_owned(), not_before: None });
    assert_eq!(call(&hooks, now()).await, CallResult::Taken { code: "200".to_owned() });
    let told = desk.told();
    assert_eq!(told.len(), 2);
    for (headers, body) in told {
        assert_eq!(headers["leadbroker-delivery"], "pa-7");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(body, br#"{"a":1}"#);
        let stamp = headers["leadbroker-timestamp"].to_str().unwrap();
        let key = PKey::hmac(SECRET).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let covered = [stamp.as_bytes(), b".", &body].concat();
        let mac = hex::encode(signer.sign_oneshot_to_vec(&covered).unwrap());
        assert_eq!(headers["leadbroker-signature"], format!("v1={mac}").as_str());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let desk = Desk::default();
    let url = desk.open(&[302, 307]).await;
    let hooks = Webhooks::new(&[destination(&url, true)]).unwrap();
    for status in ["302", "307"] {
        assert_eq!(call(&hooks, now()).await, CallResult::Never { code: status.to_owned() });
    }
    assert_eq!(desk.told().len(), 2, "nobody went to the other place");
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let desk = Desk::default();
    let url = desk.open(&[]).await.replace("http://", "https://");
    let refused = CallResult::Never { code: "address_refused".to_owned() };
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        let hooks = Webhooks::new(&[destination(&url.replace("127.0.0.1", host), false)]).unwrap();
        assert_eq!(call(&hooks, now()).await, refused, "{host}");
    }
    // Without the permission there is no call in the clear either.
    let clear = Webhooks::new(&[destination("http://pages.example.gov/", false)]).unwrap();
    assert!(!matches!(call(&clear, now()).await, CallResult::Taken { .. }));
    assert!(desk.told().is_empty());
    assert!(Webhooks::new(&[destination("https://user:word@pages.example.gov/", false)]).is_err());
}

#[tokio::test]
async fn a_slow_destination_is_left_at_the_deadline_and_then_alone() {
    let desk = Desk::default();
    let url = desk.open(&[0, 500, 500, 500, 500]).await;
    let impatient = Destination { timeout_seconds: 3, ..destination(&url, true) };
    let hooks = Webhooks::new(&[impatient]).unwrap();
    let started = std::time::Instant::now();
    let at = now();
    assert_eq!(
        call(&hooks, at).await,
        CallResult::Later { code: "timeout".to_owned(), not_before: None }
    );
    assert!(started.elapsed() < Duration::from_secs(20));
    for _ in 0..4 {
        assert!(matches!(call(&hooks, at).await, CallResult::Later { not_before: None, .. }));
    }
    let open = call(&hooks, at).await;
    let until = at + TimeDelta::seconds(60);
    assert_eq!(
        open,
        CallResult::Later { code: "circuit_open".to_owned(), not_before: Some(until) }
    );
    assert_eq!(desk.told().len(), 5);
    assert_eq!(call(&hooks, until).await, CallResult::Taken { code: "202".to_owned() });
    assert_eq!(call(&hooks, at).await, CallResult::Taken { code: "202".to_owned() });
}

#[tokio::test]
async fn a_destination_that_is_away_is_tried_again_and_one_that_refuses_is_not() {
    let away = Webhooks::new(&[destination("http://127.0.0.1:9/", true)]).unwrap();
    assert_eq!(
        call(&away, now()).await,
        CallResult::Later { code: "connect".to_owned(), not_before: None }
    );
    let desk = Desk::default();
    let url = desk.open(&[404, 429]).await;
    let hooks = Webhooks::new(&[destination(&url, true)]).unwrap();
    assert_eq!(call(&hooks, now()).await, CallResult::Never { code: "404".to_owned() });
    assert!(matches!(call(&hooks, now()).await, CallResult::Later { .. }));
    let unknown = hooks.call("other", "pa-7", Vec::new(), now()).await;
    assert_eq!(unknown, CallResult::Never { code: "destination_unknown".to_owned() });
}
