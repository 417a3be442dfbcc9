//! `manifest.json`, schema v12: the whole project.
//!
//! In: the parsed [`Project`], compiled code, written paths. Out: [`Manifest`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::base::{Dict, NodeId, Value};
use crate::node::dict::{self, CompiledCode};
use crate::node::{Disabled, Node, Project, ResourceType, UnitTest};

use super::wire::{Section, WireDict};
use super::{Artifact, ArtifactKind, Metadata, semantic, timestamp};

/// The file's content.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a> {
    /// About the command.
    pub metadata: &'a Metadata,
    /// When parsing began.
    pub run_started_at: DateTime<Utc>,
    /// The project.
    pub project: &'a Project,
    /// Code of the nodes that were compiled.
    pub compiled: &'a HashMap<NodeId, CompiledCode>,
    /// Paths under `target/run` of the nodes that ran.
    pub build_paths: &'a HashMap<NodeId, String>,
}

impl Artifact for Manifest<'_> {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::Manifest
    }
}

impl Serialize for Manifest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let project = self.project;
        let created = project.info.created_at;
        let mut map = serializer.serialize_map(Some(17))?;
        map.serialize_entry("metadata", &WireDict(&self.metadata_dict()))?;
        map.serialize_entry("nodes", &Section(|| self.nodes(false)))?;
        let sources = || project.sources.values().map(|s| (s.id.to_string(), Value::Map(dict::source(s, created))));
        map.serialize_entry("sources", &Section(sources))?;
        let macros = || project.macros.iter().map(|(id, m)| (id.clone(), Value::Map(m.to_dict(created))));
        map.serialize_entry("macros", &Section(macros))?;
        let docs = || project.docs.iter().map(|(id, d)| (id.clone(), Value::Map(dict::doc(d))));
        map.serialize_entry("docs", &Section(docs))?;
        let exposures =
            || project.exposures.values().map(|e| (e.id.to_string(), Value::Map(dict::exposure(e, created))));
        map.serialize_entry("exposures", &Section(exposures))?;
        map.serialize_entry("metrics", &Section(|| self.semantics(ResourceType::Metric)))?;
        let groups = || project.groups.iter().map(|(id, g)| (id.clone(), Value::Map(dict::group(g))));
        map.serialize_entry("groups", &Section(groups))?;
        let selectors = || project.selectors.iter().map(|(name, s)| (name.clone(), s.clone()));
        map.serialize_entry("selectors", &Section(selectors))?;
        let disabled = || {
            project.disabled.iter().map(|(id, list)| {
                let dicts = list.iter().map(|d| {
                    Value::Map(match d {
                        Disabled::Semantic(s) => semantic::manifest_entry(s, project),
                        other => dict::disabled(other, created),
                    })
                });
                (id.to_string(), Value::List(dicts.collect()))
            })
        };
        map.serialize_entry("disabled", &Section(disabled))?;
        let (parents, children) = edges(project);
        map.serialize_entry("parent_map", &WireDict(&parents))?;
        map.serialize_entry("child_map", &WireDict(&children))?;
        map.serialize_entry("group_map", &WireDict(&group_map(project)))?;
        map.serialize_entry("saved_queries", &Section(|| self.semantics(ResourceType::SavedQuery)))?;
        map.serialize_entry("semantic_models", &Section(|| self.semantics(ResourceType::SemanticModel)))?;
        let unit_tests = || project.unit_tests.values().map(|u| (u.id.to_string(), Value::Map(self.unit_test(u))));
        map.serialize_entry("unit_tests", &Section(unit_tests))?;
        map.serialize_entry("functions", &Section(|| self.nodes(true)))?;
        map.end()
    }
}

impl<'a> Manifest<'a> {
    fn metadata_dict(&self) -> Dict {
        let info = &self.project.info;
        let mut d = self.metadata.to_dict(ArtifactKind::Manifest);
        d.insert("project_name".into(), info.name.as_str().into());
        d.insert("project_id".into(), md5_hex(&info.name).into());
        d.insert("user_id".into(), Value::Null);
        d.insert("send_anonymous_usage_stats".into(), false.into());
        d.insert("adapter_type".into(), info.adapter_type.as_str().into());
        let mut quoting = Dict::new();
        for key in ["database", "schema", "identifier", "column"] {
            quoting.insert(key.into(), info.quoting.get(key).cloned().unwrap_or_default());
        }
        d.insert("quoting".into(), Value::Map(quoting));
        d.insert("run_started_at".into(), timestamp(self.run_started_at).into());
        d
    }

    /// The functions, or everything else that has code.
    fn nodes(&self, functions: bool) -> impl Iterator<Item = (String, Value)> {
        let wanted = self.project.nodes.values().filter(move |n| n.function().is_some() == functions);
        wanted.map(|n| (n.id.to_string(), Value::Map(self.node(n))))
    }

    fn node(&self, node: &Arc<Node>) -> Dict {
        let mut d = dict::node(node, self.compiled.get(&node.id));
        if let Some(path) = self.build_paths.get(&node.id) {
            d.insert("build_path".into(), path.as_str().into());
        }
        if let Some(group) = group_of(self.project, node) {
            d.insert("group".into(), group.into());
        }
        d
    }

    fn unit_test(&self, test: &UnitTest) -> Dict {
        let mut d = dict::unit_test(test, self.project.info.created_at);
        let tested = self.project.nodes.get(&test.tested_node);
        d.insert("schema".into(), tested.and_then(|n| n.relation.schema.clone()).into());
        d
    }

    fn semantics(&self, kind: ResourceType) -> impl Iterator<Item = (String, Value)> + use<'a> {
        let project = self.project;
        let of_kind = project.semantics.values().filter(move |s| s.kind == kind);
        of_kind.map(|s| (s.id.to_string(), Value::Map(semantic::manifest_entry(s, project))))
    }
}

/// Hexadecimal MD5, dbt's `project_id`.
fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// `parent_map` and `child_map`: every member of the graph with its direct neighbours, sorted.
fn edges(project: &Project) -> (Dict, Dict) {
    let members: Vec<&NodeId> = project.member_ids().collect();
    let mut children: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    let mut parent_map = Dict::new();
    for &id in &members {
        // A unit test's inputs are its parents only while it runs.
        let listed = match project.unit_tests.get(id) {
            Some(test) => std::slice::from_ref(&test.tested_node),
            None => project.parents(id),
        };
        let mut parents: Vec<&NodeId> = listed.iter().collect();
        parents.sort_unstable();
        parents.dedup();
        for &parent in &parents {
            children.entry(parent).or_default().push(id);
        }
        parent_map.insert(id.to_string(), id_list(&parents));
    }
    let mut child_map = Dict::new();
    for id in members {
        let mut list = children.remove(id).unwrap_or_default();
        list.sort_unstable();
        child_map.insert(id.to_string(), id_list(&list));
    }
    (parent_map, child_map)
}

fn id_list(ids: &[&NodeId]) -> Value {
    Value::List(ids.iter().map(|id| Value::from(id.as_str())).collect())
}

/// The group of a node; a generic test belongs to the group of the node it is written under.
fn group_of<'a>(project: &'a Project, node: &'a Node) -> Option<&'a str> {
    let attached = || project.nodes.get(node.generic_test()?.attached_node.as_ref()?)?.group();
    node.group().or_else(attached)
}

/// `group_map`: group names with the ids of their members.
fn group_map(project: &Project) -> Dict {
    let mut map: Dict = project.groups.values().map(|g| (g.name.clone(), Value::List(Vec::new()))).collect();
    let nodes = project.nodes.values().map(|n| (&n.id, group_of(project, n)));
    let semantics = project.semantics.values().map(|s| (&s.id, s.config.str("group")));
    for (id, group) in nodes.chain(semantics) {
        if let Some(Value::List(members)) = group.and_then(|g| map.get_mut(g)) {
            members.push(id.as_str().into());
        }
    }
    map
}
