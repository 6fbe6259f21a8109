//! From a submission to the page that it causes, at a steady rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadbroker::domain::escalation::EscalationStep;
use leadbroker::domain::{EscalationPolicy, Lane, PageCause};
use leadbroker::registry::Registry;
use serde_json::Value;
use tokio::task::JoinSet;

use super::installation::{Installation, Stack};
use super::load::{BOUNDARY, Forms};

/// Requests a second.
pub(crate) const A_SECOND: u32 = 20;
/// Signs the pages.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Every job of every unit pages the desk at once, each by itself.
pub(crate) fn page_the_desk(registry: &mut Registry) {
    for unit in &mut registry.units {
        let mut policy = EscalationPolicy::standard(
            Lane::Routine,
            PageCause::JobOffered,
            chrono::TimeDelta::minutes(10),
        );
        policy.steps =
            vec![EscalationStep { whom: vec!["webhook:desk".parse().unwrap()], wait_minutes: 60 }];
        policy.bundle_seconds = 0;
        unit.escalations = vec![policy];
    }
}

/// The destinations' file.
pub(crate) fn destination(url: &str, key: &str) -> String {
    format!(
        "[[destinations]]\nname = \"desk\"\nurl = \"{url}\"\nsecret_file = \"{key}\"\n\
         template = \"generic\"\nallow_private = true\n"
    )
}

/// When each request, by the last digits of its id, was paged.
type Paged = Arc<Mutex<HashMap<String, Instant>>>;

/// A desk that takes every page; its URL.
async fn desk(paged: Paged, tasks: &mut JoinSet<()>) -> String {
    let take = move |body: axum::body::Bytes| async move {
        let at = Instant::now();
        let page: Value = serde_json::from_slice(&body).unwrap();
        for job in page["jobs"].as_array().unwrap() {
            let short = job["request"].as_str().unwrap().trim_start_matches("r-..").to_owned();
            paged.lock().unwrap().entry(short).or_insert(at);
        }
        axum::http::StatusCode::ACCEPTED
    };
    let app = axum::Router::new().fallback(take);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// The time from submission to page of each of so many requests.
pub(crate) async fn run(stack: Stack, count: usize) -> Vec<Duration> {
    let paged = Paged::default();
    let mut desks = JoinSet::new();
    let url = desk(Arc::clone(&paged), &mut desks).await;
    let mut site = Installation::with_desk(stack, Some(&url));
    site.start().await;
    let http = leadbroker::http::client(Duration::from_mins(1)).unwrap();
    let forms = Forms::new(&site, &http).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        ticks.tick().await;
        let call = http
            .post(format!("{}/api/v1/search-requests", site.origin))
            .bearer_auth(site.agency())
            .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(forms.body());
        tasks.spawn(async move {
            let sent = Instant::now();
            let receipt: Value = call.send().await.unwrap().json().await.unwrap();
            let request = receipt["request"].as_str().unwrap_or_else(|| panic!("{receipt}"));
            (request.get(request.len() - 8..).unwrap().to_owned(), sent)
        });
    }
    let sent = tasks.join_all().await;
    let patience = Instant::now();
    while sent.iter().any(|(short, _)| !paged.lock().unwrap().contains_key(short)) {
        assert!(patience.elapsed() < Duration::from_mins(2), "not every request was paged");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let paged = paged.lock().unwrap();
    sent.iter().map(|(short, at)| paged[short].saturating_duration_since(*at)).collect()
}
