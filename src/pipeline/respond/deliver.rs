//! One attempt to hand a sealed mail to the recipient's server. The bytes are the stored ones, at every attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::recheck::{self, Answered, Leave};
use crate::domain::{Finding, MessageId, RequestId, Role, Verdict};
use crate::lifecycle::{Event, Resume, Stage, next};
use crate::mail::{Cause, Deliverable, DeliveryResult, LONGEST_ATTEMPT, Phase};
use crate::messages::{EventData, Step};
use crate::pipeline::{
    Context, Disposition, PipelineError, disclose, dispatch, hold, sealed, step,
};
use crate::store::{
    Applied, Change, MailingRow, MailingStatus, MailingUpdate, RequestRow, RequestUpdate,
};

/// The clause by which an answer leaves only encrypted to its recipient, whatever packs its unit has.
pub(super) const CLEAR: &str = "CORE-CLEAR";

/// Attempts before a person must look: with the delays below, two days.
const MOST_ATTEMPTS: i64 = 52;

/// From the claim to the beginning of an attempt. A stage that took longer to read what it needs tries later: with the longest
/// attempt behind it, its claim would run out.
pub const LONGEST_BEFORE: Duration = Duration::from_mins(1);

/// Changes of a request during one attempt, at most.
const MOST_STALE: u32 = 32;

/// The clause of an answer that could not be handed over.
const UNDELIVERED: &str = "CORE-UNDELIVERED";

/// Pure: why the answer waits for a person. Codes only; a server's words may hold an address.
fn undelivered(phase: Option<&str>, code: Option<&str>) -> Finding {
    let place = phase.unwrap_or("the dialogue");
    let reply = code.unwrap_or("no reply");
    Finding {
        clause: UNDELIVERED.to_owned(),
        pack: "core".to_owned(),
        verdict: Verdict::Hold,
        field: "/requester/email".to_owned(),
        message: format!("the answer could not be handed to the recipient's mail server ({place}: {reply})"),
        remedy: "have the agency mend the mailbox, or register a certificate for it anew; then the unit's administrator allows the hold, and the answer is sealed and sent again".to_owned(),
    }
}

/// Pure: the wait after an attempt. 1, 5, 15, 30 minutes, then every hour.
fn wait_after(attempts: i64) -> Duration {
    let minutes = match attempts {
        ..=1 => 1,
        2 => 5,
        3 => 15,
        4 => 30,
        5.. => 60,
    };
    Duration::from_secs(minutes * 60)
}

/// What an attempt means for the mailing and for its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The server has it.
    Sent,
    /// Try the same bytes again.
    Again(MailingStatus),
    /// A person must look.
    Person,
}

/// Pure: reads a result. A refusal before the server has heard of the mail is the site's own trouble, not the
/// recipient's, so it is tried again.
fn meaning(result: &DeliveryResult, attempts: i64) -> Meaning {
    let again = |status| {
        if attempts < MOST_ATTEMPTS { Meaning::Again(status) } else { Meaning::Person }
    };
    match result {
        DeliveryResult::Sent { .. } => Meaning::Sent,
        DeliveryResult::Refused { phase, .. } if phase.is_before_mail() => {
            again(MailingStatus::Deferred)
        }
        DeliveryResult::Refused { .. } => Meaning::Person,
        DeliveryResult::Indeterminate { .. } => again(MailingStatus::Indeterminate),
        DeliveryResult::Deferred { .. } | DeliveryResult::TlsRefused { .. } => {
            again(MailingStatus::Deferred)
        }
    }
}

/// Codes for the row: the phase reached and the server's reply or the reason.
fn codes(result: &DeliveryResult) -> (Option<String>, Option<String>) {
    let word = |phase: &Phase| serde_json::to_value(phase).ok()?.as_str().map(ToOwned::to_owned);
    let reason = |cause: &Cause| match cause {
        Cause::Reply(reply) => Some(match &reply.enhanced {
            Some(enhanced) => format!("{}/{enhanced}", reply.code),
            None => reply.code.to_string(),
        }),
        Cause::Timeout
        | Cause::Connection
        | Cause::Protocol
        | Cause::NoAuthMechanism
        | Cause::UnsafeBytes
        | Cause::Storage
        | Cause::Panic => serde_json::to_value(cause).ok()?.as_str().map(ToOwned::to_owned),
    };
    match result {
        DeliveryResult::Sent { reply } => (None, Some(reply.code.to_string())),
        DeliveryResult::Deferred { phase, cause }
        | DeliveryResult::Refused { phase, cause }
        | DeliveryResult::Indeterminate { phase, cause } => (word(phase), reason(cause)),
        DeliveryResult::TlsRefused { reason } => {
            let reason = serde_json::to_value(reason).ok();
            (
                Some("starttls".to_owned()),
                reason.and_then(|r| r.as_str().map(|r| format!("tls_{r}"))),
            )
        }
    }
}

/// What a mail is. The stage does not say it: it moves while an attempt is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The answer itself.
    Answer,
    /// A delivered answer that is passed on.
    Copy,
}

/// Pure: whether the mail still has to leave.
fn is_due(stage: &Stage, kind: Kind, mail: MailingStatus) -> bool {
    match mail {
        // One that was refused or called back is never tried again: after a hold the answer is sealed anew.
        MailingStatus::Sent | MailingStatus::Refused => false,
        MailingStatus::Queued
        | MailingStatus::Sending
        | MailingStatus::Deferred
        | MailingStatus::Indeterminate => match kind {
            Kind::Answer => *stage == Stage::Delivering,
            Kind::Copy => stage.is_answered(),
        },
    }
}

/// Handles the command to deliver.
pub async fn handle(
    ctx: &Context,
    cause: MessageId,
    request: RequestId,
    mailing: Uuid,
) -> Result<Disposition, PipelineError> {
    let started = tokio::time::Instant::now();
    let ctx = &ctx.with_one_policy_set().await?;
    let row = ctx.store.request(request).await?;
    let mail = ctx.store.mailing(mailing).await?;
    let (Some(row), Some(mail)) = (row, mail) else {
        return Ok(Disposition::DeadLetter { reason: "mailing_unknown".to_owned() });
    };
    // A destroyed record says no more what its mails were, and nothing of it leaves.
    let copy = match row.data_key {
        Some(_) => disclose::order_of(ctx, &row, mailing).await?,
        None => None,
    };
    let kind = if copy.is_some() { Kind::Copy } else { Kind::Answer };
    if !is_due(&row.stage, kind, mail.status) {
        return step::acknowledge(ctx, cause, Step::Deliver).await;
    }
    let leave = match recheck::ask(ctx, &row, &mail, copy.as_ref()).await? {
        Answered::Leave(leave) => leave,
        Answered::Stop(change) => {
            return step::apply_for(ctx, *change, Some((cause, Step::Deliver))).await;
        }
    };
    // An image store that is away leaves the mail where it is: only what can be sent is begun.
    let bytes = sealed::image(ctx, &sealed::key_of(ctx, &row)?, &mail.object_key).await?;
    let deliverable = Deliverable::from_stored(bytes)
        .map_err(|_| PipelineError::Inconsistent("a sealed mail"))?;
    if started.elapsed() > LONGEST_BEFORE {
        return Ok(Disposition::Retry { after: None, reason: "slow".to_owned() });
    }
    if begin(ctx, &row, &mail, &leave).await? != Applied::Now {
        return Ok(Disposition::Retry { after: Some(Duration::ZERO), reason: "stale".to_owned() });
    }
    let row = RequestRow { version: row.version + 1, ..row };
    crate::crash_point!("deliver.before_send");
    let result = attempt(ctx, &deliverable).await;
    crate::crash_point!("deliver.after_send");
    finish(ctx, cause, row, (&mail, kind), &result).await
}

/// The mailer keeps to the longest attempt; were it not to, nobody could know how far it came.
async fn attempt(ctx: &Context, mail: &Deliverable) -> DeliveryResult {
    tokio::time::timeout(LONGEST_ATTEMPT, ctx.mailer.deliver(mail))
        .await
        .unwrap_or(DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause: Cause::Timeout })
}

/// An attempt is on record before the first byte is sent: after a crash it reads as begun, not as never made. It takes the
/// request's version, so that an attempt and a recall exclude each other.
async fn begin(
    ctx: &Context,
    row: &RequestRow,
    mail: &MailingRow,
    leave: &Leave,
) -> Result<Applied, PipelineError> {
    let now = ctx.now();
    let mut event = audit(ctx, row, mail, "delivery.attempted", now)
        .decision(&leave.decision)
        .detail("attempt", &(mail.attempts + 1).to_string());
    if let Some(person) = leave.allowed_by {
        event = event.detail("allowed_by", &person.to_string());
    }
    let mut change = Change::update(same(row, now), vec![event]);
    change.mailed = Some(MailingUpdate {
        id: mail.id,
        status: MailingStatus::Sending,
        phase: None,
        code: None,
        begins: true,
        at: now,
    });
    Ok(ctx.store.apply(change).await?)
}

/// Pure: the request stays where it is, and its version moves. The retention period runs from the answer, not from its being
/// passed on.
pub(super) fn same(row: &RequestRow, now: DateTime<Utc>) -> RequestUpdate {
    let at = if row.stage.is_answered() || !row.stage.is_open() { row.updated_at } else { now };
    RequestUpdate::stage(row.id, row.version, row.stage.clone(), at, row.deadline_at)
}

pub(super) fn audit(
    ctx: &Context,
    row: &RequestRow,
    mail: &MailingRow,
    action: &str,
    now: DateTime<Utc>,
) -> crate::audit::AuditEvent {
    ctx.event("deliver", action, now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause(CLEAR)
        .detail("mailing", &mail.id.to_string())
}

/// What an attempt came to is written whatever else changed the request meanwhile (a deadline, a legal hold): a result that
/// was thrown away would be another mail.
async fn finish(
    ctx: &Context,
    cause: MessageId,
    mut row: RequestRow,
    mail: (&MailingRow, Kind),
    result: &DeliveryResult,
) -> Result<Disposition, PipelineError> {
    for _ in 0..MOST_STALE {
        let (mut change, disposition) = ended(ctx, &row, mail, result)?;
        change.done = (disposition == Disposition::Done).then_some((cause, Step::Deliver));
        if ctx.store.apply(change).await? != Applied::Stale {
            return Ok(disposition);
        }
        row = ctx.store.request(row.id).await?.ok_or_else(PipelineError::not_found)?;
    }
    Err(PipelineError::Inconsistent("a request that never stops changing"))
}

/// Pure: what the end of an attempt makes of an answer's mail that nobody waits for any more: another attempt delivered it, or
/// the request was stopped. It is on record; it is no dissemination, and there is no further attempt.
fn late(meaning: Meaning) -> MailingStatus {
    match meaning {
        Meaning::Sent => MailingStatus::Sent,
        Meaning::Again(_) | Meaning::Person => MailingStatus::Refused,
    }
}

/// The audit log's word for an attempt that is followed by another.
fn deferral(status: MailingStatus) -> &'static str {
    match status {
        MailingStatus::Indeterminate => "delivery.indeterminate",
        MailingStatus::Queued
        | MailingStatus::Sending
        | MailingStatus::Sent
        | MailingStatus::Deferred
        | MailingStatus::Refused => "delivery.deferred",
    }
}

/// Pure: what is written about an attempt, and whether there is another.
fn ended(
    ctx: &Context,
    row: &RequestRow,
    (mail, kind): (&MailingRow, Kind),
    result: &DeliveryResult,
) -> Result<(Change, Disposition), PipelineError> {
    let now = ctx.now();
    let attempts = mail.attempts + 1;
    let (phase, code) = codes(result);
    let noted = |action| {
        audit(ctx, row, mail, action, now)
            .detail("phase", phase.as_deref().unwrap_or("none"))
            .detail("code", code.as_deref().unwrap_or("none"))
    };
    // One that is passed on moves no stage.
    let passed_on = kind == Kind::Copy;
    let mut disposition = Disposition::Done;
    let (mut change, status) = match meaning(result, attempts) {
        came_to if !passed_on && row.stage != Stage::Delivering => {
            let status = late(came_to);
            let event = noted("delivery.late")
                .detail("stage", row.stage.code().as_str())
                .detail("mail", status.into());
            (Change::update(same(row, now), vec![event]), status)
        }
        Meaning::Sent if passed_on => {
            let event = noted("answer.disclosure_delivered");
            (Change::update(same(row, now), vec![event]), MailingStatus::Sent)
        }
        Meaning::Person if passed_on => {
            let event = noted("answer.disclosure_refused").clause(UNDELIVERED);
            (Change::update(same(row, now), vec![event]), MailingStatus::Refused)
        }
        Meaning::Sent => {
            (delivered(ctx, row, noted("answer.delivered"), now)?, MailingStatus::Sent)
        }
        Meaning::Again(status) => {
            let reason = code.clone().unwrap_or_else(|| "deferred".to_owned());
            disposition = Disposition::Retry { after: Some(wait_after(attempts)), reason };
            (Change::audited(vec![noted(deferral(status))]), status)
        }
        Meaning::Person => {
            let event = noted("delivery.refused").clause(UNDELIVERED);
            let found = vec![undelivered(phase.as_deref(), code.as_deref())];
            let role = Role::LocalAdministrator;
            let change = hold::begin(ctx, row, role, Resume::Deliver, (found, event))?;
            (change, MailingStatus::Refused)
        }
    };
    change.mailed =
        Some(MailingUpdate { id: mail.id, status, phase, code, begins: false, at: now });
    Ok((change, disposition))
}

pub(super) fn delivered(
    ctx: &Context,
    row: &RequestRow,
    event: crate::audit::AuditEvent,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let stage = next(&row.stage, Event::MailAccepted)?;
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, None);
    let mut change = Change::update(update, vec![event]);
    let data = EventData {
        request: row.id,
        state: stage.code(),
        findings: Vec::new(),
        outcome: row.outcome,
        waiting: None,
    };
    change.outgoing.push(dispatch::told_with(ctx, row, &stage, now, data));
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Reply, TlsRefusal};

    fn reply(code: u16) -> Cause {
        Cause::Reply(Reply { code, enhanced: None })
    }

    #[test]
    fn a_refusal_of_the_mail_needs_a_person_and_a_refusal_of_the_site_is_tried_again() {
        let refused = |phase| DeliveryResult::Refused { phase, cause: reply(550) };
        assert_eq!(meaning(&refused(Phase::Rcpt), 1), Meaning::Person);
        assert_eq!(meaning(&refused(Phase::Greeting), 1), Meaning::Again(MailingStatus::Deferred));
        let dot = DeliveryResult::Indeterminate { phase: Phase::FinalDot, cause: Cause::Timeout };
        assert_eq!(meaning(&dot, 1), Meaning::Again(MailingStatus::Indeterminate));
        let tls = DeliveryResult::TlsRefused { reason: TlsRefusal::NotOffered };
        assert_eq!(meaning(&tls, 1), Meaning::Again(MailingStatus::Deferred));
        assert_eq!(meaning(&tls, MOST_ATTEMPTS), Meaning::Person, "nothing is retried for ever");
    }

    #[test]
    fn a_mail_is_due_as_what_it_is_and_not_as_where_its_request_stands() {
        for (stage, kind, due) in [
            (Stage::Delivering, Kind::Answer, true),
            (Stage::Delivered, Kind::Answer, false),
            (Stage::Delivered, Kind::Copy, true),
            (Stage::Withdrawn, Kind::Copy, false),
        ] {
            assert_eq!(is_due(&stage, kind, MailingStatus::Sending), due, "{stage:?} {kind:?}");
            assert!(!is_due(&stage, kind, MailingStatus::Sent));
        }
        assert_eq!(late(Meaning::Sent), MailingStatus::Sent);
        let again = Meaning::Again(MailingStatus::Deferred);
        assert_eq!(late(again), MailingStatus::Refused, "one that was stopped is not tried again");
    }

    #[test]
    fn a_row_shows_codes_and_no_words_of_the_server() {
        let result = DeliveryResult::Refused {
            phase: Phase::Rcpt,
            cause: Cause::Reply(Reply { code: 550, enhanced: Some("5.1.1".to_owned()) }),
        };
        assert_eq!(codes(&result).1.as_deref(), Some("550/5.1.1"));
    }

    #[test]
    fn a_refused_mail_tells_both_sides_why() {
        let finding = undelivered(Some("rcpt"), Some("550/5.1.1"));
        assert_eq!((finding.clause.as_str(), finding.verdict), ("CORE-UNDELIVERED", Verdict::Hold));
        assert!(finding.message.contains("rcpt: 550/5.1.1"), "{}", finding.message);
        let core = crate::policy::builtin::load("2026-01-02T00:00:00Z".parse().unwrap()).unwrap();
        assert!(core.clause(&finding.clause).is_some());
    }
}
