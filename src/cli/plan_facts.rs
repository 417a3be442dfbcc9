//! Gathers what a plan is made from: the warehouse's catalog, the run ledger, the columns of queries, who builds what.
//!
//! In: a session on a warehouse that is only read, what runs. Out: [`Facts`]. No data is read and nothing is written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapters::shadow::ShadowColumn;
use crate::adapters::{Connection, Fetch, TableSize};
use crate::base::{NodeId, Table};
use crate::diag::Diagnostic;
use crate::execute::connection_diagnostic;
use crate::execute::event::Event;
use crate::graph::ExecutionGraph;
use crate::lineage::{Schemas, Verdict};
use crate::node::{Node, ResourceType};
use crate::plan::{
    Existing, Facts, Maker, PlanSettings, SeedFile, adds_to, columns_after, distinct_schemas, full_refresh, strategy,
    writes,
};
use crate::state::LedgerTable;

use super::inspect::{Scope, inspect_these};
use super::session::{Session, Step, Stop};

/// Gathers.
pub fn gather(session: &Session, graph: &ExecutionGraph, settings: &PlanSettings) -> Step<Facts> {
    let project = &session.project;
    let nodes: Vec<&Arc<Node>> = graph.order().filter_map(|id| project.nodes.get(id)).collect();
    let mut facts = Facts::default();
    let mut connection = session.adapter.connect().map_err(|error| stop(session, &connection_diagnostic(&error)))?;
    catalog(session, connection.as_mut(), &nodes, settings, &mut facts)
        .map_err(|error| stop(session, &connection_diagnostic(&error)))?;
    ledger(session, connection.as_mut(), &nodes, &mut facts);
    drop(connection);
    makers(session, &nodes, settings, &mut facts);
    if let Some(files) = &session.shared.files {
        for node in nodes.iter().filter(|node| node.resource_type == ResourceType::Seed) {
            let read = files.seed(node).map(|(shape, _)| SeedFile { columns: shape.names, rows: shape.height as u64 });
            facts.seeds.insert(node.id.clone(), read.map_err(|problem| problem.message));
        }
    }
    queries(session, graph, settings, &mut facts)?;
    Ok(facts)
}

fn stop(session: &Session, problem: &Diagnostic) -> Stop {
    session.inputs.sink.emit(&Event::Problem(problem));
    Stop(2)
}

/// What is in the schemas of the project: kinds, rows as the catalog counts them; columns of what is added to.
fn catalog(
    session: &Session,
    connection: &mut dyn Connection,
    nodes: &[&Arc<Node>],
    settings: &PlanSettings,
    facts: &mut Facts,
) -> Result<(), crate::adapters::AdapterError> {
    let written = session.project.nodes.values().filter(|node| writes(node, settings.store_failures));
    let places = distinct_schemas(written, &settings.default_database);
    let databases: BTreeSet<String> = places.iter().map(|(database, _)| database.to_lowercase()).collect();
    for database in databases {
        let schemas = connection.list_schemas(&database)?;
        facts.schemas.extend(schemas.into_iter().map(|schema| (database.clone(), schema.to_lowercase())));
    }
    let sizes: HashMap<_, TableSize> =
        connection.table_sizes(&places)?.into_iter().map(|(relation, size)| (relation.key(), size)).collect();
    for (relation, kind) in connection.list_all_relations(&places)? {
        let size = sizes.get(&relation.key()).copied().unwrap_or_default();
        let existing = Existing { kind, rows: size.rows, small_files: size.small_files, columns: None };
        facts.relations.insert(relation.key(), existing);
    }
    let compared: Vec<&&Arc<Node>> = nodes.iter().filter(|node| is_compared(node)).collect();
    let places = distinct_schemas(compared.iter().map(|node| **node), &settings.default_database);
    if places.is_empty() {
        return Ok(());
    }
    let known = Schemas::of_catalog(&connection.catalog(&places)?);
    for node in compared {
        let (mut own, schema, name) = node.relation.key();
        if own.is_empty() {
            own = settings.default_database.to_lowercase();
        }
        if let Some(existing) = facts.relations.get_mut(&(own, schema, name)) {
            existing.columns = known.get(&node.relation).map(<[_]>::to_vec);
        }
    }
    Ok(())
}

/// Whether the columns of a node's table decide what is done with it.
fn is_compared(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Seed | ResourceType::Snapshot)
        || (node.resource_type == ResourceType::Model
            && matches!(node.config.materialized(), "incremental" | "table" | "view"))
}

/// What the run ledger holds. Where there is none yet, the run makes one, which knows nothing.
fn ledger(session: &Session, connection: &mut dyn Connection, nodes: &[&Arc<Node>], facts: &mut Facts) {
    let can = session.adapter.capabilities();
    if !(can.persistent && can.transactions && can.transactional_ddl) {
        return;
    }
    let own = session.adapter.default_database();
    let mut tables: HashMap<String, Option<LedgerTable>> = HashMap::new();
    let mut ask = |sql: &str| -> Option<Table> { connection.execute(sql, Fetch::All).ok().map(|e| e.table) };
    let mut table_of = |database: &str, ask: &mut dyn FnMut(&str) -> Option<Table>| {
        let open = || {
            let table = LedgerTable::new(database, |part| session.adapter.quote(part));
            ask(&table.probe()).map(|_| table)
        };
        tables.entry(database.to_lowercase()).or_insert_with(open).clone()
    };
    if let Some(table) = table_of(own, &mut ask) {
        facts.fingerprints = ask(&table.built_with()).map(|t| LedgerTable::fingerprints(&t)).unwrap_or_default();
    }
    for node in nodes.iter().filter(|node| node.is_microbatch()) {
        let database = node.relation.database.as_deref().unwrap_or(own);
        let rows =
            table_of(database, &mut ask).and_then(|table| ask(&table.read(&LedgerTable::relation_key(&node.relation))));
        let recorded = rows.map(|rows| LedgerTable::recorded(&rows)).unwrap_or_default();
        facts.recorded.insert(node.id.clone(), recorded);
    }
}

/// Macros on which the decisions of built-in materializations rest.
const DECIDING: [&str; 8] = [
    "is_incremental",
    "should_full_refresh",
    "incremental_validate_on_schema_change",
    "check_for_schema_changes",
    "process_schema_changes",
    "sync_column_schemas",
    "reset_csv_table",
    "snapshot_follow_columns",
];

/// Materializations and strategies that are not the built-in ones.
fn makers(session: &Session, nodes: &[&Arc<Node>], settings: &PlanSettings, facts: &mut Facts) {
    let registry = session.engine.registry();
    let internal = registry.internal_packages();
    let types = [session.shared.adapter.adapter_type.clone()];
    let maker = |id| {
        let entry = registry.entry(id);
        if internal.contains(&entry.package) { Maker::BuiltIn } else { Maker::Project(entry.unique_id.clone()) }
    };
    let mut known: HashMap<String, Maker> = HashMap::new();
    let built = nodes.iter().filter(|node| node.resource_type != ResourceType::Analysis);
    for node in built {
        let name = node.config.materialized();
        let found = known.entry(name.to_owned()).or_insert_with(|| {
            registry.materialization(name, &types, false).ok().flatten().map_or(Maker::Missing, maker)
        });
        if *found != Maker::BuiltIn {
            facts.makers.insert(node.id.clone(), found.clone());
        }
    }
    for node in nodes.iter().filter(|node| node.config.materialized() == "incremental") {
        let strategy = strategy(&node.config, settings.default_strategy);
        let named = node.config.str("incremental_strategy").unwrap_or("default");
        let usable = session.shared.adapter.incremental_strategies.iter().any(|known| known == named);
        let name = format!("get_incremental_{}_sql", named.replace('+', "_"));
        let found = registry.find_macro(&node.package, &name);
        let known = ["append", "delete+insert", "merge", "insert_overwrite", "microbatch"].contains(&named);
        let found = match found {
            Some(_) if known && !usable => Maker::Missing,
            Some(id) => maker(id),
            None => Maker::Missing,
        };
        let built_in = found == Maker::BuiltIn && !matches!(strategy, crate::plan::Strategy::Custom(_));
        if !built_in {
            facts.strategies.insert(node.id.clone(), found);
        }
    }
    let of_project = |entry: &&Arc<crate::jinja::MacroEntry>| !internal.contains(&entry.package);
    let deciding = |name: &str| DECIDING.iter().any(|d| name == *d || name.ends_with(&format!("__{d}")));
    let replaced = registry.entries().iter().filter(of_project).filter(|entry| deciding(&entry.name));
    facts.replaced_macros = replaced.map(|entry| entry.unique_id.clone()).collect();
}

/// Binds the queries whose columns decide something, and those above them that this run builds. What it does not build has the
/// columns that it has in the warehouse.
fn queries(session: &Session, graph: &ExecutionGraph, settings: &PlanSettings, facts: &mut Facts) -> Step<()> {
    let project = &session.project;
    let runs: HashSet<&NodeId> = graph.order().collect();
    let compares = |node: &Node| {
        let Some(existing) = facts.existing(&node.relation, &settings.default_database) else { return false };
        existing.columns.is_some() && node.resource_type != ResourceType::Seed
    };
    // The others are built anew: their columns decide nothing, but their readers want to know.
    let decides = |node: &Node| {
        let kind = facts.existing(&node.relation, &settings.default_database).map(|e| e.kind);
        node.resource_type == ResourceType::Snapshot
            || (node.config.materialized() == "incremental"
                && adds_to(kind, full_refresh(&node.config, settings.full_refresh)))
    };
    let wanted: Vec<&Arc<Node>> =
        graph.order().filter_map(|id| project.nodes.get(id)).filter(|node| compares(node)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let renders = |id: &NodeId| {
        project.nodes.get(id).is_some_and(|node| {
            runs.contains(id)
                || node.is_ephemeral()
                || facts.existing(&node.relation, &settings.default_database).is_none()
        })
    };
    let mut all: BTreeSet<NodeId> = BTreeSet::new();
    let mut open: Vec<NodeId> = wanted.iter().map(|node| node.id.clone()).collect();
    while let Some(id) = open.pop() {
        if all.insert(id.clone()) && renders(&id) {
            open.extend(project.parents(&id).iter().cloned());
        }
    }
    let seen: Mutex<HashMap<NodeId, Vec<ShadowColumn>>> = Mutex::default();
    let leaves = |node: &Node, query: &[ShadowColumn]| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(node.id.clone(), query.to_vec());
        let existing = facts.existing(&node.relation, &settings.default_database);
        columns_after(node, query, existing, settings.full_refresh, settings.default_strategy)
    };
    let adds = |id: &NodeId| {
        let node = project.nodes.get(id)?;
        let kind = facts.existing(&node.relation, &settings.default_database).map(|e| e.kind);
        Some(adds_to(kind, full_refresh(&node.config, settings.full_refresh)))
    };
    let reloads = |id: &NodeId| {
        let seed = project.nodes.get(id).filter(|node| runs.contains(id) && node.resource_type == ResourceType::Seed);
        seed.is_some_and(|node| full_refresh(&node.config, settings.full_refresh))
    };
    let scope = Scope { renders: &renders, adds: &adds, leaves: &leaves, reloads: &reloads, compiled: None };
    let inspected = inspect_these(session, &all, &scope)?;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut found = HashMap::new();
    for node in wanted {
        let Some(check) = inspected.checked.nodes.get(&node.id) else { continue };
        let query = match &check.verdict {
            Verdict::Good => match seen.remove(&node.id) {
                Some(columns) => Ok(columns),
                None => continue,
            },
            Verdict::Unchecked(_) if !decides(node) => continue,
            Verdict::Unchecked(why) => Err(why.clone()),
            Verdict::Failed(problem) => Err(problem.message.clone()),
        };
        found.insert(node.id.clone(), query);
    }
    facts.queries = found;
    Ok(())
}
