//! dbt's `Column`: a name and a type, with DuckDB's idea of which types are numbers.
//!
//! In: [`ColumnInfo`] of the database, calls on `api.Column`. Out: [`ColumnObject`] (a Jinja value) and
//! [`ColumnClass`].

mod object;

use minijinja::value::Value;

use super::host::ColumnInfo;

pub use object::ColumnClass;

/// A column as templates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnObject {
    /// Name.
    pub column: String,
    /// Type as the engine or the user spells it.
    pub dtype: String,
    /// Length limit of text.
    pub char_size: Option<i64>,
    /// Digits of a decimal.
    pub numeric_precision: Option<i64>,
    /// Digits after the point.
    pub numeric_scale: Option<i64>,
    /// Members of a struct.
    pub fields: Vec<ColumnObject>,
}

const STRINGS: &[&str] = &["text", "character varying", "character", "varchar"];
const FLOATS: &[&str] = &["real", "float", "float4", "float8", "double"];
const INTEGERS: &[&str] = &[
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "int1",
    "int2",
    "int4",
    "int8",
    "short",
    "int",
    "signed",
    "long",
];

impl ColumnObject {
    /// A column of a type; a struct's members are read from the type.
    pub fn new(column: impl Into<String>, dtype: impl Into<String>) -> Self {
        let dtype = dtype.into();
        let fields = struct_fields(&dtype);
        Self { column: column.into(), dtype, char_size: None, numeric_precision: None, numeric_scale: None, fields }
    }

    /// The column of a catalog answer.
    pub fn from_info(info: &ColumnInfo) -> Self {
        Self::new(info.name.as_str(), info.data_type.as_str())
    }

    /// The column of a relation, with the digits of its numbers as information schemas tell them.
    pub fn of_relation(info: &ColumnInfo) -> Self {
        let mut column = Self::from_info(info);
        if let Some((precision, scale)) = digits(&info.data_type) {
            column.numeric_precision = Some(precision);
            column.numeric_scale = Some(scale);
        }
        column
    }

    /// A column from a type with size in parentheses: `numeric(10,2)`, `varchar(20)`.
    pub fn from_description(name: &str, raw: &str) -> Result<Self, String> {
        let (base, size) = match raw.split_once('(') {
            Some((base, rest)) => (base, rest.split_once(')').map(|(size, _)| size)),
            None => (raw, None),
        };
        if base.is_empty() {
            return Err(format!("Could not interpret data type \"{raw}\""));
        }
        let mut column = Self::new(name, base);
        let Some(size) = size.filter(|s| !s.is_empty()) else { return Ok(column) };
        let numbers: Result<Vec<i64>, String> = size
            .split(',')
            .map(|part| {
                let not_a_number =
                    || format!("Could not interpret data_type \"{raw}\": could not convert \"{part}\" to an integer");
                part.trim().parse().map_err(|_| not_a_number())
            })
            .collect();
        match *numbers? {
            [length] => column.char_size = Some(length),
            [precision, scale] => {
                column.numeric_precision = Some(precision);
                column.numeric_scale = Some(scale);
            }
            _ => {}
        }
        Ok(column)
    }

    /// The column inside a template value.
    pub fn from_value(value: &Value) -> Option<&Self> {
        value.downcast_object_ref::<Self>()
    }

    /// The template value.
    pub fn into_value(self) -> Value {
        Value::from_object(self)
    }

    /// The engine's name for a label of another dialect.
    pub fn translate_type(label: &str) -> String {
        if label.eq_ignore_ascii_case("string") { "TEXT".to_owned() } else { label.to_owned() }
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.dtype.to_lowercase().as_str())
    }

    fn is_string(&self) -> bool {
        self.is_one_of(STRINGS)
    }

    fn is_float(&self) -> bool {
        self.is_one_of(FLOATS)
    }

    fn is_integer(&self) -> bool {
        self.is_one_of(INTEGERS)
    }

    fn is_numeric(&self) -> bool {
        self.is_one_of(&["numeric", "decimal"])
    }

    fn is_struct(&self) -> bool {
        self.dtype.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("struct"))
    }

    /// The length of a text column; 256 where the engine has none. `None` for other columns.
    fn string_size(&self) -> Option<i64> {
        if !self.is_string() {
            return None;
        }
        Some(self.char_size.filter(|_| self.dtype != "text").unwrap_or(256))
    }

    fn can_expand_to(&self, other: &Self) -> bool {
        matches!((self.string_size(), other.string_size()), (Some(own), Some(wanted)) if wanted > own)
    }

    /// The type for DDL.
    pub fn data_type(&self) -> String {
        if let Some(size) = self.string_size() {
            string_type(size)
        } else if self.is_numeric() {
            numeric_type(&self.dtype, self.numeric_precision, self.numeric_scale)
        } else {
            self.dtype.clone()
        }
    }

    /// The column itself, or for a struct its leaves under dotted names.
    pub fn flatten(&self) -> Vec<Self> {
        if !self.is_struct() {
            return vec![self.clone()];
        }
        let leaves = self.fields.iter().flat_map(Self::flatten);
        leaves.map(|leaf| Self::new(format!("{}.{}", self.column, leaf.column), leaf.dtype)).collect()
    }
}

fn string_type(size: i64) -> String {
    format!("character varying({size})")
}

fn numeric_type(dtype: &str, precision: Option<i64>, scale: Option<i64>) -> String {
    match (precision, scale) {
        (Some(precision), Some(scale)) => format!("{dtype}({precision},{scale})"),
        _ => dtype.to_owned(),
    }
}

/// The members of `STRUCT(a INTEGER, "b c" DECIMAL(10,2))`; empty for other types and for arrays of structs.
fn struct_fields(dtype: &str) -> Vec<ColumnObject> {
    let is_struct = dtype.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("struct("));
    let Some(body) = is_struct.then(|| dtype.get(7..).and_then(|rest| rest.strip_suffix(')'))).flatten() else {
        return Vec::new();
    };
    let (mut depth, mut quoted, mut start) = (0_i32, false, 0);
    let mut parts = Vec::new();
    for (i, c) in body.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(&body[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[start..]);
    parts.into_iter().filter_map(|part| field(part.trim())).collect()
}

/// One member: a plain or quoted name, then its type.
fn field(text: &str) -> Option<ColumnObject> {
    let end = if let Some(rest) = text.strip_prefix('"') { rest.find('"')? + 2 } else { text.find(' ')? };
    let (name, dtype) = text.split_at(end);
    Some(ColumnObject::new(name, dtype.trim()))
}

/// Precision and scale of a numeric type: bits of whole numbers and floats, digits of decimals.
fn digits(data_type: &str) -> Option<(i64, i64)> {
    let (name, size) = data_type.split_once('(').unwrap_or((data_type, ""));
    let bits = match name {
        "TINYINT" | "UTINYINT" => 8,
        "SMALLINT" | "USMALLINT" => 16,
        "FLOAT" => 24,
        "INTEGER" | "UINTEGER" => 32,
        "DOUBLE" => 53,
        "BIGINT" | "UBIGINT" => 64,
        "HUGEINT" | "UHUGEINT" => 128,
        "DECIMAL" => {
            let (precision, scale) = size.strip_suffix(')')?.split_once(',')?;
            return Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?));
        }
        _ => return None,
    };
    Some((bits, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        let c = |t: &str| ColumnObject::new("c", t);
        assert!(c("VARCHAR").is_string() && c("UBIGINT").is_integer() && c("DOUBLE").is_float());
        assert!(!c("DECIMAL(18,3)").is_numeric() && c("decimal").is_numeric());
        assert_eq!(c("VARCHAR").data_type(), "character varying(256)");
        assert_eq!(c("DECIMAL(18,3)").data_type(), "DECIMAL(18,3)");
        let described = ColumnObject::from_description("c", "numeric(10,2)").unwrap();
        assert_eq!(described.data_type(), "numeric(10,2)");
        assert!(ColumnObject::from_description("c", "numeric(a,2)").is_err());
    }

    #[test]
    fn structs_flatten_to_their_leaves() {
        let column = ColumnObject::new("s", "STRUCT(a DECIMAL(10, 2), b STRUCT(c INTEGER, \"d e\" VARCHAR))");
        let leaves: Vec<(String, String)> = column.flatten().into_iter().map(|c| (c.column, c.dtype)).collect();
        let expected = [("s.a", "DECIMAL(10, 2)"), ("s.b.c", "INTEGER"), ("s.b.\"d e\"", "VARCHAR")];
        assert_eq!(leaves, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
