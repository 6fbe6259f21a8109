//! Local times and hand-offs: what a clock on the wall says, as instants.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::{HandOff, Rotation};

/// Two transitions of one zone are further apart than this, and no offset is larger.
const WINDOW: TimeDelta = TimeDelta::days(1);

/// The instant of a local time. One that does not exist is the first instant after the gap; one that exists twice is
/// the first.
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    if let Some(found) = zone.from_local_datetime(&local).earliest() {
        return found.to_utc();
    }
    let is_past = |at: NaiveDateTime| at + zone.offset_from_utc_datetime(&at).fix() >= local;
    let (mut before, mut after) = (local - WINDOW, local + WINDOW);
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if is_past(middle) {
            after = middle;
        } else {
            before = middle;
        }
    }
    after.and_utc()
}

impl HandOff {
    /// Between two hand-offs, on the local clock.
    pub fn step(self) -> TimeDelta {
        match self {
            Self::Hourly => TimeDelta::hours(1),
            Self::Daily => TimeDelta::days(1),
            Self::Weekly => TimeDelta::weeks(1),
            Self::Hours(hours) => TimeDelta::hours(i64::from(hours)),
            Self::Days(days) => TimeDelta::days(i64::from(days)),
        }
    }
}

impl<P> Rotation<P> {
    /// The first hand-off.
    pub fn starts_at(&self) -> DateTime<Utc> {
        instant(self.zone, self.starts_on.and_time(self.time))
    }

    /// The end, exclusive.
    pub fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.ends_on.map(|day| instant(self.zone, day.and_time(self.time)))
    }

    /// The instant of the hand-off number `turn`, from 0; none beyond the calendar's end.
    pub fn hand_off_at(&self, turn: i64) -> Option<DateTime<Utc>> {
        let seconds = self.hand_off.step().num_seconds().checked_mul(turn)?;
        let local = self.starts_on.and_time(self.time);
        let local = local.checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
        Some(instant(self.zone, local))
    }

    /// How many hand-offs there were before the one that is in force at `at`; none before the start and after the end.
    ///
    /// Computed from the local clock, so it costs the same after a day and after ten years.
    pub fn turn(&self, at: DateTime<Utc>) -> Option<i64> {
        if self.participants.is_empty() || self.ends_at().is_some_and(|end| at >= end) {
            return None;
        }
        let step = self.hand_off.step().num_seconds();
        let local = at.with_timezone(&self.zone).naive_local();
        let gone = (local - self.starts_on.and_time(self.time)).num_seconds();
        let mut turn = gone.checked_div_euclid(step)?;
        // A change of the clocks moves hand-offs by less than a day.
        while turn >= 0 && self.hand_off_at(turn)? > at {
            turn -= 1;
        }
        while self.hand_off_at(turn.checked_add(1)?).is_some_and(|next| next <= at) {
            turn += 1;
        }
        (turn >= 0).then_some(turn)
    }

    /// Who serves at `at`, without temporary schedules and holidays.
    pub fn serves(&self, at: DateTime<Utc>) -> Option<&P> {
        let count = i64::try_from(self.participants.len()).ok()?;
        let place = self.turn(at)?.checked_rem(count)?;
        self.participants.get(usize::try_from(place).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime, Timelike as _};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn rotation(zone: Tz, hand_off: HandOff, (day, time): (&str, &str)) -> Rotation<u32> {
        Rotation {
            name: "test".to_owned(),
            lanes: Vec::new(),
            level: crate::roster::Level::Primary,
            participants: vec![0, 1, 2],
            hand_off,
            time: NaiveTime::parse_from_str(time, "%H:%M").unwrap(),
            zone,
            starts_on: day.parse().unwrap(),
            ends_on: None,
            only_holidays: false,
        }
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_first_after_and_one_that_exists_twice_is_the_first() {
        let zone = Tz::America__Los_Angeles;
        let local = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        let cases = [
            ("2026-03-08 01:59", "2026-03-08T09:59:00Z"),
            ("2026-03-08 02:00", "2026-03-08T10:00:00Z"),
            ("2026-03-08 02:30", "2026-03-08T10:00:00Z"),
            ("2026-03-08 03:00", "2026-03-08T10:00:00Z"),
            ("2026-11-01 01:30", "2026-11-01T08:30:00Z"),
            ("2026-11-01 02:00", "2026-11-01T10:00:00Z"),
        ];
        for (given, instant_of) in cases {
            assert_eq!(instant(zone, local(given)), at(instant_of), "{given}");
        }
        // Half an hour on Lord Howe Island; a whole day that Samoa left out.
        let given = local("2026-10-04 02:15");
        assert_eq!(instant(Tz::Australia__Lord_Howe, given), at("2026-10-03T15:30:00Z"));
        let given = local("2011-12-30 08:00");
        assert_eq!(instant(Tz::Pacific__Apia, given), at("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_weekly_hand_off_remains_at_monday_eight_o_clock_all_year() {
        for zone in [Tz::America__Los_Angeles, Tz::Europe__Berlin, Tz::Australia__Lord_Howe] {
            let rotation = rotation(zone, HandOff::Weekly, ("2026-01-05", "08:00"));
            for week in 0..104 {
                let hand_off = rotation.hand_off_at(week).unwrap();
                let local = hand_off.with_timezone(&zone);
                assert_eq!((local.hour(), local.minute()), (8, 0));
                assert_eq!(chrono::Datelike::weekday(&local), chrono::Weekday::Mon);
                assert_eq!(rotation.turn(hand_off), Some(week));
                let before = hand_off - TimeDelta::seconds(1);
                assert_eq!(rotation.turn(before), (week > 0).then_some(week - 1));
            }
        }
    }

    #[test]
    fn an_hour_that_is_left_out_has_no_turn_and_one_that_comes_twice_is_one_turn() {
        let rotation = rotation(Tz::America__Los_Angeles, HandOff::Hourly, ("2026-03-08", "00:00"));
        let turn = |text: &str| rotation.turn(at(text)).unwrap();
        assert_eq!(turn("2026-03-08T09:59:59Z"), 1);
        assert_eq!(turn("2026-03-08T10:00:00Z"), 3, "03:00; nobody has the hour from 02:00");
        let first = turn("2026-11-01T08:30:00Z");
        assert_eq!(turn("2026-11-01T09:30:00Z"), first, "01:30 for the second time");
        assert_eq!(turn("2026-11-01T10:00:00Z"), first + 1);
    }

    #[test]
    fn a_rotation_has_a_start_and_an_end() {
        let mut rotation = rotation(Tz::Europe__Berlin, HandOff::Days(3), ("2026-03-27", "08:00"));
        rotation.ends_on = NaiveDate::from_ymd_opt(2026, 4, 2);
        assert_eq!(rotation.serves(at("2026-03-27T06:59:59Z")), None);
        assert_eq!(rotation.serves(at("2026-03-27T07:00:00Z")), Some(&0));
        assert_eq!(rotation.serves(at("2026-03-30T05:59:59Z")), Some(&0));
        assert_eq!(rotation.serves(at("2026-03-30T06:00:00Z")), Some(&1), "summer time");
        assert_eq!(rotation.serves(at("2026-04-02T06:00:00Z")), None);
    }
}
