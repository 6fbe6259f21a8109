//! retry schedule, to be joined by the names
use std::time::Duration;
/// Delays.
pub fn retry_after(attempts: i64) -> Option<Duration> {
    let tiers = [5, 30, 120, 600, 3600];
    usize::try_from(attempts - 1).ok().and_then(|n| tiers.get(n)).map(|s| Duration::from_secs(*s))
}
