//! A plain, engine-free value: what YAML holds, what a query returns, what a config is made of.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use indexmap::IndexMap;

/// An ordered map with text keys.
pub type Dict = IndexMap<String, Value>;

/// A value without behaviour. Integers are exact up to 128 bits; decimals keep the engine's digits as text.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// SQL NULL, YAML null, Python None.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A binary floating point number.
    Float(f64),
    /// An exact decimal, as its digits: `-12.50`.
    Decimal(String),
    /// Text.
    Str(String),
    /// A calendar date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A date and time without zone.
    Timestamp(NaiveDateTime),
    /// A date and time with an offset.
    TimestampTz(DateTime<FixedOffset>),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, struct or JSON object.
    Map(Dict),
}

impl Value {
    /// Whether this is `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The whole number, if this is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => i64::try_from(*i).ok(),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a map.
    pub fn as_map(&self) -> Option<&Dict> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entry of a map; `None` for other values and for absent keys.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|m| m.get(key))
    }

    /// Python's truth of the value: empty, zero and null are false.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Decimal(d) => d.bytes().any(|b| (b'1'..=b'9').contains(&b)),
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::Date(_) | Self::Time(_) | Self::Timestamp(_) | Self::TimestampTz(_) => true,
        }
    }

    /// What the value is, in the words of error messages: `a string`, `a list`, ...
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) | Self::Decimal(_) => "a number",
            Self::Str(_) => "a string",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) | Self::TimestampTz(_) => "a timestamp",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// JSON form, as dbt's artifacts show it: dates and decimals become text, non-finite floats null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Self::Null => J::Null,
            Self::Bool(b) => J::Bool(*b),
            Self::Int(i) => match (i64::try_from(*i), u64::try_from(*i)) {
                (Ok(i), _) => J::from(i),
                (_, Ok(u)) => J::from(u),
                _ => J::String(i.to_string()),
            },
            Self::Float(f) => serde_json::Number::from_f64(*f).map_or(J::Null, J::Number),
            Self::List(l) => J::Array(l.iter().map(Self::to_json).collect()),
            Self::Map(m) => J::Object(m.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
            other => J::String(other.to_string()),
        }
    }

    /// The value that a JSON document holds.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(*b),
            J::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Self::Int(i.into()),
                (_, Some(u)) => Self::Int(u.into()),
                _ => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            J::String(s) => Self::Str(s.clone()),
            J::Array(a) => Self::List(a.iter().map(Self::from_json).collect()),
            J::Object(o) => Self::Map(o.iter().map(|(k, v)| (k.clone(), Self::from_json(v))).collect()),
        }
    }
}

impl fmt::Display for Value {
    /// Python's `str()` for scalars (`True`, `None`, ISO dates); JSON for lists and maps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) if x.fract() == 0.0 && x.abs() < 1e16 => write!(f, "{x:.1}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Decimal(d) => f.write_str(d),
            Self::Str(s) => f.write_str(s),
            Self::Date(d) => write!(f, "{d}"),
            Self::Time(t) => write!(f, "{t}"),
            Self::Timestamp(t) => write!(f, "{}", t.format("%Y-%m-%d %H:%M:%S%.f")),
            Self::TimestampTz(t) => write!(f, "{}", t.format("%Y-%m-%d %H:%M:%S%.f%:z")),
            Self::Bytes(b) => f.write_str(&String::from_utf8_lossy(b)),
            Self::List(_) | Self::Map(_) => write!(f, "{}", self.to_json()),
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(s.to_owned())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(s)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i.into())
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<Dict> for Value {
    fn from(map: Dict) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(v: Vec<T>) -> Self {
        Self::List(v.into_iter().map(Into::into).collect())
    }
}
