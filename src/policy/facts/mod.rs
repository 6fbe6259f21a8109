//! What a rule may look at: yes-or-no, counts, ages and codes. Facts hold no personal data: the
//! builders count, compare and classify, and leave the words behind.
//!
//! A builder a gate; the names are those of `config/policies/schema.cedarschema`, and facts that do
//! not fit the schema are refused by the engine.

mod access;
mod answer;
mod disclosure;
mod form;
mod image;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::RestrictedExpression;

use super::gate::Gate;

pub use access::{Content, Destruction, Purpose, Reader, Reading, destroy, read};
pub use answer::{Channel, Delivery, Officer, Release, SecondReviewState, deliver, release};
pub use disclosure::{Disclosure, disclose};
pub use form::{FormFacts, Limits, Offered, Service, Standing, dispatch, form, probe, submit};
pub use people::{
    Examination, ReviewerStanding, SecondReview, Waiver, conclude, lease, second_review,
};

/// The facts for one question at one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub(super) gate: Gate,
    /// Put before every finding's field.
    pub(super) prefix: String,
    pub(super) values: Record,
    /// Where and what, for the findings of a clause.
    pub(super) shown: Vec<Shown>,
}

/// A place in the form and what was found there: a code, never the requester's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) clause: &'static str,
    pub(super) field: &'static str,
    pub(super) what: String,
}

impl Facts {
    fn new(gate: Gate, values: Record) -> Self {
        Self { gate, prefix: String::new(), values, shown: Vec::new() }
    }

    /// The gate they are for.
    pub fn gate(&self) -> Gate {
        self.gate
    }
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Bool(bool),
    Long(i64),
    Text(String),
    Texts(BTreeSet<String>),
    Record(Record),
    Records(Vec<Record>),
    /// Statements with the SHA-256 of the words shown: becomes the set of those whose words are the
    /// approved ones.
    Statements(Vec<(String, String)>),
}

/// Facts by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record(pub(super) BTreeMap<&'static str, Value>);

impl Record {
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Long(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Long(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<BTreeSet<String>> for Value {
    fn from(value: BTreeSet<String>) -> Self {
        Self::Texts(value)
    }
}

impl From<Record> for Value {
    fn from(value: Record) -> Self {
        Self::Record(value)
    }
}

/// A set of texts from anything that reads as text.
fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(|t| t.as_ref().to_owned()).collect()
}

impl Value {
    /// The value as Cedar has it. `approved` gives the SHA-256 of a statement's approved words.
    pub(super) fn expression<'a>(
        &self,
        approved: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<RestrictedExpression, String> {
        let text = |t: &String| RestrictedExpression::new_string(t.clone());
        Ok(match self {
            Self::Bool(value) => RestrictedExpression::new_bool(*value),
            Self::Long(value) => RestrictedExpression::new_long(*value),
            Self::Text(value) => text(value),
            Self::Texts(values) => RestrictedExpression::new_set(values.iter().map(text)),
            Self::Record(record) => record.expression(approved)?,
            Self::Records(records) => RestrictedExpression::new_set(
                records.iter().map(|r| r.expression(approved)).collect::<Result<Vec<_>, _>>()?,
            ),
            Self::Statements(shown) => {
                let held: BTreeSet<&String> = shown
                    .iter()
                    .filter(|(statement, sha256)| approved(statement) == Some(sha256.as_str()))
                    .map(|(statement, _)| statement)
                    .collect();
                RestrictedExpression::new_set(held.into_iter().map(text))
            }
        })
    }
}

impl Record {
    /// Names with Cedar's values.
    pub(super) fn pairs<'a>(
        &self,
        approved: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Vec<(String, RestrictedExpression)>, String> {
        self.0
            .iter()
            .map(|(name, value)| Ok(((*name).to_owned(), value.expression(approved)?)))
            .collect()
    }

    fn expression<'a>(
        &self,
        approved: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<RestrictedExpression, String> {
        RestrictedExpression::new_record(self.pairs(approved)?).map_err(|e| e.to_string())
    }
}
