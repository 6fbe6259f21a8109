//! Crash points for the fault stories, behind the cargo feature `faults`. Never in a release binary.

/// Ends the process, as a power cut would, when the point named in `LEADBROKER_CRASH=name:n` is passed for the
/// n-th time. Compiles to nothing without the feature.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "faults")]
        $crate::crash::pass($name);
    };
}

/// Counts a pass and, when its turn has come, ends the process at once: no destructor, no flush.
#[cfg(feature = "faults")]
pub fn pass(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PLAN: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    #[expect(clippy::disallowed_methods, reason = "a fault plan is no configuration")]
    let plan = PLAN.get_or_init(|| {
        let text = std::env::var("LEADBROKER_CRASH").ok()?;
        let (name, count) = text.rsplit_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((point, count)) = plan
        && point == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
