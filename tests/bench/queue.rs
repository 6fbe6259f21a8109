//! A reviewer's worklist, out of many open jobs: the store alone, in this process.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use leadbroker::audit::{Actor, AuditEvent};
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::{AccountId, Lane, RequestId};
use leadbroker::lifecycle::{Stage, StageCode};
use leadbroker::store::{Change, Guard, NewRequest, RequestUpdate, Store, StoreSettings, WorkPage};
use uuid::Uuid;

/// Jobs of a page, as `queue` asks for them.
const PAGE: i64 = 50;
/// Length of a sealed form without its images.
const FORM: usize = 4_000;

/// Fills an embedded database with so many open jobs, and reads pages of one reviewer's worklist: the time of each.
pub(crate) async fn run(jobs: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("queue.db").display());
    let store = Store::open(&StoreSettings { url, readers: 4, relay: false }).await.unwrap();
    for first in (0..jobs).step_by(500) {
        let some = (first..jobs.min(first + 500)).map(|n| fill(&store, n));
        futures_util::future::join_all(some).await;
    }
    let mut page = WorkPage {
        unit: "lacris".parse().unwrap(),
        person: AccountId::new(Uuid::from_u128(1)),
        stages: vec![StageCode::Queued, StageCode::Offered, StageCode::Leased, StageCode::Examined],
        lane: None,
        after: None,
        limit: PAGE,
    };
    let mut times = Vec::new();
    // From the first page to the last one, and again.
    while times.len() < 400 {
        let started = Instant::now();
        let rows = store.worklist(&page).await.unwrap();
        times.push(started.elapsed());
        page.after = rows.last().map(|row| row.id);
    }
    store.close().await;
    times
}

async fn fill(store: &Store, n: usize) {
    let now = SystemClock.now();
    let id = RequestId::new(Uuid::from_u128(n as u128 + 1));
    let event = AuditEvent::new(now, Actor::System { stage: "bench".to_owned() }, "filled");
    let mut change = Change::audited(vec![event.clone()]);
    change.guard = Guard::Insert(Box::new(request(id, n, now)));
    let _ = store.apply(change).await.unwrap();
    let reviewer = AccountId::new(Uuid::from_u128(n as u128 % 20 + 1));
    let stage = if n.is_multiple_of(3) { Stage::Offered { reviewer } } else { Stage::Queued };
    let update = RequestUpdate::stage(id, 1, stage, now, Some(now + TimeDelta::days(30)));
    let _ = store.apply(Change::update(update, vec![event])).await.unwrap();
}

fn request(id: RequestId, n: usize, now: chrono::DateTime<Utc>) -> NewRequest {
    let lanes = [Lane::Routine, Lane::Routine, Lane::Priority, Lane::Threat];
    NewRequest {
        id,
        unit: "lacris".parse().unwrap(),
        ori: "CA0194200".parse().unwrap(),
        stage: Stage::Received,
        lane: lanes[n % lanes.len()],
        received_at: now - TimeDelta::seconds(i64::try_from(n).unwrap() * 7),
        deadline_at: Some(now),
        case_hash: [1; 32],
        repeat_hash: [2; 32],
        alone_since: None,
        supersedes: None,
        data_key: vec![3; 60],
        form: vec![4; FORM],
        probes: Vec::new(),
        idempotency: None,
        clock: None,
    }
}
