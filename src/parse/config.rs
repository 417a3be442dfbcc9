//! Config resolution: defaults, project trees, properties, `config()` calls, in dbt's order and with dbt's merge kinds.
//!
//! In: config trees of the node's own package and of the root project, the `config:` of its properties entry and the
//! keywords of its `config()` calls. Out: one [`Config`] with every default filled in.
//! Rules: `core/dbt/context/context_config.py`, `core/dbt/artifacts/resources/v1/config.py`.

use crate::base::{Dict, Value};
use crate::node::{Config, ResourceType};

/// Where a node's config comes from, lowest precedence first.
#[derive(Clone, Copy, Debug)]
pub struct ConfigSources<'a> {
    /// The tree of the node's own package for its resource type (`models:` ...).
    pub own: Option<&'a Dict>,
    /// `config:` of the properties entry (and what older syntax puts beside it).
    pub properties: Option<&'a Dict>,
    /// Keywords of `config()` calls.
    pub call: Option<&'a Dict>,
    /// The root project's tree, for nodes of installed packages only.
    pub root: Option<&'a Dict>,
}

/// Merges all sources for a node.
pub fn resolve(resource_type: ResourceType, fqn: &[String], sources: ConfigSources<'_>) -> Config {
    let mut config = defaults(resource_type);
    apply(&mut config, fqn, sources, |target, partial| match resource_type {
        // An exposure's config has no key that adds to what is there.
        ResourceType::Exposure => target.extend(partial),
        _ => merge(target, partial),
    });
    finish(resource_type, &mut config);
    Config(config)
}

/// The same order over values as written, without defaults: what state comparison looks at.
pub fn unrendered(fqn: &[String], sources: ConfigSources<'_>) -> Dict {
    let mut config = Dict::new();
    apply(&mut config, fqn, sources, |target, partial| {
        for (key, value) in partial {
            target.insert(key, value);
        }
    });
    config
}

fn apply(config: &mut Dict, fqn: &[String], sources: ConfigSources<'_>, update: impl Fn(&mut Dict, Dict)) {
    for level in sources.own.into_iter().flat_map(|tree| levels(tree, fqn)) {
        update(config, level);
    }
    for direct in [sources.properties, sources.call].into_iter().flatten() {
        update(config, direct.iter().map(|(k, v)| (canonical(k), v.clone())).collect());
    }
    for level in sources.root.into_iter().flat_map(|tree| levels(tree, fqn)) {
        update(config, level);
    }
}

/// The config of each level of a tree on the way to `fqn`. `+key` is always config; a bare key only if it is not a
/// mapping, because mappings are folders.
fn levels(tree: &Dict, fqn: &[String]) -> Vec<Dict> {
    let own = |level: &Dict| -> Dict {
        level
            .iter()
            .filter_map(|(key, value)| match key.strip_prefix('+') {
                Some(bare) => Some((canonical(bare.trim()), value.clone())),
                None if value.as_map().is_none() => Some((canonical(key), value.clone())),
                None => None,
            })
            .collect()
    };
    let mut found = vec![own(tree)];
    let mut level = tree;
    for part in fqn {
        match level.get(part) {
            Some(Value::Map(deeper)) => {
                found.push(own(deeper));
                level = deeper;
            }
            _ => break,
        }
    }
    found
}

/// One spelling per key: dbt's artifacts write hooks with a hyphen.
pub fn canonical(key: &str) -> String {
    match key {
        "pre_hook" => "pre-hook".to_owned(),
        "post_hook" => "post-hook".to_owned(),
        other => other.to_owned(),
    }
}

/// Puts a partial config over `config` with the merge kind of each key.
pub fn merge(config: &mut Dict, partial: Dict) {
    for (key, value) in partial {
        match key.as_str() {
            "tags" | "packages" => {
                let mut items = listed(config.get(&key));
                items.extend(listed(Some(&value)));
                config.insert(key, Value::List(items));
            }
            "pre-hook" | "post-hook" => {
                let mut hooks = listed(config.get(&key));
                hooks.extend(listed(Some(&value)).iter().map(hook));
                config.insert(key, Value::List(hooks));
            }
            "meta" | "quoting" | "column_types" | "docs" | "contract" => update_map(config, key, value),
            "grants" => merge_grants(config, value),
            _ => {
                config.insert(key, value);
            }
        }
    }
}

fn listed(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// A hook as dbt keeps it: `{sql, transaction, index}`. A text that is a JSON object is read as one.
pub fn hook(value: &Value) -> Value {
    let given = match value {
        Value::Map(map) => map.clone(),
        Value::Str(text) => match serde_json::from_str::<serde_json::Value>(text).map(|j| Value::from_json(&j)) {
            Ok(Value::Map(map)) if map.contains_key("sql") => map,
            _ => [("sql".to_owned(), Value::Str(text.clone()))].into_iter().collect(),
        },
        other => [("sql".to_owned(), Value::Str(other.to_string()))].into_iter().collect(),
    };
    let mut hook = Dict::new();
    hook.insert("sql".into(), given.get("sql").cloned().unwrap_or_else(|| "".into()));
    hook.insert("transaction".into(), given.get("transaction").cloned().unwrap_or(Value::Bool(true)));
    hook.insert("index".into(), given.get("index").cloned().unwrap_or_default());
    Value::Map(hook)
}

fn update_map(config: &mut Dict, key: String, value: Value) {
    match (config.get_mut(&key), value) {
        (Some(Value::Map(target)), Value::Map(partial)) => target.extend(partial),
        (Some(Value::Map(_)), Value::Null) => {}
        (_, value) => {
            config.insert(key, value);
        }
    }
}

/// Grants: a privilege replaces the inherited list unless its key starts with `+`.
fn merge_grants(config: &mut Dict, value: Value) {
    let mut grants = config.get("grants").and_then(Value::as_map).cloned().unwrap_or_default();
    let Value::Map(partial) = value else { return };
    for (privilege, grantees) in partial {
        match privilege.strip_prefix('+') {
            Some(bare) => {
                let mut all = listed(grants.get(bare));
                all.extend(listed(Some(&grantees)));
                grants.insert(bare.to_owned(), Value::List(all));
            }
            None => {
                grants.insert(privilege, Value::List(listed(Some(&grantees))));
            }
        }
    }
    config.insert("grants".into(), Value::Map(grants));
}

/// The defaults of a resource type, in the order in which dbt's config classes declare them.
pub fn defaults(resource_type: ResourceType) -> Dict {
    let mut d = Dict::new();
    d.insert("enabled".into(), true.into());
    if matches!(
        resource_type,
        ResourceType::Source
            | ResourceType::Exposure
            | ResourceType::UnitTest
            | ResourceType::Metric
            | ResourceType::SemanticModel
            | ResourceType::SavedQuery
    ) {
        match resource_type {
            ResourceType::Source => {
                for key in ["event_time", "loaded_at_field", "loaded_at_query", "static_analysis"] {
                    d.insert(key.into(), Value::Null);
                }
                d.insert("freshness".into(), super::source_config::completed(None));
                d.insert("meta".into(), Dict::new().into());
                d.insert("tags".into(), Value::List(Vec::new()));
            }
            ResourceType::UnitTest | ResourceType::Exposure => {
                if resource_type == ResourceType::UnitTest {
                    d.insert("static_analysis".into(), Value::Null);
                }
                d.insert("meta".into(), Dict::new().into());
                d.insert("tags".into(), Value::List(Vec::new()));
                if resource_type == ResourceType::UnitTest {
                    d.insert("static_analysis".into(), Value::Null);
                }
            }
            _ => {
                d.insert("group".into(), Value::Null);
                d.insert("meta".into(), Dict::new().into());
                if resource_type == ResourceType::SavedQuery {
                    d.insert("export_as".into(), Value::Null);
                    d.insert("schema".into(), Value::Null);
                    let cache: Dict = [("enabled".to_owned(), Value::Bool(false))].into_iter().collect();
                    d.insert("cache".into(), cache.into());
                }
            }
        }
        return d;
    }
    let is_test = resource_type == ResourceType::Test;
    d.insert("alias".into(), Value::Null);
    d.insert("schema".into(), if is_test { "dbt_test__audit".into() } else { Value::Null });
    d.insert("database".into(), Value::Null);
    d.insert("tags".into(), Value::List(Vec::new()));
    d.insert("meta".into(), Dict::new().into());
    d.insert("group".into(), Value::Null);
    d.insert("static_analysis".into(), Value::Null);
    if is_test {
        d.insert("materialized".into(), "test".into());
        d.insert("severity".into(), "ERROR".into());
        for key in ["store_failures", "store_failures_as", "where", "limit"] {
            d.insert(key.into(), Value::Null);
        }
        d.insert("fail_calc".into(), "count(*)".into());
        d.insert("warn_if".into(), "!= 0".into());
        d.insert("error_if".into(), "!= 0".into());
        return d;
    }
    node_defaults(resource_type, &mut d);
    d
}

/// Columns of a snapshot that `snapshot_meta_column_names` can call otherwise.
const SNAPSHOT_COLUMNS: [&str; 5] =
    ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];

fn node_defaults(resource_type: ResourceType, d: &mut Dict) {
    let materialized = match resource_type {
        ResourceType::Seed => "seed",
        ResourceType::Snapshot => "snapshot",
        ResourceType::Function => "function",
        _ => "view",
    };
    d.insert("materialized".into(), materialized.into());
    d.insert("incremental_strategy".into(), Value::Null);
    d.insert("batch_size".into(), Value::Null);
    d.insert("lookback".into(), Value::Int(1));
    d.insert("begin".into(), Value::Null);
    d.insert("persist_docs".into(), Dict::new().into());
    d.insert("post-hook".into(), Value::List(Vec::new()));
    d.insert("pre-hook".into(), Value::List(Vec::new()));
    d.insert("quoting".into(), Dict::new().into());
    d.insert("column_types".into(), Dict::new().into());
    d.insert("full_refresh".into(), Value::Null);
    d.insert("unique_key".into(), Value::Null);
    d.insert("on_schema_change".into(), "ignore".into());
    d.insert("on_configuration_change".into(), "apply".into());
    d.insert("grants".into(), Dict::new().into());
    d.insert("packages".into(), Value::List(Vec::new()));
    let docs: Dict =
        [("show".to_owned(), Value::Bool(true)), ("node_color".to_owned(), Value::Null)].into_iter().collect();
    d.insert("docs".into(), docs.into());
    let contract: Dict = [("enforced".to_owned(), Value::Bool(false)), ("alias_types".to_owned(), Value::Bool(true))]
        .into_iter()
        .collect();
    d.insert("contract".into(), contract.into());
    d.insert("event_time".into(), Value::Null);
    d.insert("concurrent_batches".into(), Value::Null);
    match resource_type {
        ResourceType::Model => {
            d.insert("access".into(), "protected".into());
            d.insert("freshness".into(), Value::Null);
        }
        ResourceType::Seed => {
            d.insert("delimiter".into(), ",".into());
            d.insert("quote_columns".into(), Value::Null);
        }
        ResourceType::Function => {
            d.insert("type".into(), "scalar".into());
            for key in ["volatility", "runtime_version", "entry_point"] {
                d.insert(key.into(), Value::Null);
            }
        }
        ResourceType::Snapshot => {
            for key in ["strategy", "target_schema", "target_database", "updated_at", "check_cols"] {
                d.insert(key.into(), Value::Null);
            }
            let names: Dict = SNAPSHOT_COLUMNS.iter().map(|n| ((*n).to_owned(), Value::Null)).collect();
            d.insert("snapshot_meta_column_names".into(), names.into());
            d.insert("dbt_valid_to_current".into(), Value::Null);
        }
        _ => {}
    }
}

/// Normal forms that dbt applies once all sources are merged.
fn finish(resource_type: ResourceType, config: &mut Dict) {
    if resource_type == ResourceType::Test {
        // `store_failures_as` decides over `store_failures` wherever either was written.
        match config.get("store_failures_as").and_then(Value::as_str) {
            Some(kind) => {
                let stored = kind != "ephemeral";
                config.insert("store_failures".into(), stored.into());
            }
            None => {
                let kind = match config.get("store_failures").and_then(Value::as_bool) {
                    Some(true) => "table".into(),
                    Some(false) => "ephemeral".into(),
                    None => Value::Null,
                };
                config.insert("store_failures_as".into(), kind);
            }
        }
    }
    if resource_type == ResourceType::Snapshot
        && let Some(Value::Map(names)) = config.get_mut("snapshot_meta_column_names")
    {
        for name in SNAPSHOT_COLUMNS {
            names.entry(name.to_owned()).or_insert(Value::Null);
        }
    }
    // YAML reads a bare `off` as false; dbt keeps the word.
    if let Some(on) = config.get("static_analysis").and_then(Value::as_bool) {
        config.insert("static_analysis".into(), if on { "on" } else { "off" }.into());
    }
    if let Some(tags) = config.get("tags") {
        let texts = listed(Some(tags)).iter().map(|t| Value::Str(t.to_string())).collect();
        config.insert("tags".into(), Value::List(texts));
    }
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

    fn fqn(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn levels_accumulate_with_merge_kinds() {
        let own = dict(
            r#"{"+tags": "a", "materialized": "table", "shop": {"+meta": {"x": 1}, "staging": {"+tags": ["b"], "+meta": {"y": 2}, "orders": {"materialized": "view"}}}}"#,
        );
        let call = dict(r#"{"tags": ["c"], "pre_hook": "select 1"}"#);
        let sources = ConfigSources { own: Some(&own), properties: None, call: Some(&call), root: None };
        let config = resolve(ResourceType::Model, &fqn("shop.staging.orders"), sources);
        assert_eq!(config.tags(), ["a", "b", "c"]);
        assert_eq!(config.materialized(), "view");
        assert_eq!(config.map("meta").map(Dict::len), Some(2));
        let hooks = config.get("pre-hook").and_then(Value::as_list).map(<[Value]>::len);
        assert_eq!(hooks, Some(1));
    }

    #[test]
    fn the_root_project_beats_a_package() {
        let own = dict(r#"{"pkg": {"+materialized": "view"}}"#);
        let call = dict(r#"{"materialized": "incremental"}"#);
        let root = dict(r#"{"pkg": {"+materialized": "table"}}"#);
        let sources = ConfigSources { own: Some(&own), properties: None, call: Some(&call), root: Some(&root) };
        assert_eq!(resolve(ResourceType::Model, &fqn("pkg.m"), sources).materialized(), "table");
    }

    #[test]
    fn a_bare_mapping_is_a_folder_and_not_a_config() {
        let own = dict(r#"{"shop": {"persist_docs": {"relation": true}, "+persist_docs": {"columns": true}}}"#);
        let sources = ConfigSources { own: Some(&own), properties: None, call: None, root: None };
        let config = resolve(ResourceType::Model, &fqn("shop.m"), sources);
        assert_eq!(config.map("persist_docs"), Some(&dict(r#"{"columns": true}"#)));
    }

    #[test]
    fn store_failures_as_decides() {
        let call = dict(r#"{"store_failures": true}"#);
        let sources = ConfigSources { own: None, properties: None, call: Some(&call), root: None };
        assert_eq!(resolve(ResourceType::Test, &fqn("shop.t"), sources).str("store_failures_as"), Some("table"));
        let call = dict(r#"{"store_failures": true, "store_failures_as": "ephemeral"}"#);
        let sources = ConfigSources { own: None, properties: None, call: Some(&call), root: None };
        assert_eq!(resolve(ResourceType::Test, &fqn("shop.t"), sources).bool("store_failures"), Some(false));
    }
}
