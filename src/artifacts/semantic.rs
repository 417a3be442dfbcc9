//! The semantic layer in the form of dbt's files: what a properties file may leave out or write short is spelled out.
//!
//! In: a [`Semantic`] as written, and the project for its model's relation. Out: dicts for `manifest.json` and
//! `semantic_manifest.json`.

use crate::base::{Dict, Value};
use crate::node::{Project, ResourceType, Semantic};

/// Keys with their defaults, in dbt's order.
type Shape = &'static [(&'static str, Fill)];

/// What a key holds when nothing is written.
#[derive(Clone, Copy)]
enum Fill {
    Null,
    False,
    Empty,
    List,
    Map,
    /// `{"meta": {}}`
    Meta,
}

use self::Fill::{Empty, False, List, Map, Meta, Null};

impl Fill {
    fn value(self) -> Value {
        match self {
            Null => Value::Null,
            False => Value::Bool(false),
            Empty => "".into(),
            List => Value::List(Vec::new()),
            Map => Value::Map(Dict::new()),
            Meta => Value::Map([("meta".to_owned(), Value::Map(Dict::new()))].into_iter().collect()),
        }
    }
}

const AGG_PARAMS: Shape =
    &[("percentile", Null), ("use_discrete_percentile", False), ("use_approximate_percentile", False)];

const INPUT_MEASURE: Shape =
    &[("name", Null), ("filter", Null), ("alias", Null), ("join_to_timespine", False), ("fill_nulls_with", Null)];
const INPUT_METRIC: Shape =
    &[("name", Null), ("filter", Null), ("alias", Null), ("offset_window", Null), ("offset_to_grain", Null)];
const ENTITY: Shape = &[
    ("name", Null),
    ("type", Null),
    ("description", Null),
    ("label", Null),
    ("role", Null),
    ("expr", Null),
    ("config", Meta),
];
const MEASURE: Shape = &[
    ("name", Null),
    ("agg", Null),
    ("description", Null),
    ("label", Null),
    ("create_metric", False),
    ("expr", Null),
    ("agg_params", Null),
    ("non_additive_dimension", Null),
    ("agg_time_dimension", Null),
    ("config", Meta),
];
const NON_ADDITIVE: Shape = &[("name", Null), ("window_choice", Null), ("window_groupings", List)];
const DIMENSION: Shape = &[
    ("name", Null),
    ("type", Null),
    ("description", Null),
    ("label", Null),
    ("is_partition", False),
    ("type_params", Null),
    ("expr", Null),
    ("metadata", Null),
    ("config", Meta),
];
const TYPE_PARAMS: Shape = &[
    ("measure", Null),
    ("input_measures", List),
    ("numerator", Null),
    ("denominator", Null),
    ("expr", Null),
    ("window", Null),
    ("grain_to_date", Null),
    ("metrics", List),
    ("conversion_type_params", Null),
    ("cumulative_type_params", Null),
    ("metric_aggregation_params", Null),
];
const CUMULATIVE: Shape = &[("window", Null), ("grain_to_date", Null), ("period_agg", Null), ("metric", Null)];
const QUERY_PARAMS: Shape =
    &[("metrics", List), ("group_by", List), ("where", Null), ("order_by", List), ("limit", Null)];
const METRIC: Shape = &[
    ("description", Empty),
    ("label", Null),
    ("type", Null),
    ("type_params", Map),
    ("filter", Null),
    ("metadata", Null),
    ("time_granularity", Null),
    ("meta", Map),
    ("tags", List),
    ("config", Map),
    ("unrendered_config", Map),
    ("sources", List),
    ("depends_on", Null),
    ("refs", List),
    ("metrics", List),
    ("created_at", Null),
    ("group", Null),
];
const SEMANTIC_MODEL: Shape = &[
    ("model", Empty),
    ("node_relation", Null),
    ("description", Null),
    ("label", Null),
    ("defaults", Null),
    ("entities", List),
    ("measures", List),
    ("dimensions", List),
    ("metadata", Null),
    ("depends_on", Null),
    ("refs", List),
    ("created_at", Null),
    ("config", Map),
    ("unrendered_config", Map),
    ("primary_entity", Null),
    ("group", Null),
];
const SAVED_QUERY: Shape = &[
    ("query_params", Map),
    ("exports", List),
    ("description", Null),
    ("label", Null),
    ("metadata", Null),
    ("config", Map),
    ("unrendered_config", Map),
    ("group", Null),
    ("depends_on", Null),
    ("created_at", Null),
    ("refs", List),
    ("tags", List),
];
const IDENTITY: [&str; 7] = ["name", "resource_type", "package_name", "path", "original_file_path", "unique_id", "fqn"];

/// The entry of `manifest.json`.
pub fn manifest_entry(s: &Semantic, project: &Project) -> Dict {
    let written = crate::node::dict::semantic(s, project.info.created_at);
    let shape = match s.kind {
        ResourceType::Metric => METRIC,
        ResourceType::SemanticModel => SEMANTIC_MODEL,
        ResourceType::SavedQuery => SAVED_QUERY,
        _ => return written,
    };
    let mut d = Dict::new();
    for key in IDENTITY {
        d.insert(key.into(), written.get(key).cloned().unwrap_or_default());
    }
    d.extend(shaped(&Value::Map(written), shape));
    d.insert("group".into(), s.config.str("group").map(str::to_owned).into());
    match s.kind {
        ResourceType::Metric => metric(&mut d),
        ResourceType::SemanticModel => semantic_model(&mut d, s, project),
        _ => saved_query(&mut d, s, project),
    }
    d
}

/// Jinja's `graph`: the resources of the semantic layer are there in the same form as in `manifest.json`.
pub fn graph_dict(project: &Project) -> Dict {
    let mut graph = crate::node::dict::graph(project);
    for (section, kind) in [
        ("metrics", ResourceType::Metric),
        ("semantic_models", ResourceType::SemanticModel),
        ("saved_queries", ResourceType::SavedQuery),
    ] {
        let of_kind = project.semantics.iter().filter(|(_, s)| s.kind == kind);
        let entries: Dict = of_kind.map(|(id, s)| (id.to_string(), Value::Map(manifest_entry(s, project)))).collect();
        graph.insert(section.into(), Value::Map(entries));
    }
    graph
}

fn semantic_model(d: &mut Dict, s: &Semantic, project: &Project) {
    let node = s.depends_on.first().and_then(|id| project.nodes.get(id));
    if let Some(node) = node {
        let mut relation = Dict::new();
        relation.insert("alias".into(), node.alias.as_str().into());
        relation.insert("schema_name".into(), node.relation.schema.clone().into());
        relation.insert("database".into(), node.relation.database.clone().into());
        relation.insert("relation_name".into(), node.relation_name.clone().into());
        d.insert("node_relation".into(), Value::Map(relation));
    }
    for (key, shape) in [("entities", ENTITY), ("measures", MEASURE), ("dimensions", DIMENSION)] {
        each(d, key, |item| Value::Map(shaped(item, shape)));
    }
    each(d, "measures", |measure| {
        let mut measure = measure.as_map().cloned().unwrap_or_default();
        change(&mut measure, "non_additive_dimension", |v| match v {
            Value::Map(_) => Value::Map(shaped(v, NON_ADDITIVE)),
            other => other.clone(),
        });
        change(&mut measure, "agg_params", |v| match v {
            Value::Map(_) => Value::Map(shaped(v, AGG_PARAMS)),
            other => other.clone(),
        });
        // By now its metric is among the metrics.
        measure.insert("create_metric".into(), false.into());
        change(&mut measure, "expr", |v| if v.is_null() { Value::Null } else { v.to_string().into() });
        Value::Map(measure)
    });
    each(d, "dimensions", |dimension| {
        let mut dimension = dimension.as_map().cloned().unwrap_or_default();
        if let Some(Value::Map(params)) = dimension.get_mut("type_params") {
            params.entry("validity_params".into()).or_default();
        }
        Value::Map(dimension)
    });
}

fn metric(d: &mut Dict) {
    change(d, "filter", filter);
    let given = d.get("type_params").cloned().unwrap_or_default();
    let mut params = shaped(&given, TYPE_PARAMS);
    change(&mut params, "measure", |v| input(v, INPUT_MEASURE));
    each(&mut params, "input_measures", |v| input(v, INPUT_MEASURE));
    for key in ["numerator", "denominator"] {
        change(&mut params, key, |v| input(v, INPUT_METRIC));
    }
    each(&mut params, "metrics", |v| input(v, INPUT_METRIC));
    change(&mut params, "window", window);
    for (key, measures) in [("conversion_type_params", ["base_measure", "conversion_measure"])] {
        if let Some(Value::Map(inner)) = params.get_mut(key) {
            for measure in measures {
                change(inner, measure, |v| input(v, INPUT_MEASURE));
            }
            change(inner, "window", window);
        }
    }
    if d.get("type").and_then(Value::as_str) == Some("cumulative") {
        let mut inner = shaped(params.get("cumulative_type_params").unwrap_or(&Value::Null), CUMULATIVE);
        for key in ["window", "grain_to_date"] {
            if inner.get(key).is_none_or(Value::is_null) {
                inner.insert(key.into(), given.get(key).cloned().unwrap_or_default());
            }
        }
        change(&mut inner, "window", window);
        change(&mut inner, "metric", |v| input(v, INPUT_METRIC));
        if inner.get("period_agg").is_none_or(Value::is_null) {
            inner.insert("period_agg".into(), "first".into());
        }
        params.insert("cumulative_type_params".into(), Value::Map(inner));
    } else {
        params.insert("cumulative_type_params".into(), Value::Null);
    }
    change(&mut params, "expr", |v| if v.is_null() { Value::Null } else { v.to_string().into() });
    d.insert("type_params".into(), Value::Map(params));
}

fn saved_query(d: &mut Dict, s: &Semantic, project: &Project) {
    let mut params = shaped(d.get("query_params").unwrap_or(&Value::Null), QUERY_PARAMS);
    change(&mut params, "where", filter);
    d.insert("query_params".into(), Value::Map(params));
    let schema = s.config.str("schema");
    each(d, "exports", |export| {
        let given = export.get("config").and_then(Value::as_map).cloned().unwrap_or_default();
        let mut config = Dict::new();
        let export_as = given.get("export_as").cloned().or_else(|| s.config.get("export_as").cloned());
        config.insert("export_as".into(), export_as.unwrap_or_default());
        let name = export.get("name").cloned().unwrap_or_default();
        let said = |key: &str| given.get(key).filter(|value| !value.is_null()).cloned();
        // What nothing is said of is where a node without configs would be.
        let target = |key: &str| project.info.target.get(key).cloned().unwrap_or_default();
        let written = said("schema_name").or_else(|| said("schema")).or_else(|| schema.map(Value::from));
        config.insert("schema_name".into(), written.unwrap_or_else(|| target("schema")));
        config.insert("alias".into(), said("alias").unwrap_or_else(|| name.clone()));
        config.insert("database".into(), said("database").unwrap_or_else(|| target("database")));
        let mut d = Dict::new();
        d.insert("name".into(), name);
        d.insert("config".into(), Value::Map(config));
        d.insert("unrendered_config".into(), Value::Map(given));
        Value::Map(d)
    });
}

/// The entry of `semantic_manifest.json`: the manifest's without what belongs to dbt alone.
pub(super) fn semantic_manifest_entry(s: &Semantic, project: &Project) -> Dict {
    let full = manifest_entry(s, project);
    let keys: &[&str] = match s.kind {
        ResourceType::Metric => {
            &["name", "description", "type", "type_params", "filter", "metadata", "label", "config", "time_granularity"]
        }
        ResourceType::SemanticModel => &[
            "name",
            "defaults",
            "description",
            "node_relation",
            "primary_entity",
            "entities",
            "measures",
            "dimensions",
            "label",
            "metadata",
            "config",
        ],
        _ => &["name", "query_params", "description", "metadata", "label", "exports", "tags"],
    };
    let mut d = Dict::new();
    for key in keys {
        d.insert((*key).into(), full.get(*key).cloned().unwrap_or_default());
    }
    for key in ["entities", "measures"] {
        each(&mut d, key, |element| {
            let mut element = element.as_map().cloned().unwrap_or_default();
            element.entry("metadata".into()).or_default();
            Value::Map(element)
        });
    }
    if let Some(Value::Map(params)) = d.get_mut("type_params") {
        params.shift_remove("metric_aggregation_params");
    }
    if d.contains_key("config") {
        let meta = full.get("config").and_then(|c| c.get("meta")).cloned();
        let mut config = Dict::new();
        config.insert("meta".into(), meta.unwrap_or_else(|| Map.value()));
        d.insert("config".into(), Value::Map(config));
    }
    d
}

/// A dict with exactly the keys of a shape; null counts as not written.
fn shaped(given: &Value, shape: Shape) -> Dict {
    let value = |key: &str, default: Fill| match given.get(key) {
        None | Some(Value::Null) => default.value(),
        Some(value) => value.clone(),
    };
    shape.iter().map(|(key, default)| ((*key).to_owned(), value(key, *default))).collect()
}

/// A measure or metric by name alone, or in full.
fn input(given: &Value, shape: Shape) -> Value {
    let map = match given {
        Value::Null => return Value::Null,
        Value::Map(_) => given.clone(),
        name => Value::Map([("name".to_owned(), name.clone())].into_iter().collect()),
    };
    let mut d = shaped(&map, shape);
    change(&mut d, "filter", filter);
    change(&mut d, "offset_window", window);
    Value::Map(d)
}

/// One condition or several, as a list of templates.
fn filter(given: &Value) -> Value {
    let conditions: Vec<Value> = match given {
        Value::Null => return Value::Null,
        Value::Map(_) => return given.clone(),
        Value::List(items) => items.clone(),
        one => vec![one.clone()],
    };
    let wrap = |sql: Value| Value::Map([("where_sql_template".to_owned(), sql)].into_iter().collect());
    let list = Value::List(conditions.into_iter().map(wrap).collect());
    Value::Map([("where_filters".to_owned(), list)].into_iter().collect())
}

/// `7 days` as count and granularity.
fn window(given: &Value) -> Value {
    let Some((count, unit)) = given.as_str().and_then(|s| s.trim().split_once(' ')) else { return given.clone() };
    let Ok(count) = count.parse::<i64>() else { return given.clone() };
    let unit = unit.trim().to_lowercase();
    let mut d = Dict::new();
    d.insert("count".into(), count.into());
    d.insert("granularity".into(), unit.strip_suffix('s').unwrap_or(&unit).into());
    Value::Map(d)
}

fn change(d: &mut Dict, key: &str, f: impl Fn(&Value) -> Value) {
    if let Some(value) = d.get_mut(key) {
        *value = f(value);
    }
}

fn each(d: &mut Dict, key: &str, f: impl Fn(&Value) -> Value) {
    if let Some(Value::List(items)) = d.get_mut(key) {
        for item in items {
            *item = f(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_spelled_out() {
        assert_eq!(window(&"7 days".into()).to_json().to_string(), r#"{"count":7,"granularity":"day"}"#);
        assert_eq!(
            input(&"amount".into(), INPUT_MEASURE).to_json().to_string(),
            r#"{"name":"amount","filter":null,"alias":null,"join_to_timespine":false,"fill_nulls_with":null}"#
        );
        assert_eq!(
            filter(&"x > 1".into()).to_json().to_string(),
            r#"{"where_filters":[{"where_sql_template":"x > 1"}]}"#
        );
        assert_eq!(filter(&Value::Null), Value::Null);
    }
}
