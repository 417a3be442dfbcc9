//! Types by name. In: Arrow's types, or what people write in SQL and YAML. Out: the other one.
//!
//! * [`sql_name`]: the one spelling this adapter shows; [`parse`]: every spelling it understands
//!
//! A name stands for what a table keeps, not for how a column lies in memory: text is `varchar` whether it is held in views,
//! in a dictionary or plainly, and a point in time is kept in microseconds whatever its unit was in the query.

mod parse;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

pub(super) use parse::parse;

/// The time zone of points in time that have one: tables keep no other.
pub(super) const ZONE: &str = "UTC";

/// The name of a type.
pub(super) fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "bigint".into(),
        DataType::UInt8 => "tinyint unsigned".into(),
        DataType::UInt16 => "smallint unsigned".into(),
        DataType::UInt32 => "integer unsigned".into(),
        DataType::UInt64 => "bigint unsigned".into(),
        DataType::Float16 => "half".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytea".into()
        }
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".into(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => format!("{}[]", sql_name(item.data_type())),
        DataType::Struct(fields) => {
            let members: Vec<String> = fields.iter().map(|f| member(f)).collect();
            format!("struct({})", members.join(", "))
        }
        DataType::Map(entries, _) => {
            let sides: Vec<String> = match entries.data_type() {
                DataType::Struct(pair) => pair.iter().map(|f| sql_name(f.data_type())).collect(),
                other => vec![sql_name(other)],
            };
            format!("map({})", sides.join(", "))
        }
        DataType::Union(members, _) => {
            let members: Vec<String> = members.iter().map(|(_, f)| member(f)).collect();
            format!("union({})", members.join(", "))
        }
        DataType::Dictionary(_, values) => sql_name(values),
        DataType::RunEndEncoded(_, values) => sql_name(values.data_type()),
    }
}

fn member(field: &Field) -> String {
    let name = field.name();
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let name = if plain { name.clone() } else { format!("\"{}\"", name.replace('"', "\"\"")) };
    format!("{name} {}", sql_name(field.data_type()))
}

/// Whether values of a type are whole numbers.
pub(super) fn is_whole(data_type: &DataType) -> bool {
    data_type.is_integer() || matches!(data_type, DataType::Decimal128(_, 0) | DataType::Decimal256(_, 0))
}

/// A point in time as tables keep it.
pub(super) fn timestamp(with_zone: bool) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, with_zone.then(|| ZONE.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Fields, IntervalUnit};

    use super::*;

    fn kept() -> Vec<DataType> {
        let item = |t: DataType| Arc::new(Field::new_list_field(t, true));
        let place = DataType::Struct(Fields::from(vec![
            Field::new("city", DataType::Utf8, true),
            Field::new("Post Code", DataType::Decimal128(5, 0), true),
            Field::new("of \"all\"", DataType::List(item(DataType::Date32)), true),
        ]));
        vec![
            DataType::Null,
            DataType::Boolean,
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::UInt8,
            DataType::UInt16,
            DataType::UInt32,
            DataType::UInt64,
            DataType::Float16,
            DataType::Float32,
            DataType::Float64,
            DataType::Utf8,
            DataType::Binary,
            DataType::Date32,
            DataType::Time64(TimeUnit::Microsecond),
            timestamp(false),
            timestamp(true),
            DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Decimal128(38, 10),
            DataType::Decimal256(76, 38),
            DataType::List(item(DataType::List(item(DataType::Int32)))),
            DataType::List(item(place.clone())),
            parse::map(DataType::Utf8, DataType::List(item(place))),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for wanted in kept() {
            assert_eq!(parse(&sql_name(&wanted)).as_ref(), Ok(&wanted), "{}", sql_name(&wanted));
        }
    }

    #[test]
    fn every_spelling_is_one_type() {
        for (text, wanted) in [
            ("TEXT", "varchar"),
            ("character varying (20)", "varchar"),
            ("int", "integer"),
            (" INT4 ", "integer"),
            ("long", "bigint"),
            ("HUGEINT", "decimal(38,0)"),
            ("ubigint", "bigint unsigned"),
            ("int unsigned", "integer unsigned"),
            ("double precision", "double"),
            ("real", "float"),
            ("numeric", "decimal(38,10)"),
            ("dec(4)", "decimal(4,0)"),
            ("numeric(50, 2)", "decimal(50,2)"),
            ("timestamptz", "timestamp with time zone"),
            ("timestamp(3) without time zone", "timestamp"),
            ("TIMESTAMP_NS", "timestamp"),
            ("datetime", "timestamp"),
            ("blob", "bytea"),
            ("array<struct<a: int, b: string>>", "struct(a integer, b varchar)[]"),
            ("STRUCT(\"a b\" DATE)[3][]", "struct(\"a b\" date)[][]"),
            ("map<string, bigint>", "map(varchar, bigint)"),
            ("json", "varchar"),
            ("enum('a', 'b,)')", "varchar"),
        ] {
            assert_eq!(parse(text).map(|t| sql_name(&t)).as_deref(), Ok(wanted), "{text}");
        }
        for text in ["", "colour", "decimal(39", "decimal(77,0)", "integer integer", "struct(a)", "map(varchar)", "[]"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
