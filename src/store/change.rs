//! A unit of work as data: what a stage decided, to be stored whole or not at all.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::emergency::{EmergencyStep, EmergencyWrite};
use crate::audit::AuditEvent;
use crate::domain::{
    AccountId, Finding, Lane, MessageId, Ori, Outcome, RequestId, UnitId, WaitingReason,
};
use crate::lifecycle::Stage;
use crate::messages::{Message, Step};
use crate::store::known_answers::KnownAnswerWrite;
use crate::store::pages::{PageChange, PageUpdate};
use crate::store::{ClockLook, NewClock};

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// All of it is durable.
    Now,
    /// Its message was handled before; nothing was written.
    AlreadyApplied,
    /// The request moved on since it was read; load and decide again. Nothing was written.
    Stale,
}

/// What must hold for the change to be written.
#[derive(Debug, Clone)]
pub enum Guard {
    /// Nothing.
    None,
    /// The request does not exist yet, nor its idempotency key.
    Insert(Box<NewRequest>),
    /// The request still has the version that was read.
    Update(Box<RequestUpdate>),
    /// Nobody looked at the service clock meanwhile.
    Look(Box<ClockLook>),
    /// Nobody took the step before.
    Emergency(EmergencyStep),
    /// The page is still as it was read.
    Page(Box<PageUpdate>),
}

/// State, records, audit entries and messages that belong together.
#[derive(Debug, Clone)]
pub struct Change {
    /// What must hold.
    pub guard: Guard,
    /// The message that caused it and is done with it.
    pub done: Option<(MessageId, Step)>,
    /// Sealed records.
    pub records: Vec<NewRecord>,
    /// A new mailing.
    pub mailing: Option<NewMailing>,
    /// A mailing's progress.
    pub mailed: Option<MailingUpdate>,
    /// Mailings that are called back before they left.
    pub recalled: Vec<MailingUpdate>,
    /// Duties that begin or have their consequence, and suspensions.
    pub emergency: Vec<EmergencyWrite>,
    /// The marking of a known-answer job, or what it came to.
    pub known_answer: Option<KnownAnswerWrite>,
    /// Audit entries. No audit record, no action.
    pub audit: Vec<AuditEvent>,
    /// Messages to send.
    pub outgoing: Vec<Message>,
    /// Attempts to page somebody, begun or tried. A request's pages are opened and ended with its stage.
    pub pages: Vec<PageChange>,
}

impl Change {
    /// A change that needs nothing but its audit entries.
    pub fn audited(audit: Vec<AuditEvent>) -> Self {
        Self {
            guard: Guard::None,
            done: None,
            records: Vec::new(),
            mailing: None,
            mailed: None,
            recalled: Vec::new(),
            emergency: Vec::new(),
            known_answer: None,
            audit,
            outgoing: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// A change of a request.
    pub fn update(update: RequestUpdate, audit: Vec<AuditEvent>) -> Self {
        Self { guard: Guard::Update(Box::new(update)), ..Self::audited(audit) }
    }

    /// Whether it destroys a request's key.
    pub(super) fn destroys(&self) -> bool {
        match &self.guard {
            Guard::Update(update) => update.destroy_key,
            Guard::None
            | Guard::Insert(_)
            | Guard::Look(_)
            | Guard::Emergency(_)
            | Guard::Page(_) => false,
        }
    }
}

/// A request to store.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Id.
    pub id: RequestId,
    /// Unit.
    pub unit: UnitId,
    /// Agency.
    pub ori: Ori,
    /// First stage.
    pub stage: Stage,
    /// Lane.
    pub lane: Lane,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Next deadline.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Keyed hash of the case number.
    pub case_hash: [u8; 32],
    /// Keyed hash of agency, case and images.
    pub repeat_hash: [u8; 32],
    /// Another request with this repeat hash and lane that arrived then or later, and was not refused, keeps this one out.
    /// `None`: none does.
    pub alone_since: Option<DateTime<Utc>>,
    /// Request that it replaces.
    pub supersedes: Option<RequestId>,
    /// Wrapped data key.
    pub data_key: Vec<u8>,
    /// Sealed form.
    pub form: Vec<u8>,
    /// Probes.
    pub probes: Vec<NewProbe>,
    /// Idempotency key.
    pub idempotency: Option<NewIdempotencyKey>,
    /// Its service clock, where the unit has a target for the lane.
    pub clock: Option<NewClock>,
}

/// A probe to store; its bytes are in the image store already.
#[derive(Debug, Clone)]
pub struct NewProbe {
    /// Place in the form, from 0.
    pub ordinal: i64,
    /// Key in the image store.
    pub object_key: String,
    /// Keyed hash of the file.
    pub image_hash: [u8; 32],
    /// Media type.
    pub media_type: String,
    /// Length in bytes.
    pub byte_len: i64,
}

/// An agency's idempotency key.
#[derive(Debug, Clone)]
pub struct NewIdempotencyKey {
    /// The key.
    pub key: String,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

/// A change of a request's row.
#[derive(Debug, Clone)]
pub struct RequestUpdate {
    /// Which.
    pub id: RequestId,
    /// The version that was read.
    pub seen: i64,
    /// New stage.
    pub stage: Stage,
    /// New deadline.
    pub deadline_at: Option<DateTime<Utc>>,
    /// When.
    pub at: DateTime<Utc>,
    /// New fencing token, if a lease was given.
    pub fence: Option<i64>,
    /// A claim: its holder may hold at most so many, this one included.
    pub most_leases: Option<i64>,
    /// Findings to show, if they changed.
    pub findings: Option<Vec<Finding>>,
    /// Outcome, once released.
    pub outcome: Option<Outcome>,
    /// Give it the unit's next case number (gap-free).
    pub number_in: Option<UnitId>,
    /// Destroy the images' rows: a rejected form keeps none.
    pub drop_probes: bool,
    /// Destroy the key: nothing sealed can be read again.
    pub destroy_key: bool,
    /// Sealed files that are to leave the image store.
    pub discard: Vec<String>,
    /// Why nobody is asked to take the queued job; whatever stood there before goes.
    pub waiting: Option<WaitingReason>,
    /// A legal hold that stands since, or none any more.
    pub legal_hold: Option<Option<DateTime<Utc>>>,
}

impl RequestUpdate {
    /// A change of stage and deadline only.
    pub fn stage(
        id: RequestId,
        seen: i64,
        stage: Stage,
        at: DateTime<Utc>,
        deadline_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            id,
            seen,
            stage,
            deadline_at,
            at,
            fence: None,
            most_leases: None,
            findings: None,
            outcome: None,
            number_in: None,
            drop_probes: false,
            destroy_key: false,
            discard: Vec::new(),
            waiting: None,
            legal_hold: None,
        }
    }
}

/// What a sealed record is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum RecordKind {
    /// The first examination.
    Examination,
    /// The blind second review.
    SecondReview,
    /// The adjudication.
    Adjudication,
    /// The candidate's image and particulars, sealed apart from the conclusion.
    Release,
    /// A decision about a hold.
    HoldDecision,
    /// A withdrawal.
    Withdrawal,
    /// A waiver of the second review.
    Waiver,
    /// An examination that came after its claim had ended; its author alone may read it.
    Draft,
    /// Why a reviewer gave the job back.
    GiveBack,
    /// An attempt to call the agency back about an emergency.
    CallBack,
    /// A supervisor's confirmation of an emergency.
    Confirmation,
    /// Why a suspension was lifted.
    SuspensionLift,
    /// A legal hold that was set or lifted.
    LegalHold,
    /// To whom a delivered answer was passed on.
    Dissemination,
}

impl RecordKind {
    /// Whether it is an examination, or stands in for one: what the answer's document says and when it was complete.
    pub fn is_examination(self) -> bool {
        match self {
            Self::Examination | Self::SecondReview | Self::Adjudication | Self::Waiver => true,
            Self::Release
            | Self::Draft
            | Self::GiveBack
            | Self::HoldDecision
            | Self::Withdrawal
            | Self::CallBack
            | Self::Confirmation
            | Self::SuspensionLift
            | Self::LegalHold
            | Self::Dissemination => false,
        }
    }
}

/// A sealed record to store.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// Its id (bound to the sealed bytes).
    pub id: Uuid,
    /// Of which request.
    pub request: RequestId,
    /// What it is.
    pub kind: RecordKind,
    /// Who wrote it.
    pub author: AccountId,
    /// When.
    pub at: DateTime<Utc>,
    /// Sealed content.
    pub sealed: Vec<u8>,
}

/// Where a mail stands with its one recipient.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
    serde::Serialize,
    serde::Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MailingStatus {
    /// Sealed and stored.
    Queued,
    /// An attempt was begun.
    Sending,
    /// The recipient's server has it.
    Sent,
    /// It will be tried again.
    Deferred,
    /// The recipient's server refuses it for good.
    Refused,
    /// The server did not answer the final dot: it may have it.
    Indeterminate,
}

/// A sealed mail to store, before the first attempt.
#[derive(Debug, Clone)]
pub struct NewMailing {
    /// Id.
    pub id: Uuid,
    /// Of which request.
    pub request: RequestId,
    /// Message-ID header.
    pub message_id: String,
    /// Where the finished bytes are in the image store.
    pub object_key: String,
    /// Sealed envelope (sender, recipient).
    pub envelope: Vec<u8>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What an attempt to send came to.
#[derive(Debug, Clone)]
pub struct MailingUpdate {
    /// Which.
    pub id: Uuid,
    /// Where it stands.
    pub status: MailingStatus,
    /// Phase of the dialogue that was reached.
    pub phase: Option<String>,
    /// Reply code.
    pub code: Option<String>,
    /// Whether this begins an attempt.
    pub begins: bool,
    /// When.
    pub at: DateTime<Utc>,
}
