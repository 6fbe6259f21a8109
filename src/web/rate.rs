//! How many forms an agency may send in a second. One agency's flood leaves the others' share untouched.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::Problem;
use crate::domain::Ori;

/// The limit, agency by agency. Only agencies of the registry get here, so the map stays small.
#[derive(Debug)]
pub(super) struct FormRate {
    limiter: DefaultKeyedRateLimiter<Ori>,
    clock: DefaultClock,
}

impl FormRate {
    /// So many forms a second and agency, at least one.
    pub(super) fn new(forms_per_second: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(forms_per_second).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Takes one form's share, or says when the next one is free.
    pub(super) fn take(&self, ori: &Ori) -> Result<(), Problem> {
        self.limiter
            .check_key(ori)
            .map_err(|until| too_many("rate_limited", until.wait_time_from(self.clock.now())))
    }
}

/// 429, with the whole seconds to wait.
pub(super) fn too_many(code: &str, wait: Duration) -> Problem {
    let again = "too many at once; send the same again after the seconds in `Retry-After`";
    self::wait(code, again, wait)
}

/// The same in other words.
pub(super) fn wait(code: &str, detail: &'static str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn an_agency_that_sends_too_much_waits_and_the_others_do_not() {
        let rate = FormRate::new(3);
        let (one, other): (Ori, Ori) = ("CA0194200".parse().unwrap(), "CA0190000".parse().unwrap());
        for _ in 0..3 {
            rate.take(&one).unwrap();
        }
        let response = rate.take(&one).unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert!(rate.take(&other).is_ok());
    }
}
