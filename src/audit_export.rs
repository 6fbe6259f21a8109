//! Writes the audit log as an export that `leadbroker audit verify` reads without a database.

use std::io::Write;

use crate::audit::{Header, Note, entry_line, header_line, note_line};
use crate::pipeline::{Context, PipelineError};
use crate::worker::checkpoint::sign_head;

/// Entries that are read at once.
const PAGE: i64 = 2_000;

/// Signs the head as it is now, then writes every entry up to it, with its checkpoints. Returns the number of entries.
pub async fn write(
    ctx: &Context,
    origin: &str,
    to: &mut (dyn Write + Send),
) -> Result<u64, PipelineError> {
    let size = sign_head(ctx, origin).await?;
    let fault = |_| PipelineError::Inconsistent("the export's file");
    let damaged = |_| PipelineError::Inconsistent("an audit entry");
    let header = Header::new(origin, &ctx.release_key.public_bytes()?);
    writeln!(to, "{}", header_line(&header).map_err(damaged)?).map_err(fault)?;
    let mut notes = ctx.store.checkpoints().await?.into_iter().peekable();
    let mut next = 0_u64;
    while next < size {
        let page = ctx.store.audit_entries(next, PAGE).await?;
        if page.is_empty() {
            return Err(PipelineError::Inconsistent("the audit log: entries are missing"));
        }
        for body in page {
            if next == size {
                break;
            }
            writeln!(to, "{}", entry_line(&body).map_err(damaged)?).map_err(fault)?;
            next += 1;
            while let Some(note) = notes.next_if(|note| u64::try_from(note.size) == Ok(next)) {
                writeln!(to, "{}", note_line(&Note::new(note.note)).map_err(damaged)?).map_err(fault)?;
            }
        }
    }
    Ok(size)
}
