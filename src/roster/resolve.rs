//! Who is on duty: the one function that dispatch, pages, calendars and commands ask.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::entry::{HolidayDuty, Level, OverrideAct, Period};
use super::timeline::{Held, OfUnit};
use super::{Override, Roster, Rotation};
use crate::domain::{AccountId, Lane, RosterEntryId, UnitId};

/// What put a person on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Why {
    /// The turn of a rotation.
    Rotation {
        /// Which.
        entry: RosterEntryId,
    },
    /// A temporary schedule.
    Temporary {
        /// Which.
        entry: RosterEntryId,
        /// The rotation that it replaces.
        rotation: RosterEntryId,
    },
    /// The rotation that a holiday names.
    Holiday {
        /// The holiday.
        entry: RosterEntryId,
        /// The rotation.
        rotation: RosterEntryId,
    },
    /// A fixed shift.
    Shift {
        /// Which.
        entry: RosterEntryId,
    },
    /// A shift of the registry.
    Registry,
    /// An override that adds.
    Added {
        /// Which.
        entry: RosterEntryId,
    },
    /// An override that replaces.
    Replaced {
        /// Which.
        entry: RosterEntryId,
        /// In whose place.
        person: AccountId,
    },
}

/// A person on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Who.
    pub person: AccountId,
    /// At which level.
    pub level: Level,
    /// Why.
    pub why: Why,
}

/// A person whom an override took off duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Who.
    pub person: AccountId,
    /// Which override.
    pub entry: RosterEntryId,
}

/// Who is on duty, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OnDuty {
    /// Each once, in the order of the levels.
    pub people: Vec<AccountId>,
    /// The same people with their reasons.
    pub why: Vec<Placed>,
    /// Who would be on duty but for an override.
    pub taken: Vec<Taken>,
    /// The holiday that it is.
    pub holiday: Option<RosterEntryId>,
}

/// A time in which the same people are on duty for the same reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// When.
    pub period: Period,
    /// Who.
    pub duty: OnDuty,
}

/// Who of a unit is on duty in a lane at `at`, by everything that is known.
pub fn resolve(roster: &Roster, unit: &UnitId, lane: Lane, at: DateTime<Utc>) -> OnDuty {
    resolve_as_known(roster, (unit, lane), at, DateTime::<Utc>::MAX_UTC)
}

/// The same, by what was known at `known`. Nothing that is recorded later changes this answer.
pub fn resolve_as_known(
    roster: &Roster,
    (unit, lane): (&UnitId, Lane),
    at: DateTime<Utc>,
    known: DateTime<Utc>,
) -> OnDuty {
    let Some(unit) = roster.unit(unit) else { return OnDuty::default() };
    let moment = Moment { unit, lane, at, known };
    let mut duty = OnDuty::default();
    moment.rotations(&mut duty);
    moment.shifts(&mut duty);
    moment.overrides(&mut duty);
    duty.finish();
    duty
}

struct Moment<'r> {
    unit: &'r OfUnit,
    lane: Lane,
    at: DateTime<Utc>,
    known: DateTime<Utc>,
}

fn serves(lanes: &[Lane], lane: Lane) -> bool {
    lanes.is_empty() || lanes.contains(&lane)
}

impl Moment<'_> {
    /// What holds, in the order of the record.
    fn holding<'h, T>(&self, mut found: Vec<&'h Held<T>>) -> Vec<&'h Held<T>> {
        found.retain(|held| held.holds(self.at, self.known));
        found.sort_by_key(|held| held.ordinal);
        found
    }

    fn rotations(&self, duty: &mut OnDuty) {
        let holiday = self.holding(self.unit.holidays.at(self.at)).pop();
        duty.holiday = holiday.and_then(|holiday| holiday.id);
        for held in self.holding(self.unit.rotations.at(self.at)) {
            let Some(id) = held.id.filter(|_| serves(&held.rule.lanes, self.lane)) else {
                continue;
            };
            let regular = Why::Rotation { entry: id };
            let why = match (holiday.map(|holiday| holiday.rule.duty), duty.holiday) {
                (Some(HolidayDuty::Rotation(named)), Some(entry)) => {
                    (named == id).then_some(Why::Holiday { entry, rotation: id })
                }
                (Some(HolidayDuty::Nobody), _) => None,
                (None | Some(HolidayDuty::Ordinary | HolidayDuty::Rotation(_)), _) => {
                    (!held.rule.only_holidays).then_some(regular)
                }
            };
            if let Some(why) = why {
                self.rotation(id, &held.rule, why, duty);
            }
        }
    }

    fn rotation(&self, id: RosterEntryId, rotation: &Rotation, why: Why, duty: &mut OnDuty) {
        let level = rotation.level;
        let mut temporaries = self.holding(self.unit.temporaries.at(self.at));
        temporaries.retain(|held| held.rule.replaces == id);
        let Some(held) = temporaries.pop() else {
            duty.why.extend(rotation.serves(self.at).map(|person| Placed {
                person: *person,
                level,
                why,
            }));
            return;
        };
        let Some(entry) = held.id else { return };
        let stints = held.rule.stints.iter().filter(|stint| stint.period.holds(self.at));
        let why = Why::Temporary { entry, rotation: id };
        duty.why.extend(stints.map(|stint| Placed { person: stint.person, level, why }));
    }

    fn shifts(&self, duty: &mut OnDuty) {
        for held in self.holding(self.unit.shifts.at(self.at)) {
            if serves(&held.rule.lanes, self.lane) {
                let why = held.id.map_or(Why::Registry, |entry| Why::Shift { entry });
                let (person, level) = (held.rule.person, held.rule.level);
                duty.why.push(Placed { person, level, why });
            }
        }
    }

    fn overrides(&self, duty: &mut OnDuty) {
        for held in self.holding(self.unit.overrides.at(self.at)) {
            if let Some(entry) = held.id.filter(|_| serves(&held.rule.lanes, self.lane)) {
                duty.change(entry, &held.rule);
            }
        }
    }
}

impl OnDuty {
    fn change(&mut self, entry: RosterEntryId, over: &Override) {
        match over.change {
            OverrideAct::Add { person, level } => {
                self.why.push(Placed { person, level, why: Why::Added { entry } });
            }
            OverrideAct::Remove { person } => {
                let _ = self.take(person, entry);
            }
            OverrideAct::Replace { person, with } => {
                if let Some(level) = self.take(person, entry) {
                    let why = Why::Replaced { entry, person };
                    self.why.push(Placed { person: with, level, why });
                }
            }
        }
    }

    /// Takes a person off duty: the level at which the person would have served.
    fn take(&mut self, person: AccountId, entry: RosterEntryId) -> Option<Level> {
        let level =
            self.why.iter().filter(|one| one.person == person).map(|one| one.level).min()?;
        self.why.retain(|one| one.person != person);
        self.taken.push(Taken { person, entry });
        Some(level)
    }

    /// Everybody once, at the first level.
    fn finish(&mut self) {
        self.why.sort_by_key(|one| (one.level, one.person));
        let mut seen = BTreeSet::new();
        self.why.retain(|one| seen.insert(one.person));
        self.people = self.why.iter().map(|one| one.person).collect();
    }
}

/// Who is on duty over a time, for calendars and gaps: without holes, and the same as [`resolve`] at every instant.
pub fn spans(roster: &Roster, unit: &UnitId, lane: Lane, within: Period) -> Vec<Span> {
    let mut edges = BTreeSet::from([within.from]);
    if let Some(unit) = roster.unit(unit) {
        collect_edges(unit, within, &mut edges);
    }
    let mut spans: Vec<Span> = Vec::new();
    for from in edges.into_iter().filter(|edge| within.holds(*edge)) {
        let duty = resolve(roster, unit, lane, from);
        if let Some(last) = spans.last_mut() {
            last.period.until = from;
            if last.duty == duty {
                last.period.until = within.until;
                continue;
            }
        }
        spans.push(Span { period: Period { from, until: within.until }, duty });
    }
    spans
}

/// Every instant at which the answer may change.
fn collect_edges(unit: &OfUnit, within: Period, edges: &mut BTreeSet<DateTime<Utc>>) {
    fn plain<'h, T: 'h>(
        items: impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>, &'h Held<T>)>,
        edges: &mut BTreeSet<DateTime<Utc>>,
    ) {
        for (from, until, held) in items {
            edges.extend([from, until]);
            edges.extend(held.edges());
        }
    }
    plain(unit.rotations.iter(), edges);
    plain(unit.temporaries.iter(), edges);
    plain(unit.shifts.iter(), edges);
    plain(unit.overrides.iter(), edges);
    plain(unit.holidays.iter(), edges);
    for (_, _, held) in unit.temporaries.iter() {
        let stints = held.rule.stints.iter();
        edges.extend(stints.flat_map(|stint| [stint.period.from, stint.period.until]));
    }
    for (_, _, held) in unit.rotations.iter() {
        let mut turn = held.rule.turn(within.from).unwrap_or(0);
        while let Some(at) = held.rule.hand_off_at(turn).filter(|at| *at < within.until) {
            edges.insert(at);
            turn = turn.saturating_add(1);
        }
    }
}
