//! Who is on duty, in this process and on one thread.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use leadbroker::domain::{Lane, UnitId};
use leadbroker::roster::{Roster, resolve};

/// A call of the resolver with a year's roster, at instants of the whole year: mean time of one.
pub(crate) fn run() -> Duration {
    let roster = Roster::new(&crate::roster_year::entries(), &[]);
    let unit: UnitId = "lacris".parse().unwrap();
    let year: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < Duration::from_secs(3) {
        for _ in 0..100 {
            let at = year + TimeDelta::minutes(i64::from(calls % 5_000) * 101);
            let _ = std::hint::black_box(resolve(&roster, &unit, Lane::Priority, at));
            calls += 1;
        }
    }
    started.elapsed() / calls
}
