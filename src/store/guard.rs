//! The guards of a group of changes: nothing else of a change is written before its guard holds.
//!
//! Guards of one kind share a statement. What two changes of a group would both take, the first one gets.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, Row};

use super::apply::micros;
use super::batch::{execute_in, fetch_in, fetch_rows, insert_rows};
use super::capacity::admit;
use super::change::{Applied, Change, Guard, RequestUpdate};
use super::dialect::Dialect;
use super::rows::Column;
use super::{KnownAnswerWrite, StoreError, emergency, likeness, once, rows, service_clocks};
use crate::domain::UnitId;

/// For each change, whether it may be written.
pub(super) async fn guard(
    connection: &mut AnyConnection,
    dialect: Dialect,
    changes: &[Change],
) -> Result<Vec<Applied>, StoreError> {
    let mut applied = vec![Applied::Now; changes.len()];
    let mut inserts = Vec::new();
    let mut updates = Vec::new();
    let mut steps = Vec::new();
    let mut pages = Vec::new();
    let mut done = Vec::new();
    for (change, applied) in changes.iter().zip(&mut applied) {
        if !emergency::still_failed(connection, dialect, change).await? {
            *applied = Applied::Stale;
            continue;
        }
        match &change.guard {
            Guard::Insert(request) => {
                let known_answer =
                    matches!(change.known_answer, Some(KnownAnswerWrite::Injected(_)));
                inserts.push((request.as_ref(), known_answer, applied));
            }
            Guard::Update(update) => updates.push((update.as_ref(), applied)),
            Guard::Look(look) => {
                if !service_clocks::write(connection, look).await? {
                    *applied = Applied::Stale;
                }
            }
            Guard::Emergency(step) => steps.push((step, applied)),
            Guard::Page(update) => pages.push((update.as_ref(), applied)),
            Guard::None => done.extend(change.done.map(|cause| (cause, applied))),
        }
    }
    once::take(connection, inserts).await?;
    let updates = admit(connection, dialect, updates).await?;
    update_requests(connection, updates).await?;
    emergency::take_all(connection, steps).await?;
    for (update, applied) in pages {
        if !super::pages::update(connection, update).await? {
            *applied = Applied::Stale;
        }
    }
    // INVARIANT (once): without a request's version, the delivery row itself is the guard.
    if !done.is_empty() {
        let messages: Vec<String> = done.iter().map(|((id, _), _)| id.to_string()).collect();
        let around = ("DELETE FROM deliveries WHERE message IN", "RETURNING message, queue");
        let mut gone = texts(&fetch_in(connection, around, &messages).await?)?;
        for ((message, step), applied) in done {
            if !gone.remove(&(message.to_string(), step.as_str().to_owned())) {
                *applied = Applied::AlreadyApplied;
            }
        }
    }
    Ok(applied)
}

/// The first two columns of each row.
fn texts(rows: &[sqlx::any::AnyRow]) -> Result<BTreeSet<(String, String)>, StoreError> {
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn update_requests(
    connection: &mut AnyConnection,
    updates: Vec<(&RequestUpdate, &mut Applied)>,
) -> Result<(), StoreError> {
    let mut left = updates;
    while !left.is_empty() {
        // A statement changes a row once; who comes second for the same request finds another version.
        let mut seen = BTreeSet::new();
        let (now, later): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(update, _)| seen.insert(update.id));
        let moved = move_requests(connection, now.iter().map(|(update, _)| *update)).await?;
        let mut kept: Vec<&RequestUpdate> = Vec::with_capacity(now.len());
        for (update, applied) in now {
            if moved.contains(&update.id.to_string()) {
                kept.push(update);
            } else {
                *applied = Applied::Stale;
            }
        }
        give_numbers(connection, &kept).await?;
        for update in kept {
            drop_what_must_go(connection, update).await?;
        }
        left = later;
    }
    Ok(())
}

/// Moves each request whose version is the one that was read; gives their ids.
async fn move_requests(
    connection: &mut AnyConnection,
    updates: impl Iterator<Item = &RequestUpdate>,
) -> Result<BTreeSet<String>, StoreError> {
    let mut values = Vec::new();
    for update in updates {
        let outcome: Option<&'static str> = update.outcome.map(Into::into);
        values.push(vec![
            update.id.to_string().into(),
            update.seen.into(),
            update.stage.code().as_str().into(),
            rows::json(&update.stage)?.into(),
            micros(update.at).into(),
            update.deadline_at.map(micros).into(),
            update.fence.into(),
            update.findings.as_ref().map(rows::json).transpose()?.into(),
            outcome.map(str::to_owned).into(),
            update.stage.holder().map(|id| id.to_string()).into(),
            update.waiting.map(|why| <&'static str>::from(why).to_owned()).into(),
        ]);
    }
    let head = "WITH new (id, seen, stage, stage_data, at, deadline_at, fence, findings, outcome, holder, waiting) AS (";
    let tail = ")
         UPDATE search_requests SET stage = new.stage, stage_data = new.stage_data,
             version = search_requests.version + 1, updated_at = new.at, deadline_at = new.deadline_at,
             fence = coalesce(new.fence, search_requests.fence),
             findings = coalesce(new.findings, search_requests.findings),
             outcome = coalesce(new.outcome, search_requests.outcome), holder = new.holder,
             waiting = new.waiting
         FROM new WHERE search_requests.id = new.id AND search_requests.version = new.seen
         RETURNING search_requests.id";
    let rows = fetch_rows(connection, (head, tail), values).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// LACRIS-RPT-4a: unique and without gaps, because the counter moves only with the commit.
async fn give_numbers(
    connection: &mut AnyConnection,
    kept: &[&RequestUpdate],
) -> Result<(), StoreError> {
    let mut by_unit: BTreeMap<&UnitId, Vec<String>> = BTreeMap::new();
    for update in kept {
        if let Some(unit) = &update.number_in {
            by_unit.entry(unit).or_default().push(update.id.to_string());
        }
    }
    for (unit, requests) in by_unit {
        let head = "SELECT id FROM search_requests WHERE case_number_of_unit IS NULL AND id IN";
        let without: Vec<String> = fetch_in(connection, (head, "ORDER BY id"), &requests)
            .await?
            .iter()
            .map(|row| Column { row, table: "search_requests" }.text("id"))
            .collect::<Result<_, _>>()?;
        let count = i64::try_from(without.len()).unwrap_or(i64::MAX);
        let last: i64 = sqlx::query(
            "INSERT INTO case_counters (unit, last_number) VALUES ($1, $2)
             ON CONFLICT (unit) DO UPDATE SET last_number = case_counters.last_number + $2
             RETURNING last_number",
        )
        .bind(unit.as_str())
        .bind(count)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
        let numbers = last - count + 1..;
        let values = without.into_iter().zip(numbers);
        let values = values.map(|(id, number)| vec![id.into(), number.into()]).collect();
        let head = "WITH new (id, number) AS (";
        let tail = ") UPDATE search_requests SET case_number_of_unit = new.number
             FROM new WHERE search_requests.id = new.id RETURNING search_requests.id";
        fetch_rows(connection, (head, tail), values).await?;
    }
    Ok(())
}

async fn drop_what_must_go(
    connection: &mut AnyConnection,
    update: &RequestUpdate,
) -> Result<(), StoreError> {
    let id = [update.id.to_string()];
    if update.drop_probes {
        let head = "INSERT INTO discarded_objects (object_key) SELECT object_key FROM probes WHERE request IN";
        execute_in(connection, head, Vec::new(), &id).await?;
        execute_in(connection, "DELETE FROM probes WHERE request IN", Vec::new(), &id).await?;
        // After the rows: whoever keeps a hash at this moment has locked its row, and this waits for it.
        likeness::forget(connection, &id).await?;
    }
    if update.destroy_key {
        // Nor does anything say any more that another request is about the same case or image.
        let head = "UPDATE search_requests SET data_key = NULL, form = NULL, case_hash = $1, repeat_hash = $1
             WHERE id IN";
        execute_in(connection, head, vec![Vec::<u8>::new().into()], &id).await?;
        execute_in(connection, "DELETE FROM idempotency_keys WHERE request IN", Vec::new(), &id)
            .await?;
        // Nothing can open them any more; nobody needs the bytes.
        let head = "UPDATE case_records SET sealed = NULL WHERE request IN";
        execute_in(connection, head, Vec::new(), &id).await?;
        let head = "UPDATE mailings SET envelope = NULL WHERE request IN";
        execute_in(connection, head, Vec::new(), &id).await?;
        let head = "UPDATE known_answers SET expected = NULL WHERE request IN";
        execute_in(connection, head, Vec::new(), &id).await?;
    }
    let gone = update.discard.iter().map(|key| vec![key.as_str().into()]).collect();
    insert_rows(connection, "INSERT INTO discarded_objects (object_key)", gone).await?;
    match update.legal_hold {
        Some(Some(since)) => {
            let head = "UPDATE search_requests SET legal_hold_at = $1 WHERE id IN";
            execute_in(connection, head, vec![micros(since).into()], &id).await?;
        }
        Some(None) => {
            let head = "UPDATE search_requests SET legal_hold_at = NULL WHERE id IN";
            execute_in(connection, head, Vec::new(), &id).await?;
        }
        None => {}
    }
    Ok(())
}
