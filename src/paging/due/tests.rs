use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::AccountId;
use crate::domain::escalation::{PageCause, QuietHours, Throttle};
use strum::VariantArray as _;

fn person(n: u128) -> Target {
    Target::Account(AccountId::new(Uuid::from_u128(n)))
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn quiet() -> QuietHours {
    QuietHours {
        from: "22:00:00".parse().unwrap(),
        until: "06:00:00".parse().unwrap(),
        time_zone: "America/Los_Angeles".parse().unwrap(),
    }
}

prop_compose! {
    fn policies()(
        steps in proptest::collection::vec((proptest::collection::vec(0usize..3, 0..3), 0u32..90), 0..4),
        repeats in 0u32..3,
        is_quiet: bool,
        throttle in proptest::option::of((0u32..4, 0u32..120)),
        bundle_seconds in 0u32..300,
    ) -> EscalationPolicy {
        let whom = [Whom::Owner, Whom::OnDuty, Whom::Role(crate::domain::Role::LocalAdministrator)];
        EscalationPolicy {
            lanes: Vec::new(),
            causes: Vec::new(),
            steps: steps
                .into_iter()
                .map(|(who, wait_minutes)| EscalationStep {
                    whom: who.into_iter().map(|n| whom[n].clone()).collect(),
                    wait_minutes,
                })
                .collect(),
            repeats,
            acknowledge_minutes: 30,
            quiet: is_quiet.then(quiet),
            throttle: throttle.map(|(pages, minutes)| Throttle { pages, minutes }),
            bundle_seconds,
        }
    }
}

fn lanes() -> impl Strategy<Value = Lane> {
    proptest::sample::select(Lane::VARIANTS)
}

/// Who is reachable: the owner, the one on duty, the supervisor.
fn reach_of(there: [bool; 3]) -> impl Fn(&Whom) -> Vec<Target> {
    move |whom| {
        let place = match whom {
            Whom::Owner => 0,
            Whom::OnDuty => 1,
            Whom::Role(_) | Whom::Account(_) | Whom::Webhook(_) => 2,
        };
        if there[place] { vec![person(place as u128)] } else { Vec::new() }
    }
}

proptest! {
    #[test]
    fn a_page_is_never_silent(policy in policies(), lane in lanes(), there: [bool; 3], step in 0u32..30, late in -100i64..100_000) {
        let now = start() + TimeDelta::seconds(late);
        let reach = reach_of(there);
        let page = Standing { lane, step, step_at: start(), paged: &[] };
        let due = due(&policy, &page, &reach, now);
        prop_assert!(due.next_at > now);
        let is_quiet = lane != Lane::Threat && policy.quiet.is_some_and(|quiet| quiet.covers(now));
        let anybody = policy.steps.iter().any(|step| step.whom.iter().any(|whom| !reach(whom).is_empty()));
        if is_quiet {
            prop_assert!(due.actions.is_empty() && due.step == step);
            prop_assert!(due.next_at - now <= TimeDelta::hours(10));
        } else if start() <= now {
            // In the endless phase only the last step is left.
            let in_rounds = step + count(&policy) <= count(&policy) * (policy.repeats + 1);
            if anybody && in_rounds {
                prop_assert!(!due.actions.is_empty() && due.step > step && !due.nobody);
            }
            prop_assert_eq!(due.actions.is_empty(), due.nobody);
        }
        for action in &due.actions {
            prop_assert!(there.iter().enumerate().any(|(n, is)| *is && action.target == person(n as u128)));
        }
    }

    #[test]
    fn quiet_hours_never_delay_a_threat(policy in policies(), there: [bool; 3], step in 0u32..9, hour in 0i64..240) {
        let now = start() + TimeDelta::hours(hour);
        let page = Standing { lane: Lane::Threat, step, step_at: now, paged: &[] };
        let without = EscalationPolicy { quiet: None, ..policy.clone() };
        let always = EscalationPolicy { quiet: Some(quiet()), ..policy };
        prop_assert_eq!(due(&always, &page, &reach_of(there), now), due(&without, &page, &reach_of(there), now));
    }

    #[test]
    fn the_throttle_drops_nobody_and_never_holds_the_last_resort(policy in policies(), lane in lanes(), last_resort: bool, ago in proptest::collection::vec(0i64..10_000, 0..40)) {
        let now = start();
        let sent: Vec<DateTime<Utc>> = ago.iter().map(|s| now - TimeDelta::seconds(*s)).collect();
        let action = PageAction { target: person(1), step: 0, last_resort };
        let at = send_at(&policy, lane, &action, &sent, now);
        prop_assert!(at >= now);
        if lane == Lane::Threat || sent.is_empty() {
            prop_assert_eq!(at, now);
        }
        let throttle = policy.throttle.map_or(TimeDelta::zero(), |t| TimeDelta::minutes(t.minutes.into()));
        let bundle = TimeDelta::seconds(policy.bundle_seconds.into());
        prop_assert!(at <= now + throttle.max(bundle));
        if last_resort {
            prop_assert!(at <= now + bundle);
        }
        // Where it may leave, no more than the throttle's number lie within its time.
        if let Some(throttle) = policy.throttle && !last_resort && lane != Lane::Threat {
            let since = at - TimeDelta::minutes(throttle.minutes.into());
            let within = sent.iter().filter(|one| **one > since).count();
            prop_assert!(within < usize::try_from(throttle.pages.max(1)).unwrap() || throttle.minutes == 0);
        }
    }
}

#[test]
fn the_standard_policy_goes_from_the_reviewer_to_the_next_to_the_supervisor() {
    let policy =
        EscalationPolicy::standard(Lane::Routine, PageCause::JobOffered, TimeDelta::minutes(10));
    let reach = reach_of([true, true, true]);
    let mut page = Standing { lane: Lane::Routine, step: 0, step_at: start(), paged: &[] };
    let mut now = start();
    let mut paged = Vec::new();
    for _ in 0..4 {
        let due = due(&policy, &page, &reach, now);
        paged.push(due.actions.iter().map(|action| action.target.clone()).collect::<Vec<_>>());
        (page.step, page.step_at, now) = (due.step, due.step_at, due.next_at);
    }
    assert_eq!(paged, [[person(0)], [person(0)], [person(2)], [person(0)]]);
    // The supervisor at once where nobody was offered the job.
    let nobody = due(
        &EscalationPolicy::standard(
            Lane::Routine,
            PageCause::NobodyAvailable,
            TimeDelta::minutes(10),
        ),
        &Standing { lane: Lane::Routine, step: 0, step_at: start(), paged: &[] },
        &reach_of([false, false, true]),
        start(),
    );
    assert_eq!(nobody.actions.len(), 1);
    assert_eq!(nobody.actions[0].target, person(2));
}

#[test]
fn another_reviewer_who_is_offered_the_job_is_paged_at_once_and_only_once() {
    let policy =
        EscalationPolicy::standard(Lane::Routine, PageCause::JobOffered, TimeDelta::minutes(10));
    let step_at = start() + TimeDelta::minutes(10);
    let page = |paged| Standing { lane: Lane::Routine, step: 1, step_at, paged };
    let first = [person(7)];
    let offered = due(&policy, &page(&first), &reach_of([true, true, true]), start());
    assert_eq!(offered.actions.len(), 1);
    assert_eq!((offered.step, offered.next_at), (1, step_at));
    let both = [person(7), person(0)];
    assert!(due(&policy, &page(&both), &reach_of([true, true, true]), start()).actions.is_empty());
}

#[test]
fn what_may_not_leave_yet_joins_the_message_that_waits() {
    let policy =
        EscalationPolicy::standard(Lane::Routine, PageCause::JobOffered, TimeDelta::minutes(10));
    let now = start();
    let seconds = TimeDelta::seconds;
    let at = |last_resort, sent: &[DateTime<Utc>]| {
        let action = PageAction { target: person(1), step: 0, last_resort };
        send_at(&policy, Lane::Routine, &action, sent, now)
    };
    assert_eq!(at(false, &[now - seconds(10)]), now + seconds(50), "the bundle of the one before");
    let waiting = now + seconds(50);
    assert_eq!(at(false, &[now - seconds(10), waiting, waiting]), waiting);
    // Twenty in an hour are the most; the last resort does not wait for it.
    let hour: Vec<DateTime<Utc>> = (0..20).map(|n| now - seconds(100 + n)).collect();
    assert_eq!(at(false, &hour), now - seconds(119) + TimeDelta::hours(1));
    assert_eq!(at(true, &hour), now);
    let throttled = [now + TimeDelta::minutes(40)];
    assert_eq!((at(false, &throttled), at(true, &throttled)), (throttled[0], now));
}
