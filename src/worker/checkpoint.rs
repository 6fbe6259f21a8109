//! Signs the head of the audit log from time to time, so that a later change of what is before it shows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::Checkpoint;
use crate::pipeline::{Context, PipelineError};

/// Signs the head as it is now; the same head again changes nothing. Returns the size that is covered.
pub async fn sign_head(ctx: &Context, origin: &str) -> Result<u64, PipelineError> {
    let (size, root) = ctx.store.audit_head().await?;
    let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
    let note = checkpoint
        .sign(ctx.release_key.key())
        .map_err(|_| PipelineError::Inconsistent("the audit log's key"))?;
    ctx.store.add_checkpoint(size, note.as_str().to_owned(), ctx.now()).await?;
    Ok(size)
}

/// Signs every `every`, and once more at the end.
pub async fn run(ctx: Context, origin: String, every: Duration, stop: CancellationToken) {
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(every) => false,
            () = stop.cancelled() => true,
        };
        if let Err(error) = sign_head(&ctx, &origin).await {
            tracing::error!(error = %error, "sign the audit log's head");
        }
        if last {
            return;
        }
    }
}
