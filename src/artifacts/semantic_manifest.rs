//! `semantic_manifest.json`: semantic models, metrics and saved queries for query engines of the semantic layer.
//!
//! In: the parsed [`Project`]. Out: [`SemanticManifest`].

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::base::{Dict, Value};
use crate::node::{Node, Project, ResourceType};

use super::semantic::semantic_manifest_entry;
use super::wire::{Wire, WireDict};
use super::{Artifact, ArtifactKind};

/// The file's content.
#[derive(Clone, Copy, Debug)]
pub struct SemanticManifest<'a> {
    /// The project.
    pub project: &'a Project,
}

impl Artifact for SemanticManifest<'_> {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::SemanticManifest
    }
}

impl Serialize for SemanticManifest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("semantic_models", &Wire(&self.of_kind(ResourceType::SemanticModel)))?;
        map.serialize_entry("metrics", &Wire(&self.of_kind(ResourceType::Metric)))?;
        map.serialize_entry("project_configuration", &WireDict(&self.configuration()))?;
        map.serialize_entry("saved_queries", &Wire(&self.of_kind(ResourceType::SavedQuery)))?;
        map.end()
    }
}

impl SemanticManifest<'_> {
    fn of_kind(&self, kind: ResourceType) -> Value {
        let list = self.project.semantics.values().filter(|s| s.kind == kind);
        Value::List(list.map(|s| Value::Map(semantic_manifest_entry(s, self.project))).collect())
    }

    fn configuration(&self) -> Dict {
        let mut version = Dict::new();
        for (part, number) in [("major_version", "0"), ("minor_version", "9"), ("patch_version", "0")] {
            version.insert(part.into(), number.into());
        }
        let spines = self.project.nodes.values().filter_map(|n| time_spine(n));
        let mut d = Dict::new();
        d.insert("time_spine_table_configurations".into(), Value::List(self.legacy_time_spine().into_iter().collect()));
        d.insert("metadata".into(), Value::Null);
        d.insert("dsi_package_version".into(), Value::Map(version));
        d.insert("time_spines".into(), Value::List(spines.collect()));
        d
    }
}

/// Name of the model that was the time spine before models could say so themselves.
const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

impl SemanticManifest<'_> {
    /// The time spine known by its name alone; only projects with semantic models have one.
    fn legacy_time_spine(&self) -> Option<Value> {
        let used = self.project.semantics.values().any(|s| s.kind == ResourceType::SemanticModel);
        let is_one = |n: &Node| n.name == LEGACY_TIME_SPINE && n.model().is_some_and(|m| m.time_spine.is_null());
        let node = self.project.nodes.values().filter(|_| used).find(|n| is_one(n))?;
        let mut d = Dict::new();
        d.insert("location".into(), node.relation_name.clone().into());
        d.insert("column_name".into(), "date_day".into());
        d.insert("grain".into(), "day".into());
        Some(Value::Map(d))
    }
}

/// The entry of a model that is a time spine.
fn time_spine(node: &Node) -> Option<Value> {
    let spine = node.model()?.time_spine.as_map()?;
    let column = spine.get("standard_granularity_column")?.as_str()?;
    let granularity = node.columns.get(column).and_then(|c| c.granularity.clone());
    let mut relation = Dict::new();
    relation.insert("alias".into(), node.alias.as_str().into());
    relation.insert("schema_name".into(), node.relation.schema.clone().into());
    relation.insert("database".into(), node.relation.database.clone().into());
    relation.insert("relation_name".into(), node.relation_name.clone().into());
    let mut primary = Dict::new();
    primary.insert("name".into(), column.into());
    primary.insert("time_granularity".into(), granularity.into());
    let mut d = Dict::new();
    d.insert("node_relation".into(), Value::Map(relation));
    d.insert("primary_column".into(), Value::Map(primary));
    let custom = spine.get("custom_granularities").cloned().unwrap_or(Value::List(Vec::new()));
    d.insert("custom_granularities".into(), custom);
    Some(Value::Map(d))
}
