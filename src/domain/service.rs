//! Service: when a unit works, and how soon it means to answer.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::people::Lane;

/// How far ahead a due time is looked for. A calendar that has no hours for so long has none.
const HORIZON: u64 = 1_100;

/// A unit's hours, and its target for each lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTerms {
    /// Where its clocks stand (`America/Los_Angeles`).
    pub time_zone: Tz,
    /// When it is open, local time.
    #[serde(default)]
    pub open: Vec<Opening>,
    /// Local dates on which it is closed.
    #[serde(default)]
    pub holidays: Vec<NaiveDate>,
    /// Its targets; a lane without one has none.
    #[serde(default)]
    pub targets: Vec<ServiceTarget>,
}

/// Hours on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Days.
    pub days: Vec<Weekday>,
    /// From.
    pub from: NaiveTime,
    /// Until (exclusive), later than `from` on the same day.
    pub until: NaiveTime,
}

/// How soon a request of a lane is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTarget {
    /// The lane.
    pub lane: Lane,
    /// Minutes from receipt to answer.
    pub minutes: u32,
    /// Counts day and night, not only the unit's hours.
    #[serde(default)]
    pub around_the_clock: bool,
    /// A reminder when this much of it is used, in percent.
    #[serde(default = "three_quarters")]
    pub remind_at_percent: u8,
}

fn three_quarters() -> u8 {
    75
}

impl ServiceTerms {
    /// The target of a lane.
    pub fn target(&self, lane: Lane) -> Option<ServiceTarget> {
        self.targets.iter().copied().find(|target| target.lane == lane)
    }

    /// The hours of a local date as instants, in order, without overlap.
    fn hours_on(&self, day: NaiveDate) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        use chrono::Datelike as _;
        if self.holidays.contains(&day) {
            return Vec::new();
        }
        let of_day = self.open.iter().filter(|open| open.days.contains(&day.weekday()));
        let mut hours: Vec<_> = of_day
            .map(|open| (self.instant(day, open.from), self.instant(day, open.until)))
            .collect();
        hours.sort();
        let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::with_capacity(hours.len());
        for (from, until) in hours {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = (*end).max(until),
                _ => merged.push((from, until)),
            }
        }
        merged
    }

    /// A local time as an instant: the first of two when clocks go back, the first one after when they skip it.
    fn instant(&self, day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
        let local = day.and_time(time);
        let mut at = local;
        // No time zone has ever skipped more than a day.
        for _ in 0..=96 {
            if let Some(found) = self.time_zone.from_local_datetime(&at).earliest() {
                return found.to_utc();
            }
            at += TimeDelta::minutes(15);
        }
        local.and_utc()
    }

    /// The unit's hours from `from` on, day by day.
    fn hours_from(
        &self,
        from: DateTime<Utc>,
    ) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let first = from.with_timezone(&self.time_zone).date_naive();
        let days = (0..HORIZON).filter_map(move |n| first.checked_add_days(Days::new(n)));
        days.flat_map(|day| self.hours_on(day))
            .map(move |(opens, closes)| (opens.max(from), closes))
            .filter(|(opens, closes)| opens < closes)
    }

    /// How much of the time between two instants counts towards a target.
    pub fn counted(
        &self,
        target: ServiceTarget,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> TimeDelta {
        if until <= from {
            return TimeDelta::zero();
        }
        if target.around_the_clock {
            return until - from;
        }
        self.hours_from(from)
            .take_while(|(opens, _)| *opens < until)
            .map(|(opens, closes)| closes.min(until) - opens)
            .sum()
    }

    /// When `time` that counts has passed since `from`. `None`: the calendar has no hours for three years.
    pub fn after(
        &self,
        target: ServiceTarget,
        from: DateTime<Utc>,
        time: TimeDelta,
    ) -> Option<DateTime<Utc>> {
        if target.around_the_clock || time <= TimeDelta::zero() {
            return from.checked_add_signed(time.max(TimeDelta::zero()));
        }
        let mut left = time;
        for (opens, closes) in self.hours_from(from) {
            if closes - opens >= left {
                return Some(opens + left);
            }
            left -= closes - opens;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WEEK: [Weekday; 5] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];

    fn terms(zone: &str) -> ServiceTerms {
        let at = |text: &str| text.parse().unwrap();
        ServiceTerms {
            time_zone: zone.parse().unwrap(),
            open: vec![
                Opening { days: WEEK.to_vec(), from: at("08:00:00"), until: at("12:00:00") },
                Opening { days: WEEK.to_vec(), from: at("12:30:00"), until: at("17:00:00") },
            ],
            holidays: vec!["2026-11-26".parse().unwrap()],
            targets: vec![],
        }
    }

    fn hours(minutes: u32) -> ServiceTarget {
        let lane = Lane::Routine;
        ServiceTarget { lane, minutes, around_the_clock: false, remind_at_percent: 75 }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn nights_lunch_weekends_and_holidays_do_not_count() {
        let terms = terms("America/Los_Angeles");
        let target = hours(60);
        let hour = TimeDelta::hours(1);
        for (received, due) in [
            // Monday 10:00, noon with its half hour, Friday evening, the evening before a holiday.
            ("2026-11-16T18:00:00Z", "2026-11-16T19:00:00Z"),
            ("2026-11-16T19:45:00Z", "2026-11-16T21:15:00Z"),
            ("2026-11-21T00:30:00Z", "2026-11-23T16:30:00Z"),
            ("2026-11-26T00:45:00Z", "2026-11-27T16:45:00Z"),
        ] {
            assert_eq!(terms.after(target, at(received), hour), Some(at(due)), "{received}");
            assert_eq!(terms.counted(target, at(received), at(due)), hour, "{received}");
        }
    }

    #[test]
    fn clocks_that_change_do_not_change_the_hours_of_a_day() {
        let mut terms = terms("America/Los_Angeles");
        terms.open[0].days.push(Weekday::Sun);
        terms.open[1].days.push(Weekday::Sun);
        let target = hours(1);
        // Both Sundays on which the clocks change have eight and a half hours of work.
        for day in ["2026-03-08", "2026-11-01"] {
            let from = at(&format!("{day}T08:00:00Z"));
            assert_eq!(
                terms.counted(target, from, from + TimeDelta::hours(24)),
                TimeDelta::minutes(510),
                "{day}"
            );
        }
        // A time that the clocks skip is the first one after it.
        let skipped = terms.instant("2026-03-08".parse().unwrap(), "02:30:00".parse().unwrap());
        assert_eq!(skipped, at("2026-03-08T10:00:00Z"));
    }

    #[test]
    fn a_calendar_without_hours_has_no_due_time() {
        let terms = ServiceTerms { open: vec![], ..terms("Europe/Berlin") };
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!(terms.after(hours(60), now, TimeDelta::hours(1)), None);
        let always = ServiceTarget { around_the_clock: true, ..hours(60) };
        assert_eq!(terms.after(always, now, TimeDelta::hours(1)), Some(at("2026-01-01T01:00:00Z")));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// What `after` finds, `counted` counts; and time that counts is never lost between two stretches.
        #[test]
        fn due_times_and_counted_time_agree(
            zone in prop::sample::select(vec!["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]),
            from in 1_767_225_600_i64..1_798_761_600,
            minutes in 1_u32..3_000,
            part in 0_i64..100,
        ) {
            let terms = terms(zone);
            let target = hours(minutes);
            let from = DateTime::from_timestamp(from, 0).unwrap();
            let time = TimeDelta::minutes(i64::from(minutes));
            let due = terms.after(target, from, time).unwrap();
            prop_assert_eq!(terms.counted(target, from, due), time);
            let between = from + (due - from) * i32::try_from(part).unwrap() / 100;
            let sum = terms.counted(target, from, between) + terms.counted(target, between, due);
            prop_assert_eq!(sum, time);
        }
    }
}
