//! The nouns of the field, in its own words. Pure: no I/O, no clock, no randomness.

pub mod agency;
pub mod emergency;
pub mod escalation;
pub mod examination;
pub mod finding;
pub mod form;
pub mod ids;
pub mod known_answer;
pub mod outcome;
pub mod people;
pub mod personal;
pub mod plain_text;
pub mod roster;
pub mod service;
pub mod unit;
pub mod waiting;

pub use agency::{Agency, AgencyStanding, Agreement, Ori};
pub use escalation::{EscalationPolicy, PageCause, Whom};
pub use finding::{Finding, ShapeError, Verdict};
pub use form::Form;
pub use ids::{
    AccountId, MessageId, PackId, PageAttemptId, PageId, RequestId, RosterEntryId, UnitId,
};
pub use outcome::Outcome;
pub use people::{Account, Capability, Credential, GiveBackReason, Lane, Role, Training};
pub use personal::Personal;
pub use roster::Shift;
pub use service::{Opening, ServiceTarget, ServiceTerms};
pub use unit::{
    AiSystem, Differences, Repository, RepositoryKind, Safeguards, SignOff, TrainerDesignation,
    Unit, UnitDesk, UnitWords,
};
pub use waiting::{Waiting, WaitingReason};
