//! How a stage ends: for a person, and for a message.

use std::time::Duration;

use crate::domain::{Finding, ShapeError};
use crate::lifecycle::{IllegalTransition, StageCode};
use crate::policy::Claim;

/// Why a person's step was not taken. A value for people, not a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing for this person.
    NotFound,
    /// The person may not do this.
    Forbidden {
        /// Stable code.
        code: &'static str,
        /// What was expected, what to do next.
        message: String,
    },
    /// The request is not where the step needs it.
    Conflict {
        /// Stable code.
        code: &'static str,
        /// What was expected, what to do next.
        message: String,
    },
    /// What was sent has not the right shape.
    Shape(Vec<ShapeError>),
    /// Policies refuse it.
    Findings(Vec<Finding>),
    /// What was written says that a face is somebody.
    Identification {
        /// Every place.
        claims: Vec<Claim>,
        /// What the policies say to it, and to the rest.
        findings: Vec<Finding>,
    },
    /// Its keys are destroyed.
    Gone,
}

/// A step could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// It was refused; the person reads why.
    #[error("the step was refused")]
    Refused(Refusal),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Sealed data could not be written or read.
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
    /// The registry could not be read.
    #[error("read the registry: {0}")]
    Registry(String),
    /// The answer's document could not be made.
    #[error("make the document: {0}")]
    Document(String),
    /// The answer's mail could not be made.
    #[error("make the mail: {0}")]
    Mail(String),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] crate::id_source::NoRandomness),
    /// Something that leadbroker wrote cannot be read back.
    #[error("read back {0}; run `leadbroker doctor`")]
    Inconsistent(&'static str),
}

impl PipelineError {
    /// A conflict.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::Conflict { code, message: message.into() })
    }

    /// A refusal for want of a right.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::Forbidden { code, message: message.into() })
    }

    /// There is no such thing.
    pub fn not_found() -> Self {
        Self::Refused(Refusal::NotFound)
    }
}

impl From<IllegalTransition> for PipelineError {
    fn from(error: IllegalTransition) -> Self {
        Self::conflict("state", error.to_string())
    }
}

/// What becomes of the message that a stage was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Disposition {
    /// Its effect is durable (or was before).
    Done,
    /// Try again.
    Retry {
        /// After this long, instead of the schedule's delay.
        after: Option<Duration>,
        /// Code for the row and the log.
        reason: String,
    },
    /// It can never work; a person must look.
    DeadLetter {
        /// Code for the row and the log.
        reason: String,
    },
}

/// Marks a message as done when its request has moved on already.
pub async fn acknowledge(
    ctx: &super::Context,
    cause: crate::domain::MessageId,
    step: crate::messages::Step,
) -> Result<Disposition, PipelineError> {
    let mut change = crate::store::Change::audited(Vec::new());
    change.done = Some((cause, step));
    let _ = ctx.store.apply(change).await?;
    Ok(Disposition::Done)
}

/// Pure: the request that the change takes, or keeps, where nobody reads its answer's document.
fn out_of_release(change: &crate::store::Change) -> Option<crate::domain::RequestId> {
    match &change.guard {
        crate::store::Guard::Update(update) => {
            (update.stage.code() != StageCode::AwaitingRelease).then_some(update.id)
        }
        crate::store::Guard::None
        | crate::store::Guard::Insert(_)
        | crate::store::Guard::Look(_)
        | crate::store::Guard::Emergency(_)
        | crate::store::Guard::Page(_) => None,
    }
}

/// A released, held, withdrawn or destroyed answer does not stay in memory in clear.
fn unread(
    ctx: &super::Context,
    request: Option<crate::domain::RequestId>,
    applied: crate::store::Applied,
) {
    if let (Some(request), crate::store::Applied::Now) = (request, applied) {
        ctx.previews.forget(request);
    }
}

/// Applies what a stage decided; a request that moved meanwhile is decided again at once.
pub async fn apply_for(
    ctx: &super::Context,
    mut change: crate::store::Change,
    cause: Option<(crate::domain::MessageId, crate::messages::Step)>,
) -> Result<Disposition, PipelineError> {
    change.done = cause;
    let moved = out_of_release(&change);
    let applied = ctx.store.apply(change).await?;
    unread(ctx, moved, applied);
    match applied {
        crate::store::Applied::Now | crate::store::Applied::AlreadyApplied => Ok(Disposition::Done),
        crate::store::Applied::Stale => {
            Ok(Disposition::Retry { after: Some(Duration::ZERO), reason: "stale".to_owned() })
        }
    }
}

/// Applies a person's step; if the request moved meanwhile, the person looks again.
pub async fn apply_by_person(
    ctx: &super::Context,
    change: crate::store::Change,
) -> Result<(), PipelineError> {
    let moved = out_of_release(&change);
    let applied = ctx.store.apply(change).await?;
    unread(ctx, moved, applied);
    match applied {
        crate::store::Applied::Now => Ok(()),
        crate::store::Applied::AlreadyApplied | crate::store::Applied::Stale => {
            Err(PipelineError::conflict(
                "moved_on",
                "somebody else changed this request at the same moment; read its status and decide again",
            ))
        }
    }
}
