//! Stopping in good order: nothing new is begun, what is begun is finished, then the connections close.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Exit code after a second signal: 128 and SIGINT's number, as shells have it.
pub const INTERRUPTED: i32 = 130;

/// Knows every task, and tells them to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Shutdown {
    /// Where tasks are spawned.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Cancelled when it is time to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Resolves at SIGTERM or SIGINT. From then on a second one ends the program at once, with the exit code
    /// [`INTERRUPTED`]: the person at the keyboard does not want to wait.
    pub async fn signalled(&self) {
        let (terminate, interrupt) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        match (terminate, interrupt) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = self.token.cancelled() => {}
                }
                // In no tracker that anybody waits for: it outlives all the others.
                TaskTracker::new().spawn(async move {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                    // What is under way is claimed in the database; it is done after the next start.
                    tracing::warn!("a second signal: ending at once");
                    std::process::exit(INTERRUPTED);
                });
            }
            // Without signals there is only the token.
            _ => self.token.cancelled().await,
        }
    }

    /// Tells every task to stop and waits for them; `false` if some were still at work when the time was up.
    pub async fn drain(&self, within: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(within, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_was_begun_is_finished_and_slow_work_is_reported() {
        let shutdown = Shutdown::default();
        let token = shutdown.token();
        shutdown.tracker().spawn(async move { token.cancelled().await });
        assert!(shutdown.drain(Duration::from_secs(5)).await);
        let slow = Shutdown::default();
        slow.tracker().spawn(std::future::pending::<()>());
        assert!(!slow.drain(Duration::from_millis(20)).await);
    }
}
