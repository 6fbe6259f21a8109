//! The unit's supervisors are paged when something that an emergency owes is nearly due, and when its time is over.

use chrono::TimeDelta;

use super::CLAUSE;
use crate::domain::PageCause;
use crate::pipeline::{Context, PipelineError};
use crate::store::{Applied, Change, DutyToTell, EmergencyStep, Guard, NewPage, PageChange};

/// How long before its time somebody is told; a quarter of a shorter term.
const NOTICE: TimeDelta = TimeDelta::hours(2);

/// Opens the pages of every duty that is nearly due or overdue, once each. Returns how many units were told.
pub async fn sweep(ctx: &Context) -> Result<usize, PipelineError> {
    let now = ctx.now();
    let notice = NOTICE.min(ctx.rules.terms.emergency / 4);
    let mut told = 0;
    for duty in ctx.store.duties_to_tell((now, now + notice), 100).await? {
        told += usize::from(tell(ctx, &duty).await?);
    }
    Ok(told)
}

async fn tell(ctx: &Context, told: &DutyToTell) -> Result<bool, PipelineError> {
    let now = ctx.now();
    let DutyToTell { request, unit, ori, lane, duty } = told;
    let overdue = duty.is_overdue(now);
    let (action, cause) = if overdue {
        ("emergency.overdue", PageCause::DutyOverdue)
    } else {
        ("emergency.due", PageCause::DutyDue)
    };
    let event = ctx
        .event("sweep", action, now)
        .request(*request)
        .unit(unit)
        .agency(ori)
        .clause(CLAUSE)
        .detail("duty", duty.kind.into())
        .detail("due_at", &duty.due_at.to_rfc3339());
    let mut change = Change::audited(vec![event]);
    let step = EmergencyStep::Tell { request: *request, kind: duty.kind, overdue, at: now };
    change.guard = Guard::Emergency(step);
    let (request, unit, lane) = (*request, unit.clone(), *lane);
    change.pages.push(PageChange::Opened(NewPage { request, unit, lane, cause, at: now }));
    Ok(ctx.store.apply(change).await? == Applied::Now)
}
