//! A version of a table, or the one that was current at a moment.
//!
//! In: text. Out: [`AsOf`], and the name by which engines with time travel know a table at it: `orders@v3`,
//! `orders@2026-01-01T00:00:00Z`.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{BatchKey, Relation};

/// Which state of a table is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// A version, as the table counts them from 0.
    Version(u64),
    /// The last version that was written at or before a moment.
    Time(DateTime<Utc>),
}

impl AsOf {
    /// Reads `7`, `v7`, `2026-01-31`, `2026-01-31T12:00:00` or `2026-01-31 12:00:00+01:00`; times without zone are UTC.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(version) = text.strip_prefix('v').unwrap_or(text).parse() {
            return Ok(Self::Version(version));
        }
        let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok();
        let time = zoned.or_else(|| BatchKey::parse(text).and_then(BatchKey::time));
        time.map(Self::Time).ok_or_else(|| {
            format!("'{text}' is neither a version nor a time: write 7, 2026-01-31 or '2026-01-31 12:00:00' (UTC)")
        })
    }

    /// The name of a relation at it.
    #[must_use]
    pub fn of(self, relation: &Relation) -> Relation {
        let identifier = relation.identifier.as_deref().unwrap_or_default();
        Relation { identifier: Some(format!("{identifier}@{}", self.suffix())), ..relation.clone() }
    }

    /// The plain identifier and the state that a name asks for, if it asks for one.
    pub fn split(identifier: &str) -> (&str, Option<Self>) {
        let parts = identifier.rsplit_once('@').map(|(plain, text)| (plain, Self::parse(text)));
        match parts {
            Some((plain, Ok(at))) if !plain.is_empty() => (plain, Some(at)),
            _ => (identifier, None),
        }
    }

    fn suffix(self) -> String {
        match self {
            Self::Version(version) => format!("v{version}"),
            Self::Time(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version}"),
            Self::Time(at) => write!(f, "{}", at.format("%Y-%m-%d %H:%M:%S%.f UTC")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_state() {
        for (text, suffix) in [
            ("7", "v7"),
            ("v7", "v7"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31 12:00:00", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00.5+01:00", "2026-01-31T11:00:00.500Z"),
        ] {
            let at = AsOf::parse(text).unwrap();
            let name = at.of(&Relation::new("lake", "raw", "orders")).identifier.unwrap();
            assert_eq!(name, format!("orders@{suffix}"), "{text}");
            assert_eq!(AsOf::split(&name), ("orders", Some(at)));
        }
        for text in ["", "yesterday", "-1", "3.5"] {
            assert!(AsOf::parse(text).is_err(), "{text}");
        }
        assert_eq!(AsOf::split("a@b"), ("a@b", None));
    }
}
