//! Who is on duty.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{AccountId, UnitId};

/// A time of duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Unit.
    pub unit: UnitId,
    /// Who.
    pub account: AccountId,
    /// From.
    pub starts_at: DateTime<Utc>,
    /// Until (exclusive).
    pub ends_at: DateTime<Utc>,
}

/// Who of a unit is on duty at `at`, once each, in a stable order.
pub fn on_duty(shifts: &[Shift], unit: &UnitId, at: DateTime<Utc>) -> Vec<AccountId> {
    let mut people: Vec<AccountId> = shifts
        .iter()
        .filter(|shift| shift.unit == *unit && shift.starts_at <= at && at < shift.ends_at)
        .map(|shift| shift.account)
        .collect();
    people.sort();
    people.dedup();
    people
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_shift_begins_with_its_start_and_ends_before_its_end() {
        let unit: UnitId = "lacris".parse().unwrap();
        let account = AccountId::new(Uuid::from_u128(1));
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let shift = Shift {
            unit: unit.clone(),
            account,
            starts_at: start,
            ends_at: start + TimeDelta::hours(8),
        };
        let shifts = [shift.clone(), shift];
        assert_eq!(on_duty(&shifts, &unit, start), [account]);
        assert_eq!(on_duty(&shifts, &unit, start + TimeDelta::hours(8)), []);
        assert_eq!(on_duty(&shifts, &"oxnard".parse().unwrap(), start), []);
    }
}
