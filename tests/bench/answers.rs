//! Answers: from an officer's release to the mail server's 250.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::Role;
use leadbroker::report::samples;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::installation::Installation;

/// What the reviewers conclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lead,
    NoMatch,
}

fn examination(kind: Kind) -> Value {
    let search = |repository: &str| {
        json!({
            "repository": repository, "system": "Sample search system", "vendor": "Sample vendor",
            "version": "4.2", "searched_at": SystemClock.now().to_rfc3339(), "candidates": 4
        })
    };
    let mut record = json!({
        "suitability": [{ "probe": 0, "suitable": true, "note": "Frontal, even light." }],
        "searches": [search("DMS"), search("CAFRI")],
        "comparison": [{ "feature": "Ears", "probe": "Attached", "candidate": "Attached", "agreement": "similar" }],
        "conclusion": "no_match",
        "narrative": "Ears, nose and hair line were compared feature by feature with every listed candidate."
    });
    if kind == Kind::Lead {
        let image = samples::booking(5).unwrap();
        record["conclusion"] = json!("lead");
        record["candidate"] = json!({
            "repository": "DMS", "image": STANDARD.encode(&image),
            "image_sha256": hex::encode(openssl::sha::sha256(&image)),
            "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17", "cdl": "X0000000",
            "main_number": "0000001", "sid": "A00000001", "booking_number": "5550001",
            "comments": "Last contact recorded at Sample Plaza."
        });
    }
    record
}

/// One person's calls.
#[derive(Debug, Clone)]
struct Person {
    http: reqwest::Client,
    origin: String,
    token: String,
}

impl Person {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Vec<u8> {
        let url = format!("{}/api/v1/{path}", self.origin);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        bytes.to_vec()
    }

    async fn examine(&self, request: &str, step: &str, examination: &Value) {
        self.call(reqwest::Method::POST, &format!("jobs/{request}/claim"), Some(&json!({}))).await;
        let case = self.call(reqwest::Method::GET, &format!("jobs/{request}"), None).await;
        let case: Value = serde_json::from_slice(&case).unwrap();
        let body = json!({ "token": case["lease"]["token"], "examination": examination });
        self.call(reqwest::Method::POST, &format!("jobs/{request}/{step}"), Some(&body)).await;
    }
}

fn person(site: &Installation, http: &reqwest::Client, role: Role, nth: usize) -> Person {
    Person { http: http.clone(), origin: site.origin.clone(), token: site.token(role, nth) }
}

/// Requests of the list, several at a time.
async fn each<F, Fut>(requests: &[String], clients: usize, work: F)
where
    F: Fn(String) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let requests: Arc<[String]> = requests.into();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (next, requests, work) = (Arc::clone(&next), Arc::clone(&requests), work.clone());
        tasks.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                work(request.clone()).await;
            }
        });
    }
    tasks.join_all().await;
}

/// Takes the requests through both reviews, then releases them all; the time from the first release to the last 250.
pub(crate) async fn run(
    site: &Installation,
    http: &reqwest::Client,
    requests: &[String],
    kind: Kind,
) -> Duration {
    let record = examination(kind);
    for (nth, step) in [(0, "conclude"), (1, "second-review")] {
        let (person, record) = (person(site, http, Role::Reviewer, nth), record.clone());
        each(requests, 4, move |request| {
            let (person, record) = (person.clone(), record.clone());
            async move { person.examine(&request, step, &record).await }
        })
        .await;
    }
    let before = site.count(DELIVERED).await;
    let officer = person(site, http, Role::ReleaseAuthority, 0);
    let started = Instant::now();
    each(requests, 8, move |request| {
        let officer = officer.clone();
        async move {
            let pdf =
                officer.call(reqwest::Method::GET, &format!("jobs/{request}/document"), None).await;
            let body = json!({ "document_sha256": hex::encode(openssl::sha::sha256(&pdf)) });
            officer
                .call(reqwest::Method::POST, &format!("jobs/{request}/release"), Some(&body))
                .await;
        }
    })
    .await;
    let all = before + i64::try_from(requests.len()).unwrap();
    while site.count(DELIVERED).await < all {
        assert!(started.elapsed() < Duration::from_mins(3), "not every answer was delivered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

const DELIVERED: &str = "SELECT count(*) FROM search_requests WHERE stage = 'delivered'";
