//! The scope of one render.
//!
//! In: a [`SharedContext`], [`NodeFacts`], doors. Out: [`NodeScope`] for the engine, made by a [`ScopeBuilder`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use indexmap::IndexMap;
use minijinja::value::Value;

use crate::base::{self, Dict, Table};
use crate::diag::Diagnostic;
use crate::jinja::registry::MacroEntry;
use crate::jinja::{Engine, Scope, UndefinedMode};
use crate::node::Node;
use crate::node::dict::CompiledCode;

use super::capture::Capture;
use super::core::{Core, Overrides, Phase, Surface};
use super::facts::NodeFacts;
use super::function::ConstantFunction;
use super::host::{AdapterResponse, Database, DocLookup, Resolver};
use super::record::Record;
use super::relation::RelationObject;
use super::shared::SharedContext;
use super::{names, statement, test_kwargs};

/// Puts a render's scope together.
pub struct ScopeBuilder {
    core: Core,
}

impl ScopeBuilder {
    fn new(shared: &Arc<SharedContext>, facts: NodeFacts, phase: Phase, surface: Surface) -> Self {
        let core = Core {
            shared: Arc::clone(shared),
            facts,
            phase,
            surface,
            capture: None,
            database: None,
            resolver: None,
            docs: None,
            overrides: None,
            extra: IndexMap::new(),
            results: Mutex::new(HashMap::new()),
            model: OnceLock::new(),
            config: OnceLock::new(),
            target: OnceLock::new(),
        };
        Self { core }
    }

    /// A further name; it covers even macros.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, value: impl Into<base::Value>) -> Self {
        self.core.extra.insert(name.into(), super::to_value(&value.into()));
        self
    }

    /// A further name that is a relation.
    #[must_use]
    pub fn relation(mut self, name: impl Into<String>, relation: RelationObject) -> Self {
        self.core.extra.insert(name.into(), relation.into_value());
        self
    }

    /// `results` of `on-run-end`: one dict per node, with `node`, `status`, `adapter_response` and the like.
    #[must_use]
    pub fn results(mut self, results: impl IntoIterator<Item = Dict>) -> Self {
        let records = super::list(results.into_iter().map(Record::value));
        self.core.extra.insert("results".to_owned(), records);
        self
    }

    /// A further key of `model`, such as `batch`.
    #[must_use]
    pub fn model_entry(mut self, key: impl Into<String>, value: impl Into<base::Value>) -> Self {
        self.core.facts.model_entries.insert(key.into(), value.into());
        self
    }

    /// The name of the batch that runs.
    #[must_use]
    pub fn batch(mut self, name: impl Into<String>) -> Self {
        self.core.facts.batch = Some(name.into());
        self
    }

    /// A function that covers even macros and always answers the same.
    #[must_use]
    pub fn constant(mut self, name: impl Into<String>, answer: impl Into<base::Value>) -> Self {
        let name = name.into();
        let function = ConstantFunction::value(&name, super::to_value(&answer.into()));
        self.core.extra.insert(name, function);
        self
    }

    /// A further config key, in `config` and in `model.config`.
    #[must_use]
    pub fn config_entry(mut self, key: impl Into<String>, value: impl Into<base::Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        let entry = self.core.facts.model_entries.entry("config".to_owned());
        if let base::Value::Map(config) = entry.or_insert_with(|| base::Value::Map(Dict::new())) {
            config.insert(key.clone(), value.clone());
        }
        self.core.facts.config.0.insert(key, value);
        self
    }

    /// Notes what the render does.
    #[must_use]
    pub fn capture(mut self, capture: &Arc<Capture>) -> Self {
        self.core.capture = Some(Arc::clone(capture));
        self
    }

    /// The database, where the render may use one.
    #[must_use]
    pub fn database(mut self, database: Arc<dyn Database>) -> Self {
        self.core.database = Some(database);
        self
    }

    /// What stands in for real values in a unit test.
    #[must_use]
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.core.overrides = Some(overrides);
        self
    }

    /// The scope.
    pub fn build(self) -> Arc<NodeScope> {
        Arc::new(NodeScope { core: Arc::new(self.core), test_kwargs: OnceLock::new() })
    }

    /// The scope of a generic test: its keyword arguments, rendered in this very scope, are `_dbt_generic_test_kwargs`.
    /// Relations stay relations.
    pub fn build_test(self, engine: &Engine, kwargs: &Dict) -> Result<Arc<NodeScope>, Diagnostic> {
        let scope = self.build();
        let rendered = test_kwargs::render(engine, kwargs, &scope)?;
        // The scope is new and this is its only writer.
        let _ = scope.test_kwargs.set(rendered);
        Ok(scope)
    }
}

/// The names of one render.
#[derive(Debug)]
pub struct NodeScope {
    core: Arc<Core>,
    /// The rendered arguments of a generic test.
    test_kwargs: OnceLock<Value>,
}

impl NodeScope {
    /// Finding out what a node refers to.
    pub fn parse(shared: &Arc<SharedContext>, facts: NodeFacts, capture: &Arc<Capture>) -> ScopeBuilder {
        ScopeBuilder::new(shared, facts, Phase::Parse, Surface::Node).capture(capture)
    }

    /// `generate_schema_name` and its kin: code of a package, run while parsing.
    pub fn names(shared: &Arc<SharedContext>, package: impl Into<String>) -> ScopeBuilder {
        ScopeBuilder::new(shared, NodeFacts::package(package), Phase::Names, Surface::Node)
    }

    /// Compiling or running a node. Without a database, whatever needs one is an error.
    pub fn run(
        shared: &Arc<SharedContext>,
        node: &Arc<Node>,
        compiled: Option<Arc<CompiledCode>>,
        resolver: Arc<dyn Resolver>,
    ) -> ScopeBuilder {
        let mut builder = ScopeBuilder::new(shared, NodeFacts::of(node, compiled), Phase::Run, Surface::Node);
        builder.core.resolver = Some(resolver);
        builder
    }

    /// Code of a package that belongs to no node: `run-operation`, materialization helpers, catalog queries.
    pub fn macro_run(
        shared: &Arc<SharedContext>,
        package: impl Into<String>,
        resolver: Arc<dyn Resolver>,
    ) -> ScopeBuilder {
        Self::run_facts(shared, NodeFacts::package(package), resolver)
    }

    /// Running code with facts made by hand: freshness queries of sources, hooks, unit tests.
    pub fn run_facts(shared: &Arc<SharedContext>, facts: NodeFacts, resolver: Arc<dyn Resolver>) -> ScopeBuilder {
        let mut builder = ScopeBuilder::new(shared, facts, Phase::Run, Surface::Node);
        builder.core.resolver = Some(resolver);
        builder
    }

    /// Values of properties files and `dbt_project.yml`.
    pub fn yaml(
        shared: &Arc<SharedContext>,
        package: impl Into<String>,
        capture: Option<&Arc<Capture>>,
    ) -> ScopeBuilder {
        let builder = ScopeBuilder::new(shared, NodeFacts::package(package), Phase::Parse, Surface::Yaml);
        match capture {
            Some(capture) => builder.capture(capture),
            None => builder,
        }
    }

    /// Values of `profiles.yml` and `packages.yml`: secret environment variables leave marks for
    /// [`reveal_secrets`](super::reveal_secrets).
    pub fn secret(shared: &Arc<SharedContext>) -> ScopeBuilder {
        let facts = NodeFacts::package(shared.project_name.as_str());
        ScopeBuilder::new(shared, facts, Phase::Parse, Surface::Secret)
    }

    /// Descriptions, with `doc()`.
    pub fn docs(shared: &Arc<SharedContext>, facts: NodeFacts, docs: Arc<dyn DocLookup>) -> ScopeBuilder {
        let mut builder = ScopeBuilder::new(shared, facts, Phase::Parse, Surface::Docs);
        builder.core.docs = Some(docs);
        builder
    }

    /// The text of a docs block, which sees no names at all.
    pub fn docs_block(shared: &Arc<SharedContext>, package: impl Into<String>) -> ScopeBuilder {
        ScopeBuilder::new(shared, NodeFacts::package(package), Phase::Parse, Surface::Block)
    }

    /// The engine's answer to a statement of this render, such as `main`.
    pub fn response(&self, name: &str) -> Option<AdapterResponse> {
        self.stored(name)?.adapter_response().cloned()
    }

    /// The rows of a stored result, such as `main`.
    pub fn result_table(&self, name: &str) -> Option<Table> {
        super::base_table(self.stored(name)?.table())
    }

    fn stored(&self, name: &str) -> Option<Arc<statement::ResultObject>> {
        self.core.results.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().flatten()
    }

    /// The node's own relation, as `this` shows it.
    pub fn this(&self) -> RelationObject {
        self.core.own_relation()
    }

    /// The node's `materialized`.
    pub(super) fn materialized(&self) -> &str {
        self.core.facts.config.materialized()
    }

    /// The value with which a unit test overrides a macro.
    fn override_of(&self, entry: &MacroEntry) -> Option<&base::Value> {
        let macros = &self.core.overrides.as_ref()?.macros;
        let internal = self.core.shared.adapter.internal_packages.contains(&entry.package);
        let visible =
            internal || entry.package == self.core.facts.package || entry.package == self.core.shared.project_name;
        let plain = || macros.get(&entry.name).filter(|_| visible);
        let namespaced = || macros.get(&format!("{}.{}", entry.package, entry.name));
        let of_dbt = || macros.get(&format!("dbt.{}", entry.name)).filter(|_| internal);
        plain().or_else(namespaced).or_else(of_dbt)
    }
}

impl Scope for NodeScope {
    fn lookup(&self, name: &str) -> Option<Value> {
        // Macros were looked for before: what a unit test overrides here is a plain name.
        if let Some(value) = self.core.overrides.as_ref().and_then(|o| o.macros.get(name))
            && names::has_name(&self.core, name)
        {
            return Some(super::to_value(value));
        }
        names::builtin(&self.core, name)
    }

    fn overlay(&self, name: &str) -> Option<Value> {
        if name == test_kwargs::NAME {
            return self.test_kwargs.get().cloned();
        }
        self.core.extra.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        let extra = self.core.extra.keys().cloned();
        names::names(&self.core).into_iter().map(str::to_owned).chain(extra).collect()
    }

    fn package(&self) -> &str {
        &self.core.facts.package
    }

    fn undefined(&self) -> UndefinedMode {
        let permissive = self.core.phase == Phase::Parse && self.core.surface == Surface::Node;
        if permissive { UndefinedMode::Permissive } else { UndefinedMode::Strict }
    }

    fn on_macro_call(&self, unique_id: &str) {
        if let Some(capture) = &self.core.capture {
            capture.saw_macro(unique_id);
        }
    }

    fn macro_override(&self, entry: &MacroEntry) -> Option<Value> {
        self.override_of(entry).map(super::to_value)
    }
}
