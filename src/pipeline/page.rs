//! A page's own steps: who is told next, what became of telling them, who has seen it.
//!
//! A page is opened and ended with its request's stage, by the store; see [`crate::paging`].

use chrono::{DateTime, TimeDelta, Utc};

use super::{Context, PipelineError, lease, sealed, standing};
use crate::audit::{Actor, AuditEvent};
use crate::domain::{Account, AccountId, EscalationPolicy, PageAttemptId, PageId, Role, UnitId};
use crate::paging::{Due, PageState, Reach, Standing, Target, due, send_at};
use crate::policy::conflict::conflict;
use crate::registry::Registry;
use crate::store::{
    Applied, AttemptStatus, AttemptUpdate, Change, ClaimedAttempt, Guard, NewAttempt, PageChange,
    PageRow, PageUpdate, RequestRow,
};
use crate::telemetry::name;

/// After each try that failed; then it is given up.
const RETRIES: [TimeDelta; 4] =
    [TimeDelta::seconds(5), TimeDelta::seconds(30), TimeDelta::minutes(2), TimeDelta::minutes(10)];

/// The policy of a page, and its name for the audit log.
pub fn policy_of(ctx: &Context, registry: &Registry, page: &PageRow) -> (EscalationPolicy, String) {
    let written = registry.unit(&page.unit).and_then(|unit| {
        let mut numbered = unit.escalations.iter().enumerate();
        numbered.find(|(_, policy)| policy.is_for(page.lane, page.cause))
    });
    if let Some((nth, policy)) = written {
        return (policy.clone(), format!("escalations.{nth}"));
    }
    let offer = ctx.rules.terms.offer;
    (EscalationPolicy::standard(page.lane, page.cause, offer), "standard".to_owned())
}

/// Decides what a claimed page does now, and writes it down: who is paged is on record before anybody is.
pub async fn escalate(ctx: &Context, page: &PageRow) -> Result<(), PipelineError> {
    let now = ctx.now();
    let row = ctx.store.request(page.request).await?;
    let row = row.ok_or(PipelineError::Inconsistent("a page"))?;
    let registry = ctx.registry().await?;
    let (policy, policy_name) = policy_of(ctx, &registry, page);
    let attempts = ctx.store.attempts(page.id).await?;
    let paged: Vec<Target> =
        attempts.iter().filter_map(|one| Target::read(&one.kind, &one.target)).collect();
    let barred = barred(ctx, &registry, page, &row).await;
    let reach = Reach {
        registry: &registry,
        unit: &page.unit,
        lane: page.lane,
        cause: page.cause,
        stage: &row.stage,
        barred: &barred,
        destinations: &ctx.paging.names,
        now,
    };
    let standing =
        Standing { lane: page.lane, step: page.step, step_at: page.step_at, paged: &paged };
    let due = due(&policy, &standing, &|whom| reach.of(whom), now);
    // Somebody has seen it, and nobody new is paged.
    let quiet = due.actions.is_empty() && !due.nobody;
    let state = if quiet { page.state } else { PageState::Open };
    let mut change = Change::audited(escalated(ctx, page, &due, &policy_name));
    change.guard = Guard::Page(Box::new(PageUpdate {
        id: page.id,
        seen: page.fence,
        state,
        step: due.step,
        step_at: due.step_at,
        next_at: Some(due.next_at),
        acknowledged_by: None,
        callback: None,
        at: now,
    }));
    change.pages = begun(ctx, page, (&policy, &due), now).await?;
    // A page that has moved is looked at again by itself.
    let _ = ctx.store.apply(change).await?;
    if due.nobody {
        metrics::counter!(name::PAGES_NOBODY).increment(1);
        tracing::warn!(page = %page.id, unit = %page.unit, "nobody of this unit can be paged; see docs/PAGING.md");
    }
    Ok(())
}

/// Whom the case itself keeps from the step that waits: who asked, who is named in it or close to it, who gave it back for
/// good. What cannot be read keeps nobody from being paged: who may not take the step is told so when they try.
async fn barred(
    ctx: &Context,
    registry: &Registry,
    page: &PageRow,
    row: &RequestRow,
) -> Vec<AccountId> {
    let Some(role) = page.cause.asks() else { return Vec::new() };
    let read = async {
        let form = sealed::form_of(ctx, row)?;
        Ok::<_, PipelineError>((form, lease::gave_back_for_good(ctx, row).await?))
    };
    let (form, gave_back) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(page = %page.id, error = %error, "look whom a case keeps from its next step");
            return Vec::new();
        }
    };
    let of_role = |one: &&Account| one.unit == row.unit && one.role == role;
    let kept_out = |one: &&Account| {
        gave_back.contains(&one.id)
            || standing::is_requester(&form, one)
            || (role != Role::ReleaseAuthority && conflict(&form, one).is_some())
    };
    let accounts = registry.accounts.iter().map(|entry| &entry.account);
    accounts.filter(of_role).filter(kept_out).map(|one| one.id).collect()
}

async fn begun(
    ctx: &Context,
    page: &PageRow,
    (policy, due): (&EscalationPolicy, &Due),
    now: DateTime<Utc>,
) -> Result<Vec<PageChange>, PipelineError> {
    let period =
        policy.throttle.map_or(TimeDelta::zero(), |t| TimeDelta::minutes(t.minutes.into()));
    let since = now - period.max(TimeDelta::seconds(policy.bundle_seconds.into()));
    let targets: Vec<Target> = due.actions.iter().map(|action| action.target.clone()).collect();
    let sent = ctx.store.paged_since(&targets, since).await?;
    let begun = due.actions.iter().map(|action| {
        let sent = sent.get(&action.target).map(Vec::as_slice).unwrap_or_default();
        PageChange::Begun(NewAttempt {
            id: PageAttemptId::new(ctx.ids.id()),
            page: page.id,
            step: action.step,
            target: action.target.clone(),
            available_at: send_at(policy, page.lane, action, sent, now),
            at: now,
        })
    });
    Ok(begun.collect())
}

/// One entry for a step with everybody in it; that nobody can be reached is on record once.
fn escalated(ctx: &Context, page: &PageRow, due: &Due, policy: &str) -> Vec<AuditEvent> {
    let about = |action: &str| {
        ctx.event("pager", action, ctx.now())
            .request(page.request)
            .unit(&page.unit)
            .detail("page", &page.id.to_string())
            .detail("cause", page.cause.into())
            .detail("policy", policy)
    };
    if due.nobody && page.step_at == page.opened_at {
        return vec![about("page.nobody")];
    }
    let one = |action: &crate::paging::PageAction| {
        about("page.escalated")
            .detail("step", &action.step.to_string())
            .detail("kind", action.target.kind())
            .detail("target", &action.target.name())
    };
    due.actions.iter().map(one).collect()
}

/// What telling somebody came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The mail server or the destination took it.
    Taken(String),
    /// It is tried again, not before the time if there is one.
    Later(String, Option<DateTime<Utc>>),
    /// It is given up.
    Never(String),
}

/// Records what one message to one target came to, for each attempt that it carried.
pub async fn told(
    ctx: &Context,
    attempts: &[ClaimedAttempt],
    told: &Told,
) -> Result<(), PipelineError> {
    let now = ctx.now();
    let registry = ctx.registry().await?;
    let mut change = Change::audited(Vec::new());
    for attempt in attempts {
        let (policy, _) = policy_of(ctx, &registry, &attempt.page);
        let (status, available_at, code, action) = outcome(told, attempt.tries, now);
        let failed = status == AttemptStatus::Failed;
        let result: &'static str = status.into();
        metrics::counter!(name::PAGES_SENT, "kind" => attempt.target.kind(), "result" => result)
            .increment(1);
        if status == AttemptStatus::Sent && attempt.step == 0 {
            let taken = (now - attempt.page.opened_at).as_seconds_f64();
            metrics::histogram!(name::PAGE_SECONDS).record(taken);
        }
        let rounds = u32::try_from(policy.steps.len()).unwrap_or(u32::MAX);
        change.pages.push(PageChange::Tried(AttemptUpdate {
            id: attempt.id,
            page: attempt.page.id,
            step: attempt.step,
            status,
            available_at,
            code: code.clone(),
            hasten: failed && attempt.step.saturating_add(1) < rounds,
            at: now,
        }));
        change.audit.push(
            ctx.event("pager", action, now)
                .request(attempt.page.request)
                .unit(&attempt.page.unit)
                .detail("page", &attempt.page.id.to_string())
                .detail("attempt", &attempt.id.to_string())
                .detail("delivery", &attempt.delivery)
                .detail("step", &attempt.step.to_string())
                .detail("kind", attempt.target.kind())
                .detail("target", &attempt.target.name())
                .detail("tries", &attempt.tries.to_string())
                .detail("code", &code),
        );
        if failed {
            tracing::error!(page = %attempt.page.id, attempt = %attempt.id, code, "a page was given up");
        }
    }
    let _ = ctx.store.apply(change).await?;
    Ok(())
}

/// Pure.
fn outcome(
    told: &Told,
    tries: i64,
    now: DateTime<Utc>,
) -> (AttemptStatus, Option<DateTime<Utc>>, String, &'static str) {
    match told {
        Told::Taken(code) => (AttemptStatus::Sent, None, code.clone(), "page.sent"),
        Told::Never(code) => (AttemptStatus::Failed, None, code.clone(), "page.failed"),
        Told::Later(code, not_before) => {
            let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
            match RETRIES.get(place) {
                Some(delay) => {
                    let at = not_before.map_or(now + *delay, |at| at.max(now + *delay));
                    (AttemptStatus::Waiting, Some(at), code.clone(), "page.deferred")
                }
                None => (AttemptStatus::Failed, None, code.clone(), "page.failed"),
            }
        }
    }
}

/// Who acknowledges.
#[derive(Debug, Clone, Copy)]
pub enum Acknowledging<'a> {
    /// A person of the unit.
    Person(&'a Account),
    /// A destination, by a signed reply.
    Destination {
        /// Its name.
        name: &'a str,
        /// The reply's own id; it is taken once.
        callback: &'a str,
    },
}

/// Somebody has seen the page: no further step until the acknowledgement's time is over. The job is not taken by this.
pub async fn acknowledge(
    ctx: &Context,
    by: Acknowledging<'_>,
    id: PageId,
) -> Result<PageRow, PipelineError> {
    let now = ctx.now();
    let page = ctx.store.page(id).await?.ok_or_else(PipelineError::not_found)?;
    let (actor, who, callback) = authorised(ctx, by, &page).await?;
    if page.state == PageState::Ended {
        return Err(PipelineError::conflict(
            "page_ended",
            "this page has ended: its job was taken, or needs nobody any more",
        ));
    }
    let registry = ctx.registry().await?;
    let (policy, _) = policy_of(ctx, &registry, &page);
    let until = now + policy.acknowledged_for();
    let event = AuditEvent::new(now, actor, "page.acknowledged")
        .request(page.request)
        .unit(&page.unit)
        .detail("page", &page.id.to_string())
        .detail("cause", page.cause.into())
        .detail("step", &page.step.to_string());
    let mut change = Change::audited(vec![event]);
    // What nobody can take has done its work when somebody has seen it.
    let (state, next_at) = if page.cause.is_notice() {
        (PageState::Ended, None)
    } else {
        (PageState::Acknowledged, Some(until))
    };
    change.guard = Guard::Page(Box::new(PageUpdate {
        id,
        seen: page.fence,
        state,
        step: page.step,
        step_at: until,
        next_at,
        acknowledged_by: Some(who.clone()),
        callback,
        at: now,
    }));
    match ctx.store.apply(change).await? {
        Applied::Now => {}
        Applied::AlreadyApplied | Applied::Stale => {
            return Err(PipelineError::conflict(
                "moved_on",
                "this page moved at the same moment, or this reply was taken before; read the page and send a new one",
            ));
        }
    }
    if page.acknowledged_at.is_none() {
        let taken = (now - page.opened_at).as_seconds_f64();
        metrics::histogram!(name::PAGE_ACK_SECONDS).record(taken);
    }
    Ok(PageRow { state, next_at, acknowledged_by: Some(who), acknowledged_at: Some(now), ..page })
}

/// Who it is, for the log and for the row, and the reply that is used up by it.
async fn authorised(
    ctx: &Context,
    by: Acknowledging<'_>,
    page: &PageRow,
) -> Result<(Actor, String, Option<String>), PipelineError> {
    match by {
        Acknowledging::Person(person) => {
            may_see(person, &page.unit)?;
            if person.role == Role::Auditor {
                return Err(PipelineError::forbidden(
                    "role",
                    "an auditor reads pages and acknowledges none",
                ));
            }
            Ok((Actor::Person { account: person.id }, person.id.to_string(), None))
        }
        Acknowledging::Destination { name, callback } => {
            let stage = format!("webhook:{name}");
            // A destination answers only for what it was told.
            let was_told = ctx
                .store
                .attempts(page.id)
                .await?
                .iter()
                .any(|attempt| attempt.kind == "webhook" && attempt.target == name);
            if !was_told {
                return Err(PipelineError::not_found());
            }
            Ok((Actor::System { stage: stage.clone() }, stage, Some(callback.to_owned())))
        }
    }
}

/// A person sees the pages of the own unit; another unit's do not exist.
pub fn may_see(person: &Account, unit: &UnitId) -> Result<(), PipelineError> {
    if person.unit == *unit { Ok(()) } else { Err(PipelineError::not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_that_fails_is_made_again_four_times_and_then_given_up() {
        let now = DateTime::UNIX_EPOCH;
        let later = Told::Later("503".to_owned(), None);
        for tries in 1..=4 {
            let (status, at, ..) = outcome(&later, tries, now);
            assert!(status == AttemptStatus::Waiting && at > Some(now), "{tries}");
        }
        assert_eq!(outcome(&later, 5, now).0, AttemptStatus::Failed);
        let paused = Told::Later("circuit_open".to_owned(), Some(now + TimeDelta::minutes(1)));
        assert_eq!(outcome(&paused, 1, now).1, Some(now + TimeDelta::minutes(1)));
        assert_eq!(outcome(&Told::Never("404".to_owned()), 1, now).0, AttemptStatus::Failed);
        assert_eq!(outcome(&Told::Taken("202".to_owned()), 1, now).1, None);
    }
}
