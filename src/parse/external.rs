//! Sources that are files: `external_location` with its fields filled in.
//!
//! In: a source's relation, meta and config. Out: SQL text that reads it. Three kinds of fields, by the config `formatter`:
//! `{name}` (newstyle, the default), `%(name)s` (oldstyle), `${name}` (template).

use crate::base::{Dict, Relation, Value};
use crate::jinja::pylib::{format_fields, format_percent};

/// Configs that every source has; all others may be named in a location.
const STANDARD: &[&str] =
    &["enabled", "event_time", "freshness", "loaded_at_field", "loaded_at_query", "meta", "tags", "quoting"];

/// What the external configuration of a source says.
#[derive(Debug, PartialEq)]
pub(super) enum External {
    /// Nothing: it is a table.
    None,
    /// SQL text that reads the files.
    Location(String),
    /// A plugin loads it.
    Plugin(String),
}

/// The external configuration of a table of a source, out of its meta and, with precedence, its config.
pub(super) fn read(name: &str, relation: &Relation, meta: &Dict, config: &Dict) -> Result<External, String> {
    let part = |p: &Option<String>| p.as_deref().map_or(Value::Null, Value::from);
    let mut fields = Dict::new();
    fields.insert("name".to_owned(), name.into());
    fields.insert("identifier".to_owned(), part(&relation.identifier));
    fields.insert("schema".to_owned(), part(&relation.schema));
    fields.insert("database".to_owned(), part(&relation.database));
    fields.insert("tags".to_owned(), config.get("tags").cloned().unwrap_or_default());
    let own = config.iter().filter(|(key, value)| !STANDARD.contains(&key.as_str()) && !value.is_null());
    let said: Dict = meta.iter().chain(own).map(|(k, v)| (k.clone(), v.clone())).collect();
    fields.extend(said.clone());

    if let Some(plugin) = said.get("plugin").filter(|p| !p.is_null()) {
        return Ok(External::Plugin(plugin.to_string()));
    }
    let Some(location) = said.get("external_location").filter(|l| !l.is_null()) else { return Ok(External::None) };
    let Some(template) = location.as_str() else {
        return Err(format!("`external_location` has to be a text, not {}", location.kind()));
    };
    let formatter = said.get("formatter").map_or_else(|| "newstyle".to_owned(), Value::to_string);
    let filled = match formatter.as_str() {
        "newstyle" => format_fields(template, &fields),
        "oldstyle" => format_percent(template, &fields),
        "template" => substitute(template, &fields),
        other => Err(format!("the formatter '{other}' is none of 'newstyle', 'oldstyle', 'template'")),
    };
    let filled = filled.map_err(|problem| {
        let known: Vec<&str> = fields.keys().map(String::as_str).collect();
        format!("`external_location: {template}` cannot be filled in: {problem} (there are: {})", known.join(", "))
    })?;
    // A plain path is quoted; a call such as read_parquet(...) stands for itself.
    let is_sql = filled.contains('(') || filled.starts_with('\'');
    Ok(External::Location(if is_sql { filled } else { format!("'{filled}'") }))
}

/// Python's `string.Template`: `$name`, `${name}`, and `$$` for a dollar.
fn substitute(template: &str, fields: &Dict) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.strip_prefix('{');
        let word = braced.unwrap_or(rest);
        let length = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
        let (name, after) = word.split_at(length);
        let after = if braced.is_some() { after.strip_prefix('}') } else { Some(after) };
        let Some(after) = after.filter(|_| !name.is_empty()) else {
            return Err(format!("the `$` in front of `{rest}` begins no name"));
        };
        out.push_str(&fields.get(name).ok_or_else(|| format!("'{name}'"))?.to_string());
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str) -> Result<External, String> {
        let Value::Map(config) = Value::from_json(&serde_json::from_str(config).expect("JSON")) else {
            panic!("a mapping")
        };
        let meta = [("year".to_owned(), Value::Int(2024)), ("external_location".to_owned(), Value::from("meta"))];
        read("orders", &Relation::new("db", "raw", "orders_v1"), &meta.into_iter().collect(), &config)
    }

    #[test]
    fn fields_of_all_three_kinds() {
        for (config, expected) in [
            ("{}", "'meta'"),
            (r#"{"external_location": "{schema}/{name}_{year}.csv"}"#, "'raw/orders_2024.csv'"),
            (r#"{"external_location": "{{{identifier:>10}}}"}"#, "'{ orders_v1}'"),
            (r#"{"external_location": "f('%(identifier)s', %%)", "formatter": "oldstyle"}"#, "f('orders_v1', %)"),
            (r#"{"external_location": "$name/${year}$$.csv", "formatter": "template"}"#, "'orders/2024$.csv'"),
            (r#"{"external_location": "'a b.csv'", "extra": 1}"#, "'a b.csv'"),
        ] {
            assert_eq!(of(config), Ok(External::Location(expected.to_owned())), "{config}");
        }
        assert_eq!(of(r#"{"plugin": "excel"}"#), Ok(External::Plugin("excel".to_owned())));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        for (config, part) in [
            (r#"{"external_location": "{nam}.csv"}"#, "'nam'"),
            (r#"{"external_location": "${nam}", "formatter": "template"}"#, "'nam'"),
            (r#"{"external_location": "$.csv", "formatter": "template"}"#, "begins no name"),
            (r#"{"external_location": "x", "formatter": "old"}"#, "none of"),
            (r#"{"external_location": 5}"#, "has to be a text"),
        ] {
            let problem = of(config).expect_err(config);
            assert!(problem.contains(part), "{config}: {problem}");
        }
    }
}
