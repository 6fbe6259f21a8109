//! In which order waiting jobs are served: by lane, and by how long they wait, so that no lane starves another.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Lane;

/// A job is overtaken only by jobs that came within this time after it, whatever their lane: the stated bound.
pub const MOST_OVERTAKEN: TimeDelta = TimeDelta::hours(72);

/// How much earlier than it came a job counts. The index `search_requests_by_rank` has the same figures.
pub fn head_start(lane: Lane) -> TimeDelta {
    match lane {
        Lane::Threat => MOST_OVERTAKEN,
        Lane::Priority => TimeDelta::hours(24),
        Lane::Routine => TimeDelta::zero(),
    }
}

/// The place in the queue: the smaller is served first, and equals by id. It does not change while the job waits, so
/// the order is the same whenever somebody looks.
pub fn rank(lane: Lane, received_at: DateTime<Utc>) -> DateTime<Utc> {
    received_at - head_start(lane)
}

/// The effective priority at `now`: how long a routine job would have waited to stand where this one stands.
pub fn waited_as(lane: Lane, received_at: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    now - rank(lane, received_at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn lanes_come_in_their_order_and_waiting_makes_up_for_it() {
        let (threat, priority) = (rank(Lane::Threat, at(0)), rank(Lane::Priority, at(0)));
        assert!(threat < priority && priority < rank(Lane::Routine, at(0)));
        // A routine job that waits a day stands with the priority jobs that come now.
        assert_eq!(rank(Lane::Routine, at(-24 * 60)), priority);
        assert_eq!(waited_as(Lane::Threat, at(0), at(0)), MOST_OVERTAKEN);
    }

    proptest! {
        /// A server that takes one job at a time, always the first by rank, from a stream that never ends.
        #[test]
        fn nobody_is_overtaken_by_who_came_later_than_the_bound(jobs in proptest::collection::vec((0usize..3, 0i64..20_000), 2..200), every in 1i64..200) {
            let jobs: Vec<(Lane, DateTime<Utc>)> =
                jobs.into_iter().map(|(lane, minute)| (Lane::VARIANTS[lane], at(minute))).collect();
            let mut waiting: Vec<usize> = (0..jobs.len()).collect();
            let mut clock = 0;
            while !waiting.is_empty() {
                clock += every;
                let here = waiting.iter().copied().filter(|n| jobs[*n].1 <= at(clock));
                let Some(served) = here.min_by_key(|n| (rank(jobs[*n].0, jobs[*n].1), *n)) else { continue };
                waiting.retain(|n| *n != served);
                for left in &waiting {
                    prop_assert!(jobs[served].1 - jobs[*left].1 <= MOST_OVERTAKEN);
                    let same_lane = jobs[served].0 == jobs[*left].0;
                    prop_assert!(!same_lane || jobs[served].1 <= jobs[*left].1, "a lane keeps its order");
                }
            }
        }
    }
}
