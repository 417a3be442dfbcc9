//! DuckDB's types as a tree of ours. In: logical types of the C API. Out: [`Type`] with the name that `DESCRIBE` prints.

use std::collections::HashSet;

use duckdb::ffi;

use super::engine::owned_text;

/// How a value of a type is laid out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// One fixed-size or string value; the type id says which.
    Plain,
    /// A scaled integer of the given physical type.
    Decimal { physical: u32, scale: u8 },
    /// An index, of the given physical type, into words.
    Enum { physical: u32, words: Vec<String> },
    /// Any number of values.
    List(Box<Type>),
    /// A fixed number of values.
    Array(Box<Type>, usize),
    /// Named values; empty names where the struct has none.
    Struct(Vec<(String, Type)>),
    /// Pairs.
    Map(Box<Type>, Box<Type>),
    /// One of several named values.
    Union(Vec<(String, Type)>),
    /// Not readable through vectors: brought across as text.
    Opaque,
}

/// A DuckDB type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Type {
    /// The C API's number of it.
    pub(super) id: u32,
    /// As `DESCRIBE` spells it.
    pub(super) name: String,
    /// How to read its values.
    pub(super) shape: Shape,
}

impl Type {
    /// Whether a value of this type, at any depth, cannot be read through vectors.
    pub(super) fn has_opaque_part(&self) -> bool {
        match &self.shape {
            Shape::Opaque => true,
            Shape::Plain | Shape::Decimal { .. } | Shape::Enum { .. } => false,
            Shape::List(child) | Shape::Array(child, _) => child.has_opaque_part(),
            Shape::Map(key, value) => key.has_opaque_part() || value.has_opaque_part(),
            Shape::Struct(fields) | Shape::Union(fields) => fields.iter().any(|(_, t)| t.has_opaque_part()),
        }
    }
}

/// Frees a logical type at the end of its use.
pub(super) struct LogicalType(pub(super) ffi::duckdb_logical_type);

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: owned; destroying null is allowed.
        unsafe { ffi::duckdb_destroy_logical_type(&mut self.0) };
    }
}

/// Reads a logical type. `keywords` are the words that DuckDB quotes when they name a field.
pub(super) fn read(logical: &LogicalType, keywords: &HashSet<String>) -> Type {
    if logical.0.is_null() {
        return Type { id: ffi::DUCKDB_TYPE_DUCKDB_TYPE_INVALID, name: "UNKNOWN".to_owned(), shape: Shape::Opaque };
    }
    // SAFETY: the type is live; accessors match the type id; children are owned by their own `LogicalType`.
    unsafe {
        let id = ffi::duckdb_get_type_id(logical.0);
        let (name, shape) = nested(logical, id, keywords).unwrap_or_else(|| {
            let name = plain_name(id);
            (name.unwrap_or("UNKNOWN").to_owned(), if is_readable(id) { Shape::Plain } else { Shape::Opaque })
        });
        let alias = owned_text(ffi::duckdb_logical_type_get_alias(logical.0)).filter(|a| !a.is_empty());
        Type { id, name: alias.unwrap_or(name), shape }
    }
}

/// Name and shape of a type with parameters.
///
/// # Safety
/// `id` must be the id of `logical`, which must be live.
unsafe fn nested(logical: &LogicalType, id: u32, keywords: &HashSet<String>) -> Option<(String, Shape)> {
    let raw = logical.0;
    let child = |raw: ffi::duckdb_logical_type| Box::new(read(&LogicalType(raw), keywords));
    // SAFETY: see above.
    unsafe {
        Some(match id {
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL => {
                let scale = ffi::duckdb_decimal_scale(raw);
                let name = format!("DECIMAL({},{scale})", ffi::duckdb_decimal_width(raw));
                (name, Shape::Decimal { physical: ffi::duckdb_decimal_internal_type(raw), scale })
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ENUM => {
                let words: Vec<String> = (0..u64::from(ffi::duckdb_enum_dictionary_size(raw)))
                    .map(|i| owned_text(ffi::duckdb_enum_dictionary_value(raw, i)).unwrap_or_default())
                    .collect();
                let quoted: Vec<String> = words.iter().map(|w| format!("'{}'", w.replace('\'', "''"))).collect();
                let name = format!("ENUM({})", quoted.join(", "));
                (name, Shape::Enum { physical: ffi::duckdb_enum_internal_type(raw), words })
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => {
                let item = child(ffi::duckdb_list_type_child_type(raw));
                (format!("{}[]", item.name), Shape::List(item))
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => {
                let item = child(ffi::duckdb_array_type_child_type(raw));
                let size = ffi::duckdb_array_type_array_size(raw) as usize;
                (format!("{}[{size}]", item.name), Shape::Array(item, size))
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_MAP => {
                let key = child(ffi::duckdb_map_type_key_type(raw));
                let value = child(ffi::duckdb_map_type_value_type(raw));
                (format!("MAP({}, {})", key.name, value.name), Shape::Map(key, value))
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRUCT => {
                let fields = (0..ffi::duckdb_struct_type_child_count(raw))
                    .map(|i| {
                        let name = owned_text(ffi::duckdb_struct_type_child_name(raw, i)).unwrap_or_default();
                        (name, *child(ffi::duckdb_struct_type_child_type(raw, i)))
                    })
                    .collect::<Vec<_>>();
                (field_list("STRUCT", &fields, keywords), Shape::Struct(fields))
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UNION => {
                let members = (0..ffi::duckdb_union_type_member_count(raw))
                    .map(|i| {
                        let name = owned_text(ffi::duckdb_union_type_member_name(raw, i)).unwrap_or_default();
                        (name, *child(ffi::duckdb_union_type_member_type(raw, i)))
                    })
                    .collect::<Vec<_>>();
                (field_list("UNION", &members, keywords), Shape::Union(members))
            }
            _ => return None,
        })
    }
}

fn field_list(word: &str, fields: &[(String, Type)], keywords: &HashSet<String>) -> String {
    if !fields.is_empty() && fields.iter().all(|(name, _)| name.is_empty()) {
        let types: Vec<&str> = fields.iter().map(|(_, t)| t.name.as_str()).collect();
        return format!("TUPLE({})", types.join(", "));
    }
    let parts: Vec<String> =
        fields.iter().map(|(name, t)| format!("{} {}", field_name(name, keywords), t.name)).collect();
    format!("{word}({})", parts.join(", "))
}

/// The name of a field as the engine writes it: quoted where it has to be.
pub(super) fn field_name(name: &str, keywords: &HashSet<String>) -> String {
    let mut bytes = name.bytes();
    let starts_plain = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let ambiguous = name.len() > 1 && name.starts_with('_') && name.as_bytes()[1].is_ascii_digit();
    let plain = starts_plain && !ambiguous && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !keywords.contains(&name.to_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn plain_name(id: u32) -> Option<&'static str> {
    Some(match id {
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => "BOOLEAN",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT => "TINYINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => "SMALLINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER => "INTEGER",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => "BIGINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => "UTINYINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => "USMALLINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER => "UINTEGER",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT => "UBIGINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT => "FLOAT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => "DOUBLE",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP => "TIMESTAMP",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => "DATE",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME => "TIME",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL => "INTERVAL",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT => "HUGEINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT => "UHUGEINT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR => "VARCHAR",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB => "BLOB",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S => "TIMESTAMP_S",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS => "TIMESTAMP_MS",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS => "TIMESTAMP_NS",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => "UUID",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIT => "BIT",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ => "TIME WITH TIME ZONE",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => "TIMESTAMP WITH TIME ZONE",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ_NS => "TIMESTAMPTZ_NS",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGNUM => "BIGNUM",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL => "\"NULL\"",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRING_LITERAL => "STRING_LITERAL",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER_LITERAL => "INTEGER_LITERAL",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_NS => "TIME_NS",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_GEOMETRY => "GEOMETRY",
        ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARIANT => "VARIANT",
        _ => return None,
    })
}

fn is_readable(id: u32) -> bool {
    plain_name(id).is_some()
        && !matches!(
            id,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_GEOMETRY
                | ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARIANT
                | ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER_LITERAL
        )
}
