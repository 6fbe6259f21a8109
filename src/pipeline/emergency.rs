//! An imminent threat is served at once, and owes two things for it: a call-back to the number in the registry, and a
//! supervisor's confirmation. Urgency never skips proof; it only lets the proof come after.

pub mod enforce;
pub mod remind;
pub mod suspension;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::read::{self, Wanted};
use super::{Context, PipelineError, Refusal, examine, sealed, standing, step, wording};
use crate::audit::{Actor, AuditEvent};
use crate::domain::emergency::{Duty, DutyKind, DutyOutcome, EmergencyState, state};
use crate::domain::plain_text::{letters, same_name};
use crate::domain::{
    Account, AccountId, Agency, Form, Lane, PageCause, Personal, RequestId, Role, ShapeError,
};
use crate::policy::facts::{Content, Purpose};
use crate::store::{
    Change, DutyRow, EmergencyStep, EmergencyWrite, Guard, NewDuty, NewPage, NewRecord, PageChange,
    RecordKind, RequestRow,
};

/// The clause of everything here.
pub const CLAUSE: &str = "CORE-EMERGENCY";

/// Who may call an agency back: everybody of the unit but who only reads the log.
pub const CALLERS: [Role; 4] =
    [Role::Reviewer, Role::Adjudicator, Role::ReleaseAuthority, Role::LocalAdministrator];

/// One attempt to call the agency back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallBack {
    /// What it came to.
    pub outcome: DutyOutcome,
    /// Who answered; nobody when not reached.
    #[serde(default)]
    pub spoke_to_name: Option<Personal<String>>,
    /// What was said.
    #[serde(default)]
    pub note: Option<Personal<String>>,
}

/// A supervisor's word for an emergency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Printed name.
    pub name: Personal<String>,
    /// Rank or office.
    pub title: Personal<String>,
    /// What is confirmed, in the supervisor's words.
    pub statement: Personal<String>,
}

/// A recorded attempt.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Who called, for those to whom that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// When.
    pub at: DateTime<Utc>,
    /// What it came to.
    #[serde(flatten)]
    pub call: CallBack,
}

impl Attempt {
    /// Who examines is shown of others' calls only when they were and what they came to: a free text of the first reviewer
    /// could tell the second what was found (CORE-BLIND).
    fn show_to(&mut self, person: &Account) {
        let examines = matches!(person.role, Role::Reviewer | Role::Adjudicator);
        if examines && self.account != Some(person.id) {
            self.account = None;
            self.call.spoke_to_name = None;
            self.call.note = None;
        }
    }
}

/// What somebody needs in order to call.
#[derive(Debug, Clone)]
pub struct CallSheet {
    /// The request.
    pub row: RequestRow,
    /// Its duties.
    pub duties: Vec<Duty>,
    /// The agency's name.
    pub agency_name: String,
    /// The number in the registry; never the form's.
    pub call_back: Option<String>,
    /// The form, to ask about.
    pub form: Form,
    /// The attempts so far.
    pub attempts: Vec<Attempt>,
}

/// Starts the duties of an imminent threat in the change that takes it in.
pub fn begin(ctx: &Context, row: &RequestRow, change: &mut Change, now: DateTime<Utc>) {
    if row.lane != Lane::Threat {
        return;
    }
    let due_at = row.received_at + ctx.rules.terms.emergency;
    let duty = |kind| {
        EmergencyWrite::Begin(NewDuty { request: row.id, kind, unit: row.unit.clone(), due_at })
    };
    change.emergency.extend([duty(DutyKind::CallBack), duty(DutyKind::Confirmation)]);
    change.pages.push(PageChange::Opened(NewPage {
        request: row.id,
        unit: row.unit.clone(),
        lane: row.lane,
        cause: PageCause::EmergencyBegun,
        at: now,
    }));
    let event = ctx
        .event("check", "emergency.begun", now)
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause(CLAUSE)
        .detail("due_at", &due_at.to_rfc3339());
    change.audit.push(event);
}

/// Where the duties of a request stand, for the gates.
pub async fn state_of(
    ctx: &Context,
    row: &RequestRow,
    now: DateTime<Utc>,
) -> Result<EmergencyState, PipelineError> {
    if row.lane != Lane::Threat {
        return Ok(EmergencyState::None);
    }
    Ok(state(&ctx.store.duties_of(row.id).await?, now))
}

/// Open duties of the person's unit, what is due first first.
pub async fn open(ctx: &Context, person: &Account) -> Result<Vec<DutyRow>, PipelineError> {
    Ok(ctx.store.open_duties(&person.unit, 1_000).await?)
}

/// What the person needs in order to call. The reading is recorded.
pub async fn call_sheet(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<CallSheet, PipelineError> {
    let row = examine::row_for(ctx, person, request).await?;
    let duties = ctx.store.duties_of(request).await?;
    if duties.is_empty() {
        return Err(PipelineError::not_found());
    }
    let wanted = Wanted { content: Content::CallSheet, action: "emergency.read", which: "" };
    let purpose = if CALLERS.contains(&person.role) { Purpose::CallBack } else { Purpose::None };
    read::allow_for(ctx, person, &row, wanted, purpose).await?;
    let agency = standing::agency(&*ctx.registry().await?, &row);
    let form = sealed::form_of(ctx, &row)?;
    let mut attempts = attempts(ctx, &row).await?;
    for attempt in &mut attempts {
        attempt.show_to(person);
    }
    let (agency_name, call_back) = (agency.name, agency.call_back);
    Ok(CallSheet { row, duties, agency_name, call_back, form, attempts })
}

async fn attempts(ctx: &Context, row: &RequestRow) -> Result<Vec<Attempt>, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let records = ctx.store.records(row.id).await?;
    let calls = records.iter().filter(|record| record.kind == RecordKind::CallBack);
    calls
        .map(|record| {
            let call = sealed::open_record(ctx, &key, record)?;
            Ok(Attempt { account: Some(record.author), at: record.written_at, call })
        })
        .collect()
}

/// Pure: what is missing in a call-back.
fn faults_of_call(call: &CallBack) -> Vec<ShapeError> {
    let named = call.spoke_to_name.as_ref().is_some_and(|name| letters(name.expose()) >= 2);
    if named || call.outcome == DutyOutcome::NotReached {
        return Vec::new();
    }
    let message =
        "expected the name of the person who answered; ask for it, or record `not_reached`";
    vec![ShapeError::new("field_missing", "/spoke_to_name", message)]
}

/// Records an attempt to call the agency back.
pub async fn call_back(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    call: CallBack,
) -> Result<Vec<Duty>, PipelineError> {
    let row = examine::row_for(ctx, person, request).await?;
    if !CALLERS.contains(&person.role) {
        return Err(PipelineError::forbidden("role", "the auditor reads the log and calls nobody"));
    }
    let faults = faults_of_call(&call);
    if !faults.is_empty() {
        return Err(PipelineError::Refused(Refusal::Shape(faults)));
    }
    wording::refuse_claims(ctx, &call).await?;
    if standing::is_requester(&sealed::form_of(ctx, &row)?, person) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "you are the requester; somebody else must call the agency back (CORE-SEPARATION)",
        ));
    }
    let registry = ctx.registry().await?;
    if standing::agency(&registry, &row).call_back.is_none() {
        return Err(PipelineError::conflict(
            "call_back_missing",
            "the registry has no call-back number of this agency; have it verified and imported, and never call the form's number",
        ));
    }
    let event = |now| {
        examine::by_person(person, "emergency.call_back", now, &row)
            .agency(&row.ori)
            .clause(CLAUSE)
            .detail("outcome", call.outcome.into())
    };
    let about = (DutyKind::CallBack, call.outcome, RecordKind::CallBack, person.id);
    attempted(ctx, &row, about, &call, event(ctx.now())).await?;
    if call.outcome == DutyOutcome::Denied
        && let Err(error) = enforce::one(ctx, request).await
    {
        // The record stands; the sweeper draws the consequence.
        tracing::warn!(request = %request, error = %error, "stop an emergency that was denied");
    }
    Ok(ctx.store.duties_of(request).await?)
}

/// Pure: what is missing in a confirmation.
fn faults_of_confirmation(confirmation: &Confirmation, form: &Form) -> Vec<ShapeError> {
    let mut faults = Vec::new();
    for (member, text, least) in [
        ("name", &confirmation.name, 2),
        ("title", &confirmation.title, 2),
        ("statement", &confirmation.statement, 10),
    ] {
        if letters(text.expose()) < least {
            let message = format!("expected at least {least} letters");
            faults.push(ShapeError::new("too_short", format!("/{member}"), message));
        }
    }
    let requester = &form.requester.name;
    if same_name(confirmation.name.expose(), requester.expose()) {
        let message =
            "the requester cannot confirm the own emergency; have a supervisor confirm it";
        faults.push(ShapeError::new("same_person", "/name", message));
    }
    faults
}

/// Records the confirmation by a supervisor of the agency.
pub async fn confirm(
    ctx: &Context,
    agency: &Agency,
    request: RequestId,
    confirmation: Confirmation,
) -> Result<Vec<Duty>, PipelineError> {
    let row = read::own(ctx, agency, request).await?;
    let form = sealed::form_of(ctx, &row)?;
    let faults = faults_of_confirmation(&confirmation, &form);
    if !faults.is_empty() {
        return Err(PipelineError::Refused(Refusal::Shape(faults)));
    }
    let actor = Actor::Agency { ori: agency.ori.clone() };
    let event = AuditEvent::new(ctx.now(), actor, "emergency.confirmed")
        .request(row.id)
        .unit(&row.unit)
        .agency(&row.ori)
        .clause(CLAUSE);
    // An agency vouches for its people and has no account of its own: the nil account stands for it.
    let author = AccountId::new(uuid::Uuid::nil());
    let about = (DutyKind::Confirmation, DutyOutcome::Confirmed, RecordKind::Confirmation, author);
    attempted(ctx, &row, about, &confirmation, event).await?;
    Ok(ctx.store.duties_of(request).await?)
}

/// The sealed record, the audit entry and the duty's outcome, in one transaction.
async fn attempted<T: Serialize>(
    ctx: &Context,
    row: &RequestRow,
    (kind, outcome, record, author): (DutyKind, DutyOutcome, RecordKind, AccountId),
    particulars: &T,
    event: AuditEvent,
) -> Result<(), PipelineError> {
    let duties = ctx.store.duties_of(row.id).await?;
    let open = duties.iter().any(|duty| duty.kind == kind && duty.done_at.is_none());
    if !open {
        return Err(PipelineError::conflict(
            "state",
            "this request has no such duty that is open; read its duties",
        ));
    }
    let (now, id) = (ctx.now(), ctx.ids.id());
    let step = EmergencyStep::Attempt { request: row.id, kind, outcome, at: now };
    let mut change = Change::audited(vec![event]);
    change.guard = Guard::Emergency(step);
    let sealed = sealed::seal_record(ctx, id, &sealed::key_of(ctx, row)?, particulars)?;
    change.records.push(NewRecord { id, request: row.id, kind: record, author, at: now, sealed });
    step::apply_by_person(ctx, change).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Personal<String> {
        Personal::new(text.to_owned())
    }

    #[test]
    fn whoever_answered_is_named_unless_nobody_did() {
        let call = |outcome, name: Option<&str>| CallBack {
            outcome,
            spoke_to_name: name.map(text),
            note: None,
        };
        for outcome in [DutyOutcome::Confirmed, DutyOutcome::Denied] {
            assert!(faults_of_call(&call(outcome, Some("Desk Sample"))).is_empty());
            for name in [None, Some(""), Some(" 7 ")] {
                assert_eq!(faults_of_call(&call(outcome, name))[0].pointer, "/spoke_to_name");
            }
        }
        assert!(faults_of_call(&call(DutyOutcome::NotReached, None)).is_empty());
    }

    #[test]
    fn a_supervisor_is_another_person_than_the_requester() {
        let example = include_str!("../../tests/data/forms/search_request.v1.example.json");
        let form: Form = serde_json::from_str(example).unwrap();
        let confirmation = |name: &str| Confirmation {
            name: text(name),
            title: text("Sergeant"),
            statement: text("The child is missing since noon."),
        };
        let faults = |name: &str| -> Vec<String> {
            let faults = faults_of_confirmation(&confirmation(name), &form);
            faults.into_iter().map(|fault| fault.code).collect()
        };
        assert_eq!(faults("Sam Supervisor"), Vec::<String>::new());
        let requester = form.requester.name.expose();
        let (given, family) = requester.split_once(' ').unwrap();
        let turned = format!("{family}, {given}");
        for same in [requester.clone(), requester.to_uppercase(), format!(" {requester}. "), turned]
        {
            assert_eq!(faults(&same), ["same_person"], "{same}");
        }
        assert_eq!(faults("7"), ["too_short"]);
    }
}
