//! The life of a search request: one enum, one total function.
//!
//! Every stored change of a request goes through [`next`]; nothing else may make a [`Stage`] out of another.
//! Pure: no I/O, no clock.

mod event;
mod schedule;
mod stage;

pub use event::{Event, Resume};
pub use schedule::{Owner, Terms, deadline, owner};
pub use stage::{Lease, Stage, StageCode};

/// An event that the request's stage does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a request that is `{stage}` cannot take `{event}`; read its status and decide again")]
pub struct IllegalTransition {
    /// Where the request stands.
    pub stage: StageCode,
    /// What was asked.
    pub event: &'static str,
}

/// The stage after `event`, or why there is none.
///
/// Total: every pair of stage and event has an answer; the table is snapshotted in the tests.
pub fn next(stage: &Stage, event: Event) -> Result<Stage, IllegalTransition> {
    let name = event.name();
    step(stage, event).ok_or(IllegalTransition { stage: stage.code(), event: name })
}

fn step(stage: &Stage, event: Event) -> Option<Stage> {
    match event {
        Event::CheckAccepted => matches!(stage, Stage::Received).then_some(Stage::Accepted),
        Event::CheckRejected => matches!(stage, Stage::Received).then_some(Stage::Rejected),
        Event::Held { role, resume } => may_hold(stage, resume).then_some(Stage::Held { role, resume }),
        Event::HoldAllowed => allowed(stage),
        Event::HoldRefused => {
            let early = matches!(stage, Stage::Held { resume: Resume::Check | Resume::Dispatch, .. });
            early.then_some(Stage::Rejected)
        }
        Event::Queued => {
            let from = matches!(stage, Stage::Accepted | Stage::Offered { .. } | Stage::Queued);
            from.then_some(Stage::Queued)
        }
        Event::Offered { reviewer } => {
            let from = matches!(stage, Stage::Accepted | Stage::Queued | Stage::Offered { .. });
            from.then_some(Stage::Offered { reviewer })
        }
        Event::Claimed(lease) => claimed(stage, lease),
        Event::LeaseEnded => lease_ended(stage),
        Event::Concluded => concluded(stage),
        Event::SecondAgreed { outcome } => match stage {
            Stage::SecondReview { first, lease } => {
                Some(Stage::AwaitingRelease { outcome, reviewers: vec![*first, lease.reviewer] })
            }
            _ => None,
        },
        Event::SecondDiffered => match stage {
            Stage::SecondReview { first, lease } => {
                Some(Stage::AdjudicationDue { first: *first, second: lease.reviewer })
            }
            _ => None,
        },
        Event::Adjudicated { outcome } => match stage {
            Stage::Adjudication { first, second, lease } => {
                Some(Stage::AwaitingRelease { outcome, reviewers: vec![*first, *second, lease.reviewer] })
            }
            _ => None,
        },
        Event::ReleaseGranted { officer } => match stage {
            Stage::AwaitingRelease { outcome, .. } => Some(Stage::Released { outcome: *outcome, officer }),
            _ => None,
        },
        Event::AnswerSealed => matches!(stage, Stage::Released { .. }).then_some(Stage::Delivering),
        Event::MailAccepted => matches!(stage, Stage::Delivering).then_some(Stage::Delivered),
        Event::PickupOpened => matches!(stage, Stage::Delivering).then_some(Stage::AwaitingPickup),
        Event::ReceiptAcknowledged => {
            matches!(stage, Stage::Delivered | Stage::AwaitingPickup).then_some(Stage::Acknowledged)
        }
        Event::FeedbackAsked => {
            matches!(stage, Stage::Delivered | Stage::Acknowledged).then_some(Stage::FeedbackDue)
        }
        Event::Closed => matches!(stage, Stage::FeedbackDue).then_some(Stage::Closed),
        Event::Withdrawn => before_release(stage).then_some(Stage::Withdrawn),
        Event::Expired => before_release(stage).then_some(Stage::Expired),
        Event::Destroyed => {
            let ended = !stage.is_open() && !matches!(stage, Stage::Destroyed);
            ended.then_some(Stage::Destroyed)
        }
    }
}

/// Where a hold may begin, and where it leads back to must be the same place.
fn may_hold(stage: &Stage, resume: Resume) -> bool {
    match resume {
        Resume::Check => matches!(stage, Stage::Received),
        Resume::Dispatch => {
            matches!(stage, Stage::Accepted | Stage::Queued | Stage::Offered { .. })
        }
        Resume::Respond { .. } => matches!(stage, Stage::Released { .. }),
        Resume::Deliver => matches!(stage, Stage::Delivering),
    }
}

fn allowed(stage: &Stage) -> Option<Stage> {
    match stage {
        Stage::Held { resume: Resume::Check | Resume::Dispatch, .. } => Some(Stage::Accepted),
        Stage::Held { resume: Resume::Respond { outcome, officer }, .. } => {
            Some(Stage::Released { outcome: *outcome, officer: *officer })
        }
        Stage::Held { resume: Resume::Deliver, .. } => Some(Stage::Delivering),
        _ => None,
    }
}

fn claimed(stage: &Stage, lease: Lease) -> Option<Stage> {
    match stage {
        Stage::Queued | Stage::Offered { .. } => Some(Stage::Leased { lease }),
        Stage::Examined { first } if *first != lease.reviewer => {
            Some(Stage::SecondReview { first: *first, lease })
        }
        Stage::AdjudicationDue { first, second } if ![*first, *second].contains(&lease.reviewer) => {
            Some(Stage::Adjudication { first: *first, second: *second, lease })
        }
        _ => None,
    }
}

fn lease_ended(stage: &Stage) -> Option<Stage> {
    match stage {
        Stage::Leased { .. } => Some(Stage::Queued),
        Stage::SecondReview { first, .. } => Some(Stage::Examined { first: *first }),
        Stage::Adjudication { first, second, .. } => {
            Some(Stage::AdjudicationDue { first: *first, second: *second })
        }
        _ => None,
    }
}

fn concluded(stage: &Stage) -> Option<Stage> {
    match stage {
        Stage::Leased { lease } => Some(Stage::Examined { first: lease.reviewer }),
        _ => None,
    }
}

/// Before an answer is released a request can be withdrawn or run out of time; afterwards it cannot be unsaid.
fn before_release(stage: &Stage) -> bool {
    stage.is_open()
        && !matches!(
            stage,
            Stage::Released { .. }
                | Stage::Delivering
                | Stage::Held { resume: Resume::Respond { .. } | Resume::Deliver, .. }
        )
        && !stage.is_answered()
}

#[cfg(test)]
mod tests;
