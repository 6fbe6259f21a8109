//! Periods by time: which of them hold an instant, without looking at the others.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

/// Periods with what they carry: a balanced tree in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intervals<T> {
    items: Vec<Item<T>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item<T> {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// The latest end in the half of the list that this item is the middle of.
    latest: DateTime<Utc>,
    value: T,
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> Intervals<T> {
    /// From periods (end exclusive) in any order.
    pub(super) fn new(periods: Vec<(DateTime<Utc>, DateTime<Utc>, T)>) -> Self {
        let mut items: Vec<Item<T>> = periods
            .into_iter()
            .map(|(from, until, value)| Item { from, until, latest: until, value })
            .collect();
        items.sort_by_key(|item| item.from);
        let _ = widen(&mut items);
        Self { items }
    }

    /// Everything that holds `at`.
    pub(super) fn at(&self, at: DateTime<Utc>) -> Vec<&T> {
        let mut found = Vec::new();
        collect(&self.items, at, &mut found);
        found
    }

    /// Every period, by its start.
    pub(super) fn iter(&self) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>, &T)> {
        self.items.iter().map(|item| (item.from, item.until, &item.value))
    }
}

/// Sets `latest` in this half and everything below; the latest end in it.
fn widen<T>(items: &mut [Item<T>]) -> Option<DateTime<Utc>> {
    let middle = items.len() / 2;
    let (before, rest) = items.split_at_mut(middle);
    let (item, after) = rest.split_first_mut()?;
    let below = widen(before).max(widen(after));
    item.latest = below.map_or(item.until, |below| below.max(item.until));
    Some(item.latest)
}

fn collect<'i, T>(items: &'i [Item<T>], at: DateTime<Utc>, found: &mut Vec<&'i T>) {
    let (before, rest) = items.split_at(items.len() / 2);
    let Some((item, after)) = rest.split_first() else { return };
    if item.latest <= at {
        return;
    }
    collect(before, at, found);
    match item.from.cmp(&at) {
        Ordering::Greater => {}
        Ordering::Less | Ordering::Equal => {
            if at < item.until {
                found.push(&item.value);
            }
            collect(after, at, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_a_look_at_all_of_them_finds(
            periods in proptest::collection::vec((0i64..60, 0i64..20), 0..40), asked in -1i64..82,
        ) {
            let list: Vec<_> = periods
                .iter()
                .enumerate()
                .map(|(n, (from, length))| (at(*from), at(from + length), n))
                .collect();
            let mut found: Vec<usize> =
                Intervals::new(list.clone()).at(at(asked)).into_iter().copied().collect();
            found.sort_unstable();
            let expected: Vec<usize> = list
                .into_iter()
                .filter(|(from, until, _)| *from <= at(asked) && at(asked) < *until)
                .map(|(_, _, n)| n)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
