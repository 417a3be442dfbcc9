//! What a render knows about the node it belongs to.
//!
//! In: a finished [`Node`], or what the parser knows before the node exists. Out: [`NodeFacts`].

use std::fmt;
use std::sync::Arc;

use crate::base::{Dict, NodeId, Relation, Value};
use crate::node::dict::{self, CompiledCode};
use crate::node::{Config, Language, Node, ResourceType};

use super::column::ColumnObject;

/// Makes a dict when it is asked for.
pub type LazyDict = Arc<dyn Fn() -> Dict + Send + Sync>;

/// The node of a render; all parts may be absent, as for operations.
#[derive(Clone, Default)]
pub struct NodeFacts {
    /// Unique id.
    pub id: Option<NodeId>,
    /// Name, as messages show it.
    pub name: String,
    /// Package: whose variables and macros come first.
    pub package: String,
    /// Resource type.
    pub resource_type: Option<ResourceType>,
    /// The node's relation: `this`, `database`, `schema`, and what `ref` answers while parsing.
    pub relation: Option<Relation>,
    /// The node's config.
    pub config: Config,
    /// `model`; most renders never look at it.
    pub model: Option<LazyDict>,
    /// Keys of `model` beyond those.
    pub model_entries: Dict,
    /// The name of the batch that runs.
    pub batch: Option<String>,
    /// Language of the code.
    pub language: Option<Language>,
    /// Compiled SQL: `sql` and `compiled_code`.
    pub compiled: Option<String>,
    /// The finished node, for doors that need it.
    pub node: Option<Arc<Node>>,
}

impl NodeFacts {
    /// The facts of a finished node.
    pub fn of(node: &Arc<Node>, compiled: Option<Arc<CompiledCode>>) -> Self {
        let operation = node.resource_type == ResourceType::Operation;
        let (model_node, code) = (Arc::clone(node), compiled.as_ref().map(|c| c.code.clone()));
        Self {
            id: Some(node.id.clone()),
            name: node.name.clone(),
            package: node.package.clone(),
            resource_type: Some(node.resource_type),
            relation: (!operation).then(|| node.relation.clone()),
            config: node.config.clone(),
            model: Some(Arc::new(move || model_of(&model_node, compiled.as_deref()))),
            model_entries: Dict::new(),
            batch: None,
            language: Some(node.language),
            compiled: code,
            node: Some(Arc::clone(node)),
        }
    }

    /// `model` as templates see it.
    pub(super) fn model_dict(&self) -> Dict {
        let mut model = self.model.as_ref().map(|make| make()).unwrap_or_default();
        for (key, value) in &self.model_entries {
            match (model.get_mut(key), value) {
                // Further keys of the config are put into it.
                (Some(Value::Map(old)), Value::Map(new)) if key == "config" => old.extend(new.clone()),
                _ => {
                    model.insert(key.clone(), value.clone());
                }
            }
        }
        model
    }

    /// The facts of code that belongs to a package and to no node.
    pub fn package(package: impl Into<String>) -> Self {
        Self { package: package.into(), ..Self::default() }
    }

    /// How messages name the node.
    pub(super) fn display_name(&self) -> &str {
        if self.name.is_empty() { "<Configuration>" } else { &self.name }
    }
}

impl fmt::Debug for NodeFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeFacts({})", self.id.as_ref().map_or(self.display_name(), |id| id.as_str()))
    }
}

fn model_of(node: &Node, compiled: Option<&CompiledCode>) -> Dict {
    let mut model = without_nulls(dict::node(node, compiled));
    if let Some(code) = compiled {
        model.insert("compiled_sql".into(), code.code.as_str().into());
    }
    translate_types(&mut model);
    model
}

/// dbt's `model` leaves unset keys out: at the top, in the config, in columns. Users' own mappings stay whole.
fn without_nulls(mut model: Dict) -> Dict {
    let prune = |map: &mut Dict| map.retain(|_, value| !value.is_null());
    prune(&mut model);
    for key in ["config", "contract", "docs"] {
        if let Some(Value::Map(map)) = model.get_mut(key) {
            prune(map);
        }
    }
    if let Some(Value::Map(columns)) = model.get_mut("columns") {
        for column in columns.values_mut() {
            if let Value::Map(column) = column {
                prune(column);
            }
        }
    }
    model
}

/// A contract with `alias_types` shows the engine's names of declared types.
fn translate_types(model: &mut Dict) {
    let alias_types = model.get("contract").and_then(|c| c.get("alias_types")).and_then(Value::as_bool);
    if alias_types != Some(true) {
        return;
    }
    let Some(Value::Map(columns)) = model.get_mut("columns") else { return };
    for column in columns.values_mut() {
        if let Value::Map(column) = column
            && let Some(Value::Str(data_type)) = column.get_mut("data_type")
        {
            *data_type = ColumnObject::translate_type(data_type);
        }
    }
}
