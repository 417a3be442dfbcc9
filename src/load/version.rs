//! Which dbt we answer for, and whether a project accepts it. In: `require-dbt-version`. Out: [`VersionSpec`]s.

use std::cmp::Ordering;
use std::fmt;

/// The dbt version whose behaviour is ours and that `dbt_version` shows.
pub const DBT_VERSION: &str = "1.11.16";

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matcher {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// One requirement on the dbt version, such as `>=1.6.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSpec {
    matcher: Matcher,
    version: [u64; 3],
    prerelease: Option<String>,
    written: String,
}

impl VersionSpec {
    /// Reads `>=1.6.0`, `=1.7.0-rc1`, `<2`; missing parts count as 0, blanks are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let written: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let matchers = [
            (">=", Matcher::GreaterOrEqual),
            ("<=", Matcher::LessOrEqual),
            ("==", Matcher::Equal),
            (">", Matcher::Greater),
            ("<", Matcher::Less),
            ("=", Matcher::Equal),
        ];
        let (matcher, rest) = matchers
            .into_iter()
            .find_map(|(sign, matcher)| Some((matcher, written.strip_prefix(sign)?)))
            .unwrap_or((Matcher::Equal, &written));
        let rest = rest.split('+').next().unwrap_or(rest);
        let digits_end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (numbers, prerelease) = rest.split_at(digits_end);
        let mut version = [0; 3];
        let parts: Vec<&str> = numbers.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        for (slot, part) in version.iter_mut().zip(&parts) {
            *slot = part.parse().ok()?;
        }
        let prerelease = prerelease.strip_prefix('-').unwrap_or(prerelease);
        if !prerelease.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
            return None;
        }
        let prerelease = (!prerelease.is_empty()).then(|| prerelease.to_owned());
        Some(Self { matcher, version, prerelease, written })
    }

    /// Whether a version meets this requirement.
    pub fn accepts(&self, version: &str) -> bool {
        let Some(found) = Self::parse(version) else { return false };
        let order = found.compare(self);
        match self.matcher {
            Matcher::Equal => order == Ordering::Equal,
            Matcher::Greater => order == Ordering::Greater,
            Matcher::GreaterOrEqual => order != Ordering::Less,
            Matcher::Less => order == Ordering::Less,
            Matcher::LessOrEqual => order != Ordering::Greater,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.version.cmp(&other.version).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => compare_prereleases(a, b),
        })
    }
}

impl fmt::Display for VersionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Part by part: numbers by value and before words.
fn compare_prereleases(a: &str, b: &str) -> Ordering {
    for (x, y) in a.split('.').zip(b.split('.')) {
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.split('.').count().cmp(&b.split('.').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        for (spec, version, want) in [
            (">=1.6.0", "1.11.16", true),
            ("<1.6.0", "1.11.16", false),
            ("1.11.16", "1.11.16", true),
            ("= 1.11.0", "1.11.16", false),
            (">=1.0", "1.0.0", true),
            ("<2.0.0", "2.0.0-rc1", true),
            (">1.5.0-b1", "1.5.0-rc1", true),
            ("<=1.5.0-rc.2", "1.5.0-rc.10", false),
        ] {
            assert_eq!(VersionSpec::parse(spec).unwrap().accepts(version), want, "{spec} {version}");
        }
        for bad in ["", ">=", "latest", "1.2.3.4", ">=1.x"] {
            assert!(VersionSpec::parse(bad).is_none_or(|s| s.prerelease.is_some()), "{bad}");
        }
    }
}
