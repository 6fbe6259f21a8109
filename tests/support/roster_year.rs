//! A year's roster, as a busy unit has one.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use leadbroker::domain::{AccountId, RosterEntryId};
use leadbroker::roster::{
    Entry, HandOff, Holiday, HolidayDuty, Level, Override, OverrideAct, Period, Publication,
    Rotation, Rule, Shift,
};
use uuid::Uuid;

fn person(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(n))
}

fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 12, 20).unwrap() + TimeDelta::days(i64::from(n))
}

fn id(n: usize) -> RosterEntryId {
    RosterEntryId::new(Uuid::from_u128(u128::try_from(n).unwrap()))
}

/// The entries of the unit `lacris`, published before 2026: three rotations, a shift and an override a day, ten holidays.
pub(crate) fn entries() -> Vec<Entry> {
    let at = "2025-01-01T00:00:00Z".parse().unwrap();
    let mut rules = rules();
    let entries = (1..=rules.len()).map(id).collect();
    rules.push(Rule::Publication(Publication { number: 1, entries, gaps_accepted: 0 }));
    rules
        .into_iter()
        .enumerate()
        .map(|(n, rule)| Entry {
            id: id(n + 1),
            unit: "lacris".parse().unwrap(),
            ordinal: i64::try_from(n + 1).unwrap(),
            recorded_at: at,
            recorded_by: person(0),
            correction: false,
            rule,
        })
        .collect()
}

fn rules() -> Vec<Rule> {
    let rotation = |n: u128, hand_off| {
        Rule::Rotation(Rotation {
            name: format!("rotation-{n}"),
            lanes: Vec::new(),
            level: if n == 0 { Level::Primary } else { Level::Secondary },
            participants: (0..6).map(|k| person(n * 10 + k)).collect(),
            hand_off,
            time: NaiveTime::from_hms_opt(8, 0, 0).unwrap(),
            zone: Tz::America__Los_Angeles,
            starts_on: day(0),
            ends_on: None,
            only_holidays: false,
        })
    };
    let mut rules = vec![
        rotation(0, HandOff::Weekly),
        rotation(1, HandOff::Daily),
        rotation(2, HandOff::Hours(12)),
    ];
    for n in 0..380 {
        let from = day(n).and_hms_opt(12, 0, 0).unwrap().and_utc();
        let period = Period { from, until: from + TimeDelta::hours(8) };
        let who = person(u128::from(n % 30));
        rules.push(Rule::Shift(Shift {
            lanes: Vec::new(),
            level: Level::Primary,
            person: who,
            period,
        }));
        let change = OverrideAct::Replace { person: who, with: person(40) };
        rules.push(Rule::Override(Override { lanes: Vec::new(), period, change }));
        if n % 36 == 0 {
            rules.push(Rule::Holiday(Holiday {
                name: format!("holiday-{n}"),
                day: day(n),
                zone: Tz::America__Los_Angeles,
                duty: HolidayDuty::Rotation(id(2)),
            }));
        }
    }
    rules
}
