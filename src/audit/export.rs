//! The export: one JSON document a line. A header, the entries with their leaf hashes, and the signed checkpoints,
//! each behind the last entry that it covers.

use serde::{Deserialize, Serialize};

use super::{AuditEntry, AuditError, Note, leaf_hash};

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `leadbroker.audit.v1`.
    pub format: String,
    /// Name of the log.
    pub origin: String,
    /// Ed25519 public key, hexadecimal.
    pub public_key: String,
}

impl Header {
    /// A header of this version.
    pub fn new(origin: &str, public_key: &[u8]) -> Self {
        Self {
            format: "leadbroker.audit.v1".to_owned(),
            origin: origin.to_owned(),
            public_key: hex::encode(public_key),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryLine {
    pub(super) entry: AuditEntry,
    pub(super) leaf: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteLine {
    pub(super) checkpoint: String,
}

pub(super) fn canonical<T: Serialize>(value: &T) -> Result<String, AuditError> {
    serde_json_canonicalizer::to_string(value).map_err(|_| AuditError)
}

/// The header's line, without the line feed.
pub fn header_line(header: &Header) -> Result<String, AuditError> {
    canonical(header)
}

/// The line of an entry, given its stored canonical body.
pub fn entry_line(body: &str) -> Result<String, AuditError> {
    let entry: AuditEntry = serde_json::from_str(body).map_err(|_| AuditError)?;
    canonical(&EntryLine { entry, leaf: hex::encode(leaf_hash(body.as_bytes())) })
}

/// The line of a checkpoint.
pub fn note_line(note: &Note) -> Result<String, AuditError> {
    canonical(&NoteLine { checkpoint: note.as_str().to_owned() })
}
