//! The run ledger: a table `_transform.runs` beside the relations that it tells of.
//!
//! In: [`Entry`]. Out: plain SQL that any engine takes, and [`Recorded`] out of what it answers.
//!
//! A row is written in the transaction of the change that it records: both are there, or neither. Rows are never deleted; those
//! of a table that was rebuilt get the status `replaced`.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::base::{BatchKey, Fingerprint, Interval, Relation, Table, Value};
use crate::node::{Node, Project, ResourceType};

/// The schema of the ledger.
pub const LEDGER_SCHEMA: &str = "_transform";
const TABLE: &str = "runs";
const COLUMNS: &str = "node_id, relation, kind, interval_start, interval_end, fingerprint, invocation_id, row_count, \
                       started_at, finished_at, status, table_version";

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A whole model.
    Model,
    /// A whole seed.
    Seed,
    /// A run of a snapshot.
    Snapshot,
    /// A batch of a model.
    Batch,
    /// A rewriting of an interval, batch by batch.
    Restate,
}

impl EntryKind {
    const ALL: [Self; 5] = [Self::Model, Self::Seed, Self::Snapshot, Self::Batch, Self::Restate];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Batch => "batch",
            Self::Restate => "restate",
        }
    }
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    /// It is in the warehouse.
    Success,
    /// It was there before the ledger was; nobody knows how it was built.
    Adopted,
    /// It was built from a part of its input: `--sample`, `--empty`.
    Partial,
    /// It has begun, and the run that began it is at work or was killed.
    Running,
    /// It ended before all was done: by an error, or because somebody stopped it.
    Stopped,
    /// The table was built anew since.
    Replaced,
}

impl EntryStatus {
    const ALL: [Self; 6] = [Self::Success, Self::Adopted, Self::Partial, Self::Running, Self::Stopped, Self::Replaced];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Adopted => "adopted",
            Self::Partial => "partial",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
        }
    }
}

/// A row to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unique id of the node.
    pub node_id: String,
    /// The relation, as [`LedgerTable::relation_key`] spells it.
    pub relation: String,
    /// What it tells of.
    pub kind: EntryKind,
    /// The batch; none for whole relations.
    pub interval: Option<Interval>,
    /// Hash of the node's code and of the configs that shape it.
    pub fingerprint: String,
    /// The run that wrote it.
    pub invocation_id: String,
    /// Rows written, where the engine says so.
    pub rows: Option<i64>,
    /// When work on it began.
    pub started_at: DateTime<Utc>,
    /// When it was about to be committed.
    pub finished_at: DateTime<Utc>,
    /// What it says.
    pub status: EntryStatus,
    /// The version of the table that the change makes, where tables have versions.
    pub table_version: Option<u64>,
}

/// A row that was read: what later decisions need of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// A batch or a rewriting.
    pub kind: EntryKind,
    /// The interval.
    pub interval: Interval,
    /// Hash of the code.
    pub fingerprint: String,
    /// When work on it began.
    pub started_at: DateTime<Utc>,
    /// What it says.
    pub status: EntryStatus,
}

/// The ledger's table in one database, as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerTable {
    schema: String,
    table: String,
}

impl LedgerTable {
    /// The ledger of a database; `quote` is how the engine quotes names.
    pub fn new(database: &str, quote: impl Fn(&str) -> String) -> Self {
        let schema = format!("{}.{}", quote(database), quote(LEDGER_SCHEMA));
        Self { table: format!("{schema}.{}", quote(TABLE)), schema }
    }

    /// How the ledger names a relation.
    pub fn relation_key(relation: &Relation) -> String {
        let part = |part: &Option<String>| part.as_deref().unwrap_or_default().to_lowercase();
        format!("{}.{}", part(&relation.schema), part(&relation.identifier))
    }

    /// Makes schema and table if they are missing.
    pub fn create(&self) -> [String; 2] {
        let columns = "node_id varchar, relation varchar, kind varchar, interval_start varchar, interval_end varchar, \
                       fingerprint varchar, invocation_id varchar, row_count bigint, started_at timestamp, \
                       finished_at timestamp, status varchar, table_version bigint";
        [
            format!("create schema if not exists {}", self.schema),
            format!("create table if not exists {} ({columns})", self.table),
        ]
    }

    /// Whether the table is one that versions before had no column in.
    pub fn probe_former(&self) -> String {
        format!("select {} from {} where 1 = 0", COLUMNS.trim_end_matches(", table_version"), self.table)
    }

    /// Makes a former table like those of today.
    pub fn upgrade(&self) -> String {
        format!("alter table {} add column table_version bigint", self.table)
    }

    /// Whether the table can be read at all.
    pub fn probe(&self) -> String {
        format!("select {COLUMNS} from {} where 1 = 0", self.table)
    }

    /// Writes a row.
    pub fn insert(&self, entry: &Entry) -> String {
        let bound = |pick: fn(Interval) -> BatchKey| optional(entry.interval.map(|i| text(&pick(i).to_string())));
        let values = [
            text(&entry.node_id),
            text(&entry.relation),
            text(entry.kind.as_str()),
            bound(|interval| interval.start),
            bound(|interval| interval.end),
            text(&entry.fingerprint),
            text(&entry.invocation_id),
            optional(entry.rows.map(|rows| rows.to_string())),
            moment(entry.started_at),
            moment(entry.finished_at),
            text(entry.status.as_str()),
            optional(entry.table_version.map(|version| version.to_string())),
        ];
        format!("insert into {} ({COLUMNS}) values ({})", self.table, values.join(", "))
    }

    /// The table of a relation is built anew: what was recorded of it is history.
    pub fn replace(&self, relation: &str) -> String {
        format!(
            "update {} set status = 'replaced' where relation = {} and kind in ('batch', 'restate') \
             and status <> 'replaced'",
            self.table,
            text(relation)
        )
    }

    /// A rewriting has ended, well or not.
    pub fn restated(&self, relation: &str, interval: Interval, status: EntryStatus) -> String {
        format!(
            "update {} set status = '{}' where relation = {} and kind = 'restate' and status = 'running' \
             and interval_start = {} and interval_end = {}",
            self.table,
            status.as_str(),
            text(relation),
            text(&interval.start.to_string()),
            text(&interval.end.to_string())
        )
    }

    /// Asks for the batches of a relation, oldest first.
    pub fn read(&self, relation: &str) -> String {
        format!(
            "select kind, interval_start, interval_end, fingerprint, cast(started_at as varchar) as started_at, status \
             from {} where relation = {} and kind in ('batch', 'restate') and status <> 'replaced' \
             order by started_at",
            self.table,
            text(relation)
        )
    }

    /// Asks for the code that whole relations were last built with: one row a relation and code.
    pub fn built_with(&self) -> String {
        format!(
            "select relation, fingerprint, cast(max(finished_at) as varchar) as finished_at from {} \
             where kind in ('model', 'seed') and status = 'success' group by relation, fingerprint",
            self.table
        )
    }

    /// What [`LedgerTable::built_with`] answered: the newest fingerprint by relation.
    pub fn fingerprints(table: &Table) -> HashMap<String, String> {
        let mut newest: HashMap<String, (String, String)> = HashMap::new();
        for row in &table.rows {
            let [Value::Str(relation), Value::Str(fingerprint), Value::Str(at)] = row.as_slice() else { continue };
            let known = newest.get(relation).is_some_and(|(_, known)| known >= at);
            if !known {
                newest.insert(relation.clone(), (fingerprint.clone(), at.clone()));
            }
        }
        newest.into_iter().map(|(relation, (fingerprint, _))| (relation, fingerprint)).collect()
    }

    /// What [`LedgerTable::read`] answered. Rows that make no sense are left out.
    pub fn recorded(table: &Table) -> Vec<Recorded> {
        table.rows.iter().filter_map(|row| recorded(row)).collect()
    }
}

/// Hash of a node's code and of the configs that decide what its table holds.
pub fn fingerprint(node: &Node) -> String {
    let keys: &[&str] = match node.resource_type {
        ResourceType::Seed => &["column_types", "delimiter", "quote_columns"],
        _ => &["materialized", "incremental_strategy", "event_time", "event_time_format", "unique_key"],
    };
    let config: Vec<String> = keys.iter().map(|key| node.config.get(key).unwrap_or(&Value::Null).to_string()).collect();
    let parts = config.iter().map(String::as_bytes).chain([node.checksum.checksum.as_bytes()]);
    Fingerprint::of_parts(parts).to_hex()[..32].to_owned()
}

/// Hash of the code beside a node's own that decides what its table holds: the macros that it calls and the ephemeral models that
/// it reads, all the way.
pub fn fingerprint_around(project: &Project, node: &Node) -> Fingerprint {
    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    let mut nodes = vec![node];
    let mut macros = Vec::new();
    while let Some(node) = nodes.pop() {
        macros.extend(&node.depends_on_macros);
        for parent in node.depends_on.iter().filter_map(|id| project.nodes.get(id)).filter(|n| n.is_ephemeral()) {
            if texts.insert(parent.id.as_str(), parent.checksum.checksum.as_str()).is_none() {
                nodes.push(parent);
            }
        }
    }
    texts.extend(project.macros_called(macros).filter_map(|(id, found)| Some((id, found?.span.text()))));
    Fingerprint::of_parts(texts.into_iter().flat_map(|(id, text)| [id.as_bytes(), text.as_bytes()]))
}

fn recorded(row: &[Value]) -> Option<Recorded> {
    let [kind, start, end, fingerprint, started_at, status] = row else { return None };
    let (kind, status) = (kind.as_str()?, status.as_str()?);
    Some(Recorded {
        kind: EntryKind::ALL.into_iter().find(|k| k.as_str() == kind)?,
        interval: Interval { start: BatchKey::parse(start.as_str()?)?, end: BatchKey::parse(end.as_str()?)? },
        fingerprint: fingerprint.as_str().unwrap_or_default().to_owned(),
        started_at: NaiveDateTime::parse_from_str(started_at.as_str()?, "%Y-%m-%d %H:%M:%S%.f").ok()?.and_utc(),
        status: EntryStatus::ALL.into_iter().find(|s| s.as_str() == status)?,
    })
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

fn moment(at: DateTime<Utc>) -> String {
    format!("timestamp '{}'", at.format("%Y-%m-%d %H:%M:%S%.6f"))
}
