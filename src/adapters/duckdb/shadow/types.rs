//! A type of the plan's JSON in SQL's spelling. In: `{"id": ..., "type_info": ...}`. Out: `DECIMAL(10,2)`.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::super::types::field_name;

/// The type's name as the engine's catalog has it, or nothing for a type this does not know. `keywords` are the words that are
/// quoted when they name a field.
pub(super) fn type_name(json: &Json, keywords: &HashSet<String>) -> Option<String> {
    let id = json.get("id")?.as_str()?;
    let info = json.get("type_info");
    let get = |key: &str| info.and_then(|i| i.get(key));
    if let Some(alias) = get("alias").and_then(Json::as_str).filter(|a| !a.is_empty()) {
        return Some(alias.to_owned());
    }
    Some(match id {
        "DECIMAL" => {
            let number = |key: &str| get(key).and_then(Json::as_u64).unwrap_or(0);
            match info {
                Some(_) => format!("DECIMAL({},{})", number("width"), number("scale")),
                None => "DECIMAL(18,3)".to_owned(),
            }
        }
        "LIST" => format!("{}[]", type_name(get("child_type")?, keywords)?),
        "ARRAY" => format!("{}[{}]", type_name(get("child_type")?, keywords)?, get("size").and_then(Json::as_u64)?),
        "STRUCT" => format!("STRUCT({})", members(get("child_types")?, true, keywords)?),
        "UNION" => format!("UNION({})", members(get("child_types")?, false, keywords)?),
        "MAP" => {
            let entry = get("child_type")?;
            let pair = entry.get("type_info")?.get("child_types")?.as_array()?;
            let side = |i: usize| type_name(pair.get(i)?.get("second")?, keywords);
            format!("MAP({}, {})", side(0)?, side(1)?)
        }
        "ENUM" => {
            let values = get("values")?.as_array()?;
            let texts: Option<Vec<String>> =
                values.iter().map(|v| v.as_str().map(|v| format!("'{}'", v.replace('\'', "''")))).collect();
            format!("ENUM({})", texts?.join(", "))
        }
        // What has no type, as the engine keeps it: `select null as x`.
        "NULL" | "SQLNULL" | "\"NULL\"" => "\"NULL\"".to_owned(),
        "VARCHAR" | "CHAR" => "VARCHAR".to_owned(),
        "TIMESTAMP_TZ" | "TIMESTAMP WITH TIME ZONE" => "TIMESTAMP WITH TIME ZONE".to_owned(),
        "TIME_TZ" | "TIME WITH TIME ZONE" => "TIME WITH TIME ZONE".to_owned(),
        "TIMESTAMP_SEC" => "TIMESTAMP_S".to_owned(),
        simple if info.is_none() && is_plain(simple) => simple.to_owned(),
        _ => return None,
    })
}

fn is_plain(id: &str) -> bool {
    const PLAIN: &[&str] = &[
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
        "DATE",
        "TIME",
        "TIME_NS",
        "TIMESTAMP",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "INTERVAL",
        "BLOB",
        "UUID",
        "BIT",
        "BIGNUM",
        "JSON",
    ];
    PLAIN.contains(&id)
}

fn members(json: &Json, all: bool, keywords: &HashSet<String>) -> Option<String> {
    let list = json.as_array()?;
    // A union's first member is its tag.
    let list = if all { &list[..] } else { list.get(1..)? };
    let one = |m: &Json| {
        let name = m.get("first").and_then(Json::as_str).unwrap_or_default();
        Some(format!("{} {}", field_name(name, keywords), type_name(m.get("second")?, keywords)?))
    };
    list.iter().map(one).collect::<Option<Vec<_>>>().map(|m| m.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_as_the_catalog_has_it() {
        let keywords = HashSet::from(["order".to_owned()]);
        for (json, wanted) in [
            (r#"{"id":"INTEGER"}"#, Some("INTEGER")),
            (r#"{"id":"DECIMAL","type_info":{"width":10,"scale":2}}"#, Some("DECIMAL(10,2)")),
            (r#"{"id":"LIST","type_info":{"child_type":{"id":"VARCHAR"}}}"#, Some("VARCHAR[]")),
            (
                r#"{"id":"STRUCT","type_info":{"child_types":[{"first":"a b","second":{"id":"DATE"}}]}}"#,
                Some("STRUCT(\"a b\" DATE)"),
            ),
            (
                r#"{"id":"STRUCT","type_info":{"child_types":[{"first":"a","second":{"id":"DATE"}},{"first":"Order","second":{"id":"DATE"}}]}}"#,
                Some("STRUCT(a DATE, \"Order\" DATE)"),
            ),
            (r#"{"id":"LAMBDA"}"#, None),
        ] {
            assert_eq!(type_name(&serde_json::from_str(json).unwrap(), &keywords).as_deref(), wanted, "{json}");
        }
    }
}
