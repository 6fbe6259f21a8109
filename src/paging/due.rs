//! What a page does now, and when it is looked at again.

use chrono::{DateTime, TimeDelta, Utc};

use super::reach::Target;
use crate::domain::Lane;
use crate::domain::escalation::{EscalationPolicy, EscalationStep, Whom};

/// After all repeats the last step goes on, at least this far apart outside the threat lane.
const SLOWEST: TimeDelta = TimeDelta::minutes(60);

/// Where a page stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PageState {
    /// It escalates.
    Open,
    /// Somebody has seen it; it goes on when the acknowledgement's time is over and nobody has taken the job.
    Acknowledged,
    /// Its cause is gone.
    Ended,
}

/// A page as [`due`] sees it.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// Lane of its job.
    pub lane: Lane,
    /// Steps taken so far.
    pub step: u32,
    /// When the next step is due. While it is acknowledged, not before that time is over.
    pub step_at: DateTime<Utc>,
    /// Who was paged already because of it.
    pub paged: &'a [Target],
}

/// One page to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAction {
    /// Whom.
    pub target: Target,
    /// Under which step of the policy, from 0, counted through all repeats.
    pub step: u32,
    /// Whether nobody comes after this one; such a page is never throttled.
    pub last_resort: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Pages to send.
    pub actions: Vec<PageAction>,
    /// Steps taken after these.
    pub step: u32,
    /// When the next step is due.
    pub step_at: DateTime<Utc>,
    /// When to look again: always after now.
    pub next_at: DateTime<Utc>,
    /// A step was due, and not one of all the steps' people can be reached.
    pub nobody: bool,
}

/// What the page does now. `reach` gives who of a step can be reached.
///
/// Never silent: there is always a next time, and whoever can be reached is reached when a step is due.
pub fn due(
    policy: &EscalationPolicy,
    page: &Standing<'_>,
    reach: &dyn Fn(&Whom) -> Vec<Target>,
    now: DateTime<Utc>,
) -> Due {
    let idle = |next_at| Due {
        actions: Vec::new(),
        step: page.step,
        step_at: page.step_at,
        next_at,
        nobody: false,
    };
    if page.lane != Lane::Threat
        && let Some(end) = policy.quiet.and_then(|quiet| quiet.end(now))
    {
        return idle(end);
    }
    if page.step_at > now {
        return Due { actions: new_owners(policy, page, reach), ..idle(page.step_at) };
    }
    for step in page.step..page.step.saturating_add(count(policy)) {
        let Some((definition, last_resort)) = at(policy, step) else { break };
        let targets = targets(definition, reach);
        if targets.is_empty() {
            continue;
        }
        let step_at = now + wait(policy, page.lane, step);
        let action = |target| PageAction { target, step, last_resort };
        return Due {
            actions: targets.into_iter().map(action).collect(),
            step: step.saturating_add(1),
            step_at,
            next_at: step_at,
            nobody: false,
        };
    }
    // Whoever becomes reachable is paged at the next look.
    let again = now + SLOWEST.min(wait(policy, page.lane, page.step));
    Due { step_at: again, next_at: again, nobody: true, ..idle(again) }
}

/// When a page may leave: now for the threat lane; for others after the bundle and, but for the last resort, the
/// throttle. `sent` are the times of the target's messages: those that left, and those that wait for their first try.
pub fn send_at(
    policy: &EscalationPolicy,
    lane: Lane,
    action: &PageAction,
    sent: &[DateTime<Utc>],
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    if lane == Lane::Threat {
        return now;
    }
    let bundle = TimeDelta::seconds(policy.bundle_seconds.into());
    // A message that waits for this target already takes it along.
    let waiting = sent.iter().copied().filter(|one| *one > now).min();
    if let Some(join) = waiting.filter(|join| !action.last_resort || *join <= now + bundle) {
        return join;
    }
    let mut at = now;
    if let Some(last) = sent.iter().filter(|one| **one <= now).max() {
        at = at.max(*last + bundle);
    }
    if let (Some(throttle), Target::Account(_), false) =
        (policy.throttle, &action.target, action.last_resort)
    {
        let period = TimeDelta::minutes(throttle.minutes.into());
        let mut recent: Vec<DateTime<Utc>> =
            sent.iter().copied().filter(|one| *one > now - period && *one <= now).collect();
        recent.sort_unstable_by(|a, b| b.cmp(a));
        let most = usize::try_from(throttle.pages.max(1)).unwrap_or(usize::MAX);
        if let Some(oldest) = recent.get(most - 1) {
            at = at.max(*oldest + period);
        }
    }
    at
}

fn count(policy: &EscalationPolicy) -> u32 {
    u32::try_from(policy.steps.len()).unwrap_or(u32::MAX).max(1)
}

/// The step's definition, and whether nobody comes after it.
fn at(policy: &EscalationPolicy, step: u32) -> Option<(&EscalationStep, bool)> {
    let count = count(policy);
    let rounds = policy.repeats.saturating_add(1);
    let index = if step / count < rounds { step % count } else { count - 1 };
    let definition = policy.steps.get(usize::try_from(index).ok()?)?;
    Some((definition, index + 1 == count))
}

fn wait(policy: &EscalationPolicy, lane: Lane, step: u32) -> TimeDelta {
    let minutes = at(policy, step).map_or(1, |(definition, _)| definition.wait_minutes);
    let wait = TimeDelta::minutes(minutes.max(1).into());
    let over = step / count(policy) > policy.repeats;
    if over && lane != Lane::Threat { wait.max(SLOWEST) } else { wait }
}

fn targets(step: &EscalationStep, reach: &dyn Fn(&Whom) -> Vec<Target>) -> Vec<Target> {
    let mut targets: Vec<Target> = step.whom.iter().flat_map(reach).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// The job was offered to another reviewer between two steps: that one is paged at once.
fn new_owners(
    policy: &EscalationPolicy,
    page: &Standing<'_>,
    reach: &dyn Fn(&Whom) -> Vec<Target>,
) -> Vec<PageAction> {
    let Some(step) = page.step.checked_sub(1) else { return Vec::new() };
    if !policy.steps.iter().any(|step| step.whom.contains(&Whom::Owner)) {
        return Vec::new();
    }
    let mut owners = reach(&Whom::Owner);
    owners.retain(|target| !page.paged.contains(target));
    owners.into_iter().map(|target| PageAction { target, step, last_resort: true }).collect()
}

#[cfg(test)]
mod tests;
