//! A reviewer takes a job, keeps it longer, hands it over, or gives it back.
//!
//! INVARIANT: a job has at most one claim; a step under an older token changes nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::examine::{by_person, refuse_unless_accepted, row_for};
use super::{Context, PipelineError, Refusal, dispatch, draft, sealed, standing, step, wording};
use crate::domain::{Account, AccountId, Form, GiveBackReason, PackId, Personal, RequestId, Role};
use crate::lifecycle::{Event, Lease, Stage, StageCode, deadline, next};
use crate::policy::conflict::conflict;
use crate::policy::queue_choice::PassedOver;
use crate::policy::{Facts, facts};
use crate::registry::Registry;
use crate::store::{Change, NewRecord, RecordKind, RequestRow, RequestUpdate};

/// How often a claim looks again when something else moved the request at the same moment.
const LOOKS: usize = 4;

/// A claim, and what its holder wrote on the job before.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The claim.
    pub lease: Lease,
    /// Where the job stands now.
    pub stage: StageCode,
    /// The holder's own drafts of this request, newest first.
    pub drafts: Vec<draft::Kept>,
}

/// Takes a job: a lease with a fencing token.
pub async fn claim(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<Claimed, PipelineError> {
    let mut looks = 1;
    let (lease, stage) = loop {
        match claim_once(ctx, person, request).await {
            Err(PipelineError::Refused(Refusal::Conflict { code: "moved_on", .. }))
                if looks < LOOKS =>
            {
                looks += 1;
            }
            claimed => break claimed?,
        }
    };
    let mut drafts = draft::list(ctx, person).await?;
    drafts.retain(|kept| kept.request == request);
    Ok(Claimed { lease, stage, drafts })
}

/// Pure: the packs that decide about a claim, and what they are asked.
pub(super) fn question(
    registry: &Registry,
    (row, form): (&RequestRow, &Form),
    person: &Account,
    now: DateTime<Utc>,
) -> (Vec<PackId>, Facts) {
    let reviewer = standing::reviewer(registry, row, form, person, now);
    (standing::packs(registry, row), facts::lease(&reviewer, now))
}

async fn claim_once(
    ctx: &Context,
    person: &Account,
    request: RequestId,
) -> Result<(Lease, StageCode), PipelineError> {
    let row = row_for(ctx, person, request).await?;
    let now = ctx.now();
    may_claim(&row.stage, person)?;
    let form = sealed::form_of(ctx, &row)?;
    let registry = ctx.registry().await?;
    not_under_another_account(&registry, &row.stage, person)?;
    let most = registry.unit(&row.unit).map_or(0, |unit| unit.desk.capacity());
    if ctx.store.claims_held(person.id).await? >= i64::from(most) {
        return Err(PipelineError::conflict(
            "capacity",
            format!(
                "you hold {most} jobs, as many as your unit lets one person hold; conclude one or give one back"
            ),
        ));
    }
    let (packs, facts) = question(&registry, (&row, &form), person, now);
    let decision = ctx.policies().await?.decide(&packs, &facts);
    refuse_unless_accepted(ctx, person, &row, &decision).await?;
    not_in_conflict(ctx, &row, &form, person).await?;
    let until = now + ctx.rules.lease;
    let lease = Lease { reviewer: person.id, token: row.fence + 1, until, since: now };
    let stage = next(&row.stage, Event::Claimed(lease))?;
    let mut update =
        RequestUpdate::stage(row.id, row.version, stage.clone(), now, Some(lease.until));
    update.fence = Some(lease.token);
    update.most_leases = Some(most.into());
    let event = by_person(person, "job.claimed", now, &row)
        .decision(&decision)
        .detail("token", &lease.token.to_string())
        .detail("stage", stage.code().as_str());
    let mut change = Change::update(update, vec![event]);
    if stage.code() == StageCode::Leased {
        change.outgoing.push(dispatch::told(ctx, &row, &stage, now));
    }
    step::apply_by_person(ctx, change).await?;
    Ok((lease, stage.code()))
}

/// Who takes part in the case, or said so, does not examine it.
async fn not_in_conflict(
    ctx: &Context,
    row: &RequestRow,
    form: &Form,
    person: &Account,
) -> Result<(), PipelineError> {
    if conflict(form, person).is_some() {
        return Err(PipelineError::forbidden(
            "conflict_of_interest",
            "this request concerns you or somebody close to you; another reviewer examines it",
        ));
    }
    if gave_back_for_good(ctx, row).await?.contains(&person.id) {
        return Err(PipelineError::forbidden(
            "gave_back",
            "you gave this job back for a reason that stays; another reviewer examines it",
        ));
    }
    Ok(())
}

/// Who gave the job back for a reason that stays.
pub(super) async fn gave_back_for_good(
    ctx: &Context,
    row: &RequestRow,
) -> Result<Vec<AccountId>, PipelineError> {
    let mut authors = Vec::new();
    for record in ctx.store.records(row.id).await? {
        if record.kind != RecordKind::GiveBack {
            continue;
        }
        let back: GiveBack = sealed::open_record(ctx, &sealed::key_of(ctx, row)?, &record)?;
        if back.reason.is_final() {
            authors.push(record.author);
        }
    }
    Ok(authors)
}

/// Pure: the role that the stage wants, and nobody twice.
fn may_claim(stage: &Stage, person: &Account) -> Result<(), PipelineError> {
    let mut wanted = Role::Reviewer;
    if let Stage::AdjudicationDue { first, second } = stage {
        not_twice(person, &[*first, *second])?;
        wanted = Role::Adjudicator;
    } else if let Stage::Examined { first } = stage {
        not_twice(person, &[*first])?;
    }
    if let Some(lease) = stage.lease() {
        return Err(PipelineError::conflict(
            "leased",
            if lease.reviewer == person.id {
                "you hold this job already; conclude it or give it back"
            } else {
                "another reviewer holds this job; take the next one of the queue"
            },
        ));
    }
    if person.role == wanted {
        return Ok(());
    }
    Err(PipelineError::forbidden(
        "role",
        format!("this step is for the role `{}`", <&'static str>::from(wanted)),
    ))
}

/// Pure: nobody twice, whatever the accounts.
fn not_under_another_account(
    registry: &Registry,
    stage: &Stage,
    person: &Account,
) -> Result<(), PipelineError> {
    let earlier = if let Stage::AdjudicationDue { first, second } = stage {
        vec![*first, *second]
    } else if let Stage::Examined { first } = stage {
        vec![*first]
    } else {
        Vec::new()
    };
    if standing::is_one_of(registry, person, &earlier) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "the same person examined this request under another account; somebody else must do this step, or the \
             administrator gives both accounts a `person` of their own in the registry (CORE-SEPARATION)",
        ));
    }
    Ok(())
}

fn not_twice(person: &Account, earlier: &[AccountId]) -> Result<(), PipelineError> {
    if earlier.contains(&person.id) {
        return Err(PipelineError::forbidden(
            "separation_of_duties",
            "you examined this request before; somebody else must do this step (CORE-SEPARATION)",
        ));
    }
    Ok(())
}

/// Pure: the claim under which the person holds the job now. One that ran out is none, whether or not the sweeper has
/// ended it.
pub fn held_by(
    stage: &Stage,
    person: AccountId,
    (token, now): (i64, DateTime<Utc>),
) -> Option<Lease> {
    let own = |lease: &&Lease| lease.reviewer == person && lease.token == token;
    stage.lease().filter(own).filter(|lease| now < lease.until).copied()
}

fn held(
    row: &RequestRow,
    person: &Account,
    (token, now): (i64, DateTime<Utc>),
) -> Result<Lease, PipelineError> {
    let lease = held_by(&row.stage, person.id, (token, now));
    lease.ok_or_else(|| {
        PipelineError::conflict(
            "lease_lost",
            "your claim on this job ended; claim it again and go on with the new token",
        )
    })
}

/// Keeps a job for another period, up to the most that a claim may hold in all.
pub async fn renew(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    token: i64,
) -> Result<Lease, PipelineError> {
    let row = row_for(ctx, person, request).await?;
    let now = ctx.now();
    let lease = held(&row, person, (token, now))?;
    let until = (now + ctx.rules.lease).min(lease.since + ctx.rules.lease_most);
    if until <= lease.until {
        return Err(PipelineError::conflict(
            "lease_limit",
            "this claim holds as long as a claim may; conclude in time, hand the job over, or give it back",
        ));
    }
    let lease = Lease { until, ..lease };
    let stage = next(&row.stage, Event::Renewed(lease))?;
    let update = RequestUpdate::stage(row.id, row.version, stage, now, Some(lease.until));
    let event =
        by_person(person, "job.renewed", now, &row).detail("token", &lease.token.to_string());
    step::apply_by_person(ctx, Change::update(update, vec![event])).await?;
    Ok(lease)
}

/// Offers the job to a named colleague, under the conditions of every offer.
pub async fn hand_over(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    (token, to): (i64, &str),
) -> Result<(), PipelineError> {
    let row = row_for(ctx, person, request).await?;
    held(&row, person, (token, ctx.now()))?;
    if row.stage.code() != StageCode::Leased {
        return Err(PipelineError::conflict(
            "state",
            "only a first examination is handed over; who reviews second is not chosen by a reviewer: give it back",
        ));
    }
    let registry = ctx.registry().await?;
    let other = registry
        .entry_by_login(to)
        .map(|entry| &entry.account)
        .filter(|other| other.unit == person.unit && other.id != person.id);
    let not_eligible = |why: &str| {
        PipelineError::conflict(
            "not_eligible",
            format!("this person cannot take the job ({why}); name another one, or give it back"),
        )
    };
    let other = other.ok_or_else(|| not_eligible("no other reviewer of your unit"))?;
    let form = sealed::form_of(ctx, &row)?;
    if let Some(why) = dispatch::refuses(ctx, &registry, (&row, &form), other.id).await? {
        let why = match why {
            // What keeps a colleague from a case is the colleague's own affair.
            PassedOver::Excluded(_) => "excluded",
            why @ (PassedOver::OffDuty | PassedOver::NotQualified | PassedOver::Full) => why.code(),
        };
        return Err(not_eligible(why));
    }
    let now = ctx.now();
    let stage = next(&row.stage, Event::HandedOver { reviewer: other.id })?;
    let until = deadline(&stage, now, &ctx.rules.terms);
    let event = by_person(person, "job.handed_over", now, &row).detail("to", &other.id.to_string());
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let mut change = Change::update(update, vec![event]);
    change.outgoing.push(dispatch::announce(ctx, &row, now));
    change.outgoing.push(dispatch::told(ctx, &row, &stage, now));
    step::apply_by_person(ctx, change).await
}

/// Why a job is given back, as kept with the case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveBack {
    /// Code.
    pub reason: GiveBackReason,
    /// In the reviewer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Personal<String>>,
}

/// Gives a job back; it is not offered to the person again.
pub async fn give_back(
    ctx: &Context,
    person: &Account,
    request: RequestId,
    (token, back): (i64, GiveBack),
) -> Result<(), PipelineError> {
    let row = row_for(ctx, person, request).await?;
    let now = ctx.now();
    held(&row, person, (token, now))?;
    wording::refuse_claims(ctx, &back).await?;
    let id = ctx.ids.id();
    let key = sealed::key_of(ctx, &row)?;
    let event = by_person(person, "job.given_back", now, &row)
        .detail("reason", back.reason.into())
        .detail("token", &token.to_string());
    let mut change = ended(ctx, &row, event)?;
    change.records.push(NewRecord {
        id,
        request: row.id,
        kind: RecordKind::GiveBack,
        author: person.id,
        at: now,
        sealed: sealed::seal_record(ctx, id, &key, &back)?,
    });
    step::apply_by_person(ctx, change).await
}

/// The change that ends a claim, so that the job waits for another; the unit's tools and the agency are told.
pub fn ended(
    ctx: &Context,
    row: &RequestRow,
    event: crate::audit::AuditEvent,
) -> Result<Change, PipelineError> {
    let now = ctx.now();
    let happened = if row.stage.lease().is_some() { Event::LeaseEnded } else { Event::Queued };
    let stage = next(&row.stage, happened)?;
    let until = deadline(&stage, now, &ctx.rules.terms);
    let update = RequestUpdate::stage(row.id, row.version, stage.clone(), now, until);
    let mut change = Change::update(update, vec![event]);
    change.outgoing.push(dispatch::announce(ctx, row, now));
    if row.stage.code() == StageCode::Leased {
        change.outgoing.push(dispatch::told(ctx, row, &stage, now));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_claim_is_held_by_one_person_under_one_token_until_it_ends() {
        let (reviewer, other) =
            (AccountId::new(Uuid::from_u128(1)), AccountId::new(Uuid::from_u128(2)));
        let since = DateTime::UNIX_EPOCH;
        let until = since + TimeDelta::hours(1);
        let lease = Lease { reviewer, token: 7, until, since };
        let stage = Stage::Leased { lease };
        assert_eq!(held_by(&stage, reviewer, (7, since)), Some(lease));
        assert_eq!(held_by(&stage, reviewer, (6, since)), None);
        assert_eq!(held_by(&stage, other, (7, since)), None);
        assert_eq!(held_by(&stage, reviewer, (7, until)), None, "the moment it ends");
        assert_eq!(held_by(&Stage::Queued, reviewer, (7, since)), None);
    }
}
