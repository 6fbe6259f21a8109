//! How long a story waits for what happens in the background.

use std::time::{Duration, Instant};

/// Longer than a busy machine ever pauses, shorter than the time a test may take.
const LONGEST: Duration = Duration::from_mins(1);

/// Looks again and again: `let mut patience = Patience::new(); while patience.lasts().await { look }`.
pub(crate) struct Patience {
    end: Instant,
    looked: bool,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self::of(LONGEST)
    }

    /// For what stands behind everything else of a machine.
    pub(crate) fn of(longest: Duration) -> Self {
        Self { end: Instant::now() + longest, looked: false }
    }

    /// Whether to look (again). Waits a little before every look but the first.
    pub(crate) async fn lasts(&mut self) -> bool {
        if std::mem::replace(&mut self.looked, true) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Instant::now() < self.end
    }
}
