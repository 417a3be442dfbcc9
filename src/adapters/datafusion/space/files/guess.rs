//! Types of values that are written as text. In: texts, one after the other. Out: the narrowest [`Kind`] that all of them are.
//!
//! The rules are the other engine's: numbers with leading zeros or a plus sign stay text, days and times may be written in several
//! forms, and in one file all days are written in the same one.

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Bigint,
    /// Whole numbers beyond that.
    Hugeint,
    Double,
    /// In a form, if it is not ISO's.
    Date(Option<String>),
    Timestamp(Option<String>),
    TimestampTz,
    Text,
}

impl Kind {
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Bigint => DataType::Int64,
            Self::Hugeint => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Date(_) => DataType::Date32,
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text => DataType::Utf8,
        }
    }

    /// What values of both kinds are.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Bigint | Self::Hugeint, Self::Bigint | Self::Hugeint) => Self::Hugeint,
            (Self::Bigint | Self::Hugeint | Self::Double, Self::Bigint | Self::Hugeint | Self::Double) => Self::Double,
            _ => Self::Text,
        }
    }
}

const BOOLEAN: u64 = 1;
const BIGINT: u64 = 1 << 1;
const HUGEINT: u64 = 1 << 2;
const DOUBLE: u64 = 1 << 3;
const ISO_DATE: u64 = 1 << 4;
const ISO_TIMESTAMP: u64 = 1 << 5;
const WITH_ZONE: u64 = 1 << 6;
const OWN_DATE: u64 = 1 << 7;
const OWN_TIMESTAMP: u64 = 1 << 8;
/// A day of ISO's, which is a timestamp where it cannot be a day.
const DAY_ALONE: u64 = 1 << 62;
/// Bits from here are [`FORMS`], as days; then the same as timestamps, and with hours of half a day.
const FIRST_FORM: u32 = 9;

/// Forms of days, those first that are taken first. Each with `-`, `/` and `.` between its parts.
const ORDERS: [[char; 3]; 5] = [['y', 'm', 'd'], ['d', 'm', 'Y'], ['d', 'm', 'y'], ['m', 'd', 'Y'], ['m', 'd', 'y']];
const SEPARATORS: [char; 3] = ['-', '/', '.'];
const FORMS: u32 = 15;

fn form(order: usize, separator: usize) -> u32 {
    u32::try_from(order * SEPARATORS.len() + separator).unwrap_or_default()
}

fn form_text(form: u32) -> String {
    let form = form as usize;
    let [a, b, c] = ORDERS[form / SEPARATORS.len()];
    let between = SEPARATORS[form % SEPARATORS.len()];
    format!("%{a}{between}%{b}{between}%{c}")
}

/// What the values of a column can be, as far as they have been seen.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    can: u64,
    seen: bool,
    date_format: Option<String>,
    timestamp_format: Option<String>,
}

impl Guess {
    /// Nothing is known yet, and nothing is said of forms.
    pub(super) fn plain() -> Self {
        Self::new(None, None)
    }

    /// Days and times are written in the forms that are given.
    pub(super) fn new(date_format: Option<&str>, timestamp_format: Option<&str>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self { can: u64::MAX, seen: false, date_format: owned(date_format), timestamp_format: owned(timestamp_format) }
    }

    /// Whether a value has been seen.
    pub(super) fn has_seen(&self) -> bool {
        self.seen
    }

    /// Looks at a value.
    pub(super) fn see(&mut self, value: &str) {
        self.seen = true;
        if self.can != 0 {
            self.can &= self.fits(value.trim());
        }
    }

    /// Whether a value could be one of those seen.
    pub(super) fn takes(&self, value: &str) -> bool {
        self.can & self.fits(value.trim()) != 0
    }

    fn fits(&self, value: &str) -> u64 {
        let mut can = 0;
        let Some(first) = value.bytes().next() else { return 0 };
        if let Some(format) = &self.date_format
            && NaiveDate::parse_from_str(value, format).is_ok()
        {
            can |= OWN_DATE;
        }
        if let Some(format) = &self.timestamp_format
            && NaiveDateTime::parse_from_str(value, format).is_ok()
        {
            can |= OWN_TIMESTAMP;
        }
        if first.is_ascii_digit() || matches!(first, b'-' | b'.') {
            return can | number(value) | self.moment(value);
        }
        match value.to_ascii_lowercase().as_str() {
            "true" | "false" | "t" | "f" | "yes" | "no" => can | BOOLEAN,
            "nan" | "inf" | "infinity" => can | DOUBLE,
            _ => can,
        }
    }

    fn moment(&self, value: &str) -> u64 {
        let mut can = 0;
        if let Some(iso) = iso(value) {
            can |= match iso {
                Iso::Date => ISO_DATE | DAY_ALONE,
                Iso::Timestamp => ISO_TIMESTAMP,
                Iso::WithZone => WITH_ZONE,
            };
        }
        let (day, time) = value.split_once(' ').map_or((value, None), |(day, time)| (day, Some(time)));
        let offset = match time.map(clock) {
            None => 0,
            Some(Some(half)) => FORMS * if half { 2 } else { 1 },
            Some(None) => return can,
        };
        for (separator, mark) in SEPARATORS.iter().enumerate() {
            let mut parts = day.split(*mark);
            let (Some(a), Some(b), Some(c), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            for (order, letters) in ORDERS.iter().enumerate() {
                if is_day([a, b, c], *letters) {
                    can |= 1 << (FIRST_FORM + offset + form(order, separator));
                }
            }
        }
        can
    }

    /// What the values are, if days of the file are written in a form, where one is known.
    pub(super) fn kind(&self, days: Option<&Days>) -> Kind {
        let has = |bit: u64| self.can & bit != 0;
        if !self.seen || self.can == 0 {
            return Kind::Text;
        }
        if has(BOOLEAN) {
            return Kind::Boolean;
        }
        if let Some(form) = self.form(0, days) {
            return Kind::Date(form);
        }
        if self.has_moments() {
            if has(OWN_TIMESTAMP) {
                return Kind::Timestamp(self.timestamp_format.clone());
            }
            // A day in a form that is not the file's is written as text, unless it is ISO's.
            if has(ISO_TIMESTAMP) || has(DAY_ALONE) && (days.is_some() || self.date_format.is_some()) {
                return Kind::Timestamp(None);
            }
            if let Some(form) = self.form(FORMS * 2, None) {
                return Kind::Timestamp(form.map(|day| format!("{day} %I:%M:%S %p")));
            }
            if let Some(form) = self.form(FORMS, days) {
                return Kind::Timestamp(form.map(|day| format!("{day} %H:%M:%S")));
            }
        }
        if has(WITH_ZONE) {
            Kind::TimestampTz
        } else if has(BIGINT) {
            Kind::Bigint
        } else if has(HUGEINT) {
            Kind::Hugeint
        } else if has(DOUBLE) {
            Kind::Double
        } else {
            Kind::Text
        }
    }

    fn has_moments(&self) -> bool {
        self.can & (OWN_TIMESTAMP | ISO_TIMESTAMP | DAY_ALONE) != 0 || self.can >> (FIRST_FORM + FORMS) != 0
    }

    /// The form in which all are written: `Some(None)` is ISO's.
    fn form(&self, offset: u32, days: Option<&Days>) -> Option<Option<String>> {
        let dates = offset == 0;
        if dates && self.date_format.is_some() {
            return (self.can & OWN_DATE != 0).then(|| self.date_format.clone());
        }
        let iso = dates && self.can & ISO_DATE != 0;
        let can = |form: u32| self.can & (1 << (FIRST_FORM + offset + form)) != 0;
        match days {
            Some(Days(None)) => iso.then_some(None),
            Some(Days(Some(form))) => can(*form).then(|| Some(form_text(*form))),
            None if iso => Some(None),
            // Hours of half a day are written where months come first.
            None if offset == FORMS * 2 => (0..FORMS).rev().find(|form| can(*form)).map(|form| Some(form_text(form))),
            None => (0..FORMS).find(|form| can(*form)).map(|form| Some(form_text(form))),
        }
    }

    /// The form of days in a file whose first column with days this is.
    pub(super) fn days(&self) -> Option<Days> {
        if !self.seen || self.date_format.is_some() || self.can & BOOLEAN != 0 {
            return None;
        }
        if self.can & ISO_DATE != 0 {
            return Some(Days(None));
        }
        (0..FORMS).find(|form| self.can & (1 << (FIRST_FORM + form)) != 0).map(|form| Days(Some(form)))
    }
}

/// The form of days in a file.
#[derive(Clone, Debug)]
pub(super) struct Days(Option<u32>);

fn number(value: &str) -> u64 {
    let unsigned = value.strip_prefix('-');
    let digits = unsigned.unwrap_or(value);
    let leading = unsigned.is_none() && digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if leading || digits.is_empty() {
        return 0;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        let huge = if digits.len() <= 37 { HUGEINT | DOUBLE } else { DOUBLE };
        return if value.parse::<i64>().is_ok() { BIGINT | huge } else { huge };
    }
    let numeric = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    if numeric && value.bytes().any(|b| b.is_ascii_digit()) && value.parse::<f64>().is_ok() || digits == "inf" {
        DOUBLE
    } else {
        0
    }
}

/// What is written as ISO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Iso {
    Date,
    Timestamp,
    WithZone,
}

/// `2026-01-31`, `2026/1/31`, `2026-01-31T10:00`, `2026-01-31 10:00:00.5+01`.
pub(super) fn iso(value: &str) -> Option<Iso> {
    let (day, rest) = match value.find([' ', 'T']) {
        Some(at) => (&value[..at], Some(&value[at + 1..])),
        None => (value, None),
    };
    let mark = if day.contains('/') { '/' } else { '-' };
    let mut parts = day.split(mark);
    let (Some(year), Some(month), Some(of_month), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if !is_day([year, month, of_month], ['Y', 'm', 'd']) {
        return None;
    }
    let Some(rest) = rest else { return Some(Iso::Date) };
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let known = match zone {
        None | Some("Z") => true,
        Some(zone) => {
            let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
            below(hours, 2, 24) && below(minutes, 2, 60)
        }
    };
    if !known || clock(time) != Some(false) && !is_short_clock(time) {
        return None;
    }
    Some(if zone.is_some() { Iso::WithZone } else { Iso::Timestamp })
}

fn is_short_clock(time: &str) -> bool {
    time.split_once(':').is_some_and(|(hour, minute)| below(hour, 2, 24) && below(minute, 2, 60))
}

/// Whether a text is a time of day, and whether it is one of half a day.
fn clock(text: &str) -> Option<bool> {
    let upper = text.to_ascii_uppercase();
    let half = upper.strip_suffix(" AM").or_else(|| upper.strip_suffix(" PM"));
    let mut parts = half.unwrap_or(&upper).split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let right = below(hour, 2, if half.is_some() { 13 } else { 24 })
        && below(minute, 2, 60)
        && below(second, 2, 60)
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit());
    right.then_some(half.is_some())
}

fn below(text: &str, length: usize, limit: u32) -> bool {
    !text.is_empty()
        && text.len() <= length
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|n| n < limit)
}

/// Whether three parts are a day in an order.
fn is_day(parts: [&str; 3], order: [char; 3]) -> bool {
    let (mut year, mut month, mut day) = (0, 0, 0);
    for (part, letter) in parts.into_iter().zip(order) {
        let fits = match letter {
            'Y' => part.len() == 4,
            'y' => part.len() == 2,
            _ => (1..=2).contains(&part.len()),
        };
        if !fits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        let number: u32 = part.parse().unwrap_or_default();
        match letter {
            'Y' => year = number,
            'y' => year = 2000 + number,
            'm' => month = number,
            _ => day = number,
        }
    }
    i32::try_from(year).is_ok_and(|year| NaiveDate::from_ymd_opt(year, month, day).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Kind {
        let mut guess = Guess::plain();
        values.iter().for_each(|value| guess.see(value));
        guess.kind(None)
    }

    #[test]
    fn kinds_as_the_other_engine_finds_them() {
        let form = |text: &str| Some(text.to_owned());
        for (values, kind) in [
            (&["1", "-5"][..], Kind::Bigint),
            (&["0", "00"], Kind::Text),
            (&["01234"], Kind::Text),
            (&["-05"], Kind::Bigint),
            (&["+5"], Kind::Text),
            (&[" 1", "2 "], Kind::Bigint),
            (&["1", "2.5"], Kind::Double),
            (&[".5", "1.", "1e3"], Kind::Double),
            (&["01.5"], Kind::Text),
            (&["0.5", "-0.0"], Kind::Double),
            (&["9223372036854775808"], Kind::Hugeint),
            (&["1_000"], Kind::Text),
            (&["yes", "no"], Kind::Boolean),
            (&["1", "true"], Kind::Text),
            (&["2024-01-01", "2024/1/2"], Kind::Date(None)),
            (&["2024-02-30"], Kind::Text),
            (&["20240101"], Kind::Bigint),
            (&["01/02/2024", "13/02/2024"], Kind::Date(form("%d/%m/%Y"))),
            (&["01/02/2024", "02/13/2024"], Kind::Date(form("%m/%d/%Y"))),
            (&["1.2.2024"], Kind::Date(form("%d.%m.%Y"))),
            (&["01/02/24"], Kind::Date(form("%y/%m/%d"))),
            (&["2024-01-01 10:00:00.123", "2024-01-01T10:00"], Kind::Timestamp(None)),
            (&["2024-01-01", "2024-01-01 10:00:00"], Kind::Text),
            (&["01/02/2024 10:00"], Kind::Text),
            (&["13/02/2024 11:00:00"], Kind::Timestamp(form("%d/%m/%Y %H:%M:%S"))),
            (&["01/02/2024 10:00:00 AM"], Kind::Timestamp(form("%m/%d/%Y %I:%M:%S %p"))),
            (&["2024-01-01T10:00:00Z", "2024-01-01 10:00:00.5+01:00"], Kind::TimestampTz),
            (&[" "], Kind::Text),
            (&[], Kind::Text),
        ] {
            assert_eq!(of(values), kind, "{values:?}");
        }
    }
}
