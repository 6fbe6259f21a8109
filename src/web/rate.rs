//! Too much at once.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};

use super::problem::Problem;

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
    fn who_sends_too_much_reads_when_to_come_back() {
        for (milliseconds, seconds) in [(0, "1"), (20, "1"), (1000, "1"), (1001, "2")] {
            let wait = Duration::from_millis(milliseconds);
            let response = too_many("rate_limited", wait).into_response();
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
        }
    }
}
