//! Which page a stage opens, and which ones it keeps open.

use crate::domain::Lane;
use crate::domain::escalation::PageCause;
use crate::lifecycle::StageCode;

/// The page that is opened when a request of this lane comes into this stage.
pub fn opens(lane: Lane, stage: StageCode) -> Option<PageCause> {
    let threat = lane == Lane::Threat;
    match stage {
        StageCode::Received | StageCode::Accepted | StageCode::Queued | StageCode::Offered
            if threat =>
        {
            Some(PageCause::Emergency)
        }
        StageCode::Queued => Some(PageCause::NobodyAvailable),
        StageCode::Offered => Some(PageCause::JobOffered),
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

/// The pages that go on in this stage; every other one of the request has ended.
pub fn keeps(stage: StageCode) -> &'static [PageCause] {
    match stage {
        StageCode::Received | StageCode::Accepted => &[PageCause::Emergency],
        StageCode::Queued => &[PageCause::NobodyAvailable, PageCause::Emergency],
        StageCode::Offered => &[PageCause::JobOffered, PageCause::Emergency],
        StageCode::Held => &[PageCause::HoldWaiting],
        StageCode::Rejected
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
        | StageCode::Destroyed => &[],
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn what_a_stage_opens_it_keeps_and_a_taken_job_pages_nobody() {
        for stage in StageCode::VARIANTS {
            for lane in Lane::VARIANTS {
                if let Some(cause) = opens(*lane, *stage) {
                    assert!(keeps(*stage).contains(&cause), "{stage:?} {lane:?}");
                }
            }
        }
        assert!(keeps(StageCode::Leased).is_empty() && keeps(StageCode::Withdrawn).is_empty());
        for stage in [StageCode::Queued, StageCode::Offered, StageCode::Held] {
            assert!(Lane::VARIANTS.iter().all(|lane| opens(*lane, stage).is_some()), "{stage:?}");
        }
        assert_eq!(opens(Lane::Threat, StageCode::Received), Some(PageCause::Emergency));
        assert_eq!(opens(Lane::Routine, StageCode::Received), None);
    }
}
