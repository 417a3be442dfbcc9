//! How big a batch is.
//!
//! In: a config's value. Out: [`BatchSize`].

use std::fmt;

use crate::base::Value;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grain {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Grain {
    /// All of them, the smallest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The name in configs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The grain that a word names, in the singular or the plural.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        Self::ALL.into_iter().find(|grain| grain.as_str() == word.trim_end_matches('s'))
    }
}

/// How big a batch is: so many units of time, or so many numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchSize {
    /// `day`, `3 days`.
    Time(Grain, i64),
    /// `1000`: the batch key is a whole number.
    Numbers(i64),
}

impl BatchSize {
    /// The size that a config names: `day`, `week`, `3 days`, or a whole number.
    pub fn of(value: &Value) -> Option<Self> {
        if let Some(step) = value.as_i64() {
            return (step > 0).then_some(Self::Numbers(step));
        }
        let text = value.as_str()?.trim();
        if let Some(grain) = Grain::ALL.into_iter().find(|grain| grain.as_str() == text) {
            return Some(Self::Time(grain, 1));
        }
        let (count, word) = text.split_once(' ')?;
        let count = count.parse().ok().filter(|count| (1..=100_000).contains(count))?;
        Some(Self::Time(Grain::parse(word.trim())?, count))
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(step) => write!(f, "{step}"),
            Self::Time(grain, 1) => f.write_str(grain.as_str()),
            Self::Time(grain, count) => write!(f, "{count} {}s", grain.as_str()),
        }
    }
}
