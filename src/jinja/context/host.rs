//! The doors through which Jinja reaches the rest of the program. Later rooms implement these traits; this room calls
//! them and knows no engine, no file and no project.
//!
//! In: [`crate::base`], [`crate::diag`], [`crate::node`]. Out: [`Database`], [`Resolver`], [`Vars`], [`LogSink`],
//! [`NodeFiles`], [`DocLookup`], [`GraphSource`] and the small values that cross them.

use thiserror::Error;

use crate::base::{Dict, NodeId, Relation, RelationKind, Table, TableColumn, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::table::{CsvFile, Shape};
use crate::node::Node;

/// A failure behind one of the doors. It leaves the render as the same diagnostic.
#[derive(Clone, Debug, Error)]
pub enum HostError {
    /// A complete diagnostic (code, notes, help).
    #[error("{}", .0.message)]
    Diagnostic(Box<Diagnostic>),
    /// The database's own words.
    #[error("{0}")]
    Message(String),
}

impl HostError {
    /// The diagnostic to show: plain messages become database errors.
    pub fn into_diagnostic(self) -> Diagnostic {
        match self {
            Self::Diagnostic(diagnostic) => *diagnostic,
            Self::Message(text) => Diagnostic::error(codes::DATABASE_ERROR, text),
        }
    }
}

impl From<Diagnostic> for HostError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostic(Box::new(diagnostic))
    }
}

/// What the engine answers to a statement besides rows: dbt's `AdapterResponse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterResponse {
    /// What the log shows: `OK`, `SELECT 5`.
    pub message: String,
    /// The engine's word for the statement, if it has one.
    pub code: Option<String>,
    /// Rows changed or returned, if known.
    pub rows_affected: Option<i64>,
}

/// How a statement is to be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecuteOptions {
    /// Open a transaction first if none is open.
    pub auto_begin: bool,
    /// Return the rows.
    pub fetch: bool,
    /// Return at most so many rows.
    pub limit: Option<u64>,
    /// Positional parameters of the statement.
    pub bindings: Vec<Value>,
}

/// A column of an existing relation or of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Name as the engine spells it.
    pub name: String,
    /// The engine's full type, such as `DECIMAL(18,3)`.
    pub data_type: String,
    /// Whether the column may hold null.
    pub nullable: bool,
}

/// How constraints of one kind are treated by an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintSupport {
    /// The engine refuses rows that break it.
    Enforced,
    /// The engine accepts the clause and does not check it.
    NotEnforced,
    /// The engine has no such clause.
    NotSupported,
    /// The engine has no such clause; macros look for rows that break it.
    ByQuery,
}

/// What Jinja must know of the engine even when no database is open: plain data.
#[derive(Clone, Debug)]
pub struct AdapterFacts {
    /// `adapter.type()` and `target.type`: `duckdb`.
    pub adapter_type: String,
    /// Prefixes of dispatch, most specific first, ending in `default`.
    pub dispatch_prefixes: Vec<String>,
    /// Packages of built-in macros, the winning one first: `dbt_duckdb`, `dbt`.
    pub internal_packages: Vec<String>,
    /// `database` where a node names none.
    pub default_database: String,
    /// `target.schema`.
    pub default_schema: String,
    /// Incremental strategies that the engine's macros implement.
    pub incremental_strategies: Vec<String>,
    /// SQL for "now".
    pub now_sql: String,
    /// Support by constraint type (`check`, `not_null`, `unique`, `primary_key`, `foreign_key`).
    pub constraints: Vec<(String, ConstraintSupport)>,
    /// Whether rendered subqueries (`--empty`, event time) need an alias.
    pub subquery_alias: bool,
    /// Attached databases that are DuckLake catalogs.
    pub ducklake_databases: Vec<String>,
    /// The profile's `disable_transactions`.
    pub disable_transactions: bool,
    /// The profile's `external_root`.
    pub external_root: String,
    /// Placeholder of a positional parameter.
    pub binding_char: String,
    /// Schema of temporary relations where the engine needs a real one.
    pub temp_schema: String,
}

impl AdapterFacts {
    /// The facts of an engine; whatever is not given is at the default that a file-based SQL engine has.
    pub fn new(
        (adapter_type, prefixes): (&str, &[&str]),
        internal_packages: Vec<String>,
        default_database: impl Into<String>,
        default_schema: impl Into<String>,
    ) -> Self {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let enforced = |kind: &str| (kind.to_owned(), ConstraintSupport::Enforced);
        let mut dispatch_prefixes = words(prefixes);
        dispatch_prefixes.push("default".into());
        Self {
            adapter_type: adapter_type.to_owned(),
            dispatch_prefixes,
            internal_packages,
            default_database: default_database.into(),
            default_schema: default_schema.into(),
            incremental_strategies: words(&["append", "delete+insert", "merge", "insert_overwrite", "microbatch"]),
            now_sql: "now()".into(),
            constraints: ["check", "not_null", "unique", "primary_key", "foreign_key"].map(enforced).to_vec(),
            subquery_alias: false,
            ducklake_databases: Vec::new(),
            disable_transactions: false,
            external_root: ".".into(),
            binding_char: "?".into(),
            temp_schema: "dbt_temp".into(),
        }
    }

    /// The engine knows no keys: macros look for rows that break them.
    pub fn keys_are_looked_for(&mut self) {
        for (kind, support) in &mut self.constraints {
            if matches!(kind.as_str(), "unique" | "primary_key" | "foreign_key") {
                *support = ConstraintSupport::ByQuery;
            }
        }
    }
}

/// A Python model's code, ready to run.
#[derive(Clone, Copy, Debug)]
pub struct PythonCode<'a> {
    /// The name of the module.
    pub name: &'a str,
    /// The model's file, relative to the project.
    pub file: &'a str,
    /// The line of the file at which the code begins, from 1.
    pub first_line: usize,
    /// How many lines of the code are the file's.
    pub own_lines: usize,
    /// The code with everything that was put behind it.
    pub code: &'a str,
}

/// The database as one node's render sees it: one connection with its transaction, and the shared relation cache.
pub trait Database: Send + Sync {
    /// Runs SQL (one or several statements). The table is empty unless `fetch` is set.
    fn execute(&self, sql: &str, options: &ExecuteOptions) -> Result<(AdapterResponse, Table), HostError>;

    /// Runs a Python model's code within the open transaction, opening one if none is. `print` gets the lines it prints.
    fn run_python(&self, code: &PythonCode<'_>, print: &mut dyn FnMut(&str)) -> Result<AdapterResponse, HostError>;

    /// Opens a transaction; nothing happens if one is open.
    fn begin(&self) -> Result<(), HostError>;

    /// Commits the open transaction; nothing happens if none is open.
    fn commit(&self) -> Result<(), HostError>;

    /// Rolls the open transaction back; nothing happens if none is open.
    fn rollback(&self) -> Result<(), HostError>;

    /// All relations of a schema, from the cache where it knows the schema.
    fn relations(&self, database: Option<&str>, schema: &str) -> Result<Vec<(Relation, RelationKind)>, HostError>;

    /// All relations of a schema, asked of the engine now.
    fn relations_uncached(
        &self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<(Relation, RelationKind)>, HostError>;

    /// One relation, from the cache, under the engine's rules for case. The answer is spelled as the engine spells it.
    fn get_relation(&self, wanted: &Relation) -> Result<Option<(Relation, RelationKind)>, HostError>;

    /// The columns of a relation in order; empty if it does not exist.
    fn columns(&self, relation: &Relation) -> Result<Vec<ColumnInfo>, HostError>;

    /// The columns that a query would return, without running it.
    fn query_columns(&self, sql: &str) -> Result<Vec<ColumnInfo>, HostError>;

    /// Whether a schema exists.
    fn schema_exists(&self, database: Option<&str>, schema: &str) -> Result<bool, HostError>;

    /// Names of all schemas of a database.
    fn list_schemas(&self, database: Option<&str>) -> Result<Vec<String>, HostError>;

    /// A relation was created.
    fn cache_added(&self, relation: &Relation, kind: RelationKind);

    /// A relation was dropped.
    fn cache_dropped(&self, relation: &Relation);

    /// A relation was renamed.
    fn cache_renamed(&self, from: &Relation, to: &Relation);

    /// A schema exists now; it may have existed before, with relations in it.
    fn cache_schema_added(&self, database: Option<&str>, schema: &str);

    /// A schema was dropped with all that it held.
    fn cache_schema_dropped(&self, database: Option<&str>, schema: &str);

    /// Appends rows to a table in one go; the number of rows loaded. The columns of `rows` carry the names and the types
    /// of the table's columns, not those of the values.
    fn load_rows(&self, relation: &Relation, rows: &Table) -> Result<u64, HostError>;

    /// Appends a CSV file to a table, read by the engine; the number of rows loaded. The columns are those of the file in its
    /// order, under the names of the table's columns.
    fn load_csv(&self, relation: &Relation, columns: &[TableColumn], file: &CsvFile) -> Result<u64, HostError>;

    /// The node's `main` statement is done, with so many rows. What commits next makes the node's change final.
    fn main_done(&self, rows: Option<i64>) {
        let _ = rows;
    }

    /// A quoted identifier.
    fn quote(&self, identifier: &str) -> String {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }
}

/// Which of a relation's three parts something applies to: dbt's `Policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The database part.
    pub database: bool,
    /// The schema part.
    pub schema: bool,
    /// The identifier part.
    pub identifier: bool,
}

impl Policy {
    /// Every part.
    pub const ALL: Self = Self { database: true, schema: true, identifier: true };

    /// The policy after the entries of a `quoting` mapping; absent and null entries leave it.
    #[must_use]
    pub fn with(mut self, quoting: &Dict) -> Self {
        let set = |slot: &mut bool, key: &str| {
            if let Some(flag) = quoting.get(key).and_then(Value::as_bool) {
                *slot = flag;
            }
        };
        set(&mut self.database, "database");
        set(&mut self.schema, "schema");
        set(&mut self.identifier, "identifier");
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::ALL
    }
}

/// Rows of a time range only: microbatch parents and `--sample`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventTimeFilter {
    /// The column, quoted where it must be.
    pub field: String,
    /// Inclusive start, as SQL shows it: `2024-01-01 00:00:00+00:00`.
    pub start: Option<String>,
    /// Exclusive end.
    pub end: Option<String>,
    /// Whether the bounds are SQL as they are: numbers, and dates in a format of their own. Others are put in quotes.
    pub bare: bool,
}

/// What a `ref`, `source` or `function` call stands for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// The relation. For an inlined model the identifier is the CTE's name and the other parts are `None`.
    pub relation: Relation,
    /// Its kind: [`RelationKind::Cte`] for inlined models, else usually unknown.
    pub kind: Option<RelationKind>,
    /// SQL text that stands in the relation's place: a CTE name, `read_parquet('...')`.
    pub text: Option<String>,
    /// Which parts are quoted.
    pub quote: Policy,
    /// Which parts are shown.
    pub include: Policy,
    /// At most so many rows; 0 for `--empty`.
    pub limit: Option<u64>,
    /// Rows of a time range only.
    pub event_time: Option<EventTimeFilter>,
    /// Whether this is a user-defined function.
    pub is_function: bool,
    /// The relation of another state, to be read if this one does not exist.
    pub deferred: Option<(Relation, Policy)>,
}

impl Resolved {
    /// A plain relation.
    pub fn relation(relation: Relation, quote: Policy) -> Self {
        Self { relation, quote, ..Self::default() }
    }

    /// An inlined model: its CTE's name.
    pub fn cte(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            relation: Relation { identifier: Some(name.clone()), ..Relation::default() },
            kind: Some(RelationKind::Cte),
            text: Some(name),
            ..Self::default()
        }
    }
}

/// Finds what `ref()` and its kin name, from one node's point of view.
pub trait Resolver: Send + Sync {
    /// `ref(name)`, `ref(package, name)`, with `version=` (null if absent).
    fn reference(&self, package: Option<&str>, name: &str, version: &Value) -> Result<Resolved, Diagnostic>;

    /// `source(source, table)`.
    fn source(&self, source: &str, table: &str) -> Result<Resolved, Diagnostic>;

    /// `function(name)`, `function(package, name)`.
    fn function(&self, package: Option<&str>, name: &str) -> Result<Resolved, Diagnostic>;

    /// `metric(name)`, `metric(package, name)`: the metric's dict.
    fn metric(&self, package: Option<&str>, name: &str) -> Result<Dict, Diagnostic>;
}

/// Project variables.
pub trait Vars: Send + Sync {
    /// The value of a variable as code of a package sees it.
    fn lookup(&self, package: &str, name: &str) -> Option<Value>;

    /// All variables that code of a package sees: the list in the error message.
    fn supplied(&self, package: &str) -> Dict;
}

/// Where templates' messages go.
pub trait LogSink: Send + Sync {
    /// `log()`; `info` shows it on the console too.
    fn log(&self, message: &str, info: bool, node: Option<&NodeId>);

    /// `print()`.
    fn print(&self, message: &str);

    /// A warning; `Err` if warnings are to be errors.
    fn warn(&self, warning: Diagnostic) -> Result<(), Diagnostic>;
}

/// Files that belong to a node while it runs.
pub trait NodeFiles: Send + Sync {
    /// The rows of a seed, typed as dbt types CSV cells; columns in `column_types` stay text.
    fn seed_table(&self, node: &Node) -> Result<Table, Diagnostic>;

    /// A seed's shape, with its rows on demand; and the file, if the engine's own reader understands all of it.
    fn seed(&self, node: &Node) -> Result<(Shape, Option<CsvFile>), Diagnostic>;

    /// Absolute path of a seed's CSV file.
    fn seed_path(&self, node: &Node) -> String;

    /// Makes ready for writing the partitions of a folder into the folder `staged`: nothing is left there, and what a run that
    /// died took out of `location` is back.
    fn prepare_partitions(&self, location: &str, staged: &str, levels: usize) -> Result<(), Diagnostic>;

    /// Puts the partitions that were written to `staged` into their place, instead of those of the same names. With no
    /// levels, instead of everything.
    fn place_partitions(&self, location: &str, staged: &str, levels: usize) -> Result<(), Diagnostic>;

    /// `write()`: the SQL that ran goes to `target/run/`; that of a batch, to a file that is named after it.
    fn write_run(&self, node: &Node, batch: Option<&str>, payload: &str) -> Result<(), Diagnostic>;
}

/// Finds docs blocks.
pub trait DocLookup: Send + Sync {
    /// The text of `doc(name)` or `doc(package, name)`.
    fn doc(&self, package: Option<&str>, name: &str) -> Option<String>;
}

/// Makes Jinja's `graph`.
pub trait GraphSource: Send + Sync {
    /// The dict of [`crate::node::dict::graph`]; asked at most once.
    fn graph(&self) -> Dict;
}

impl<F: Fn() -> Dict + Send + Sync> GraphSource for F {
    fn graph(&self) -> Dict {
        self()
    }
}
