//! Both databases, one SQL text per query, units of work.
//!
//! A caller never holds a transaction: it hands a [`Change`] (state, records, audit, messages together) to
//! [`Store::apply`], and a writer task commits many of them at once. Nothing is answered before it is durable.
//! The narrow types (`TEXT`, `BIGINT`, `BYTEA`) and the `Any` driver are chosen in `docs/DECISIONS.md`.

mod apply;
mod audit_log;
mod batch;
mod capacity;
mod change;
mod codes;
mod dead_letters;
mod deliveries;
mod dialect;
mod emergency;
mod guard;
mod instance;
mod known_answers;
mod leases;
mod likeness;
mod measures;
mod notices;
mod once;
mod page_reads;
mod pages;
mod policy_sets;
mod pool;
mod probe;
mod reads;
mod repeats;
mod roster;
mod rows;
mod service_clocks;
mod sessions;
mod suspensions;
mod writer;

pub use audit_log::StoredCheckpoint;
pub use change::{
    Applied, Change, Guard, MailingStatus, MailingUpdate, NewIdempotencyKey, NewMailing, NewProbe,
    NewRecord, NewRequest, RecordKind, RequestUpdate,
};
pub use dead_letters::DeadLetter;
pub use deliveries::{Again, Claimed, Due};
pub use dialect::Dialect;
pub use emergency::{DutyRow, EmergencyStep, EmergencyWrite, Enforcement, NewDuty};
pub use instance::NewRegistry;
pub use known_answers::{KnownAnswerRow, KnownAnswerWrite, NewKnownAnswer};
pub use leases::WorkPage;
pub use likeness::{PictureState, PictureToCompare, PicturesCompared, ProbePlace, SealedHashes};
pub use measures::Measures;
pub use notices::{DutyToTell, NewPage};
pub use page_reads::{AttemptRow, ClaimedAttempt, PageRow};
pub use pages::{AttemptStatus, AttemptUpdate, NewAttempt, PageChange, PageUpdate, page_id};
pub use policy_sets::{NewPolicySet, PolicySetConfirmation, PolicySetRow};
pub use pool::{Store, StoreSettings};
pub use probe::{Probe, Schema, StoredPolicySet, probe, probe_policy_set, probe_registry};
pub use reads::{Page, RecordRow, WorkFilter};
pub use repeats::{Shared, UnitRepeats};
pub use roster::NewRosterEntry;
pub use rows::{MailingRow, ProbeRow, RequestRow, StoredEvent};
pub use service_clocks::{ClockLook, ClockRow, NewClock};
pub use suspensions::{NewSuspension, SuspensionRow};

/// A database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver reports a fault; try again later.
    #[error("reach the database")]
    Database(#[from] sqlx::Error),
    /// A row holds what no version of leadbroker writes.
    #[error(
        "read column `{column}` of `{table}`: it holds what leadbroker never writes; run `leadbroker doctor`"
    )]
    Inconsistent {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
    },
    /// The database is set up so that it may lose commits.
    #[error("use this database: {0}")]
    Unsafe(String),
    /// Another instance works on the same file.
    #[error("start: instance `{0}` already works on this database; stop it first")]
    InUse(String),
    /// The commit failed, or its answer was lost: read the state before you try again.
    #[error("write: the database did not confirm the commit")]
    NotCommitted,
    /// The writer has stopped.
    #[error("write: the store is shutting down")]
    Stopped,
    /// The migrations could not be run.
    #[error("bring the tables up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The audit log's own state does not fit.
    #[error("continue the audit log: {0}")]
    Audit(String),
}
