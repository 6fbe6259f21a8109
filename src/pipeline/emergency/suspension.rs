//! Who may send no forms until a person lifts it. The table holds a keyed hash of agency and address, and no name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{Context, PipelineError, sealed, step, wording};
use crate::audit::{Actor, AuditEvent};
use crate::domain::emergency::Breach;
use crate::domain::plain_text::{REASON_LETTERS, letters};
use crate::domain::{Account, Ori, Personal, RequestId};
use crate::lifecycle::StageCode;
use crate::store::{
    Change, EmergencyStep, EmergencyWrite, Guard, NewRecord, NewSuspension, RecordKind, RequestRow,
    SuspensionRow,
};

/// The clause of a suspension.
pub const CLAUSE: &str = "CORE-SUSPENDED";

/// Why a suspension is lifted, in the person's words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// Why.
    pub reason: Personal<String>,
}

/// A suspension, and whom it concerns as long as the request that caused it can be read.
#[derive(Debug, Clone)]
pub struct Suspended {
    /// The suspension.
    pub row: SuspensionRow,
    /// The requester's printed name and address.
    pub requester: Option<(Personal<String>, Personal<String>)>,
}

/// What stands for a requester in the table. Case and spacing of an address make nobody another person.
pub fn requester_hash(ctx: &Context, ori: &Ori, email: &str) -> [u8; 32] {
    ctx.vault.lookup_hash("requester", &format!("{ori}\n{}", email.trim().to_lowercase()))
}

/// Whether the requester of a form may send none.
pub async fn is_suspended(
    ctx: &Context,
    row: &RequestRow,
    email: &str,
) -> Result<bool, PipelineError> {
    Ok(ctx.store.is_suspended(requester_hash(ctx, &row.ori, email)).await?)
}

/// Whether the requester is suspended because of another request: then the answer to this one waits for a person. What its own
/// emergency owes is another question.
pub async fn by_another(
    ctx: &Context,
    row: &RequestRow,
    email: &str,
) -> Result<bool, PipelineError> {
    let hash = requester_hash(ctx, &row.ori, email);
    Ok(ctx.store.is_suspended_by_another(hash, row.id).await?)
}

/// Whether the requester of a stored form was suspended when the form was decided, or is, while it still may be decided.
pub async fn was_suspended(
    ctx: &Context,
    row: &RequestRow,
    email: &str,
) -> Result<bool, PipelineError> {
    if matches!(row.stage.code(), StageCode::Received | StageCode::Held) {
        return is_suspended(ctx, row, email).await;
    }
    let hash = requester_hash(ctx, &row.ori, email);
    Ok(ctx.store.was_suspended(hash, row.received_at).await?)
}

/// The suspension of a request's requester, and its audit entry.
pub(super) fn begin(
    ctx: &Context,
    row: &RequestRow,
    email: &str,
    (cause, now): (Breach, DateTime<Utc>),
) -> (EmergencyWrite, AuditEvent) {
    let id = ctx.ids.id();
    let event = ctx
        .event("sweep", "requester.suspended", now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause(CLAUSE)
        .detail("cause", cause.into())
        .detail("suspension", &id.to_string());
    let new = NewSuspension {
        id,
        requester_hash: requester_hash(ctx, &row.ori, email),
        ori: row.ori.clone(),
        unit: row.unit.clone(),
        request: row.id,
        cause,
        since: now,
    };
    (EmergencyWrite::Suspend(new), event)
}

/// The suspensions that the unit's requests caused. The reading is recorded with each request, for it names people.
pub async fn list(ctx: &Context, person: &Account) -> Result<Vec<Suspended>, PipelineError> {
    let rows = ctx.store.suspensions(&person.unit, 1_000).await?;
    let actor = Actor::Person { account: person.id };
    let now = ctx.now();
    let read = |row: &SuspensionRow| {
        AuditEvent::new(now, actor.clone(), "suspensions.read")
            .request(row.request)
            .unit(&person.unit)
            .clause("LACRIS-AUD-2")
            .detail("what", "requester")
            .detail("purpose", "suspension")
    };
    let _ = ctx.store.apply(Change::audited(rows.iter().map(read).collect())).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let requester = requester(ctx, row.request).await?;
        all.push(Suspended { row, requester });
    }
    Ok(all)
}

async fn requester(
    ctx: &Context,
    request: RequestId,
) -> Result<Option<(Personal<String>, Personal<String>)>, PipelineError> {
    let Some(row) = ctx.store.request(request).await? else { return Ok(None) };
    if row.data_key.is_none() || row.form.is_none() {
        return Ok(None);
    }
    let form = sealed::form_of(ctx, &row)?;
    Ok(Some((form.requester.name, form.requester.email)))
}

/// Lifts a suspension.
pub async fn lift(
    ctx: &Context,
    person: &Account,
    suspension: Uuid,
    lift: Lift,
) -> Result<(), PipelineError> {
    let found = ctx.store.suspension(suspension).await?.filter(|row| row.unit == person.unit);
    let found = found.ok_or_else(PipelineError::not_found)?;
    let letters = letters(lift.reason.expose());
    if letters < REASON_LETTERS {
        return Err(PipelineError::conflict(
            "reason",
            "give the reason in a sentence; it is kept with the case",
        ));
    }
    wording::refuse_claims(ctx, &lift).await?;
    if found.lifted_at.is_some() {
        return Err(PipelineError::conflict("state", "this suspension is lifted already"));
    }
    let row = ctx.store.request(found.request).await?;
    let row = row.ok_or(PipelineError::Inconsistent("a suspension's request"))?;
    let (now, id) = (ctx.now(), ctx.ids.id());
    let event = AuditEvent::new(now, Actor::Person { account: person.id }, "suspension.lifted")
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause(CLAUSE)
        .detail("suspension", &suspension.to_string())
        .detail("reason_letters", &letters.to_string());
    let mut change = Change::audited(vec![event]);
    change.guard = Guard::Emergency(EmergencyStep::Lift { suspension, by: person.id, at: now });
    // Where the request was destroyed, nothing about it is sealed any more; the entry above remains.
    if row.data_key.is_some() {
        let sealed = sealed::seal_record(ctx, id, &sealed::key_of(ctx, &row)?, &lift)?;
        let kind = RecordKind::SuspensionLift;
        change.records.push(NewRecord {
            id,
            request: row.id,
            kind,
            author: person.id,
            at: now,
            sealed,
        });
    }
    step::apply_by_person(ctx, change).await
}
