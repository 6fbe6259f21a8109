//! An examination that comes after its claim has ended is refused, and its text is kept for its author.
//!
//! INVARIANT: nobody but its author reads a draft, while the author examines for the unit of its request; it decides nothing
//! and is no part of an answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::examine::by_person;
use super::{Context, PipelineError, sealed};
use crate::audit::{Actor, AuditEntry, AuditEvent};
use crate::domain::examination::Examination;
use crate::domain::{Account, AccountId, RequestId, Role};
use crate::store::{Change, NewRecord, RecordKind, RecordRow, RequestRow};

/// What is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The token of the claim that had ended.
    pub token: i64,
    /// The text, as it was submitted.
    pub examination: Examination,
}

/// A draft on its author's list.
#[derive(Debug, Clone, Serialize)]
pub struct Kept {
    /// Its id (`d-…`).
    pub draft: String,
    /// Of which request.
    pub request: RequestId,
    /// When it was kept.
    pub written_at: DateTime<Utc>,
}

/// What became of the claim that a person submits under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The person never had it.
    Never,
    /// It ended without an examination.
    Lost,
    /// Its examination is recorded.
    Concluded,
}

/// Pure: what the log says of a person's claim under this token.
fn claim_of(events: &[AuditEvent], person: AccountId, token: i64) -> Claim {
    let (mut claim, mut in_force) = (Claim::Never, false);
    for event in events {
        let by_person = event.actor == Actor::Person { account: person };
        if event.action == "job.claimed" {
            let given = event.detail.get("token").and_then(|text| text.parse().ok());
            in_force = by_person && given == Some(token);
            if in_force {
                claim = Claim::Lost;
            }
        } else if in_force && by_person && event.action.ends_with(".concluded") {
            claim = Claim::Concluded;
        }
    }
    claim
}

/// Keeps what came too late, and gives the refusal that its author reads.
pub async fn late(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    (token, examination): (i64, Examination),
) -> Result<PipelineError, PipelineError> {
    let bodies = ctx.store.audit_of(row.id).await?;
    let entries: Result<Vec<AuditEntry>, _> =
        bodies.iter().map(|body| serde_json::from_str(body)).collect();
    let entries = entries.map_err(|_| PipelineError::Inconsistent("an audit entry"))?;
    let events: Vec<AuditEvent> = entries.into_iter().map(|entry| entry.event).collect();
    let refusal = |message: String| PipelineError::conflict("lease_lost", message);
    match claim_of(&events, person.id, token) {
        Claim::Never => {
            return Ok(refusal(
                "you do not hold this job under this token, so nothing was stored; claim it and submit with the new token"
                    .to_owned(),
            ));
        }
        Claim::Concluded => {
            return Ok(refusal("the examination of this claim is recorded already".to_owned()));
        }
        Claim::Lost if !examines(person.role) || row.unit != person.unit => {
            return Ok(refusal(
                "your claim on this job ended and you examine for this unit no more, so nothing was stored"
                    .to_owned(),
            ));
        }
        Claim::Lost => {}
    }
    let draft = Draft { token, examination };
    let id = match same(ctx, person, row, &draft).await? {
        Some(id) => id,
        None => keep(ctx, person, row, &draft).await?,
    };
    Ok(refusal(format!(
        "your claim on this job ended, so nothing was recorded; your text is kept as the draft `{}`, which only you can read",
        name(id)
    )))
}

async fn keep(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    draft: &Draft,
) -> Result<Uuid, PipelineError> {
    let (id, now) = (ctx.ids.id(), ctx.now());
    let event = by_person(person, "draft.kept", now, row)
        .detail("draft", &name(id))
        .detail("token", &draft.token.to_string());
    let mut change = Change::audited(vec![event]);
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::Draft,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &sealed::key_of(ctx, row)?, draft)?,
    });
    let _ = ctx.store.apply(change).await?;
    Ok(id)
}

/// The same text, sent again by a client that did not read the answer, is kept once.
async fn same(
    ctx: &Context,
    person: &Account,
    row: &RequestRow,
    draft: &Draft,
) -> Result<Option<Uuid>, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    for record in ctx.store.records(row.id).await? {
        if record.kind == RecordKind::Draft
            && record.author == person.id
            && sealed::open_record::<Draft>(ctx, &key, &record)? == *draft
        {
            return Ok(Some(record.id));
        }
    }
    Ok(None)
}

/// How a draft is called.
fn name(id: Uuid) -> String {
    format!("d-{}", id.simple())
}

/// Pure: whether somebody of this role examines. Who does not any more has no need to know what the own drafts say.
fn examines(role: Role) -> bool {
    match role {
        Role::Reviewer | Role::Adjudicator => true,
        Role::ReleaseAuthority | Role::LocalAdministrator | Role::Auditor => false,
    }
}

/// What a person wrote about requests of the unit that the person is of now.
async fn written(
    ctx: &Context,
    person: &Account,
) -> Result<Vec<(RequestId, RecordRow)>, PipelineError> {
    if !examines(person.role) {
        return Ok(Vec::new());
    }
    Ok(ctx.store.written_by((person.id, &person.unit), RecordKind::Draft).await?)
}

/// A person's own drafts, newest first.
pub async fn list(ctx: &Context, person: &Account) -> Result<Vec<Kept>, PipelineError> {
    let written = written(ctx, person).await?;
    Ok(written.iter().map(|(request, record)| kept(*request, record)).collect())
}

fn kept(request: RequestId, record: &RecordRow) -> Kept {
    Kept { draft: name(record.id), request, written_at: record.written_at }
}

/// One of the person's own drafts; another's does not exist for the person. The reading is recorded.
pub async fn read(
    ctx: &Context,
    person: &Account,
    draft: &str,
) -> Result<(Kept, Draft), PipelineError> {
    let found =
        written(ctx, person).await?.into_iter().find(|(_, record)| name(record.id) == draft);
    let (request, record) = found.ok_or_else(PipelineError::not_found)?;
    let row = ctx.store.request(request).await?.ok_or_else(PipelineError::not_found)?;
    let event = by_person(person, "draft.read", ctx.now(), &row)
        .clause("LACRIS-AUD-2")
        .detail("what", "draft")
        .detail("purpose", "own")
        .detail("which", &name(record.id));
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    let text = sealed::open_record(ctx, &sealed::key_of(ctx, &row)?, &record)?;
    Ok((kept(request, &record), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> AccountId {
        AccountId::new(Uuid::from_u128(n))
    }

    fn event(who: u128, action: &str, token: &str) -> AuditEvent {
        AuditEvent::new(DateTime::UNIX_EPOCH, Actor::Person { account: person(who) }, action)
            .detail("token", token)
    }

    #[test]
    fn only_who_had_the_claim_came_late() {
        let log = [
            event(1, "job.claimed", "1"),
            event(2, "job.claimed", "2"),
            event(2, "examination.concluded", ""),
            event(1, "job.claimed", "3"),
        ];
        assert_eq!(claim_of(&log, person(1), 1), Claim::Lost);
        assert_eq!(claim_of(&log, person(2), 2), Claim::Concluded);
        assert_eq!(claim_of(&log, person(1), 3), Claim::Lost);
        assert_eq!(claim_of(&log, person(2), 1), Claim::Never);
        assert_eq!(claim_of(&log, person(3), 9), Claim::Never);
        // A conclusion under a later claim does not make the earlier one concluded.
        let later = [
            event(1, "job.claimed", "1"),
            event(1, "job.claimed", "2"),
            event(1, "examination.concluded", ""),
        ];
        assert_eq!(claim_of(&later, person(1), 1), Claim::Lost);
        assert_eq!(claim_of(&later, person(1), 2), Claim::Concluded);
    }

    #[test]
    fn a_draft_is_called_by_its_id() {
        assert_eq!(name(Uuid::from_u128(0xab)), format!("d-{}ab", "0".repeat(30)));
    }
}
