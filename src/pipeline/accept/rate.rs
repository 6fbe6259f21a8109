//! How many forms an agency may send in a second, by whichever way in. One agency's flood leaves the others' share untouched.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::Ori;

/// The limit, agency by agency. Only agencies of the registry get here, so the map stays small.
#[derive(Debug)]
pub struct FormRate {
    limiter: DefaultKeyedRateLimiter<Ori>,
    clock: DefaultClock,
}

impl FormRate {
    /// So many forms a second and agency, at least one.
    pub fn new(forms_per_second: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(forms_per_second).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Takes one form's share, or says how long it is until the next one is free.
    pub fn take(&self, ori: &Ori) -> Result<(), Duration> {
        self.limiter.check_key(ori).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Takes one form's share as soon as one is free.
    pub async fn wait(&self, ori: &Ori) {
        while let Err(wait) = self.take(ori) {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_agency_that_sends_too_much_waits_and_the_others_do_not() {
        let rate = FormRate::new(3);
        let (one, other): (Ori, Ori) = ("CA0194200".parse().unwrap(), "CA0190000".parse().unwrap());
        let begun = tokio::time::Instant::now();
        let mut taken = 0;
        let wait = loop {
            match rate.take(&one) {
                Ok(()) => taken += 1,
                Err(wait) => break wait,
            }
        };
        assert!(taken >= 3, "{taken}");
        assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{wait:?}");
        rate.take(&other).unwrap();
        for _ in 0..3 {
            rate.wait(&one).await;
        }
        // Three at once, then three a second.
        let least = Duration::from_secs(1) * taken / 3;
        assert!(begun.elapsed() + Duration::from_millis(50) >= least, "{:?}", begun.elapsed());
    }
}
