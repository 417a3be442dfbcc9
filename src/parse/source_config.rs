//! What a source table inherits: freshness, `loaded_at_*`, meta and tags of its source and of both `config` blocks.
//!
//! In: the rendered entries of a source and of one of its tables. Out: the properties' config of that table, in which
//! whatever stands nearer to the table has won. Rules: `core/dbt/parser/sources.py`.

use std::collections::BTreeSet;

use crate::base::{Dict, Value};

use super::columns::texts;

/// `count` and `period` of a threshold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Limit {
    count: Value,
    period: Value,
}

impl Limit {
    fn is_set(&self) -> bool {
        !self.count.is_null() && !self.period.is_null()
    }

    /// Null switches a threshold off; absent keys leave it unset.
    fn read(given: Option<&Value>) -> Option<Self> {
        match given {
            None => Some(Self::default()),
            Some(Value::Map(map)) => {
                let part = |key: &str| map.get(key).cloned().unwrap_or_default();
                Some(Self { count: part("count"), period: part("period") })
            }
            Some(_) => None,
        }
    }

    fn to_value(&self) -> Value {
        let pairs = [("count".to_owned(), self.count.clone()), ("period".to_owned(), self.period.clone())];
        Value::Map(pairs.into_iter().collect())
    }
}

/// Both thresholds and the filter.
#[derive(Clone, Debug, Default, PartialEq)]
struct Thresholds {
    warn_after: Option<Limit>,
    error_after: Option<Limit>,
    filter: Value,
}

impl Thresholds {
    fn unset() -> Self {
        Self { warn_after: Some(Limit::default()), error_after: Some(Limit::default()), filter: Value::Null }
    }

    fn is_set(&self) -> bool {
        [&self.warn_after, &self.error_after].into_iter().flatten().any(Limit::is_set)
    }

    /// Null switches the check off; an absent `freshness` leaves all thresholds unset.
    fn read(given: Option<&Value>) -> Option<Self> {
        match given {
            None => Some(Self::unset()),
            Some(Value::Map(map)) => Some(Self {
                warn_after: Limit::read(map.get("warn_after")),
                error_after: Limit::read(map.get("error_after")),
                filter: map.get("filter").cloned().unwrap_or_default(),
            }),
            Some(_) => None,
        }
    }

    fn over(self, base: Self) -> Self {
        let limit = |base: Option<Limit>, own: Option<Limit>| {
            own.map(|o| (o, base)).and_then(|(own, base)| if own.is_set() { Some(own) } else { base })
        };
        Self {
            warn_after: limit(base.warn_after, self.warn_after),
            error_after: limit(base.error_after, self.error_after),
            filter: if self.filter.is_null() { base.filter } else { self.filter },
        }
    }

    fn to_value(&self) -> Value {
        let limit = |l: &Option<Limit>| l.as_ref().map_or(Value::Null, Limit::to_value);
        let pairs = [
            ("warn_after".to_owned(), limit(&self.warn_after)),
            ("error_after".to_owned(), limit(&self.error_after)),
            ("filter".to_owned(), self.filter.clone()),
        ];
        Value::Map(pairs.into_iter().collect())
    }
}

/// `freshness` with every key: what artifacts show. Null stays null.
pub(super) fn completed(given: Option<&Value>) -> Value {
    Thresholds::read(given).map_or(Value::Null, |t| t.to_value())
}

/// Each level over the ones before it. A null ends the inheritance; thresholds set below it begin anew.
fn inherited(levels: [Option<&Value>; 4]) -> Option<Thresholds> {
    let mut levels = levels.into_iter().map(Thresholds::read);
    let mut merged = levels.next().flatten();
    for own in levels {
        merged = match (merged, own) {
            (Some(base), Some(own)) => Some(own.over(base)),
            (None, Some(own)) if own.is_set() => Some(own),
            _ => None,
        };
    }
    merged
}

fn config_of(map: &Dict) -> Dict {
    map.get("config").and_then(Value::as_map).cloned().unwrap_or_default()
}

/// A non-null value of the entry, or else of its `config`.
fn either<'v>(map: &'v Dict, key: &str) -> Option<&'v Value> {
    let own = map.get(key).filter(|v| !v.is_null());
    own.or_else(|| map.get("config").and_then(|c| c.get(key))).filter(|v| !v.is_null())
}

/// Whether a level says both when rows were loaded and how to ask for it; dbt takes one of the two.
pub(super) fn says_both_loaded_at(map: &Dict, is_table: bool) -> bool {
    let field = if is_table { mentions_field(map) } else { either(map, "loaded_at_field").is_some() };
    field && either(map, "loaded_at_query").is_some()
}

/// Whether a table speaks of `loaded_at_field`, be it to take an inherited one away.
fn mentions_field(table: &Dict) -> bool {
    let in_config = table.get("config").and_then(|c| c.get("loaded_at_field"));
    table.contains_key("loaded_at_field") || in_config.is_some_and(|v| !v.is_null())
}

/// The config that the properties of source and table make for the table.
pub(super) fn properties(source: &Dict, table: &Dict) -> Dict {
    let (source_config, table_config) = (config_of(source), config_of(table));
    let mut merged = source_config.clone();
    merged.extend(table_config.clone());

    let levels = [
        source.get("freshness"),
        source_config.get("freshness"),
        table.get("freshness"),
        table_config.get("freshness"),
    ];
    match inherited(levels) {
        Some(thresholds) if thresholds.is_set() => {
            merged.insert("freshness".into(), thresholds.to_value());
        }
        Some(_) => {
            merged.shift_remove("freshness");
        }
        None => {
            merged.insert("freshness".into(), Value::Null);
        }
    }

    let nearest = |key: &str| either(table, key).or_else(|| either(source, key)).cloned().unwrap_or_default();
    let own = |key: &str| either(table, key).cloned().unwrap_or_default();
    let field = if mentions_field(table) { own("loaded_at_field") } else { nearest("loaded_at_field") };
    let query = if mentions_field(table) { own("loaded_at_query") } else { nearest("loaded_at_query") };
    merged.insert("loaded_at_field".into(), field);
    merged.insert("loaded_at_query".into(), query);

    let mut meta = Dict::new();
    for given in [source.get("meta"), source_config.get("meta"), table.get("meta"), table_config.get("meta")] {
        meta.extend(given.and_then(Value::as_map).cloned().unwrap_or_default());
    }
    merged.insert("meta".into(), meta.into());
    let tags = [source.get("tags"), source_config.get("tags"), table.get("tags"), table_config.get("tags")];
    let tags: BTreeSet<String> = tags.into_iter().flat_map(texts).collect();
    merged.insert("tags".into(), tags.into_iter().collect::<Vec<_>>().into());
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(json: &str) -> Dict {
        match Value::from_json(&serde_json::from_str(json).expect("test JSON")) {
            Value::Map(map) => map,
            other => panic!("not a mapping: {other}"),
        }
    }

    fn freshness(source: &str, table: &str) -> String {
        let found = properties(&dict(source), &dict(table));
        found.get("freshness").map_or("unset".to_owned(), |f| f.to_json().to_string())
    }

    #[test]
    fn thresholds_are_inherited_one_by_one() {
        let source = r#"{"freshness": {"warn_after": {"count": 1, "period": "day"}, "filter": "x"}}"#;
        let table = r#"{"config": {"freshness": {"error_after": {"count": 2, "period": "day"}}}}"#;
        let expected =
            r#"{"warn_after":{"count":1,"period":"day"},"error_after":{"count":2,"period":"day"},"filter":"x"}"#;
        assert_eq!(freshness(source, table), expected);
        assert_eq!(freshness(source, r#"{"freshness": null}"#), "null");
        assert_eq!(freshness("{}", "{}"), "unset");
        assert_eq!(freshness(source, r#"{"freshness": {"warn_after": null}}"#), "unset");
        let source = r#"{"freshness": {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": 2, "period": "day"}}}"#;
        let no_warning = freshness(source, r#"{"freshness": {"warn_after": null}}"#);
        assert_eq!(no_warning, r#"{"warn_after":null,"error_after":{"count":2,"period":"day"},"filter":null}"#);
    }

    #[test]
    fn a_field_takes_the_place_of_an_inherited_query() {
        let source = dict(r#"{"config": {"loaded_at_query": "select 1"}}"#);
        let found = properties(&source, &dict(r#"{"loaded_at_field": "at"}"#));
        assert_eq!((&found["loaded_at_field"], &found["loaded_at_query"]), (&Value::from("at"), &Value::Null));
        assert_eq!(properties(&source, &Dict::new())["loaded_at_query"], Value::from("select 1"));
    }
}
