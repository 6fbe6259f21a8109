//! Which page a stage opens, and which ones it keeps open.

use crate::domain::Lane;
use crate::domain::escalation::PageCause;
use crate::lifecycle::{Stage, StageCode};

/// A stage as pages see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stage.
    pub stage: StageCode,
    /// A hold that nobody decided in time, or an answer that nobody released in time.
    pub escalated: bool,
}

impl From<&Stage> for Place {
    fn from(stage: &Stage) -> Self {
        let escalated = matches!(stage, Stage::Held { missed, .. } if !missed.is_empty())
            || matches!(stage, Stage::AwaitingRelease { late: true, .. });
        Self { stage: stage.code(), escalated }
    }
}

/// The page that is opened when a request of this lane comes to this place.
pub fn opens(lane: Lane, place: Place) -> Option<PageCause> {
    let threat = lane == Lane::Threat;
    match place.stage {
        StageCode::Received | StageCode::Accepted | StageCode::Queued | StageCode::Offered
            if threat =>
        {
            Some(PageCause::Emergency)
        }
        StageCode::Queued => Some(PageCause::NobodyAvailable),
        StageCode::Offered => Some(PageCause::JobOffered),
        StageCode::Held if place.escalated => Some(PageCause::HoldEscalated),
        StageCode::Held => Some(PageCause::HoldWaiting),
        // INVARIANT (blind): it follows from the stage alone, so it tells nothing of how the examination ended.
        StageCode::Examined => Some(PageCause::SecondReviewDue),
        StageCode::AdjudicationDue => Some(PageCause::AdjudicationDue),
        StageCode::AwaitingRelease if place.escalated => Some(PageCause::ReleaseOverdue),
        StageCode::AwaitingRelease => Some(PageCause::ReleaseDue),
        StageCode::Received
        | StageCode::Accepted
        | StageCode::Rejected
        | StageCode::Leased
        | StageCode::SecondReview
        | StageCode::Adjudication
        | StageCode::Released
        | StageCode::Delivering
        | StageCode::Delivered
        | StageCode::AwaitingPickup
        | StageCode::Acknowledged
        | StageCode::FeedbackDue
        | StageCode::Closed
        | StageCode::Withdrawn
        | StageCode::Expired
        | StageCode::Destroyed => None,
    }
}

/// Most pages that go on in one place.
pub const KEPT: usize = 7;

/// The pages that go on in this place; every other one of the request has ended. What an emergency owes, it owes wherever
/// the request stands, unless it has ended without an answer; the unit's own time runs until the answer has left.
pub fn keeps(place: Place) -> &'static [PageCause] {
    use PageCause::{
        AdjudicationDue, DutyDue, DutyOverdue, Emergency, EmergencyBegun, HoldEscalated,
        HoldWaiting, JobOffered, NobodyAvailable, ReleaseDue, ReleaseOverdue, SecondReviewDue,
        ServiceDue, ServiceOverdue,
    };
    macro_rules! going_on {
        ($($cause:ident),*) => {
            &[$($cause,)* EmergencyBegun, DutyDue, DutyOverdue, ServiceDue, ServiceOverdue]
        };
    }
    match place.stage {
        StageCode::Received | StageCode::Accepted => going_on!(Emergency),
        StageCode::Queued => going_on!(NobodyAvailable, Emergency),
        StageCode::Offered => going_on!(JobOffered, Emergency),
        StageCode::Held if place.escalated => going_on!(HoldEscalated),
        StageCode::Held => going_on!(HoldWaiting),
        StageCode::Examined => going_on!(SecondReviewDue),
        StageCode::AdjudicationDue => going_on!(AdjudicationDue),
        StageCode::AwaitingRelease if place.escalated => going_on!(ReleaseOverdue),
        StageCode::AwaitingRelease => going_on!(ReleaseDue),
        StageCode::Leased
        | StageCode::SecondReview
        | StageCode::Adjudication
        | StageCode::Released
        | StageCode::Delivering => going_on!(),
        StageCode::Delivered
        | StageCode::AwaitingPickup
        | StageCode::Acknowledged
        | StageCode::FeedbackDue
        | StageCode::Closed => &[EmergencyBegun, DutyDue, DutyOverdue],
        StageCode::Rejected | StageCode::Withdrawn | StageCode::Expired | StageCode::Destroyed => {
            &[]
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::domain::{AccountId, Outcome};
    use crate::lifecycle::owner;

    fn at(stage: StageCode) -> Place {
        Place { stage, escalated: false }
    }

    #[test]
    fn what_a_stage_opens_it_keeps_and_a_taken_job_pages_for_no_reviewer() {
        for stage in StageCode::VARIANTS {
            for escalated in [false, true] {
                let place = Place { stage: *stage, escalated };
                assert!(keeps(place).len() <= KEPT, "{place:?}");
                for lane in Lane::VARIANTS {
                    if let Some(cause) = opens(*lane, place) {
                        assert!(keeps(place).contains(&cause), "{place:?} {lane:?}");
                    }
                }
            }
        }
        let duties = [PageCause::EmergencyBegun, PageCause::DutyDue, PageCause::DutyOverdue];
        let service = [PageCause::ServiceDue, PageCause::ServiceOverdue];
        assert_eq!(keeps(at(StageCode::Leased)), [&duties[..], &service[..]].concat());
        assert_eq!(keeps(at(StageCode::Delivered)), duties, "an answer that has left is not late");
        assert!(keeps(at(StageCode::Withdrawn)).is_empty());
        for stage in [
            StageCode::Queued,
            StageCode::Offered,
            StageCode::Held,
            StageCode::Examined,
            StageCode::AdjudicationDue,
            StageCode::AwaitingRelease,
        ] {
            assert!(
                Lane::VARIANTS.iter().all(|lane| opens(*lane, at(stage)).is_some()),
                "{stage:?}"
            );
        }
        assert_eq!(opens(Lane::Threat, at(StageCode::Received)), Some(PageCause::Emergency));
        assert_eq!(opens(Lane::Routine, at(StageCode::Received)), None);
    }

    #[test]
    fn a_hold_that_went_to_the_next_role_is_another_page() {
        let late = Place { stage: StageCode::Held, escalated: true };
        assert_eq!(opens(Lane::Routine, late), Some(PageCause::HoldEscalated));
        assert!(!keeps(late).contains(&PageCause::HoldWaiting));
        assert!(!keeps(at(StageCode::Held)).contains(&PageCause::HoldEscalated));
    }

    #[test]
    fn no_stage_waits_for_people_without_a_page() {
        use crate::lifecycle::Owner;
        let someone = AccountId::new(uuid::Uuid::from_u128(1));
        let waiting = [
            Stage::Queued,
            Stage::Offered { reviewer: someone },
            Stage::Examined { first: someone },
            Stage::AdjudicationDue { first: someone, second: someone },
            Stage::AwaitingRelease {
                outcome: Outcome::Lead,
                reviewers: vec![someone],
                late: false,
            },
        ];
        for stage in waiting {
            let role = matches!(owner(&stage), Owner::Role(_) | Owner::Person(_));
            assert!(role && opens(Lane::Routine, Place::from(&stage)).is_some(), "{stage:?}");
        }
        let late =
            |late| Stage::AwaitingRelease { outcome: Outcome::Lead, reviewers: Vec::new(), late };
        assert_eq!(opens(Lane::Routine, Place::from(&late(true))), Some(PageCause::ReleaseOverdue));
        assert!(!keeps(Place::from(&late(true))).contains(&PageCause::ReleaseDue));
    }
}
