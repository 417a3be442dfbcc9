//! Arrow types and values. In: fields and arrays of DataFusion. Out: names of types in SQL, [`Value`]s.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::arrow::temporal_conversions as temporal;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::type_names::sql_name;
use crate::base::{Dict, TableColumn, Value};

/// Columns of a result.
pub(super) fn columns(schema: &SchemaRef) -> Vec<TableColumn> {
    schema.fields().iter().map(|f| TableColumn { name: f.name().clone(), data_type: sql_name(f.data_type()) }).collect()
}

/// Appends the rows of a batch, at most up to a limit of rows in all.
pub(super) fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<Value>>, limit: usize) {
    for row in 0..batch.num_rows().min(limit.saturating_sub(rows.len())) {
        rows.push(batch.columns().iter().map(|column| value(column, row)).collect());
    }
}

/// One value.
pub(super) fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    macro_rules! int {
        ($t:ty) => {
            Value::Int(i128::from(array.as_primitive::<$t>().value(row)))
        };
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => int!(Int8Type),
        DataType::Int16 => int!(Int16Type),
        DataType::Int32 => int!(Int32Type),
        DataType::Int64 => int!(Int64Type),
        DataType::UInt8 => int!(UInt8Type),
        DataType::UInt16 => int!(UInt16Type),
        DataType::UInt32 => int!(UInt32Type),
        DataType::UInt64 => int!(UInt64Type),
        DataType::Float16 => Value::Float(f64::from(array.as_primitive::<Float16Type>().value(row))),
        DataType::Float32 => Value::Float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(array.as_string_view().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(row).to_vec()),
        DataType::Decimal32(..) => Value::Decimal(array.as_primitive::<Decimal32Type>().value_as_string(row)),
        DataType::Decimal64(..) => Value::Decimal(array.as_primitive::<Decimal64Type>().value_as_string(row)),
        DataType::Decimal128(..) => Value::Decimal(array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => Value::Decimal(array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            moment(array, row).unwrap_or_else(|| as_text(array, row))
        }
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => encoded(array, row),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let items = match array.data_type() {
                DataType::List(_) => array.as_list::<i32>().value(row),
                DataType::LargeList(_) => array.as_list::<i64>().value(row),
                _ => array.as_fixed_size_list().value(row),
            };
            Value::List((0..items.len()).map(|i| value(&items, i)).collect())
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            Value::Map(fields.iter().zip(columns).map(|(f, column)| (f.name().clone(), value(column, row))).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let entry = |i: usize| (value(keys, i).to_string(), value(values, i));
            Value::Map((0..entries.len()).map(entry).collect::<Dict>())
        }
        _ => as_text(array, row),
    }
}

fn encoded(array: &ArrayRef, row: usize) -> Value {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let key = dictionary.normalized_keys().get(row).copied();
        return key.map_or(Value::Null, |key| value(dictionary.values(), key));
    }
    as_text(array, row)
}

fn as_text(array: &ArrayRef, row: usize) -> Value {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default());
    formatter.map_or(Value::Null, |formatter| Value::Str(formatter.value(row).to_string()))
}

/// A date, time or timestamp; none where the calendar ends.
fn moment(array: &ArrayRef, row: usize) -> Option<Value> {
    use datafusion::arrow::array::types as t;
    let timestamp = |unit: &TimeUnit| -> Option<NaiveDateTime> {
        match unit {
            TimeUnit::Second => {
                temporal::timestamp_s_to_datetime(array.as_primitive::<t::TimestampSecondType>().value(row))
            }
            TimeUnit::Millisecond => {
                temporal::timestamp_ms_to_datetime(array.as_primitive::<t::TimestampMillisecondType>().value(row))
            }
            TimeUnit::Microsecond => {
                temporal::timestamp_us_to_datetime(array.as_primitive::<t::TimestampMicrosecondType>().value(row))
            }
            TimeUnit::Nanosecond => {
                temporal::timestamp_ns_to_datetime(array.as_primitive::<t::TimestampNanosecondType>().value(row))
            }
        }
    };
    Some(match array.data_type() {
        DataType::Date32 => {
            Value::Date(temporal::date32_to_datetime(array.as_primitive::<t::Date32Type>().value(row))?.date())
        }
        DataType::Date64 => {
            Value::Date(temporal::date64_to_datetime(array.as_primitive::<t::Date64Type>().value(row))?.date())
        }
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(temporal::time32s_to_time(array.as_primitive::<t::Time32SecondType>().value(row))?)
        }
        DataType::Time32(_) => {
            Value::Time(temporal::time32ms_to_time(array.as_primitive::<t::Time32MillisecondType>().value(row))?)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            Value::Time(temporal::time64us_to_time(array.as_primitive::<t::Time64MicrosecondType>().value(row))?)
        }
        DataType::Time64(_) => {
            Value::Time(temporal::time64ns_to_time(array.as_primitive::<t::Time64NanosecondType>().value(row))?)
        }
        DataType::Timestamp(unit, None) => Value::Timestamp(timestamp(unit)?),
        DataType::Timestamp(unit, Some(_)) => {
            Value::TimestampTz(DateTime::<Utc>::from_naive_utc_and_offset(timestamp(unit)?, Utc).fixed_offset())
        }
        _ => return None,
    })
}
