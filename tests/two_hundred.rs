//! Two hundred reviewers at one queue, through two servers, on PostgreSQL and RabbitMQ: every job is claimed once at a
//! time, in the order of the queue, and none is lost. What is frozen past its claim and woken submits nothing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "support/site.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, reads where its services are, and uses what it needs of the site"
)]
mod site;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadbroker::domain::{AccountId, Role};
use leadbroker::lifecycle::{MOST_OVERTAKEN, StageCode};
use leadbroker::registry::Registry;
use serde_json::{Value, json};
use site::crowd::signal;
use site::people::examination;
use site::{Setup, Site};

const WORKERS: usize = 200;
const JOBS: usize = 40;

fn token(n: usize) -> String {
    format!("lbp_worker_{n:04}")
}

/// Two hundred colleagues of the unit's first reviewer, with the same training and duty.
fn hire(registry: &mut Registry) {
    let of_unit = |role, unit: &str| role == Role::Reviewer && unit == "lacris";
    let is_model =
        |a: &&leadbroker::registry::AccountEntry| of_unit(a.account.role, a.account.unit.as_str());
    let model = registry.accounts.iter().find(is_model).unwrap().clone();
    let is_shift = |shift: &&leadbroker::domain::Shift| shift.account == model.account.id;
    let shift = registry.shifts.iter().find(is_shift).unwrap().clone();
    for n in 0..WORKERS {
        let mut entry = model.clone();
        let id = AccountId::new(uuid::Uuid::from_u128(0x2000 + n as u128));
        entry.account.id = id;
        entry.account.login = format!("worker{n}");
        entry.account.name = format!("Worker Number{n}");
        entry.token_sha256 = Some(hex::encode(openssl::sha::sha256(token(n).as_bytes())));
        registry.accounts.push(entry);
        let mut shift = shift.clone();
        shift.account = id;
        registry.shifts.push(shift);
    }
}

/// One reviewer: takes the first job of the list that can be had, examines it, and begins again, until every job has its
/// second review.
async fn work(
    (http, origin): (reqwest::Client, String),
    token: String,
    reviewed: Arc<AtomicUsize>,
) {
    let call = |method: &str, path: String, body: Option<Value>| {
        let url = format!("{origin}/api/v1/{path}");
        let request = http.request(method.parse().unwrap(), url).bearer_auth(&token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        }
    };
    while reviewed.load(Ordering::Relaxed) < JOBS {
        let (status, page) = call("GET", "jobs?limit=200".to_owned(), None).await;
        assert_eq!(status, 200, "{page}");
        let mut worked = false;
        for job in page["items"].as_array().unwrap() {
            let request = job["request"].as_str().unwrap().to_owned();
            // In the order of the list: the next one only when this one is another's.
            let claimed = loop {
                let (status, claimed) = call("POST", format!("jobs/{request}/claim"), None).await;
                match (status, claimed["code"].as_str()) {
                    (200, _) => break Some(claimed),
                    (409, Some("moved_on")) => {}
                    (409, Some("leased" | "state")) | (403, Some("separation_of_duties")) => {
                        break None;
                    }
                    other => panic!("{other:?} {claimed}"),
                }
            };
            let Some(claimed) = claimed else { continue };
            let step = if claimed["stage"] == "leased" { "conclude" } else { "second-review" };
            let body = json!({ "token": claimed["token"], "examination": examination("no_match") });
            let (status, told) = call("POST", format!("jobs/{request}/{step}"), Some(body)).await;
            assert_eq!(status, 200, "{told}");
            reviewed.fetch_add(usize::from(step == "second-review"), Ordering::Relaxed);
            worked = true;
            break;
        }
        if !worked {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    }
}

/// What the log says of the claims: never two in force, tokens that grow, and first claims in the order of the queue.
fn assert_claims(events: &[Value], jobs: &BTreeMap<String, (i64, i64)>) {
    let mut in_force: BTreeMap<&str, (i64, &Value)> = BTreeMap::new();
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    let mut first_claims: Vec<&str> = Vec::new();
    for event in events {
        let Some(request) = event["request"].as_str() else { continue };
        match event["action"].as_str().unwrap() {
            "job.claimed" => {
                let token: i64 = event["detail"]["token"].as_str().unwrap().parse().unwrap();
                let before = in_force.insert(request, (token, &event["actor"]));
                assert!(before.is_none(), "{request} was claimed twice at a time");
                let earlier = last.insert(request, token);
                assert!(earlier.is_none_or(|earlier| earlier < token), "{request}: tokens grow");
                if event["detail"]["stage"] == StageCode::Leased.as_str() {
                    first_claims.push(request);
                }
            }
            "examination.concluded" | "second_review.concluded" => {
                let (_, holder) = in_force.remove(request).unwrap();
                assert_eq!(&event["actor"], holder, "{request} was concluded by its holder");
            }
            "lease.expired" | "job.given_back" => {
                in_force.remove(request);
            }
            _ => {}
        }
    }
    assert!(in_force.is_empty(), "{in_force:?}");
    // (rank, arrival) of each: nobody is overtaken but within the stated bound.
    for (place, earlier) in first_claims.iter().enumerate() {
        for later in &first_claims[place + 1..] {
            let ((rank, came), (rank_later, came_later)) = (jobs[*earlier], jobs[*later]);
            assert!(rank <= rank_later, "{earlier} before {later}: the order of the queue");
            assert!(came - came_later <= MOST_OVERTAKEN.num_microseconds().unwrap());
        }
    }
    assert_eq!(first_claims.len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_two_hundred_reviewers_take_every_job_once_and_in_order() {
    let mut site = Site::serving(Setup::distributed()).await;
    site.registry(hire).await;
    let requests = site.submitted(JOBS).await;
    for request in &requests {
        site.until(request, &["queued"]).await;
    }
    // Every lane, and routine jobs that have waited for longer than a threat's head start.
    let mut jobs = BTreeMap::new();
    let hour = 3_600_000_000_i64;
    for (n, request) in requests.iter().enumerate() {
        let (lane, start, older) = match n % 4 {
            0 => ("threat", 72, 0),
            1 => ("priority", 24, 0),
            2 => ("routine", 0, 0),
            _ => ("routine", 0, 80),
        };
        let arrival = format!("SELECT received_at FROM search_requests WHERE id = '{request}'");
        let came = site.number(&arrival).await - older * hour;
        let moved = format!(
            "UPDATE search_requests SET lane = '{lane}', received_at = {came} WHERE id = '{request}'"
        );
        assert_eq!(site.sql(&moved).await, 1);
        jobs.insert(request.clone(), (came - start * hour, came));
    }
    let (_second, other) = site.second_server().await;
    let http = leadbroker::http::client(Duration::from_mins(1)).unwrap();
    let reviewed = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..WORKERS {
        let origin = if n % 2 == 0 { site.origin().to_owned() } else { other.clone() };
        workers.spawn(work((http.clone(), origin), token(n), Arc::clone(&reviewed)));
    }
    workers.join_all().await;
    let events = site.assert_sound("two hundred").await;
    assert_claims(&events, &jobs);
    for action in ["examination.concluded", "second_review.concluded"] {
        let done = events.iter().filter(|event| event["action"] == action).count();
        assert_eq!(done, JOBS, "{action}: none lost, none twice");
    }
    let waiting = "SELECT count(*) FROM search_requests WHERE stage = 'awaiting_release'";
    assert_eq!(site.number(waiting).await, i64::try_from(JOBS).unwrap());
    assert_eq!(site.crashes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_what_is_frozen_past_its_claim_and_woken_submits_nothing() {
    let mut site = Site::serving(Setup::distributed()).await;
    let (second, other) = site.second_server().await;
    let (frozen, awake) = (site.reviewer(0), site.reviewer(1));
    let exam = examination("no_match");

    // A server that is frozen with the submission in its socket.
    let request = site.queued().await;
    let lease = site.claimed(&request, &frozen).await;
    signal(&second.0, "STOP");
    let body = json!({ "token": lease, "examination": exam });
    let http = leadbroker::http::client(Duration::from_mins(1)).unwrap();
    let sent = http
        .post(format!("{other}/api/v1/jobs/{request}/conclude"))
        .bearer_auth(&frozen)
        .json(&body);
    let mut submission = tokio::task::JoinSet::new();
    submission.spawn(async move { sent.send().await.unwrap() });
    site.deadline_passes(&request).await;
    site.until_audited(&request, "lease.expired", 1).await;
    let taken = site.claimed(&request, &awake).await;
    assert!(submission.try_join_next().is_none());
    signal(&second.0, "CONT");
    let answer = submission.join_next().await.unwrap().unwrap();
    assert_eq!(answer.status().as_u16(), 409);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["code"], "lease_lost", "{told}");
    let drafts = site.cli_json(&frozen, &["drafts", "list"]);
    assert_eq!(drafts["items"][0]["request"], request.as_str(), "{drafts}");
    let done = site.record((&request, "conclude"), &awake, (taken, &exam)).await;
    assert_eq!(done.0, 200, "who holds it concludes it: {}", done.1);

    // A reviewer's own process that is frozen before it sends.
    let request = site.queued().await;
    let lease = site.claimed(&request, &frozen).await;
    let pipe = site.path("exam.fifo").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let conclude = ["conclude", &request, "--token", &lease.to_string(), "--file", &pipe];
    let process = site.typed(&frozen, &conclude);
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(&process, "STOP");
    site.deadline_passes(&request).await;
    site.until_audited(&request, "lease.expired", 1).await;
    site.claimed(&request, &awake).await;
    signal(&process, "CONT");
    let text = exam.to_string();
    tokio::task::spawn_blocking(move || std::fs::write(pipe, text).unwrap()).await.unwrap();
    let ended = tokio::task::spawn_blocking(move || process.wait_with_output().unwrap());
    let ended = ended.await.unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("lease_lost"), "{told}");
    let drafts = site.cli_json(&frozen, &["drafts", "list"]);
    assert_eq!(drafts["items"].as_array().unwrap().len(), 2, "{drafts}");
    assert_eq!(site.audited(&request, "examination.concluded").await, Vec::<Value>::new());
    assert_eq!(site.cli_json(&awake, &["drafts", "list"])["items"], json!([]));
}
