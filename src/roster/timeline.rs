//! What holds when, and since when that is known: entries in the shape that questions need.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::entry::{Entry, Holiday, Level, Override, Rotation, Rule, Shift, Temporary};
use super::intervals::Intervals;
use crate::domain::{self, RosterEntryId, UnitId};

/// A published rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held<T> {
    /// The entry; none for a shift of the registry.
    pub(super) id: Option<RosterEntryId>,
    /// Its place among the unit's entries.
    pub(super) ordinal: i64,
    /// When it became known.
    pub(super) known: DateTime<Utc>,
    /// It says nothing about earlier times.
    pub(super) from: DateTime<Utc>,
    /// Retractions: when each became known, and from when on the rule does not hold.
    pub(super) ended: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    /// The rule.
    pub(super) rule: T,
}

impl<T> Held<T> {
    /// Whether it holds at `at`, by what was known at `known`.
    pub(super) fn holds(&self, at: DateTime<Utc>, known: DateTime<Utc>) -> bool {
        let ended = |(since, from): &(DateTime<Utc>, DateTime<Utc>)| *since <= known && *from <= at;
        self.known <= known && self.from <= at && !self.ended.iter().any(ended)
    }

    /// The instants at which it begins or ceases to hold.
    pub(super) fn edges(&self) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::once(self.from).chain(self.ended.iter().map(|(_, from)| *from))
    }
}

/// Everything that a unit has published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OfUnit {
    pub(super) rotations: Intervals<Held<Rotation>>,
    pub(super) temporaries: Intervals<Held<Temporary>>,
    pub(super) shifts: Intervals<Held<Shift>>,
    pub(super) overrides: Intervals<Held<Override>>,
    pub(super) holidays: Intervals<Held<Holiday>>,
}

/// The rosters of all units, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    units: BTreeMap<UnitId, OfUnit>,
}

/// Periods that are being collected.
type Periods<T> = Vec<(DateTime<Utc>, DateTime<Utc>, Held<T>)>;

#[derive(Default)]
struct Collected {
    rotations: Periods<Rotation>,
    temporaries: Periods<Temporary>,
    shifts: Periods<Shift>,
    overrides: Periods<Override>,
    holidays: Periods<Holiday>,
}

impl Roster {
    /// From the entries of any units, and the shifts of the registry. Drafts do not count.
    pub fn new(entries: &[Entry], imported: &[domain::Shift]) -> Self {
        let mut collected: BTreeMap<UnitId, Collected> = BTreeMap::new();
        let published = published(entries);
        let ended = ended(entries, &published);
        for entry in entries {
            let Some(since) = published.get(&entry.id) else { continue };
            let from = effect(entry, entry.rule.begins(), *since);
            let of_unit = collected.entry(entry.unit.clone()).or_default();
            of_unit.add(entry, *since, from, ended.get(&entry.id).cloned().unwrap_or_default());
        }
        for shift in imported {
            collected.entry(shift.unit.clone()).or_default().import(shift);
        }
        let units = collected.into_iter().map(|(unit, all)| (unit, all.done())).collect();
        Self { units }
    }

    pub(super) fn unit(&self, unit: &UnitId) -> Option<&OfUnit> {
        self.units.get(unit)
    }
}

/// When each entry was published.
fn published(entries: &[Entry]) -> BTreeMap<RosterEntryId, DateTime<Utc>> {
    let mut published = BTreeMap::new();
    for entry in entries {
        if let Rule::Publication(publication) = &entry.rule {
            published.extend(publication.entries.iter().map(|id| (*id, entry.recorded_at)));
        }
    }
    published
}

type Ended = BTreeMap<RosterEntryId, Vec<(DateTime<Utc>, DateTime<Utc>)>>;

/// The published retractions, by what they retract.
fn ended(entries: &[Entry], published: &BTreeMap<RosterEntryId, DateTime<Utc>>) -> Ended {
    let mut ended = Ended::new();
    for entry in entries {
        if let (Rule::Retraction(retraction), Some(since)) = (&entry.rule, published.get(&entry.id))
        {
            let from = effect(entry, Some(retraction.from), *since);
            ended.entry(retraction.entry).or_default().push((*since, from));
        }
    }
    ended
}

/// From when on an entry says anything: only a correction speaks of the time before its publication. The next whole
/// second, so that a calendar can say it.
fn effect(entry: &Entry, begins: Option<DateTime<Utc>>, published: DateTime<Utc>) -> DateTime<Utc> {
    let begins = begins.unwrap_or(published);
    if entry.correction {
        return begins;
    }
    let whole = published.trunc_subsecs(0);
    begins.max(if whole < published { whole + TimeDelta::seconds(1) } else { whole })
}

/// Open drafts of a unit's entries: neither published nor withdrawn.
pub fn drafts(entries: &[Entry]) -> Vec<&Entry> {
    let published = published(entries);
    let unpublished: Vec<&Entry> = entries
        .iter()
        .filter(|entry| !published.contains_key(&entry.id))
        .filter(|entry| !matches!(entry.rule, Rule::Publication(_)))
        .collect();
    let ids: BTreeSet<RosterEntryId> = unpublished.iter().map(|entry| entry.id).collect();
    let mut gone = BTreeSet::new();
    for entry in &unpublished {
        if let Rule::Retraction(retraction) = &entry.rule
            && ids.contains(&retraction.entry)
        {
            gone.extend([entry.id, retraction.entry]);
        }
    }
    unpublished.into_iter().filter(|entry| !gone.contains(&entry.id)).collect()
}

impl Collected {
    fn add(
        &mut self,
        entry: &Entry,
        known: DateTime<Utc>,
        from: DateTime<Utc>,
        ended: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    ) {
        let held =
            Held { id: Some(entry.id), ordinal: entry.ordinal, known, from, ended, rule: () };
        match &entry.rule {
            Rule::Rotation(rotation) => {
                let until = rotation.ends_at().unwrap_or(DateTime::<Utc>::MAX_UTC);
                self.rotations.push((rotation.starts_at(), until, held.with(rotation.clone())));
            }
            Rule::Temporary(temporary) => {
                let (from, until) = (temporary.period.from, temporary.period.until);
                self.temporaries.push((from, until, held.with(temporary.clone())));
            }
            Rule::Shift(shift) => {
                let (from, until) = (shift.period.from, shift.period.until);
                self.shifts.push((from, until, held.with(shift.clone())));
            }
            Rule::Override(over) => {
                let (from, until) = (over.period.from, over.period.until);
                self.overrides.push((from, until, held.with(over.clone())));
            }
            Rule::Holiday(holiday) => {
                let day = holiday.period();
                self.holidays.push((day.from, day.until, held.with(holiday.clone())));
            }
            Rule::Retraction(_) | Rule::Publication(_) => {}
        }
    }

    /// A shift of the registry: primary, in every lane.
    fn import(&mut self, shift: &domain::Shift) {
        let period = super::Period { from: shift.starts_at, until: shift.ends_at };
        let first = DateTime::<Utc>::MIN_UTC;
        let held =
            Held { id: None, ordinal: 0, known: first, from: first, ended: Vec::new(), rule: () };
        let (lanes, level, person) = (Vec::new(), Level::Primary, shift.account);
        let rule = Shift { lanes, level, person, period };
        self.shifts.push((period.from, period.until, held.with(rule)));
    }

    fn done(self) -> OfUnit {
        OfUnit {
            rotations: Intervals::new(self.rotations),
            temporaries: Intervals::new(self.temporaries),
            shifts: Intervals::new(self.shifts),
            overrides: Intervals::new(self.overrides),
            holidays: Intervals::new(self.holidays),
        }
    }
}

impl Held<()> {
    fn with<T>(self, rule: T) -> Held<T> {
        let Self { id, ordinal, known, from, ended, rule: () } = self;
        Held { id, ordinal, known, from, ended, rule }
    }
}
