//! What a plain scalar of YAML 1.1 means.
//!
//! In: the text of a scalar, or a type named by a tag. Out: its value.

use std::sync::LazyLock;

use chrono::NaiveTime;
use fancy_regex::Regex;
use minijinja::Value;

use crate::jinja::modules::datetime::{PyDate, PyDateTime, Zone};
use crate::jinja::values::int;

/// The types that text can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    Merge,
    Text,
}

const PATTERNS: [(Kind, &str); 6] = [
    (Kind::Null, r"~|null|Null|NULL|"),
    (Kind::Bool, r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"),
    (
        Kind::Float,
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    ),
    (
        Kind::Int,
        r"[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
    ),
    (
        Kind::Timestamp,
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
    ),
    (Kind::Merge, "<<"),
];

static RESOLVERS: LazyLock<Vec<(Kind, Regex)>> = LazyLock::new(|| {
    let compiled = |(kind, pattern): (Kind, &str)| Some((kind, Regex::new(&format!(r"\A(?:{pattern})\z")).ok()?));
    PATTERNS.into_iter().filter_map(compiled).collect()
});

static TIMESTAMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let time = r"(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?";
    Regex::new(&format!(r"\A(\d{{4}})-(\d\d?)-(\d\d?)(?:{time})?\z")).ok()
});

impl Kind {
    /// The type of a plain scalar.
    pub(super) fn of_plain(text: &str) -> Self {
        let found = RESOLVERS.iter().find(|(_, pattern)| pattern.is_match(text).unwrap_or(false));
        found.map_or(Self::Text, |(kind, _)| *kind)
    }

    /// The type that a tag names.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        Some(match tag.strip_prefix("tag:yaml.org,2002:")? {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "timestamp" => Self::Timestamp,
            "str" => Self::Text,
            _ => return None,
        })
    }

    /// The value of a text of this type.
    pub(super) fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Null => Some(Value::from(())),
            Self::Bool => match text.to_lowercase().as_str() {
                "yes" | "true" | "on" => Some(Value::from(true)),
                "no" | "false" | "off" => Some(Value::from(false)),
                _ => None,
            },
            Self::Int => integer(text).map(int),
            Self::Float => float(text).map(Value::from),
            Self::Timestamp => timestamp(text),
            Self::Merge | Self::Text => Some(Value::from(text)),
        }
    }
}

fn signed(text: &str) -> (f64, String) {
    let text = text.replace('_', "").to_lowercase();
    match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest.to_owned()),
        None => (1.0, text.trim_start_matches('+').to_owned()),
    }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = signed(text);
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        i128::from_str_radix(binary, 2).ok()?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(&digits, 8).ok()?
    } else {
        digits.split(':').try_fold(0i128, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?
    };
    Some(if sign < 0.0 { -magnitude } else { magnitude })
}

fn float(text: &str) -> Option<f64> {
    let (sign, digits) = signed(text);
    let magnitude = match digits.as_str() {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ => digits.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?,
    };
    Some(sign * magnitude)
}

fn timestamp(text: &str) -> Option<Value> {
    let found = TIMESTAMP.as_ref()?.captures(text).ok()??;
    let number = |group: usize| found.get(group).and_then(|group| group.as_str().parse::<u32>().ok());
    let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(number(1)?).ok()?, number(2)?, number(3)?)?;
    let Some(hour) = number(4) else { return Some(Value::from_object(PyDate(date))) };
    let fraction = found.get(7).map(|group| group.as_str()).unwrap_or_default();
    let micros: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let time = NaiveTime::from_hms_micro_opt(hour, number(5)?, number(6)?, micros)?;
    let zone = found.get(8).map(|zone| {
        let seconds = number(10).unwrap_or(0) * 3600 + number(11).unwrap_or(0) * 60;
        let seconds = i32::try_from(seconds).unwrap_or(0);
        Zone::of_offset(if zone.as_str().starts_with('-') { -seconds } else { seconds })
    });
    Some(Value::from_object(PyDateTime { naive: date.and_time(time), zone }))
}
