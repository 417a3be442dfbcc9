//! dbt's names and what they are, without macros.
//!
//! In: a name and the state of a render. Out: its value, if the render's surface has the name.

use std::sync::Arc;

use minijinja::value::Value;

use crate::base::{self, Dict};
use crate::diag::{Diagnostic, codes, warnings};
use crate::jinja::modules::{Hear, modules_heard};
use crate::node::{Language, ResourceType};

use super::adapter::AdapterObject;
use super::builtins::{ApiObject, BuiltinsObject};
use super::column::ColumnClass;
use super::config::ConfigObject;
use super::core::{Core, Surface};
use super::exceptions::{ExceptionsObject, warn};
use super::flags::FlagsObject;
use super::function::{Body, ContextFunction};
use super::functions::{self, ValidationObject};
use super::relation::RelationObject;
use super::var::{VarObject, env_var};
use super::{refs, statement};

/// Names of every surface.
const BASE: &[&str] = &[
    "var",
    "env_var",
    "dbt_version",
    "invocation_id",
    "run_started_at",
    "thread_id",
    "flags",
    "log",
    "print",
    "builtins",
    "debug",
];

/// Names that need a profile.
const CONFIGURED: &[&str] = &["target", "project_name"];

/// Names of nodes, macros and hooks.
const NODE: &[&str] = &[
    "ref",
    "source",
    "metric",
    "function",
    "config",
    "this",
    "env",
    "model",
    "graph",
    "schema",
    "database",
    "execute",
    "adapter",
    "api",
    "column",
    "exceptions",
    "validation",
    "store_result",
    "store_raw_result",
    "load_result",
    "load_agate_table",
    "render",
    "write",
    "submit_python_job",
    "try_or_compiler_error",
    "adapter_macro",
    "dbt_metadata_envs",
    "invocation_args_dict",
    "selected_resources",
    "pre_hooks",
    "post_hooks",
    "sql",
    "compiled_code",
    "sql_now",
    "context_macro_stack",
    "defer_relation",
];

/// Functions by name.
const FUNCTIONS: &[(&str, Body)] = &[
    ("ref", refs::reference),
    ("source", refs::source),
    ("function", refs::function),
    ("metric", refs::metric),
    ("env_var", env_var),
    ("log", functions::log),
    ("print", functions::print),
    ("debug", functions::debug),
    ("doc", functions::doc),
    ("render", functions::render),
    ("write", functions::write),
    ("submit_python_job", functions::submit_python_job),
    ("try_or_compiler_error", functions::try_or_compiler_error),
    ("adapter_macro", functions::adapter_macro),
    ("context_macro_stack", functions::context_macro_stack),
    ("store_result", statement::store_result),
    ("store_raw_result", statement::store_raw_result),
    ("load_result", statement::load_result),
    ("load_agate_table", statement::load_agate_table),
];

/// The names that a render's surface has.
pub(super) fn names(core: &Core) -> Vec<&'static str> {
    if core.surface == Surface::Block {
        return Vec::new();
    }
    let library: Vec<&str> = core.shared.library.keys().copied().collect();
    let configured = if core.surface == Surface::Secret { &[][..] } else { CONFIGURED };
    let node = if core.surface == Surface::Node { NODE } else { &[][..] };
    let docs = if core.surface == Surface::Docs { &["doc"][..] } else { &[][..] };
    [BASE, &library, configured, node, docs].concat()
}

pub(super) fn has_name(core: &Core, name: &str) -> bool {
    core.surface != Surface::Block
        && (BASE.contains(&name)
            || (core.surface != Surface::Secret && CONFIGURED.contains(&name))
            || (core.surface == Surface::Node && NODE.contains(&name))
            || (core.surface == Surface::Docs && name == "doc"))
}

/// A name of dbt's context, whatever macros there are.
pub(super) fn builtin(core: &Arc<Core>, name: &str) -> Option<Value> {
    if core.surface == Surface::Block {
        return None;
    }
    if let Some(value) = core.shared.library.get(name) {
        return Some(if name == "modules" { modules(core) } else { value.clone() });
    }
    if !has_name(core, name) {
        return None;
    }
    if let Some((name, body)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Some(ContextFunction::value(name, core, *body));
    }
    invocation_value(core, name).or_else(|| node_value(core, name))
}

/// `modules`, which tells of its deprecated part.
fn modules(core: &Arc<Core>) -> Value {
    let core = Arc::clone(core);
    modules_heard(
        &(Arc::new(move || {
            let message = "`modules.itertools` is deprecated: newer versions of dbt will not have it";
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::MODULES_ITERTOOLS_USAGE_DEPRECATION)
                .help("use Jinja's own loops and filters");
            warn(&core, problem).map(|_| ())
        }) as Hear),
    )
}

/// Values that are the same for every node of an invocation.
fn invocation_value(core: &Arc<Core>, name: &str) -> Option<Value> {
    let shared = &core.shared;
    let dict = |map: &Dict| super::to_value(&base::Value::Map(map.clone()));
    Some(match name {
        "var" => Value::from_object(VarObject(Arc::clone(core))),
        "builtins" => Value::from_object(BuiltinsObject(Arc::clone(core))),
        "flags" => Value::from_object(FlagsObject(Arc::clone(shared))),
        "target" | "env" => core.target.get_or_init(|| dict(&shared.target)).clone(),
        "project_name" => Value::from(shared.project_name.as_str()),
        "dbt_version" => Value::from(shared.dbt_version.as_str()),
        "invocation_id" => Value::from(shared.invocation_id.as_str()),
        "run_started_at" => super::to_value(&base::Value::TimestampTz(shared.run_started_at.fixed_offset())),
        "thread_id" => Value::from(std::thread::current().name().unwrap_or("MainThread")),
        "dbt_metadata_envs" => dict(&shared.metadata_envs),
        "invocation_args_dict" => dict(&shared.invocation_args),
        "selected_resources" => super::list(shared.selected_resources().into_iter().map(Value::from)),
        "sql_now" => Value::from(shared.adapter.now_sql.as_str()),
        "graph" => shared.graph_value(),
        _ => return None,
    })
}

/// Values of the node.
fn node_value(core: &Arc<Core>, name: &str) -> Option<Value> {
    let facts = &core.facts;
    let text = |part: Option<&String>| part.map_or(Value::from(()), |t| Value::from(t.as_str()));
    Some(match name {
        "execute" => {
            core.introspects();
            Value::from(core.executes())
        }
        "config" => Value::from_object(ConfigObject(Arc::clone(core))),
        "adapter" => Value::from_object(AdapterObject(Arc::clone(core))),
        "exceptions" => Value::from_object(ExceptionsObject(Arc::clone(core))),
        "validation" => Value::from_object(ValidationObject(Arc::clone(core))),
        "column" => Value::from_object(ColumnClass),
        "api" => Value::from_object(ApiObject(Arc::clone(core))),
        "this" => this(core),
        "defer_relation" => match facts.id.as_ref().and_then(|id| core.shared.deferred(id)) {
            Some(there) => RelationObject::from_resolved(there, core.shared.adapter.subquery_alias).into_value(),
            None => Value::from(()),
        },
        "model" => model_value(core),
        "database" => facts.relation.as_ref().and_then(|r| r.database.as_ref()).map_or_else(
            || Value::from(core.shared.adapter.default_database.as_str()),
            |database| Value::from(database.as_str()),
        ),
        "schema" => facts.relation.as_ref().and_then(|r| r.schema.as_ref()).map_or_else(
            || Value::from(core.shared.adapter.default_schema.as_str()),
            |schema| Value::from(schema.as_str()),
        ),
        "compiled_code" => text(facts.compiled.as_ref()),
        "sql" => text(facts.compiled.as_ref().filter(|_| facts.language != Some(Language::Python))),
        "pre_hooks" => hooks(core, "pre-hook"),
        "post_hooks" => hooks(core, "post-hook"),
        _ => return None,
    })
}

fn this(core: &Core) -> Value {
    if let Some(overrides) = &core.overrides {
        return overrides.this.as_ref().map_or(Value::from(()), |cte| Value::from(cte.as_str()));
    }
    match &core.facts.relation {
        Some(_) => core.own_relation().into_value(),
        None => Value::from(()),
    }
}

/// `model`: made once per render, so that changes to it stay.
pub(super) fn model_value(core: &Core) -> Value {
    core.model.get_or_init(|| super::to_value(&base::Value::Map(core.facts.model_dict()))).clone()
}

/// Hooks as dicts `{sql, transaction}`; none for macros, an empty list for what never has hooks.
fn hooks(core: &Core, key: &str) -> Value {
    match core.facts.resource_type {
        None | Some(ResourceType::Macro) => return Value::from(()),
        Some(ResourceType::Source | ResourceType::Test | ResourceType::UnitTest) => return super::list([]),
        Some(_) => {}
    }
    let items = match core.facts.config.get(key) {
        Some(base::Value::List(items)) => items.clone(),
        None | Some(base::Value::Null) => Vec::new(),
        Some(single) => vec![single.clone()],
    };
    super::list(items.iter().map(|item| super::to_value(&base::Value::Map(hook(item)))))
}

/// A hook as a dict: text, JSON text or a mapping.
fn hook(item: &base::Value) -> Dict {
    let given = match item {
        base::Value::Map(map) => map.clone(),
        base::Value::Str(text) => {
            match serde_json::from_str::<serde_json::Value>(text).map(|j| base::Value::from_json(&j)) {
                Ok(base::Value::Map(map)) if map.contains_key("sql") => map,
                _ => [("sql".to_owned(), item.clone())].into_iter().collect(),
            }
        }
        other => [("sql".to_owned(), other.to_string().into())].into_iter().collect(),
    };
    let mut hook = Dict::new();
    hook.insert("sql".into(), given.get("sql").cloned().unwrap_or_default());
    hook.insert("transaction".into(), given.get("transaction").cloned().unwrap_or(base::Value::Bool(true)));
    if let Some(index) = given.get("index") {
        hook.insert("index".into(), index.clone());
    }
    hook
}
