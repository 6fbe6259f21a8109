//! A destination that does not answer is left alone for a while, so that it does not hold up the others.

use chrono::{DateTime, TimeDelta, Utc};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long it stays open before one call tries again.
const PAUSE: TimeDelta = TimeDelta::seconds(60);

/// The circuit of one destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    closed_at: Option<DateTime<Utc>>,
}

impl Breaker {
    /// Whether a call may be made now; else when one may. After the pause one call is let through.
    pub fn ask(&mut self, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        match self.closed_at {
            Some(at) if now < at => Err(at),
            Some(_) => {
                self.closed_at = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What the call came to.
    pub fn record(&mut self, answered: bool, now: DateTime<Utc>) {
        if answered {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.closed_at = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_open_it_and_one_call_tries_again() {
        let start = DateTime::UNIX_EPOCH;
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            assert_eq!(breaker.ask(start), Ok(()));
            breaker.record(false, start);
        }
        assert_eq!(breaker.ask(start), Err(start + PAUSE));
        let later = start + PAUSE;
        assert_eq!(breaker.ask(later), Ok(()));
        assert!(breaker.ask(later).is_err(), "only one");
        breaker.record(false, later);
        assert!(breaker.ask(later).is_err());
        assert_eq!(breaker.ask(later + PAUSE), Ok(()));
        breaker.record(true, later + PAUSE);
        assert_eq!(breaker.ask(later + PAUSE), Ok(()));
        assert_eq!(breaker, Breaker::default());
    }
}
