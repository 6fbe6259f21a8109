//! What makes a new request the only one of its kind: its idempotency key, and its place among the repeats.
//!
//! Both are rows of `idempotency_keys`: what two requests would both take, the first one gets, in whichever process, and
//! the other one waits for its commit. That somebody looked before and found nothing is no guard.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, Row as _};

use super::StoreError;
use super::apply::micros;
use super::batch::{Value, fetch_rows};
use super::change::{Applied, NewRequest};

/// A new request, whether it is a known-answer job, and what becomes of it.
pub(super) type Insert<'c> = (&'c NewRequest, bool, &'c mut Applied);

/// A row that a request must get: agency, key, digest of the body.
type Place = (String, String, Vec<u8>);

/// Gives each request its rows, or says that another one has one of them.
pub(super) async fn take(
    connection: &mut AnyConnection,
    inserts: Vec<Insert<'_>>,
) -> Result<(), StoreError> {
    forget_what_is_over(connection, &inserts).await?;
    let (mut rows, mut asked) = (Vec::new(), Vec::new());
    for (request, known_answer, applied) in inserts {
        let places = places(request, known_answer);
        rows.extend(places.iter().cloned().map(|place| (place, request)));
        asked.push((request.id.to_string(), places, applied));
    }
    // Everybody in one order, or two processes wait for each other; who came first stays first.
    rows.sort_by(|((ori, key, _), _), ((other, than, _), _)| (ori, key).cmp(&(other, than)));
    let row = |((ori, key, digest), request): (Place, &NewRequest)| -> Vec<Value> {
        let (id, at) = (request.id.to_string(), micros(request.received_at));
        vec![ori.into(), key.into(), digest.into(), id.into(), at.into()]
    };
    let values = rows.into_iter().map(row).collect();
    let head =
        "INSERT INTO idempotency_keys (ori, idempotency_key, body_digest, request, created_at)";
    let tail = " ON CONFLICT (ori, idempotency_key) DO NOTHING RETURNING request, idempotency_key";
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in fetch_rows(connection, (head, tail), values).await? {
        taken.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?);
    }
    let mut given_back = Vec::new();
    for (request, places, applied) in asked {
        let taken = taken.remove(&request).unwrap_or_default();
        if taken.len() == places.len() {
            continue;
        }
        *applied = Applied::AlreadyApplied;
        let back = places.into_iter().filter(|(_, key, _)| taken.contains(key));
        given_back.extend(back.map(|(ori, key, _)| vec![ori.into(), key.into()]));
    }
    // A row of a request that never was would keep the next one out for ever.
    let around =
        ("DELETE FROM idempotency_keys WHERE (ori, idempotency_key) IN (", ") RETURNING request");
    fetch_rows(connection, around, given_back).await?;
    Ok(())
}

fn places(request: &NewRequest, known_answer: bool) -> Vec<Place> {
    let ori = request.ori.to_string();
    let given = request.idempotency.iter().map(|key| (key.key.clone(), key.body_digest.to_vec()));
    let among = among_repeats(request, known_answer).map(|key| (key, Vec::new()));
    given.chain(among).map(|(key, digest)| (ori.clone(), key, digest)).collect()
}

/// The key that all repeats of one lane share; an agency's own keys are stored as hashes and never look so. Of another lane
/// at the same moment each may have been first, and the more urgent one repeats nothing. A test is no agency's request.
fn among_repeats(request: &NewRequest, known_answer: bool) -> Option<String> {
    let lane: &'static str = if known_answer { "known_answer" } else { request.lane.into() };
    request.alone_since.map(|_| format!("repeat.{lane}.{}", hex::encode(request.repeat_hash)))
}

/// Whose place among the repeats is too old, or whose request was not served, makes room. A request of a transaction under
/// way is not seen here, and keeps its place.
async fn forget_what_is_over(
    connection: &mut AnyConnection,
    inserts: &[Insert<'_>],
) -> Result<(), StoreError> {
    let place = |(request, known_answer, _): &Insert<'_>| -> Option<Vec<Value>> {
        let since = micros(request.alone_since?);
        let key = among_repeats(request, *known_answer)?;
        Some(vec![request.ori.as_str().into(), key.into(), since.into()])
    };
    let values = inserts.iter().filter_map(place).collect();
    let head = "WITH new (ori, idempotency_key, since) AS (";
    let tail = ")
         DELETE FROM idempotency_keys WHERE (ori, idempotency_key) IN (
             SELECT taken.ori, taken.idempotency_key FROM new
             JOIN idempotency_keys taken
                 ON taken.ori = new.ori AND taken.idempotency_key = new.idempotency_key
             JOIN search_requests held ON held.id = taken.request
             WHERE held.received_at < new.since
                 OR held.stage IN ('rejected', 'withdrawn', 'expired', 'destroyed'))
         RETURNING request";
    fetch_rows(connection, (head, tail), values).await?;
    Ok(())
}
