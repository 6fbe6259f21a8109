//! Times in which a lane has nobody, or nobody for a step of an examination.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use strum::VariantArray as _;

use super::{Period, Roster, Span, spans};
use crate::domain::{AccountId, Capability, Lane, Role, UnitId};

/// Somebody who is trained.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trained {
    role: Role,
    human: usize,
    credentials: Vec<(Period, Vec<Capability>)>,
}

/// What the people of a unit are trained for, and when: active people who examine, and their credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skills(BTreeMap<AccountId, Trained>);

impl Skills {
    /// Adds a person: the role, and a number that two accounts of one human share.
    pub fn person(&mut self, account: AccountId, role: Role, human: usize) {
        self.0.insert(account, Trained { role, human, credentials: Vec::new() });
    }

    /// Adds a credential of a person who was added.
    pub fn add(&mut self, account: AccountId, in_force: Period, capabilities: &[Capability]) {
        if let Some(person) = self.0.get_mut(&account) {
            person.credentials.push((in_force, capabilities.to_vec()));
        }
    }

    /// A person with this role who has a credential in force at `at`, with what it covers.
    fn able(
        &self,
        account: AccountId,
        role: Role,
        at: DateTime<Utc>,
    ) -> Option<(usize, BTreeSet<Capability>)> {
        let person = self.0.get(&account).filter(|person| person.role == role)?;
        let mut held = person.credentials.iter().filter(|(period, _)| period.holds(at)).peekable();
        let _ = held.peek()?;
        Some((person.human, held.flat_map(|(_, covers)| covers.iter().copied()).collect()))
    }

    fn edges(&self) -> impl Iterator<Item = DateTime<Utc>> {
        let periods = self.0.values().flat_map(|person| &person.credentials);
        periods.flat_map(|(period, _)| [period.from, period.until])
    }
}

/// Whom a unit wants on duty besides a first reviewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// Another human for the second review.
    pub second_reviewer: bool,
    /// An adjudicator, for two who differ.
    pub adjudicator: bool,
}

/// What is missing.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum GapKind {
    /// Nobody is on duty.
    Nobody,
    /// Somebody is, but no active reviewer with a credential in force.
    NoCredential,
    /// Reviewers are, but no one of them has some capability.
    NoCapability,
    /// One reviewer is, and nobody for the second review.
    NoSecondReviewer,
    /// No adjudicator with a credential in force is, and the unit wants one.
    NoAdjudicator,
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
pub fn gaps(
    roster: &Roster,
    unit: &UnitId,
    (skills, wants): (&Skills, Wants),
    within: Period,
) -> Vec<Gap> {
    let mut found: Vec<Gap> = Vec::new();
    let edges: BTreeSet<DateTime<Utc>> = skills.edges().collect();
    for lane in Lane::VARIANTS {
        // The last gap of each kind: what adjoins it and is the same continues it.
        let mut last: BTreeMap<GapKind, Gap> = BTreeMap::new();
        for span in spans(roster, unit, *lane, within) {
            for period in split(&span, &edges) {
                for (gap, missing) in missing(&span, (skills, wants), period.from) {
                    let continues =
                        |one: &&mut Gap| one.period.until == period.from && one.missing == missing;
                    if let Some(one) = last.get_mut(&gap).filter(continues) {
                        one.period.until = period.until;
                        continue;
                    }
                    found.extend(last.insert(gap, Gap { lane: *lane, period, gap, missing }));
                }
            }
        }
        found.extend(last.into_values());
    }
    found.sort_by_key(|gap| (gap.lane, gap.period.from, gap.gap));
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

fn missing(
    span: &Span,
    (skills, wants): (&Skills, Wants),
    at: DateTime<Utc>,
) -> Vec<(GapKind, Vec<Capability>)> {
    if span.duty.people.is_empty() {
        return vec![(GapKind::Nobody, Vec::new())];
    }
    let able = |role| -> Vec<(usize, BTreeSet<Capability>)> {
        span.duty.people.iter().filter_map(|person| skills.able(*person, role, at)).collect()
    };
    let reviewers = able(Role::Reviewer);
    let mut found = Vec::new();
    if reviewers.is_empty() {
        found.push((GapKind::NoCredential, Vec::new()));
    } else {
        let lacking = |capability: &&Capability| {
            !reviewers.iter().any(|(_, covers)| covers.contains(capability))
        };
        let missing: Vec<Capability> =
            Capability::VARIANTS.iter().filter(lacking).copied().collect();
        if !missing.is_empty() {
            found.push((GapKind::NoCapability, missing));
        }
        let humans: BTreeSet<usize> = reviewers.iter().map(|(human, _)| *human).collect();
        if wants.second_reviewer && humans.len() < 2 {
            found.push((GapKind::NoSecondReviewer, Vec::new()));
        }
    }
    if wants.adjudicator && able(Role::Adjudicator).is_empty() {
        found.push((GapKind::NoAdjudicator, Vec::new()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain;

    fn at(hour: u32) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(hour.into())
    }

    fn id(number: u128) -> AccountId {
        AccountId::new(uuid::Uuid::from_u128(number))
    }

    fn period(from: u32, until: u32) -> Period {
        Period { from: at(from), until: at(until) }
    }

    /// People with this role and human, on duty from 0 to 24, with one credential each from 0 until then.
    fn found(people: &[(u128, Role, usize, u32)], wants: Wants) -> Vec<(GapKind, Period)> {
        let unit: UnitId = "lacris".parse().unwrap();
        let shift = |(account, ..): &(u128, Role, usize, u32)| domain::Shift {
            unit: unit.clone(),
            account: id(*account),
            starts_at: at(0),
            ends_at: at(24),
        };
        let shifts: Vec<domain::Shift> = people.iter().map(shift).collect();
        let mut skills = Skills::default();
        for (account, role, human, until) in people {
            skills.person(id(*account), *role, *human);
            skills.add(id(*account), period(0, *until), Capability::VARIANTS);
        }
        let roster = Roster::new(&[], &shifts);
        let all = gaps(&roster, &unit, (&skills, wants), period(0, 24));
        assert!(all.is_sorted_by_key(|gap| (gap.lane, gap.period.from)));
        let routine = all.into_iter().filter(|gap| gap.lane == Lane::Routine);
        routine.map(|gap| (gap.gap, gap.period)).collect()
    }

    #[test]
    fn every_step_of_an_examination_wants_its_people() {
        use Role::{Adjudicator, Reviewer};
        let all = Wants { second_reviewer: true, adjudicator: true };
        let whole = [(1, Reviewer, 1, 99), (2, Reviewer, 2, 99), (3, Adjudicator, 3, 99)];
        assert_eq!(found(&whole, all), []);
        let second = (GapKind::NoSecondReviewer, period(0, 24));
        let decides = (GapKind::NoAdjudicator, period(0, 24));
        assert_eq!(found(&whole[..1], all), [second, decides]);
        assert_eq!(found(&whole[..1], Wants::default()), [], "where the unit wants neither");
        // Two accounts of one human are no second reviewer, and an adjudicator is none either.
        let one = [(1, Reviewer, 1, 99), (2, Reviewer, 1, 99), (3, Adjudicator, 3, 99)];
        assert_eq!(found(&one, all), [second]);
        assert_eq!(found(&whole[2..], all), [(GapKind::NoCredential, period(0, 24))]);
        assert_eq!(found(&[], all), [(GapKind::Nobody, period(0, 24))]);
    }

    #[test]
    fn a_credential_that_lapses_opens_each_gap_at_its_own_time() {
        use Role::{Adjudicator, Reviewer};
        let all = Wants { second_reviewer: true, adjudicator: true };
        let people = [(1, Reviewer, 1, 99), (2, Reviewer, 2, 6), (3, Adjudicator, 3, 9)];
        let wanted =
            [(GapKind::NoSecondReviewer, period(6, 24)), (GapKind::NoAdjudicator, period(9, 24))];
        assert_eq!(found(&people, all), wanted);
    }
}
