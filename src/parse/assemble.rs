//! From raw resources to nodes: captured calls, merged config, description, relation.
//!
//! In: a [`Raw`] or a [`TestDraft`] with its properties entry. Out: a finished [`Node`] whose parents are still names.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::{Dict, NodeId, Relation, Value};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes};
use crate::jinja::Engine;
use crate::jinja::context::{Captured, SharedContext};
use crate::load::{SourceTree, YamlNode};
use crate::node::{Column, Config, Detail, FunctionDetail, Language, ModelDetail, Node, Patch, ResourceType, Template};

use super::checks;
use super::columns::{columns, constraints};
use super::config::{ConfigSources, canonical, resolve, unrendered};
use super::config_call;
use super::docs::Docs;
use super::functions;
use super::generic_tests::{Target, TestDraft};
use super::host;
use super::names::{self, Defaults};
use super::node_color;
use super::patches::Entry;
use super::python;
use super::raw::{Raw, no_checksum};

/// Everything that assembling a node looks at and nothing changes.
pub struct Cx<'a> {
    /// The loaded project.
    pub tree: &'a SourceTree,
    /// Macros.
    pub engine: &'a Engine,
    /// The parse-time context.
    pub shared: &'a Arc<SharedContext>,
    /// Target defaults.
    pub defaults: Defaults,
    /// Seconds since 1970.
    pub created_at: f64,
    trees: HashMap<(String, &'static str), (Dict, Dict)>,
}

/// A model version that a properties entry declares.
#[derive(Clone, Debug)]
pub struct Version {
    /// `v`.
    pub v: Value,
    /// The version that an unpinned ref means.
    pub latest: Value,
    /// The entry under `versions:`.
    pub entry: Dict,
}

impl<'a> Cx<'a> {
    /// A context over a loaded project.
    pub fn new(tree: &'a SourceTree, engine: &'a Engine, shared: &'a Arc<SharedContext>, created_at: f64) -> Self {
        let mut trees = HashMap::new();
        for package in tree.all_packages() {
            for (key, node) in &package.config.trees {
                let raw = package.config.raw_tree(key).map(YamlNode::to_dict).unwrap_or_default();
                trees.insert((package.config.name.clone(), *key), (node.to_dict(), raw));
            }
        }
        let defaults = Defaults {
            database: shared.adapter.default_database.clone(),
            schema: shared.adapter.default_schema.clone(),
        };
        Self { tree, engine, shared, defaults, created_at, trees }
    }

    /// The root project's name.
    pub fn root(&self) -> &str {
        &self.tree.root.config.name
    }

    /// Whether a flag of the command line or the project is on; its name is in capitals.
    pub fn flag(&self, name: &str) -> bool {
        self.shared.flags.get(name).is_some_and(Value::is_truthy)
    }

    /// Whether `arguments:` of a generic test holds its arguments.
    pub fn nests_arguments(&self) -> bool {
        self.flag("REQUIRE_GENERIC_TEST_ARGUMENTS_PROPERTY")
    }

    /// The config trees of a package for a resource type: its own, and the root's if that is another; raw or rendered.
    pub fn trees(&self, package: &str, resource_type: ResourceType, raw: bool) -> (Option<&Dict>, Option<&Dict>) {
        let key = tree_key(resource_type);
        let of = |package: &str| {
            self.trees
                .get(&(package.to_owned(), key))
                .map(|(rendered, unrendered)| if raw { unrendered } else { rendered })
        };
        (of(package), if package == self.root() { None } else { of(self.root()) })
    }

    /// `state_modified_compare_more_unrendered_values`.
    fn compares_unrendered(&self) -> bool {
        let flag = self.shared.flags.get("STATE_MODIFIED_COMPARE_MORE_UNRENDERED_VALUES");
        flag.is_some_and(Value::is_truthy)
    }

    fn names(&self, node: &mut Node) -> Result<(), Diagnostic> {
        let call = |macro_name: &str, node: &Node, custom: Value| {
            let component = macro_name.trim_start_matches("generate_").trim_end_matches("_name");
            host::name_macro(self.engine, self.shared, component, node, custom)
        };
        names::apply(node, &self.defaults, &call)
    }
}

/// The key of dbt_project.yml that configures a resource type.
pub(super) fn tree_key(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Seed => "seeds",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Source => "sources",
        ResourceType::Test => "data_tests",
        ResourceType::UnitTest => "unit_tests",
        ResourceType::Exposure => "exposures",
        ResourceType::Metric => "metrics",
        ResourceType::SemanticModel => "semantic_models",
        ResourceType::SavedQuery => "saved_queries",
        ResourceType::Function => "functions",
        _ => "models",
    }
}

/// A node from a file, before its parents are known.
pub fn node(
    cx: &Cx<'_>,
    raw: &Raw,
    patch: Option<(&Entry, Option<Version>)>,
    docs: &mut Docs<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let mut node = draft(cx, raw, patch.as_ref());
    let properties = patch.as_ref().map(|(entry, version)| properties_config(entry, version.as_ref()));
    let mut call = raw.config.clone();
    let properties = properties.unwrap_or_default();
    node.config = merged(cx, &node, &properties, &call, false);
    let mut captured = Captured::default();
    if raw.resource_type != ResourceType::Seed {
        let found = match node.language {
            Language::Python if raw.resource_type == ResourceType::Model => {
                python::capture(&node.template.file, node.template.range.clone())
            }
            _ => {
                // The render may keep the node no longer than it takes: no copy is made.
                let lent = Arc::new(node);
                let found = host::capture(cx.engine, cx.shared, &lent);
                node = Arc::unwrap_or_clone(lent);
                found
            }
        };
        match found {
            Ok(found) => captured = found,
            Err(problem) => {
                // A disabled node may hold anything: dbt renders it too, so its own config() cannot save it, but the
                // project's config can.
                if node.config.enabled() {
                    diagnostics.push(problem.node(node.id.to_string()));
                    return None;
                }
            }
        }
    }
    call.extend(std::mem::take(&mut captured.config).into_iter().map(|(k, v)| (canonical(&k), v)));
    node.config = merged(cx, &node, &properties, &call, false);
    if raw.language == Language::Python
        && raw.resource_type == ResourceType::Model
        && !call.contains_key("materialized")
        && !properties.contains_key("materialized")
    {
        node.config.0.insert("materialized".into(), "table".into());
    }
    node.unrendered_config = unrendered_config(cx, &node, patch.as_ref(), properties, &call);
    node.config_call = call;
    if let Some((entry, version)) = &patch {
        describe(&mut node, entry, version.as_ref(), docs);
    }
    capture_hooks(cx, &node, &mut captured, diagnostics);
    super::contracts::calls(&node, &mut captured, diagnostics);
    if node.config.enabled() {
        super::contracts::check(&node, diagnostics);
    }
    take_calls(&mut node, captured);
    check_config(&node, patch.as_ref().map(|(entry, _)| *entry), diagnostics);
    finish(cx, node, diagnostics)
}

/// The config that state comparison looks at. Unless the project asks for more, only dbt_project.yml counts unrendered.
fn unrendered_config(
    cx: &Cx<'_>,
    node: &Node,
    patch: Option<&(&Entry, Option<Version>)>,
    mut properties: Dict,
    call: &Dict,
) -> Dict {
    if !cx.compares_unrendered() {
        return merged(cx, node, &properties, call, true).0;
    }
    if let Some((entry, version)) = patch {
        properties.extend(raw_properties_config(entry, version.as_ref()));
    }
    let written = config_call::as_written(node.template.text());
    let call = if written.is_empty() { call } else { &written };
    merged(cx, node, &properties, call, true).0
}

/// The node of a generic test.
pub fn generic_test(cx: &Cx<'_>, draft: TestDraft, diagnostics: &mut Diagnostics) -> Option<Node> {
    let file = SourceFile::made_from(draft.span.clone(), draft.raw_code.clone());
    let range = 0..draft.raw_code.len();
    let sources = |raw| {
        let (own, root) = cx.trees(&draft.package, ResourceType::Test, raw);
        ConfigSources { own, properties: None, call: Some(&draft.config), root }
    };
    let config = resolve(ResourceType::Test, &draft.fqn, sources(false));
    let unrendered_config = unrendered(&draft.fqn, sources(true));
    let mut node = Node {
        id: draft.unique_id,
        resource_type: ResourceType::Test,
        path: format!("{}.sql", draft.file_name),
        original_path: draft.original_path,
        fqn: draft.fqn,
        template: Template { file, range },
        checksum: no_checksum(),
        alias: draft.file_name,
        config,
        unrendered_config,
        config_call: draft.config,
        description: draft.description.as_str().unwrap_or_default().to_owned(),
        created_at: cx.created_at,
        name: draft.name,
        package: draft.package,
        detail: Detail::Test(Some(draft.generic.clone())),
        ..Node::blank()
    };
    check_severity(&node, &draft.span, diagnostics);
    check_materialized(&node, None, &draft.span, diagnostics);
    let registry = cx.engine.registry();
    let macro_name = format!("test_{}", draft.generic.name);
    let found = match &draft.generic.namespace {
        Some(namespace) => registry.find_in(namespace, &macro_name),
        None => registry.find_macro(&node.package, &macro_name),
    };
    let Some(found) = found else {
        diagnostics.push(unknown_test(cx, &draft.generic.name, draft.generic.namespace.as_deref(), &draft.span));
        node.refs.extend(target_ref(&draft.target));
        node.sources.extend(target_source(&draft.target));
        return finish(cx, node, diagnostics);
    };
    let entry = registry.entry(found);
    let builtin = registry.internal_packages().contains(&entry.package);
    if builtin && matches!(draft.generic.name.as_str(), "unique" | "not_null") {
        // Nothing in these two depends on more than the tested relation: rendering them would find just that.
        node.depends_on_macros = vec![entry.unique_id.clone()];
        node.refs.extend(target_ref(&draft.target));
        node.sources.extend(target_source(&draft.target));
        return finish(cx, node, diagnostics);
    }
    let lent = Arc::new(node);
    let found = host::capture_test(cx.engine, cx.shared, &lent, &draft.generic.kwargs);
    node = Arc::unwrap_or_clone(lent);
    match found {
        Ok(mut captured) => {
            configure_test(cx, &mut node, std::mem::take(&mut captured.config));
            take_calls(&mut node, captured);
        }
        Err(problem) => {
            let id = node.id.to_string();
            diagnostics.push(Diagnostic { span: Some(draft.span.clone()), ..problem }.node(id));
            return None;
        }
    }
    node.depends_on_macros.retain(|id| *id != entry.unique_id);
    node.depends_on_macros.insert(0, entry.unique_id.clone());
    finish(cx, node, diagnostics)
}

/// Adds what a generic test's macros say by `config()`, such as `fail_calc`; the test's own entry has the last word.
fn configure_test(cx: &Cx<'_>, node: &mut Node, said: Dict) {
    let mut call = node.config_call.clone();
    call.extend(said.into_iter().map(|(key, value)| (canonical(&key), value)));
    if call == node.config_call {
        return;
    }
    let sources = |raw| {
        let (own, root) = cx.trees(&node.package, ResourceType::Test, raw);
        ConfigSources { own, properties: None, call: Some(&call), root }
    };
    node.unrendered_config = unrendered(&node.fqn, sources(true));
    node.config = resolve(ResourceType::Test, &node.fqn, sources(false));
    node.config_call = call;
}

fn unknown_test(cx: &Cx<'_>, name: &str, namespace: Option<&str>, span: &Span) -> Diagnostic {
    let shown = namespace.map_or_else(|| name.to_owned(), |n| format!("{n}.{name}"));
    let problem =
        Diagnostic::warning(codes::TEST_NOT_FOUND, format!("no generic test is called '{shown}'")).at(span.clone());
    let registry = cx.engine.registry();
    if let Some(namespace) = namespace
        && registry.names_in(namespace).is_empty()
    {
        return problem.help(format!("the package '{namespace}' is not installed"));
    }
    let known: Vec<&str> = match namespace {
        Some(namespace) => registry.names_in(namespace),
        None => registry.visible_names(cx.root()),
    };
    let known: Vec<&str> = known.into_iter().filter_map(|n| n.strip_prefix("test_")).collect();
    match crate::diag::nearest(name, known).first() {
        Some(near) => problem.help(format!("did you mean '{near}'?")),
        None => problem.help(format!("write {{% test {name}(model, column_name) %}} in tests/generic or macros")),
    }
}

fn target_ref(target: &Target) -> Option<crate::node::RefCall> {
    match target {
        Target::Node { name, version } => {
            Some(crate::node::RefCall { package: None, name: name.clone(), version: version.clone() })
        }
        Target::Source { .. } => None,
    }
}

fn target_source(target: &Target) -> Option<(String, String)> {
    match target {
        Target::Source { source, table } => Some((source.clone(), table.clone())),
        Target::Node { .. } => None,
    }
}

fn draft(cx: &Cx<'_>, raw: &Raw, patch: Option<&(&Entry, Option<Version>)>) -> Node {
    let version = patch.and_then(|(_, v)| v.as_ref());
    let mut name = raw.name.clone();
    let mut fqn = raw.fqn.clone();
    let mut id = format!("{}.{}.{name}", raw.resource_type, raw.package);
    if let (Some((entry, _)), Some(version)) = (patch, version) {
        name.clone_from(&entry.name);
        id = format!("model.{}.{name}.v{}", raw.package, version.v);
        if let Some(last) = fqn.last_mut() {
            last.clone_from(&name);
        }
        fqn.push(format!("v{}", version.v));
    }
    let detail = match raw.resource_type {
        ResourceType::Model => Detail::Model(ModelDetail {
            access: "protected".into(),
            version: version.map(|v| v.v.clone()).unwrap_or_default(),
            latest_version: version.map(|v| v.latest.clone()).unwrap_or_default(),
            ..ModelDetail::default()
        }),
        ResourceType::Seed => {
            let root = cx.tree.package(&raw.package).map(|p| crate::files::slashed(&p.root_dir)).unwrap_or_default();
            Detail::Seed { root_path: root }
        }
        ResourceType::Snapshot => Detail::Snapshot,
        ResourceType::Function => Detail::Function(FunctionDetail::default()),
        ResourceType::Test => Detail::Test(None),
        ResourceType::Operation => Detail::Operation { index: raw.hook_index },
        _ => Detail::Analysis,
    };
    Node {
        id: NodeId::from(id),
        resource_type: raw.resource_type,
        alias: name.clone(),
        relation: Relation::new(&cx.defaults.database, &cx.defaults.schema, &name),
        name,
        package: raw.package.clone(),
        path: raw.path.clone(),
        original_path: raw.original_path.clone(),
        fqn,
        language: raw.language,
        template: raw.template.clone(),
        checksum: raw.checksum.clone(),
        created_at: cx.created_at,
        detail,
        ..Node::blank()
    }
}

fn merged(cx: &Cx<'_>, node: &Node, properties: &Dict, call: &Dict, raw: bool) -> Config {
    let (own, root) = cx.trees(&node.package, node.resource_type, raw);
    let sources = ConfigSources { own, properties: Some(properties), call: Some(call), root };
    if raw { Config(unrendered(&node.fqn, sources)) } else { resolve(node.resource_type, &node.fqn, sources) }
}

/// A version's config over its model's: mappings are merged at every level, lists are put in front.
fn overlay(base: &mut Dict, more: &Dict) {
    for (key, value) in more {
        let key = canonical(key);
        match (base.get_mut(&key), value) {
            (Some(Value::Map(base)), Value::Map(own)) => overlay(base, own),
            (Some(Value::List(base)), Value::List(own)) => drop(base.splice(0..0, own.iter().cloned())),
            _ => drop(base.insert(key, value.clone())),
        }
    }
}

/// The `config` of an entry as written, with its version's on top.
fn raw_properties_config(entry: &Entry, version: Option<&Version>) -> Dict {
    let mut config: Dict = entry.raw_config.iter().map(|(k, v)| (canonical(k), v.clone())).collect();
    let versions = entry.node.get("versions").map(YamlNode::items).unwrap_or_default();
    let own = version.and_then(|v| versions.iter().find(|raw| raw.get("v").is_some_and(|n| n.to_base() == v.v)));
    if let Some(Value::Map(more)) = own.and_then(|raw| raw.get("config")).map(YamlNode::to_base) {
        overlay(&mut config, &more);
    }
    config
}

/// The `config` of an entry, with its version's on top.
fn properties_config(entry: &Entry, version: Option<&Version>) -> Dict {
    let mut config: Dict = entry.config().into_iter().map(|(k, v)| (canonical(&k), v)).collect();
    if let Some(more) = version.and_then(|v| v.entry.get("config")).and_then(Value::as_map) {
        overlay(&mut config, more);
    }
    for key in ["docs", "access"] {
        if let Some(value) = version.and_then(|v| v.entry.get(key)) {
            config.insert(key.into(), value.clone());
        }
    }
    config
}

fn describe(node: &mut Node, entry: &Entry, version: Option<&Version>, docs: &mut Docs<'_>) {
    entry.mark_used();
    docs.span = Some(entry.span());
    node.patch = Some(Patch { path: entry.patch_path(), span: entry.span() });
    let own = version.and_then(|v| v.entry.get("description")).filter(|d| !d.is_null());
    let described = docs.describe(own.or_else(|| entry.value.get("description")), &entry.package);
    node.description = described.text;
    node.doc_blocks = described.blocks;
    node.columns = columns(&entry.value, &entry.package, docs);
    if let Some(version) = version {
        node.columns = version_columns(node.columns.clone(), version, &entry.package, docs);
    }
    if let Detail::Function(function) = &mut node.detail {
        *function = functions::described(&entry.value, &entry.package, docs);
    }
    if let Detail::Model(model) = &mut node.detail {
        // As in dbt, an empty list stands for those of the model.
        let own = version.and_then(|v| v.entry.get("constraints")).filter(|own| own.is_truthy());
        model.constraints = constraints(own.or_else(|| entry.value.get("constraints")));
        // Every version has a date of its own.
        let date = match version {
            Some(version) => version.entry.get("deprecation_date"),
            None => entry.value.get("deprecation_date"),
        };
        model.deprecation_date = date.map(super::deprecation::normalized).unwrap_or_default();
        model.time_spine = entry.value.get("time_spine").cloned().unwrap_or_default();
    }
}

/// A version's columns: those of the model that it includes, then its own.
fn version_columns(
    base: IndexMap<String, Column>,
    version: &Version,
    package: &str,
    docs: &mut Docs<'_>,
) -> IndexMap<String, Column> {
    let Some(list) = version.entry.get("columns").and_then(Value::as_list) else { return base };
    let rule = list.iter().find(|c| c.get("include").is_some() || c.get("exclude").is_some());
    let named = |key: &str| super::columns::texts(rule.and_then(|r| r.get(key)));
    let (include, exclude) = (named("include"), named("exclude"));
    let all = include.is_empty() || include.iter().any(|i| i == "all" || i == "*");
    let mut result: IndexMap<String, Column> = match rule {
        Some(_) => base.into_iter().filter(|(n, _)| (all || include.contains(n)) && !exclude.contains(n)).collect(),
        None => base,
    };
    result.extend(columns(&version.entry, package, docs));
    result
}

fn capture_hooks(cx: &Cx<'_>, node: &Node, captured: &mut Captured, diagnostics: &mut Diagnostics) {
    let hooks =
        ["pre-hook", "post-hook"].into_iter().filter_map(|k| node.config.get(k)).filter_map(Value::as_list).flatten();
    let texts: Vec<String> = hooks
        .filter_map(|h| h.get("sql"))
        .map(Value::to_string)
        .filter(|s| s.contains("{{") || s.contains("{%"))
        .collect();
    if texts.is_empty() {
        return;
    }
    let shared_node = Arc::new(node.clone());
    for text in texts {
        match host::capture_text(cx.engine, cx.shared, &shared_node, &text) {
            Ok(found) => {
                let depends = !found.refs.is_empty() || !found.sources.is_empty();
                if node.resource_type == ResourceType::Seed && depends && node.config.enabled() {
                    let message =
                        format!("Seeds cannot depend on other nodes: a hook of {} calls ref() or source()", node.id);
                    let at = node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone());
                    let problem = Diagnostic::error(codes::CONFIG_INVALID, message).at(at).node(node.id.to_string());
                    diagnostics.push(problem.help("use `on-run-end`, or a hook of a model that reads the seed"));
                    continue;
                }
                captured.refs.extend(found.refs);
                captured.sources.extend(found.sources);
                captured.macros.extend(found.macros);
            }
            Err(problem) => diagnostics.push(problem.node(node.id.to_string())),
        }
    }
}

fn take_calls(node: &mut Node, captured: Captured) {
    for call in captured.refs {
        if !node.refs.contains(&call) {
            node.refs.push(call);
        }
    }
    for pair in captured.sources {
        if !node.sources.contains(&pair) {
            node.sources.push(pair);
        }
    }
    for call in captured.functions {
        if !node.functions.contains(&call) {
            node.functions.push(call);
        }
    }
    node.metrics.extend(captured.metrics.into_iter().filter_map(|m| m.last().cloned()));
    node.depends_on_macros = captured.macros.into_iter().collect();
}

/// Where a node's config gets a value from: its own `config()` call, or its entry in a properties file.
fn config_place(node: &Node, entry: Option<&Entry>, key: &str, value: &Value) -> Option<Span> {
    if node.config_call.get(key) == Some(value) {
        return Some(node.template.span());
    }
    let entry = &entry?.node;
    let written = [entry.at(&["config", key]), entry.get(key)].into_iter().flatten();
    written.into_iter().find(|node| node.to_base() == *value).map(|node| node.span.clone())
}

fn check_config(node: &Node, entry: Option<&Entry>, diagnostics: &mut Diagnostics) {
    let at = node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone());
    let mut wrong = |key: &str, wanted: &str, found: &Value| {
        let message = format!("the config `{key}` of {} must be {wanted}, found {}", node.id, found.kind());
        let at = config_place(node, entry, key, found).unwrap_or_else(|| at.clone());
        diagnostics.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(at).node(node.id.to_string()));
    };
    for key in ["meta", "persist_docs", "quoting", "column_types", "contract", "docs", "grants"] {
        // Of these two the shape beside `config` is checked with the entry.
        let is_told = |value: &Value| {
            let beside = entry.filter(|_| matches!(key, "meta" | "docs")).and_then(|entry| entry.node.get(key));
            beside.is_some_and(|beside| beside.to_base() == *value)
        };
        if let Some(value) = node.config.get(key).filter(|v| !v.is_null() && v.as_map().is_none() && !is_told(v)) {
            wrong(key, "a mapping", value);
        }
    }
    for key in ["materialized", "incremental_strategy", "on_schema_change"] {
        if let Some(value) = node.config.get(key).filter(|v| !v.is_null() && v.as_str().is_none()) {
            wrong(key, "a string", value);
        }
    }
    if let Some(value) = node.config.get("enabled").filter(|v| v.as_bool().is_none()) {
        let at = config_place(node, entry, "enabled", value).unwrap_or_else(|| at.clone());
        diagnostics.push(checks::not_a_boolean(node.id.as_str(), "enabled", value).at(at).node(node.id.to_string()));
    }
    if let Some((problem, color)) = node_color::problem(node).filter(|_| node.config.enabled()) {
        let written = entry.and_then(|entry| entry.node.at(&["config", "docs", "node_color"]));
        let written = written.or_else(|| entry.and_then(|entry| entry.node.at(&["docs", "node_color"])));
        let here = written.filter(|written| written.to_base() == *color).map(|written| written.span.clone());
        diagnostics.push(problem.at(here.unwrap_or_else(|| at.clone())));
    }
    check_materialized(node, entry, &at, diagnostics);
    match node.resource_type {
        ResourceType::Test => check_severity(node, &at, diagnostics),
        ResourceType::Function if node.config.enabled() => functions::check(node, entry, diagnostics),
        ResourceType::Snapshot if node.config.enabled() => diagnostics.extend(super::snapshots::problems(node, &at)),
        _ => {}
    }
    if node.config.enabled() {
        check_build_after(node, &at, diagnostics);
    }
    check_incremental_contract(node, &at, diagnostics);
}

/// Seeds and tests are what they are, whatever `materialized` says.
fn check_materialized(node: &Node, entry: Option<&Entry>, at: &Span, diagnostics: &mut Diagnostics) {
    let only = match node.resource_type {
        ResourceType::Seed => "seed",
        ResourceType::Test => "test",
        _ => return,
    };
    let materialized = node.config.materialized();
    if node.config.enabled() && materialized != only {
        let message =
            format!("{}: the `materialized` of a {only} is always '{only}', found '{materialized}'", node.name);
        let at = config_place(node, entry, "materialized", &materialized.into()).unwrap_or_else(|| at.clone());
        let problem = Diagnostic::error(codes::CONFIG_INVALID, message).at(at).node(node.id.to_string());
        diagnostics.push(problem.help("remove `materialized`"));
    }
}

/// The table of a contracted incremental model may not drift from the contract, so `on_schema_change` has to watch it.
fn check_incremental_contract(node: &Node, at: &Span, diagnostics: &mut Diagnostics) {
    const WATCHING: [&str; 3] = ["append_new_columns", "fail", "full_refresh"];
    let mode = node.config.str("on_schema_change").unwrap_or("ignore");
    if node.config.materialized() == "incremental" && node.config.contract_enforced() && !WATCHING.contains(&mode) {
        let message = format!(
            "Invalid value for on_schema_change: {mode}. Models materialized as incremental with contracts enabled must \
             set on_schema_change to 'append_new_columns' or 'fail'"
        );
        let diagnostic = Diagnostic::error(codes::CONFIG_INVALID, message)
            .help("`full_refresh` will do as well: the model is rebuilt when its columns change");
        diagnostics.push(diagnostic.at(at.clone()).node(node.id.to_string()));
    }
}

/// `freshness.build_after` of a model needs both of its words.
fn check_build_after(node: &Node, at: &Span, diagnostics: &mut Diagnostics) {
    let Some(rule) = node.config.map("freshness").and_then(|f| f.get("build_after")).and_then(Value::as_map) else {
        return;
    };
    let has = |key: &str| rule.get(key).is_some_and(|v| !v.is_null());
    for (given, wanted) in [("period", "count"), ("count", "period")] {
        if node.resource_type == ResourceType::Model && has(given) && !has(wanted) {
            let message = format!(
                "`freshness.build_after` must have a value for `{wanted}` if a `{given}` is provided, in {}",
                node.id
            );
            diagnostics
                .push(Diagnostic::error(codes::CONFIG_INVALID, message).at(at.clone()).node(node.id.to_string()));
        }
    }
}

/// A test's `severity` is one of two words.
fn check_severity(node: &Node, at: &Span, diagnostics: &mut Diagnostics) {
    let severity = node.config.str("severity").unwrap_or("error");
    if !severity.eq_ignore_ascii_case("error") && !severity.eq_ignore_ascii_case("warn") {
        let message = format!("the severity of {} is '{severity}'; it must be 'warn' or 'error'", node.id);
        diagnostics.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(at.clone()).node(node.id.to_string()));
    }
}

/// Relation, access and primary key: what follows from the merged config.
fn finish(cx: &Cx<'_>, mut node: Node, diagnostics: &mut Diagnostics) -> Option<Node> {
    if let Err(problem) = cx.names(&mut node) {
        diagnostics.push(problem.node(node.id.to_string()));
        return None;
    }
    let stores = node.resource_type == ResourceType::Test && node.config.bool("store_failures") == Some(true);
    if node.is_relational() || stores {
        node.relation_name = Some(relation_name(cx, &node));
    }
    if let Detail::Model(model) = &mut node.detail
        && let Some(access) = node.config.0.get("access").and_then(Value::as_str)
    {
        if !matches!(access, "private" | "protected" | "public") {
            let message = format!("{} has the access '{access}'; it must be private, protected or public", node.id);
            diagnostics.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(node.template.span()));
        }
        if access == "public" && node.config.materialized() == "ephemeral" {
            let message =
                format!("{} is public, but an ephemeral model cannot be: others have nothing to read", node.id);
            let problem = Diagnostic::error(codes::CONFIG_INVALID, message).at(node.template.span());
            diagnostics.push(problem.help("make it a view or a table, or protected"));
        }
        model.access = access.to_owned();
    }
    Some(node)
}

fn relation_name(cx: &Cx<'_>, node: &Node) -> String {
    let policy = cx.shared.quote_policy().with(node.config.map("quoting").unwrap_or(&Dict::new()));
    let part = |quoted: bool, part: &Option<String>| {
        part.as_ref().map(|p| if quoted { format!("\"{}\"", p.replace('"', "\"\"")) } else { p.clone() })
    };
    let parts = [
        part(policy.database, &node.relation.database),
        part(policy.schema, &node.relation.schema),
        part(policy.identifier, &node.relation.identifier),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(".")
}
