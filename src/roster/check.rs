//! What is wrong with a draft, before it is recorded.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};

use super::entry::{
    Entry, HandOff, Holiday, HolidayDuty, Override, OverrideAct, Period, Rotation, Rule, Temporary,
};
use super::timeline::drafts;
use crate::domain::{AccountId, Lane, RosterEntryId, ShapeError};

/// Most people of a rotation, and most stints of a temporary schedule.
const MOST: usize = 200;

/// No period is longer.
const LONGEST: TimeDelta = TimeDelta::days(5 * 366);

/// The years of a roster.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2199;

/// Everything that is wrong with a rule, by itself and beside the unit's other entries.
pub fn check(rule: &Rule, entries: &[Entry]) -> Vec<ShapeError> {
    let mut faults = Faults(Vec::new());
    match rule {
        Rule::Rotation(rotation) => faults.rotation(rotation),
        Rule::Shift(shift) => faults.period("/period", &shift.period),
        Rule::Temporary(temporary) => {
            faults.temporary(temporary);
            faults.is_rotation("/replaces", temporary.replaces, entries);
        }
        Rule::Override(over) => faults.over(over, entries),
        Rule::Holiday(holiday) => faults.holiday(holiday, entries),
        Rule::Retraction(retraction) => {
            faults.seconds("/from", retraction.from);
            if !retractable(retraction.entry, entries) {
                faults.add("entry_unknown", "/entry", "name an entry that is a draft or in force");
            }
        }
        Rule::Publication(_) => faults.add("kind", "/kind", "publish with `roster publish`"),
    }
    faults.0
}

/// The override of `entries` that changes the same person's duty at the same time in the same lane.
pub fn conflict(over: &Override, entries: &[Entry]) -> Option<RosterEntryId> {
    let standing = standing(entries);
    standing.into_iter().find_map(|(entry, until)| {
        let Rule::Override(other) = &entry.rule else { return None };
        let rest = Period { until: other.period.until.min(until), ..other.period };
        let same = people(other).iter().any(|person| people(over).contains(person));
        (same && rest.meets(&over.period) && share(&other.lanes, &over.lanes)).then_some(entry.id)
    })
}

/// Open drafts and published entries that are not withdrawn, each with the instant from which on it is retracted.
fn standing(entries: &[Entry]) -> Vec<(&Entry, DateTime<Utc>)> {
    let drafts = drafts(entries);
    let mut published = std::collections::BTreeSet::new();
    for entry in entries {
        if let Rule::Publication(publication) = &entry.rule {
            published.extend(publication.entries.iter().copied());
        }
    }
    let counts =
        |id: &RosterEntryId| published.contains(id) || drafts.iter().any(|draft| draft.id == *id);
    let mut ends: BTreeMap<RosterEntryId, DateTime<Utc>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| counts(&entry.id)) {
        if let Rule::Retraction(retraction) = &entry.rule {
            let end = ends.entry(retraction.entry).or_insert(retraction.from);
            *end = retraction.from.min(*end);
        }
    }
    entries
        .iter()
        .filter(|entry| counts(&entry.id))
        .map(|entry| (entry, ends.get(&entry.id).copied().unwrap_or(DateTime::<Utc>::MAX_UTC)))
        .collect()
}

fn retractable(id: RosterEntryId, entries: &[Entry]) -> bool {
    let drafts = drafts(entries);
    standing(entries).into_iter().any(|(entry, _)| {
        let draft = drafts.iter().any(|draft| draft.id == id);
        entry.id == id && (draft || !matches!(entry.rule, Rule::Retraction(_)))
    })
}

fn people(over: &Override) -> Vec<AccountId> {
    match over.change {
        OverrideAct::Add { person, .. } | OverrideAct::Remove { person } => vec![person],
        OverrideAct::Replace { person, with } => vec![person, with],
    }
}

fn share(one: &[Lane], other: &[Lane]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|lane| other.contains(lane))
}

struct Faults(Vec<ShapeError>);

impl Faults {
    fn add(&mut self, code: &str, pointer: &str, message: &str) {
        self.0.push(ShapeError::new(code, pointer, message));
    }

    fn code(&mut self, pointer: &str, name: &str) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let text = "give a code of lower-case letters, digits and hyphens, 64 at most";
            self.add("code", pointer, text);
        }
    }

    fn seconds(&mut self, pointer: &str, at: DateTime<Utc>) {
        if at.nanosecond() != 0 || !YEARS.contains(&at.year()) {
            self.add("time", pointer, "give a time in whole seconds, of the years 2000 to 2199");
        }
    }

    fn period(&mut self, pointer: &str, period: &Period) {
        self.seconds(&format!("{pointer}/from"), period.from);
        self.seconds(&format!("{pointer}/until"), period.until);
        if period.until <= period.from || period.until - period.from > LONGEST {
            self.add("period", pointer, "let it end after it begins, within five years");
        }
    }

    fn rotation(&mut self, rotation: &Rotation) {
        self.code("/name", &rotation.name);
        if rotation.participants.is_empty() || rotation.participants.len() > MOST {
            self.add("participants", "/participants", "name 1 to 200 people");
        }
        let fits = match rotation.hand_off {
            HandOff::Hourly | HandOff::Daily | HandOff::Weekly => true,
            HandOff::Hours(hours) => (1..=24 * 31).contains(&hours),
            HandOff::Days(days) => (1..=366).contains(&days),
        };
        if !fits {
            self.add("hand_off", "/hand_off", "give 1 to 744 hours, or 1 to 366 days");
        }
        if rotation.time.nanosecond() != 0 {
            self.add("time", "/time", "give a time of day in whole seconds");
        }
        let years = |day: chrono::NaiveDate| YEARS.contains(&day.year());
        if !years(rotation.starts_on) || !rotation.ends_on.is_none_or(years) {
            self.add("time", "/starts_on", "give days of the years 2000 to 2199");
        }
        if rotation.ends_on.is_some_and(|end| end <= rotation.starts_on) {
            self.add("period", "/ends_on", "let it end after it starts");
        }
    }

    fn temporary(&mut self, temporary: &Temporary) {
        self.period("/period", &temporary.period);
        if temporary.stints.len() > MOST {
            self.add("stints", "/stints", "give 200 at most");
        }
        for (n, stint) in temporary.stints.iter().enumerate() {
            let pointer = format!("/stints/{n}/period");
            self.period(&pointer, &stint.period);
            let whole = temporary.period;
            if stint.period.from < whole.from || stint.period.until > whole.until {
                self.add("period", &pointer, "keep it within the temporary schedule");
            }
        }
    }

    fn over(&mut self, over: &Override, entries: &[Entry]) {
        self.period("/period", &over.period);
        if let OverrideAct::Replace { person, with } = over.change
            && person == with
        {
            self.add("person", "/change/with", "name somebody else");
        }
        if let Some(other) = conflict(over, entries) {
            let text = format!(
                "override {other} changes the same person's duty at that time; retract it first"
            );
            self.add("override_conflict", "/period", &text);
        }
    }

    fn holiday(&mut self, holiday: &Holiday, entries: &[Entry]) {
        self.code("/name", &holiday.name);
        if !YEARS.contains(&holiday.day.year()) {
            self.add("time", "/day", "give a day of the years 2000 to 2199");
        }
        if let HolidayDuty::Rotation(id) = holiday.duty {
            self.is_rotation("/duty/rotation", id, entries);
        }
    }

    fn is_rotation(&mut self, pointer: &str, id: RosterEntryId, entries: &[Entry]) {
        let known = standing(entries)
            .into_iter()
            .any(|(entry, _)| entry.id == id && matches!(entry.rule, Rule::Rotation(_)));
        if !known {
            self.add("rotation_unknown", pointer, "name a rotation that is a draft or in force");
        }
    }
}
