//! The service clock: until when a unit means to answer, and why then. A pure function of what happened and the calendar.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::StageCode;
use crate::domain::{Lane, ServiceTarget, ServiceTerms};

/// A request came to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When.
    pub at: DateTime<Utc>,
    /// Which state.
    pub state: StageCode,
    /// Nobody of the unit can go on: it is held for something that the requesting agency must mend.
    pub waits_for_agency: bool,
}

/// Where a clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// It runs.
    Running,
    /// It waits for the agency; that time does not count.
    Paused,
    /// The request is answered, or has ended.
    Stopped,
}

/// A request's service clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceClock {
    /// Where it stands.
    pub state: ClockState,
    /// When a reminder is due; none while it is paused, and when it has stopped.
    pub remind_at: Option<DateTime<Utc>>,
    /// When the answer is due; none while it is paused. A stopped clock keeps the time that it would have had.
    pub due_at: Option<DateTime<Utc>>,
    /// How the time was found, in words.
    pub why: String,
}

/// The clock of a request that was received at `received_at` and passed through `passages`, in their order. `None`: the
/// unit has no target for the lane.
pub fn service_clock(
    terms: &ServiceTerms,
    lane: Lane,
    received_at: DateTime<Utc>,
    passages: &[Passage],
) -> Option<ServiceClock> {
    let target = terms.target(lane)?;
    let run = run(terms, target, received_at, passages);
    let whole = TimeDelta::minutes(i64::from(target.minutes));
    let early = whole * i32::from(target.remind_at_percent.min(100)) / 100;
    let at = |time: TimeDelta| match &run.state {
        ClockState::Paused => None,
        ClockState::Running | ClockState::Stopped => run.reached(terms, target, time),
    };
    let due_at = at(whole);
    let remind_at = if run.state == ClockState::Running { at(early) } else { None };
    let why = why(terms, target, received_at, &run, due_at);
    Some(ServiceClock { state: run.state, remind_at, due_at, why })
}

/// What a walk through the passages found.
struct Run {
    state: ClockState,
    /// Stretches in which the clock ran; the last one is open while it runs, and stays open for a stopped clock.
    ran: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    paused: TimeDelta,
    stopped_at: Option<DateTime<Utc>>,
}

impl Run {
    /// When `time` that counts was, or will be, used.
    fn reached(
        &self,
        terms: &ServiceTerms,
        target: ServiceTarget,
        time: TimeDelta,
    ) -> Option<DateTime<Utc>> {
        let mut left = time;
        for (from, until) in &self.ran {
            let Some(until) = until else {
                return terms.after(target, *from, left);
            };
            let counted = terms.counted(target, *from, *until);
            if counted >= left {
                return terms.after(target, *from, left);
            }
            left -= counted;
        }
        None
    }
}

fn run(
    terms: &ServiceTerms,
    target: ServiceTarget,
    received_at: DateTime<Utc>,
    passages: &[Passage],
) -> Run {
    let mut run = Run {
        state: ClockState::Running,
        ran: vec![(received_at, None)],
        paused: TimeDelta::zero(),
        stopped_at: None,
    };
    let mut paused_at = None;
    for passage in passages {
        if let Some(since) = paused_at.take() {
            run.paused += terms.counted(target, since, passage.at);
            run.ran.push((passage.at, None));
            run.state = ClockState::Running;
        }
        if ends(passage.state) {
            run.state = ClockState::Stopped;
            run.stopped_at = Some(passage.at);
            break;
        }
        if passage.waits_for_agency {
            paused_at = Some(passage.at);
            run.state = ClockState::Paused;
            if let Some((_, until)) = run.ran.last_mut() {
                *until = Some(passage.at);
            }
        }
    }
    run
}

/// Whether the unit owes nothing any more: the answer has left, or there will be none.
fn ends(state: StageCode) -> bool {
    match state {
        StageCode::Delivered
        | StageCode::AwaitingPickup
        | StageCode::Acknowledged
        | StageCode::FeedbackDue
        | StageCode::Closed
        | StageCode::Rejected
        | StageCode::Withdrawn
        | StageCode::Expired
        | StageCode::Destroyed => true,
        StageCode::Received
        | StageCode::Held
        | StageCode::Accepted
        | StageCode::Queued
        | StageCode::Offered
        | StageCode::Leased
        | StageCode::Examined
        | StageCode::SecondReview
        | StageCode::AdjudicationDue
        | StageCode::Adjudication
        | StageCode::AwaitingRelease
        | StageCode::Released
        | StageCode::Delivering => false,
    }
}

fn why(
    terms: &ServiceTerms,
    target: ServiceTarget,
    received_at: DateTime<Utc>,
    run: &Run,
    due_at: Option<DateTime<Utc>>,
) -> String {
    let local = |at: DateTime<Utc>| at.with_timezone(&terms.time_zone).format("%a %Y-%m-%d %H:%M");
    let lane: &'static str = target.lane.into();
    let hours = if target.around_the_clock { "around the clock" } else { "of the unit's hours" };
    let mut parts = vec![format!(
        "{lane}: {} {hours}, from receipt on {}",
        length(TimeDelta::minutes(i64::from(target.minutes))),
        local(received_at)
    )];
    if run.paused > TimeDelta::zero() {
        parts.push(format!("{} waited for the agency and do not count", length(run.paused)));
    }
    match (run.state, due_at, run.stopped_at) {
        (ClockState::Paused, ..) => parts.push("paused: it waits for the agency".to_owned()),
        (ClockState::Stopped, Some(due), Some(at)) => {
            let when = if at <= due { "within it" } else { "after it" };
            parts.push(format!("ended {when}, on {}", local(at)));
        }
        (ClockState::Stopped, ..) => parts.push("ended".to_owned()),
        (ClockState::Running, Some(due), _) => {
            parts.push(format!("due on {} {}", local(due), terms.time_zone));
        }
        (ClockState::Running, None, _) => {
            parts.push("no due time: the calendar has no hours".to_owned());
        }
    }
    parts.join("; ")
}

/// `8 h`, `1 h 30 min`, `45 min`.
fn length(time: TimeDelta) -> String {
    let (hours, minutes) = (time.num_hours(), time.num_minutes() % 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What a look at a clock finds to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// What is to be told now.
    pub tell: Option<Threshold>,
    /// The last threshold that was told, after this look.
    pub told: Option<Threshold>,
    /// When to look again; `None`: never.
    pub next: Option<DateTime<Utc>>,
}

/// What of a target is told, once each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::EnumString,
)]
#[strum(serialize_all = "snake_case")]
pub enum Threshold {
    /// Most of it is used.
    Reminder,
    /// All of it is used.
    Overdue,
}

/// A clock that stands still is looked at again after this long: what ends its pause writes no time of its own.
const PAUSED: TimeDelta = TimeDelta::minutes(5);

/// What is to be told of a clock at `now`, when `told` was told already.
pub fn look(clock: &ServiceClock, told: Option<Threshold>, now: DateTime<Utc>) -> Look {
    match clock.state {
        ClockState::Stopped => return Look { tell: None, told, next: None },
        ClockState::Paused => return Look { tell: None, told, next: Some(now + PAUSED) },
        ClockState::Running => {}
    }
    let passed = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= now);
    let reached = if passed(clock.due_at) {
        Some(Threshold::Overdue)
    } else if passed(clock.remind_at) {
        Some(Threshold::Reminder)
    } else {
        None
    };
    // A pause may move a time that was told into the future; what was told stays told.
    let tell = reached.filter(|reached| told.is_none_or(|told| told < *reached));
    let told = tell.or(told);
    let next = match told {
        None => clock.remind_at,
        Some(Threshold::Reminder) => clock.due_at,
        Some(Threshold::Overdue) => None,
    };
    Look { tell, told, next }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;
    use crate::domain::Opening;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn terms() -> ServiceTerms {
        use chrono::Weekday::{Fri, Mon, Thu, Tue, Wed};
        let time = |text: &str| text.parse().unwrap();
        let target = |lane, minutes, around_the_clock| ServiceTarget {
            lane,
            minutes,
            around_the_clock,
            remind_at_percent: 75,
        };
        ServiceTerms {
            time_zone: chrono_tz::America::Los_Angeles,
            open: vec![Opening {
                days: vec![Mon, Tue, Wed, Thu, Fri],
                from: time("08:00:00"),
                until: time("16:00:00"),
            }],
            holidays: vec![],
            targets: vec![target(Lane::Threat, 60, true), target(Lane::Routine, 480, false)],
        }
    }

    fn passage(when: &str, state: StageCode, waits_for_agency: bool) -> Passage {
        Passage { at: at(when), state, waits_for_agency }
    }

    /// Monday 2026-11-16, 12:00 in Los Angeles.
    const NOON: &str = "2026-11-16T20:00:00Z";

    #[test]
    fn a_routine_request_is_due_after_a_day_of_the_units_hours() {
        let clock = service_clock(&terms(), Lane::Routine, at(NOON), &[]).unwrap();
        assert_eq!(clock.state, ClockState::Running);
        assert_eq!(clock.due_at, Some(at("2026-11-17T20:00:00Z")));
        assert_eq!(clock.remind_at, Some(at("2026-11-17T18:00:00Z")));
        assert_eq!(
            clock.why,
            "routine: 8 h of the unit's hours, from receipt on Mon 2026-11-16 12:00; due on Tue \
             2026-11-17 12:00 America/Los_Angeles"
        );
        let threat = service_clock(&terms(), Lane::Threat, at(NOON), &[]).unwrap();
        assert_eq!(threat.due_at, Some(at("2026-11-16T21:00:00Z")));
        assert_eq!(service_clock(&terms(), Lane::Priority, at(NOON), &[]), None);
    }

    #[test]
    fn waiting_for_the_agency_does_not_count_and_a_hold_of_the_unit_does() {
        use StageCode as S;
        let held = |waits| {
            let log = [
                passage("2026-11-16T21:00:00Z", S::Held, waits),
                passage("2026-11-16T23:00:00Z", S::Accepted, false),
            ];
            service_clock(&terms(), Lane::Routine, at(NOON), &log).unwrap()
        };
        assert_eq!(held(false).due_at, Some(at("2026-11-17T20:00:00Z")));
        assert_eq!(held(true).due_at, Some(at("2026-11-17T22:00:00Z")));
        assert!(held(true).why.contains("2 h waited for the agency"), "{}", held(true).why);
        let log = [passage("2026-11-16T21:00:00Z", S::Held, true)];
        let paused = service_clock(&terms(), Lane::Routine, at(NOON), &log).unwrap();
        assert_eq!((paused.state, paused.due_at), (ClockState::Paused, None));
    }

    #[test]
    fn an_answer_stops_the_clock_and_it_says_whether_in_time() {
        for (when, says) in
            [("2026-11-17T20:00:00Z", "within it"), ("2026-11-17T20:01:00Z", "after it")]
        {
            let log = [passage(when, StageCode::Delivered, false)];
            let clock = service_clock(&terms(), Lane::Routine, at(NOON), &log).unwrap();
            assert_eq!((clock.state, clock.remind_at), (ClockState::Stopped, None));
            assert!(clock.why.contains(says), "{}", clock.why);
            assert_eq!(look(&clock, None, at(when)), Look { tell: None, told: None, next: None });
        }
    }

    #[test]
    fn each_threshold_is_told_once() {
        use Threshold::{Overdue, Reminder};
        let clock = service_clock(&terms(), Lane::Routine, at(NOON), &[]).unwrap();
        let (remind, due) = (clock.remind_at, clock.due_at);
        for (told, now, tell, next) in [
            (None, NOON, None, remind),
            (None, "2026-11-17T18:00:00Z", Some(Reminder), due),
            (Some(Reminder), "2026-11-17T18:00:01Z", None, due),
            (Some(Reminder), "2026-11-17T20:00:00Z", Some(Overdue), None),
            (None, "2026-11-18T20:00:00Z", Some(Overdue), None),
            (Some(Overdue), "2026-11-18T20:00:00Z", None, None),
        ] {
            let found = look(&clock, told, at(now));
            assert_eq!((found.tell, found.next), (tell, next), "{told:?} {now}");
        }
    }

    proptest! {
        /// Whatever happened, the time that counted up to the due time is the target's; a further hold for the unit's
        /// own people changes nothing, and a wait for the agency never brings the due time forward.
        #[test]
        fn only_waits_for_the_agency_move_the_due_time(steps in prop::collection::vec((0_i64..2_000, any::<bool>(), 0..StageCode::VARIANTS.len()), 0..8)) {
            let received = at(NOON);
            let mut now = received;
            let mut log = Vec::new();
            for (minutes, waits, state) in steps {
                now += TimeDelta::minutes(minutes);
                let state = StageCode::VARIANTS[state];
                if !ends(state) {
                    log.push(Passage { at: now, state, waits_for_agency: waits });
                }
            }
            let own: Vec<_> = log.iter().map(|p| Passage { waits_for_agency: false, ..*p }).collect();
            let plain = service_clock(&terms(), Lane::Routine, received, &[]).unwrap().due_at;
            prop_assert_eq!(service_clock(&terms(), Lane::Routine, received, &own).unwrap().due_at, plain);
            let clock = service_clock(&terms(), Lane::Routine, received, &log).unwrap();
            match clock.state {
                ClockState::Paused => prop_assert_eq!(clock.due_at, None),
                ClockState::Running => prop_assert!(clock.due_at >= plain),
                ClockState::Stopped => prop_assert!(false, "nothing ended it"),
            }
        }
    }
}
