//! The two traits every engine implements. In: SQL text and relation names. Out: small [`Table`]s and [`AdapterError`]s.
//!
//! Sync and small on purpose: a worker thread owns one [`Connection`]; nothing of an engine's own types gets through.

use std::path::Path;

use super::shadow::Shadow;
use super::{AdapterError, Capabilities, ErrorKind, PythonJob, Upkeep};
use crate::base::{Dict, Relation, RelationKind, Table, TableColumn, Value};

/// How many rows of the last statement's result to bring across the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// None; only column names and types.
    None,
    /// Every row.
    All,
    /// At most so many rows.
    Limit(usize),
}

/// What executing SQL gave.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Execution {
    /// The engine's short word about the outcome, such as `OK`: `_message` of dbt's adapter response.
    pub message: String,
    /// Rows inserted, updated or deleted, where the engine says so.
    pub rows_affected: Option<u64>,
    /// Result of the last statement. Columns are there even when no rows were asked for.
    pub table: Table,
}

/// A column of a relation in the warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Column name.
    pub name: String,
    /// The engine's spelling of the type, such as `DECIMAL(18,3)`.
    pub data_type: String,
    /// Whether the column accepts NULL.
    pub nullable: bool,
}

/// What the catalog believes of a table's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// How many rows it has.
    pub rows: Option<u64>,
    /// How many of its files are far below the size that reads fast, and could be written together.
    pub small_files: u64,
}

/// How a seed's file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// The field delimiter.
    pub delimiter: char,
    /// Whether cells of columns that are not text may hold the word `null` (any case) for NULL. It costs a pass over the
    /// values, so it is asked for only when whoever inferred the types has met such a cell.
    pub null_words: bool,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { delimiter: ',', null_words: false }
    }
}

/// Who receives the interruption of one connection; usable from any thread, harmless after the connection is gone.
pub type Interrupt = std::sync::Arc<dyn Fn() + Send + Sync>;

/// An engine, configured from one profile target. Cheap until the first [`Adapter::connect`], which opens the warehouse.
pub trait Adapter: Send + Sync {
    /// The adapter type as profiles name it: `duckdb`.
    fn type_name(&self) -> &'static str;

    /// What the engine can do, as data.
    fn capabilities(&self) -> &Capabilities;

    /// The target's options as the profile has them, rendered.
    fn options(&self) -> &Dict;

    /// A new connection. All connections share one instance and see each other's committed changes.
    fn connect(&self) -> Result<Box<dyn Connection>, AdapterError>;

    /// The engine's own macros: (path inside the package's `macros` folder, text).
    fn macros(&self) -> Vec<(&'static str, &'static str)>;

    /// The name of the package those macros belong to, such as `dbt_duckdb`.
    fn macro_package(&self) -> &'static str;

    /// Prefixes that `adapter.dispatch` tries before `default`, best first.
    fn dispatch_prefixes(&self) -> &'static [&'static str];

    /// The database of nodes that configure none: `target.database`.
    fn default_database(&self) -> &str;

    /// The schema of the target: `target.schema`.
    fn default_schema(&self) -> &str;

    /// Interrupts whatever any connection is running now; each such query fails with `ErrorKind::Interrupted`.
    fn interrupt_all(&self);

    /// An identifier as the engine quotes it.
    fn quote(&self, identifier: &str) -> String {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }

    /// A catalog of empty tables in which SQL is bound without touching data; an error of kind `Unsupported` where the
    /// engine has none.
    fn shadow(&self) -> Result<Box<dyn Shadow>, AdapterError> {
        Err(AdapterError::new(ErrorKind::Unsupported, format!("{} cannot check SQL without data", self.type_name())))
    }

    /// Names the invocation that this adapter works for, before the first connection: engines that keep a history of changes
    /// write it down.
    fn sign(&self, invocation_id: &str) {
        let _ = invocation_id;
    }

    /// The files that hold all that a connection can see before it is told to read others; none where the warehouse is more
    /// than files on this machine.
    fn storage(&self) -> Option<Vec<std::path::PathBuf>> {
        None
    }

    /// Copies schemas of the target's database, as of one moment, into a database file that is not there yet; how many relations
    /// that were. An error of kind `Unsupported` where the engine has no such files.
    fn publish(&self, schemas: &[String], file: &Path) -> Result<usize, AdapterError> {
        let _ = schemas;
        let text = format!("{} cannot publish to {}", self.type_name(), file.display());
        Err(AdapterError::new(ErrorKind::Unsupported, text))
    }

    /// Who looks after the tables' versions; an error of kind `Unsupported` where tables have none.
    fn upkeep(&self) -> Result<Box<dyn Upkeep>, AdapterError> {
        let text = format!("tables of {} keep no former versions", self.type_name());
        Err(AdapterError::new(ErrorKind::Unsupported, text))
    }

    /// The same target, only to be looked at: nothing is written, and a warehouse that is not there yet is an empty one.
    fn for_reading(&self) -> Result<std::sync::Arc<dyn Adapter>, AdapterError>;

    /// The connection's settings as `debug` shows them; nothing secret among them.
    fn describe(&self) -> Vec<(String, String)>;

    /// The options that Jinja's `target` always shows, with their values where the profile says nothing, in dbt's order.
    fn target_options(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// One session with the engine. Statements outside [`Connection::begin`] ... [`Connection::commit`] commit on their own.
pub trait Connection: Send {
    /// Runs all statements in `sql` in order and returns the result of the last. Text without a statement is fine.
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError>;

    /// Runs a Python model: its code reads relations as this connection sees them, its result becomes a table within the open
    /// transaction. `print` gets what the code prints, line by line.
    fn run_python(&mut self, job: &PythonJob<'_>, print: &mut dyn FnMut(&str)) -> Result<Execution, AdapterError> {
        let _ = print;
        Err(AdapterError::new(ErrorKind::Unsupported, format!("{}: this engine runs no Python models", job.file)))
    }

    /// Opens a transaction. One that is open already stays open.
    fn begin(&mut self) -> Result<(), AdapterError>;

    /// Commits the open transaction; without one, nothing.
    fn commit(&mut self) -> Result<(), AdapterError>;

    /// Rolls the open transaction back, also one that an error has already doomed; without one, nothing.
    fn rollback(&mut self) -> Result<(), AdapterError>;

    /// Whether a transaction is open, whoever opened it (a user's hook may have said `begin`).
    fn in_transaction(&self) -> bool;

    /// Makes the connection fit for its next piece of work, whatever state the last one left it in.
    fn reset(&mut self) -> Result<(), AdapterError> {
        self.rollback()
    }

    /// How to interrupt what this connection is running, from another thread.
    fn interrupt(&self) -> Interrupt;

    /// Names of the schemas of a database.
    fn list_schemas(&mut self, database: &str) -> Result<Vec<String>, AdapterError>;

    /// Tables and views of several (database, schema) pairs, in one catalog query. An absent schema has none.
    fn list_all_relations(
        &mut self,
        schemas: &[(String, String)],
    ) -> Result<Vec<(Relation, RelationKind)>, AdapterError>;

    /// Tables and views of one schema.
    fn list_relations(&mut self, database: &str, schema: &str) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
        self.list_all_relations(&[(database.to_owned(), schema.to_owned())])
    }

    /// How large the catalog believes the tables of some schemas are; those of which it believes nothing are left out. No data
    /// is read.
    fn table_sizes(&mut self, schemas: &[(String, String)]) -> Result<Vec<(Relation, TableSize)>, AdapterError> {
        let _ = schemas;
        Ok(Vec::new())
    }

    /// The version that committing now gives a table which the open transaction has changed, where tables have versions.
    fn pending_version(&mut self, relation: &Relation) -> Option<u64> {
        let _ = relation;
        None
    }

    /// The columns of a relation, in order; none if it does not exist.
    fn columns(&mut self, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError>;

    /// Appends rows to an existing table, inside the running transaction if there is one. `columns` are the table's columns to
    /// fill, with their types, in the order of the values; text is cast to the column's type. Returns the number of rows.
    fn load_rows(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, AdapterError>;

    /// Appends a CSV file with a header line to an existing table; `columns` are the file's columns in the file's order, with
    /// the types of the table. Empty cells are NULL. Returns the number of rows.
    fn load_csv(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        path: &Path,
        format: CsvFormat,
    ) -> Result<u64, AdapterError>;

    /// What `catalog.json` needs of the schemas, one row a column of a relation, named as dbt names them: `table_database`,
    /// `table_schema`, `table_name`, `table_type`, `table_comment`, `table_owner`, `column_name`, `column_index`,
    /// `column_type`, `column_comment`.
    fn catalog(&mut self, schemas: &[(String, String)]) -> Result<Table, AdapterError>;
}
