//! The audit log: what was done, by whom, under which clause, and the proof that nothing of it was changed.
//!
//! A Merkle log of RFC 6962 shape with signed checkpoints. Entries hold ids, codes and clauses, never personal data;
//! that is enforced by what a detail may contain. Pure: no I/O, no clock.

mod checkpoint;
mod entry;
mod export;
mod merkle;
mod verify;

pub use checkpoint::{Checkpoint, CheckpointError, Note};
pub use entry::{Actor, AuditEntry, AuditError, AuditEvent};
pub use export::{Header, entry_line, header_line, note_line};
pub use merkle::{Frontier, FrontierError, leaf_hash, root_of};
pub use verify::{Broken, Verified, open_note, verify};
