//! A wrapper for what names or describes a person: it cannot be printed by accident.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that is personal data (or criminal-justice information).
///
/// `Debug` shows a dot, there is no `Display`, and reading it takes the word [`Personal::expose`].
/// It serialises as its content: only sealed records and answers to the person's own agency do that.
///
/// ```
/// use leadbroker::domain::Personal;
/// let name = Personal::new("Jordan Sample".to_owned());
/// assert_eq!(format!("{name:?}"), "·");
/// assert_eq!(name.expose(), "Jordan Sample");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Every use of this word is a place to look at in review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("·")
    }
}

impl From<&str> for Personal<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}
