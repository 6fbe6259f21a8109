//! What follows from a duty that failed: the requester is suspended, the request stopped, an answer that has not left
//! called back. Once, whoever comes first: the person who recorded the denial, or the sweeper.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{CLAUSE, suspension};
use crate::audit::AuditEvent;
use crate::domain::emergency::{Breach, DutyKind, breach};
use crate::domain::{Finding, Ori, RequestId, Role, Verdict};
use crate::lifecycle::{Resume, Stage, StageCode, stop};
use crate::messages::{AgencyEvent, Body, EventData, Message, Route};
use crate::pipeline::{Context, PipelineError, disclose, hold, sealed};
use crate::store::{
    Applied, Change, EmergencyWrite, Enforcement, MailingRow, MailingStatus, MailingUpdate,
    RequestRow, RequestUpdate,
};

/// Code of a mail that was called back before an attempt.
const RECALLED: &str = "recalled";

/// Pure: why the request is stopped. The field is the rule's, so that a decision about one covers the other.
fn finding(breach: Breach) -> Finding {
    let message = match breach {
        Breach::Denied => {
            "the agency, called back at the number in the registry, does not know of this emergency"
        }
        Breach::Unconfirmed => "no supervisor of the agency confirmed this emergency in time",
    };
    Finding {
        clause: CLAUSE.to_owned(),
        pack: "core".to_owned(),
        verdict: Verdict::Hold,
        field: String::new(),
        message: message.to_owned(),
        remedy: "the unit's administrator speaks with the agency at the number in the registry, and decides whether the request goes on".to_owned(),
    }
}

/// Draws the consequence of every failed duty. Returns for how many requests.
pub async fn sweep(ctx: &Context) -> Result<usize, PipelineError> {
    let mut drawn = 0;
    for request in ctx.store.failed_duties(ctx.now(), 100).await? {
        match one(ctx, request).await {
            Ok(done) => drawn += usize::from(done),
            Err(error) => {
                tracing::warn!(request = %request, error = %error, "draw the consequence of a failed duty");
            }
        }
    }
    Ok(drawn)
}

/// Draws the consequence of a failed duty of one request. False: there is none, or it must wait for an attempt to deliver
/// that is under way.
pub async fn one(ctx: &Context, request: RequestId) -> Result<bool, PipelineError> {
    let now = ctx.now();
    let Some(row) = ctx.store.request(request).await? else {
        return Ok(false);
    };
    let Some((kind, breach)) = breach(&ctx.store.duties_of(request).await?, now) else {
        return Ok(false);
    };
    let mailings = ctx.store.mailings_of(request).await?;
    if mailings.iter().any(|mail| is_under_way(&row.stage, mail, now)) {
        return Ok(false);
    }
    let passed_on = disclose::recipients(ctx, &row).await?;
    let left = Left { mailings: &mailings, passed_on: &passed_on };
    let mut change = consequence(ctx, &row, (kind, breach), &left, now)?;
    // The other duty of the same request may have failed before; one suspension tells the whole of it.
    let suspended = ctx.store.has_suspended(row.id).await?;
    if row.form.is_some() && row.data_key.is_some() && !suspended {
        let form = sealed::form_of(ctx, &row)?;
        let email = form.requester.email.expose();
        let (write, event) = suspension::begin(ctx, &row, email, (breach, now));
        change.emergency.push(write);
        change.audit.push(event);
    }
    Ok(ctx.store.apply(change).await? == Applied::Now)
}

fn consequence(
    ctx: &Context,
    row: &RequestRow,
    (kind, breach): (DutyKind, Breach),
    left: &Left<'_>,
    now: DateTime<Utc>,
) -> Result<Change, PipelineError> {
    let event = |action| {
        ctx.event("sweep", action, now)
            .clause(CLAUSE)
            .detail("cause", breach.into())
            .detail("duty", kind.into())
            .detail("stage", row.stage.code().as_str())
    };
    let Some(resume) = stop(&row.stage) else {
        return Ok(too_late(ctx, row, (kind, breach), left, (finding(breach), event, now)));
    };
    let action = match resume {
        Resume::Recall => "answer.recalled",
        Resume::Check
        | Resume::Dispatch
        | Resume::SecondReview { .. }
        | Resume::Adjudication { .. }
        | Resume::Release { .. }
        | Resume::Respond { .. }
        | Resume::Deliver => "emergency.stopped",
    };
    let mut event = event(action);
    let waiting = left.mailings.iter().find(|mail| is_waiting(mail));
    if let Some(mail) = waiting {
        // One whose last answer was lost may have arrived; nobody can say that it did not.
        event = event.detail("mail", mail.status.into());
    }
    let told = (vec![finding(breach)], event);
    let mut change = hold::begin(ctx, row, Role::LocalAdministrator, resume, told)?;
    change.recalled = waiting.map(|mail| recalled(mail, now)).into_iter().collect();
    change.emergency.push(enforced(row, (kind, breach), now));
    Ok(change)
}

/// What began so long ago has died with its process: no attempt takes half as long ([`crate::mail::LONGEST_ATTEMPT`]).
const DIED: TimeDelta = TimeDelta::hours(1);

/// Pure: whether an attempt may be talking to the recipient's server now. Its end is waited for, and no longer than any
/// attempt takes: one that died with its process stops nothing.
fn is_under_way(stage: &Stage, mail: &MailingRow, now: DateTime<Utc>) -> bool {
    mail.status == MailingStatus::Sending
        && (*stage == Stage::Delivering || stage.is_answered())
        && now - mail.updated_at < DIED
}

fn is_waiting(mail: &MailingRow) -> bool {
    match mail.status {
        MailingStatus::Queued
        | MailingStatus::Sending
        | MailingStatus::Deferred
        | MailingStatus::Indeterminate => true,
        MailingStatus::Sent | MailingStatus::Refused => false,
    }
}

/// What may have reached others when the answer has left already.
struct Left<'a> {
    mailings: &'a [MailingRow],
    /// By which mail the answer was passed on to which agency.
    passed_on: &'a [(Uuid, Ori)],
}

impl Left<'_> {
    /// Agencies to which a copy was sent, each once. One whose attempt failed may have arrived all the same, and a notice too
    /// many harms nobody.
    fn tried(&self) -> Vec<Ori> {
        let tried = self.mailings.iter().filter(|mail| mail.attempts > 0);
        let mut agencies: Vec<Ori> =
            tried.filter_map(|mail| self.recipient(mail)).cloned().collect();
        agencies.sort();
        agencies.dedup();
        agencies
    }

    fn recipient(&self, mail: &MailingRow) -> Option<&Ori> {
        self.passed_on.iter().find(|(id, _)| *id == mail.id).map(|(_, ori)| ori)
    }

    fn sent(&self) -> Option<&MailingRow> {
        self.mailings.iter().find(|mail| mail.status == MailingStatus::Sent)
    }
}

/// The answer has left, or the request is held or ended already: what can be said is put on record and told, and a copy that
/// waits to be passed on never leaves. It takes the request's version, so that it and a further copy exclude each other.
fn too_late(
    ctx: &Context,
    row: &RequestRow,
    (kind, breach): (DutyKind, Breach),
    left: &Left<'_>,
    (finding, event, now): (Finding, impl Fn(&'static str) -> AuditEvent, DateTime<Utc>),
) -> Change {
    let about = |event: AuditEvent| event.request(row.id).unit(&row.unit);
    let entry = match left.sent() {
        Some(mail) => {
            event("recall.impossible").detail("delivered_at", &mail.updated_at.to_rfc3339())
        }
        None => event("emergency.failed"),
    };
    // The retention period runs from the end of a request, which this does not move.
    let at = if row.stage.is_open() { now } else { row.updated_at };
    let same = RequestUpdate::stage(row.id, row.version, row.stage.clone(), at, row.deadline_at);
    let mut change = Change::update(same, vec![about(entry).agency(&row.ori)]);
    for mail in left.mailings.iter().filter(|mail| is_waiting(mail)) {
        let entry = about(event("answer.disclosure_recalled"))
            .agency(left.recipient(mail).unwrap_or(&row.ori))
            .detail("mailing", &mail.id.to_string())
            .detail("mail", mail.status.into());
        change.audit.push(entry);
        change.recalled.push(recalled(mail, now));
    }
    change.emergency.push(enforced(row, (kind, breach), now));
    let asker = left.sent().map(|_| row.ori.clone());
    let others = left.tried().into_iter().filter(|ori| *ori != row.ori);
    for ori in asker.into_iter().chain(others) {
        change.outgoing.push(recall_notice(ctx, row, (ori, finding.clone()), now));
    }
    change
}

/// Pure: what marks the duty as dealt with, if it still stands as it was read.
fn enforced(
    row: &RequestRow,
    (kind, cause): (DutyKind, Breach),
    at: DateTime<Utc>,
) -> EmergencyWrite {
    EmergencyWrite::Enforced(Enforcement { request: row.id, kind, cause, at })
}

/// Pure: a mail that is called back before it left.
fn recalled(mail: &MailingRow, at: DateTime<Utc>) -> MailingUpdate {
    MailingUpdate {
        id: mail.id,
        status: MailingStatus::Refused,
        phase: mail.last_phase.clone(),
        code: Some(RECALLED.to_owned()),
        begins: false,
        at,
    }
}

/// Tells an agency that an answer it has must not be used.
fn recall_notice(
    ctx: &Context,
    row: &RequestRow,
    (ori, finding): (Ori, Finding),
    now: DateTime<Utc>,
) -> Message {
    let event = "recall_notice".to_owned();
    let state: StageCode = row.stage.code();
    let data =
        EventData { request: row.id, state, findings: vec![finding], outcome: None, waiting: None };
    Message::new(
        ctx.message_id(),
        now,
        Route::Agency { ori: ori.clone(), event: event.clone() },
        Body::AgencyEvent(AgencyEvent { ori, event, data }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_sent_a_copy_is_told_and_who_never_was_is_not() {
        let mail = |n: u128, status, attempts| MailingRow {
            id: Uuid::from_u128(n),
            request: RequestId::new(Uuid::from_u128(1)),
            message_id: String::new(),
            object_key: String::new(),
            envelope: None,
            status,
            attempts,
            last_phase: None,
            last_code: None,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let at = DateTime::UNIX_EPOCH + TimeDelta::minutes(59);
        let sending = mail(1, MailingStatus::Sending, 1);
        for stage in [Stage::Delivering, Stage::Delivered] {
            assert!(is_under_way(&stage, &sending, at));
            assert!(!is_under_way(&stage, &sending, at + TimeDelta::minutes(1)), "it has died");
        }
        assert!(!is_under_way(&Stage::Delivered, &mail(1, MailingStatus::Deferred, 1), at));
        let ori = |ori: &str| -> Ori { ori.parse().unwrap() };
        let mailings = [
            mail(1, MailingStatus::Sent, 1),
            mail(2, MailingStatus::Deferred, 3),
            mail(3, MailingStatus::Queued, 0),
            mail(4, MailingStatus::Sent, 1),
        ];
        let passed_on = [
            (Uuid::from_u128(2), ori("CA0560400")),
            (Uuid::from_u128(3), ori("CA0380100")),
            (Uuid::from_u128(4), ori("CA0560400")),
        ];
        let left = Left { mailings: &mailings, passed_on: &passed_on };
        assert_eq!(left.tried(), [ori("CA0560400")]);
        let nothing = Left { mailings: &[], passed_on: &[] };
        assert!(nothing.tried().is_empty() && nothing.sent().is_none());
    }

    #[test]
    fn the_stop_and_the_rule_say_the_same_place() {
        let core = crate::policy::builtin::load("2026-01-02T00:00:00Z".parse().unwrap()).unwrap();
        for breach in [Breach::Denied, Breach::Unconfirmed] {
            let finding = finding(breach);
            assert!(core.clause(&finding.clause).is_some());
            assert_eq!((finding.verdict, finding.field.as_str()), (Verdict::Hold, ""));
        }
    }
}
