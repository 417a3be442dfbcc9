//! What is different about a node that an earlier manifest has too, beside what its SQL gives.
//!
//! In: a [`Comparison`], a node or source. Out: [`Difference`]s that those who read its rows could notice: configs, hooks, the
//! file of a seed, the table of a source, macros that run beside its SQL.

use std::collections::HashSet;

use crate::base::{Dict, NodeId, Value};
use crate::node::previous::Difference;
use crate::node::{Node, Source};

use super::modified::{Comparison, unrendered};
use super::values::{inner, same_entry, text};

/// Configs that say something about a node and do nothing to its rows.
const DESCRIBING: [&str; 7] = ["alias", "tags", "group", "meta", "docs", "description", "persist_docs"];
/// Configs that run SQL of their own.
const HOOKS: [&str; 2] = ["pre-hook", "post-hook"];

impl Comparison<'_> {
    /// What is different about a member; nothing of what is new, or gone, or neither node nor source.
    pub fn differences(&self, id: &NodeId) -> Vec<Difference> {
        let Some(old) = self.previous.members.get(id) else { return Vec::new() };
        if let Some(source) = self.project.sources.get(id) {
            return table(source, old).into_iter().collect();
        }
        let Some(node) = self.project.nodes.get(id).filter(|n| n.is_refable()) else { return Vec::new() };
        let new = self.current(id);
        let mut found = configs(&new, old);
        if text(&new, "resource_type") == "seed" && !self.same_body(&new, old) {
            found.push(Difference::File);
        }
        let macros = self.macros_beside(node);
        if !macros.is_empty() {
            found.push(Difference::Macros(macros));
        }
        found
    }

    /// Changed macros that run before, after and around the node's SQL.
    fn macros_beside(&self, node: &Node) -> Vec<String> {
        let changed = self.macros.get_or_init(|| self.changed_macros());
        if changed.is_empty() {
            return Vec::new();
        }
        let hooks: String = HOOKS.iter().filter_map(|key| node.config.get(key)).map(Value::to_string).collect();
        let name = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
        let words: HashSet<&str> = hooks.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let begins = |id: &&String| {
            let name = name(id);
            words.contains(name.as_str()) || name.starts_with("materialization_")
        };
        let called = self.project.macros_called(node.depends_on_macros.iter().filter(begins)).map(|(id, _)| id);
        let mut found: Vec<String> = called.filter(|id| changed.contains(*id)).map(name).collect();
        found.sort();
        found
    }
}

/// Configs that are written otherwise.
fn configs(new: &Dict, old: &Dict) -> Vec<Difference> {
    let (new, old) = (unrendered(new), unrendered(old));
    let keys: HashSet<&String> = new.keys().chain(old.keys()).collect();
    let mut keys: Vec<&String> = keys.into_iter().filter(|key| !DESCRIBING.contains(&key.as_str())).collect();
    keys.sort();
    let entry = |dict: &Dict, key: &String| dict.get(key).filter(|value| !value.is_null()).cloned();
    let changed = keys.into_iter().filter(|key| !same_entry(&new, &old, key));
    changed.map(|key| Difference::Config { key: key.clone(), was: entry(&old, key), is: entry(&new, key) }).collect()
}

/// Another table or other files of a source. The state may be of another target: then the names of schema and database are
/// others without anybody having changed them.
fn table(source: &Source, old: &Dict) -> Option<Difference> {
    let was = text(old, "relation_name").to_owned();
    let written = |key: &str, now: &Option<String>| {
        let now = now.as_deref().unwrap_or_default();
        old.contains_key(key) && text(old, key) != now
    };
    let moved = match &source.reader {
        Some(reader) => *reader != was,
        None => {
            written("identifier", &source.relation.identifier)
                || written("unrendered_schema", &source.unrendered_schema)
                || written("unrendered_database", &source.unrendered_database)
                || inner(old, "meta", "external_location").as_str().is_some()
        }
    };
    (moved && was != source.relation_name).then(|| Difference::Table { was, is: source.relation_name.clone() })
}
