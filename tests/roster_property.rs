//! The roster's one answer: resolver, calendar, exported file and an independent model agree at every minute tested, and
//! an edit never changes what was known before it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/roster_model.rs"]
mod model;
#[path = "support/roster_year.rs"]
mod roster_year;

use chrono::{DateTime, TimeDelta, Utc};
use leadbroker::domain::{AccountId, Lane, RosterEntryId, ShapeError, UnitId};
use leadbroker::roster::calendar::{export, import};
use leadbroker::roster::{
    Entry, OnDuty, Period, Publication, Retraction, Roster, Rule, resolve, resolve_as_known, spans,
};
use model::{World, edges, naive, person};
use proptest::prelude::*;
use uuid::Uuid;

fn unit() -> UnitId {
    "lacris".parse().unwrap()
}

fn entry(ordinal: usize, recorded_at: DateTime<Utc>, rule: Rule) -> Entry {
    Entry {
        id: id(ordinal),
        unit: unit(),
        ordinal: i64::try_from(ordinal).unwrap(),
        recorded_at,
        recorded_by: person(0),
        correction: false,
        rule,
    }
}

fn id(ordinal: usize) -> RosterEntryId {
    RosterEntryId::new(Uuid::from_u128(u128::try_from(ordinal).unwrap()))
}

/// The rules as entries from 1, published together at `at`.
fn published(rules: &[Rule], at: DateTime<Utc>) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        rules.iter().enumerate().map(|(n, rule)| entry(n + 1, at, rule.clone())).collect();
    publish(&mut entries, at, 0);
    entries
}

fn publish(entries: &mut Vec<Entry>, at: DateTime<Utc>, after: usize) {
    let ids = entries[after..].iter().map(|entry| entry.id).collect();
    let publication = Publication { number: 1, entries: ids, gaps_accepted: 0 };
    entries.push(entry(entries.len() + 1, at, Rule::Publication(publication)));
}

fn year(n: i32) -> DateTime<Utc> {
    format!("{n}-01-01T00:00:00Z").parse().unwrap()
}

fn two_years() -> Period {
    Period { from: year(2026), until: year(2028) }
}

fn at_span(spans: &[leadbroker::roster::Span], at: DateTime<Utc>) -> &OnDuty {
    let next = spans.partition_point(|span| span.period.from <= at);
    assert!(spans[next - 1].period.holds(at));
    &spans[next - 1].duty
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that an export asks")]
fn login(person: AccountId) -> Option<String> {
    Some(format!("person-{}", person.uuid().as_u128()))
}

fn by_login(name: &str) -> Option<AccountId> {
    name.strip_prefix("person-")?.parse().ok().map(person)
}

/// Exported and imported into an empty roster.
fn round_trip(roster: &Roster, within: Period) -> Roster {
    let text = export(roster, &unit(), within, year(2025), &login);
    let shifts: Result<_, Vec<ShapeError>> = import(&text, &by_login);
    let rules: Vec<Rule> = shifts.unwrap().into_iter().map(Rule::Shift).collect();
    Roster::new(&published(&rules, year(2025)), &[])
}

fn levels(duty: &OnDuty) -> Vec<(AccountId, leadbroker::roster::Level)> {
    duty.why.iter().map(|placed| (placed.person, placed.level)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two years with changes of the clocks in three zones, overrides and holidays.
    #[test]
    fn resolver_calendar_export_and_model_agree(
        world in World::any(),
        minutes in proptest::collection::vec(0i64..2 * 365 * 24 * 60, 100),
    ) {
        let roster = Roster::new(&published(&world.rules, year(2025)), &[]);
        let calendars = [Lane::Threat, Lane::Routine]
            .map(|lane| (lane, spans(&roster, &unit(), lane, two_years())));
        // A file holds no two years of hourly turns: forty days of them, anywhere in the two years.
        let from = year(2026) + TimeDelta::minutes(minutes[0]);
        let filed = Period { from, until: from + TimeDelta::days(40) };
        let imported = round_trip(&roster, filed);
        let mut moments: Vec<DateTime<Utc>> =
            minutes.iter().map(|minute| year(2026) + TimeDelta::minutes(*minute)).collect();
        moments.extend(minutes.iter().map(|minute| from + TimeDelta::minutes(minute % (40 * 24 * 60))));
        let turns = world.turns();
        let mut all_edges = edges(&world, &turns);
        // Every boundary of slow rules, and a share of the hourly ones.
        let share = all_edges.len() / 150 + 1;
        let turn = usize::try_from(minutes[0]).unwrap() % share;
        all_edges = all_edges.into_iter().skip(turn).step_by(share).collect();
        for edge in all_edges {
            for minutes in [-1, 0, 1] {
                moments.push(edge + TimeDelta::minutes(minutes));
            }
        }
        for at in moments.into_iter().filter(|at| two_years().holds(*at)) {
            for (lane, calendar) in &calendars {
                let answer = resolve(&roster, &unit(), *lane, at);
                prop_assert_eq!(&answer.people, &naive(&world, &turns, *lane, at), "{} {:?}", at, lane);
                prop_assert_eq!(&answer, at_span(calendar, at), "{} {:?}", at, lane);
                if filed.holds(at) {
                    let from_file = resolve(&imported, &unit(), *lane, at);
                    prop_assert_eq!(levels(&answer), levels(&from_file), "{} {:?}", at, lane);
                }
            }
        }
    }

    /// Whatever is published or retracted later, as a correction or not: what was known stays, and only a correction
    /// changes what is said about the past.
    #[test]
    fn a_past_answer_never_changes_after_an_edit(
        first in World::any(),
        second in World::any(),
        (retracted, correction) in (proptest::collection::vec(0usize..12, 0..4), any::<bool>()),
        (edited, minutes) in (0i64..600, proptest::collection::vec(0i64..2 * 365 * 24 * 60, 60)),
    ) {
        let mut entries = published(&first.rules, year(2025));
        let before = Roster::new(&entries, &[]);
        let edit = year(2026) + TimeDelta::days(edited);
        let drafted = entries.len();
        for target in retracted.into_iter().filter(|n| *n < first.rules.len()) {
            let from = if correction { year(2026) } else { edit };
            let rule = Rule::Retraction(Retraction { entry: id(target + 1), from });
            entries.push(entry(entries.len() + 1, edit, rule));
        }
        for rule in second.rules.into_iter().filter(|rule| matches!(rule, Rule::Shift(_) | Rule::Override(_))) {
            entries.push(entry(entries.len() + 1, edit, rule));
        }
        for drafted in &mut entries[drafted..] {
            drafted.correction = correction;
        }
        let drafts = Roster::new(&entries, &[]);
        prop_assert_eq!(&drafts, &before, "drafts count for nothing");
        publish(&mut entries, edit, drafted);
        let after = Roster::new(&entries, &[]);
        let late = Period { from: edit - TimeDelta::seconds(1), until: edit };
        for minute in minutes {
            let at = year(2026) + TimeDelta::minutes(minute);
            for lane in [Lane::Threat, Lane::Routine] {
                let unit = unit();
                let thought = resolve_as_known(&before, (&unit, lane), at, late.from);
                prop_assert_eq!(&resolve(&before, &unit, lane, at), &thought);
                prop_assert_eq!(&resolve_as_known(&after, (&unit, lane), at, late.from), &thought);
                if !correction && at < edit {
                    prop_assert_eq!(&resolve(&after, &unit, lane, at), &thought, "{}", at);
                }
            }
        }
    }
}

/// With a year's roster a call reads what holds at the instant and nothing else. The bound is ten times the promised one:
/// this is no optimised build, and other tests run beside it; `scripts/bench` measures the real time.
#[test]
fn a_call_is_short_with_a_years_roster() {
    let roster = Roster::new(&roster_year::entries(), &[]);
    let started = std::time::Instant::now();
    let mut people = 0;
    for hour in 0..2_000 {
        let at = year(2026) + TimeDelta::hours(hour * 4);
        people += resolve(&roster, &unit(), Lane::Priority, at).people.len();
    }
    let each = started.elapsed() / 2_000;
    assert!(people > 2_000);
    assert!(each < std::time::Duration::from_micros(500), "{each:?}");
}
