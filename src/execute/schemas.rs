//! The schemas that a run writes to, and those that the project knows of.
//!
//! In: nodes. Out: `create schema` through the project's macros, and the list for the relation cache.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::base::{NodeId, Relation, Value};
use crate::diag::Diagnostic;
use crate::jinja::context::host::Database;
use crate::jinja::context::{Argument, NodeScope, RelationObject, call_named};
use crate::node::Project;
use crate::plan::{distinct_schemas, missing_schemas, writes};

use super::database::WorkerDatabase;
use super::request::Surroundings;

fn store_failures(around: &Surroundings) -> bool {
    around.shared.flags.get("STORE_FAILURES").is_some_and(Value::is_truthy)
}

/// Every schema of the project.
pub(super) fn of_project(project: &Project, around: &Surroundings) -> Vec<(String, String)> {
    let all = store_failures(around);
    distinct_schemas(project.nodes.values().filter(|node| writes(node, all)), around.adapter.default_database())
}

/// Creates the schemas that are missing for these nodes.
pub(super) fn create_missing<'a>(
    around: &Surroundings,
    database: &Arc<WorkerDatabase>,
    ids: impl Iterator<Item = &'a NodeId>,
) -> Result<(), Box<Diagnostic>> {
    let nodes = ids.filter_map(|id| around.project.nodes.get(id));
    let mut existing: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    let exists = |name: &str, schema: &str| -> Result<bool, Box<Diagnostic>> {
        let folded = name.to_lowercase();
        if !existing.contains_key(&folded) {
            let schemas = database.list_schemas(Some(name)).map_err(|e| Box::new(e.into_diagnostic()))?;
            existing.insert(folded.clone(), schemas.iter().map(|s| s.to_lowercase()).collect());
        }
        Ok(existing.get(&folded).is_some_and(|schemas| schemas.contains(&schema.to_lowercase())))
    };
    for (name, schema) in missing_schemas(nodes, around.adapter.default_database(), store_failures(around), exists)? {
        create(around, database, name, schema)?;
    }
    Ok(())
}

fn create(
    around: &Surroundings,
    database: &Arc<WorkerDatabase>,
    name: String,
    schema: String,
) -> Result<(), Box<Diagnostic>> {
    let package = around.project.info.name.as_str();
    let resolver = around.compiler.package_resolver(package);
    let door = Arc::clone(database) as Arc<dyn Database>;
    let scope = NodeScope::macro_run(&around.shared, package, resolver).database(door).build();
    let path = Relation { database: Some(name), schema: Some(schema), identifier: None };
    let relation = RelationObject::new(path, None, around.shared.quote_policy());
    let arguments = [("relation", Argument::Relation(relation))];
    call_named(&around.engine, "create_schema", arguments, &scope).map_err(Box::new)?;
    database.commit().map_err(|e| Box::new(e.into_diagnostic()))
}
