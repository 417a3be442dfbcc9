//! Which types a Delta table keeps, and which conversions on the way into a column are safe. In: arrow types. Out: the type
//! stored, or a refusal that says what to write instead.
//!
//! The Delta library converts silently: a timestamp into a date, a double into a float. So everything that is written goes
//! through here first and reaches the library with exactly the types of the table.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};

use super::DeltaError;
pub(super) use crate::adapters::datafusion::type_names::sql_name as name;

/// The largest precision of a decimal in Delta Lake.
const DECIMAL_DIGITS: u8 = 38;

/// The type that a new column of `source` has in the table.
pub(in crate::adapters::datafusion) fn stored(column: &str, source: &DataType) -> Result<DataType, DeltaError> {
    use DataType as T;
    Ok(match source {
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 | T::Date32 => source.clone(),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        // `select null as x`: some type it must have; this is the one other engines give it.
        T::Null => T::Int32,
        T::UInt8 => T::Int16,
        T::UInt16 => T::Int32,
        // A value beyond the range is an error when it is written.
        T::UInt32 | T::UInt64 => T::Int64,
        T::Float16 => T::Float32,
        T::Date64 => T::Date32,
        T::Timestamp(_, None) => T::Timestamp(TimeUnit::Microsecond, None),
        T::Timestamp(_, Some(_)) => T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            if *p > DECIMAL_DIGITS || *s < 0 {
                return Err(no_type(column, source, "a decimal of at most 38 digits with a scale of 0 or more"));
            }
            T::Decimal128(*p, *s)
        }
        T::Dictionary(_, values) => stored(column, values)?,
        T::RunEndEncoded(_, values) => stored(column, values.data_type())?,
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) | T::ListView(item) | T::LargeListView(item) => {
            T::List(child(column, item, "element", true)?)
        }
        T::Struct(fields) => {
            T::Struct(fields.iter().map(|f| child(column, f, f.name(), true)).collect::<Result<_, _>>()?)
        }
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(fields) if fields.len() == 2 => {
                let key = child(column, &fields[0], "key", false)?;
                let value = child(column, &fields[1], "value", true)?;
                T::Map(Arc::new(Field::new("key_value", T::Struct(vec![key, value].into()), false)), false)
            }
            _ => return Err(no_type(column, source, "varchar")),
        },
        T::Time32(_) | T::Time64(_) | T::Interval(_) | T::Duration(_) => {
            return Err(no_type(column, source, "varchar, or a number of seconds"));
        }
        T::Union(_, _) => return Err(no_type(column, source, "a struct or varchar")),
    })
}

fn child(column: &str, field: &FieldRef, name: &str, nullable: bool) -> Result<FieldRef, DeltaError> {
    Ok(Arc::new(Field::new(name, stored(&format!("{column}.{name}"), field.data_type())?, nullable)))
}

fn no_type(column: &str, source: &DataType, instead: &str) -> DeltaError {
    DeltaError::Type {
        column: column.to_string(),
        reason: format!("Delta Lake has no type for {}; cast it to {instead}", name(source)),
    }
}

/// Whether a value of `source` may go into a column of type `target`: it arrives whole, or it is an error when it does not fit.
pub(super) fn fits(source: &DataType, target: &DataType) -> bool {
    use DataType as T;
    if source == target {
        return true;
    }
    match (source, target) {
        (T::Null, _) => true,
        (T::Dictionary(_, values), _) => fits(values, target),
        (T::RunEndEncoded(_, values), _) => fits(values.data_type(), target),
        // Text is parsed: what cannot be parsed is an error.
        (s, t) if is_text(s) => is_text(t) || !is_nested(t),
        (s, t) if is_text(t) => !is_nested(s) && !is_binary(s),
        (s, t) if is_binary(s) => is_binary(t),
        // A number that is out of range is an error.
        (s, t) if s.is_integer() && t.is_integer() => true,
        (s, T::Decimal128(_, _)) if s.is_integer() => true,
        (s, T::Float64) if s.is_integer() => !matches!(s, T::UInt64),
        (s, T::Float32) if s.is_integer() => matches!(s, T::Int8 | T::Int16 | T::UInt8 | T::UInt16),
        (T::Float16, T::Float32 | T::Float64) | (T::Float32, T::Float64) => true,
        (T::Decimal32(_, from) | T::Decimal64(_, from) | T::Decimal128(_, from) | T::Decimal256(_, from), t) => match t
        {
            T::Decimal128(_, to) => to >= from,
            T::Float64 => true,
            t if t.is_integer() => *from <= 0,
            _ => false,
        },
        (T::Date32, T::Date32 | T::Timestamp(_, None)) | (T::Date64, T::Date32 | T::Timestamp(_, None)) => true,
        // Stored timestamps have microseconds; with a zone they are instants in UTC.
        (T::Timestamp(_, _), T::Timestamp(_, _)) => true,
        (T::List(s) | T::LargeList(s) | T::FixedSizeList(s, _) | T::ListView(s) | T::LargeListView(s), T::List(t)) => {
            fits(s.data_type(), t.data_type())
        }
        (T::Struct(s), T::Struct(t)) => {
            s.len() == t.len()
                && s.iter().zip(t).all(|(a, b)| a.name() == b.name() && fits(a.data_type(), b.data_type()))
        }
        (T::Map(s, _), T::Map(t, _)) => match (s.data_type(), t.data_type()) {
            (T::Struct(s), T::Struct(t)) => s.iter().zip(t).all(|(a, b)| fits(a.data_type(), b.data_type())),
            _ => false,
        },
        _ => false,
    }
}

/// The refusal of a conversion that would lose something.
pub(super) fn misfit(column: &str, source: &DataType, target: &DataType) -> DeltaError {
    DeltaError::Type {
        column: column.to_string(),
        reason: format!(
            "{} does not go into {} without loss; cast it in the query, or change the column's type",
            name(source),
            name(target)
        ),
    }
}

fn is_text(t: &DataType) -> bool {
    matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_binary(t: &DataType) -> bool {
    matches!(t, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn is_nested(t: &DataType) -> bool {
    t.is_nested() || is_binary(t)
}
