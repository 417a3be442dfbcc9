//! Which keys the recorded batches cover.
//!
//! In: intervals, in the order of their runs. Out: [`Coverage`], a set of intervals that do not touch.

use crate::base::{BatchKey, Interval};

/// A set of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(Vec<Interval>);

impl Coverage {
    /// Adds an interval.
    pub fn add(&mut self, interval: Interval) {
        if interval.is_empty() {
            return;
        }
        let touches = |other: &Interval| other.start <= interval.end && interval.start <= other.end;
        let (near, mut apart): (Vec<Interval>, Vec<Interval>) = self.0.drain(..).partition(touches);
        let start = near.iter().map(|i| i.start).min().map_or(interval.start, |s| s.min(interval.start));
        let end = near.iter().map(|i| i.end).max().map_or(interval.end, |e| e.max(interval.end));
        apart.push(Interval { start, end });
        apart.sort_unstable();
        self.0 = apart;
    }

    /// Takes an interval away.
    pub fn remove(&mut self, interval: Interval) {
        let cut = |own: Interval| {
            let before = Interval { start: own.start, end: own.end.min(interval.start) };
            let after = Interval { start: own.start.max(interval.end), end: own.end };
            [before, after].into_iter().filter(|part| !part.is_empty())
        };
        self.0 = self.0.drain(..).flat_map(cut).collect();
    }

    /// Whether every key of an interval is in the set.
    pub fn contains(&self, interval: Interval) -> bool {
        self.0.iter().any(|own| own.start <= interval.start && interval.end <= own.end)
    }

    /// The smallest key.
    pub fn start(&self) -> Option<BatchKey> {
        self.0.first().map(|interval| interval.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_join_and_are_cut() {
        let of = |a: i64, b: i64| Interval::new(BatchKey::Number(a), BatchKey::Number(b));
        let mut set = Coverage::default();
        for (a, b) in [(10, 20), (30, 40), (20, 25), (5, 5)] {
            set.add(of(a, b));
        }
        assert_eq!(set, Coverage(vec![of(10, 25), of(30, 40)]));
        assert!(set.contains(of(12, 25)) && !set.contains(of(12, 31)));
        set.remove(of(12, 35));
        assert_eq!(set, Coverage(vec![of(10, 12), of(35, 40)]));
        set.add(of(0, 100));
        assert_eq!(set, Coverage(vec![of(0, 100)]));
        set.remove(of(-1, 100));
        assert_eq!(set.start(), None);
    }
}
