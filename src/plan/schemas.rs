//! The schemas that nodes are written to.
//!
//! In: nodes. Out: (database, schema) pairs, and those that are missing.

use std::collections::HashSet;
use std::sync::Arc;

use crate::node::{Node, ResourceType};

/// Distinct (database, schema) pairs, case aside, in order of appearance.
pub fn distinct_schemas<'a>(
    nodes: impl Iterator<Item = &'a Arc<Node>>,
    default_database: &str,
) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let pair = |node: &Arc<Node>| {
        let schema = node.relation.schema.clone()?;
        Some((node.relation.database.clone().unwrap_or_else(|| default_database.to_owned()), schema))
    };
    nodes.filter_map(pair).filter(|(d, s)| seen.insert((d.to_lowercase(), s.to_lowercase()))).collect()
}

/// Whether a node leaves a relation. `all_tests_store` is `--store-failures`.
pub fn writes(node: &Node, all_tests_store: bool) -> bool {
    let stores = || match node.config.str("store_failures_as") {
        Some(kind) => kind != "ephemeral",
        None => node.config.bool("store_failures").unwrap_or(all_tests_store),
    };
    node.is_relational() || node.function().is_some() || (node.resource_type == ResourceType::Test && stores())
}

/// The schemas that nodes need and that do not exist. `exists` is asked in the spelling of the nodes.
pub fn missing_schemas<'a, E>(
    nodes: impl Iterator<Item = &'a Arc<Node>>,
    default_database: &str,
    all_tests_store: bool,
    mut exists: impl FnMut(&str, &str) -> Result<bool, E>,
) -> Result<Vec<(String, String)>, E> {
    let mut missing = Vec::new();
    for (database, schema) in distinct_schemas(nodes.filter(|node| writes(node, all_tests_store)), default_database) {
        if !exists(&database, &schema)? {
            missing.push((database, schema));
        }
    }
    Ok(missing)
}
