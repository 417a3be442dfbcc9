//! Names and hashes of generic tests, byte for byte as dbt makes them.
//!
//! In: test name, target, arguments. Out: short and full name, and the unique id's hash.
//! Rules: `core/dbt/parser/generic_test_builders.py`, `core/dbt/parser/schema_generic_tests.py`.

use md5::{Digest, Md5};

use crate::base::{Dict, Value};

/// MD5 of a text as 32 hexadecimal digits.
pub fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// `(short, full)`: the full name goes into the unique id, the short one (at most 63 characters) names the file.
pub fn synthesize(test: &str, target: &str, args: &Dict) -> (String, String) {
    let mut keys: Vec<&String> = args.keys().filter(|k| *k != "model").collect();
    keys.sort();
    let mut flat: Vec<String> = Vec::new();
    for key in keys {
        match &args[key] {
            Value::Map(map) => flat.extend(map.values().map(python_str)),
            Value::List(items) => flat.extend(items.iter().map(python_str)),
            one => flat.push(python_str(one)),
        }
    }
    let clean: Vec<String> = flat.iter().map(|part| underscored(part)).collect();
    let identifier = format!("{test}_{target}");
    let full = format!("{identifier}_{}", clean.join("__"));
    if full.chars().count() < 64 {
        return (full.clone(), full);
    }
    let head: String = identifier.chars().take(30).collect();
    (format!("{head}_{}", md5_hex(&full)), full)
}

/// The last ten digits of the MD5 of name and metadata.
pub fn unique_hash(name: &str, test: &str, namespace: Option<&str>, kwargs: &Dict) -> String {
    let mut metadata = Dict::new();
    metadata.insert("kwargs".into(), Value::Map(kwargs.clone()));
    metadata.insert("name".into(), test.into());
    metadata.insert("namespace".into(), namespace.map(str::to_owned).into());
    let digest = md5_hex(&format!("{name}{}", hashable_repr(&Value::Map(metadata))));
    digest[22..].to_owned()
}

/// Runs of anything but ASCII letters, digits and `_` become one `_`.
fn underscored(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
            in_run = false;
        } else if !in_run {
            out.push('_');
            in_run = true;
        }
    }
    out
}

/// Python's `repr` of the value after every scalar went through `str()` and keys were sorted.
fn hashable_repr(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let parts: Vec<String> =
                entries.iter().map(|(k, v)| format!("{}: {}", quote(k), hashable_repr(v))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(hashable_repr).collect();
            format!("[{}]", parts.join(", "))
        }
        scalar => quote(&python_str(scalar)),
    }
}

/// Python's `str()`.
pub fn python_str(value: &Value) -> String {
    match value {
        Value::Map(_) | Value::List(_) => python_repr(value),
        scalar => scalar.to_string(),
    }
}

/// Python's `repr()`.
pub fn python_repr(value: &Value) -> String {
    match value {
        Value::Str(s) => quote(s),
        Value::Map(map) => {
            let parts: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", quote(k), python_repr(v))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(python_repr).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Date(d) => {
            use chrono::Datelike;
            format!("datetime.date({}, {}, {})", d.year(), d.month(), d.day())
        }
        scalar => scalar.to_string(),
    }
}

/// Python's quoting of a string: single quotes unless only double quotes avoid escaping.
fn quote(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(mark);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(entries: &[(&str, Value)]) -> Dict {
        entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
    }

    #[test]
    fn names_and_hash_equal_dbts() {
        // Taken from a manifest that dbt-core 1.11 wrote for jaffle_shop_duckdb.
        let kwargs = args(&[
            ("column_name", "customer_id".into()),
            ("model", "{{ get_where_subquery(ref('customers')) }}".into()),
        ]);
        let (short, full) = synthesize("unique", "customers", &kwargs);
        assert_eq!((short.as_str(), full.as_str()), ("unique_customers_customer_id", "unique_customers_customer_id"));
        assert_eq!(unique_hash(&full, "unique", None, &kwargs), "c5af1ff4b1");
    }

    #[test]
    fn long_names_are_hashed() {
        let values: Value = vec!["placed", "shipped", "completed", "return_pending", "returned"].into();
        let kwargs = args(&[("column_name", "status".into()), ("values", values), ("model", "x".into())]);
        let (short, full) = synthesize("accepted_values", "orders", &kwargs);
        assert_eq!(full, "accepted_values_orders_status__placed__shipped__completed__return_pending__returned");
        assert_eq!(short, "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758");
    }
}
