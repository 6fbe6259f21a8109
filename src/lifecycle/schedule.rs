//! Who owes the next step, and until when. Every open request has exactly one of each.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Stage;
use crate::domain::{AccountId, Lane, Role};

/// Who owes the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "who", rename_all = "snake_case")]
pub enum Owner {
    /// leadbroker itself.
    System,
    /// Any account of the unit with this role.
    Role(Role),
    /// One person.
    Person(AccountId),
    /// The requester.
    Requester,
    /// Nobody: it has ended.
    Nobody,
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A step of leadbroker's own.
    pub system: TimeDelta,
    /// A reviewer's time to take an offer.
    pub offer: TimeDelta,
    /// A human's time to decide a hold or a release.
    pub decision: TimeDelta,
    /// The same in the lane `threat`.
    pub threat_decision: TimeDelta,
    /// Time from the receipt of an imminent threat to its call-back and its supervisor's confirmation.
    pub emergency: TimeDelta,
    /// How long a request may wait for reviewers.
    pub expiry: TimeDelta,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            system: TimeDelta::minutes(5),
            offer: TimeDelta::minutes(10),
            decision: TimeDelta::hours(24),
            threat_decision: TimeDelta::minutes(15),
            emergency: TimeDelta::hours(24),
            expiry: TimeDelta::days(30),
        }
    }
}

/// Who owes the next step of a request in `stage`.
pub fn owner(stage: &Stage) -> Owner {
    match stage {
        Stage::Received | Stage::Accepted | Stage::Released { .. } | Stage::Delivering => {
            Owner::System
        }
        Stage::Held { role, .. } => Owner::Role(*role),
        Stage::Queued | Stage::Examined { .. } => Owner::Role(Role::Reviewer),
        Stage::Offered { reviewer } => Owner::Person(*reviewer),
        Stage::Leased { lease }
        | Stage::SecondReview { lease, .. }
        | Stage::Adjudication { lease, .. } => Owner::Person(lease.reviewer),
        Stage::AdjudicationDue { .. } => Owner::Role(Role::Adjudicator),
        Stage::AwaitingRelease { .. } => Owner::Role(Role::ReleaseAuthority),
        Stage::AwaitingPickup | Stage::FeedbackDue => Owner::Requester,
        Stage::Rejected
        | Stage::Delivered
        | Stage::Acknowledged
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => Owner::Nobody,
    }
}

/// Until when the owner has time, for a request that came into `stage` at `now`. `None` when it has ended.
pub fn deadline(stage: &Stage, now: DateTime<Utc>, terms: &Terms) -> Option<DateTime<Utc>> {
    let term = match stage {
        Stage::Received | Stage::Accepted | Stage::Released { .. } | Stage::Delivering => {
            terms.system
        }
        Stage::Held { .. } | Stage::AwaitingRelease { .. } => terms.decision,
        Stage::Offered { .. } => terms.offer,
        Stage::Queued
        | Stage::Examined { .. }
        | Stage::AdjudicationDue { .. }
        | Stage::AwaitingPickup
        | Stage::FeedbackDue => terms.expiry,
        Stage::Leased { lease }
        | Stage::SecondReview { lease, .. }
        | Stage::Adjudication { lease, .. } => return Some(lease.until),
        Stage::Rejected
        | Stage::Delivered
        | Stage::Acknowledged
        | Stage::Closed
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Destroyed => return None,
    };
    Some(now + term)
}

/// As [`deadline`], where the step may be a decision, which has the time of its lane.
pub fn due(stage: &Stage, lane: Lane, now: DateTime<Utc>, terms: &Terms) -> Option<DateTime<Utc>> {
    if matches!(stage, Stage::Held { .. } | Stage::AwaitingRelease { .. }) {
        return Some(decision_due(lane, now, terms));
    }
    deadline(stage, now, terms)
}

/// Until when a hold or a release that begins now is decided. Nobody waits a day for a decision about a life in danger.
pub fn decision_due(lane: Lane, now: DateTime<Utc>, terms: &Terms) -> DateTime<Utc> {
    match lane {
        Lane::Threat => now + terms.threat_decision,
        Lane::Priority | Lane::Routine => now + terms.decision,
    }
}
