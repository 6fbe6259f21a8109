//! A hold in time: who decides next when nobody did, and where a request can be stopped.

use super::{Resume, Stage};
use crate::domain::Role;

/// The role that decides when `role` let the time of a hold run out; `None`: there is nobody above, it stays.
pub fn escalate(role: Role) -> Option<Role> {
    match role {
        Role::Reviewer | Role::Adjudicator => Some(Role::ReleaseAuthority),
        Role::ReleaseAuthority => Some(Role::LocalAdministrator),
        Role::LocalAdministrator | Role::Auditor => None,
    }
}

/// The hold after its time ran out.
pub(super) fn overdue(stage: &Stage) -> Option<Stage> {
    let Stage::Held { role, resume, missed } = stage else {
        return None;
    };
    let mut missed = missed.clone();
    if !missed.contains(role) {
        missed.push(*role);
    }
    let role = escalate(*role).unwrap_or(*role);
    Some(Stage::Held { role, resume: resume.clone(), missed })
}

/// Where a request goes on that is stopped in the middle of `stage`: at the last step that is on record, so that a claim
/// ends with the hold. `None` where nothing is left to stop, or a hold stops it already.
pub fn stop(stage: &Stage) -> Option<Resume> {
    match stage {
        Stage::Received => Some(Resume::Check),
        Stage::Accepted | Stage::Queued | Stage::Offered { .. } | Stage::Leased { .. } => {
            Some(Resume::Dispatch)
        }
        Stage::Examined { first } | Stage::SecondReview { first, .. } => {
            Some(Resume::SecondReview { first: *first })
        }
        Stage::AdjudicationDue { first, second } | Stage::Adjudication { first, second, .. } => {
            Some(Resume::Adjudication { first: *first, second: *second })
        }
        Stage::AwaitingRelease { outcome, reviewers, .. } => {
            Some(Resume::Release { outcome: *outcome, reviewers: reviewers.clone() })
        }
        Stage::Released { .. } | Stage::Delivering => Some(Resume::Recall),
        Stage::Held { .. }
        | Stage::Rejected
        | Stage::Delivered
        | Stage::AwaitingPickup
        | Stage::Acknowledged
        | Stage::FeedbackDue
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => None,
    }
}
