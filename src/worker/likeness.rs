//! Compares pictures when there are any to compare, never more than half of the time.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pipeline::{Context, likeness};

/// How often it is looked whether something waits.
const IDLE: Duration = Duration::from_secs(1);

/// Compares until told to stop.
pub async fn run(ctx: Context, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let looked_at = match likeness::round(&ctx).await {
            Ok(looked_at) => looked_at,
            Err(error) => {
                tracing::warn!(error = %error, "compare pictures");
                0
            }
        };
        // Whoever submits and examines comes first: as long as it worked, it rests.
        let rest = if looked_at == 0 { IDLE } else { begun.elapsed() };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.cancelled() => {}
        }
    }
}
