//! The audit log as a stream of lines that can be verified without the database.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::Stream;

use super::{Context, PipelineError};
use crate::audit::{Checkpoint, Header, Note, entry_line, header_line, note_line};

/// Entries that are read at a time.
const BATCH: u64 = 1_000;

/// What remains to be written.
struct Export {
    ctx: Context,
    header: Option<String>,
    /// The next entry.
    next: u64,
    /// Checkpoints that follow, smallest first; the last one covers the last entry.
    notes: VecDeque<(u64, Note)>,
}

/// Signs the log's head as it is now and writes the log up to there: the header, the entries, every checkpoint behind
/// the last entry that it covers. Each item is whole lines. The caller records beforehand who exports.
///
/// An error in mid-stream ends it without its closing checkpoint, and then it does not verify.
pub async fn export(
    ctx: Context,
    origin: String,
) -> Result<impl Stream<Item = Result<Bytes, PipelineError>> + Send + use<>, PipelineError> {
    let key = ctx.release_key.public_bytes()?;
    let header = header_line(&Header::new(&origin, &key)).map_err(unreadable)?;
    let (size, root) = ctx.store.audit_head().await?;
    let closing = Checkpoint { origin, size, root }
        .sign(ctx.release_key.key())
        .map_err(|_| PipelineError::Inconsistent("the audit log's key"))?;
    ctx.store.add_checkpoint(size, closing.as_str().to_owned(), ctx.now()).await?;
    let mut notes = VecDeque::new();
    for stored in ctx.store.checkpoints().await? {
        let covered = u64::try_from(stored.size).map_err(unreadable)?;
        if covered < size {
            notes.push_back((covered, Note::new(stored.note)));
        }
    }
    notes.push_back((size, closing));
    let export = Export { ctx, header: Some(header), next: 0, notes };
    Ok(futures_util::stream::try_unfold(export, |mut export| async move {
        let text = export.step().await?;
        Ok(text.map(|text| (Bytes::from(text), export)))
    }))
}

fn unreadable<E>(_: E) -> PipelineError {
    PipelineError::Inconsistent("the audit log")
}

impl Export {
    /// The next lines, or none at the end.
    async fn step(&mut self) -> Result<Option<String>, PipelineError> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header + "\n"));
        }
        let Some((covered, _)) = self.notes.front() else {
            return Ok(None);
        };
        let wanted = covered.saturating_sub(self.next).min(BATCH);
        if wanted > 0 {
            return self.entries(wanted).await.map(Some);
        }
        let Some((_, note)) = self.notes.pop_front() else {
            return Ok(None);
        };
        Ok(Some(note_line(&note).map_err(unreadable)? + "\n"))
    }

    async fn entries(&mut self, wanted: u64) -> Result<String, PipelineError> {
        let limit = i64::try_from(wanted).map_err(unreadable)?;
        let bodies = self.ctx.store.audit_entries(self.next, limit).await?;
        if bodies.len() as u64 != wanted {
            return Err(PipelineError::Inconsistent("the audit log: entries are missing"));
        }
        let mut text = String::new();
        for body in &bodies {
            text.push_str(&entry_line(body).map_err(unreadable)?);
            text.push('\n');
        }
        self.next += wanted;
        Ok(text)
    }
}
