//! Offline verification of an export: no database, no network, only the file and, if the reader has it, the key.

use openssl::pkey::{Id, PKey, Public};

use super::export::{EntryLine, Header, NoteLine, canonical};
use super::{Checkpoint, Frontier, Note, leaf_hash};

/// What a sound export proves.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Name of the log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root over all entries, hexadecimal.
    pub root: String,
    /// Checkpoints, all signed by the key.
    pub checkpoints: usize,
    /// Whether the key was given by the reader; otherwise it is the file's own word.
    pub key_pinned: bool,
}

impl Verified {
    /// How much it is, for people: `29 entries under 1 signed checkpoint`.
    pub fn counts(&self) -> String {
        let entries = if self.size == 1 { "entry" } else { "entries" };
        let checkpoints =
            if self.checkpoints == 1 { "signed checkpoint" } else { "signed checkpoints" };
        format!("{} {entries} under {} {checkpoints}", self.size, self.checkpoints)
    }
}

/// Where an export is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Broken {
    /// Line of the file, from 1.
    pub line: usize,
    /// The first bad entry's number, from 0, where it is an entry.
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

struct Reading {
    key: PKey<Public>,
    origin: String,
    frontier: Frontier,
    covered: u64,
    checkpoints: usize,
}

/// Verifies an export. `key` is the log's public key (32 bytes) if the reader holds it. `witnessed` are checkpoints
/// that receiving agencies hold: the log must contain each of them, which shows a truncated or rewritten log.
///
/// Any single changed, deleted, added or swapped line or byte is found; an entry line is named by its number.
pub fn verify<'l>(
    lines: impl Iterator<Item = &'l str>,
    key: Option<&[u8]>,
    witnessed: &[Checkpoint],
) -> Result<Verified, Broken> {
    let mut lines = lines.enumerate().map(|(place, line)| (place + 1, line)).peekable();
    let (_, first) = lines.next().ok_or_else(|| broken(1, None, "the file is empty"))?;
    let mut reading = header(first, key)?;
    let mut open: Vec<&Checkpoint> = witnessed.iter().collect();
    let mut last = 1;
    for (place, line) in lines {
        last = place;
        if line.starts_with("{\"checkpoint\"") {
            note(&mut reading, place, line)?;
        } else {
            entry(&mut reading, place, line)?;
        }
        let (size, root) = (reading.frontier.size(), reading.frontier.root());
        for held in open.extract_if(.., |held| held.size == size) {
            if held.root != root {
                return Err(broken(
                    place,
                    size.checked_sub(1),
                    "a checkpoint that was given to you has another root: the log before this line was rewritten",
                ));
            }
        }
    }
    let size = reading.frontier.size();
    if reading.covered != size || reading.checkpoints == 0 {
        return Err(broken(
            last,
            Some(reading.covered),
            "no signed checkpoint covers this entry and those behind it: they were added, or the closing checkpoint was removed",
        ));
    }
    if let Some(held) = open.first() {
        return Err(broken(
            last,
            Some(size),
            &format!(
                "the log ends here, but a checkpoint of {} entries was given to you: entries were removed",
                held.size
            ),
        ));
    }
    Ok(Verified {
        origin: reading.origin,
        size,
        root: hex::encode(reading.frontier.root()),
        checkpoints: reading.checkpoints,
        key_pinned: key.is_some(),
    })
}

/// Opens a checkpoint that somebody holds, as one of the log whose export begins with `header`.
pub fn open_note(
    header_line: &str,
    key: Option<&[u8]>,
    note: String,
) -> Result<Checkpoint, Broken> {
    let reading = header(header_line, key)?;
    let checkpoint =
        Note::new(note).open(&reading.key).map_err(|error| broken(1, None, &error.to_string()))?;
    if checkpoint.origin != reading.origin {
        return Err(broken(1, None, "it is of another log"));
    }
    Ok(checkpoint)
}

fn broken(line: usize, entry: Option<u64>, what: &str) -> Broken {
    let what = match entry {
        Some(entry) => format!("entry {entry}: {what}"),
        None => what.to_owned(),
    };
    Broken { line, entry, what }
}

fn header(line: &str, key: Option<&[u8]>) -> Result<Reading, Broken> {
    let bad = |what: &str| broken(1, None, what);
    let header: Header =
        serde_json::from_str(line).map_err(|_| bad("this is no header of an audit export"))?;
    if canonical(&header).ok().as_deref() != Some(line) || header.format != "leadbroker.audit.v1" {
        return Err(bad("the header was changed"));
    }
    let own = hex::decode(&header.public_key).map_err(|_| bad("the header's key was changed"))?;
    if key.is_some_and(|key| key != own) {
        return Err(bad("the export is of another log: its key is not the one that you hold"));
    }
    let key = PKey::public_key_from_raw_bytes(&own, Id::ED25519)
        .map_err(|_| bad("the header's key was changed"))?;
    Ok(Reading {
        key,
        origin: header.origin,
        frontier: Frontier::default(),
        covered: 0,
        checkpoints: 0,
    })
}

fn entry(reading: &mut Reading, place: usize, line: &str) -> Result<(), Broken> {
    let expected = reading.frontier.size();
    let bad = |what: &str| broken(place, Some(expected), what);
    let parsed: EntryLine =
        serde_json::from_str(line).map_err(|_| bad("this line is no entry: it was changed"))?;
    if parsed.entry.seq != expected {
        return Err(bad(&format!(
            "here stands the entry numbered {}: an entry was removed, added or moved",
            parsed.entry.seq
        )));
    }
    if canonical(&parsed).ok().as_deref() != Some(line) {
        return Err(bad("the line is not as leadbroker writes it: it was changed"));
    }
    let body = parsed.entry.canonical().map_err(|_| bad("the entry cannot be read"))?;
    let leaf = leaf_hash(&body);
    if parsed.leaf != hex::encode(leaf) {
        return Err(bad("its hash is another: it was changed"));
    }
    reading.frontier.append(leaf);
    Ok(())
}

fn note(reading: &mut Reading, place: usize, line: &str) -> Result<(), Broken> {
    let from = reading.covered;
    let size = reading.frontier.size();
    let parsed: NoteLine = serde_json::from_str(line)
        .map_err(|_| broken(place, None, "this line is no checkpoint: it was changed"))?;
    if canonical(&parsed).ok().as_deref() != Some(line) {
        return Err(broken(place, None, "the checkpoint was changed"));
    }
    let checkpoint = Note::new(parsed.checkpoint)
        .open(&reading.key)
        .map_err(|error| broken(place, None, &error.to_string()))?;
    if checkpoint.origin != reading.origin {
        return Err(broken(place, None, "the checkpoint is of another log"));
    }
    if checkpoint.size != size || (reading.checkpoints > 0 && size == from) {
        return Err(broken(
            place,
            None,
            "the checkpoint stands at the wrong place: lines were removed, added or moved",
        ));
    }
    if checkpoint.root != reading.frontier.root() {
        return Err(broken(
            place,
            Some(from),
            &format!(
                "the signed root does not fit: one of the entries {from} to {} was rewritten, hash and all",
                size.saturating_sub(1)
            ),
        ));
    }
    reading.covered = size;
    reading.checkpoints += 1;
    Ok(())
}

#[cfg(test)]
mod tests;
