//! One view of everything that can be in the graph, so that the rest of the room does not care which map it came from.
//!
//! In: [`Project`]. Out: [`Member`]s in the order in which dbt's manifest lists the kinds.

use crate::base::{NodeId, Value};
use crate::node::{Exposure, Node, Project, ResourceType, Semantic, Source, UnitTest};

/// A graph member.
#[derive(Clone, Copy)]
pub(crate) enum Member<'a> {
    /// A model, seed, snapshot, data test, analysis, function or hook.
    Node(&'a Node),
    /// A source table.
    Source(&'a Source),
    /// An exposure.
    Exposure(&'a Exposure),
    /// A metric, semantic model or saved query.
    Semantic(&'a Semantic),
    /// A unit test.
    UnitTest(&'a UnitTest),
}

/// Every member: nodes, sources, exposures, metrics, semantic models, saved queries, unit tests.
pub(crate) fn members(project: &Project) -> impl Iterator<Item = (&NodeId, Member<'_>)> {
    let semantics = [ResourceType::Metric, ResourceType::SemanticModel, ResourceType::SavedQuery]
        .into_iter()
        .flat_map(|kind| project.semantics.iter().filter(move |(_, s)| s.kind == kind));
    let nodes = project.nodes.iter().map(|(id, n)| (id, Member::Node(n)));
    let sources = project.sources.iter().map(|(id, s)| (id, Member::Source(s)));
    let exposures = project.exposures.iter().map(|(id, e)| (id, Member::Exposure(e)));
    let unit_tests = project.unit_tests.iter().map(|(id, u)| (id, Member::UnitTest(u)));
    nodes.chain(sources).chain(exposures).chain(semantics.map(|(id, s)| (id, Member::Semantic(s)))).chain(unit_tests)
}

/// A member by id.
pub(crate) fn member<'a>(project: &'a Project, id: &NodeId) -> Option<Member<'a>> {
    if let Some(node) = project.nodes.get(id) {
        Some(Member::Node(node))
    } else if let Some(source) = project.sources.get(id) {
        Some(Member::Source(source))
    } else if let Some(exposure) = project.exposures.get(id) {
        Some(Member::Exposure(exposure))
    } else if let Some(semantic) = project.semantics.get(id) {
        Some(Member::Semantic(semantic))
    } else {
        project.unit_tests.get(id).map(|u| Member::UnitTest(u))
    }
}

impl<'a> Member<'a> {
    /// Direct parents. A unit test hangs on the tested model alone, as in dbt: its inputs are that model's parents, and
    /// selecting an input must not select the unit test.
    pub(crate) fn parents(self) -> &'a [NodeId] {
        match self {
            Self::Node(n) => &n.depends_on,
            Self::Source(_) => &[],
            Self::Exposure(e) => &e.depends_on,
            Self::Semantic(s) => &s.depends_on,
            Self::UnitTest(u) => std::slice::from_ref(&u.tested_node),
        }
    }

    /// Resource type.
    pub(crate) fn resource_type(self) -> ResourceType {
        match self {
            Self::Node(n) => n.resource_type,
            Self::Source(_) => ResourceType::Source,
            Self::Exposure(_) => ResourceType::Exposure,
            Self::Semantic(s) => s.kind,
            Self::UnitTest(_) => ResourceType::UnitTest,
        }
    }

    /// Whether this is a data test or a unit test.
    pub(crate) fn is_test(self) -> bool {
        matches!(self.resource_type(), ResourceType::Test | ResourceType::UnitTest)
    }

    /// Name.
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Node(n) => &n.name,
            Self::Source(s) => &s.name,
            Self::Exposure(e) => &e.name,
            Self::Semantic(s) => &s.name,
            Self::UnitTest(u) => &u.name,
        }
    }

    /// Package.
    pub(crate) fn package(self) -> &'a str {
        match self {
            Self::Node(n) => &n.package,
            Self::Source(s) => &s.package,
            Self::Exposure(e) => &e.package,
            Self::Semantic(s) => &s.package,
            Self::UnitTest(u) => &u.package,
        }
    }

    /// Path relative to the package root.
    pub(crate) fn original_path(self) -> &'a str {
        match self {
            Self::Node(n) => &n.original_path,
            Self::Source(s) => &s.original_path,
            Self::Exposure(e) => &e.original_path,
            Self::Semantic(s) => &s.original_path,
            Self::UnitTest(u) => &u.original_path,
        }
    }

    /// Path of the properties file that describes the member, relative to its package root.
    pub(crate) fn patch_path(self) -> Option<&'a str> {
        match self {
            Self::Node(n) => {
                n.patch.as_ref().map(|p| p.path.split_once("://").map_or(p.path.as_str(), |(_, path)| path))
            }
            _ => None,
        }
    }

    /// Fully qualified name.
    pub(crate) fn fqn(self) -> &'a [String] {
        match self {
            Self::Node(n) => &n.fqn,
            Self::Source(s) => &s.fqn,
            Self::Exposure(e) => &e.fqn,
            Self::Semantic(s) => &s.fqn,
            Self::UnitTest(u) => &u.fqn,
        }
    }

    /// Tags that `tag:` sees. Semantic models have none in dbt; a metric has only those beside its name, not those in its
    /// config.
    pub(crate) fn tags(self) -> Vec<&'a str> {
        match self {
            Self::Node(n) => n.tags(),
            Self::Source(s) => s.tags.iter().map(String::as_str).collect(),
            Self::Exposure(e) => written_tags(e.fields.get("tags")).chain(e.config.tags()).collect(),
            Self::UnitTest(u) => u.config.tags(),
            Self::Semantic(s) => match s.kind {
                ResourceType::SemanticModel => Vec::new(),
                ResourceType::Metric => written_tags(s.fields.get("tags")).collect(),
                _ => written_tags(s.fields.get("tags")).chain(s.config.tags()).collect(),
            },
        }
    }

    /// Whether the model has a version, so that its fully qualified name ends in `name`, `vN`.
    pub(crate) fn is_versioned(self) -> bool {
        matches!(self, Self::Node(n) if n.model().is_some_and(|m| !m.version.is_null()))
    }
}

/// A list of tags or a lone one.
fn written_tags(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = value.and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str).chain(value.and_then(Value::as_str))
}
