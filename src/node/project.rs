//! The parsed project: all nodes with their resolved references.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::{Dict, NodeId, Value};

use super::{Doc, Exposure, Group, Macro, Node, Semantic, Source, UnitTest};

/// A resource that `enabled: false` took out.
#[derive(Clone, Debug)]
pub enum Disabled {
    /// A node.
    Node(Arc<Node>),
    /// A source table.
    Source(Arc<Source>),
    /// An exposure.
    Exposure(Arc<Exposure>),
    /// A metric, semantic model, saved query or function.
    Semantic(Arc<Semantic>),
}

/// Facts about the root project.
#[derive(Clone, Debug, Default)]
pub struct ProjectInfo {
    /// Name.
    pub name: String,
    /// Names of all packages: the root first, then installed ones by name.
    pub packages: Vec<String>,
    /// `type_name` of the adapter.
    pub adapter_type: String,
    /// Default quoting: `database`, `schema`, `identifier`, `column`.
    pub quoting: Dict,
    /// `target` as Jinja shows it, without secrets.
    pub target: Dict,
    /// Whether `ref` in a package looks there before it looks in the root project
    /// (`require_ref_searches_node_package_before_root`).
    pub own_package_first: bool,
    /// Seconds since 1970 when parsing began.
    pub created_at: f64,
}

/// Everything that `parse/` found. Immutable.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Facts about the root project.
    pub info: ProjectInfo,
    /// Models, seeds, snapshots, data tests, analyses and run hooks, in order of parsing.
    pub nodes: IndexMap<NodeId, Arc<Node>>,
    /// Source tables.
    pub sources: IndexMap<NodeId, Arc<Source>>,
    /// Exposures.
    pub exposures: IndexMap<NodeId, Arc<Exposure>>,
    /// Unit tests.
    pub unit_tests: IndexMap<NodeId, Arc<UnitTest>>,
    /// Metrics, semantic models, saved queries and functions.
    pub semantics: IndexMap<NodeId, Arc<Semantic>>,
    /// Macros by unique id.
    pub macros: IndexMap<String, Arc<Macro>>,
    /// Docs blocks by unique id.
    pub docs: IndexMap<String, Arc<Doc>>,
    /// Groups by unique id.
    pub groups: IndexMap<String, Arc<Group>>,
    /// What is disabled, by unique id; several definitions may share one.
    pub disabled: BTreeMap<NodeId, Vec<Disabled>>,
    /// `selectors.yml` definitions by name, as written.
    pub selectors: IndexMap<String, Value>,
}

impl Project {
    /// The group of a member; a generic test belongs to the group of the node it is written under.
    pub fn group_of(&self, id: &NodeId) -> Option<&Arc<Group>> {
        let (name, package) = match (self.nodes.get(id), self.semantics.get(id)) {
            (Some(node), _) => {
                let attached = || self.nodes.get(node.generic_test()?.attached_node.as_ref()?)?.group();
                (node.group().or_else(attached)?, &node.package)
            }
            (None, Some(semantic)) => (semantic.config.str("group")?, &semantic.package),
            (None, None) => return None,
        };
        let named = |group: &&Arc<Group>| group.name == name;
        let groups = || self.groups.values().filter(named);
        groups().find(|group| group.package == *package).or_else(|| groups().next())
    }

    /// Direct parents of any graph member.
    pub fn parents(&self, id: &NodeId) -> &[NodeId] {
        if let Some(node) = self.nodes.get(id) {
            &node.depends_on
        } else if let Some(exposure) = self.exposures.get(id) {
            &exposure.depends_on
        } else if let Some(unit_test) = self.unit_tests.get(id) {
            &unit_test.depends_on
        } else if let Some(semantic) = self.semantics.get(id) {
            &semantic.depends_on
        } else {
            &[]
        }
    }

    /// The macros of these ids and those that they call, all the way, each once; ids of macros that are not there come alone.
    pub fn macros_called<'a>(
        &'a self,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Macro>)> {
        let mut open: Vec<&str> = ids.into_iter().map(String::as_str).collect();
        let mut seen = HashSet::new();
        std::iter::from_fn(move || {
            let id = std::iter::from_fn(|| open.pop()).find(|id| seen.insert(*id))?;
            let found = self.macros.get(id).map(Arc::as_ref);
            open.extend(found.into_iter().flat_map(|found| &found.depends_on).map(String::as_str));
            Some((id, found))
        })
    }

    /// Every graph member: nodes, sources, exposures, unit tests and the semantic layer.
    pub fn member_ids(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes
            .keys()
            .chain(self.sources.keys())
            .chain(self.exposures.keys())
            .chain(self.unit_tests.keys())
            .chain(self.semantics.keys())
    }
}
