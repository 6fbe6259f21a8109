//! The life of a search request: one enum, one total function.
//!
//! Every stored change of a request goes through [`next`]; nothing else may make a [`Stage`] out of another.
//! Pure: no I/O, no clock.

mod event;
mod hold;
mod priority;
mod schedule;
mod service_clock;
mod stage;

pub use event::{Event, Resume};
pub use hold::{escalate, stop};
pub use priority::{MOST_OVERTAKEN, head_start, rank, waited_as};
pub use schedule::{Owner, Terms, deadline, decision_due, due, owner};
pub use service_clock::{ClockState, Look, Passage, ServiceClock, Threshold, look, service_clock};
pub use stage::{Lease, Stage, StageCode};

use crate::domain::{AccountId, Outcome};

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
        Event::Held { role, resume } => {
            may_hold(stage, &resume).then(|| Stage::Held { role, resume, missed: Vec::new() })
        }
        Event::HoldOverdue => hold::overdue(stage),
        Event::HoldAllowed => allowed(stage),
        Event::HoldRefused => {
            let unsent = matches!(stage, Stage::Held { resume, .. } if !matches!(resume, Resume::Respond { .. } | Resume::Deliver));
            unsent.then_some(Stage::Rejected)
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
        Event::Renewed(lease) => renewed(stage, lease),
        Event::HandedOver { reviewer } => {
            let to_another = matches!(stage, Stage::Leased { lease } if lease.reviewer != reviewer);
            to_another.then_some(Stage::Offered { reviewer })
        }
        Event::LeaseEnded => lease_ended(stage),
        Event::Concluded => concluded(stage),
        Event::SecondAgreed { outcome } => agreed(stage, outcome),
        Event::SecondDiffered => differed(stage),
        Event::SecondDivided => agreed(stage, Outcome::Inconclusive),
        Event::SecondWaived { outcome } => waived(stage, outcome),
        Event::Adjudicated { outcome } => adjudicated(stage, outcome),
        Event::ReleaseOverdue => release_overdue(stage),
        Event::ReleaseGranted { officer } => released(stage, officer),
        Event::AnswerSealed => matches!(stage, Stage::Released { .. }).then_some(Stage::Delivering),
        Event::KeptInUnit => matches!(stage, Stage::Released { .. }).then_some(Stage::Delivered),
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
fn may_hold(stage: &Stage, resume: &Resume) -> bool {
    match resume {
        Resume::Check => matches!(stage, Stage::Received),
        Resume::Dispatch => {
            matches!(
                stage,
                Stage::Accepted | Stage::Queued | Stage::Offered { .. } | Stage::Leased { .. }
            )
        }
        Resume::SecondReview { .. } | Resume::Adjudication { .. } => {
            stop(stage).as_ref() == Some(resume)
        }
        Resume::Release { outcome, reviewers } => {
            let same = |o: &Outcome, r: &Vec<AccountId>| o == outcome && r == reviewers;
            matches!(stage, Stage::AwaitingRelease { outcome, reviewers, .. } if same(outcome, reviewers))
        }
        Resume::Respond { .. } => matches!(stage, Stage::Released { .. }),
        Resume::Deliver => matches!(stage, Stage::Delivering),
        Resume::Recall => matches!(stage, Stage::Released { .. } | Stage::Delivering),
    }
}

fn agreed(stage: &Stage, outcome: Outcome) -> Option<Stage> {
    let Stage::SecondReview { first, lease } = stage else {
        return None;
    };
    Some(awaiting_release(outcome, vec![*first, lease.reviewer]))
}

fn differed(stage: &Stage) -> Option<Stage> {
    let Stage::SecondReview { first, lease } = stage else {
        return None;
    };
    Some(Stage::AdjudicationDue { first: *first, second: lease.reviewer })
}

fn waived(stage: &Stage, outcome: Outcome) -> Option<Stage> {
    let Stage::Examined { first } = stage else {
        return None;
    };
    Some(awaiting_release(outcome, vec![*first]))
}

fn adjudicated(stage: &Stage, outcome: Outcome) -> Option<Stage> {
    let Stage::Adjudication { first, second, lease } = stage else {
        return None;
    };
    Some(awaiting_release(outcome, vec![*first, *second, lease.reviewer]))
}

fn awaiting_release(outcome: Outcome, reviewers: Vec<AccountId>) -> Stage {
    Stage::AwaitingRelease { outcome, reviewers, late: false }
}

fn release_overdue(stage: &Stage) -> Option<Stage> {
    let Stage::AwaitingRelease { outcome, reviewers, .. } = stage else {
        return None;
    };
    Some(Stage::AwaitingRelease { outcome: *outcome, reviewers: reviewers.clone(), late: true })
}

fn released(stage: &Stage, officer: AccountId) -> Option<Stage> {
    let Stage::AwaitingRelease { outcome, .. } = stage else {
        return None;
    };
    Some(Stage::Released { outcome: *outcome, officer })
}

fn allowed(stage: &Stage) -> Option<Stage> {
    let Stage::Held { resume, .. } = stage else {
        return None;
    };
    Some(match resume {
        Resume::Check | Resume::Dispatch => Stage::Accepted,
        Resume::SecondReview { first } => Stage::Examined { first: *first },
        Resume::Adjudication { first, second } => {
            Stage::AdjudicationDue { first: *first, second: *second }
        }
        Resume::Release { outcome, reviewers } => awaiting_release(*outcome, reviewers.clone()),
        Resume::Respond { outcome, officer } => {
            Stage::Released { outcome: *outcome, officer: *officer }
        }
        Resume::Deliver | Resume::Recall => Stage::Delivering,
    })
}

fn claimed(stage: &Stage, lease: Lease) -> Option<Stage> {
    if matches!(stage, Stage::Queued | Stage::Offered { .. }) {
        return Some(Stage::Leased { lease });
    }
    if let Stage::Examined { first } = stage {
        let another = *first != lease.reviewer;
        return another.then_some(Stage::SecondReview { first: *first, lease });
    }
    let Stage::AdjudicationDue { first, second } = stage else {
        return None;
    };
    let another = ![*first, *second].contains(&lease.reviewer);
    another.then_some(Stage::Adjudication { first: *first, second: *second, lease })
}

/// More time for the same claim: person, token and beginning stay.
fn renewed(stage: &Stage, lease: Lease) -> Option<Stage> {
    let held = *stage.lease()?;
    if (Lease { until: lease.until, ..held }) != lease || lease.until < held.until {
        return None;
    }
    if let Stage::SecondReview { first, .. } = stage {
        return Some(Stage::SecondReview { first: *first, lease });
    }
    if let Stage::Adjudication { first, second, .. } = stage {
        return Some(Stage::Adjudication { first: *first, second: *second, lease });
    }
    Some(Stage::Leased { lease })
}

fn lease_ended(stage: &Stage) -> Option<Stage> {
    if matches!(stage, Stage::Leased { .. }) {
        return Some(Stage::Queued);
    }
    if let Stage::SecondReview { first, .. } = stage {
        return Some(Stage::Examined { first: *first });
    }
    let Stage::Adjudication { first, second, .. } = stage else {
        return None;
    };
    Some(Stage::AdjudicationDue { first: *first, second: *second })
}

fn concluded(stage: &Stage) -> Option<Stage> {
    let Stage::Leased { lease } = stage else {
        return None;
    };
    Some(Stage::Examined { first: lease.reviewer })
}

/// Before an answer is released a request can be withdrawn or run out of time; afterwards it cannot be unsaid.
fn before_release(stage: &Stage) -> bool {
    stage.is_open()
        && !matches!(
            stage,
            Stage::Released { .. }
                | Stage::Delivering
                | Stage::Held {
                    resume: Resume::Respond { .. } | Resume::Deliver | Resume::Recall,
                    ..
                }
        )
        && !stage.is_answered()
}

#[cfg(test)]
mod tests;
