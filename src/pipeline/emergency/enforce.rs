//! What follows from a duty that failed: the requester is suspended, the request stopped, an answer that has not left
//! called back. Once, whoever comes first: the person who recorded the denial, or the sweeper.

use chrono::{DateTime, Utc};

use super::{CLAUSE, suspension};
use crate::audit::AuditEvent;
use crate::domain::emergency::{Breach, DutyKind, breach};
use crate::domain::{Finding, RequestId, Role, Verdict};
use crate::lifecycle::{Resume, Stage, StageCode, stop};
use crate::messages::{AgencyEvent, Body, EventData, Message, Route};
use crate::pipeline::{Context, PipelineError, hold, sealed};
use crate::store::{
    Applied, Change, EmergencyStep, EmergencyWrite, Guard, MailingRow, MailingStatus,
    MailingUpdate, RequestRow,
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
    if mailings.iter().any(|mail| mail.status == MailingStatus::Sending)
        && row.stage == Stage::Delivering
    {
        return Ok(false);
    }
    let mut change = consequence(ctx, &row, (kind, breach), &mailings, now)?;
    if row.form.is_some() && row.data_key.is_some() {
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
    mailings: &[MailingRow],
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
        return Ok(too_late(ctx, row, kind, mailings, (finding(breach), event, now)));
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
    let waiting = mailings.iter().find(|mail| is_waiting(mail));
    if let Some(mail) = waiting {
        // One whose last answer was lost may have arrived; nobody can say that it did not.
        event = event.detail("mail", mail.status.into());
    }
    let told = (vec![finding(breach)], event);
    let mut change = hold::begin(ctx, row, Role::LocalAdministrator, resume, told)?;
    change.mailed = waiting.map(|mail| MailingUpdate {
        id: mail.id,
        status: MailingStatus::Refused,
        phase: mail.last_phase.clone(),
        code: Some(RECALLED.to_owned()),
        begins: false,
        at: now,
    });
    change.emergency.push(EmergencyWrite::Enforced(row.id, kind, now));
    Ok(change)
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

/// The answer has left, or the request is held or ended already: what can be said is put on record and told.
fn too_late(
    ctx: &Context,
    row: &RequestRow,
    kind: DutyKind,
    mailings: &[MailingRow],
    (finding, event, now): (Finding, impl Fn(&'static str) -> AuditEvent, DateTime<Utc>),
) -> Change {
    let sent = mailings.iter().find(|mail| mail.status == MailingStatus::Sent);
    let mut entry = match sent {
        Some(mail) => {
            event("recall.impossible").detail("delivered_at", &mail.updated_at.to_rfc3339())
        }
        None => event("emergency.failed"),
    };
    entry = entry.request(row.id).unit(&row.unit).agency(&row.ori);
    let mut change = Change::audited(vec![entry]);
    change.guard = Guard::Emergency(EmergencyStep::Enforce { request: row.id, kind, at: now });
    if sent.is_some() {
        change.outgoing.push(recall_notice(ctx, row, finding, now));
    }
    change
}

/// Tells the agency that an answer it has must not be used.
fn recall_notice(ctx: &Context, row: &RequestRow, finding: Finding, now: DateTime<Utc>) -> Message {
    let event = "recall_notice".to_owned();
    let state: StageCode = row.stage.code();
    let data =
        EventData { request: row.id, state, findings: vec![finding], outcome: None, waiting: None };
    Message::new(
        ctx.message_id(),
        now,
        Route::Agency { ori: row.ori.clone(), event: event.clone() },
        Body::AgencyEvent(AgencyEvent { ori: row.ori.clone(), event, data }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
