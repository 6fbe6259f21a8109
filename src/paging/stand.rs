//! Which page a stage opens, and which ones it keeps open.

use crate::domain::Lane;
use crate::domain::escalation::PageCause;
use crate::lifecycle::{Stage, StageCode};

/// A stage as pages see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stage.
    pub stage: StageCode,
    /// A hold that nobody decided in time.
    pub escalated: bool,
}

impl From<&Stage> for Place {
    fn from(stage: &Stage) -> Self {
        let escalated = matches!(stage, Stage::Held { missed, .. } if !missed.is_empty());
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
        StageCode::Received
        | StageCode::Accepted
        | StageCode::Rejected
        | StageCode::Leased
        | StageCode::Examined
        | StageCode::SecondReview
        | StageCode::AdjudicationDue
        | StageCode::Adjudication
        | StageCode::AwaitingRelease
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
pub const KEPT: usize = 5;

/// The pages that go on in this place; every other one of the request has ended. What an emergency owes, it owes wherever
/// the request stands, unless it has ended without an answer.
pub fn keeps(place: Place) -> &'static [PageCause] {
    use PageCause::{DutyDue, DutyOverdue, Emergency, EmergencyBegun};
    match place.stage {
        StageCode::Received | StageCode::Accepted => {
            &[Emergency, EmergencyBegun, DutyDue, DutyOverdue]
        }
        StageCode::Queued => {
            &[PageCause::NobodyAvailable, Emergency, EmergencyBegun, DutyDue, DutyOverdue]
        }
        StageCode::Offered => {
            &[PageCause::JobOffered, Emergency, EmergencyBegun, DutyDue, DutyOverdue]
        }
        StageCode::Held if place.escalated => {
            &[PageCause::HoldEscalated, EmergencyBegun, DutyDue, DutyOverdue]
        }
        StageCode::Held => &[PageCause::HoldWaiting, EmergencyBegun, DutyDue, DutyOverdue],
        StageCode::Leased
        | StageCode::Examined
        | StageCode::SecondReview
        | StageCode::AdjudicationDue
        | StageCode::Adjudication
        | StageCode::AwaitingRelease
        | StageCode::Released
        | StageCode::Delivering
        | StageCode::Delivered
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
        assert_eq!(keeps(at(StageCode::Leased)), duties);
        assert!(keeps(at(StageCode::Withdrawn)).is_empty());
        for stage in [StageCode::Queued, StageCode::Offered, StageCode::Held] {
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
}
