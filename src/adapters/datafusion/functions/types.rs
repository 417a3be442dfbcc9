//! SQL types by DuckDB's names. In: a type as written. Out: its Arrow type; timestamps count microseconds.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as Sql, ExactNumberInfo, TimezoneInfo};

use super::scalar::{micros, utc};

/// The planner of types.
#[derive(Debug)]
pub(super) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql: &Sql) -> Result<Option<FieldRef>> {
        Ok(arrow(sql).map(|t| Arc::new(Field::new("", t, true))))
    }
}

/// The Arrow type, where it is not the engine's own choice.
fn arrow(sql: &Sql) -> Option<DataType> {
    Some(match sql {
        Sql::Varchar(_)
        | Sql::Nvarchar(_)
        | Sql::Char(_)
        | Sql::Character(_)
        | Sql::CharacterVarying(_)
        | Sql::CharVarying(_)
        | Sql::Text
        | Sql::String(_)
        | Sql::JSON
        | Sql::JSONB
        | Sql::Uuid => DataType::Utf8,
        Sql::HugeInt | Sql::UHugeInt | Sql::Int128 | Sql::UInt128 => DataType::Decimal128(38, 0),
        Sql::UTinyInt => DataType::UInt8,
        Sql::USmallInt => DataType::UInt16,
        Sql::UBigInt => DataType::UInt64,
        Sql::Signed | Sql::SignedInteger => DataType::Int32,
        Sql::Decimal(info) | Sql::Numeric(info) | Sql::Dec(info) => decimal(info)?,
        Sql::Timestamp(_, zone) => match zone {
            TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => utc(),
            TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => micros(),
        },
        Sql::Datetime(_) | Sql::TimestampNtz { .. } => micros(),
        Sql::Blob(_) | Sql::Binary(_) | Sql::Varbinary(_) | Sql::Bytes(_) => DataType::Binary,
        Sql::Double(_) => DataType::Float64,
        Sql::Map(key, value) => {
            let entries = Fields::from(vec![
                Field::new("key", arrow_or_plain(key)?, false),
                Field::new("value", arrow_or_plain(value)?, true),
            ]);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
        }
        Sql::Custom(name, args) => named(&name.to_string().to_ascii_lowercase(), args)?,
        _ => return None,
    })
}

/// Types inside of a map, of which the engine's planner is not asked.
fn arrow_or_plain(sql: &Sql) -> Option<DataType> {
    arrow(sql).or_else(|| {
        Some(match sql {
            Sql::Boolean | Sql::Bool => DataType::Boolean,
            Sql::TinyInt(_) => DataType::Int8,
            Sql::SmallInt(_) | Sql::Int2(_) => DataType::Int16,
            Sql::Int(_) | Sql::Integer(_) | Sql::Int4(_) => DataType::Int32,
            Sql::BigInt(_) | Sql::Int8(_) => DataType::Int64,
            Sql::Float(_) | Sql::Real | Sql::Float4 => DataType::Float32,
            Sql::DoublePrecision | Sql::Float8 => DataType::Float64,
            Sql::Date => DataType::Date32,
            _ => return None,
        })
    })
}

fn decimal(info: &ExactNumberInfo) -> Option<DataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (18, 3),
        ExactNumberInfo::Precision(p) => (*p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => (*p, *s),
    };
    let precision = u8::try_from(precision).ok().filter(|p| (1..=38).contains(p))?;
    Some(DataType::Decimal128(precision, i8::try_from(scale).ok()?))
}

fn named(name: &str, args: &[String]) -> Option<DataType> {
    Some(match name {
        "hugeint" | "uhugeint" | "int128" => DataType::Decimal128(38, 0),
        "utinyint" | "uint8" => DataType::UInt8,
        "usmallint" | "uint16" => DataType::UInt16,
        "uinteger" | "uint32" => DataType::UInt32,
        "ubigint" | "uint64" => DataType::UInt64,
        "int1" => DataType::Int8,
        "short" | "int16" => DataType::Int16,
        "signed" | "int32" => DataType::Int32,
        "long" | "int64" | "oid" => DataType::Int64,
        "logical" => DataType::Boolean,
        "string" | "bpchar" | "json" | "uuid" | "text" => DataType::Utf8,
        "blob" | "bytea" | "varbinary" | "binary" => DataType::Binary,
        "datetime" | "timestamp_us" | "timestamp_ms" | "timestamp_s" => micros(),
        "timestamp_ns" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "timestamptz" => utc(),
        "float4" => DataType::Float32,
        "float8" => DataType::Float64,
        "decimal" | "numeric" if args.is_empty() => DataType::Decimal128(18, 3),
        _ => return None,
    })
}
