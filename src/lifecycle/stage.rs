//! The stages of a request, with the data that exists only there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Resume;
use crate::domain::{AccountId, Outcome, Role};

/// A reviewer's claim on a job. A submission with an older `token` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Who holds it.
    pub reviewer: AccountId,
    /// Fencing token: grows with every claim of the request.
    pub token: i64,
    /// When it ends without a submission.
    pub until: DateTime<Utc>,
    /// When it began: a renewal never extends it beyond the most that a claim may hold.
    #[serde(default)]
    pub since: DateTime<Utc>,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(StageCode),
    derive(
        strum::VariantArray,
        strum::IntoStaticStr,
        strum::EnumString,
        Hash,
        Serialize,
        Deserialize,
        PartialOrd,
        Ord
    ),
    strum(serialize_all = "snake_case"),
    serde(rename_all = "snake_case"),
    doc = "The stage without its data: what a column, an event or a person sees."
)]
#[serde(tag = "stage", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// Stored, not yet checked.
    Received,
    /// Refused, with findings.
    Rejected,
    /// Waits for a named human.
    Held {
        /// Who decides.
        role: Role,
        /// Where it goes on.
        resume: Resume,
        /// The roles that let its time run out, in the order in which they had it; each once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missed: Vec<Role>,
    },
    /// The policies allow it.
    Accepted,
    /// Waits for an available reviewer.
    Queued,
    /// Offered to a reviewer who is on duty.
    Offered {
        /// To whom.
        reviewer: AccountId,
    },
    /// A reviewer examines it.
    Leased {
        /// The claim.
        lease: Lease,
    },
    /// The first conclusion is recorded; a second reviewer is wanted.
    Examined {
        /// The first reviewer.
        first: AccountId,
    },
    /// A second reviewer examines it, blind.
    SecondReview {
        /// The first reviewer.
        first: AccountId,
        /// The second reviewer's claim.
        lease: Lease,
    },
    /// The two differ; an adjudicator is wanted.
    AdjudicationDue {
        /// The first reviewer.
        first: AccountId,
        /// The second reviewer.
        second: AccountId,
    },
    /// An adjudicator decides.
    Adjudication {
        /// The first reviewer.
        first: AccountId,
        /// The second reviewer.
        second: AccountId,
        /// The adjudicator's claim.
        lease: Lease,
    },
    /// Concluded; waits for the release authority.
    AwaitingRelease {
        /// The conclusion.
        outcome: Outcome,
        /// Everyone who examined it; none of them may release.
        reviewers: Vec<AccountId>,
        /// Nobody released it in time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    /// The answer's bytes are signed for.
    Released {
        /// The conclusion.
        outcome: Outcome,
        /// Who released it.
        officer: AccountId,
    },
    /// The sealed mail is on its way.
    Delivering,
    /// The requester's mail server has it.
    Delivered,
    /// It waits in the portal.
    AwaitingPickup,
    /// The requester has it.
    Acknowledged,
    /// The requester owes feedback.
    FeedbackDue,
    /// Done.
    Closed,
    /// Withdrawn by the requester.
    Withdrawn,
    /// Its time ran out.
    Expired,
    /// Its keys are destroyed.
    Destroyed,
}

impl Stage {
    /// The stage without its data.
    pub fn code(&self) -> StageCode {
        self.into()
    }

    /// Whether somebody still owes the next step.
    pub fn is_open(&self) -> bool {
        self.code().is_open()
    }

    /// Whether the answer has left.
    pub fn is_answered(&self) -> bool {
        matches!(
            self,
            Self::Delivered
                | Self::AwaitingPickup
                | Self::Acknowledged
                | Self::FeedbackDue
                | Self::Closed
        )
    }

    /// The reviewer who has the job on the desk: by an offer or by a claim.
    pub fn holder(&self) -> Option<AccountId> {
        if let Self::Offered { reviewer } = self {
            return Some(*reviewer);
        }
        self.lease().map(|lease| lease.reviewer)
    }

    /// The claim in force, if any.
    pub fn lease(&self) -> Option<&Lease> {
        if let Self::Leased { lease }
        | Self::SecondReview { lease, .. }
        | Self::Adjudication { lease, .. } = self
        {
            return Some(lease);
        }
        None
    }
}

impl StageCode {
    /// Whether somebody still owes the next step.
    pub fn is_open(self) -> bool {
        match self {
            Self::Received
            | Self::Held
            | Self::Accepted
            | Self::Queued
            | Self::Offered
            | Self::Leased
            | Self::Examined
            | Self::SecondReview
            | Self::AdjudicationDue
            | Self::Adjudication
            | Self::AwaitingRelease
            | Self::Released
            | Self::Delivering
            | Self::AwaitingPickup
            | Self::FeedbackDue => true,
            Self::Rejected
            | Self::Delivered
            | Self::Acknowledged
            | Self::Closed
            | Self::Withdrawn
            | Self::Expired
            | Self::Destroyed => false,
        }
    }

    /// The code as text, as stored and shown.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl std::fmt::Display for StageCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
