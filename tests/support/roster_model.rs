//! Random rosters, and who is on duty by a model that shares no code with the resolver: it walks along every hand-off.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use leadbroker::domain::{AccountId, Lane, RosterEntryId};
use leadbroker::roster::{
    HandOff, Holiday, HolidayDuty, Level, Override, OverrideAct, Period, Rotation, Rule, Shift,
    Stint, Temporary,
};
use proptest::prelude::*;
use uuid::Uuid;

/// A person by number.
pub(crate) fn person(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(n))
}

/// A random roster: entry n has the rule n - 1.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Rotations come first.
    pub(crate) rules: Vec<Rule>,
}

const ZONES: [Tz; 3] = [Tz::America__Los_Angeles, Tz::Europe__Berlin, Tz::Australia__Lord_Howe];

fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 12, 20).unwrap() + TimeDelta::days(i64::from(n))
}

fn lanes() -> impl Strategy<Value = Vec<Lane>> {
    prop_oneof![
        Just(vec![]),
        Just(vec![Lane::Threat]),
        Just(vec![Lane::Priority, Lane::Routine]),
        Just(vec![Lane::Threat, Lane::Priority, Lane::Routine]),
    ]
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Primary), Just(Level::Secondary)]
}

fn period() -> impl Strategy<Value = Period> {
    (0i64..740 * 24 * 60, 1i64..20 * 24 * 60).prop_map(|(start, length)| {
        let from =
            "2025-12-25T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(start);
        Period { from, until: from + TimeDelta::minutes(length) }
    })
}

fn who() -> impl Strategy<Value = AccountId> {
    (1u128..8).prop_map(person)
}

fn hand_off() -> impl Strategy<Value = HandOff> {
    prop_oneof![
        Just(HandOff::Hourly),
        Just(HandOff::Daily),
        Just(HandOff::Weekly),
        (2u16..30).prop_map(HandOff::Hours),
        (2u16..20).prop_map(HandOff::Days),
    ]
}

fn rotation() -> impl Strategy<Value = Rule> {
    let people = proptest::collection::vec(who(), 1..5);
    let when = (0u32..60, 0u32..24 * 12, proptest::option::of(61u32..700));
    (lanes(), level(), people, hand_off(), 0usize..3, when, proptest::bool::weighted(0.2)).prop_map(
        |(
            lanes,
            level,
            participants,
            hand_off,
            zone,
            (start, five_minutes, end),
            only_holidays,
        )| {
            Rule::Rotation(Rotation {
                name: "random".to_owned(),
                lanes,
                level,
                participants,
                hand_off,
                time: NaiveTime::from_num_seconds_from_midnight_opt(five_minutes * 300, 0).unwrap(),
                zone: ZONES[zone],
                starts_on: day(start),
                ends_on: end.map(day),
                only_holidays,
            })
        },
    )
}

fn temporary(rotations: usize) -> impl Strategy<Value = Rule> {
    let stints = proptest::collection::vec((who(), 0i64..48, 1i64..48), 0..4);
    (0..rotations, period(), stints).prop_map(|(replaces, period, stints)| {
        let stint = |(person, from, hours): (AccountId, i64, i64)| {
            let from = (period.from + TimeDelta::hours(from)).min(period.until);
            let until = (from + TimeDelta::hours(hours)).min(period.until);
            Stint { person, period: Period { from, until } }
        };
        let stints = stints.into_iter().map(stint).collect();
        Rule::Temporary(Temporary { replaces: id(replaces), period, stints })
    })
}

fn id(place: usize) -> RosterEntryId {
    RosterEntryId::new(Uuid::from_u128(u128::try_from(place + 1).unwrap()))
}

fn other(rotations: usize) -> impl Strategy<Value = Rule> {
    let act = prop_oneof![
        (who(), level()).prop_map(|(person, level)| OverrideAct::Add { person, level }),
        (who(), who()).prop_map(|(person, with)| OverrideAct::Replace { person, with }),
        who().prop_map(|person| OverrideAct::Remove { person }),
    ];
    let duty = prop_oneof![
        Just(HolidayDuty::Ordinary),
        Just(HolidayDuty::Nobody),
        (0..rotations).prop_map(|place| HolidayDuty::Rotation(id(place))),
    ];
    prop_oneof![
        temporary(rotations),
        (lanes(), level(), who(), period()).prop_map(|(lanes, level, person, period)| Rule::Shift(
            Shift { lanes, level, person, period }
        )),
        (lanes(), period(), act).prop_map(|(lanes, period, change)| Rule::Override(Override {
            lanes,
            period,
            change
        })),
        (0u32..740, 0usize..3, duty).prop_map(|(n, zone, duty)| {
            Rule::Holiday(Holiday {
                name: "random".to_owned(),
                day: day(n),
                zone: ZONES[zone],
                duty,
            })
        }),
    ]
}

impl World {
    /// Any.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        proptest::collection::vec(rotation(), 1..4)
            .prop_flat_map(|rotations| {
                let others = proptest::collection::vec(other(rotations.len()), 0..14);
                (Just(rotations), others)
            })
            .prop_map(|(mut rules, others)| {
                rules.extend(others);
                Self { rules }
            })
    }

    /// Every hand-off of every rotation, by its place, until the end of 2027.
    pub(crate) fn turns(&self) -> BTreeMap<usize, Vec<DateTime<Utc>>> {
        let end = "2028-02-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let mut all = BTreeMap::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let Rule::Rotation(rotation) = rule else { continue };
            let step = match rotation.hand_off {
                HandOff::Hourly => TimeDelta::minutes(60),
                HandOff::Daily => TimeDelta::hours(24),
                HandOff::Weekly => TimeDelta::days(7),
                HandOff::Hours(hours) => TimeDelta::minutes(i64::from(hours) * 60),
                HandOff::Days(days) => TimeDelta::hours(i64::from(days) * 24),
            };
            let mut local = rotation.starts_on.and_time(rotation.time);
            let mut turns = Vec::new();
            while turns.last().is_none_or(|last| *last < end) {
                turns.push(walked(rotation.zone, local));
                local += step;
            }
            all.insert(place, turns);
        }
        all
    }
}

/// The instant of a local time; where there is none, minute by minute to the first one after.
fn walked(zone: Tz, mut local: NaiveDateTime) -> DateTime<Utc> {
    loop {
        if let Some(found) = zone.from_local_datetime(&local).earliest() {
            return found.to_utc();
        }
        local += TimeDelta::minutes(1);
    }
}

fn of_lane(lanes: &[Lane], lane: Lane) -> bool {
    lanes.is_empty() || lanes.contains(&lane)
}

fn day_of(holiday: &Holiday) -> (DateTime<Utc>, DateTime<Utc>) {
    let midnight = |day: NaiveDate| walked(holiday.zone, day.and_hms_opt(0, 0, 0).unwrap());
    (midnight(holiday.day), midnight(holiday.day + TimeDelta::days(1)))
}

fn is_in(period: Period, at: DateTime<Utc>) -> bool {
    at >= period.from && at < period.until
}

/// Whose turn of a rotation it is, by counting.
fn turn_of(rotation: &Rotation, turns: &[DateTime<Utc>], at: DateTime<Utc>) -> Option<AccountId> {
    let end = rotation.ends_on.map(|day| walked(rotation.zone, day.and_time(rotation.time)));
    if end.is_some_and(|end| at >= end) {
        return None;
    }
    let gone = turns.iter().filter(|turn| **turn <= at).count();
    (gone > 0).then(|| rotation.participants[(gone - 1) % rotation.participants.len()])
}

/// What a day of the unit says about rotations.
fn holiday_at(world: &World, at: DateTime<Utc>) -> Option<HolidayDuty> {
    let mut holiday = None;
    for rule in &world.rules {
        if let Rule::Holiday(one) = rule {
            let (from, until) = day_of(one);
            if is_in(Period { from, until }, at) {
                holiday = Some(one.duty);
            }
        }
    }
    holiday
}

/// The last temporary schedule in place of a rotation.
fn temporary_at(world: &World, place: usize, at: DateTime<Utc>) -> Option<&Temporary> {
    let mut temporary = None;
    for rule in &world.rules {
        if let Rule::Temporary(one) = rule
            && one.replaces == id(place)
            && is_in(one.period, at)
        {
            temporary = Some(one);
        }
    }
    temporary
}

type People = Vec<(AccountId, Level)>;

fn rotations(
    world: &World,
    turns: &BTreeMap<usize, Vec<DateTime<Utc>>>,
    (lane, at): (Lane, DateTime<Utc>),
    people: &mut People,
) {
    let holiday = holiday_at(world, at);
    for (place, rule) in world.rules.iter().enumerate() {
        let Rule::Rotation(rotation) = rule else { continue };
        let on = match holiday {
            Some(HolidayDuty::Nobody) => false,
            Some(HolidayDuty::Rotation(named)) => named == id(place),
            None | Some(HolidayDuty::Ordinary) => !rotation.only_holidays,
        };
        // Whose turn it is says also whether the rotation has begun and not ended.
        let Some(regular) = turn_of(rotation, &turns[&place], at) else { continue };
        if !on || !of_lane(&rotation.lanes, lane) {
            continue;
        }
        match temporary_at(world, place, at) {
            None => people.push((regular, rotation.level)),
            Some(one) => people.extend(
                one.stints
                    .iter()
                    .filter(|stint| is_in(stint.period, at))
                    .map(|stint| (stint.person, rotation.level)),
            ),
        }
    }
}

fn change(act: &OverrideAct, people: &mut People) {
    match act {
        OverrideAct::Add { person, level } => people.push((*person, *level)),
        OverrideAct::Remove { person } => people.retain(|(one, _)| one != person),
        OverrideAct::Replace { person, with } => {
            let level = people.iter().filter(|(one, _)| one == person).map(|(_, l)| *l).min();
            people.retain(|(one, _)| one != person);
            people.extend(level.map(|level| (*with, level)));
        }
    }
}

/// Who is on duty, by the model.
pub(crate) fn naive(
    world: &World,
    turns: &BTreeMap<usize, Vec<DateTime<Utc>>>,
    lane: Lane,
    at: DateTime<Utc>,
) -> Vec<AccountId> {
    let mut people = People::new();
    rotations(world, turns, (lane, at), &mut people);
    for rule in &world.rules {
        if let Rule::Shift(shift) = rule
            && of_lane(&shift.lanes, lane)
            && is_in(shift.period, at)
        {
            people.push((shift.person, shift.level));
        }
    }
    for rule in &world.rules {
        if let Rule::Override(over) = rule
            && of_lane(&over.lanes, lane)
            && is_in(over.period, at)
        {
            change(&over.change, &mut people);
        }
    }
    let mut lowest: BTreeMap<AccountId, Level> = BTreeMap::new();
    for (person, level) in people {
        let known = lowest.entry(person).or_insert(level);
        *known = level.min(*known);
    }
    let mut ordered: Vec<(Level, AccountId)> =
        lowest.into_iter().map(|(person, level)| (level, person)).collect();
    ordered.sort_unstable();
    ordered.into_iter().map(|(_, person)| person).collect()
}

/// Every instant at which the model's answer may change.
pub(crate) fn edges(
    world: &World,
    turns: &BTreeMap<usize, Vec<DateTime<Utc>>>,
) -> Vec<DateTime<Utc>> {
    let mut edges: Vec<DateTime<Utc>> = turns.values().flatten().copied().collect();
    for rule in &world.rules {
        match rule {
            Rule::Rotation(rotation) => edges.extend(
                rotation.ends_on.map(|day| walked(rotation.zone, day.and_time(rotation.time))),
            ),
            Rule::Shift(shift) => edges.extend([shift.period.from, shift.period.until]),
            Rule::Override(over) => edges.extend([over.period.from, over.period.until]),
            Rule::Temporary(temporary) => {
                edges.extend([temporary.period.from, temporary.period.until]);
                edges.extend(temporary.stints.iter().flat_map(|s| [s.period.from, s.period.until]));
            }
            Rule::Holiday(holiday) => {
                let (from, until) = day_of(holiday);
                edges.extend([from, until]);
            }
            Rule::Retraction(_) | Rule::Publication(_) => {}
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}
