//! The service clock of a request: when its answer is due, why then, and who is told.

use chrono::{DateTime, Utc};

use super::{Context, PipelineError, dispatch};
use crate::domain::{Lane, PageCause, UnitId};
use crate::lifecycle::{Passage, ServiceClock, Threshold, look, service_clock};
use crate::messages::{AgencyEvent, Body, EventData, Message, Route};
use crate::registry::Registry;
use crate::store::{
    Change, ClockLook, ClockRow, Guard, NewClock, NewPage, PageChange, RequestRow, StoredEvent,
};

/// Clauses of holds that only the requesting agency can mend: its standing, its agreement, its key, its mailbox.
const AGENCY_MENDS: [&str; 4] =
    ["CORE-STANDING", "CORE-AGREEMENT", "CORE-CLEAR", "CORE-UNDELIVERED"];

/// The clock of a request that arrives now. `None`: the unit has no target for the lane.
pub fn begun(
    registry: &Registry,
    unit: &UnitId,
    lane: Lane,
    now: DateTime<Utc>,
) -> Option<NewClock> {
    let terms = registry.unit(unit)?.service.as_ref()?;
    let clock = service_clock(terms, lane, now, &[])?;
    let look_at = look(&clock, None, now).next?;
    Some(NewClock { due_at: clock.due_at, look_at })
}

/// Pure: the states that a request came to, as its agency was told.
fn passages(messages: &[StoredEvent]) -> Vec<Passage> {
    let told = messages.iter().filter_map(|message| match &message.body {
        Body::AgencyEvent(event) => Some((message.at, event)),
        Body::CheckSearchRequest { .. }
        | Body::DispatchSearchRequest { .. }
        | Body::RespondSearchRequest { .. }
        | Body::DeliverAnswer { .. }
        | Body::JobWaiting { .. } => None,
    });
    // An event of another name says something of the state that the request is in already.
    told.filter(|(_, event)| event.event == event.data.state.as_str())
        .map(|(at, event)| {
            let findings = &event.data.findings;
            let of_agency = |clause: &str| AGENCY_MENDS.contains(&clause);
            let waits = event.data.state == crate::lifecycle::StageCode::Held
                && !findings.is_empty()
                && findings.iter().all(|finding| of_agency(&finding.clause));
            Passage { at, state: event.data.state, waits_for_agency: waits }
        })
        .collect()
}

/// The clock of a request as it stands, by all that happened to it. `None`: the unit has no target for its lane.
pub async fn clock_of(
    ctx: &Context,
    registry: &Registry,
    row: &RequestRow,
) -> Result<Option<ServiceClock>, PipelineError> {
    let Some(terms) = registry.unit(&row.unit).and_then(|unit| unit.service.as_ref()) else {
        return Ok(None);
    };
    let messages = ctx.store.messages_of(row.id).await?;
    Ok(service_clock(terms, row.lane, row.received_at, &passages(&messages)))
}

/// Looks at a clock whose time has come: tells what is to be told, once, and says when to look again.
pub async fn look_at(ctx: &Context, seen: ClockRow) -> Result<(), PipelineError> {
    let now = ctx.now();
    let row = ctx
        .store
        .request(seen.request)
        .await?
        .ok_or(PipelineError::Inconsistent("a service clock"))?;
    let registry = ctx.registry().await?;
    let clock = clock_of(ctx, &registry, &row).await?;
    let change = looked(ctx, &row, seen, clock.as_ref(), now);
    // Somebody else looked meanwhile: it is told.
    let _ = ctx.store.apply(change).await?;
    Ok(())
}

fn looked(
    ctx: &Context,
    row: &RequestRow,
    seen: ClockRow,
    clock: Option<&ServiceClock>,
    now: DateTime<Utc>,
) -> Change {
    let found = clock.map(|clock| look(clock, seen.told, now));
    let written = ClockLook {
        seen,
        due_at: clock.and_then(|clock| clock.due_at),
        look_at: found.and_then(|found| found.next),
        told: found.map_or(seen.told, |found| found.told),
    };
    let mut change = Change::audited(Vec::new());
    change.guard = Guard::Look(Box::new(written));
    let Some(threshold) = found.and_then(|found| found.tell) else { return change };
    let action = match threshold {
        Threshold::Reminder => "service.reminder",
        Threshold::Overdue => "service.overdue",
    };
    let mut event = ctx
        .event("sweep", action, now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .detail("stage", row.stage.code().as_str())
        .detail("lane", row.lane.into());
    if let Some(due_at) = written.due_at {
        event = event.detail("due_at", &due_at.to_rfc3339());
    }
    change.audit.push(event);
    let cause = match threshold {
        Threshold::Reminder => PageCause::ServiceDue,
        Threshold::Overdue => PageCause::ServiceOverdue,
    };
    let (request, unit, lane) = (row.id, row.unit.clone(), row.lane);
    change.pages.push(PageChange::Opened(NewPage { request, unit, lane, cause, at: now }));
    if threshold == Threshold::Overdue {
        // What is overdue is not due any more.
        change.pages.push(PageChange::Over { request, cause: PageCause::ServiceDue, at: now });
        change.outgoing.push(overdue(ctx, row, now));
    }
    change
}

/// The agency is told that its answer is late, and where the request stands.
fn overdue(ctx: &Context, row: &RequestRow, now: DateTime<Utc>) -> Message {
    let event = "overdue".to_owned();
    let state = dispatch::for_agencies(row.stage.code());
    let data =
        EventData { request: row.id, state, findings: Vec::new(), outcome: None, waiting: None };
    Message::new(
        ctx.message_id(),
        now,
        Route::Agency { ori: row.ori.clone(), event: event.clone() },
        Body::AgencyEvent(AgencyEvent { ori: row.ori.clone(), event, data }),
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Finding, MessageId, Ori, RequestId, Verdict};
    use crate::lifecycle::StageCode;

    fn told(event: &str, state: StageCode, clauses: &[&str]) -> StoredEvent {
        let finding = |clause: &&str| Finding {
            clause: (*clause).to_owned(),
            pack: "core".to_owned(),
            verdict: Verdict::Hold,
            field: String::new(),
            message: String::new(),
            remedy: String::new(),
        };
        let ori: Ori = "CA0194200".parse().unwrap();
        let request = RequestId::new(Uuid::from_u128(1));
        let findings = clauses.iter().map(finding).collect();
        let data = EventData { request, state, findings, outcome: None, waiting: None };
        StoredEvent {
            id: MessageId::new(Uuid::from_u128(2)),
            at: DateTime::UNIX_EPOCH,
            route: Route::Agency { ori: ori.clone(), event: event.to_owned() },
            body: Body::AgencyEvent(AgencyEvent { ori, event: event.to_owned(), data }),
        }
    }

    #[test]
    fn a_hold_waits_for_the_agency_when_it_alone_can_mend_it() {
        for (clauses, waits) in [
            (&["CORE-AGREEMENT"][..], true),
            (&["CORE-STANDING", "CORE-AGREEMENT"], true),
            (&["CORE-WORDS"], false),
            (&["CORE-AGREEMENT", "CORE-WORDS"], false),
            (&[], false),
        ] {
            let log = passages(&[told("held", StageCode::Held, clauses)]);
            assert_eq!(log[0].waits_for_agency, waits, "{clauses:?}");
        }
        let log = [
            told("overdue", StageCode::Queued, &[]),
            told("accepted", StageCode::Accepted, &["CORE-AGREEMENT"]),
        ];
        let found = passages(&log);
        assert_eq!(found.len(), 1, "an event that is no change of state counts as none");
        assert!(!found[0].waits_for_agency);
    }
}
