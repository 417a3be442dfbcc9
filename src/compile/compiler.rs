//! Compiles nodes; shared by all worker threads.
//!
//! In: a project, the engine, the invocation's context, settings. Out: [`Compiled`] per node. An ephemeral model is compiled
//! once, by the thread that first needs it; the others wait for it. Parents are asked for after a render, never within one,
//! and the graph has no cycles, so nobody waits for himself.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::base::{AsOf, Interval, NodeId, Value};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::jinja::context::host::{Database, Resolver};
use crate::jinja::context::{NodeScope, ScopeBuilder, SharedContext, render};
use crate::jinja::{Engine, TemplateSource};
use crate::node::dict::CompiledCode;
use crate::node::{Config, Detail, Language, Node, Project, ResourceType, Template};
use crate::parse::resolve::Lookup;
use crate::sql::is_blank;

use super::batch::Batch;
use super::compiled::{Compiled, Origin};
use super::inject::{Cte, extend, inject};
use super::node_overrides;
use super::resolver::{Names, NodeResolver, View, cte_name};

/// What an invocation says about compiling.
#[derive(Clone, Debug)]
pub struct CompileSettings {
    /// `--empty`: parents show no rows.
    pub empty: bool,
    /// Whether ephemeral parents are put into the SQL: `--no-inject-ephemeral-ctes` is false.
    pub inject_ephemeral_ctes: bool,
    /// Whether templates may ask the database.
    pub introspect: bool,
    /// `--store-failures`.
    pub store_failures: bool,
    /// `--sample`: parents with an `event_time` show only rows of this range.
    pub sample: Option<Interval>,
    /// `--as-of`: sources are read as they were.
    pub as_of: Option<AsOf>,
}

impl Default for CompileSettings {
    fn default() -> Self {
        Self {
            empty: false,
            inject_ephemeral_ctes: true,
            introspect: true,
            store_failures: false,
            sample: None,
            as_of: None,
        }
    }
}

/// What the materialization of functions runs.
const DEFINITION: &str = "{%- set dispatch = adapter.dispatch -%}\
    {%- set spelled = dispatch(this.get_function_macro_name(this.get_function_config(model)), 'dbt') -%}\
    {{ spelled(this.incorporate(type=this.Function)) }}";

/// A node's own SQL and what it needs in front.
struct Unit {
    compiled: Compiled,
    own: String,
    origin: Arc<Origin>,
    ctes: Vec<Cte>,
}

type Slot = Arc<OnceLock<Result<Arc<Unit>, Box<Diagnostic>>>>;

/// Compiles the nodes of one project in one invocation.
pub struct Compiler {
    pub(super) engine: Engine,
    pub(super) shared: Arc<SharedContext>,
    pub(super) names: Arc<Names>,
    settings: CompileSettings,
    inlined: Mutex<HashMap<NodeId, Slot>>,
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compiler({} nodes)", self.names.project.nodes.len())
    }
}

impl Compiler {
    /// A compiler for a parsed project.
    pub fn new(project: Arc<Project>, engine: Engine, shared: Arc<SharedContext>, settings: CompileSettings) -> Self {
        let lookup = Lookup::new(&project);
        let names = Names {
            lookup,
            policy: shared.quote_policy(),
            empty: settings.empty,
            as_of: settings.as_of,
            require_alias: shared.adapter.subquery_alias,
            shared: Arc::clone(&shared),
            project,
        };
        Self { engine, shared, names: Arc::new(names), settings, inlined: Mutex::default() }
    }

    /// What a node's `ref` and `source` calls mean.
    pub fn resolver(&self, node: &Arc<Node>) -> Arc<dyn Resolver> {
        self.node_resolver(node, None)
    }

    /// The same for one batch of a microbatch model, whose parents show only rows of the batch.
    pub fn batch_resolver(&self, node: &Arc<Node>, batch: &Batch) -> Arc<dyn Resolver> {
        self.node_resolver(node, Some(batch))
    }

    /// The same for macros that are run by themselves: everything that has a relation.
    pub fn package_resolver(&self, package: &str) -> Arc<dyn Resolver> {
        Arc::new(NodeResolver::new(&self.names, View::Package(package.to_owned()), None))
    }

    fn node_resolver(&self, node: &Arc<Node>, batch: Option<&Batch>) -> Arc<NodeResolver> {
        let range = batch.map(|b| b.interval.within(self.settings.sample)).or(self.settings.sample);
        let view = match node.resource_type {
            ResourceType::Operation => View::Free(Arc::clone(node)),
            _ => View::Node(Arc::clone(node)),
        };
        Arc::new(NodeResolver::new(&self.names, view, range))
    }

    /// Compiles a node. Templates that ask the database need one.
    pub fn compile(&self, node: &Arc<Node>, database: Option<Arc<dyn Database>>) -> Result<Compiled, Box<Diagnostic>> {
        if node.is_ephemeral() {
            return self.inlined(&node.id, database.as_ref()).map(|unit| unit.compiled.clone());
        }
        self.unit(node, database.as_ref(), None).map(|unit| unit.compiled)
    }

    /// Compiles one batch of a microbatch model.
    pub fn compile_batch(
        &self,
        node: &Arc<Node>,
        batch: &Batch,
        database: Option<Arc<dyn Database>>,
    ) -> Result<Compiled, Box<Diagnostic>> {
        self.unit(node, database.as_ref(), Some(batch)).map(|unit| unit.compiled)
    }

    /// Compiles a query given on the command line; it may name everything.
    pub fn compile_inline(
        &self,
        name: &str,
        sql: &str,
        database: Option<Arc<dyn Database>>,
    ) -> Result<Compiled, Box<Diagnostic>> {
        let node = self.inline_node(name, sql);
        self.unit(&node, database.as_ref(), None).map(|unit| unit.compiled)
    }

    /// Renders text that belongs to a running node, such as a hook.
    pub fn compile_text(&self, text: &str, scope: &Arc<NodeScope>) -> Result<String, Box<Diagnostic>> {
        let rendered = render(&self.engine, &TemplateSource::inline("<hook>", text), scope);
        rendered.map(|r| r.text).map_err(Box::new)
    }

    /// The statement that makes a user-defined function, as the engine's macros spell it.
    pub fn definition(&self, function: &Compiled) -> Result<String, Box<Diagnostic>> {
        let resolver = self.node_resolver(&function.node, None);
        let scope = NodeScope::run(&self.shared, &function.node, Some(Arc::clone(&function.code)), resolver);
        self.compile_text(DEFINITION, &scope.build())
    }

    /// The ephemeral models that were compiled so far, by themselves or into others.
    pub fn inlined_so_far(&self) -> Vec<Compiled> {
        let slots = self.inlined.lock().unwrap_or_else(PoisonError::into_inner);
        let units = slots.values().filter_map(|slot| slot.get()?.as_ref().ok());
        units.map(|unit| unit.compiled.clone()).collect()
    }

    fn inline_node(&self, name: &str, sql: &str) -> Arc<Node> {
        let package = self.names.project.info.name.clone();
        let file = SourceFile::new(name, sql);
        Arc::new(Node {
            id: format!("sql_operation.{package}.{name}").into(),
            resource_type: ResourceType::Operation,
            name: name.to_owned(),
            path: name.to_owned(),
            original_path: name.to_owned(),
            fqn: vec![package.clone(), "sql".to_owned(), name.to_owned()],
            package,
            template: Template::whole(file),
            alias: name.to_owned(),
            created_at: self.names.project.info.created_at,
            detail: Detail::Operation { index: None },
            ..Node::blank()
        })
    }

    /// An ephemeral model, compiled once.
    fn inlined(&self, id: &NodeId, database: Option<&Arc<dyn Database>>) -> Result<Arc<Unit>, Box<Diagnostic>> {
        let Some(node) = self.names.project.nodes.get(id) else {
            return Err(Box::new(Diagnostic::error(codes::INTERNAL, format!("{id} is not part of the project"))));
        };
        let slot = {
            let mut slots = self.inlined.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(id.clone()).or_default())
        };
        slot.get_or_init(|| self.unit(node, database, None).map(Arc::new)).clone()
    }

    fn unit(
        &self,
        node: &Arc<Node>,
        database: Option<&Arc<dyn Database>>,
        batch: Option<&Batch>,
    ) -> Result<Unit, Box<Diagnostic>> {
        let in_node = |diagnostic| Box::new(named(diagnostic, node.id.as_str()));
        let parsed = node;
        let node = node_overrides::finished(&self.names, node, self.settings.store_failures).map_err(in_node)?;
        let resolver = self.node_resolver(&node, batch);
        let mut scope = NodeScope::run(&self.shared, &node, None, Arc::clone(&resolver) as Arc<dyn Resolver>);
        if let Some(database) = database.filter(|_| self.settings.introspect) {
            scope = scope.database(Arc::clone(database));
        }
        if let Some(batch) = batch {
            scope = batch.apply(scope);
        }
        let (own, origin) = self.own_code(&node, scope).map_err(in_node)?;
        let mut ctes = Vec::new();
        if self.settings.inject_ephemeral_ctes {
            for id in resolver.inlined() {
                let parent = self.inlined(&id, database).map_err(|problem| self.of_parent(*problem, &id))?;
                extend(&mut ctes, parent.ctes.iter().cloned());
                let name = cte_name(&parent.compiled.node.alias);
                extend(&mut ctes, [Cte::new(id, &name, &parent.own, Arc::clone(&parent.origin))]);
            }
        }
        let origin = Arc::new(origin);
        let foreign_keys = node_overrides::foreign_keys(parsed, &node);
        let mut compiled = assemble(node, &own, &origin, &ctes);
        if !foreign_keys.is_empty() {
            Arc::make_mut(&mut compiled.code).foreign_keys = foreign_keys;
        }
        Ok(Unit { compiled, own, origin, ctes })
    }

    /// The problem of an ephemeral parent, in its own name: it was rendered for somebody else.
    fn of_parent(&self, mut problem: Diagnostic, parent: &NodeId) -> Box<Diagnostic> {
        let node = problem.node.as_deref().and_then(|id| self.names.project.nodes.get(&NodeId::from(id)));
        if !node.is_some_and(|node| node.is_ephemeral()) {
            problem.node = Some(parent.to_string());
        }
        Box::new(problem)
    }

    /// The node's own code, without parents, and where it comes from.
    fn own_code(&self, node: &Arc<Node>, scope: ScopeBuilder) -> Result<(String, Origin), Diagnostic> {
        let source = template_of(node);
        if node.language == Language::Python {
            // The code is taken as it is; behind it stands what gives it access to the project.
            let postfix = TemplateSource::inline("<python>", "{{ py_script_postfix(model) }}");
            let postfix = render(&self.engine, &postfix, &scope.build())?;
            let code = format!("{}\n\n{}", source.text(), postfix.text);
            let place = Span::new(&node.template.file, source.range.clone());
            return Ok((code, Origin::Verbatim(place)));
        }
        let scope = match node.generic_test() {
            Some(test) => scope.build_test(&self.engine, &test.kwargs)?,
            None => scope.build(),
        };
        let rendered = render(&self.engine, &source, &scope)?;
        Ok((rendered.text, Origin::Template(rendered.map)))
    }
}

/// The text to render. dbt strips files, not the text between the tags of a snapshot block.
pub(super) fn template_of(node: &Node) -> TemplateSource {
    let Template { file, range } = &node.template;
    let mut source = TemplateSource::part(file, range.clone());
    if node.resource_type != ResourceType::Snapshot {
        let text = source.text();
        let start = range.start + (text.len() - text.trim_start().len());
        let length = text.trim().len();
        source.range = start..start + length;
    }
    source
}

/// The final code of a node.
pub(super) fn assemble(node: Arc<Node>, own: &str, origin: &Arc<Origin>, ctes: &[Cte]) -> Compiled {
    let (code, map) = inject(own, origin, ctes);
    let extra_ctes = ctes.iter().map(|cte| (cte.id.to_string(), cte.text.clone())).collect();
    let blank = is_blank(own);
    Compiled { node, code: Arc::new(CompiledCode { code, extra_ctes, ..CompiledCode::default() }), map, blank }
}

/// The diagnostic, naming the node if it names none.
pub(super) fn named(mut diagnostic: Diagnostic, id: &str) -> Diagnostic {
    diagnostic.node.get_or_insert_with(|| id.to_owned());
    diagnostic
}

/// A config of a few keys.
pub(super) fn config_of(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Config {
    Config(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
