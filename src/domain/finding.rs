//! Reasons and verdicts. A refusal is a value, not an error.

use serde::{Deserialize, Serialize};

/// What a decision says. Ordered: the strictest of many is their maximum.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum Verdict {
    /// Nothing speaks against it.
    Accept,
    /// A named human decides.
    Hold,
    /// Refused.
    Reject,
}

/// One reason that a policy gives, with the clause it rests on.
///
/// `field` is a JSON pointer into the form; texts come from the packs and hold no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Clause id (`LACRIS-PRO-1`, `CORE-AGREEMENT`).
    pub clause: String,
    /// Pack that holds the rule.
    pub pack: String,
    /// How strict.
    pub verdict: Verdict,
    /// JSON pointer to the member at fault; empty for the whole form.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub remedy: String,
}

/// One reason why what arrived has not the form's shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeError {
    /// Stable code (`field_unknown`, `image_truncated`).
    pub code: String,
    /// JSON pointer to the place; empty for the whole.
    pub pointer: String,
    /// What was expected and what to do next.
    pub message: String,
}

impl ShapeError {
    /// A shape error.
    pub fn new(code: &str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), pointer: pointer.into(), message: message.into() }
    }
}
