//! A group of changes in one transaction, in multi-row statements.

use chrono::{DateTime, Utc};
use sqlx::AnyConnection;

use super::audit_log::append;
use super::batch::{Value, execute_in, insert_rows};
use super::change::{Applied, Change, Guard, MailingStatus, MailingUpdate};
use super::dialect::Dialect;
use super::guard::guard;
use super::{StoreError, emergency, known_answers, pages, rows, service_clocks};
use crate::audit::AuditEvent;
use crate::messages::{Message, Route, Step};

/// What became of a group.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// One for each change, in order.
    pub(super) applied: Vec<Applied>,
    /// Whether messages or pages were written.
    pub(super) messages: bool,
}

/// Micro-seconds since 1970.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(super) async fn apply_group(
    connection: &mut AnyConnection,
    dialect: Dialect,
    relay: bool,
    changes: &[Change],
) -> Result<Outcomes, StoreError> {
    let applied = guard(connection, dialect, changes).await?;
    let kept: Vec<&Change> = changes
        .iter()
        .zip(&applied)
        .filter(|(_, applied)| **applied == Applied::Now)
        .map(|(change, _)| change)
        .collect();
    finish(connection, &kept).await?;
    insert_requests(connection, &kept).await?;
    insert_records(connection, &kept).await?;
    let paged = pages::follow(connection, &kept).await?;
    for change in &kept {
        for mailed in change.mailed.iter().chain(&change.recalled) {
            update_mailing(connection, mailed).await?;
        }
    }
    emergency::write(connection, &kept).await?;
    known_answers::write(connection, &kept).await?;
    let messages: Vec<&Message> = kept.iter().flat_map(|change| &change.outgoing).collect();
    insert_messages(connection, relay, &messages).await?;
    if relay {
        known_answers::keep_in_unit(connection, &messages).await?;
    }
    let events: Vec<&AuditEvent> = kept.iter().flat_map(|change| &change.audit).collect();
    append(connection, dialect, &events).await?;
    Ok(Outcomes { applied, messages: paged || !messages.is_empty() })
}

/// The messages that caused the changes are done with; commands are of no further interest.
async fn finish(connection: &mut AnyConnection, kept: &[&Change]) -> Result<(), StoreError> {
    let all: Vec<String> = kept
        .iter()
        .filter_map(|change| change.done)
        .map(|(message, _)| message.to_string())
        .collect();
    if all.is_empty() {
        return Ok(());
    }
    execute_in(connection, "DELETE FROM deliveries WHERE message IN", Vec::new(), &all).await?;
    execute_in(connection, "DELETE FROM messages WHERE id IN", Vec::new(), &all).await?;
    Ok(())
}

async fn insert_requests(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<(), StoreError> {
    let mut requests = Vec::new();
    let mut probes = Vec::new();
    let mut clocks = Vec::new();
    for change in kept {
        let Guard::Insert(new) = &change.guard else {
            continue;
        };
        requests.push(vec![
            new.id.to_string().into(),
            new.unit.as_str().into(),
            new.ori.as_str().into(),
            new.stage.code().as_str().into(),
            rows::json(&new.stage)?.into(),
            1_i64.into(),
            <&'static str>::from(new.lane).into(),
            0_i64.into(),
            micros(new.received_at).into(),
            micros(new.received_at).into(),
            new.deadline_at.map(micros).into(),
            new.case_hash.into(),
            new.repeat_hash.into(),
            "[]".into(),
            new.supersedes.map(|id| id.to_string()).into(),
            new.data_key.clone().into(),
            new.form.clone().into(),
        ]);
        clocks.extend(new.clock.as_ref().map(|clock| service_clocks::row(new.id, clock)));
        for probe in &new.probes {
            probes.push(vec![
                new.id.to_string().into(),
                probe.ordinal.into(),
                probe.object_key.clone().into(),
                probe.image_hash.into(),
                probe.media_type.clone().into(),
                probe.byte_len.into(),
            ]);
        }
    }
    insert_rows(
        connection,
        "INSERT INTO search_requests (id, unit, ori, stage, stage_data, version, lane, fence, received_at,
             updated_at, deadline_at, case_hash, repeat_hash, findings, supersedes, data_key, form)",
        requests,
    )
    .await?;
    insert_rows(
        connection,
        "INSERT INTO probes (request, ordinal, object_key, image_hash, media_type, byte_len)",
        probes,
    )
    .await?;
    insert_rows(connection, "INSERT INTO service_clocks (request, due_at, look_at)", clocks).await
}

async fn insert_records(
    connection: &mut AnyConnection,
    kept: &[&Change],
) -> Result<(), StoreError> {
    let mut records = Vec::new();
    let mut mailings = Vec::new();
    for change in kept {
        for record in &change.records {
            records.push(vec![
                record.id.to_string().into(),
                record.request.to_string().into(),
                <&'static str>::from(record.kind).into(),
                record.author.to_string().into(),
                micros(record.at).into(),
                record.sealed.clone().into(),
            ]);
        }
        if let Some(mailing) = &change.mailing {
            mailings.push(vec![
                mailing.id.to_string().into(),
                mailing.request.to_string().into(),
                mailing.message_id.clone().into(),
                mailing.object_key.clone().into(),
                mailing.envelope.clone().into(),
                <&'static str>::from(MailingStatus::Queued).into(),
                0_i64.into(),
                micros(mailing.at).into(),
            ]);
        }
    }
    insert_rows(
        connection,
        "INSERT INTO case_records (id, request, kind, author, written_at, sealed)",
        records,
    )
    .await?;
    insert_rows(
        connection,
        "INSERT INTO mailings (id, request, message_id, object_key, envelope, status, attempts, updated_at)",
        mailings,
    )
    .await
}

/// INVARIANT (sent stays sent): whatever is written about it later, the recipient's server has it.
pub(super) async fn update_mailing(
    connection: &mut AnyConnection,
    mailed: &MailingUpdate,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE mailings SET status = $2, attempts = attempts + $3, last_phase = $4, last_code = $5,
             updated_at = $6
         WHERE id = $1 AND status <> 'sent'",
    )
    .bind(mailed.id.to_string())
    .bind(<&'static str>::from(mailed.status))
    .bind(i64::from(mailed.begins))
    .bind(mailed.phase.clone())
    .bind(mailed.code.clone())
    .bind(micros(mailed.at))
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// One row a message, and one row for the step's queue. With a broker, `publish_at` tells the relay.
async fn insert_messages(
    connection: &mut AnyConnection,
    relay: bool,
    messages: &[&Message],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(messages.len());
    let mut deliveries = Vec::new();
    for message in messages {
        let publish_at = relay.then(|| micros(message.not_before));
        rows.push(vec![
            message.id.to_string().into(),
            message.body.request().to_string().into(),
            rows::json(&message.route)?.into(),
            rows::json(&message.body)?.into(),
            micros(message.at).into(),
            publish_at.into(),
        ]);
        if let Route::Step { step } = &message.route {
            deliveries.push(delivery(message, *step));
        }
    }
    insert_rows(
        connection,
        "INSERT INTO messages (id, request, route, body, created_at, publish_at)",
        rows,
    )
    .await?;
    insert_rows(
        connection,
        "INSERT INTO deliveries (message, queue, state, available_at, attempts, fence)",
        deliveries,
    )
    .await
}

fn delivery(message: &Message, step: Step) -> Vec<Value> {
    vec![
        message.id.to_string().into(),
        step.as_str().into(),
        "waiting".into(),
        micros(message.not_before).into(),
        0_i64.into(),
        0_i64.into(),
    ]
}
