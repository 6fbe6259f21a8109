//! Times in which a lane has nobody, or nobody who may examine.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use strum::VariantArray as _;

use super::{Period, Roster, Span, spans};
use crate::domain::{AccountId, Capability, Lane, UnitId};

/// What the people of a unit are trained for, and when: active reviewers and their credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skills(BTreeMap<AccountId, Vec<(Period, Vec<Capability>)>>);

impl Skills {
    /// Adds a person's credential.
    pub fn add(&mut self, person: AccountId, in_force: Period, capabilities: &[Capability]) {
        self.0.entry(person).or_default().push((in_force, capabilities.to_vec()));
    }

    /// The capabilities of a person at `at`; none without a credential in force.
    fn of(&self, person: AccountId, at: DateTime<Utc>) -> Option<BTreeSet<Capability>> {
        let mut held =
            self.0.get(&person)?.iter().filter(|(period, _)| period.holds(at)).peekable();
        let _ = held.peek()?;
        Some(held.flat_map(|(_, capabilities)| capabilities.iter().copied()).collect())
    }

    fn edges(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.0.values().flatten().flat_map(|(period, _)| [period.from, period.until])
    }
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GapKind {
    /// Nobody is on duty.
    Nobody,
    /// Somebody is, but no active reviewer with a credential in force.
    NoCredential,
    /// Reviewers are, but no one of them has some capability.
    NoCapability,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Where.
    pub lane: Lane,
    /// When.
    pub period: Period,
    /// What is missing.
    pub gap: GapKind,
    /// Capabilities that nobody has.
    pub missing: Vec<Capability>,
}

/// The gaps of a unit, by lane and time.
pub fn gaps(roster: &Roster, unit: &UnitId, skills: &Skills, within: Period) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    let edges: BTreeSet<DateTime<Utc>> = skills.edges().collect();
    for lane in Lane::VARIANTS {
        for span in spans(roster, unit, *lane, within) {
            for period in split(&span, &edges) {
                let Some((gap, missing)) = missing(&span, skills, period.from) else { continue };
                match found.last_mut() {
                    Some(last)
                        if last.lane == *lane
                            && last.period.until == period.from
                            && last.gap == gap
                            && last.missing == missing =>
                    {
                        last.period.until = period.until;
                    }
                    Some(_) | None => found.push(Gap { lane: *lane, period, gap, missing }),
                }
            }
        }
    }
    found
}

/// A credential may lapse in the middle of a span.
fn split(span: &Span, edges: &BTreeSet<DateTime<Utc>>) -> Vec<Period> {
    let mut from = span.period.from;
    let inside = edges.range((std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded));
    let inside = inside.take_while(|edge| **edge < span.period.until);
    let mut periods = Vec::new();
    for edge in inside.chain(std::iter::once(&span.period.until)) {
        periods.push(Period { from, until: *edge });
        from = *edge;
    }
    periods
}

fn missing(span: &Span, skills: &Skills, at: DateTime<Utc>) -> Option<(GapKind, Vec<Capability>)> {
    if span.duty.people.is_empty() {
        return Some((GapKind::Nobody, Vec::new()));
    }
    let able: Vec<BTreeSet<Capability>> =
        span.duty.people.iter().filter_map(|person| skills.of(*person, at)).collect();
    if able.is_empty() {
        return Some((GapKind::NoCredential, Vec::new()));
    }
    let missing: Vec<Capability> = Capability::VARIANTS
        .iter()
        .filter(|capability| !able.iter().any(|one| one.contains(capability)))
        .copied()
        .collect();
    (!missing.is_empty()).then_some((GapKind::NoCapability, missing))
}
