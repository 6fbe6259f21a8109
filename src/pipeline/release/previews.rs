//! Documents that officers are reading: the release signs the bytes that were read, not bytes made again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Preview, Printed};
use crate::domain::RequestId;

/// Documents kept at once; the oldest goes first, and is made again when somebody releases it.
const MOST: usize = 32;

/// How long a document is kept; it is in clear. Who reads for longer releases one that is made again, of the same bytes.
const LONGEST: TimeDelta = TimeDelta::minutes(15);

/// A made document, with the mandated statements that it prints.
pub(super) type Made = Arc<(Preview, Printed)>;

/// A document, the version of the request that it was made of, and when.
type Held = ((RequestId, i64), DateTime<Utc>, Made);

/// Documents that officers are reading, in memory only.
#[derive(Clone, Default)]
pub struct Previews(Arc<Mutex<VecDeque<Held>>>);

impl std::fmt::Debug for Previews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Previews")
    }
}

impl Previews {
    /// The document of this version of a request.
    pub(super) fn of(&self, of: (RequestId, i64), now: DateTime<Utc>) -> Option<Made> {
        self.expire(now);
        let held = self.lock();
        held.iter().find(|(this, ..)| *this == of).map(|(.., made)| Arc::clone(made))
    }

    pub(super) fn keep(&self, of: (RequestId, i64), now: DateTime<Utc>, made: Made) {
        self.forget(of.0);
        self.expire(now);
        let mut held = self.lock();
        if held.len() >= MOST {
            held.pop_front();
        }
        held.push_back((of, now, made));
    }

    /// Nobody reads it any more.
    pub fn forget(&self, request: RequestId) {
        self.lock().retain(|((of, _), ..)| *of != request);
    }

    /// Forgets what was made too long ago.
    pub fn expire(&self, now: DateTime<Utc>) {
        self.lock().retain(|(_, made_at, _)| now - *made_at < LONGEST);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Held>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn made(text: &str) -> Made {
        let preview = Preview { pdf: text.as_bytes().to_vec(), sha256: text.to_owned() };
        Arc::new((preview, Printed::default()))
    }

    #[test]
    fn only_the_version_that_was_read_is_given_and_the_oldest_goes_first() {
        let previews = Previews::default();
        let request = |n: usize| RequestId::new(Uuid::from_u128(n as u128));
        let now = DateTime::UNIX_EPOCH;
        previews.keep((request(0), 7), now, made("first"));
        assert_eq!(previews.of((request(0), 7), now).unwrap().0.sha256, "first");
        assert!(previews.of((request(0), 8), now).is_none());
        previews.keep((request(0), 8), now, made("second"));
        assert!(previews.of((request(0), 7), now).is_none());
        for n in 1..=MOST {
            previews.keep((request(n), 1), now, made("other"));
        }
        assert!(previews.of((request(0), 8), now).is_none());
        previews.forget(request(1));
        assert!(previews.of((request(1), 1), now).is_none());
        assert!(previews.of((request(MOST), 1), now).is_some());
    }

    #[test]
    fn a_document_is_kept_for_minutes() {
        let previews = Previews::default();
        let (request, now) = (RequestId::new(Uuid::from_u128(1)), DateTime::UNIX_EPOCH);
        let late = now + LONGEST;
        previews.keep((request, 1), now, made("first"));
        assert!(previews.of((request, 1), late - TimeDelta::microseconds(1)).is_some());
        previews.expire(late);
        assert!(previews.lock().is_empty());
    }
}
