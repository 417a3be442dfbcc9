//! dbt's dict form of every resource: what Jinja sees as `model` and `graph`, and what the manifest holds.
//!
//! In: the structs of this room. Out: [`Dict`]s with the keys and key order of dbt-core 1.11's artifact classes
//! (`core/dbt/artifacts/resources/v1`), every key present (null where unset).

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::base::{Dict, NodeId, Value};

use super::{
    Detail, Disabled, Doc, Exposure, Group, ModelDetail, Node, RefCall, ResourceType, Semantic, Source, UnitTest,
};

/// What compiling adds to a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompiledCode {
    /// Final SQL with ephemeral parents inlined.
    pub code: String,
    /// Path of the written file relative to the project.
    pub path: Option<String>,
    /// Inlined parents: unique id and the CTE's text.
    pub extra_ctes: Vec<(String, String)>,
    /// What the foreign keys of the node point to, as written and as relation.
    pub foreign_keys: Vec<(String, String)>,
    /// Whether it is that of a hook that ran.
    pub ran: bool,
}

fn strings(items: &[String]) -> Value {
    Value::List(items.iter().map(|s| Value::Str(s.clone())).collect())
}

fn ids(items: &[NodeId]) -> Value {
    Value::List(items.iter().map(|id| Value::Str(id.to_string())).collect())
}

/// `docs` with its defaults.
pub fn docs(given: &Dict) -> Value {
    let mut d = Dict::new();
    d.insert("show".into(), given.get("show").cloned().unwrap_or(Value::Bool(true)));
    d.insert("node_color".into(), given.get("node_color").cloned().unwrap_or_default());
    Value::Map(d)
}

/// Calls of `ref`, as the manifest lists them.
pub fn refs(calls: &[RefCall]) -> Value {
    let one = |call: &RefCall| {
        let mut d = Dict::new();
        d.insert("name".into(), call.name.as_str().into());
        d.insert("package".into(), call.package.clone().into());
        d.insert("version".into(), call.version.clone());
        Value::Map(d)
    };
    Value::List(calls.iter().map(one).collect())
}

fn depends_on(macros: &[String], nodes: &[NodeId]) -> Value {
    let mut d = Dict::new();
    d.insert("macros".into(), strings(macros));
    d.insert("nodes".into(), ids(nodes));
    Value::Map(d)
}

fn source_pairs(pairs: &[(String, String)]) -> Value {
    Value::List(pairs.iter().map(|(a, b)| Value::from(vec![a.as_str(), b.as_str()])).collect())
}

/// `tags` of the config; a run hook has the name of its phase too.
fn tags(n: &Node) -> Value {
    if let Detail::Operation { index: Some(_) } = n.detail {
        for phase in ["on-run-start", "on-run-end"] {
            if n.name.contains(&format!("-{phase}-")) {
                let tags: Vec<&str> = std::iter::once(phase).chain(n.tags()).collect();
                return tags.into();
            }
        }
    }
    n.tags().into()
}

/// A node's config. `begin` is a moment, however it is written.
fn config(n: &Node) -> Dict {
    let mut config = n.config.0.clone();
    if let Some(begin) = config.get_mut("begin").filter(|begin| !begin.is_null()) {
        let text = begin.to_string().replacen('T', " ", 1);
        let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
        if let Ok(at) = day.or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")) {
            *begin = at.format("%Y-%m-%dT%H:%M:%S%.f").to_string().into();
        }
    }
    config
}

/// A node's dict. `compiled` adds what compiling made.
pub fn node(n: &Node, compiled: Option<&CompiledCode>) -> Dict {
    let mut d = Dict::new();
    if let Some(function) = n.function() {
        d.insert("returns".into(), Value::Map(function.returns.clone()));
    }
    d.insert("database".into(), n.relation.database.clone().into());
    d.insert("schema".into(), n.relation.schema.clone().into());
    d.insert("name".into(), n.name.as_str().into());
    d.insert("resource_type".into(), n.resource_type.as_str().into());
    d.insert("package_name".into(), n.package.as_str().into());
    d.insert("path".into(), n.path.as_str().into());
    d.insert("original_file_path".into(), n.original_path.as_str().into());
    d.insert("unique_id".into(), n.id.as_str().into());
    d.insert("fqn".into(), strings(&n.fqn));
    d.insert("alias".into(), n.alias.as_str().into());
    let mut checksum = Dict::new();
    checksum.insert("name".into(), n.checksum.name.as_str().into());
    checksum.insert("checksum".into(), n.checksum.checksum.as_str().into());
    d.insert("checksum".into(), checksum.into());
    d.insert("config".into(), Value::Map(config(n)));
    d.insert("tags".into(), tags(n));
    d.insert("description".into(), n.description.as_str().into());
    let columns: Dict = n.columns.iter().map(|(name, c)| (name.clone(), Value::Map(c.to_dict()))).collect();
    d.insert("columns".into(), columns.into());
    d.insert("meta".into(), n.config.map("meta").cloned().unwrap_or_default().into());
    d.insert("group".into(), n.group().map(str::to_owned).into());
    d.insert("docs".into(), docs(n.config.map("docs").unwrap_or(&Dict::new())));
    d.insert("patch_path".into(), n.patch.as_ref().map(|p| p.path.clone()).into());
    d.insert("build_path".into(), Value::Null);
    d.insert("unrendered_config".into(), Value::Map(n.unrendered_config.clone()));
    d.insert("created_at".into(), n.created_at.into());
    d.insert("relation_name".into(), n.relation_name.clone().into());
    // dbt strips files, not the text between the tags of a snapshot block.
    let text = n.template.text();
    let raw_code = if n.resource_type == ResourceType::Snapshot { text } else { text.trim() };
    d.insert("raw_code".into(), raw_code.into());
    d.insert("doc_blocks".into(), strings(&n.doc_blocks));
    if let Detail::Seed { root_path } = &n.detail {
        d.insert("root_path".into(), root_path.as_str().into());
        let mut only_macros = Dict::new();
        only_macros.insert("macros".into(), strings(&n.depends_on_macros));
        d.insert("depends_on".into(), only_macros.into());
        return d;
    }
    d.insert("language".into(), n.language.as_str().into());
    d.insert("refs".into(), refs(&n.refs));
    d.insert("sources".into(), source_pairs(&n.sources));
    d.insert("metrics".into(), Value::List(n.metrics.iter().map(|m| Value::from(vec![m.as_str()])).collect()));
    d.insert("functions".into(), Value::List(n.functions.iter().map(|call| strings(call)).collect()));
    d.insert("depends_on".into(), depends_on(&n.depends_on_macros, &n.depends_on));
    d.insert("compiled_path".into(), compiled.and_then(|c| c.path.clone()).into());
    if let Some(c) = compiled {
        d.insert("compiled".into(), true.into());
        d.insert("compiled_code".into(), c.code.as_str().into());
        d.insert("extra_ctes_injected".into(), true.into());
        let ctes = c.extra_ctes.iter().map(|(id, sql)| {
            let mut cte = Dict::new();
            cte.insert("id".into(), id.as_str().into());
            cte.insert("sql".into(), sql.as_str().into());
            Value::Map(cte)
        });
        d.insert("extra_ctes".into(), Value::List(ctes.collect()));
    }
    let mut contract = Dict::new();
    let given = n.config.map("contract");
    let key = |k: &str, default: bool| given.and_then(|c| c.get(k)).and_then(Value::as_bool).unwrap_or(default);
    contract.insert("enforced".into(), key("enforced", false).into());
    contract.insert("alias_types".into(), key("alias_types", true).into());
    contract.insert("checksum".into(), super::contract::checksum(n).into());
    d.insert("contract".into(), contract.into());
    insert_detail(&mut d, n, compiled.is_some_and(|c| c.ran));
    for (written, relation) in compiled.map(|c| c.foreign_keys.as_slice()).unwrap_or_default() {
        point_to(&mut d, written, relation);
    }
    d
}

/// Puts the relation in place of the call in a node's foreign keys.
fn point_to(d: &mut Dict, written: &str, relation: &str) {
    let replace = |constraints: Option<&mut Value>| {
        let Some(Value::List(constraints)) = constraints else { return };
        let targets = constraints.iter_mut().filter_map(|c| if let Value::Map(c) = c { c.get_mut("to") } else { None });
        for target in targets.filter(|to| to.as_str() == Some(written)) {
            *target = relation.into();
        }
    };
    replace(d.get_mut("constraints"));
    if let Some(Value::Map(columns)) = d.get_mut("columns") {
        for column in columns.values_mut() {
            if let Value::Map(column) = column {
                replace(column.get_mut("constraints"));
            }
        }
    }
}

fn insert_detail(d: &mut Dict, n: &Node, ran: bool) {
    match &n.detail {
        Detail::Model(m) => insert_model(d, m),
        Detail::Test(generic) => {
            let Some(g) = generic else { return };
            d.insert("column_name".into(), g.column_name.clone().into());
            d.insert("file_key_name".into(), g.file_key_name.as_str().into());
            d.insert("attached_node".into(), g.attached_node.as_ref().map(|id| id.as_str().to_owned()).into());
            let mut metadata = Dict::new();
            metadata.insert("name".into(), g.name.as_str().into());
            metadata.insert("kwargs".into(), Value::Map(g.kwargs.clone()));
            metadata.insert("namespace".into(), g.namespace.clone().into());
            d.insert("test_metadata".into(), metadata.into());
        }
        Detail::Function(function) => {
            let arguments = function.arguments.iter().cloned().map(Value::Map);
            d.insert("arguments".into(), Value::List(arguments.collect()));
        }
        Detail::Operation { index: Some(index) } => {
            // dbt counts from zero, and from one once the hook has run.
            let index = index.saturating_sub(usize::from(!ran));
            d.insert("index".into(), Value::Int(i128::try_from(index).unwrap_or_default()));
        }
        Detail::Operation { index: None } | Detail::Seed { .. } | Detail::Snapshot | Detail::Analysis => {}
    }
}

fn insert_model(d: &mut Dict, m: &ModelDetail) {
    d.insert("access".into(), m.access.as_str().into());
    let constraints = m.constraints.iter().map(|c| {
        let mut constraint = c.to_dict();
        constraint.entry("columns".into()).or_insert_with(|| Value::List(Vec::new()));
        Value::Map(constraint)
    });
    d.insert("constraints".into(), Value::List(constraints.collect()));
    d.insert("version".into(), m.version.clone());
    d.insert("latest_version".into(), m.latest_version.clone());
    d.insert("deprecation_date".into(), m.deprecation_date.clone());
    d.insert("primary_key".into(), strings(&m.primary_key));
    d.insert("time_spine".into(), m.time_spine.clone());
}

/// A source's dict.
pub fn source(s: &Source, created_at: f64) -> Dict {
    let mut d = Dict::new();
    d.insert("database".into(), s.relation.database.clone().into());
    d.insert("schema".into(), s.relation.schema.clone().into());
    d.insert("name".into(), s.name.as_str().into());
    d.insert("resource_type".into(), "source".into());
    d.insert("package_name".into(), s.package.as_str().into());
    d.insert("path".into(), s.original_path.as_str().into());
    d.insert("original_file_path".into(), s.original_path.as_str().into());
    d.insert("unique_id".into(), s.id.as_str().into());
    d.insert("fqn".into(), strings(&s.fqn));
    d.insert("source_name".into(), s.source_name.as_str().into());
    d.insert("source_description".into(), s.source_description.as_str().into());
    d.insert("loader".into(), s.loader.as_str().into());
    d.insert("identifier".into(), s.relation.identifier.clone().into());
    d.insert("quoting".into(), Value::Map(s.quoting.clone()));
    d.insert("loaded_at_field".into(), s.loaded_at_field.clone().into());
    d.insert("loaded_at_query".into(), s.loaded_at_query.clone().into());
    d.insert("freshness".into(), s.freshness.clone());
    d.insert("external".into(), s.external.clone());
    d.insert("description".into(), s.description.as_str().into());
    let columns: Dict = s.columns.iter().map(|(name, c)| (name.clone(), Value::Map(c.to_dict()))).collect();
    d.insert("columns".into(), columns.into());
    d.insert("meta".into(), s.meta.clone().into());
    d.insert("source_meta".into(), s.source_meta.clone().into());
    d.insert("tags".into(), strings(&s.tags));
    d.insert("config".into(), Value::Map(s.config.0.clone()));
    d.insert("patch_path".into(), s.patch_path.clone().into());
    d.insert("unrendered_config".into(), Value::Map(s.unrendered_config.clone()));
    d.insert("relation_name".into(), s.relation_name.as_str().into());
    d.insert("created_at".into(), created_at.into());
    d.insert("unrendered_database".into(), s.unrendered_database.clone().into());
    d.insert("unrendered_schema".into(), s.unrendered_schema.clone().into());
    d.insert("doc_blocks".into(), strings(&s.doc_blocks));
    d
}

/// An exposure's dict.
pub fn exposure(e: &Exposure, created_at: f64) -> Dict {
    let mut d = Dict::new();
    d.insert("name".into(), e.name.as_str().into());
    d.insert("resource_type".into(), "exposure".into());
    d.insert("package_name".into(), e.package.as_str().into());
    d.insert("path".into(), e.path.as_str().into());
    d.insert("original_file_path".into(), e.original_path.as_str().into());
    d.insert("unique_id".into(), e.id.as_str().into());
    d.insert("fqn".into(), strings(&e.fqn));
    for (key, default) in [
        ("type", Value::Null),
        ("owner", Value::Null),
        ("description", Value::from("")),
        ("label", Value::Null),
        ("maturity", Value::Null),
        ("meta", Value::Map(Dict::new())),
        ("tags", Value::List(Vec::new())),
    ] {
        let given = e.fields.get(key).cloned().unwrap_or(default);
        let value = match (key, given.as_map()) {
            ("owner", Some(given)) => owner(given),
            _ => given,
        };
        d.insert(key.into(), value);
    }
    d.insert("config".into(), Value::Map(e.config.0.clone()));
    d.insert("unrendered_config".into(), Value::Map(e.unrendered_config.clone()));
    d.insert("url".into(), e.fields.get("url").cloned().unwrap_or_default());
    d.insert("depends_on".into(), depends_on(&[], &e.depends_on));
    d.insert("refs".into(), refs(&e.refs));
    d.insert("sources".into(), source_pairs(&e.sources));
    d.insert("metrics".into(), Value::List(e.metrics.iter().map(|m| Value::from(vec![m.as_str()])).collect()));
    d.insert("created_at".into(), created_at.into());
    d
}

/// A unit test's dict.
pub fn unit_test(u: &UnitTest, created_at: f64) -> Dict {
    let fixture = |f: &super::Fixture, with_input: bool| {
        let mut d = Dict::new();
        if with_input {
            d.insert("input".into(), f.input.as_str().into());
        }
        d.insert("rows".into(), f.rows.clone());
        d.insert("format".into(), f.format.as_str().into());
        d.insert("fixture".into(), f.fixture.clone().into());
        Value::Map(d)
    };
    let mut d = Dict::new();
    d.insert("model".into(), u.model.as_str().into());
    d.insert("given".into(), Value::List(u.given.iter().map(|f| fixture(f, true)).collect()));
    d.insert("expect".into(), fixture(&u.expect, false));
    d.insert("name".into(), u.name.as_str().into());
    d.insert("resource_type".into(), "unit_test".into());
    d.insert("package_name".into(), u.package.as_str().into());
    d.insert("path".into(), u.path.as_str().into());
    d.insert("original_file_path".into(), u.original_path.as_str().into());
    d.insert("unique_id".into(), u.id.as_str().into());
    d.insert("fqn".into(), strings(&u.fqn));
    d.insert("description".into(), u.description.as_str().into());
    d.insert("overrides".into(), overrides(&u.overrides));
    // dbt names the tested model alone; the inputs are parents of the test only while it runs.
    d.insert("depends_on".into(), depends_on(&[], std::slice::from_ref(&u.tested_node)));
    d.insert("config".into(), Value::Map(u.config.0.clone()));
    d.insert("checksum".into(), u.checksum.checksum.as_str().into());
    d.insert("schema".into(), Value::Null);
    d.insert("created_at".into(), created_at.into());
    d.insert("versions".into(), Value::Null);
    d.insert("version".into(), u.version.clone());
    d
}

/// A unit test's overrides; with one kind all are there.
fn overrides(given: &Dict) -> Value {
    if given.is_empty() {
        return Value::Null;
    }
    let kinds = ["macros", "vars", "env_vars"].map(|kind| {
        let own = given.get(kind).filter(|v| !v.is_null()).cloned();
        (kind.to_owned(), own.unwrap_or_else(|| Value::Map(Dict::new())))
    });
    Value::Map(Dict::from_iter(kinds))
}

/// An owner: address and name are always there.
fn owner(given: &Dict) -> Value {
    let known = ["email", "name"].map(|key| (key.to_owned(), given.get(key).cloned().unwrap_or_default()));
    let mut all = Dict::from_iter(known);
    all.extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
    Value::Map(all)
}

/// `staging/schema.yml` for `models/staging/schema.yml`: dbt's `path` is relative to the resource folder.
fn below_first_folder(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// A group's dict.
pub fn group(g: &Group) -> Dict {
    let mut d = Dict::new();
    d.insert("name".into(), g.name.as_str().into());
    d.insert("resource_type".into(), "group".into());
    d.insert("package_name".into(), g.package.as_str().into());
    d.insert("path".into(), below_first_folder(&g.original_path).into());
    d.insert("original_file_path".into(), g.original_path.as_str().into());
    d.insert("unique_id".into(), g.unique_id.as_str().into());
    d.insert("owner".into(), owner(&g.owner));
    d.insert("description".into(), g.fields.get("description").cloned().unwrap_or_default());
    let mut config = Dict::new();
    let meta = g.fields.get("config").and_then(|c| c.get("meta")).cloned();
    config.insert("meta".into(), meta.unwrap_or(Value::Map(Dict::new())));
    d.insert("config".into(), config.into());
    d
}

/// A docs block's dict.
pub fn doc(b: &Doc) -> Dict {
    let mut d = Dict::new();
    d.insert("name".into(), b.name.as_str().into());
    d.insert("resource_type".into(), "doc".into());
    d.insert("package_name".into(), b.package.as_str().into());
    d.insert("path".into(), below_first_folder(&b.original_path).into());
    d.insert("original_file_path".into(), b.original_path.as_str().into());
    d.insert("unique_id".into(), b.unique_id.as_str().into());
    d.insert("block_contents".into(), b.contents.as_str().into());
    d
}

/// A metric's, semantic model's, saved query's or function's dict: as written, with identity and parents.
pub fn semantic(s: &Semantic, created_at: f64) -> Dict {
    let mut d = s.fields.clone();
    d.insert("name".into(), s.name.as_str().into());
    d.insert("resource_type".into(), s.kind.as_str().into());
    d.insert("package_name".into(), s.package.as_str().into());
    d.insert("path".into(), below_first_folder(&s.original_path).into());
    d.insert("original_file_path".into(), s.original_path.as_str().into());
    d.insert("unique_id".into(), s.id.as_str().into());
    d.insert("fqn".into(), strings(&s.fqn));
    d.insert("config".into(), Value::Map(s.config.0.clone()));
    d.insert("depends_on".into(), depends_on(&[], &s.depends_on));
    d.insert("created_at".into(), created_at.into());
    d
}

/// The dict of a disabled resource.
pub fn disabled(d: &Disabled, created_at: f64) -> Dict {
    match d {
        Disabled::Node(n) => node(n, None),
        Disabled::Source(s) => source(s, created_at),
        Disabled::Exposure(e) => exposure(e, created_at),
        Disabled::Semantic(s) => semantic(s, created_at),
    }
}

/// Jinja's `graph`: everything but macros and docs, keyed by kind and unique id.
pub fn graph(project: &super::Project) -> Dict {
    let created = project.info.created_at;
    let mut d = Dict::new();
    let kind = |k: ResourceType| -> Dict {
        let of_kind = project.semantics.iter().filter(|(_, s)| s.kind == k);
        of_kind.map(|(id, s)| (id.to_string(), Value::Map(semantic(s, created)))).collect()
    };
    d.insert(
        "exposures".into(),
        project
            .exposures
            .iter()
            .map(|(id, e)| (id.to_string(), Value::Map(exposure(e, created))))
            .collect::<Dict>()
            .into(),
    );
    let nodes = |functions: bool| -> Dict {
        let wanted = project.nodes.iter().filter(|(_, n)| n.function().is_some() == functions);
        wanted.map(|(id, n)| (id.to_string(), Value::Map(node(n, None)))).collect()
    };
    d.insert("functions".into(), nodes(true).into());
    d.insert(
        "groups".into(),
        project.groups.iter().map(|(id, g)| (id.clone(), Value::Map(group(g)))).collect::<Dict>().into(),
    );
    d.insert("metrics".into(), kind(ResourceType::Metric).into());
    d.insert("nodes".into(), nodes(false).into());
    d.insert(
        "sources".into(),
        project.sources.iter().map(|(id, s)| (id.to_string(), Value::Map(source(s, created)))).collect::<Dict>().into(),
    );
    d.insert("semantic_models".into(), kind(ResourceType::SemanticModel).into());
    d.insert("saved_queries".into(), kind(ResourceType::SavedQuery).into());
    d.insert(
        "unit_tests".into(),
        project
            .unit_tests
            .iter()
            .map(|(id, u)| (id.to_string(), Value::Map(unit_test(u, created))))
            .collect::<Dict>()
            .into(),
    );
    d
}
