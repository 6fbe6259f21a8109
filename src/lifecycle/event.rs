//! What can happen to a request.

use serde::{Deserialize, Serialize};

use super::Lease;
use crate::domain::{AccountId, Outcome, Role};

/// Where a held request goes on when the hold is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Resume {
    /// It was held by the check of the form.
    Check,
    /// It was held at dispatch.
    Dispatch,
    /// It was stopped when the first examination was recorded.
    SecondReview {
        /// The first reviewer.
        first: AccountId,
    },
    /// It was stopped when two examinations that differ were recorded.
    Adjudication {
        /// The first reviewer.
        first: AccountId,
        /// The second reviewer.
        second: AccountId,
    },
    /// It was held when an officer would have released the answer.
    Release {
        /// The conclusion.
        outcome: Outcome,
        /// Everyone who examined it; none of them may release.
        reviewers: Vec<AccountId>,
    },
    /// The answer is released but cannot be sealed (no usable key of the recipient).
    Respond {
        /// The conclusion.
        outcome: Outcome,
        /// Who released it.
        officer: AccountId,
    },
    /// The sealed mail cannot be delivered.
    Deliver,
    /// The released answer was called back before it left.
    Recall,
}

impl Resume {
    /// What becomes of the request when the hold is allowed, for the person who decides.
    pub fn if_allowed(&self) -> &'static str {
        match self {
            Self::Check => "the request is accepted and goes to a reviewer on duty",
            Self::Dispatch => "the request goes to a reviewer on duty",
            Self::SecondReview { .. } => "the request goes on to its second reviewer",
            Self::Adjudication { .. } => "the request goes on to its adjudicator",
            Self::Release { .. } => {
                "the answer waits for a release authority again, who reads it and signs it"
            }
            Self::Respond { .. } => {
                "the released answer is sealed for the recipient's certificate of today and sent"
            }
            Self::Deliver | Self::Recall => {
                "the released answer is sealed anew, for the address and certificate of today, and sent"
            }
        }
    }

    /// What becomes of the request when the hold is refused, for the person who decides.
    pub fn if_refused(&self) -> &'static str {
        match self {
            Self::Check | Self::Dispatch => {
                "the request is rejected, and the agency reads why; its images are destroyed"
            }
            Self::SecondReview { .. } | Self::Adjudication { .. } | Self::Release { .. } => {
                "the request is rejected without an answer; the records of its examination are kept"
            }
            Self::Respond { .. } | Self::Deliver => {
                "nothing: a released answer cannot be unsaid; mend what stops it and allow the hold"
            }
            Self::Recall => {
                "the request is rejected, and the answer never leaves; the records of its examination are kept"
            }
        }
    }

    /// Whether an examination of the request is on record when it is held there.
    pub fn is_examined(&self) -> bool {
        match self {
            Self::Check | Self::Dispatch => false,
            Self::SecondReview { .. }
            | Self::Adjudication { .. }
            | Self::Release { .. }
            | Self::Respond { .. }
            | Self::Deliver
            | Self::Recall => true,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// Every policy allows the form.
    CheckAccepted,
    /// A policy refuses it.
    CheckRejected,
    /// A named human must decide.
    Held {
        /// Who.
        role: Role,
        /// Where it goes on.
        resume: Resume,
    },
    /// The human's time ran out: the next role has it, or the last one again.
    HoldOverdue,
    /// The human allowed it.
    HoldAllowed,
    /// The human refused it.
    HoldRefused,
    /// No reviewer is free, or none took the offer.
    Queued,
    /// A reviewer on duty was chosen.
    Offered {
        /// Who.
        reviewer: AccountId,
    },
    /// A reviewer took the job.
    Claimed(Lease),
    /// The reviewer goes on and needs more time.
    Renewed(Lease),
    /// The reviewer hands the first examination over to a named other one.
    HandedOver {
        /// To whom it is offered.
        reviewer: AccountId,
    },
    /// The reviewer went silent or gave it back.
    LeaseEnded,
    /// The first reviewer concluded.
    Concluded,
    /// The second reviewer came to the same outcome.
    SecondAgreed {
        /// Which.
        outcome: Outcome,
    },
    /// The second reviewer came to another outcome.
    SecondDiffered,
    /// They differ, and the unit leaves it at that.
    SecondDivided,
    /// The second review was waived.
    SecondWaived {
        /// The first reviewer's outcome.
        outcome: Outcome,
    },
    /// The adjudicator decided.
    Adjudicated {
        /// What.
        outcome: Outcome,
    },
    /// The release authority's time ran out; it waits on.
    ReleaseOverdue,
    /// The release authority signed.
    ReleaseGranted {
        /// Who.
        officer: AccountId,
    },
    /// The answer is signed, encrypted and stored.
    AnswerSealed,
    /// It is a known-answer job: nothing is sealed or sent, and it looks like a delivered one from then on.
    KeptInUnit,
    /// The recipient's mail server took it.
    MailAccepted,
    /// It waits in the portal.
    PickupOpened,
    /// The requester confirmed.
    ReceiptAcknowledged,
    /// Feedback is asked for.
    FeedbackAsked,
    /// Nothing is owed any more.
    Closed,
    /// The requester withdrew.
    Withdrawn,
    /// Time ran out.
    Expired,
    /// The keys were destroyed.
    Destroyed,
}

impl Event {
    /// Its name, for messages and the transition table.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}
