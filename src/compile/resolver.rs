//! `ref`, `source`, `function` and `metric` from one node's point of view.
//!
//! In: the project's names, a point of view. Out: relations with quoting, limits and time ranges, or dbt's complaints; and
//! which ephemeral models were asked for. Rules: `core/dbt/context/providers.py`.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;

use crate::base::{AsOf, Dict, Interval, NodeId, Value, event_time_format_objection};
use crate::diag::{Diagnostic, codes, warnings};
use crate::jinja::context::host::{EventTimeFilter, Policy, Resolved, Resolver};
use crate::jinja::context::{RelationObject, SharedContext};
use crate::node::{Column, Config, Node, Project, RefCall, ResourceType, Source, dict};
use crate::parse::resolve::{Found, Lookup, shown_call, version_order};

use super::batch::filter;

/// The CTE that stands for an ephemeral model.
pub fn cte_name(name: &str) -> String {
    format!("__dbt__cte__{name}")
}

/// What all points of view share.
pub(super) struct Names {
    pub project: Arc<Project>,
    /// The invocation: what is selected, and where nodes are in another state.
    pub shared: Arc<SharedContext>,
    pub lookup: Lookup,
    /// The root project's quoting over the engine's.
    pub policy: Policy,
    /// `--empty`.
    pub empty: bool,
    /// `--as-of`.
    pub as_of: Option<AsOf>,
    /// Whether rendered subqueries need an alias.
    pub require_alias: bool,
}

impl Names {
    pub(super) fn find_reference(&self, call: &RefCall, from: &str, package: &str) -> Result<Arc<Node>, Diagnostic> {
        match self.lookup.reference(call, package) {
            Found::Enabled(node) => Ok(node),
            other => Err(self.lookup.bad_reference(from, call, &other, None)),
        }
    }

    pub(super) fn find_source(&self, pair: (&str, &str), from: &str, package: &str) -> Result<Arc<Source>, Diagnostic> {
        match self.lookup.source(pair.0, pair.1, package) {
            Found::Enabled(source) => Ok(source),
            other => Err(self.lookup.bad_source(from, pair, &other, None)),
        }
    }

    /// The relation of a node, with its own quoting over the project's.
    pub(super) fn node_relation(&self, node: &Node) -> Resolved {
        let own = node.config.map("quoting");
        Resolved::relation(node.relation.clone(), own.map_or(self.policy, |own| self.policy.with(own)))
    }

    /// What a reference to a node reads: its relation, with `--defer` perhaps that of another state.
    fn read_relation(&self, node: &Node) -> Resolved {
        let own = self.node_relation(node);
        let deferral = self.shared.deferral.as_ref().filter(|deferral| deferral.refs);
        let (Some(deferral), Some(there)) = (deferral, self.shared.deferred(&node.id)) else { return own };
        if deferral.favor_state && !self.shared.is_selected(&node.id) {
            return there;
        }
        Resolved { deferred: Some((there.relation, there.quote)), ..own }
    }

    /// What a foreign key to a node points to. Its table must be there: with `--defer` that of the other state is.
    pub(super) fn key_relation(&self, node: &Node) -> Resolved {
        let deferral = self.shared.deferral.as_ref().filter(|deferral| deferral.refs);
        let there = deferral.and_then(|_| self.shared.deferred(&node.id));
        there.unwrap_or_else(|| self.node_relation(node))
    }

    /// The table of a source. The project's quoting is not for sources: only the source's own counts.
    pub(super) fn source_relation(source: &Source) -> Resolved {
        let plain = Resolved::relation(source.relation.clone(), Policy::ALL.with(&source.quoting));
        Resolved { text: source.reader.clone(), ..plain }
    }

    /// The same as `--as-of` wants it. Files that are read in a table's place keep no versions.
    fn source_as_of(&self, source: &Source) -> Result<Resolved, Diagnostic> {
        let now = Self::source_relation(source);
        let Some(at) = self.as_of else { return Ok(now) };
        if now.text.is_some() {
            let message = format!("--as-of {at}: {} is read from files, which have no versions", source.id);
            return Err(Diagnostic::error(codes::UNSUPPORTED, message)
                .node(source.id.as_str())
                .help("leave out the nodes that read it, or give the source a table with versions"));
        }
        let quote = Policy { identifier: true, ..now.quote };
        Ok(Resolved { relation: at.of(&now.relation), quote, ..now })
    }

    /// A relation as SQL text.
    pub(super) fn shown(&self, resolved: &Resolved) -> String {
        RelationObject::from_resolved(resolved.clone(), self.require_alias).render_full()
    }

    /// Tells that a ref without a version reads a model of which there is a newer version than the latest one.
    fn tell_of_newer(&self, reader: &Node, target: &Node) -> Result<(), Diagnostic> {
        let Some(model) = target.model().filter(|m| !m.version.is_null()) else { return Ok(()) };
        let others = self.project.nodes.values().filter(|n| n.name == target.name).filter_map(|n| n.model());
        let versions = others.map(|m| &m.version).filter(|v| !v.is_null());
        let Some(newest) = versions.max_by(|a, b| version_order(a, b)) else { return Ok(()) };
        if version_order(newest, &model.latest_version).is_le() {
            return Ok(());
        }
        let (name, package, version) = (&target.name, &target.package, &model.version);
        let message =
            format!("{} refers to {name} without a version: that is v{version}, and v{newest} is there", reader.id);
        let info = Diagnostic::info(codes::UNPINNED_REF, message)
            .named(warnings::UNPINNED_REF_NEW_VERSION_AVAILABLE)
            .node(reader.id.as_str())
            .help(format!(
                "ref('{package}', '{name}', v={newest}) tries the new version, ref('{package}', '{name}', v={version}) stays with the old one"
            ))
            .fact("ref_node_name", name.as_str())
            .fact("ref_node_package", package.as_str())
            .fact("ref_node_version", version.to_string())
            .fact("ref_max_version", newest.to_string());
        self.shared.log.warn(info)
    }

    fn metric(&self, from: &str, package: Option<&str>, name: &str) -> Result<Dict, Diagnostic> {
        let found = self.project.semantics.values().find(|s| {
            s.kind == ResourceType::Metric && s.name == name && package.is_none_or(|package| s.package == package)
        });
        found.map(|metric| dict::semantic(metric, self.project.info.created_at)).ok_or_else(|| {
            let message = format!("{from} refers to metric('{name}'), which does not exist");
            Diagnostic::error(codes::REF_NOT_FOUND, message).node(from)
        })
    }

    fn function(&self, from: &str, call: &[String], package: &str) -> Result<Arc<Node>, Diagnostic> {
        match self.lookup.function(call, package) {
            Found::Enabled(node) => Ok(node),
            other => Err(self.lookup.bad_function(from, call, &other, None)),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum View {
    /// A node: only what was seen while parsing may be asked for.
    Node(Arc<Node>),
    /// A hook or an inline query: everything.
    Free(Arc<Node>),
    /// A macro of a package, run by itself: everything with a relation.
    Package(String),
}

impl View {
    fn from(&self) -> &str {
        match self {
            Self::Node(node) | Self::Free(node) => node.id.as_str(),
            Self::Package(package) => package,
        }
    }

    fn package(&self) -> &str {
        match self {
            Self::Node(node) | Self::Free(node) => &node.package,
            Self::Package(package) => package,
        }
    }
}

/// Resolves from one point of view and notes the ephemeral models that were asked for.
pub(super) struct NodeResolver {
    names: Arc<Names>,
    view: View,
    /// Parents show only rows of this range.
    range: Option<Interval>,
    inlined: Mutex<Vec<NodeId>>,
}

impl NodeResolver {
    pub(super) fn new(names: &Arc<Names>, view: View, range: Option<Interval>) -> Self {
        Self { names: Arc::clone(names), view, range, inlined: Mutex::new(Vec::new()) }
    }

    /// The ephemeral models, in the order of their first call.
    pub(super) fn inlined(&self) -> Vec<NodeId> {
        self.inlined.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn limited(&self, resolved: Resolved, event_time: Option<EventTimeFilter>) -> Resolved {
        Resolved { limit: self.names.empty.then_some(0), event_time, ..resolved }
    }

    fn event_time(
        &self,
        name: &str,
        config: &Config,
        columns: &IndexMap<String, Column>,
        quoting: &Dict,
    ) -> Result<Option<EventTimeFilter>, Diagnostic> {
        let (Some(field), Some(range)) = (config.str("event_time"), self.range) else { return Ok(None) };
        let View::Node(node) = &self.view else { return Ok(None) };
        if !matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot) {
            return Ok(None);
        }
        // A parent that does not say how its column keeps dates keeps them as its reader says of the column of that name.
        let of_reader =
            || node.config.str("event_time_format").filter(|_| node.config.str("event_time") == Some(field));
        let format = config.str("event_time_format").or_else(of_reader);
        if let Some(format) = format
            && let Some(wanted) = event_time_format_objection(format)
        {
            let message = format!("the 'event_time_format' config of {name} must be {wanted}, but is: {format}");
            return Err(Diagnostic::error(codes::CONFIG_INVALID, message).node(node.id.as_str()));
        }
        let own = columns.values().find(|column| column.name == field).and_then(|column| column.quote);
        let quote = own.or_else(|| quoting.get("column").and_then(Value::as_bool)).unwrap_or(false);
        let quoted = if quote { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() };
        Ok(Some(filter(range, quoted, format)))
    }

    /// A parent that nobody saw while parsing would be built at any time, or never.
    fn check_captured(&self, target: &Node, call: &RefCall) -> Result<(), Diagnostic> {
        let View::Node(node) = &self.view else { return Ok(()) };
        if node.depends_on.contains(&target.id) {
            return Ok(());
        }
        let shown = shown_call(call);
        let message = format!("{} calls {shown}, which was not seen while the project was parsed", node.id);
        Err(Diagnostic::error(codes::REF_NOT_CAPTURED, message)
            .node(node.id.as_str())
            .note("a ref inside a branch that is only taken while running does not order the models")
            .help(format!("add this line to {}:\n-- depends_on: {{{{ {shown} }}}}", node.original_path)))
    }
}

impl Resolver for NodeResolver {
    fn reference(&self, package: Option<&str>, name: &str, version: &Value) -> Result<Resolved, Diagnostic> {
        let call = RefCall { package: package.map(str::to_owned), name: name.to_owned(), version: version.clone() };
        let from = self.view.from();
        let target = self.names.find_reference(&call, from, self.view.package())?;
        self.check_captured(&target, &call)?;
        if version.is_null()
            && let View::Node(node) = &self.view
        {
            self.names.tell_of_newer(node, &target)?;
        }
        let none = Dict::new();
        let quoting = target.config.map("quoting").unwrap_or(&none);
        let event_time = self.event_time(&target.name, &target.config, &target.columns, quoting)?;
        if !target.is_ephemeral() {
            return Ok(self.limited(self.names.read_relation(&target), event_time));
        }
        if let View::Package(_) = self.view {
            let message = format!("operations cannot ref() ephemeral models, but {} is ephemeral", target.name);
            return Err(Diagnostic::error(codes::COMPILER_ERROR, message)
                .help(format!("materialize {} as a view, or run the query with --inline", target.name)));
        }
        let mut inlined = self.inlined.lock().unwrap_or_else(PoisonError::into_inner);
        if !inlined.contains(&target.id) {
            inlined.push(target.id.clone());
        }
        Ok(self.limited(Resolved::cte(cte_name(&target.alias)), event_time))
    }

    fn source(&self, source: &str, table: &str) -> Result<Resolved, Diagnostic> {
        let found = self.names.find_source((source, table), self.view.from(), self.view.package())?;
        let event_time = self.event_time(&found.name, &found.config, &found.columns, &found.quoting)?;
        Ok(self.limited(self.names.source_as_of(&found)?, event_time))
    }

    fn function(&self, package: Option<&str>, name: &str) -> Result<Resolved, Diagnostic> {
        let call: Vec<String> = package.into_iter().chain([name]).map(str::to_owned).collect();
        let found = self.names.function(self.view.from(), &call, self.view.package())?;
        if let View::Node(node) = &self.view
            && !node.depends_on.contains(&found.id)
        {
            let shown = format!("function('{name}')");
            let message = format!("{} calls {shown}, which was not seen while the project was parsed", node.id);
            return Err(Diagnostic::error(codes::REF_NOT_CAPTURED, message)
                .node(node.id.as_str())
                .help(format!("add this line to {}:\n-- depends_on: {{{{ {shown} }}}}", node.original_path)));
        }
        Ok(self.names.read_relation(&found))
    }

    fn metric(&self, package: Option<&str>, name: &str) -> Result<Dict, Diagnostic> {
        self.names.metric(self.view.from(), package, name)
    }
}

/// Resolves for a unit test: every parent is an input of the test.
pub(super) struct UnitTestResolver {
    names: Arc<Names>,
    /// Unique id of the unit test.
    test: String,
    package: String,
    /// CTE names by unique id of what they stand for.
    inputs: IndexMap<NodeId, String>,
    asked: Mutex<Vec<NodeId>>,
}

impl UnitTestResolver {
    pub(super) fn new(names: &Arc<Names>, test: &NodeId, package: &str, inputs: IndexMap<NodeId, String>) -> Self {
        let (test, package) = (test.to_string(), package.to_owned());
        Self { names: Arc::clone(names), test, package, inputs, asked: Mutex::new(Vec::new()) }
    }

    /// The inputs that were asked for, in the order of their first call.
    pub(super) fn asked(&self) -> Vec<NodeId> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn input(&self, id: &NodeId, shown: &str) -> Result<Resolved, Diagnostic> {
        let Some(name) = self.inputs.get(id) else {
            let message = format!("the tested model reads {shown}, for which the unit test gives no input");
            return Err(Diagnostic::error(codes::UNIT_TEST_INVALID, message)
                .node(self.test.as_str())
                .help(format!("add `- input: {shown}` with its rows to `given:`; `rows: []` gives none")));
        };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked.contains(id) {
            asked.push(id.clone());
        }
        Ok(Resolved::cte(name.as_str()))
    }
}

impl Resolver for UnitTestResolver {
    fn reference(&self, package: Option<&str>, name: &str, version: &Value) -> Result<Resolved, Diagnostic> {
        let call = RefCall { package: package.map(str::to_owned), name: name.to_owned(), version: version.clone() };
        let target = self.names.find_reference(&call, &self.test, &self.package)?;
        self.input(&target.id, &shown_call(&call))
    }

    fn source(&self, source: &str, table: &str) -> Result<Resolved, Diagnostic> {
        let found = self.names.find_source((source, table), &self.test, &self.package)?;
        self.input(&found.id, &format!("source('{source}', '{table}')"))
    }

    /// A unit test runs the function itself: it has no rows that could be given.
    fn function(&self, package: Option<&str>, name: &str) -> Result<Resolved, Diagnostic> {
        let call: Vec<String> = package.into_iter().chain([name]).map(str::to_owned).collect();
        let found = self.names.function(&self.test, &call, &self.package)?;
        Ok(self.names.node_relation(&found))
    }

    fn metric(&self, package: Option<&str>, name: &str) -> Result<Dict, Diagnostic> {
        self.names.metric(&self.test, package, name)
    }
}
