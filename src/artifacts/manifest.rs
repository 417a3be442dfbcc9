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

use super::wire::Part;
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

    /// Large sections are written by all cores.
    fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::new();
        for (name, part) in self.parts() {
            bytes.push(if bytes.is_empty() { b'{' } else { b',' });
            serde_json::to_writer(&mut bytes, name)?;
            bytes.push(b':');
            part.write(&mut bytes)?;
        }
        bytes.push(b'}');
        Ok(bytes)
    }
}

impl Serialize for Manifest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts();
        let mut map = serializer.serialize_map(Some(parts.len()))?;
        for (name, part) in &parts {
            map.serialize_entry(name, part)?;
        }
        map.end()
    }
}

impl<'a> Manifest<'a> {
    /// The file's keys in their order.
    fn parts(&'a self) -> Vec<(&'static str, Part<'a>)> {
        let project = self.project;
        let created = project.info.created_at;
        let (parents, children) = edges(project);
        vec![
            ("metadata", Part::Whole(self.metadata_dict())),
            ("nodes", self.nodes(false)),
            (
                "sources",
                Part::of(project.sources.values(), move |s| (s.id.to_string(), dict::source(s, created).into())),
            ),
            ("macros", Part::of(project.macros.iter(), move |(id, m)| ((*id).clone(), m.to_dict(created).into()))),
            ("docs", Part::of(project.docs.iter(), |(id, d)| ((*id).clone(), dict::doc(d).into()))),
            (
                "exposures",
                Part::of(project.exposures.values(), move |e| (e.id.to_string(), dict::exposure(e, created).into())),
            ),
            ("metrics", self.semantics(ResourceType::Metric)),
            ("groups", Part::of(project.groups.iter(), |(id, g)| ((*id).clone(), dict::group(g).into()))),
            ("selectors", Part::of(project.selectors.iter(), |(name, s)| ((*name).clone(), (*s).clone()))),
            ("disabled", Part::of(project.disabled.iter(), move |(id, list)| (id.to_string(), self.disabled(list)))),
            ("parent_map", Part::Whole(parents)),
            ("child_map", Part::Whole(children)),
            ("group_map", Part::Whole(group_map(project))),
            ("saved_queries", self.semantics(ResourceType::SavedQuery)),
            ("semantic_models", self.semantics(ResourceType::SemanticModel)),
            ("unit_tests", Part::of(project.unit_tests.values(), |u| (u.id.to_string(), self.unit_test(u).into()))),
            ("functions", self.nodes(true)),
        ]
    }

    fn disabled(&self, list: &[Disabled]) -> Value {
        let created = self.project.info.created_at;
        let one = |resource: &Disabled| match resource {
            Disabled::Semantic(s) => Value::Map(semantic::manifest_entry(s, self.project)),
            other => Value::Map(dict::disabled(other, created)),
        };
        Value::List(list.iter().map(one).collect())
    }

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
            let unsaid = if key == "column" { Value::Null } else { true.into() };
            quoting.insert(key.into(), info.quoting.get(key).cloned().unwrap_or(unsaid));
        }
        d.insert("quoting".into(), Value::Map(quoting));
        d.insert("run_started_at".into(), timestamp(self.run_started_at).into());
        d
    }

    /// The functions, or everything else that has code.
    fn nodes(&'a self, functions: bool) -> Part<'a> {
        let wanted = self.project.nodes.values().filter(move |n| n.function().is_some() == functions);
        Part::of(wanted, |n| (n.id.to_string(), Value::Map(self.node(n))))
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

    fn semantics(&self, kind: ResourceType) -> Part<'a> {
        let project = self.project;
        let of_kind = project.semantics.values().filter(move |s| s.kind == kind);
        Part::of(of_kind, move |s| (s.id.to_string(), Value::Map(semantic::manifest_entry(s, project))))
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
