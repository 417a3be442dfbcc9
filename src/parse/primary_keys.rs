//! The primary key of each model, as far as constraints and tests tell.
//!
//! In: the linked project, its disabled tests included. Out: models with `primary_key`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::base::{NodeId, Value};
use crate::node::{Detail, Disabled, Node, Project};

/// What tests say about the columns of a model.
#[derive(Default)]
struct Tested {
    unique: BTreeSet<String>,
    disabled_unique: BTreeSet<String>,
    not_null: BTreeSet<String>,
}

/// Fills in `primary_key` of all models.
pub fn infer(project: &mut Project) {
    let mut tested: HashMap<NodeId, Tested> = HashMap::new();
    let disabled = project.disabled.values().flatten().filter_map(|d| match d {
        Disabled::Node(node) => Some((node, false)),
        _ => None,
    });
    for (node, enabled) in project.nodes.values().map(|n| (n, true)).chain(disabled) {
        read_test(node, enabled, &mut tested);
    }
    for node in project.nodes.values_mut() {
        let Some(model) = node.model() else { continue };
        let from_constraint = model.constraints.iter().find(|c| c.kind == "primary_key");
        let from_column = || {
            let column = node.columns.iter().find(|(_, c)| c.constraints.iter().any(|c| c.kind == "primary_key"));
            column.map(|(name, _)| vec![name.clone()])
        };
        let mut key = from_constraint
            .map(|c| super::columns::texts(c.fields.get("columns")))
            .or_else(from_column)
            .or_else(|| tested.get(&node.id).map(Tested::key))
            .unwrap_or_default();
        key.sort();
        if key != model.primary_key
            && let Detail::Model(model) = &mut Arc::make_mut(node).detail
        {
            model.primary_key = key;
        }
    }
}

fn read_test(node: &Node, enabled: bool, tested: &mut HashMap<NodeId, Tested>) {
    let Some((test, model)) = node.generic_test().and_then(|t| Some((t, t.attached_node.as_ref()?))) else { return };
    let columns: Vec<String> = match (test.kwargs.get("column_name"), test.kwargs.get("combination_of_columns")) {
        (Some(Value::Str(column)), _) => vec![column.clone()],
        (_, Some(Value::List(columns))) => columns.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return,
    };
    let tested = tested.entry(model.clone()).or_default();
    match test.name.as_str() {
        "unique" | "unique_combination_of_columns" if enabled => tested.unique.extend(columns),
        "unique" | "unique_combination_of_columns" => tested.disabled_unique.extend(columns),
        "not_null" => tested.not_null.extend(columns),
        _ => {}
    }
}

impl Tested {
    /// Columns that are unique and never null, else those that are unique, else those that were meant to be.
    fn key(&self) -> Vec<String> {
        let any_unique = |column: &&String| self.unique.contains(*column) || self.disabled_unique.contains(*column);
        let both: Vec<String> = self.not_null.iter().filter(any_unique).cloned().collect();
        let candidates = [both, self.unique.iter().cloned().collect(), self.disabled_unique.iter().cloned().collect()];
        candidates.into_iter().find(|columns| !columns.is_empty()).unwrap_or_default()
    }
}
