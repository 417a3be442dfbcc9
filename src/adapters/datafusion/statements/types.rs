//! Types as SQL names them -> Arrow types. In: parsed types. Out: what DataFusion takes them for, and the few names of DuckDB that
//! it does not know.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::ExprSchemable;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, Expr as SqlExpr, ExprWithAlias, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::DuckDbDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// The type of a text such as `decimal(10,2)`.
pub(in crate::adapters::datafusion) fn parse(text: &str, session: &SessionState) -> Result<DataType, AdapterError> {
    let unknown = || errors::told(ErrorKind::Binder, format!("Type \"{text}\" does not exist"));
    let dialect = DuckDbDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(|_| unknown())?;
    let parsed = parser.parse_data_type().map_err(|_| unknown())?;
    of(&parsed, session)
}

/// The type of a parsed one.
pub(in crate::adapters::datafusion) fn of(parsed: &SqlType, session: &SessionState) -> Result<DataType, AdapterError> {
    if let Some(known) = plain(parsed) {
        return Ok(known);
    }
    // What a cast to the type gives: DataFusion's own reading of it.
    let null = SqlExpr::Value(ValueWithSpan::from(Value::Null));
    let cast = SqlExpr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(null),
        data_type: parsed.clone(),
        array: false,
        format: None,
    };
    let schema = DFSchema::empty();
    let bound = session
        .create_logical_expr_from_sql_expr(ExprWithAlias { expr: cast, alias: None }, &schema)
        .and_then(|expr| expr.get_type(&schema))
        .map_err(|_| errors::told(ErrorKind::Binder, format!("Type \"{parsed}\" does not exist")))?;
    Ok(match bound {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        other => other,
    })
}

fn plain(parsed: &SqlType) -> Option<DataType> {
    let written = parsed.to_string().to_ascii_lowercase();
    Some(match written.as_str() {
        "timestamp" | "datetime" | "timestamp without time zone" | "timestamp_us" => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        "timestamptz" | "timestamp with time zone" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "hugeint" | "int128" => DataType::Decimal128(38, 0),
        "uuid" | "json" | "bpchar" | "name" | "nvarchar" | "enum" => DataType::Utf8,
        "blob" | "bytea" | "binary" | "varbinary" | "bytes" => DataType::Binary,
        "int1" | "tinyint" => DataType::Int8,
        "int2" | "short" | "smallint" => DataType::Int16,
        "int4" | "signed" | "int" | "integer" => DataType::Int32,
        "int8" | "long" | "bigint" => DataType::Int64,
        "float4" | "real" | "float" => DataType::Float32,
        "float8" | "double" | "double precision" => DataType::Float64,
        "logical" | "bool" | "boolean" => DataType::Boolean,
        "string" | "text" | "varchar" | "char" => DataType::Utf8,
        "decimal" | "numeric" | "dec" => DataType::Decimal128(18, 3),
        _ if written.starts_with("varchar(") || written.starts_with("char(") || written.starts_with("character") => {
            DataType::Utf8
        }
        _ => return None,
    })
}
