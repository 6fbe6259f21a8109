//! Documents that officers are reading: the release signs the bytes that were read, not bytes made again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{Preview, Printed};
use crate::domain::RequestId;

/// Documents kept at once; the oldest goes first, and is made again when somebody releases it.
const MOST: usize = 32;

/// A made document, with the mandated statements that it prints.
pub(super) type Made = Arc<(Preview, Printed)>;

/// A document, and the version of the request that it was made of.
type Held = ((RequestId, i64), Made);

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
    pub(super) fn of(&self, request: RequestId, version: i64) -> Option<Made> {
        let held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.iter().find(|(of, _)| *of == (request, version)).map(|(_, made)| Arc::clone(made))
    }

    pub(super) fn keep(&self, request: RequestId, version: i64, made: Made) {
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.retain(|((of, _), _)| *of != request);
        if held.len() >= MOST {
            held.pop_front();
        }
        held.push_back(((request, version), made));
    }

    /// Nobody reads it any more.
    pub(super) fn forget(&self, request: RequestId) {
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.retain(|((of, _), _)| *of != request);
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
        previews.keep(request(0), 7, made("first"));
        assert_eq!(previews.of(request(0), 7).unwrap().0.sha256, "first");
        assert!(previews.of(request(0), 8).is_none());
        previews.keep(request(0), 8, made("second"));
        assert!(previews.of(request(0), 7).is_none());
        for n in 1..=MOST {
            previews.keep(request(n), 1, made("other"));
        }
        assert!(previews.of(request(0), 8).is_none());
        previews.forget(request(1));
        assert!(previews.of(request(1), 1).is_none());
        assert!(previews.of(request(MOST), 1).is_some());
    }
}
