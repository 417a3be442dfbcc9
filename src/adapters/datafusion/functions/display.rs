//! Values as text, as DuckDB's `cast(... as varchar)` writes them; and the names of types.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::parts;
use super::scalar::interval;

/// All values of an array as text; null stays null.
pub(in crate::adapters::datafusion) fn texts(array: &ArrayRef) -> Result<StringArray> {
    let printer = Printer::of(array)?;
    (0..array.len()).map(|row| printer.get(row)).collect()
}

/// Prints the values of one array. Made once an array: casts are done for all rows together.
enum Printer {
    /// What the engine's own cast writes as DuckDB does.
    Plain(StringArray),
    /// Text, which inside of a list is put in quotes where it could be taken for something else.
    Text(StringArray),
    Double(ArrayRef),
    Float(ArrayRef),
    Timestamp(ArrayRef, bool),
    Interval(ArrayRef),
    List(ArrayRef, Vec<Option<Box<Printer>>>),
    Struct(ArrayRef, Vec<(String, Printer)>),
    Map(ArrayRef, Vec<Option<(Printer, Printer)>>),
    Bytes(ArrayRef),
}

impl Printer {
    fn of(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Float64 => Self::Double(Arc::clone(array)),
            DataType::Float32 => Self::Float(Arc::clone(array)),
            DataType::Timestamp(_, zone) => {
                let zoned = zone.is_some();
                let to = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                Self::Timestamp(cast(array, &to)?, zoned)
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => Self::Interval(Arc::clone(array)),
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval(cast(array, &interval())?),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
                let list = cast(array, &super::scalar::as_list(array.data_type()))?;
                let rows = list.as_list::<i32>();
                let items = (0..rows.len())
                    .map(|row| rows.is_valid(row).then(|| Self::of(&rows.value(row)).map(Box::new)).transpose())
                    .collect::<Result<Vec<_>>>()?;
                Self::List(list, items)
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let printers = fields
                    .iter()
                    .zip(columns)
                    .map(|(f, c)| Ok((f.name().clone(), Self::of(c)?)))
                    .collect::<Result<Vec<_>>>()?;
                Self::Struct(Arc::clone(array), printers)
            }
            DataType::Map(_, _) => {
                let rows = array.as_map();
                let entries = (0..rows.len())
                    .map(|row| {
                        if rows.is_null(row) {
                            return Ok(None);
                        }
                        let entry = rows.value(row);
                        Ok(Some((Self::of(entry.column(0))?, Self::of(entry.column(1))?)))
                    })
                    .collect::<Result<Vec<_>>>()?;
                Self::Map(Arc::clone(array), entries)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Self::Bytes(cast(array, &DataType::Binary)?)
            }
            DataType::Null => Self::Plain(StringArray::new_null(array.len())),
            DataType::Time32(_) | DataType::Time64(_) => {
                let text = cast(array, &DataType::Utf8)?;
                let short = text.as_string::<i32>().iter().map(|t| t.map(without_zeros)).collect();
                Self::Plain(short)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
            }
            _ => Self::Plain(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Plain(text) | Self::Text(text) => text.len(),
            Self::Double(a)
            | Self::Float(a)
            | Self::Timestamp(a, _)
            | Self::Interval(a)
            | Self::List(a, _)
            | Self::Struct(a, _)
            | Self::Map(a, _)
            | Self::Bytes(a) => a.len(),
        }
    }

    fn get(&self, row: usize) -> Result<Option<String>> {
        Ok(match self {
            Self::Plain(text) | Self::Text(text) => text.is_valid(row).then(|| text.value(row).to_owned()),
            Self::Double(a) => a.is_valid(row).then(|| double(a.as_primitive::<Float64Type>().value(row))),
            Self::Float(a) => a.is_valid(row).then(|| float(a.as_primitive::<Float32Type>().value(row))),
            Self::Timestamp(a, zoned) if a.is_valid(row) => {
                Some(timestamp(a.as_primitive::<TimestampMicrosecondType>().value(row), *zoned)?)
            }
            Self::Interval(a) => {
                a.is_valid(row).then(|| interval_text(a.as_primitive::<IntervalMonthDayNanoType>().value(row)))
            }
            Self::List(_, items) => match &items[row] {
                None => None,
                Some(printer) => {
                    let all = (0..printer.len()).map(|i| printer.shown(i)).collect::<Result<Vec<_>>>()?;
                    Some(format!("[{}]", all.join(", ")))
                }
            },
            Self::Struct(a, fields) if a.is_valid(row) => {
                let all = fields
                    .iter()
                    .map(|(name, p)| Ok(format!("'{name}': {}", p.shown(row)?)))
                    .collect::<Result<Vec<_>>>()?;
                Some(format!("{{{}}}", all.join(", ")))
            }
            Self::Map(_, entries) => match &entries[row] {
                None => None,
                Some((keys, values)) => {
                    let all = (0..keys.len())
                        .map(|i| Ok(format!("{}={}", keys.shown(i)?, values.shown(i)?)))
                        .collect::<Result<Vec<_>>>()?;
                    Some(format!("{{{}}}", all.join(", ")))
                }
            },
            Self::Bytes(a) if a.is_valid(row) => Some(bytes(a.as_binary::<i32>().value(row))),
            _ => None,
        })
    }

    /// Inside of a list or struct.
    fn shown(&self, row: usize) -> Result<String> {
        let Some(text) = self.get(row)? else { return Ok("NULL".to_owned()) };
        Ok(if matches!(self, Self::Text(_)) { quoted(text) } else { text })
    }
}

fn quoted(text: String) -> String {
    let special = text.contains(['[', ']', '(', ')', '{', '}', ',', ':', '=', '\'', '"', '\\']);
    let edges = text.is_empty() || text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if special || edges || text.eq_ignore_ascii_case("null") {
        return format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    }
    text
}

fn without_zeros(time: &str) -> String {
    if time.contains('.') { time.trim_end_matches('0').trim_end_matches('.').to_owned() } else { time.to_owned() }
}

fn bytes(value: &[u8]) -> String {
    let mut out = String::new();
    for b in value {
        match b {
            b'\\' | b'\'' | b'"' => drop(write!(out, "\\x{b:02X}")),
            0x20..=0x7e => out.push(char::from(*b)),
            _ => drop(write!(out, "\\x{b:02X}")),
        }
    }
    out
}

/// A double: shortest digits that give it back, `1e+20` from 1e16 on.
pub(super) fn double(value: f64) -> String {
    number(value, &format!("{value:e}"))
}

fn float(value: f32) -> String {
    number(f64::from(value), &format!("{value:e}"))
}

fn number(value: f64, scientific: &str) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    let plain: String = digits.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{plain}");
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if plain.len() <= whole {
        return format!("{sign}{plain}{}.0", "0".repeat(whole - plain.len()));
    }
    format!("{sign}{}.{}", &plain[..whole], &plain[whole..])
}

fn timestamp(micros: i64, zoned: bool) -> Result<String> {
    let moment = parts::moment(micros)?;
    let mut out = moment.format("%Y-%m-%d %H:%M:%S").to_string();
    out.push_str(&fraction(micros.rem_euclid(parts::SECOND)));
    if zoned {
        out.push_str("+00");
    }
    Ok(out)
}

fn fraction(micros: i64) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() }
}

fn interval_text(span: IntervalMonthDayNano) -> String {
    let mut words = Vec::new();
    let mut say = |n: i32, unit: &str| {
        if n != 0 {
            words.push(format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" }));
        }
    };
    say(span.months / 12, "year");
    say(span.months % 12, "month");
    say(span.days, "day");
    let micros = span.nanoseconds / 1000;
    if micros != 0 || words.is_empty() {
        let (sign, m) = if micros < 0 { ("-", -micros) } else { ("", micros) };
        words.push(format!(
            "{sign}{:02}:{:02}:{:02}{}",
            m / parts::HOUR,
            m / parts::MINUTE % 60,
            m / parts::SECOND % 60,
            fraction(m % parts::SECOND)
        ));
    }
    words.join(" ")
}

/// The SQL name of a type.
pub(super) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "\"NULL\"".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt8 => "UTINYINT".to_owned(),
        DataType::UInt16 => "USMALLINT".to_owned(),
        DataType::UInt32 => "UINTEGER".to_owned(),
        DataType::UInt64 => "UBIGINT".to_owned(),
        DataType::Float16 | DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BLOB".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS".to_owned(),
        DataType::Timestamp(TimeUnit::Millisecond, None) => "TIMESTAMP_MS".to_owned(),
        DataType::Timestamp(TimeUnit::Second, None) => "TIMESTAMP_S".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => {
            format!("DECIMAL({p},{s})")
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            format!("{}[]", type_name(item.data_type()))
        }
        DataType::FixedSizeList(item, n) => format!("{}[{n}]", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let all: Vec<String> =
                fields.iter().map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect();
            format!("STRUCT({})", all.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("MAP({}, {})", type_name(fields[0].data_type()), type_name(fields[1].data_type()))
            }
            _ => "MAP".to_owned(),
        },
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_uppercase(),
    }
}
