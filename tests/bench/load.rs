//! Agencies that submit, and a watch on the reviewers' queue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{Sample, sample_form};
use leadbroker::report::samples;
use serde_json::{Value, json};
use sqlx::Row as _;
use tokio::task::JoinSet;

use super::installation::{Installation, Stack, service};

pub(crate) const BOUNDARY: &str = "bench-3f0c9a1e";

/// What every form of a load has in common.
#[derive(Debug, Clone)]
pub(crate) struct Forms {
    form: Value,
    probe: Vec<u8>,
    next: Arc<AtomicUsize>,
}

impl Forms {
    /// Forms with one drawn probe each, that differ in their case number.
    pub(crate) async fn new(site: &Installation, http: &reqwest::Client) -> Self {
        let statements = site.statements(http).await;
        let probe = samples::probe(5).unwrap();
        let mut form = sample_form(&Sample {
            ori: "CA0194200",
            email: "jsample@pd.example.gov",
            case_number: "24-000001",
            probe: &probe,
            at: SystemClock.now(),
            statements: &statements,
        });
        let image = form["images"][0].as_object_mut().unwrap();
        image.remove("content");
        image.insert("part".to_owned(), json!("probe"));
        Self { form, probe, next: Arc::new(AtomicUsize::new(1)) }
    }

    /// Bytes of the probe.
    pub(crate) fn image_bytes(&self) -> usize {
        self.probe.len()
    }

    /// Bytes of the form without its image.
    pub(crate) fn form_bytes(&self) -> usize {
        self.form.to_string().len()
    }

    /// The next form as `multipart/form-data`.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut form = self.form.clone();
        form["case_number"] = json!(format!("24-{:06}", self.next.fetch_add(1, Ordering::Relaxed)));
        let mut body = Vec::with_capacity(self.probe.len() + 8192);
        let part = |name: &str, rest: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n")
        };
        body.extend_from_slice(part("form", "\r\nContent-Type: application/json").as_bytes());
        body.extend_from_slice(form.to_string().as_bytes());
        body.extend_from_slice(b"\r\n");
        let rest = "; filename=\"frame-0412.jpg\"\r\nContent-Type: image/jpeg";
        body.extend_from_slice(part("probe", rest).as_bytes());
        body.extend_from_slice(&self.probe);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        body
    }
}

/// When each request was seen in the reviewers' queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Arc<Mutex<HashMap<String, Instant>>>);

impl Arrivals {
    fn note(&self, request: String) {
        self.0.lock().unwrap().entry(request).or_insert_with(Instant::now);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn of(&self, request: &str) -> Option<Instant> {
        self.0.lock().unwrap().get(request).copied()
    }
}

/// Watches the queue until dropped: with a broker the announcements, else the database's rows.
pub(crate) async fn watch(site: &Installation, every: Duration) -> (Arrivals, JoinSet<()>) {
    let arrivals = Arrivals::default();
    let mut tasks = JoinSet::new();
    match site.stack {
        Stack::Distributed => tasks.spawn(announced(arrivals.clone()).await),
        Stack::Embedded => tasks.spawn(stored(arrivals.clone(), site.database.clone(), every)),
    };
    (arrivals, tasks)
}

/// Notes what the reviewers' queue announces; it consumes already when this returns.
async fn announced(arrivals: Arrivals) -> impl Future<Output = ()> {
    let url = service("LEADBROKER_TEST_AMQP_URL");
    let connection =
        lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = "leadbroker.review.lacris.routine";
    let purge = lapin::options::QueuePurgeOptions::default();
    channel.queue_purge(queue.into(), purge).await.unwrap();
    let options = lapin::options::BasicConsumeOptions { no_ack: true, ..Default::default() };
    let table = lapin::types::FieldTable::default();
    let mut consumer =
        channel.basic_consume(queue.into(), "bench".into(), options, table).await.unwrap();
    async move {
        let _open = connection;
        while let Some(Ok(delivery)) = consumer.next().await {
            if let Some(request) = delivery.properties.correlation_id() {
                arrivals.note(request.to_string());
            }
        }
    }
}

/// Notes whatever has newly reached the queue in the database, again and again.
async fn stored(arrivals: Arrivals, database: String, every: Duration) {
    sqlx::any::install_default_drivers();
    let mut connection =
        <sqlx::AnyConnection as sqlx::Connection>::connect(&database).await.unwrap();
    let mut since = 0_i64;
    loop {
        let rows = sqlx::query(
            "SELECT id, updated_at FROM search_requests
             WHERE stage IN ('offered', 'queued') AND updated_at > $1",
        )
        .bind(since - 500_000)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        for row in rows {
            arrivals.note(row.try_get(0).unwrap());
            since = since.max(row.try_get(1).unwrap());
        }
        tokio::time::sleep(every).await;
    }
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// From the first byte sent to the last request's arrival in the queue.
    pub(crate) time: Duration,
    /// From submit to queue, for each request.
    pub(crate) waits: Vec<Duration>,
    /// From submit to receipt, for each request.
    pub(crate) receipts: Vec<Duration>,
    /// The requests.
    pub(crate) requests: Vec<String>,
}

/// Submits `count` forms, `clients` at a time, and waits until all are in the queue.
pub(crate) async fn run(
    site: &Installation,
    (http, forms): (&reqwest::Client, &Forms),
    arrivals: &Arrivals,
    (count, clients): (usize, usize),
) -> Ran {
    let left = Arc::new(AtomicUsize::new(count));
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for _ in 0..clients {
        let (http, forms, left) = (http.clone(), forms.clone(), Arc::clone(&left));
        let (url, token) = (format!("{}/api/v1/search-requests", site.origin), site.agency());
        tasks.spawn(async move {
            let mut mine = Vec::new();
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                let body = forms.body();
                let sent = Instant::now();
                let answer = http
                    .post(&url)
                    .bearer_auth(&token)
                    .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
                    .body(body)
                    .send()
                    .await
                    .unwrap();
                let status = answer.status();
                let receipt: Value = answer.json().await.unwrap();
                assert!(status.is_success(), "{status}: {receipt}");
                mine.push((receipt["request"].as_str().unwrap().to_owned(), sent, sent.elapsed()));
            }
            mine
        });
    }
    let sent: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let patience = Instant::now();
    while sent.iter().any(|(request, _, _)| arrivals.of(request).is_none()) {
        assert!(patience.elapsed() < Duration::from_mins(2), "not every request reached the queue");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let arrived = |request: &str| arrivals.of(request).unwrap();
    let waits: Vec<Duration> = sent
        .iter()
        .map(|(request, at, _)| arrived(request).saturating_duration_since(*at))
        .collect();
    let last = sent.iter().map(|(request, _, _)| arrived(request)).max().unwrap();
    Ran {
        time: last.duration_since(started),
        waits,
        receipts: sent.iter().map(|(_, _, receipt)| *receipt).collect(),
        requests: sent.into_iter().map(|(request, _, _)| request).collect(),
    }
}
