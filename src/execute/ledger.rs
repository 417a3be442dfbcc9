//! The run ledger of this run: opened at its start, written to in each node's own transaction.
//!
//! In: the databases that nodes are written to. Out: [`Ledger`], which says where there is one, and [`Pending`], a row that waits
//! for the commit of what it tells of. A ledger that cannot be kept costs one warning and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::base::{Interval, NodeId, Relation};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::{Database, ExecuteOptions};
use crate::node::{Node, ResourceType};
use crate::state::{Entry, EntryKind, EntryStatus, LedgerTable, fingerprint};

use super::database::WorkerDatabase;
use super::event::Event;
use super::request::Surroundings;

/// The ledgers of a run's databases.
pub(super) struct Ledger {
    around: Surroundings,
    /// By the database's name in lower case.
    tables: Mutex<HashMap<String, LedgerTable>>,
}

/// A row that waits for a commit.
pub(super) struct Pending {
    ledger: Arc<Ledger>,
    database: String,
    table: LedgerTable,
    entry: Entry,
    relation: Relation,
    /// Whether the table is built anew.
    replaces: bool,
    /// Whether what it tells of has been done.
    due: bool,
}

impl Ledger {
    /// Opens the ledgers that the nodes of a run need, and makes those that are missing.
    pub fn open<'a>(
        around: &Surroundings,
        database: &Arc<WorkerDatabase>,
        nodes: impl Iterator<Item = &'a NodeId>,
    ) -> Arc<Self> {
        let ledger = Self { around: around.clone(), tables: Mutex::default() };
        let can = around.adapter.capabilities();
        if can.persistent && can.transactions && can.transactional_ddl {
            let nodes = nodes.filter_map(|id| around.project.nodes.get(id)).filter(|node| is_kept(node));
            for name in nodes.filter_map(|node| ledger.database_of(node)) {
                ledger.open_one(database, name);
            }
        }
        Arc::new(ledger)
    }

    fn tables(&self) -> MutexGuard<'_, HashMap<String, LedgerTable>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database whose ledger tells of a node. Only batches need one in a database that is not the target's own.
    fn database_of<'a>(&'a self, node: &'a Node) -> Option<&'a str> {
        let own = self.around.adapter.default_database();
        let database = node.relation.database.as_deref().unwrap_or(own);
        (node.is_microbatch() || database.eq_ignore_ascii_case(own)).then_some(database)
    }

    fn open_one(&self, database: &Arc<WorkerDatabase>, name: &str) {
        let key = name.to_lowercase();
        if self.tables().contains_key(&key) {
            return;
        }
        let table = LedgerTable::new(name, |part| self.around.adapter.quote(part));
        let ask = |sql: &str| database.execute(sql, &ExecuteOptions::default());
        let there = || ask(&table.probe());
        let made = there().map(drop).or_else(|_| {
            if ask(&table.probe_former()).is_ok() {
                return ask(&table.upgrade()).map(drop);
            }
            for sql in table.create() {
                ask(&sql)?;
            }
            there().map(drop)
        });
        database.reset();
        match made {
            Ok(()) => {
                self.tables().insert(key, table);
            }
            Err(error) => self.warn(name, &error.into_diagnostic().message),
        }
    }

    fn warn(&self, database: &str, words: &str) {
        let message = format!("runs in the database {database} are not recorded: {words}");
        let problem = Diagnostic::warning(codes::LEDGER, message)
            .note("without the record of its batches a microbatch model runs as in dbt: it does not see gaps");
        self.around.sink.emit(&Event::Problem(&problem));
    }

    /// The ledger that tells of a node.
    pub fn table(&self, node: &Node) -> Option<LedgerTable> {
        self.tables().get(&self.database_of(node)?.to_lowercase()).cloned()
    }

    /// The row for a node that is about to run; none where nothing is recorded.
    pub fn entry(self: &Arc<Self>, node: &Node, interval: Option<Interval>) -> Option<Pending> {
        let kind = match (interval, node.resource_type) {
            _ if !is_kept(node) => return None,
            (Some(_), _) => EntryKind::Batch,
            (None, ResourceType::Seed) => EntryKind::Seed,
            (None, ResourceType::Snapshot) => EntryKind::Snapshot,
            (None, _) => EntryKind::Model,
        };
        let (database, table) = (self.database_of(node)?.to_owned(), self.table(node)?);
        let entry = self.row(node, kind, interval, EntryStatus::Success);
        Some(Pending {
            ledger: Arc::clone(self),
            database,
            table,
            entry,
            relation: complete(&self.around, node),
            replaces: false,
            due: false,
        })
    }

    /// A row about a node, as of now.
    pub fn row(&self, node: &Node, kind: EntryKind, interval: Option<Interval>, status: EntryStatus) -> Entry {
        let now = Utc::now();
        Entry {
            node_id: node.id.to_string(),
            relation: LedgerTable::relation_key(&node.relation),
            kind,
            interval,
            fingerprint: fingerprint(node),
            invocation_id: self.around.shared.invocation_id.clone(),
            rows: None,
            started_at: now,
            finished_at: now,
            status,
            table_version: None,
        }
    }
}

impl Pending {
    /// The rows were built from a part of the input.
    pub fn partial(&mut self) {
        self.entry.status = EntryStatus::Partial;
    }

    /// The table is built anew: what was recorded of it is history.
    pub fn replaces(&mut self) {
        self.replaces = true;
    }

    /// What it tells of has been done.
    pub fn is_done(&mut self, rows: Option<i64>) {
        self.due = true;
        self.entry.rows = rows;
    }

    /// What it tells of.
    pub fn relation(&self) -> &Relation {
        &self.relation
    }

    /// The version of the table that the next commit makes.
    pub fn makes_version(&mut self, version: Option<u64>) {
        self.entry.table_version = version;
    }

    /// Whether the next commit has to carry it.
    pub fn is_due(&self) -> bool {
        self.due
    }

    /// The statements that write it.
    pub fn statements(&mut self) -> Vec<String> {
        self.entry.finished_at = Utc::now();
        let before = self.replaces.then(|| self.table.replace(&self.entry.relation));
        before.into_iter().chain([self.table.insert(&self.entry)]).collect()
    }

    /// It cannot be written: this run keeps no ledger in that database any more.
    pub fn give_up(&self, words: &str) {
        if self.ledger.tables().remove(&self.database.to_lowercase()).is_some() {
            self.ledger.warn(&self.database, words);
        }
    }
}

/// Whether runs of a node are recorded.
fn is_kept(node: &Node) -> bool {
    node.is_relational()
}

/// The first moment of the invocation, to the microsecond.
pub(super) fn to_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// The relation of a node with nothing left open.
pub(super) fn complete(around: &Surroundings, node: &Node) -> Relation {
    let database = node.relation.database.clone().unwrap_or_else(|| around.adapter.default_database().to_owned());
    Relation { database: Some(database), ..node.relation.clone() }
}
