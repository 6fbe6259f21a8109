//! Known-answer jobs: the unit tests its own examiners with cases whose answer its administrator knows.
//!
//! A test runs through every stage and gate of a request, so that nobody who works on it can tell. After the release it
//! stays in the unit: nothing is sealed, nothing is mailed, no agency hears of it, and each person's conclusion is compared
//! with the expected answer. Only the unit's administrators and auditors read what came of it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::examine::ExaminationRecord;
use super::{Context, PipelineError, dispatch, sealed};
use crate::audit::{Actor, AuditEvent};
use crate::domain::known_answer::{ExaminationStep, Scored, Tally, compare, tallies};
use crate::domain::{Account, AccountId, RequestId, UnitId};
use crate::lifecycle::{Event, StageCode, next};
use crate::messages::EventData;
use crate::registry::Registry;
use crate::store::{
    Change, KnownAnswerRow, KnownAnswerWrite, RecordKind, RecordRow, RequestRow, RequestUpdate,
};

/// Most tests that are read at once, the newest.
const MOST: i64 = 1_000;

/// One test, as its unit's administrator reads it.
#[derive(Debug, Serialize)]
pub struct Case {
    /// The request.
    pub request: RequestId,
    /// Who injected it.
    pub injected_by: AccountId,
    /// When.
    pub injected_at: DateTime<Utc>,
    /// Where the request stands.
    pub state: StageCode,
    /// Each person's share; none while the request is open.
    pub conclusions: Vec<Scored>,
}

/// What the tests of a unit came to.
#[derive(Debug, Serialize)]
pub struct Results {
    /// The unit.
    pub unit: UnitId,
    /// Each test, newest first.
    pub cases: Vec<Case>,
    /// Each person, in the order of the accounts' ids.
    pub people: Vec<Tally>,
}

/// The change that ends a released test in the unit.
pub(super) async fn kept(
    ctx: &Context,
    row: &RequestRow,
    case: &KnownAnswerRow,
) -> Result<Change, PipelineError> {
    let now = ctx.now();
    let stage = next(&row.stage, Event::KeptInUnit)?;
    let scored = score(ctx, row, case).await?;
    let event = ctx
        .event("respond", "known_answer.kept", now)
        .request(row.id)
        .unit(&row.unit)
        .detail("mailed", "no")
        .detail("conclusions", &scored.len().to_string());
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, None);
    let mut change = Change::update(update, vec![event]);
    change.known_answer = Some(KnownAnswerWrite::Concluded {
        request: row.id,
        result: ctx.vault.seal_known_answer(ctx.ids.as_ref(), row.id, &scored)?,
        at: now,
    });
    // The store sends none of a test's events anywhere; this one stops the service clock.
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

/// Pure: the step of a record that counts.
fn step_of(kind: RecordKind) -> Option<ExaminationStep> {
    match kind {
        RecordKind::Examination => Some(ExaminationStep::First),
        RecordKind::SecondReview => Some(ExaminationStep::Second),
        RecordKind::Adjudication => Some(ExaminationStep::Adjudication),
        RecordKind::Release
        | RecordKind::HoldDecision
        | RecordKind::Withdrawal
        | RecordKind::Waiver
        | RecordKind::Draft
        | RecordKind::GiveBack
        | RecordKind::CallBack
        | RecordKind::Confirmation
        | RecordKind::SuspensionLift
        | RecordKind::LegalHold
        | RecordKind::Dissemination => None,
    }
}

/// Compares what each person concluded with the expected answer. Whoever is also the person who injected the test knew it.
async fn score(
    ctx: &Context,
    row: &RequestRow,
    case: &KnownAnswerRow,
) -> Result<Vec<Scored>, PipelineError> {
    let key = sealed::key_of(ctx, row)?;
    let expected = sealed::open_expected(ctx, &key, case)?;
    let registry = ctx.registry().await?;
    let mut all = Vec::new();
    for record in ctx.store.records(row.id).await? {
        let Some(step) = step_of(record.kind) else { continue };
        if knew_it(&registry, case, &record) {
            continue;
        }
        let ExaminationRecord { examination, .. } = sealed::open_record(ctx, &key, &record)?;
        all.push(Scored {
            account: record.author,
            step,
            comparison: compare(&expected, &examination),
            at: record.written_at,
        });
    }
    Ok(all)
}

/// Pure: whether one human injected the test and examined it under another account.
fn knew_it(registry: &Registry, case: &KnownAnswerRow, record: &RecordRow) -> bool {
    let people = (registry.account(case.by), registry.account(record.author));
    matches!(people, (Some(one), Some(other)) if one.is_same_person(other))
}

/// What the unit's tests came to. Reading it is recorded; the caller has asked for the role.
pub async fn results(ctx: &Context, person: &Account) -> Result<Results, PipelineError> {
    let rows = ctx.store.known_answers(&person.unit, MOST).await?;
    // INVARIANT: no audit record, no read (LACRIS-AUD-2).
    let event =
        AuditEvent::new(ctx.now(), Actor::Person { account: person.id }, "known_answers.read")
            .unit(&person.unit)
            .clause("LACRIS-AUD-2")
            .detail("number", &rows.len().to_string());
    let _ = ctx.store.apply(Change::audited(vec![event])).await?;
    let mut cases = Vec::with_capacity(rows.len());
    for row in rows {
        cases.push(opened(ctx, row).await?);
    }
    let all: Vec<Scored> = cases.iter().flat_map(|case| case.conclusions.iter().copied()).collect();
    Ok(Results { unit: person.unit.clone(), cases, people: tallies(&all) })
}

async fn opened(ctx: &Context, case: KnownAnswerRow) -> Result<Case, PipelineError> {
    let row = ctx.store.request(case.request).await?;
    let row = row.ok_or(PipelineError::Inconsistent("a known answer's request"))?;
    let conclusions = if let Some(result) = &case.result {
        ctx.vault.open_known_answer(case.request, result)?
    } else if row.stage.is_open() || row.data_key.is_none() {
        Vec::new()
    } else {
        // It ended without a release: expired, or a hold was refused. What was concluded before counts.
        score(ctx, &row, &case).await?
    };
    Ok(Case {
        request: case.request,
        injected_by: case.by,
        injected_at: case.injected_at,
        state: row.stage.code(),
        conclusions,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn account(number: u128, name: &str, person: Option<&str>) -> Value {
        json!({
            "account": {
                "id": format!("p-{number:032x}"), "login": format!("sample{number}"), "name": name, "person": person,
                "unit": "lacris", "role": "reviewer", "active": true, "credentials": [],
            },
            "token_sha256": null, "password_argon2": null, "totp_secret": null,
        })
    }

    #[test]
    fn who_injected_a_test_does_not_take_it_under_another_account() {
        let registry: Registry = serde_json::from_value(json!({
            "units": [], "agencies": [],
            "accounts": [
                account(1, "Casey Sample", Some("h-1")),
                account(2, "C. Sample", Some("h-1")),
                account(3, "Robin Sample", Some("h-2")),
            ],
        }))
        .unwrap();
        let id = |number: u128| AccountId::new(Uuid::from_u128(number));
        let at = DateTime::UNIX_EPOCH;
        let case = KnownAnswerRow {
            request: RequestId::new(Uuid::from_u128(1)),
            unit: "lacris".parse().unwrap(),
            by: id(1),
            injected_at: at,
            expected: None,
            result: None,
            concluded_at: None,
        };
        let record = |author: u128| RecordRow {
            id: Uuid::from_u128(9),
            kind: RecordKind::Examination,
            author: id(author),
            written_at: at,
            sealed: None,
        };
        let knew: Vec<bool> = (1..=4).map(|n| knew_it(&registry, &case, &record(n))).collect();
        assert_eq!(knew, [true, true, false, false]);
    }
}
