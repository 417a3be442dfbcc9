//! `graph_summary.json`: the bare graph, for diagnosis of its size and form.
//!
//! In: a [`Graph`]. Out: [`GraphSummary`]: every node under a number, with its name, its type and the numbers of its children.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::base::{Dict, NodeId, Value};
use crate::graph::Graph;

use super::wire::WireDict;
use super::{Artifact, ArtifactKind};

/// The file's content.
#[derive(Clone, Copy, Debug)]
pub struct GraphSummary<'a> {
    /// Id of this run of the program.
    pub invocation_id: &'a str,
    /// The graph.
    pub graph: &'a Graph,
}

impl Artifact for GraphSummary<'_> {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::GraphSummary
    }
}

impl Serialize for GraphSummary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("_invocation_id", self.invocation_id)?;
        map.serialize_entry("linked", &WireDict(&self.linked()))?;
        map.end()
    }
}

impl GraphSummary<'_> {
    fn linked(&self) -> Dict {
        let ids: Vec<&NodeId> = self.graph.topological_order().collect();
        let numbers: HashMap<&NodeId, usize> = ids.iter().enumerate().map(|(number, id)| (*id, number)).collect();
        let number = |id: &NodeId| numbers.get(id).and_then(|n| i64::try_from(*n).ok()).map(Value::from);
        let entry = |id: &NodeId| {
            let mut d = Dict::new();
            d.insert("name".into(), id.as_str().into());
            d.insert("type".into(), id.as_str().split('.').next().unwrap_or_default().into());
            let children: Vec<Value> = self.graph.children(id).into_iter().filter_map(number).collect();
            if !children.is_empty() {
                d.insert("succ".into(), Value::List(children));
            }
            Value::Map(d)
        };
        ids.iter().enumerate().map(|(number, id)| (number.to_string(), entry(id))).collect()
    }
}
