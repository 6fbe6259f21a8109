//! What the store promises, on both databases: the same suite, the same SQL.
//!
//! PostgreSQL comes from `scripts/services -- cargo nextest run --test store_conformance`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads where its services are"
)]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use leadbroker::audit::{
    Actor, AuditEvent, Checkpoint, Header, Note, entry_line, header_line, leaf_hash, note_line,
    root_of, verify,
};
use leadbroker::domain::emergency::{Breach, DutyKind, DutyOutcome};
use leadbroker::domain::{
    AccountId, Lane, MessageId, Ori, Outcome, PageAttemptId, PageCause, RequestId, Role,
    RosterEntryId, UnitId, WaitingReason,
};
use leadbroker::id_source::{IdSource as _, SystemIds};
use leadbroker::lifecycle::{Lease, Resume, Stage, StageCode};
use leadbroker::messages::{AgencyEvent, Body, EventData, Message, Route, Step};
use leadbroker::paging::{PageState, Target};
use leadbroker::roster::{Entry, Publication, Retraction, Rule};
use leadbroker::store::{
    Again, Applied, AttemptStatus, AttemptUpdate, Change, ClaimedAttempt, Due, EmergencyStep,
    EmergencyWrite, Enforcement, Guard, KnownAnswerWrite, MailingStatus, MailingUpdate, Measures,
    NewAttempt, NewDuty, NewIdempotencyKey, NewKnownAnswer, NewMailing, NewPage, NewPolicySet,
    NewProbe, NewRecord, NewRegistry, NewRequest, NewRosterEntry, NewSuspension, PageChange,
    PageRow, PageUpdate, PictureState, PicturesCompared, PolicySetConfirmation, Probe, ProbePlace,
    RecordKind, RequestUpdate, Schema, SealedHashes, Shared, Store, StoreError, StoreSettings,
    UnitRepeats, WorkFilter, WorkPage, probe, probe_registry,
};
use leadbroker::vault::SigningKey;
use sqlx::{Connection as _, Row as _};
use uuid::Uuid;

/// A fresh database; SQLite's folder lives as long as this.
struct Fresh {
    store: Store,
    url: String,
    folder: Option<tempfile::TempDir>,
}

async fn sqlite(relay: bool) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let settings = StoreSettings { url: url.clone(), readers: 4, relay };
    Fresh { store: Store::open(&settings).await.unwrap(), url, folder: Some(folder) }
}

async fn postgres(relay: bool) -> Fresh {
    let server = std::env::var("LEADBROKER_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("run: scripts/services -- cargo nextest run --test store_conformance");
    });
    let name = format!("store_{}", SystemIds.id().simple());
    let made = std::process::Command::new("psql")
        .args([&server, "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .unwrap();
    assert!(made.success());
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let settings = StoreSettings { url: url.clone(), readers: 4, relay };
    Fresh { store: Store::open(&settings).await.unwrap(), url, folder: None }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn id(n: u128) -> RequestId {
    RequestId::new(Uuid::from_u128(n))
}

fn message(n: u128) -> MessageId {
    MessageId::new(Uuid::from_u128(n))
}

fn event(action: &str, request: RequestId) -> AuditEvent {
    AuditEvent::new(now(), Actor::System { stage: "test".to_owned() }, action).request(request)
}

fn insert(n: u128, key: Option<&str>) -> Change {
    let request = NewRequest {
        id: id(n),
        unit: "lacris".parse().unwrap(),
        ori: "CA0194200".parse().unwrap(),
        stage: Stage::Received,
        lane: Lane::Priority,
        received_at: now() + TimeDelta::microseconds(i64::try_from(n).unwrap()),
        deadline_at: Some(now() + TimeDelta::minutes(5)),
        case_hash: [1; 32],
        repeat_hash: [2; 32],
        alone_since: None,
        supersedes: Some(id(99)),
        data_key: vec![3, 0, 255],
        form: vec![4; 300],
        probes: vec![NewProbe {
            ordinal: 0,
            object_key: format!("{n}/0"),
            image_hash: [5; 32],
            media_type: "image/jpeg".to_owned(),
            byte_len: 7,
        }],
        idempotency: key.map(|key| NewIdempotencyKey { key: key.to_owned(), body_digest: [6; 32] }),
        clock: None,
    };
    let mut change = Change::audited(vec![event("received", id(n))]);
    change.guard = Guard::Insert(Box::new(request));
    change.outgoing.push(Message::command(message(n), now(), Step::Check, id(n)));
    change
}

fn accept(n: u128, seen: i64) -> RequestUpdate {
    RequestUpdate::stage(id(n), seen, Stage::Accepted, now(), None)
}

fn due(limit: i64, at: DateTime<Utc>) -> Due {
    Due { step: Step::Check, limit, now: at, until: at + TimeDelta::minutes(1), only: Vec::new() }
}

async fn a_code_is_spent_once_and_so_is_every_older_one(fresh: Fresh) {
    let store = &fresh.store;
    let (one, other) = (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
    assert!(store.spend_code(one, 7).await.unwrap());
    assert!(!store.spend_code(one, 7).await.unwrap());
    assert!(!store.spend_code(one, 6).await.unwrap());
    assert!(store.spend_code(other, 7).await.unwrap());
    let all = (0..10).map(|_| store.spend_code(one, 8));
    let spent = futures_util::future::join_all(all).await;
    assert_eq!(spent.into_iter().filter(|spent| *spent.as_ref().unwrap()).count(), 1);
}

async fn a_look_tells_whose_version_the_tables_have(fresh: Fresh) {
    let schema = async || {
        let seen = probe(&fresh.url).await;
        let Probe::Ready { registries: 1, schema } = seen else { panic!("{seen:?}") };
        schema
    };
    assert_eq!(probe_registry(&fresh.url).await, None);
    fresh.store.add_registry([1; 32], vec![7], event("registry", id(1))).await.unwrap();
    assert_eq!(probe_registry(&fresh.url).await, Some(vec![7]));
    assert_eq!(schema().await, Schema::Same);
    let change = async |sql: &'static str| {
        let mut connection = sqlx::AnyConnection::connect(&fresh.url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    };
    let newest = "DELETE FROM _sqlx_migrations
                  WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    change(newest).await;
    assert_eq!(schema().await, Schema::Older(1));
    change(newest).await;
    assert_eq!(schema().await, Schema::Older(2));
    change("UPDATE _sqlx_migrations SET version = version + 80000000000000").await;
    assert_eq!(schema().await, Schema::Newer);
    assert_eq!(probe(&fresh.url.replace("store", "none")).await, Probe::Away);
}

async fn a_session_is_forgotten_a_day_after_its_end(fresh: Fresh) {
    let store = &fresh.store;
    let account = AccountId::new(Uuid::from_u128(1));
    for (hash, begun) in [([1; 32], now()), ([2; 32], now() + TimeDelta::hours(20))] {
        let mut login = event("session.begun", id(1));
        login.at = begun;
        store.add_session(hash, account, login).await.unwrap();
    }
    // The first is used for nearly twelve hours, and they end it.
    for quarter in 1..48 {
        let at = now() + TimeDelta::minutes(15 * quarter);
        assert_eq!(store.session([1; 32], at).await.unwrap(), Some(account));
    }
    let ended = now() + TimeDelta::hours(12);
    let before = ended + TimeDelta::days(1) - TimeDelta::seconds(1);
    assert_eq!(store.forget_sessions(before).await.unwrap(), 0);
    assert_eq!(store.forget_sessions(ended + TimeDelta::days(1)).await.unwrap(), 1);
    let late = now() + TimeDelta::hours(20);
    assert_eq!(store.session([2; 32], late).await.unwrap(), Some(account), "the other one stays");
    let ended = late + TimeDelta::minutes(30);
    assert_eq!(store.forget_sessions(ended + TimeDelta::days(1)).await.unwrap(), 1);
    assert_eq!(store.forget_sessions(ended + TimeDelta::days(9)).await.unwrap(), 0);
}

async fn what_was_asked_before_is_found_by_image_and_by_case(fresh: Fresh) {
    let store = &fresh.store;
    let put = async |n: u128, (case, image, ori): (u8, u8, &str)| {
        let mut change = insert(n, None);
        let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
        request.case_hash = [case; 32];
        request.repeat_hash = [u8::try_from(n).unwrap(); 32];
        request.ori = ori.parse().unwrap();
        request.probes[0].image_hash = [image; 32];
        let mut second = request.probes[0].clone();
        second.ordinal = 1;
        second.object_key = format!("{n}/1");
        request.probes.push(second);
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    };
    put(1, (1, 1, "CA0194200")).await;
    put(2, (1, 2, "CA0194200")).await;
    put(3, (1, 3, "NM0010100")).await;
    put(4, (4, 1, "NM0010100")).await;
    put(5, (5, 5, "CA0194200")).await;
    put(6, (1, 1, "CA0194200")).await;
    let found =
        |all: Vec<(leadbroker::store::RequestRow, Shared)>| -> Vec<(RequestId, bool, bool)> {
            all.into_iter().map(|(row, shared)| (row.id, shared.probe, shared.case)).collect()
        };
    let of_six = found(store.repeats(id(6)).await.unwrap());
    assert_eq!(of_six, [(id(1), true, true), (id(2), false, true), (id(4), true, false)]);
    assert_eq!(found(store.repeats(id(5)).await.unwrap()), []);
    assert_eq!(found(store.repeats(id(77)).await.unwrap()), []);
}

fn place(n: u128) -> ProbePlace {
    ProbePlace { request: id(n), ordinal: 0 }
}

/// A request of a unit with another case and image than all others, checked.
async fn checked(store: &Store, n: u128, unit: &str) {
    let mut change = insert(n, None);
    let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
    let number = u8::try_from(n).unwrap();
    request.unit = unit.parse().unwrap();
    request.case_hash = [number; 32];
    request.repeat_hash = [number; 32];
    request.probes[0].image_hash = [number; 32];
    request.received_at = now() + TimeDelta::minutes(i64::from(number));
    assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    go(store, n, 1, Stage::Accepted).await;
}

/// Requests with a picture that looks like one of this one's.
async fn alike(store: &Store, n: u128) -> Vec<u128> {
    let found = store.repeats(id(n)).await.unwrap();
    let alike = found.iter().filter(|(_, shared)| shared.picture);
    alike.map(|(row, _)| row.id.uuid().as_u128()).collect()
}

/// Claims of a few pictures at a time: whose, and how many attempts there were.
async fn claim_pictures(store: &Store, at: DateTime<Utc>, limit: i64) -> Vec<(u128, i64)> {
    let claimed = store.claim_pictures(at, at + TimeDelta::minutes(5), limit).await.unwrap();
    claimed.iter().map(|one| (one.place.request.uuid().as_u128(), one.attempts)).collect()
}

async fn pictures_are_claimed_once_and_again_when_the_claim_ends(fresh: Fresh) {
    let store = &fresh.store;
    let later = now() + TimeDelta::minutes(5);
    let _ = store.apply(insert(9, None)).await.unwrap();
    assert_eq!(claim_pictures(store, now(), 9).await, [], "not before its check");
    for n in 1..=4 {
        checked(store, n, "lacris").await;
    }
    assert_eq!(claim_pictures(store, now(), 3).await, [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(claim_pictures(store, now(), 3).await, [(4, 1)]);
    assert_eq!(claim_pictures(store, now(), 3).await, []);
    assert_eq!(claim_pictures(store, later, 1).await, [(1, 2)], "a claim that ran out");
    assert_eq!(store.comparison_of(id(1)).await.unwrap().waiting, 1);
    for (n, state) in
        [(1, PictureState::Compared), (2, PictureState::Compared), (4, PictureState::Unreadable)]
    {
        store.pictures_compared(place(n), state, Vec::new(), None).await.unwrap();
    }
    assert_eq!(store.comparison_of(id(1)).await.unwrap(), PicturesCompared::default());
    assert_eq!(store.comparison_of(id(4)).await.unwrap().unreadable, 1);
    assert_eq!(claim_pictures(store, later + TimeDelta::hours(1), 9).await, [(3, 2)]);
}

async fn keep(store: &Store, n: u128, bands: &[i64]) -> bool {
    let sealed = vec![u8::try_from(n).unwrap(); 40];
    store.keep_hashes(place(n), sealed, bands.to_vec()).await.unwrap()
}

/// Requests whose pictures share a band with these.
async fn near(store: &Store, n: u128, bands: &[i64], most: i64) -> Vec<u128> {
    let found = store.sharing_bands(id(n), bands, most).await.unwrap();
    let whole = |one: &SealedHashes| one.sealed.len() == 40 && one.data_key == [3, 0, 255];
    assert!(found.iter().all(whole));
    found.iter().map(|one| one.place.request.uuid().as_u128()).collect()
}

/// Four requests with hashes; the first was tried twice.
async fn with_hashes(store: &Store) {
    for n in 1..=4 {
        checked(store, n, "lacris").await;
    }
    for (n, bands) in
        [(1, &[5, 6][..]), (1, &[1, 2, 3]), (2, &[2, 3, -4]), (3, &[3, i64::MIN]), (4, &[8])]
    {
        assert!(keep(store, n, bands).await);
    }
    assert!(!keep(store, 77, &[3]).await, "there is no such probe");
}

async fn pictures_are_found_by_their_bands(fresh: Fresh) {
    let store = &fresh.store;
    with_hashes(store).await;
    assert_eq!(near(store, 1, &[1, 2, 3], 9).await, [2, 3]);
    assert_eq!(near(store, 1, &[1, 2, 3], 1).await, [2], "it shares more");
    assert_eq!(near(store, 4, &[5, i64::MIN], 9).await, [3], "what was replaced is gone");
}

async fn likenesses_are_seen_from_both_sides_until_a_record_ends(fresh: Fresh) {
    let store = &fresh.store;
    with_hashes(store).await;
    let compared = PictureState::Compared;
    let found = Some(event("probe.looks_alike", id(1)));
    store.pictures_compared(place(1), compared, vec![place(2), place(3)], found).await.unwrap();
    store.pictures_compared(place(2), compared, vec![place(1)], None).await.unwrap();
    assert_eq!(alike(store, 1).await, [2, 3]);
    assert_eq!((alike(store, 2).await, alike(store, 3).await), (vec![1], vec![1]));
    // A destroyed record looks like nothing any more, from either side.
    let mut destroyed = RequestUpdate::stage(id(2), 2, Stage::Destroyed, now(), None);
    (destroyed.destroy_key, destroyed.drop_probes) = (true, true);
    let _ = store.apply(Change::update(destroyed, vec![event("destroyed", id(2))])).await.unwrap();
    assert_eq!((alike(store, 1).await, alike(store, 2).await), (vec![3], vec![]));
    assert_eq!(near(store, 1, &[1, 2, 3], 9).await, [3]);
    assert!(!keep(store, 2, &[2, 3]).await, "nothing comes back");
    store.pictures_compared(place(2), compared, vec![place(1)], None).await.unwrap();
    assert_eq!(alike(store, 1).await, [3]);
}

async fn a_units_repeats_are_listed_newest_first(fresh: Fresh) {
    let store = &fresh.store;
    for (n, unit) in [(1, "lacris"), (2, "oxnard"), (3, "lacris"), (4, "lacris"), (5, "lacris")] {
        checked(store, n, unit).await;
    }
    let list = async |unit: &str, since: Option<i64>, before: Option<u128>, limit: i64| {
        let wanted = UnitRepeats {
            unit: unit.parse().unwrap(),
            since: since.map(|minutes| now() + TimeDelta::minutes(minutes)),
            before: before.map(id),
            limit,
        };
        let page = store.unit_repeats(&wanted).await.unwrap();
        let rows: Vec<u128> = page.rows.iter().map(|row| row.id.uuid().as_u128()).collect();
        (rows, page.next.map(|next| next.uuid().as_u128()))
    };
    assert_eq!(list("lacris", None, None, 9).await, (vec![], None));
    let compared = PictureState::Compared;
    for (n, other) in [(3, 2), (4, 1), (5, 4)] {
        let alike = vec![place(other)];
        store.pictures_compared(place(n), compared, alike, None).await.unwrap();
    }
    assert_eq!(list("lacris", None, None, 9).await, (vec![5, 4, 3], None), "2 is another unit's");
    assert_eq!(list("lacris", None, None, 2).await, (vec![5, 4], Some(4)));
    assert_eq!(list("lacris", None, Some(4), 2).await, (vec![3], None));
    assert_eq!(list("lacris", Some(5), None, 9).await, (vec![5], None));
    assert_eq!(list("oxnard", None, None, 9).await, (vec![], None), "it was there before");
    // The same file, and the same case.
    let mut change = insert(6, None);
    let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
    (request.unit, request.case_hash) = ("oxnard".parse().unwrap(), [60; 32]);
    request.probes[0].image_hash = [1; 32];
    request.received_at = now() + TimeDelta::minutes(6);
    let _ = store.apply(change).await.unwrap();
    let mut change = insert(7, None);
    let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
    (request.unit, request.case_hash) = ("oxnard".parse().unwrap(), [4; 32]);
    request.probes[0].image_hash = [70; 32];
    request.received_at = now() + TimeDelta::minutes(7);
    let _ = store.apply(change).await.unwrap();
    assert_eq!(list("oxnard", None, None, 9).await, (vec![7, 6], None));
    let rejected = Change::update(
        RequestUpdate::stage(id(7), 1, Stage::Rejected, now(), None),
        vec![event("rejected", id(7))],
    );
    let _ = store.apply(rejected).await.unwrap();
    assert_eq!(list("oxnard", None, None, 9).await, (vec![6], None));
    assert_eq!(store.released_at(id(1)).await.unwrap(), None);
    let mut change = Change::audited(vec![event("released", id(1))]);
    change.records.push(NewRecord {
        id: Uuid::from_u128(31),
        request: id(1),
        kind: RecordKind::Release,
        author: AccountId::new(Uuid::from_u128(4)),
        at: now(),
        sealed: vec![3],
    });
    let _ = store.apply(change).await.unwrap();
    assert_eq!(store.released_at(id(1)).await.unwrap(), Some(now()));
}

async fn a_request_comes_back_as_it_was_stored(fresh: Fresh) {
    let store = &fresh.store;
    assert_eq!(store.apply(insert(7, Some("k"))).await.unwrap(), Applied::Now);
    let row = store.request(id(7)).await.unwrap().unwrap();
    assert_eq!(
        (row.stage, row.version, row.lane, row.fence),
        (Stage::Received, 1, Lane::Priority, 0)
    );
    assert_eq!((row.data_key, row.form), (Some(vec![3, 0, 255]), Some(vec![4; 300])));
    assert_eq!(row.received_at, now() + TimeDelta::microseconds(7));
    assert_eq!((row.supersedes, row.outcome, row.case_number_of_unit), (Some(id(99)), None, None));
    assert_eq!(row.deadline_at, Some(now() + TimeDelta::minutes(5)));
    assert_eq!(store.idempotent(&row.ori, "k").await.unwrap().unwrap(), (id(7), vec![6; 32]));
    assert_eq!(store.repeat_of([2; 32], Lane::Priority, now()).await.unwrap(), Some(id(7)));
    let later = now() + TimeDelta::days(1);
    assert_eq!(store.repeat_of([2; 32], Lane::Priority, later).await.unwrap(), None);
    let probes = store.probes(id(7)).await.unwrap();
    assert_eq!((probes.len(), probes[0].object_key.as_str(), probes[0].byte_len), (1, "7/0", 7));
    assert!(store.request(id(8)).await.unwrap().is_none());
    store.ping().await.unwrap();
}

/// What is less urgent repeats a request; what is more urgent does not, until something as urgent is there.
async fn what_is_more_urgent_repeats_nothing(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(7, None)).await.unwrap();
    assert_eq!(store.repeat_of([2; 32], Lane::Priority, now()).await.unwrap(), Some(id(7)));
    assert_eq!(store.repeat_of([2; 32], Lane::Routine, now()).await.unwrap(), Some(id(7)));
    assert_eq!(store.repeat_of([2; 32], Lane::Threat, now()).await.unwrap(), None);
    let (mut threat, mut routine) = (insert(2, None), insert(9, None));
    for (change, lane) in [(&mut threat, Lane::Threat), (&mut routine, Lane::Routine)] {
        let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
        request.lane = lane;
    }
    let _ = (store.apply(threat).await.unwrap(), store.apply(routine).await.unwrap());
    assert_eq!(store.repeat_of([2; 32], Lane::Threat, now()).await.unwrap(), Some(id(2)));
    assert_eq!(store.repeat_of([2; 32], Lane::Priority, now()).await.unwrap(), Some(id(7)));
    assert_eq!(store.repeat_of([2; 32], Lane::Routine, now()).await.unwrap(), Some(id(9)));
}

/// A request of this lane that is stored only if none like it arrived within a day before.
fn alone(n: u128, lane: Lane, received_at: DateTime<Utc>) -> Change {
    let mut change = insert(n, Some(&format!("key {n}")));
    let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
    (request.lane, request.received_at) = (lane, received_at);
    request.alone_since = Some(received_at - TimeDelta::days(1));
    change
}

async fn of_all_repeats_at_once_one_is_stored(fresh: Fresh) {
    let store = &fresh.store;
    let settings = StoreSettings { url: fresh.url.clone(), readers: 2, relay: false };
    let other = Store::open(&settings).await.unwrap();
    let ori: Ori = "CA0194200".parse().unwrap();
    // From two processes, each with a key of its own.
    let all = (1..=24).map(|n| {
        let store = if n % 2 == 0 { store } else { &other };
        store.apply(alone(n, Lane::Routine, now()))
    });
    let applied: Vec<Applied> =
        futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
    let stored: Vec<usize> = (0..24).filter(|n| applied[*n] == Applied::Now).collect();
    assert_eq!(stored.len(), 1, "{applied:?}");
    let first = u128::try_from(stored[0] + 1).unwrap();
    for n in 1..=24 {
        let is_first = n == first;
        assert_eq!(store.request(id(n)).await.unwrap().is_some(), is_first, "{n}");
        let key = store.idempotent(&ori, &format!("key {n}")).await.unwrap();
        assert_eq!(key.is_some(), is_first, "a key without a request keeps nothing out: {n}");
    }
}

async fn a_place_among_the_repeats_is_given_on(fresh: Fresh) {
    let store = &fresh.store;
    let first = 1;
    let apply = async |change| store.apply(change).await.unwrap();
    assert_eq!(apply(alone(first, Lane::Routine, now())).await, Applied::Now);
    assert_eq!(apply(alone(30, Lane::Routine, now())).await, Applied::AlreadyApplied);
    // Another lane has a place of its own, and a test is nobody's repeat.
    assert_eq!(apply(alone(31, Lane::Threat, now())).await, Applied::Now);
    assert_eq!(apply(alone(32, Lane::Threat, now())).await, Applied::AlreadyApplied);
    let mut test = alone(33, Lane::Routine, now());
    test.known_answer = injected(33).known_answer;
    assert_eq!(apply(test).await, Applied::Now);
    // Who looked for nobody is not kept out.
    assert_eq!(apply(insert(34, None)).await, Applied::Now);

    // What was refused makes room, and the next one has it.
    let refused = RequestUpdate::stage(id(first), 1, Stage::Rejected, now(), None);
    let refused = Change::update(refused, vec![event("rejected", id(first))]);
    assert_eq!(apply(refused).await, Applied::Now);
    assert_eq!(apply(alone(40, Lane::Routine, now())).await, Applied::Now);
    assert_eq!(apply(alone(41, Lane::Routine, now())).await, Applied::AlreadyApplied);
    // A day is the limit: then not, and no longer later.
    let day = now() + TimeDelta::days(1);
    assert_eq!(apply(alone(42, Lane::Routine, day)).await, Applied::AlreadyApplied);
    let later = day + TimeDelta::microseconds(1);
    assert_eq!(apply(alone(43, Lane::Routine, later)).await, Applied::Now);
    assert_eq!(apply(alone(44, Lane::Routine, later)).await, Applied::AlreadyApplied);
}

async fn a_destroyed_record_has_no_place_among_the_repeats(fresh: Fresh) {
    let store = &fresh.store;
    let apply = async |change| store.apply(change).await.unwrap();
    assert_eq!(apply(alone(43, Lane::Routine, now())).await, Applied::Now);
    let mut gone = RequestUpdate::stage(id(43), 1, Stage::Destroyed, now(), None);
    (gone.destroy_key, gone.drop_probes) = (true, true);
    let gone = Change::update(gone, vec![event("destroyed", id(43))]);
    assert_eq!(apply(gone).await, Applied::Now);
    let traces = "SELECT count(*) FROM idempotency_keys WHERE request = $1";
    let mut connection = sqlx::AnyConnection::connect(&fresh.url).await.unwrap();
    let row = sqlx::query(traces).bind(id(43).to_string()).fetch_one(&mut connection).await;
    assert_eq!(row.unwrap().try_get::<i64, _>(0).unwrap(), 0);
    assert_eq!(apply(alone(45, Lane::Routine, now())).await, Applied::Now);
}

async fn a_change_is_written_whole_or_not_at_all(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, Some("k"))).await.unwrap();
    // The key is taken: neither request nor message nor audit entry of the second one exists.
    assert_eq!(store.apply(insert(2, Some("k"))).await.unwrap(), Applied::AlreadyApplied);
    assert!(store.request(id(2)).await.unwrap().is_none());
    let stale = Change::update(accept(1, 9), vec![event("never", id(1))]);
    assert_eq!(store.apply(stale).await.unwrap(), Applied::Stale);
    assert_eq!(store.audit_of(id(1)).await.unwrap().len(), 1);
    assert!(store.audit_of(id(2)).await.unwrap().is_empty());
    let mut change = Change::update(accept(1, 1), vec![event("accepted", id(1))]);
    change.done = Some((message(1), Step::Check));
    assert_eq!(store.apply(change.clone()).await.unwrap(), Applied::Now);
    assert_eq!(store.apply(change).await.unwrap(), Applied::Stale);
    let row = store.request(id(1)).await.unwrap().unwrap();
    assert_eq!((row.stage, row.version, row.deadline_at), (Stage::Accepted, 2, None));
    assert!(store.claim_due(due(10, now())).await.unwrap().is_empty(), "its message is done with");
    // Without a request's version the delivery itself is the guard.
    let mut alone = Change::audited(Vec::new());
    alone.done = Some((message(1), Step::Check));
    assert_eq!(store.apply(alone).await.unwrap(), Applied::AlreadyApplied);
}

async fn case_numbers_have_no_gaps_and_the_log_has_one_order(fresh: Fresh) {
    let store = Arc::new(fresh.store.clone());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=60_u128 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            assert_eq!(store.apply(insert(n, None)).await.unwrap(), Applied::Now);
            let mut update = accept(n, 1);
            update.number_in = Some("lacris".parse().unwrap());
            // Every third is stale and must take no number.
            update.seen = if n % 3 == 0 { 5 } else { 1 };
            let _ =
                store.apply(Change::update(update, vec![event("accepted", id(n))])).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let mut numbers = Vec::new();
    for n in 1..=60 {
        numbers.extend(store.request(id(n)).await.unwrap().unwrap().case_number_of_unit);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<i64>>());
    let bodies = store.audit_entries(0, 1_000).await.unwrap();
    assert_eq!(bodies.len(), 100);
    let leaves: Vec<[u8; 32]> = bodies.iter().map(|body| leaf_hash(body.as_bytes())).collect();
    assert_eq!(store.audit_head().await.unwrap(), (100, root_of(&leaves)));
    assert_export_verifies(&store, &bodies).await;
}

async fn assert_export_verifies(store: &Store, bodies: &[String]) {
    let key = SigningKey::generate().unwrap();
    let (size, root) = store.audit_head().await.unwrap();
    let checkpoint = Checkpoint { origin: "log.example.gov".to_owned(), size, root };
    let note = checkpoint.sign(key.key()).unwrap();
    for _ in 0..2 {
        store.add_checkpoint(size, note.as_str().to_owned(), now()).await.unwrap();
    }
    let stored = store.checkpoints().await.unwrap();
    assert_eq!(stored.len(), 1, "the same head again changes nothing");
    let header = Header::new("log.example.gov", &key.public_bytes().unwrap());
    let mut lines = vec![header_line(&header).unwrap()];
    lines.extend(bodies.iter().map(|body| entry_line(body).unwrap()));
    lines.push(note_line(&Note::new(stored[0].note.clone())).unwrap());
    assert_eq!(verify(lines.iter().map(String::as_str), None, &[]).unwrap().size, size);
}

async fn a_delivery_is_claimed_once_and_comes_back_when_its_claim_ends(fresh: Fresh) {
    let store = Arc::new(fresh.store.clone());
    for n in 1..=40 {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.claim_due(due(7, now())).await.unwrap() });
    }
    let mut seen = Vec::new();
    while let Some(claimed) = tasks.join_next().await {
        seen.extend(claimed.unwrap().into_iter().map(|claim| {
            assert_eq!(
                (claim.attempts, claim.fence, claim.body.request().uuid()),
                (1, 1, claim.id.uuid())
            );
            claim.id
        }));
    }
    seen.sort();
    assert_eq!(seen, (1..=40).map(message).collect::<Vec<_>>());
    assert!(store.claim_due(due(100, now() + TimeDelta::seconds(59))).await.unwrap().is_empty());
    assert_eq!(store.release_claims(now() + TimeDelta::seconds(59)).await.unwrap(), 40);
    let last = Due { only: vec![message(40)], ..due(2, now() + TimeDelta::seconds(59)) };
    let released = store.claim_due(last).await.unwrap();
    assert_eq!((released.len(), released[0].attempts), (1, 2));
    let only = vec![message(3), message(4)];
    let again =
        store.claim_due(Due { only, ..due(100, now() + TimeDelta::minutes(2)) }).await.unwrap();
    assert_eq!(
        again.iter().map(|claim| (claim.id, claim.attempts)).collect::<Vec<_>>(),
        [(message(3), 2), (message(4), 2)]
    );
}

async fn retries_wait_and_dead_letters_are_seen_replayed_or_dropped(fresh: Fresh) {
    let store = &fresh.store;
    for n in 1..=2 {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let later = now() + TimeDelta::minutes(10);
    store.retry(message(1), Step::Check, again(later, false)).await.unwrap();
    let claimed = store.claim_due(due(10, now())).await.unwrap();
    assert_eq!(claimed.iter().map(|claim| claim.id).collect::<Vec<_>>(), [message(2)]);
    assert_eq!(store.claim_due(due(10, later)).await.unwrap().len(), 2);
    for n in 1..=2 {
        store
            .bury(message(n), Step::Check, "poison".to_owned(), event("dead", id(n)))
            .await
            .unwrap();
    }
    let far = later + TimeDelta::days(9);
    assert!(
        store.claim_due(due(10, far)).await.unwrap().is_empty(),
        "the dead stay where they are"
    );
    let dead = store.dead_letters(10).await.unwrap();
    assert_eq!(
        (dead.len(), dead[0].request, dead[0].reason.as_deref()),
        (2, id(1), Some("poison"))
    );
    for first in [true, false] {
        let replayed = store.replay(message(1), now(), event("replayed", id(1))).await.unwrap();
        assert_eq!(replayed, first);
    }
    assert_eq!(store.claim_due(due(10, now())).await.unwrap()[0].attempts, 1);
    for first in [true, false] {
        let dropped = store.drop_dead(message(2), event("dropped", id(2)), None).await.unwrap();
        assert_eq!(dropped, first);
    }
    assert!(store.dead_letters(10).await.unwrap().is_empty());
    assert_eq!(store.audit_of(id(1)).await.unwrap().len(), 3, "received, dead, replayed");
    // What is dropped is gone; what was replayed is in work.
    let asked = [(1, Step::Check), (1, Step::Respond), (2, Step::Check)];
    let commands = asked.map(|(n, step)| store.has_command(id(n), step));
    let commands = futures_util::future::try_join_all(commands).await.unwrap();
    assert_eq!(commands, [true, false, false]);
}

fn again(at: DateTime<Utc>, worked: bool) -> Again {
    Again { at, reason: "store".to_owned(), worked }
}

async fn attempts_count_until_the_step_has_done_its_work(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    assert_eq!(store.claim_due(due(1, now())).await.unwrap()[0].attempts, 1);
    for (worked, attempts) in [(false, 2), (true, 1), (false, 2)] {
        store.retry(message(1), Step::Check, again(now(), worked)).await.unwrap();
        assert_eq!(store.claim_due(due(1, now())).await.unwrap()[0].attempts, attempts);
    }
}

async fn a_dropped_copy_is_given_up_and_what_was_sent_stays_sent(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(2, None)).await.unwrap();
    store.bury(message(2), Step::Check, "poison".to_owned(), event("dead", id(2))).await.unwrap();
    for (n, status) in [(22, MailingStatus::Deferred), (23, MailingStatus::Sent)] {
        let _ = store.apply(mailing_of(id(2), n)).await.unwrap();
        let mut change = Change::audited(Vec::new());
        change.mailed = Some(mailed(n, status));
        let _ = store.apply(change).await.unwrap();
    }
    for (first, mail) in [(true, 22), (false, 22), (false, 23)] {
        let mail = Some(mailed(mail, MailingStatus::Refused));
        let dropped = store.drop_dead(message(2), event("dropped", id(2)), mail).await.unwrap();
        assert_eq!(dropped, first);
    }
    let mut late = Change::audited(Vec::new());
    late.mailed = Some(mailed(23, MailingStatus::Deferred));
    let _ = store.apply(late).await.unwrap();
    let mails = store.mailings_of(id(2)).await.unwrap();
    let statuses: Vec<MailingStatus> = mails.iter().map(|mail| mail.status).collect();
    assert_eq!(statuses, [MailingStatus::Refused, MailingStatus::Sent]);
}

fn mailing_of(request: RequestId, n: u128) -> Change {
    let mut change = Change::audited(Vec::new());
    change.mailing = Some(NewMailing {
        id: Uuid::from_u128(n),
        request,
        message_id: format!("<{n}@example.gov>"),
        object_key: format!("{n}/mail"),
        envelope: vec![8],
        at: now(),
    });
    change
}

fn mailed(n: u128, status: MailingStatus) -> MailingUpdate {
    let id = Uuid::from_u128(n);
    MailingUpdate { id, status, phase: None, code: None, begins: true, at: now() }
}

async fn records_mailings_and_ends_are_kept(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    let author = AccountId::new(Uuid::from_u128(5));
    let mut change = Change::audited(vec![event("sealed", id(1))]);
    change.records.push(NewRecord {
        id: Uuid::from_u128(11),
        request: id(1),
        kind: RecordKind::SecondReview,
        author,
        at: now(),
        sealed: vec![9, 0, 9],
    });
    change.mailing = Some(NewMailing {
        id: Uuid::from_u128(12),
        request: id(1),
        message_id: "<a@example.gov>".to_owned(),
        object_key: "1/mail".to_owned(),
        envelope: vec![8],
        at: now(),
    });
    let _ = store.apply(change).await.unwrap();
    let records = store.records(id(1)).await.unwrap();
    assert_eq!((records[0].kind, records[0].author), (RecordKind::SecondReview, author));
    assert_eq!(records[0].sealed.as_deref(), Some([9, 0, 9].as_slice()));
    let mut mailed = Change::audited(Vec::new());
    mailed.mailed = Some(MailingUpdate {
        id: Uuid::from_u128(12),
        status: MailingStatus::Deferred,
        phase: Some("rcpt".to_owned()),
        code: Some("451".to_owned()),
        begins: true,
        at: now(),
    });
    let _ = store.apply(mailed).await.unwrap();
    let mailing = store.mailing(Uuid::from_u128(12)).await.unwrap().unwrap();
    assert_eq!((mailing.status, mailing.attempts), (MailingStatus::Deferred, 1));
    assert_eq!(mailing.last_code.as_deref(), Some("451"));
    assert_eq!(store.mailings_of(id(1)).await.unwrap().len(), 1);
    let mut rejected = RequestUpdate::stage(id(1), 1, Stage::Rejected, now(), None);
    rejected.drop_probes = true;
    rejected.destroy_key = true;
    rejected.outcome = Some(Outcome::Expired);
    let _ = store.apply(Change::update(rejected, vec![event("rejected", id(1))])).await.unwrap();
    let row = store.request(id(1)).await.unwrap().unwrap();
    assert_eq!((row.data_key, row.form, row.outcome), (None, None, Some(Outcome::Expired)));
    assert!(store.probes(id(1)).await.unwrap().is_empty());
    assert_eq!(store.discarded(10).await.unwrap(), ["1/0"]);
    store.forget_discarded("1/0".to_owned()).await.unwrap();
    assert!(store.discarded(10).await.unwrap().is_empty());
}

async fn the_reason_of_a_wait_is_kept_until_the_next_step(fresh: Fresh) {
    let store = &fresh.store;
    let unit: UnitId = "lacris".parse().unwrap();
    let reasons = [None, Some(WaitingReason::NobodyOnDuty), Some(WaitingReason::AtCapacity), None];
    for (n, reason) in (1..).zip(reasons) {
        let _ = store.apply(insert(n, None)).await.unwrap();
        let mut update = RequestUpdate::stage(id(n), 1, Stage::Queued, now(), Some(now()));
        update.waiting = reason;
        let _ = store.apply(Change::update(update, vec![event("queued", id(n))])).await.unwrap();
        assert_eq!(store.request(id(n)).await.unwrap().unwrap().waiting, reason);
    }
    let waiting = async |lane: Lane, reasons: &[WaitingReason], limit: i64| -> Vec<u128> {
        let rows = store.waiting((&unit, lane), reasons, limit).await.unwrap();
        rows.iter().map(|row| row.id.uuid().as_u128()).collect()
    };
    let lane = store.request(id(1)).await.unwrap().unwrap().lane;
    assert_eq!(waiting(lane, &[], 9).await, [1, 4]);
    assert_eq!(waiting(lane, &[WaitingReason::NobodyOnDuty], 9).await, [1, 2, 4]);
    assert_eq!(waiting(lane, &[WaitingReason::AtCapacity], 2).await, [1, 3]);
    let other = if lane == Lane::Threat { Lane::Routine } else { Lane::Threat };
    assert_eq!(waiting(other, &[], 9).await, [] as [u128; 0]);
    go(store, 2, 2, Stage::Offered { reviewer: AccountId::new(Uuid::from_u128(4)) }).await;
    assert_eq!(store.request(id(2)).await.unwrap().unwrap().waiting, None);
}

async fn a_legal_hold_is_set_and_lifted_and_a_destroyed_record_keeps_nothing_sealed(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, Some("key"))).await.unwrap();
    let _ = store.apply(insert(2, None)).await.unwrap();
    assert_eq!(store.repeats(id(2)).await.unwrap().len(), 1);
    assert_eq!(store.legal_hold(id(1)).await.unwrap(), None);
    assert_eq!(store.legal_hold(id(2)).await.unwrap(), None);
    let mut held = RequestUpdate::stage(id(1), 1, Stage::Withdrawn, now(), None);
    held.legal_hold = Some(Some(now()));
    let mut change = Change::update(held, vec![event("legal_hold.set", id(1))]);
    change.records.push(NewRecord {
        id: Uuid::from_u128(21),
        request: id(1),
        kind: RecordKind::LegalHold,
        author: AccountId::new(Uuid::from_u128(4)),
        at: now(),
        sealed: vec![3],
    });
    assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    assert_eq!(store.legal_hold(id(1)).await.unwrap(), Some(now()));
    let mut lifted = RequestUpdate::stage(id(1), 2, Stage::Withdrawn, now(), None);
    lifted.legal_hold = Some(None);
    let _ = store.apply(Change::update(lifted, vec![event("lifted", id(1))])).await.unwrap();
    assert_eq!(store.legal_hold(id(1)).await.unwrap(), None);
    let mut destroyed = RequestUpdate::stage(id(1), 3, Stage::Destroyed, now(), None);
    destroyed.destroy_key = true;
    destroyed.drop_probes = true;
    destroyed.discard = vec!["1/mail".to_owned(), "1/document".to_owned()];
    let _ = store.apply(Change::update(destroyed, vec![event("destroyed", id(1))])).await.unwrap();
    let record = store.records(id(1)).await.unwrap().remove(0);
    assert_eq!((record.kind, record.sealed), (RecordKind::LegalHold, None));
    let mut discarded = store.discarded(10).await.unwrap();
    discarded.sort();
    assert_eq!(discarded, ["1/0", "1/document", "1/mail"]);
    // Nor is it told by what it shared with others.
    assert!(store.repeats(id(1)).await.unwrap().is_empty());
    assert!(store.repeats(id(2)).await.unwrap().is_empty());
    let row = store.request(id(1)).await.unwrap().unwrap();
    assert_eq!((row.repeat_hash, row.data_key), (Vec::new(), None));
    assert_eq!(store.idempotent(&row.ori, "key").await.unwrap(), None);
}

/// SQLite keeps deleted bytes in free pages and in the write-ahead log, unless it is told not to.
#[tokio::test]
async fn what_is_destroyed_is_in_no_page_of_the_file() {
    let fresh = sqlite(false).await;
    let folder = fresh.folder.as_ref().unwrap().path().to_owned();
    let mark = b"a-wrapped-key-or-a-sealed-record";
    let holds = || {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let files = files.map(|file| std::fs::read(file).unwrap());
        files.into_iter().any(|file| file.windows(mark.len()).any(|bytes| bytes == mark))
    };
    let mut new = insert(1, None);
    if let Guard::Insert(request) = &mut new.guard {
        request.data_key = mark.to_vec();
        request.form = mark.repeat(40);
    }
    // So long that it fills pages of its own, which the destruction frees.
    new.records.push(NewRecord {
        id: Uuid::from_u128(31),
        request: id(1),
        kind: RecordKind::Examination,
        author: AccountId::new(Uuid::from_u128(4)),
        at: now(),
        sealed: mark.repeat(2_000),
    });
    assert_eq!(fresh.store.apply(new).await.unwrap(), Applied::Now);
    assert!(holds());
    let mut destroyed = RequestUpdate::stage(id(1), 1, Stage::Destroyed, now(), None);
    destroyed.destroy_key = true;
    let change = Change::update(destroyed, vec![event("destroyed", id(1))]);
    assert_eq!(fresh.store.apply(change).await.unwrap(), Applied::Now);
    // The log is emptied behind the commit, in the writer's own order.
    let _ = fresh.store.apply(Change::audited(vec![event("after", id(1))])).await.unwrap();
    assert!(!holds());
}

async fn lists_are_paged_and_sorted(fresh: Fresh) {
    let store = &fresh.store;
    for n in 1..=5 {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let ori = "CA0194200".parse().unwrap();
    let first = store.requests_of(&ori, None, 3).await.unwrap();
    assert_eq!(first.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(5), id(4), id(3)]);
    let rest = store.requests_of(&ori, first.next, 3).await.unwrap();
    assert_eq!((rest.rows.len(), rest.next), (2, None));
    let filter = |lane| WorkFilter {
        unit: "lacris".parse().unwrap(),
        stages: vec![StageCode::Received],
        lane,
        limit: 10,
    };
    let jobs = store.jobs(&filter(Some(Lane::Priority))).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].id), (5, id(1)));
    assert!(store.jobs(&filter(Some(Lane::Threat))).await.unwrap().is_empty());
    assert_eq!(store.overdue(now() + TimeDelta::minutes(6), 10).await.unwrap().len(), 5);
    assert!(store.overdue(now(), 10).await.unwrap().is_empty());
}

async fn a_registry_follows_the_one_that_was_read(fresh: Fresh) {
    let store = &fresh.store;
    let account = |n: u128| AccountId::new(Uuid::from_u128(n));
    let add = |seen: i64, byte: u8| {
        let actor = Actor::Operator { command: "users import".to_owned() };
        let event = AuditEvent::new(now(), actor, "users.imported");
        store.add_registry_after(NewRegistry {
            seen,
            digest: [byte; 32],
            sealed: vec![byte],
            shut_out: vec![account(u128::from(byte))],
            at: now(),
            events: vec![event],
        })
    };
    for n in [2, 3, 4, 9] {
        let n_byte = u8::try_from(n).unwrap();
        store.add_session([n_byte; 32], account(n), event("session", id(n))).await.unwrap();
    }
    assert_eq!(add(0, 1).await.unwrap(), Some(1));
    let both = futures_util::future::join(add(1, 2), add(1, 3)).await;
    // Whom the version that came into force shuts out is out; whom another would have is not.
    let mut sessions = Vec::new();
    for n in [2, 3, 4, 9] {
        sessions.push(store.session([n; 32], now()).await.unwrap().is_some());
    }
    assert_eq!(
        sessions,
        [both.0.as_ref().unwrap().is_none(), both.1.as_ref().unwrap().is_none(), true, true]
    );
    store.end_sessions(account(9)).await.unwrap();
    assert_eq!(store.session([9; 32], now()).await.unwrap(), None);
    let mut versions = [both.0.unwrap(), both.1.unwrap()];
    versions.sort_unstable();
    assert_eq!(versions, [None, Some(2)], "somebody else was first");
    assert_eq!(add(0, 4).await.unwrap(), None);
    assert_eq!(store.registry_version().await.unwrap(), Some(2));
    let head = store.audit_head().await.unwrap().0;
    assert_eq!(head, 4 + 2, "what is not written is not recorded");
}

async fn claim(store: &Store, n: u128, person: AccountId, most: i64) -> Applied {
    let row = store.request(id(n)).await.unwrap().unwrap();
    let (token, until, since) = (row.fence + 1, now() + TimeDelta::hours(1), now());
    let stage = Stage::Leased { lease: Lease { reviewer: person, token, until, since } };
    let mut update = RequestUpdate::stage(row.id, row.version, stage, now(), Some(until));
    update.fence = Some(token);
    update.most_leases = Some(most);
    store.apply(Change::update(update, vec![event("claimed", id(n))])).await.unwrap()
}

async fn a_person_holds_no_more_claims_than_the_unit_allows(fresh: Fresh) {
    let store = Arc::new(fresh.store.clone());
    let (one, other) = (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
    for n in 1..=12 {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=11 {
        let store = Arc::clone(&store);
        let person = if n == 11 { other } else { one };
        tasks.spawn(async move { (person, claim(&store, n, person, 3).await) });
    }
    let mut admitted = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (person, applied) = done.unwrap();
        admitted.extend((applied == Applied::Now).then_some(person));
    }
    admitted.sort_unstable();
    assert_eq!(admitted, [one, one, one, other], "claims at the same moment count too");
    assert_eq!(store.claims_held(one).await.unwrap(), 3);
    assert_eq!(store.on_desk(one).await.unwrap().len(), 3);
    assert_eq!(store.holders().await.unwrap(), [one, other].into());
    assert_eq!(claim(&store, 12, one, 3).await, Applied::Stale);
    assert_eq!(claim(&store, 12, one, 4).await, Applied::Now);
}

/// A queue of three lanes: what is listed, in which order, page by page.
async fn a_worklist_is_read_in_the_order_of_service(fresh: Fresh) {
    let store = &fresh.store;
    let (me, other) = (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
    let lanes = [Lane::Routine, Lane::Priority, Lane::Threat];
    // The first routine job waits for two days already.
    for (n, lane, hours) in [(1, 0, -48), (2, 1, 0), (3, 2, 0), (4, 0, 0), (5, 0, 1), (6, 0, 2)] {
        let mut change = insert(n, None);
        let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
        request.lane = lanes[lane];
        request.received_at = now() + TimeDelta::hours(hours);
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    }
    let lease = |reviewer| Lease { reviewer, token: 1, until: now(), since: now() };
    let stages = [
        (1, Stage::Queued),
        (2, Stage::Offered { reviewer: other }),
        (3, Stage::Queued),
        (4, Stage::Leased { lease: lease(me) }),
        (5, Stage::Leased { lease: lease(other) }),
        (6, Stage::Examined { first: me }),
    ];
    for (n, stage) in stages {
        let update = RequestUpdate::stage(id(n), 1, stage, now(), Some(now()));
        let _ = store.apply(Change::update(update, vec![event("moved", id(n))])).await.unwrap();
    }
    let page = |lane, after, limit| WorkPage {
        unit: "lacris".parse().unwrap(),
        person: me,
        stages: [StageCode::Queued, StageCode::Offered, StageCode::Leased, StageCode::Examined]
            .into(),
        lane,
        after,
        limit,
    };
    let ids = |rows: Vec<leadbroker::store::RequestRow>| {
        rows.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>()
    };
    let all = ids(store.worklist(&page(None, None, 9)).await.unwrap());
    assert_eq!(all, [3, 1, 2, 4], "not what another holds, nor what I examined");
    let first = ids(store.worklist(&page(None, None, 2)).await.unwrap());
    let rest = ids(store.worklist(&page(None, Some(id(1)), 9)).await.unwrap());
    assert_eq!((first, rest), (vec![3, 1], vec![2, 4]));
    assert_eq!(ids(store.worklist(&page(Some(Lane::Threat), None, 9)).await.unwrap()), [3]);
    let unit = "lacris".parse().unwrap();
    assert_eq!(ids(store.queued(&unit, None, 9).await.unwrap()), [3, 1]);
    assert_eq!(ids(store.queued(&unit, Some(id(3)), 9).await.unwrap()), [1]);
}

async fn what_people_wrote_is_found_by_author_and_by_probe(fresh: Fresh) {
    let store = &fresh.store;
    let (author, other) = (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
    for n in 1..=3 {
        let mut change = insert(n, None);
        let Guard::Insert(request) = &mut change.guard else { panic!("an insert") };
        // The third has a probe of its own.
        request.probes[0].image_hash = if n == 3 { [9; 32] } else { [5; 32] };
        let _ = store.apply(change).await.unwrap();
    }
    let mut number = 100;
    let mut wrote = |request, kind, author, minutes| {
        number += 1;
        let mut change = Change::audited(vec![event("wrote", id(request))]);
        let at = now() + TimeDelta::minutes(minutes);
        let (record, sealed) = (Uuid::from_u128(number), vec![1]);
        let request = id(request);
        change.records.push(NewRecord { id: record, request, kind, author, at, sealed });
        change
    };
    let all = [
        wrote(1, RecordKind::Examination, author, 0),
        wrote(1, RecordKind::Draft, author, 1),
        wrote(2, RecordKind::Draft, author, 2),
        wrote(2, RecordKind::Draft, other, 3),
        wrote(1, RecordKind::GiveBack, other, 4),
    ];
    for change in all {
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    }
    let drafts =
        store.written_by((author, &"lacris".parse().unwrap()), RecordKind::Draft).await.unwrap();
    let of: Vec<RequestId> = drafts.iter().map(|(request, _)| *request).collect();
    assert_eq!(of, [id(2), id(1)], "the newest first, and none of another's");
    assert_eq!(store.earlier_reviewers(id(2)).await.unwrap(), [author].into());
    assert!(
        store.earlier_reviewers(id(1)).await.unwrap().is_empty(),
        "its own are no earlier ones"
    );
    assert!(store.earlier_reviewers(id(3)).await.unwrap().is_empty());
    let recent = store.examined_since(&[author, other], now()).await.unwrap();
    assert_eq!(recent, [(author, 1)].into(), "a draft is no examination");
    let later = now() + TimeDelta::minutes(1);
    assert!(store.examined_since(&[author, other], later).await.unwrap().is_empty());
}

async fn registries_are_versions_and_one_instance_has_the_place(fresh: Fresh) {
    let store = &fresh.store;
    assert_eq!(store.registry_version().await.unwrap(), None);
    for sealed in [vec![1], vec![2]] {
        store.add_registry([0; 32], sealed, event("imported", id(1))).await.unwrap();
    }
    assert_eq!(store.registry().await.unwrap(), Some((2, vec![2])));
    store.take_instance("one", now()).await.unwrap();
    store.take_instance("one", now() + TimeDelta::seconds(5)).await.unwrap();
    let second = store.take_instance("two", now() + TimeDelta::seconds(9)).await;
    assert!(matches!(second, Err(StoreError::InUse(owner)) if owner == "one"));
    store.take_instance("two", now() + TimeDelta::seconds(60)).await.unwrap();
    store.leave_instance("two").await.unwrap();
    store.take_instance("one", now()).await.unwrap();
    let account = AccountId::new(Uuid::from_u128(5));
    let mut login = event("session", id(1));
    login.at = now();
    store.add_session([7; 32], account, login).await.unwrap();
    assert_eq!(
        store.session([7; 32], now() + TimeDelta::minutes(29)).await.unwrap(),
        Some(account)
    );
    assert_eq!(store.session([7; 32], now() + TimeDelta::minutes(60)).await.unwrap(), None, "idle");
    assert_eq!(store.session([8; 32], now()).await.unwrap(), None);
}

/// Roster entries are added, all or none, each at the place that its writer saw free; nothing changes one.
async fn roster_entries_have_one_order_and_stay_as_they_are(fresh: Fresh) {
    let store = &fresh.store;
    let unit: UnitId = "lacris".parse().unwrap();
    let other: UnitId = "oxnard".parse().unwrap();
    let new = |unit: &UnitId, ordinal: i64, id: u128, reason: Option<Vec<u8>>| NewRosterEntry {
        entry: Entry {
            id: RosterEntryId::new(Uuid::from_u128(id)),
            unit: unit.clone(),
            ordinal,
            recorded_at: now() + TimeDelta::microseconds(ordinal),
            recorded_by: AccountId::new(Uuid::from_u128(5)),
            correction: ordinal == 2,
            rule: Rule::Retraction(Retraction {
                entry: RosterEntryId::new(Uuid::from_u128(9)),
                from: now(),
            }),
        },
        reason,
        event: event("drafted", RequestId::new(Uuid::from_u128(id))),
    };
    assert_eq!(store.roster_size().await.unwrap(), 0);
    let both = vec![new(&unit, 1, 1, None), new(&unit, 2, 2, Some(vec![0, 255]))];
    assert!(store.add_roster_entries(both.clone()).await.unwrap());
    assert!(store.add_roster_entries(vec![new(&other, 1, 3, None)]).await.unwrap());
    // Others took the places: neither the entries nor their audit entries are there.
    let late = vec![new(&unit, 2, 4, None), new(&unit, 3, 5, None)];
    assert!(!store.add_roster_entries(late).await.unwrap(), "of two places one is taken");
    assert!(!store.add_roster_entries(vec![new(&unit, 2, 6, None)]).await.unwrap());
    for lost in [4, 5, 6] {
        assert!(store.audit_of(id(lost)).await.unwrap().is_empty());
    }
    assert_eq!(store.audit_of(id(2)).await.unwrap().len(), 1);
    let publication = Rule::Publication(Publication {
        number: 1,
        entries: vec![both[0].entry.id],
        gaps_accepted: 3,
    });
    let mut third = new(&unit, 3, 7, None);
    third.entry.rule = publication;
    assert!(store.add_roster_entries(vec![third.clone()]).await.unwrap());
    assert_eq!(store.roster_size().await.unwrap(), 4);
    let entries = store.roster_entries().await.unwrap();
    let of_unit: Vec<Entry> = entries.into_iter().filter(|entry| entry.unit == unit).collect();
    assert_eq!(of_unit, [both[0].entry.clone(), both[1].entry.clone(), third.entry]);
    let reasons = store.roster_reasons(&unit).await.unwrap();
    assert_eq!(reasons, [(both[1].entry.id, vec![0, 255])].into());
    assert!(store.roster_reasons(&other).await.unwrap().is_empty());
}

/// A registry is read as it was at a moment.
async fn a_registry_is_read_as_it_was_at_a_time(fresh: Fresh) {
    let store = &fresh.store;
    for (n, sealed) in [(1, vec![1]), (2, vec![2])] {
        let mut imported = event("imported", id(1));
        imported.at = now() + TimeDelta::hours(n);
        store.add_registry([0; 32], sealed, imported).await.unwrap();
    }
    let at = |minutes: i64| store.registry_at(now() + TimeDelta::minutes(minutes));
    assert_eq!(at(59).await.unwrap(), None);
    assert_eq!(at(60).await.unwrap(), Some(vec![1]));
    assert_eq!(at(119).await.unwrap(), Some(vec![1]));
    assert_eq!(at(120).await.unwrap(), Some(vec![2]));
}

/// With a broker: what is due is published once, and published again when nothing came of it.
async fn the_relay_is_told_what_to_publish(fresh: Fresh) {
    let store = &fresh.store;
    for n in 1..=3 {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let until = now() + TimeDelta::seconds(30);
    assert_eq!(store.to_publish(10, now(), until).await.unwrap().len(), 3);
    assert!(store.to_publish(10, now(), until).await.unwrap().is_empty(), "another relay has them");
    store.published(vec![message(1), message(2)]).await.unwrap();
    let late = until + TimeDelta::seconds(1);
    let again = store.to_publish(10, late, late + TimeDelta::seconds(30)).await.unwrap();
    assert_eq!(again.iter().map(|message| message.id).collect::<Vec<_>>(), [message(3)]);
    store.publish_later(vec![message(3)], late + TimeDelta::seconds(1)).await.unwrap();
    let soon = late + TimeDelta::seconds(1);
    assert_eq!(store.to_publish(10, soon, soon + TimeDelta::seconds(30)).await.unwrap().len(), 1);
    let lost = now() + TimeDelta::minutes(5);
    assert_eq!(store.republish_lost(lost, lost - TimeDelta::seconds(30)).await.unwrap(), 2);
    store
        .retry(
            message(1),
            Step::Check,
            Again { at: lost + TimeDelta::hours(1), reason: "later".to_owned(), worked: false },
        )
        .await
        .unwrap();
    let next = store.to_publish(10, lost, lost + TimeDelta::seconds(30)).await.unwrap();
    assert!(
        next.iter().all(|message_row| message_row.id != message(1)),
        "a retry is published when it is due"
    );
}

async fn what_there_is_is_counted(fresh: Fresh) {
    let store = &fresh.store;
    let old = now() + TimeDelta::hours(1);
    let mut empty = store.measures(old).await.unwrap();
    empty.audit_entries = 0;
    assert_eq!(empty, Measures::default());
    for n in [1, 2, 3] {
        let _ = store.apply(insert(n, None)).await.unwrap();
    }
    let measures = store.measures(old).await.unwrap();
    let [(_, state, number)] = measures.requests.as_slice() else { panic!("{measures:?}") };
    assert_eq!((state.as_str(), *number), ("received", 3));
    let [(step, number, due)] = measures.waiting.as_slice() else { panic!("{measures:?}") };
    assert_eq!((step.as_str(), *number), ("check", 3));
    assert!(*due <= old);
    assert_eq!((measures.outbox, measures.late_holds), (3, 0), "with a relay all are to publish");
    late_holds_are_counted_by_their_due_time(store).await;
    assert!(measures.audit_entries >= 3 && measures.dead.is_empty());
    let asked = (1..=900).map(id).collect();
    let known = store.known_requests(asked).await.unwrap();
    assert_eq!(known, [1, 2, 3].map(id).into());
    let row = store.request(id(3)).await.unwrap().unwrap();
    let destroyed = RequestUpdate::stage(id(3), row.version, Stage::Destroyed, now(), None);
    let _ = store.apply(Change::update(destroyed, vec![event("destroyed", id(3))])).await.unwrap();
    let known = store.known_requests(vec![id(2), id(3)]).await.unwrap();
    assert_eq!(known, [id(2)].into(), "a destroyed record names no image");
    assert!(store.known_requests(Vec::new()).await.unwrap().is_empty());
}

/// A hold is late when its due time is over, and stays late for the next role, whose time has begun.
async fn late_holds_are_counted_by_their_due_time(store: &Store) {
    let due = now() + TimeDelta::hours(4);
    let held = |missed: Vec<Role>| Stage::Held {
        role: Role::LocalAdministrator,
        resume: Resume::Check,
        missed,
    };
    for (n, missed) in [(1, Vec::new()), (2, vec![Role::ReleaseAuthority])] {
        let update = RequestUpdate::stage(id(n), 1, held(missed), now(), Some(due));
        let _ = store.apply(Change::update(update, vec![event("x", id(n))])).await.unwrap();
    }
    for (at, late) in [(now(), 1), (due - TimeDelta::seconds(1), 1), (due, 2)] {
        assert_eq!(store.measures(at).await.unwrap().late_holds, late, "{at}");
    }
}

/// A step of an emergency, alone.
async fn stepped(store: &Store, step: EmergencyStep) -> Applied {
    let mut change = Change::audited(vec![event("emergency", id(1))]);
    change.guard = Guard::Emergency(step);
    store.apply(change).await.unwrap()
}

async fn duties_and_suspensions_end_once(fresh: Fresh) {
    let store = &fresh.store;
    let unit = "lacris".parse().unwrap();
    let due = |hours| now() + TimeDelta::hours(hours);
    let begun = |n: u128, hours| {
        [DutyKind::CallBack, DutyKind::Confirmation].map(|kind| {
            let unit = "lacris".parse().unwrap();
            EmergencyWrite::Begin(NewDuty { request: id(n), kind, unit, due_at: due(hours) })
        })
    };
    for (n, hours) in [(1, 24), (2, 12)] {
        let mut change = insert(n, None);
        change.emergency = begun(n, hours).into();
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    }
    let open = store.open_duties(&unit, 10).await.unwrap();
    let order: Vec<_> = open.iter().map(|row| (row.request, row.duty.kind)).collect();
    let (call, word) = (DutyKind::CallBack, DutyKind::Confirmation);
    assert_eq!(order, [(id(2), call), (id(2), word), (id(1), call), (id(1), word)]);
    assert!(store.open_duties(&"other".parse().unwrap(), 10).await.unwrap().is_empty());

    // Attempts are taken until one ends the duty; what comes later finds it ended, and nothing of it is kept.
    let attempt =
        |kind, outcome| EmergencyStep::Attempt { request: id(1), kind, outcome, at: now() };
    for (outcome, applied) in [
        (DutyOutcome::NotReached, Applied::Now),
        (DutyOutcome::NotReached, Applied::Now),
        (DutyOutcome::Denied, Applied::Now),
        (DutyOutcome::Confirmed, Applied::Stale),
    ] {
        let before = store.measures(now()).await.unwrap().audit_entries;
        assert_eq!(stepped(store, attempt(call, outcome)).await, applied, "{outcome:?}");
        let after = store.measures(now()).await.unwrap().audit_entries;
        assert_eq!(after - before, i64::from(applied == Applied::Now));
    }
    let duties = store.duties_of(id(1)).await.unwrap();
    assert_eq!((duties[0].kind, duties[0].outcome), (call, Some(DutyOutcome::Denied)));
    assert_eq!((duties[0].done_at, duties[1].done_at), (Some(now()), None));
    assert_eq!(store.duties_of(id(3)).await.unwrap(), []);

    consequences_once(store).await;
    confirmed_meanwhile(store).await;
    suspended_once(store).await;
    lifted_alone(store).await;
}

/// What failed is found until its consequence is drawn.
async fn consequences_once(store: &Store) {
    let unit = "lacris".parse().unwrap();
    let due = |hours| now() + TimeDelta::hours(hours);
    let call = DutyKind::CallBack;
    // Denied at once, unconfirmed when due; a request that ended without an answer owes no confirmation.
    assert_eq!(store.failed_duties(now(), 10).await.unwrap(), [id(1)]);
    let mut failed = store.failed_duties(due(12), 10).await.unwrap();
    failed.sort();
    assert_eq!(failed, [id(1), id(2)]);
    let withdrawn = RequestUpdate::stage(id(2), 1, Stage::Withdrawn, now(), None);
    let _ = store.apply(Change::update(withdrawn, vec![event("x", id(2))])).await.unwrap();
    assert_eq!(store.failed_duties(due(12), 10).await.unwrap(), [id(1)]);
    assert_eq!(store.open_duties(&unit, 10).await.unwrap().len(), 1);
    assert_eq!(enforced(store, 1, (call, Breach::Denied), now()).await, Applied::Now);
    assert_eq!(enforced(store, 2, (call, Breach::Denied), now()).await, Applied::Stale, "once");
    assert!(store.failed_duties(now(), 10).await.unwrap().is_empty());
}

/// Draws the consequence of a failed duty of the first request, which has this version.
async fn enforced(
    store: &Store,
    seen: i64,
    (kind, cause): (DutyKind, Breach),
    at: DateTime<Utc>,
) -> Applied {
    let same = RequestUpdate::stage(id(1), seen, Stage::Accepted, now(), None);
    let mut change = Change::update(same, vec![event("x", id(1))]);
    change.emergency.push(EmergencyWrite::Enforced(Enforcement {
        request: id(1),
        kind,
        cause,
        at,
    }));
    store.apply(change).await.unwrap()
}

/// A confirmation that came after the duty was read: the consequence is not drawn, and nothing of it is kept.
async fn confirmed_meanwhile(store: &Store) {
    let word = DutyKind::Confirmation;
    let failed = (word, Breach::Unconfirmed);
    let late = now() + TimeDelta::hours(25);
    let confirmed = EmergencyStep::Attempt {
        request: id(1),
        kind: word,
        outcome: DutyOutcome::Confirmed,
        at: now(),
    };
    assert_eq!(enforced(store, 1, failed, late).await, Applied::Stale, "of another version");
    assert_eq!(store.duties_of(id(1)).await.unwrap()[1].enforced_at, None);
    assert_eq!(stepped(store, confirmed).await, Applied::Now);
    let before = store.measures(now()).await.unwrap().audit_entries;
    assert_eq!(enforced(store, 2, failed, late).await, Applied::Stale, "confirmed");
    assert_eq!(store.measures(now()).await.unwrap().audit_entries, before);
    assert_eq!(store.request(id(1)).await.unwrap().unwrap().version, 2);
    assert_eq!(store.duties_of(id(1)).await.unwrap()[1].enforced_at, None);
}

fn suspend(n: u128) -> Change {
    let new = NewSuspension {
        id: Uuid::from_u128(n),
        requester_hash: [9; 32],
        ori: "CA0194200".parse().unwrap(),
        unit: "lacris".parse().unwrap(),
        request: id(n),
        cause: Breach::Denied,
        since: now() + TimeDelta::seconds(i64::try_from(n).unwrap()),
    };
    let mut change = Change::audited(vec![event("x", id(1))]);
    change.emergency.push(EmergencyWrite::Suspend(new));
    change
}

/// One suspension in force for a requester and a request.
async fn suspended_once(store: &Store) {
    let unit = "lacris".parse().unwrap();
    assert!(!store.is_suspended([9; 32]).await.unwrap());
    for n in [1, 2] {
        assert_eq!(store.apply(suspend(n)).await.unwrap(), Applied::Now);
    }
    let mut again = suspend(4);
    for write in &mut again.emergency {
        if let EmergencyWrite::Suspend(new) = write {
            new.request = id(2);
        }
    }
    let before = store.measures(now()).await.unwrap().audit_entries;
    assert!(store.apply(again).await.is_err(), "no entry names a suspension that does not exist");
    assert_eq!(store.measures(now()).await.unwrap().audit_entries, before);
    assert!(
        store.has_suspended(id(2)).await.unwrap() && !store.has_suspended(id(3)).await.unwrap()
    );
    assert!(store.is_suspended([9; 32]).await.unwrap());
    assert!(!store.is_suspended([8; 32]).await.unwrap());
    assert!(store.is_suspended_by_another([9; 32], id(1)).await.unwrap(), "by the second");
    let was = |seconds| store.was_suspended([9; 32], now() + TimeDelta::seconds(seconds));
    assert_eq!((was(0).await.unwrap(), was(1).await.unwrap()), (false, true));
    let all = store.suspensions(&unit, 10).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((all[1].request, all[1].cause, all[1].lifted_at), (id(1), Breach::Denied, None));
}

/// Whoever lifts one lifts no other.
async fn lifted_alone(store: &Store) {
    let unit = "lacris".parse().unwrap();
    let by = AccountId::new(Uuid::from_u128(7));
    let lift = |n| EmergencyStep::Lift { suspension: Uuid::from_u128(n), by, at: now() };
    assert_eq!(stepped(store, lift(1)).await, Applied::Now);
    assert_eq!(stepped(store, lift(1)).await, Applied::Stale);
    assert!(store.is_suspended([9; 32]).await.unwrap(), "the other unit's stands");
    let by_another = async |n| store.is_suspended_by_another([9; 32], id(n)).await.unwrap();
    assert_eq!((by_another(1).await, by_another(2).await), (true, false));
    let lifted = store.suspension(Uuid::from_u128(1)).await.unwrap().unwrap();
    assert_eq!((lifted.lifted_by, lifted.lifted_at), (Some(by), Some(now())));
    assert_eq!(stepped(store, lift(2)).await, Applied::Now);
    assert!(!store.is_suspended([9; 32]).await.unwrap());
    let _ = store.apply(suspend(3)).await.unwrap();
    let all = store.suspensions(&unit, 10).await.unwrap();
    assert_eq!(all.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), [3, 2, 1]);
}

fn proposal(version: i64, digest: u8, by: u128) -> NewPolicySet {
    let by = AccountId::new(Uuid::from_u128(by));
    NewPolicySet { version, digest: [digest; 32], files: vec![digest; 3], by }
}

fn confirmation(version: i64, digest: u8, by: u128) -> PolicySetConfirmation {
    let by = AccountId::new(Uuid::from_u128(by));
    PolicySetConfirmation { version, digest: [digest; 32], by }
}

fn of_sets(action: &str) -> AuditEvent {
    AuditEvent::new(now(), Actor::System { stage: "test".to_owned() }, action)
}

async fn a_policy_set_comes_into_force_by_two_people(fresh: Fresh) {
    let store = &fresh.store;
    assert_eq!(store.policy_set_version().await.unwrap(), None);
    for (new, wanted) in [
        // Not the next one; the next one; taken.
        (proposal(2, 1, 7), Applied::Stale),
        (proposal(1, 1, 7), Applied::Now),
        (proposal(1, 2, 8), Applied::Stale),
    ] {
        let applied = store.propose_policy_set(new, of_sets("proposed")).await;
        assert_eq!(applied.unwrap(), wanted);
        assert_eq!(store.policy_set_version().await.unwrap(), None, "a proposal decides nothing");
    }
    for (given, applied, version) in [
        // By who proposed it; with another digest; of no version; sound; a second time.
        (confirmation(1, 1, 7), Applied::Stale, None),
        (confirmation(1, 2, 8), Applied::Stale, None),
        (confirmation(2, 1, 8), Applied::Stale, None),
        (confirmation(1, 1, 8), Applied::Now, Some(1)),
        (confirmation(1, 1, 9), Applied::Stale, Some(1)),
    ] {
        let confirmed = store.confirm_policy_set(given, of_sets("confirmed")).await;
        assert_eq!(confirmed.unwrap(), applied, "{given:?}");
        assert_eq!(store.policy_set_version().await.unwrap(), version, "{given:?}");
    }
    versions_are_listed_and_a_newer_proposal_supersedes(store).await;
}

async fn versions_are_listed_and_a_newer_proposal_supersedes(store: &Store) {
    assert_eq!(store.policy_set_files(1).await.unwrap(), Some((vec![1; 32], vec![1; 3])));
    assert_eq!(store.policy_set_files(2).await.unwrap(), None);

    for new in [proposal(2, 2, 8), proposal(3, 3, 7)] {
        let applied = store.propose_policy_set(new, of_sets("proposed")).await;
        assert_eq!(applied.unwrap(), Applied::Now);
    }
    let late = store.confirm_policy_set(confirmation(2, 2, 7), of_sets("confirmed")).await;
    assert_eq!(late.unwrap(), Applied::Stale, "superseded");
    assert_eq!(store.policy_set_version().await.unwrap(), Some(1));
    let sets = store.policy_sets().await.unwrap();
    assert_eq!(sets.iter().map(|set| set.version).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(sets[0].confirmed_by, None);
    assert_eq!(sets[2].confirmed_by, Some(AccountId::new(Uuid::from_u128(8))));
    assert_eq!((sets[2].proposed_at, sets[2].confirmed_at), (now(), Some(now())));
    // What was refused left no entry.
    let (entries, _) = store.audit_head().await.unwrap();
    assert_eq!(entries, 4);
}

async fn what_was_received_is_read_in_pages_with_the_registry_of_its_time(fresh: Fresh) {
    let store = &fresh.store;
    for n in 1..=5 {
        assert_eq!(store.apply(insert(n, None)).await.unwrap(), Applied::Now);
    }
    // Each was received a micro-second after the one before.
    let since = now() + TimeDelta::microseconds(2);
    assert_eq!(store.count_received(since).await.unwrap(), 4);
    assert_eq!(store.count_received(now() + TimeDelta::days(1)).await.unwrap(), 0);
    let ids = |rows: Vec<leadbroker::store::RequestRow>| -> Vec<RequestId> {
        rows.into_iter().map(|row| row.id).collect()
    };
    let first = ids(store.received(since, None, 3).await.unwrap());
    assert_eq!(first, [id(2), id(3), id(4)]);
    let rest = ids(store.received(since, first.last().copied(), 3).await.unwrap());
    assert_eq!(rest, [id(5)]);
    assert!(store.received(since, rest.last().copied(), 3).await.unwrap().is_empty());

    assert!(store.registry_versions().await.unwrap().is_empty());
    for (version, day) in [(1, 0), (2, 1)] {
        let at = now() + TimeDelta::days(day);
        let event = AuditEvent { at, ..of_sets("registry.imported") };
        let sealed = vec![u8::try_from(version).unwrap(); 4];
        assert_eq!(store.add_registry([0; 32], sealed, event).await.unwrap(), version);
    }
    let versions = store.registry_versions().await.unwrap();
    assert_eq!(versions, [(2, now() + TimeDelta::days(1)), (1, now())]);
    assert_eq!(store.registry_of(1).await.unwrap(), Some(vec![1; 4]));
    assert_eq!(store.registry_of(3).await.unwrap(), None);
}

async fn one_of_many_proposals_of_a_version_is_taken(fresh: Fresh) {
    let store = &fresh.store;
    let all = (0..8_u8)
        .map(|n| store.propose_policy_set(proposal(1, n, u128::from(n)), of_sets("proposed")));
    let applied = futures_util::future::join_all(all).await;
    let now = applied.into_iter().filter(|one| *one.as_ref().unwrap() == Applied::Now);
    assert_eq!(now.count(), 1);
    assert_eq!(store.audit_head().await.unwrap().0, 1);
}

/// Moves a request; its pages follow.
async fn go(store: &Store, n: u128, seen: i64, stage: Stage) {
    let update = RequestUpdate::stage(id(n), seen, stage, now(), None);
    assert_eq!(store.apply(Change::update(update, Vec::new())).await.unwrap(), Applied::Now);
}

async fn open_pages(store: &Store) -> Vec<(PageCause, PageState)> {
    let pages = store.pages(&"lacris".parse().unwrap(), false, 100).await.unwrap();
    pages.into_iter().map(|page| (page.cause, page.state)).collect()
}

async fn pages_are_opened_with_their_requests_stage(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    go(store, 1, 1, Stage::Accepted).await;
    assert_eq!(open_pages(store).await, []);
    let reviewer = AccountId::new(Uuid::from_u128(5));
    go(store, 1, 2, Stage::Offered { reviewer }).await;
    assert_eq!(open_pages(store).await, [(PageCause::JobOffered, PageState::Open)]);
    let claimed = store.claim_pages(10, now(), now() + TimeDelta::minutes(2)).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].step, claimed[0].fence), (1, 0, 1));
    assert!(store.claim_pages(10, now(), now()).await.unwrap().is_empty(), "it is claimed");
    // The job is offered to another: the same page, due again, and what was read of it is stale.
    let other = AccountId::new(Uuid::from_u128(6));
    go(store, 1, 3, Stage::Offered { reviewer: other }).await;
    let moved = |fence| PageUpdate {
        id: claimed[0].id,
        seen: fence,
        state: PageState::Open,
        step: 1,
        step_at: now() + TimeDelta::minutes(10),
        next_at: Some(now() + TimeDelta::minutes(10)),
        acknowledged_by: None,
        callback: None,
        at: now(),
    };
    let with = |update: PageUpdate| Change {
        guard: Guard::Page(Box::new(update)),
        ..Change::audited(vec![event("page", id(1))])
    };
    assert_eq!(store.apply(with(moved(1))).await.unwrap(), Applied::Stale);
    let again = store.claim_pages(10, now(), now() + TimeDelta::minutes(2)).await.unwrap();
    assert_eq!((again.len(), again[0].id), (1, claimed[0].id));
    assert_eq!(store.apply(with(moved(again[0].fence))).await.unwrap(), Applied::Now);
    assert_eq!(store.page(again[0].id).await.unwrap().unwrap().step, 1);
}

async fn a_page_ends_with_its_cause(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    go(store, 1, 1, Stage::Accepted).await;
    let reviewer = AccountId::new(Uuid::from_u128(5));
    go(store, 1, 2, Stage::Offered { reviewer }).await;
    // Nobody took it: one page ends and another begins; the end of the request ends them all.
    go(store, 1, 3, Stage::Queued).await;
    assert_eq!(open_pages(store).await, [(PageCause::NobodyAvailable, PageState::Open)]);
    go(store, 1, 4, Stage::Withdrawn).await;
    assert_eq!(open_pages(store).await, []);
    assert_eq!(store.pages(&"lacris".parse().unwrap(), true, 100).await.unwrap().len(), 2);
    assert!(store.claim_pages(10, now() + TimeDelta::days(9), now()).await.unwrap().is_empty());
}

async fn an_emergency_is_one_page_from_its_arrival_on(fresh: Fresh) {
    let store = &fresh.store;
    let reviewer = AccountId::new(Uuid::from_u128(5));
    // Before its check, and until somebody takes the job.
    let mut emergency = insert(2, None);
    let Guard::Insert(new) = &mut emergency.guard else { panic!("an insert") };
    new.lane = Lane::Threat;
    let _ = store.apply(emergency).await.unwrap();
    for (seen, stage) in
        [(1, Stage::Accepted), (2, Stage::Offered { reviewer }), (3, Stage::Queued)]
    {
        assert_eq!(open_pages(store).await, [(PageCause::Emergency, PageState::Open)]);
        go(store, 2, seen, stage).await;
    }
    assert_eq!(open_pages(store).await, [(PageCause::Emergency, PageState::Open)]);
    assert_eq!(store.page_counts().await.unwrap(), [(PageState::Open, 1)]);
}

async fn a_hold_that_went_to_the_next_role_is_paged_anew(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    let held = |role, missed: &[Role]| Stage::Held {
        role,
        resume: Resume::Check,
        missed: missed.to_vec(),
    };
    let (officer, supervisor) = (Role::ReleaseAuthority, Role::LocalAdministrator);
    go(store, 1, 1, held(Role::Reviewer, &[])).await;
    assert_eq!(open_pages(store).await, [(PageCause::HoldWaiting, PageState::Open)]);
    go(store, 1, 2, held(officer, &[Role::Reviewer])).await;
    assert_eq!(open_pages(store).await, [(PageCause::HoldEscalated, PageState::Open)]);
    // Whoever has seen it in one role does not hold back the page of the next.
    let page = store.claim_pages(10, now(), now() + TimeDelta::hours(1)).await.unwrap().remove(0);
    let later = now() + TimeDelta::minutes(30);
    let mut seen = Change::audited(vec![event("page.acknowledged", id(1))]);
    seen.guard = Guard::Page(Box::new(PageUpdate {
        id: page.id,
        seen: page.fence,
        state: PageState::Acknowledged,
        step: 1,
        step_at: later,
        next_at: Some(later),
        acknowledged_by: Some("p-1".to_owned()),
        callback: None,
        at: now(),
    }));
    assert_eq!(store.apply(seen).await.unwrap(), Applied::Now);
    go(store, 1, 3, held(supervisor, &[Role::Reviewer, officer])).await;
    let again = store.claim_pages(10, now(), later).await.unwrap();
    // It is looked at now; whom it is for now is paged, and the next step keeps its time.
    assert_eq!(
        (again.len(), again[0].state, again[0].step_at),
        (1, PageState::Acknowledged, later)
    );
    go(store, 1, 4, Stage::Accepted).await;
    assert_eq!(open_pages(store).await, []);
}

async fn every_step_after_the_first_examination_is_a_page_of_its_own(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    let (first, second) = (AccountId::new(Uuid::from_u128(5)), AccountId::new(Uuid::from_u128(6)));
    let claimed = |reviewer| Lease { reviewer, token: 1, until: now(), since: now() };
    let awaiting = |late| Stage::AwaitingRelease {
        outcome: Outcome::NoMatch,
        reviewers: vec![first, second],
        late,
    };
    let way = [
        (Stage::Leased { lease: claimed(first) }, None),
        (Stage::Examined { first }, Some(PageCause::SecondReviewDue)),
        (Stage::SecondReview { first, lease: claimed(second) }, None),
        // The claim ended: it waits again, and is paged again.
        (Stage::Examined { first }, Some(PageCause::SecondReviewDue)),
        (Stage::AdjudicationDue { first, second }, Some(PageCause::AdjudicationDue)),
        (Stage::Adjudication { first, second, lease: claimed(first) }, None),
        (awaiting(false), Some(PageCause::ReleaseDue)),
        (awaiting(true), Some(PageCause::ReleaseOverdue)),
        (Stage::Released { outcome: Outcome::NoMatch, officer: first }, None),
    ];
    let mut opened = Vec::new();
    for (seen, (stage, cause)) in (1..).zip(way) {
        go(store, 1, seen, stage).await;
        let wanted: Vec<_> = cause.map(|cause| (cause, PageState::Open)).into_iter().collect();
        assert_eq!(open_pages(store).await, wanted);
        let due = store.claim_pages(10, now(), now() + TimeDelta::minutes(2)).await.unwrap();
        assert_eq!(due.len(), wanted.len(), "it is due at once");
        assert!(due.iter().all(|page| !opened.contains(&page.id)), "a page of its own");
        opened.extend(due.iter().map(|page| page.id));
    }
    assert_eq!(opened.len(), 5);
}

async fn a_late_answer_is_told_until_it_has_left(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    let (due, overdue) = (PageCause::ServiceDue, PageCause::ServiceOverdue);
    let told = async |cause, over: Option<PageCause>| {
        let mut change = Change::audited(vec![event("told", id(1))]);
        change.pages.push(PageChange::Opened(page_of(1, cause)));
        let over = over.map(|cause| PageChange::Over { request: id(1), cause, at: now() });
        change.pages.extend(over);
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    };
    told(due, None).await;
    go(store, 1, 1, Stage::Accepted).await;
    assert_eq!(causes_of(store, 1).await, [due], "it is so wherever the request stands");
    told(overdue, Some(due)).await;
    assert_eq!(causes_of(store, 1).await, [overdue]);
    go(store, 1, 2, Stage::Delivering).await;
    assert_eq!(causes_of(store, 1).await, [overdue]);
    go(store, 1, 3, Stage::Delivered).await;
    assert_eq!(causes_of(store, 1).await, []);
}

/// Two emergencies, each with both its duties and its page; when they are due.
async fn two_emergencies(store: &Store) -> DateTime<Utc> {
    let due_at = now() + TimeDelta::hours(24);
    for n in [1, 2] {
        let mut begun = insert(n, None);
        let Guard::Insert(new) = &mut begun.guard else { panic!("an insert") };
        new.lane = Lane::Threat;
        begun.emergency = [DutyKind::CallBack, DutyKind::Confirmation]
            .map(|kind| {
                let unit = "lacris".parse().unwrap();
                EmergencyWrite::Begin(NewDuty { request: id(n), kind, unit, due_at })
            })
            .into();
        begun.pages.push(PageChange::Opened(page_of(n, PageCause::EmergencyBegun)));
        let _ = store.apply(begun).await.unwrap();
    }
    due_at
}

/// Tells the unit of a duty of the first request, with a page.
async fn told(store: &Store, kind: DutyKind, overdue: bool) -> Applied {
    let mut change = Change::audited(vec![event("told", id(1))]);
    let step = EmergencyStep::Tell { request: id(1), kind, overdue, at: now() };
    change.guard = Guard::Emergency(step);
    let cause = if overdue { PageCause::DutyOverdue } else { PageCause::DutyDue };
    change.pages.push(PageChange::Opened(page_of(1, cause)));
    store.apply(change).await.unwrap()
}

/// A duty of the first request is done.
async fn done(store: &Store, kind: DutyKind) {
    let (request, outcome) = (id(1), DutyOutcome::Confirmed);
    let step = EmergencyStep::Attempt { request, kind, outcome, at: now() };
    assert_eq!(stepped(store, step).await, Applied::Now);
}

async fn causes_of(store: &Store, n: u128) -> Vec<PageCause> {
    let pages = store.pages(&"lacris".parse().unwrap(), false, 100).await.unwrap();
    let of = pages.iter().filter(|page| page.request == id(n));
    let mut causes: Vec<PageCause> = of.map(|page| page.cause).collect();
    causes.sort();
    causes
}

async fn to_tell(store: &Store, at: DateTime<Utc>) -> Vec<RequestId> {
    let found = store.duties_to_tell((at, at + TimeDelta::hours(2)), 10).await.unwrap();
    assert!(found.iter().all(|duty| duty.lane == Lane::Threat));
    found.iter().map(|duty| duty.request).collect()
}

async fn what_an_emergency_owes_is_told_once(fresh: Fresh) {
    let store = &fresh.store;
    let due = two_emergencies(store).await;
    let soon = due - TimeDelta::hours(1);
    assert_eq!(to_tell(store, now()).await, [], "not yet");
    assert_eq!(to_tell(store, soon).await, [1, 1, 2, 2].map(id));
    let (call, word) = (DutyKind::CallBack, DutyKind::Confirmation);
    assert_eq!(told(store, call, false).await, Applied::Now);
    assert_eq!(told(store, call, false).await, Applied::Stale, "once");
    assert_eq!(told(store, word, false).await, Applied::Now, "the same page");
    let all = [PageCause::Emergency, PageCause::EmergencyBegun, PageCause::DutyDue];
    assert_eq!(causes_of(store, 1).await, all);
    assert_eq!(to_tell(store, soon).await, [2, 2].map(id));
    // Overdue is told once more, on a page that takes the place of the others.
    assert_eq!(to_tell(store, due).await, [1, 1, 2, 2].map(id));
    assert_eq!(told(store, word, true).await, Applied::Now);
    assert_eq!(told(store, word, true).await, Applied::Stale);
    assert_eq!(causes_of(store, 1).await, [PageCause::Emergency, PageCause::DutyOverdue]);
    // A request that ended without an answer owes nothing.
    go(store, 2, 1, Stage::Withdrawn).await;
    assert_eq!(causes_of(store, 2).await, []);
    assert_eq!(to_tell(store, due).await, [id(1)]);
}

async fn what_an_emergency_owed_ends_its_pages_when_it_is_done(fresh: Fresh) {
    let store = &fresh.store;
    let due = two_emergencies(store).await;
    let (call, word) = (DutyKind::CallBack, DutyKind::Confirmation);
    assert_eq!(told(store, word, false).await, Applied::Now);
    // Whoever took the job: it is owed until it is done.
    let reviewer = AccountId::new(Uuid::from_u128(5));
    let lease = Lease { reviewer, token: 1, until: due, since: now() };
    go(store, 1, 1, Stage::Accepted).await;
    go(store, 1, 2, Stage::Leased { lease }).await;
    let owed = [PageCause::EmergencyBegun, PageCause::DutyDue];
    assert_eq!(causes_of(store, 1).await, owed);
    done(store, call).await;
    assert_eq!(causes_of(store, 1).await, owed[1..], "the confirmation is open");
    assert_eq!(told(store, word, true).await, Applied::Now);
    assert_eq!(told(store, call, true).await, Applied::Stale, "it is done");
    done(store, word).await;
    assert_eq!(causes_of(store, 1).await, []);
    assert_eq!(to_tell(store, due).await, [2, 2].map(id));
}

fn page_of(n: u128, cause: PageCause) -> NewPage {
    NewPage {
        request: id(n),
        unit: "lacris".parse().unwrap(),
        lane: Lane::Threat,
        cause,
        at: now(),
    }
}

async fn a_notice_ends_when_somebody_has_seen_it(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    let mut change = Change::audited(vec![event("told", id(1))]);
    change.pages.push(PageChange::Opened(page_of(1, PageCause::DutyOverdue)));
    let _ = store.apply(change.clone()).await.unwrap();
    let page = store.claim_pages(10, now(), now()).await.unwrap().remove(0);
    let mut seen = Change::audited(vec![event("page.acknowledged", id(1))]);
    seen.guard = Guard::Page(Box::new(PageUpdate {
        id: page.id,
        seen: page.fence,
        state: PageState::Ended,
        step: 1,
        step_at: now(),
        next_at: None,
        acknowledged_by: Some("p-1".to_owned()),
        callback: None,
        at: now(),
    }));
    assert_eq!(store.apply(seen).await.unwrap(), Applied::Now);
    let page = store.page(page.id).await.unwrap().unwrap();
    assert_eq!((page.state, page.next_at), (PageState::Ended, None));
    // It is not opened a second time.
    let _ = store.apply(change).await.unwrap();
    assert_eq!(open_pages(store).await, []);
}

/// So many requests that wait with nobody, and one attempt to page the same person for each; their pages.
async fn attempts(store: &Store, count: u128, person: &Target) -> Vec<PageRow> {
    for n in 1..=count {
        let _ = store.apply(insert(n, None)).await.unwrap();
        go(store, n, 1, Stage::Accepted).await;
        go(store, n, 2, Stage::Queued).await;
    }
    let mut pages = store.claim_pages(10, now(), now()).await.unwrap();
    pages.sort_by_key(|page| page.request);
    let mut begun = Change::audited(Vec::new());
    for (n, page) in (1..).zip(&pages) {
        begun.pages.push(PageChange::Begun(NewAttempt {
            id: PageAttemptId::new(Uuid::from_u128(n)),
            page: page.id,
            step: 0,
            target: person.clone(),
            available_at: now(),
            at: now(),
        }));
    }
    assert_eq!(store.apply(begun).await.unwrap(), Applied::Now);
    pages
}

fn tried(claimed: &ClaimedAttempt, status: AttemptStatus, at: Option<DateTime<Utc>>) -> Change {
    let mut change = Change::audited(Vec::new());
    change.pages.push(PageChange::Tried(AttemptUpdate {
        id: claimed.id,
        page: claimed.page.id,
        step: 0,
        status,
        available_at: at,
        code: "code".to_owned(),
        hasten: status == AttemptStatus::Failed,
        at: now(),
    }));
    change
}

async fn attempts_are_sent_together_retried_and_ended(fresh: Fresh) {
    let store = &fresh.store;
    let person = Target::Account(AccountId::new(Uuid::from_u128(5)));
    let pages = attempts(store, 3, &person).await;
    // The third one's job is taken meanwhile: nobody is told of it.
    go(store, 3, 3, Stage::Withdrawn).await;
    let until = now() + TimeDelta::minutes(2);
    let claimed = store.claim_attempts(10, now(), until).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].delivery, claimed[1].delivery, "one message");
    assert!(claimed.iter().all(|one| one.tries == 1 && one.target == person));
    assert!(store.claim_attempts(10, now(), until).await.unwrap().is_empty());
    let ended = store.attempts(pages[2].id).await.unwrap();
    assert_eq!(ended[0].status, AttemptStatus::Ended);
    let later = now() + TimeDelta::seconds(5);
    let _ = store.apply(tried(&claimed[0], AttemptStatus::Waiting, Some(later))).await.unwrap();
    let again = store.claim_attempts(10, later, until).await.unwrap();
    assert_eq!((again.len(), again[0].tries), (1, 2));
    assert_eq!(again[0].delivery, claimed[0].delivery, "the same message again");
    let _ = store.apply(tried(&claimed[0], AttemptStatus::Sent, None)).await.unwrap();
    let since = now() - TimeDelta::hours(1);
    let sent = store.paged_since(std::slice::from_ref(&person), since).await.unwrap();
    assert_eq!(sent[&person].len(), 1, "one message, however many jobs");
}

async fn a_step_that_reached_nobody_does_not_wait(fresh: Fresh) {
    let store = &fresh.store;
    let person = Target::Account(AccountId::new(Uuid::from_u128(5)));
    let page = attempts(store, 1, &person).await.remove(0);
    let until = now() + TimeDelta::minutes(2);
    let claimed = store.claim_attempts(10, now(), until).await.unwrap();
    let mut step = Change::audited(Vec::new());
    step.guard = Guard::Page(Box::new(PageUpdate {
        id: page.id,
        seen: page.fence,
        state: PageState::Open,
        step: 1,
        step_at: now() + TimeDelta::hours(1),
        next_at: Some(now() + TimeDelta::hours(1)),
        acknowledged_by: None,
        callback: None,
        at: now(),
    }));
    assert_eq!(store.apply(step).await.unwrap(), Applied::Now);
    let _ = store.apply(tried(&claimed[0], AttemptStatus::Failed, None)).await.unwrap();
    assert_eq!(store.page(page.id).await.unwrap().unwrap().next_at, Some(now()));
}

async fn a_signed_reply_is_taken_once(fresh: Fresh) {
    let store = &fresh.store;
    let _ = store.apply(insert(1, None)).await.unwrap();
    go(store, 1, 1, Stage::Accepted).await;
    go(store, 1, 2, Stage::Queued).await;
    let unit = "lacris".parse().unwrap();
    let acknowledge = |page: &PageRow, at: DateTime<Utc>, callback: &str| {
        let mut change = Change::audited(vec![event("page.acknowledged", id(1))]);
        change.guard = Guard::Page(Box::new(PageUpdate {
            id: page.id,
            seen: page.fence,
            state: PageState::Acknowledged,
            step: page.step,
            step_at: at + TimeDelta::minutes(30),
            next_at: Some(at + TimeDelta::minutes(30)),
            acknowledged_by: Some("webhook:desk".to_owned()),
            callback: Some(callback.to_owned()),
            at,
        }));
        change
    };
    let page = store.pages(&unit, false, 9).await.unwrap().remove(0);
    assert_eq!(store.apply(acknowledge(&page, now(), "desk/1")).await.unwrap(), Applied::Now);
    let page = store.pages(&unit, false, 9).await.unwrap().remove(0);
    assert_eq!((page.state, page.acknowledged_at), (PageState::Acknowledged, Some(now())));
    assert!(store.has_callback("desk/1").await.unwrap());
    assert_eq!(store.apply(acknowledge(&page, now(), "desk/1")).await.unwrap(), Applied::Stale);
    let later = now() + TimeDelta::hours(1);
    assert_eq!(store.apply(acknowledge(&page, later, "desk/2")).await.unwrap(), Applied::Now);
    assert!(!store.has_callback("desk/1").await.unwrap(), "its time refuses it by then");
}

/// A request that its unit injected.
fn injected(n: u128) -> Change {
    let mut change = insert(n, None);
    let case = NewKnownAnswer {
        request: id(n),
        unit: "lacris".parse().unwrap(),
        by: AccountId::new(Uuid::from_u128(7)),
        at: now() + TimeDelta::seconds(i64::try_from(n).unwrap()),
        expected: vec![8; 40],
    };
    change.known_answer = Some(KnownAnswerWrite::Injected(case));
    change
}

fn event_about(n: u128, about: u128) -> Message {
    let (ori, event): (Ori, _) = ("CA0194200".parse().unwrap(), "accepted".to_owned());
    let data = EventData {
        request: id(about),
        state: StageCode::Accepted,
        findings: Vec::new(),
        outcome: None,
        waiting: None,
    };
    let route = Route::Agency { ori: ori.clone(), event: event.clone() };
    Message::new(message(n), now(), route, Body::AgencyEvent(AgencyEvent { ori, event, data }))
}

async fn a_test_case_is_none_of_its_agencys_and_none_of_its_events_leaves(fresh: Fresh) {
    let store = &fresh.store;
    for change in [insert(1, None), injected(2), injected(3)] {
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    }
    assert!(store.known_answer(id(1)).await.unwrap().is_none());
    let case = store.known_answer(id(2)).await.unwrap().unwrap();
    assert_eq!((case.request, case.by.uuid().as_u128()), (id(2), 7));
    assert_eq!((case.expected, case.result, case.concluded_at), (Some(vec![8; 40]), None, None));
    let (own, other): (UnitId, UnitId) = ("lacris".parse().unwrap(), "oxnard".parse().unwrap());
    let listed: Vec<_> = store.known_answers(&own, 9).await.unwrap();
    assert_eq!(listed.iter().map(|case| case.request).collect::<Vec<_>>(), [id(3), id(2)]);
    assert_eq!(store.known_answers(&own, 1).await.unwrap().len(), 1);
    assert!(store.known_answers(&other, 9).await.unwrap().is_empty());
    of_its_agency(store).await;
    none_of_its_events_leaves(store).await;
    what_it_came_to(store).await;
}

/// All three have one agency, one case and one image; the agency made the first one.
async fn of_its_agency(store: &Store) {
    let ori: Ori = "CA0194200".parse().unwrap();
    let page = store.requests_of(&ori, None, 9).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(1)]);
    let long_ago = now() - TimeDelta::days(1);
    assert_eq!(store.repeat_of([2; 32], Lane::Priority, long_ago).await.unwrap(), Some(id(1)));
    assert_eq!(store.any_repeat_of([2; 32], long_ago).await.unwrap(), Some(id(3)));
    assert_eq!(store.any_repeat_of([2; 32], now() + TimeDelta::days(1)).await.unwrap(), None);
}

/// Commands of both go on; of the events only the agency's own one leaves.
async fn none_of_its_events_leaves(store: &Store) {
    let mut change = Change::update(accept(2, 1), vec![event("accepted", id(2))]);
    change.outgoing = vec![event_about(20, 2), event_about(10, 1)];
    assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    let until = now() + TimeDelta::seconds(30);
    let sent = store.to_publish(99, now(), until).await.unwrap();
    let mut sent: Vec<_> = sent.iter().map(|stored| stored.id).collect();
    sent.sort();
    assert_eq!(sent, [1, 2, 3, 10].map(message));
    store.published(sent).await.unwrap();
    assert_eq!(store.republish_lost(until, until).await.unwrap(), 3, "commands only");
    let kept = store.messages_of(id(2)).await.unwrap();
    assert!(kept.iter().any(|stored| stored.id == message(20)), "the service clock reads it");
}

/// What it came to is written once, and outlives what was expected.
async fn what_it_came_to(store: &Store) {
    for (result, seen) in [(vec![9], 2), (vec![10], 3)] {
        let mut change = Change::update(accept(2, seen), vec![event("kept", id(2))]);
        let at = now();
        change.known_answer = Some(KnownAnswerWrite::Concluded { request: id(2), result, at });
        assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    }
    let mut update = accept(2, 4);
    update.destroy_key = true;
    let change = Change::update(update, vec![event("destroyed", id(2))]);
    assert_eq!(store.apply(change).await.unwrap(), Applied::Now);
    let case = store.known_answer(id(2)).await.unwrap().unwrap();
    assert_eq!((case.expected, case.result, case.concluded_at), (None, Some(vec![9]), Some(now())));
    let other = store.known_answer(id(3)).await.unwrap().unwrap();
    assert!(other.expected.is_some(), "another one's is not touched");
}

macro_rules! conformance {
    ($($test:ident: $relay:literal,)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::sqlite($relay).await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::postgres($relay).await).await;
            })*
        }
    };
}

conformance! {
    what_was_asked_before_is_found_by_image_and_by_case: false,
    pictures_are_claimed_once_and_again_when_the_claim_ends: false,
    pictures_are_found_by_their_bands: false,
    likenesses_are_seen_from_both_sides_until_a_record_ends: false,
    a_units_repeats_are_listed_newest_first: false,
    a_code_is_spent_once_and_so_is_every_older_one: false,
    a_look_tells_whose_version_the_tables_have: false,
    a_session_is_forgotten_a_day_after_its_end: false,
    a_request_comes_back_as_it_was_stored: false,
    what_is_more_urgent_repeats_nothing: false,
    of_all_repeats_at_once_one_is_stored: false,
    a_place_among_the_repeats_is_given_on: false,
    a_destroyed_record_has_no_place_among_the_repeats: false,
    a_change_is_written_whole_or_not_at_all: false,
    case_numbers_have_no_gaps_and_the_log_has_one_order: false,
    a_delivery_is_claimed_once_and_comes_back_when_its_claim_ends: false,
    retries_wait_and_dead_letters_are_seen_replayed_or_dropped: false,
    attempts_count_until_the_step_has_done_its_work: false,
    a_dropped_copy_is_given_up_and_what_was_sent_stays_sent: false,
    records_mailings_and_ends_are_kept: false,
    a_legal_hold_is_set_and_lifted_and_a_destroyed_record_keeps_nothing_sealed: false,
    lists_are_paged_and_sorted: false,
    registries_are_versions_and_one_instance_has_the_place: false,
    a_registry_follows_the_one_that_was_read: false,
    a_person_holds_no_more_claims_than_the_unit_allows: false,
    a_worklist_is_read_in_the_order_of_service: false,
    the_reason_of_a_wait_is_kept_until_the_next_step: false,
    what_people_wrote_is_found_by_author_and_by_probe: false,
    roster_entries_have_one_order_and_stay_as_they_are: false,
    a_registry_is_read_as_it_was_at_a_time: false,
    the_relay_is_told_what_to_publish: true,
    what_there_is_is_counted: true,
    duties_and_suspensions_end_once: false,
    a_policy_set_comes_into_force_by_two_people: false,
    one_of_many_proposals_of_a_version_is_taken: false,
    what_was_received_is_read_in_pages_with_the_registry_of_its_time: false,
    pages_are_opened_with_their_requests_stage: false,
    a_hold_that_went_to_the_next_role_is_paged_anew: false,
    every_step_after_the_first_examination_is_a_page_of_its_own: false,
    a_late_answer_is_told_until_it_has_left: false,
    what_an_emergency_owes_is_told_once: false,
    what_an_emergency_owed_ends_its_pages_when_it_is_done: false,
    a_notice_ends_when_somebody_has_seen_it: false,
    a_page_ends_with_its_cause: false,
    an_emergency_is_one_page_from_its_arrival_on: false,
    attempts_are_sent_together_retried_and_ended: false,
    a_step_that_reached_nobody_does_not_wait: false,
    a_signed_reply_is_taken_once: false,
    a_test_case_is_none_of_its_agencys_and_none_of_its_events_leaves: true,
}

#[tokio::test]
async fn a_database_that_may_lose_commits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=memory", folder.path().join("x").display());
    let opened = Store::open(&StoreSettings { url, readers: 1, relay: false }).await;
    assert!(matches!(opened, Err(StoreError::Unsafe(_))), "{opened:?}");
    let other =
        Store::open(&StoreSettings { url: "mysql://x".to_owned(), readers: 1, relay: false }).await;
    assert!(matches!(other, Err(StoreError::Unsafe(_))));
}
