use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use strum::VariantArray;
use uuid::Uuid;

use super::*;
use crate::domain::{AccountId, Lane, Outcome, Role};

fn person(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(n))
}

fn lease(n: u128) -> Lease {
    let epoch = DateTime::<Utc>::UNIX_EPOCH;
    Lease { reviewer: person(n), token: 1, until: epoch, since: epoch }
}

fn at_release() -> Resume {
    Resume::Release { outcome: Outcome::Lead, reviewers: vec![person(1), person(2)] }
}

fn held(resume: Resume) -> Stage {
    Stage::Held { role: Role::LocalAdministrator, resume, missed: Vec::new() }
}

fn stages() -> Vec<Stage> {
    use Stage as S;
    let resume = Resume::Respond { outcome: Outcome::Lead, officer: person(9) };
    vec![
        S::Received,
        S::Rejected,
        held(Resume::Check),
        held(at_release()),
        held(resume),
        held(Resume::Deliver),
        held(Resume::Recall),
        held(Resume::SecondReview { first: person(1) }),
        held(Resume::Adjudication { first: person(1), second: person(2) }),
        S::Accepted,
        S::Queued,
        S::Offered { reviewer: person(1) },
        S::Leased { lease: lease(1) },
        S::Examined { first: person(1) },
        S::SecondReview { first: person(1), lease: lease(2) },
        S::AdjudicationDue { first: person(1), second: person(2) },
        S::Adjudication { first: person(1), second: person(2), lease: lease(3) },
        awaiting_release(Outcome::Lead, vec![person(1), person(2)]),
        release_overdue(&awaiting_release(Outcome::Lead, vec![person(1), person(2)])).unwrap(),
        S::Released { outcome: Outcome::Lead, officer: person(9) },
        S::Delivering,
        S::Delivered,
        S::AwaitingPickup,
        S::Acknowledged,
        S::FeedbackDue,
        S::Closed,
        S::Withdrawn,
        S::Expired,
        S::Destroyed,
    ]
}

fn events(n: u128) -> Vec<Event> {
    use Event as E;
    let respond = Resume::Respond { outcome: Outcome::Lead, officer: person(9) };
    let role = Role::LocalAdministrator;
    vec![
        E::CheckAccepted,
        E::CheckRejected,
        E::Held { role, resume: Resume::Check },
        E::Held { role, resume: Resume::Dispatch },
        E::Held { role, resume: at_release() },
        E::Held { role, resume: respond },
        E::Held { role, resume: Resume::Deliver },
        E::Held { role, resume: Resume::Recall },
        E::Held { role, resume: Resume::SecondReview { first: person(1) } },
        E::Held { role, resume: Resume::Adjudication { first: person(1), second: person(2) } },
        E::HoldOverdue,
        E::HoldAllowed,
        E::HoldRefused,
        E::Queued,
        E::Offered { reviewer: person(n) },
        E::Claimed(lease(n)),
        E::Renewed(lease(1)),
        E::Renewed(lease(2)),
        E::Renewed(lease(3)),
        E::HandedOver { reviewer: person(n) },
        E::LeaseEnded,
        E::Concluded,
        E::SecondAgreed { outcome: Outcome::NoMatch },
        E::SecondDiffered,
        E::SecondDivided,
        E::SecondWaived { outcome: Outcome::Lead },
        E::Adjudicated { outcome: Outcome::Inconclusive },
        E::ReleaseOverdue,
        E::ReleaseGranted { officer: person(9) },
        E::AnswerSealed,
        E::KeptInUnit,
        E::MailAccepted,
        E::PickupOpened,
        E::ReceiptAcknowledged,
        E::FeedbackAsked,
        E::Closed,
        E::Withdrawn,
        E::Expired,
        E::Destroyed,
    ]
}

/// The table that `docs/ARCHITECTURE.md` shows.
fn table() -> String {
    let mut rows: Vec<String> = Vec::new();
    for stage in stages() {
        for event in events(7) {
            let name = event.name();
            if let Ok(after) = next(&stage, event) {
                let row = format!("{} + {name} -> {}", stage.code(), after.code());
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
    }
    rows.join("\n")
}

#[test]
fn the_transition_table_is_the_documented_one() {
    insta::assert_snapshot!(table());
}

#[test]
fn every_stage_code_has_a_sample() {
    let seen: Vec<StageCode> = stages().iter().map(Stage::code).collect();
    for code in StageCode::VARIANTS {
        assert!(seen.contains(code), "{code}");
    }
}

#[test]
fn a_stage_reads_back_from_its_column() {
    for stage in stages() {
        let text = serde_json::to_string(&stage).unwrap();
        assert_eq!(serde_json::from_str::<Stage>(&text).unwrap(), stage, "{text}");
    }
}

#[test]
fn one_person_cannot_examine_twice() {
    let examined = Stage::Examined { first: person(1) };
    assert!(next(&examined, Event::Claimed(lease(1))).is_err());
    let due = Stage::AdjudicationDue { first: person(1), second: person(2) };
    assert!(next(&due, Event::Claimed(lease(1))).is_err());
    assert!(next(&due, Event::Claimed(lease(2))).is_err());
    assert!(next(&due, Event::Claimed(lease(3))).is_ok());
}

#[test]
fn a_renewal_is_the_same_claim_with_more_time() {
    let held = lease(1);
    let more = Lease { until: held.until + TimeDelta::hours(1), ..held };
    let leased = Stage::Leased { lease: held };
    assert_eq!(next(&leased, Event::Renewed(more)).unwrap(), Stage::Leased { lease: more });
    let foreign = [
        Lease { reviewer: person(2), ..more },
        Lease { token: 2, ..more },
        Lease { since: more.until, ..more },
        Lease { until: held.until - TimeDelta::seconds(1), ..held },
    ];
    for other in foreign {
        assert!(next(&leased, Event::Renewed(other)).is_err(), "{other:?}");
    }
    let second = Stage::SecondReview { first: person(2), lease: held };
    let renewed = next(&second, Event::Renewed(more)).unwrap();
    assert_eq!(renewed, Stage::SecondReview { first: person(2), lease: more });
    assert!(next(&Stage::Queued, Event::Renewed(more)).is_err());
}

#[test]
fn a_first_examination_is_handed_to_another_and_a_second_one_to_nobody() {
    let leased = Stage::Leased { lease: lease(1) };
    let to = |n| Event::HandedOver { reviewer: person(n) };
    assert_eq!(next(&leased, to(2)).unwrap(), Stage::Offered { reviewer: person(2) });
    assert!(next(&leased, to(1)).is_err());
    let second = Stage::SecondReview { first: person(2), lease: lease(1) };
    assert!(next(&second, to(3)).is_err(), "who reviews second is not the reviewer's to choose");
}

#[test]
fn every_open_stage_has_one_owner_and_one_deadline() {
    let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(1);
    for stage in stages() {
        assert_eq!(stage.is_open(), owner(&stage) != Owner::Nobody, "{}", stage.code());
        assert_eq!(
            stage.is_open(),
            deadline(&stage, now, &Terms::default()).is_some(),
            "{}",
            stage.code()
        );
    }
}

#[test]
fn a_release_that_is_held_comes_back_as_it_was_or_ends_unreleased() {
    let role = Role::LocalAdministrator;
    let awaiting = awaiting_release(Outcome::Lead, vec![person(1), person(2)]);
    let held = next(&awaiting, Event::Held { role, resume: at_release() }).unwrap();
    assert_eq!(held, Stage::Held { role, resume: at_release(), missed: Vec::new() });
    assert_eq!(next(&held, Event::HoldAllowed).unwrap(), awaiting, "nobody examined it anew");
    assert_eq!(next(&held, Event::HoldRefused).unwrap(), Stage::Rejected);
    assert_eq!(next(&held, Event::Withdrawn).unwrap(), Stage::Withdrawn, "no answer left");
    assert!(next(&held, Event::ReleaseGranted { officer: person(9) }).is_err());
    // Neither the conclusion nor who examined it can change on the way.
    for resume in [
        Resume::Release { outcome: Outcome::NoMatch, reviewers: vec![person(1), person(2)] },
        Resume::Release { outcome: Outcome::Lead, reviewers: vec![person(1)] },
    ] {
        assert!(next(&awaiting, Event::Held { role, resume }).is_err());
    }
}

#[test]
fn an_overdue_release_waits_on_and_a_life_in_danger_waits_minutes() {
    let awaiting = awaiting_release(Outcome::Lead, vec![person(1), person(2)]);
    let late = next(&awaiting, Event::ReleaseOverdue).unwrap();
    assert_ne!(late, awaiting);
    assert_eq!(next(&late, Event::ReleaseOverdue).unwrap(), late);
    let officer = Event::ReleaseGranted { officer: person(9) };
    assert_eq!(next(&late, officer.clone()), next(&awaiting, officer));
    let role = Role::LocalAdministrator;
    let held = next(&late, Event::Held { role, resume: at_release() }).unwrap();
    assert_eq!(next(&held, Event::HoldAllowed).unwrap(), awaiting, "it has its time again");
    let stored = r#"{"stage":"awaiting_release","outcome":"lead","reviewers":[]}"#;
    let before = awaiting_release(Outcome::Lead, Vec::new());
    assert_eq!(serde_json::from_str::<Stage>(stored).unwrap(), before);
    assert_eq!(serde_json::to_string(&before).unwrap(), stored, "an older program reads it");
    let (now, terms) = (DateTime::<Utc>::UNIX_EPOCH, Terms::default());
    for stage in [&awaiting, &late, &held] {
        assert_eq!(due(stage, Lane::Threat, now, &terms), Some(now + terms.threat_decision));
        assert_eq!(due(stage, Lane::Routine, now, &terms), Some(now + terms.decision));
    }
    let examined = Stage::Examined { first: person(1) };
    assert_eq!(due(&examined, Lane::Threat, now, &terms), deadline(&examined, now, &terms));
}

#[test]
fn an_overdue_hold_goes_up_and_never_to_nobody() {
    use Role::{LocalAdministrator as Top, ReleaseAuthority as Officer, Reviewer};
    let begun = Stage::Held { role: Reviewer, resume: Resume::Check, missed: Vec::new() };
    let (mut stage, mut trail) = (begun, Vec::new());
    for _ in 0..4 {
        stage = next(&stage, Event::HoldOverdue).unwrap();
        let Stage::Held { role, missed, resume: Resume::Check } = &stage else {
            panic!("{stage:?}")
        };
        trail.push((*role, missed.clone()));
    }
    let all = vec![Reviewer, Officer, Top];
    let up =
        [(Officer, vec![Reviewer]), (Top, vec![Reviewer, Officer]), (Top, all.clone()), (Top, all)];
    assert_eq!(trail, up);
    assert_eq!(next(&stage, Event::HoldAllowed).unwrap(), Stage::Accepted);
    for role in Role::VARIANTS {
        assert_ne!(escalate(*role), Some(*role), "{role:?}");
    }
}

#[test]
fn a_hold_stored_before_it_could_be_missed_still_reads() {
    let stored = r#"{"stage":"held","role":"local_administrator","resume":{"at":"check"}}"#;
    assert_eq!(serde_json::from_str::<Stage>(stored).unwrap(), held(Resume::Check));
}

#[test]
fn what_is_stopped_can_be_held_and_goes_on_without_a_step_twice() {
    let role = Role::LocalAdministrator;
    for stage in stages() {
        let Some(resume) = stop(&stage) else {
            let ended = !stage.is_open() || stage.is_answered();
            assert!(ended || stage.code() == StageCode::Held, "{}", stage.code());
            continue;
        };
        let examined = resume.is_examined();
        let stopped = next(&stage, Event::Held { role, resume }).unwrap();
        let again = next(&stopped, Event::HoldAllowed).unwrap();
        assert_eq!(again.lease(), None, "a claim ends with the hold");
        if examined {
            assert_ne!(again.code(), StageCode::Accepted, "{}", stage.code());
        }
        assert_eq!(next(&stopped, Event::HoldRefused).unwrap(), Stage::Rejected);
    }
    let respond = Resume::Respond { outcome: Outcome::Lead, officer: person(9) };
    for resume in [respond, Resume::Deliver] {
        assert!(next(&held(resume), Event::HoldRefused).is_err(), "released and not recalled");
    }
}

#[test]
fn a_threat_is_decided_sooner() {
    use crate::domain::Lane;
    let (now, terms) = (DateTime::<Utc>::UNIX_EPOCH, Terms::default());
    assert_eq!(decision_due(Lane::Threat, now, &terms) - now, TimeDelta::minutes(15));
    for lane in [Lane::Priority, Lane::Routine] {
        assert_eq!(decision_due(lane, now, &terms) - now, TimeDelta::hours(24));
    }
}

proptest! {
    #[test]
    fn nothing_is_delivered_without_two_reviewers_and_a_release(steps in proptest::collection::vec((0usize..events(1).len(), 1u128..5), 0..400)) {
        let mut stage = Stage::Received;
        let mut trail = vec![stage.code()];
        let mut kept = false;
        for (event, who) in steps {
            let event = events(who)[event].clone();
            if let Ok(after) = next(&stage, event.clone()) {
                stage = after;
                trail.push(stage.code());
                kept |= event == Event::KeptInUnit;
            }
        }
        if trail.contains(&StageCode::Delivered) {
            for needed in [StageCode::Accepted, StageCode::Leased, StageCode::SecondReview, StageCode::AwaitingRelease, StageCode::Released] {
                prop_assert!(trail.contains(&needed), "{needed} is missing in {trail:?}");
            }
            // Only a known-answer job is never on its way.
            prop_assert_ne!(kept, trail.contains(&StageCode::Delivering), "{:?}", trail);
        }
    }
}
