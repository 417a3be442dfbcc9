//! Versions of packages, as dbt compares them. In: `1.2.3-rc.1`, `>=1.0.0`. Out: [`VersionSpec`], [`Range`], and the version
//! to install.
//!
//! dbt's order has corners of its own, kept here because they decide which version is installed: a bound `<2.0.0` lies
//! below `2.0.0-rc.1`, and among equal numbers the sign decides.

use std::cmp::Ordering;
use std::fmt;

/// A sign before a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matcher {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Exact,
}

use Matcher::{Exact, Greater, GreaterOrEqual, Less, LessOrEqual};

impl Matcher {
    fn sign(self) -> &'static str {
        match self {
            Greater => ">",
            GreaterOrEqual => ">=",
            Less => "<",
            LessOrEqual => "<=",
            Exact => "=",
        }
    }

    fn is_lower(self) -> bool {
        matches!(self, Greater | GreaterOrEqual)
    }

    fn is_upper(self) -> bool {
        matches!(self, Less | LessOrEqual)
    }
}

/// A version with a sign: a requirement, or without one a version that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionSpec {
    matcher: Matcher,
    numbers: [u64; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

impl VersionSpec {
    /// Reads three numbers with an optional sign, pre-release and build; none if that is not what it is.
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let signs =
            [(">=", GreaterOrEqual), ("<=", LessOrEqual), ("==", Exact), (">", Greater), ("<", Less), ("=", Exact)];
        let (matcher, rest) = signs
            .into_iter()
            .find_map(|(sign, matcher)| Some((matcher, text.strip_prefix(sign)?)))
            .unwrap_or((Exact, &text));
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (digits, prerelease) = rest.split_at(end);
        let mut parts = digits.split('.');
        let mut number = || {
            let part = parts.next()?;
            (part == "0" || !part.starts_with('0')).then(|| part.parse().ok())?
        };
        let numbers = [number()?, number()?, number()?];
        if parts.next().is_some() {
            return None;
        }
        let prerelease = prerelease.strip_prefix('-').unwrap_or(prerelease);
        let named = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        let leading_zero =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
        let sound = named(prerelease)
            && (prerelease.is_empty() || prerelease.split('.').all(|p| !p.is_empty() && !leading_zero(p)))
            && build.is_none_or(named);
        sound.then(|| Self {
            matcher,
            numbers,
            prerelease: (!prerelease.is_empty()).then(|| prerelease.to_owned()),
            build: build.filter(|b| !b.is_empty()).map(str::to_owned),
        })
    }

    /// Whether it names a pre-release.
    pub fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    /// dbt's order, which is not symmetric.
    fn compare(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        if numbers != Ordering::Equal {
            return numbers;
        }
        let releases = match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) if self.matcher == Less => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => compare_prereleases(a, b),
        };
        releases.then_with(|| self.compare_signs(other))
    }

    fn compare_signs(&self, other: &Self) -> Ordering {
        let (a, b) = (self.matcher, other.matcher);
        match (a, b) {
            (GreaterOrEqual, LessOrEqual) | (LessOrEqual, GreaterOrEqual) => Ordering::Equal,
            (Less, LessOrEqual) | (GreaterOrEqual, Greater) => Ordering::Less,
            (LessOrEqual, Less) | (Greater, GreaterOrEqual) => Ordering::Greater,
            _ if a.is_upper() && b.is_lower() => Ordering::Less,
            _ if a.is_lower() && b.is_upper() => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    fn range(&self) -> Range {
        let (lower, upper) = (self.matcher.is_lower(), self.matcher.is_upper());
        Range { start: (!upper).then(|| self.clone()), end: (!lower).then(|| self.clone()) }
    }
}

impl fmt::Display for VersionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{}{major}.{minor}.{patch}", self.matcher.sign())?;
        self.prerelease.iter().try_for_each(|text| write!(f, "-{text}"))?;
        self.build.iter().try_for_each(|text| write!(f, "+{text}"))
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
    // dbt compares the lengths of the texts here.
    a.len().cmp(&b.len())
}

/// What several requirements leave; an end without bound is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    start: Option<VersionSpec>,
    end: Option<VersionSpec>,
}

impl Range {
    /// The range that meets all requirements; none if they contradict each other.
    pub fn of<'a>(requirements: impl IntoIterator<Item = &'a VersionSpec>) -> Option<Self> {
        let mut all: Vec<&VersionSpec> = requirements.into_iter().collect();
        let Some(last) = all.pop() else { return Some(Self::default()) };
        all.into_iter().try_fold(last.range(), |range, one| range.reduce(one.range()))
    }

    fn reduce(self, other: Self) -> Option<Self> {
        let exact = |end: &Option<VersionSpec>| end.as_ref().is_some_and(|v| v.matcher == Exact);
        let reduced = if exact(&self.start) && exact(&other.start) {
            let same = self.start.as_ref()?.compare(other.start.as_ref()?) == Ordering::Equal;
            if !same {
                return None;
            }
            Self { start: self.start.clone(), end: self.start }
        } else {
            Self {
                start: combine(self.start, other.start, Ordering::Less, GreaterOrEqual)?,
                end: combine(self.end, other.end, Ordering::Greater, LessOrEqual)?,
            }
        };
        match (&reduced.start, &reduced.end) {
            (Some(start), Some(end)) if start.compare(end) == Ordering::Greater => None,
            _ => Some(reduced),
        }
    }

    fn accepts(&self, version: &VersionSpec) -> bool {
        Self::of([Some(version), self.start.as_ref(), self.end.as_ref()].into_iter().flatten()).is_some()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.start, &self.end) {
            (None, None) => f.write_str("any version"),
            (Some(one), None) | (None, Some(one)) => one.fmt(f),
            (Some(start), Some(end)) if start == end => start.fmt(f),
            (Some(start), Some(end)) => write!(f, "{start}, {end}"),
        }
    }
}

/// The stricter of two bounds on one side. `outside` is how a bound compares with what lies inside; `closed` is the sign of
/// a bound that belongs to its range.
fn combine(
    a: Option<VersionSpec>,
    b: Option<VersionSpec>,
    outside: Ordering,
    closed: Matcher,
) -> Option<Option<VersionSpec>> {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (one, other) => return Some(one.or(other)),
    };
    let (bound, exact) = match (a.matcher == Exact, b.matcher == Exact) {
        (false, false) => return Some(Some(if a.compare(&b) == outside { b } else { a })),
        (true, _) => (b, a),
        (false, true) => (a, b),
    };
    let order = bound.compare(&exact);
    (order == outside || order == Ordering::Equal && bound.matcher == closed).then_some(Some(exact))
}

/// The highest of some versions that lies in a range.
pub(super) fn best<'a>(range: &Range, available: &[&'a str]) -> Option<&'a str> {
    let mut found: Option<(VersionSpec, &str)> = None;
    for text in available {
        let Some(version) = VersionSpec::parse(text).filter(|v| range.accepts(v)) else { continue };
        if found.as_ref().is_none_or(|(best, _)| best.compare(&version) == Ordering::Less) {
            found = Some((version, text));
        }
    }
    found.map(|(_, text)| text)
}

/// The versions that may be installed, lowest first; pre-releases only if they are wanted.
pub(super) fn installable<'a>(available: impl IntoIterator<Item = &'a str>, prereleases: bool) -> Vec<&'a str> {
    let parsed = available.into_iter().filter_map(|text| Some((VersionSpec::parse(text)?, text)));
    let mut kept: Vec<(VersionSpec, &str)> =
        parsed.filter(|(v, _)| v.matcher == Exact && (prereleases || !v.is_prerelease())).collect();
    kept.sort_by(|(a, _), (b, _)| a.compare(b));
    kept.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(requirements: &[&str], available: &[&str]) -> Result<Option<String>, ()> {
        let specs: Vec<VersionSpec> = requirements.iter().map(|r| VersionSpec::parse(r).unwrap()).collect();
        let prereleases = specs.iter().any(VersionSpec::is_prerelease);
        let range = Range::of(&specs).ok_or(())?;
        Ok(best(&range, &installable(available.iter().copied(), prereleases)).map(str::to_owned))
    }

    #[test]
    fn picks_what_dbt_picks() {
        let available = ["0.9.0", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.2.0", "1.10.0", "2.0.0-b1", "2.0.0"];
        for (requirements, want) in [
            (&[">=1.0.0", "<2.0.0"][..], Some("1.10.0")),
            (&["1.2.0"], Some("1.2.0")),
            (&["=1.2.0", ">=1.0.0"], Some("1.2.0")),
            (&[">=0.1.0"], Some("2.0.0")),
            (&["<1.0.0"], Some("0.9.0")),
            (&[">=1.0.0-rc.2", "<1.0.0"], None),
            (&[">=1.0.0-rc.2", "<=1.0.0"], Some("1.0.0")),
            (&[">=1.0.0-rc.1", "<=1.0.0-rc.10"], Some("1.0.0-rc.10")),
            (&[">1.0.0-rc.2", "<2.0.0"], Some("1.10.0")),
            (&["<=2.0.0-b1"], Some("2.0.0-b1")),
            (&["<2.0.0-b1", ">=1.0.0"], Some("1.10.0")),
            (&["1.5.0"], None),
            (&[">2.0.0"], None),
        ] {
            assert_eq!(pick(requirements, &available).unwrap().as_deref(), want, "{requirements:?}");
        }
        for contradiction in [&["<1.0.0", ">=1.0.0"][..], &["1.0.0", "1.0.1"], &[">1.2.0", "1.2.0"]] {
            assert!(pick(contradiction, &available).is_err(), "{contradiction:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_version() {
        for bad in ["", "1.0", "latest", "1.2.3.4", ">=1.x.0", "01.0.0", "1.0.0-a..b", "~1.0.0"] {
            assert!(VersionSpec::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(VersionSpec::parse(" >= 1.0.0-rc.1+b2 ").unwrap().to_string(), ">=1.0.0-rc.1+b2");
    }
}
