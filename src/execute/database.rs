//! A connection as Jinja sees it.
//!
//! In: one [`Connection`], the [`RelationCache`] that all workers share. Out: [`WorkerDatabase`], a
//! [`Database`] that tells of every statement and leads errors back to the node's file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::adapters::{
    Adapter, AdapterError, Connection, CsvFormat, ErrorKind, Execution, Fetch, PythonJob, RefusedConnection,
};
use crate::base::{Relation, RelationKind, Table, TableColumn};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::{AdapterResponse, ColumnInfo, Database, ExecuteOptions, HostError, PythonCode};

use crate::jinja::table::CsvFile;

use super::bindings::bound;
use super::cache::{Journal, RelationCache};
use super::cancel::CancelFlag;
use super::code::RunningCode;
use super::event::{Event, EventSink};
use super::failure;
use super::ledger::Pending;
use super::request::{CodeWriter, QueryComment, Surroundings};

/// What the worker is at.
#[derive(Default)]
struct Focus {
    node: Option<String>,
    /// The comment in front of every statement.
    prefix: String,
    /// The comment behind every statement.
    suffix: String,
    /// Why there is no comment: no statement can be sent.
    broken_comment: Option<Diagnostic>,
    code: Option<RunningCode>,
    journal: Journal,
    /// The ledger's row that the next commit after the node's main statement carries.
    pending: Option<Pending>,
    /// A relation that is said to exist, or not to, whatever the warehouse has.
    pretended: Option<(Relation, Option<RelationKind>)>,
    /// Columns of relations as they will be, whatever the warehouse has.
    foreseen: Option<Arc<ForeseenColumns>>,
}

/// Columns of relations that are known without asking the warehouse, by [`Relation::key`]: names and types.
pub type ForeseenColumns = HashMap<(String, String, String), Vec<(String, String)>>;

/// One worker's connection.
pub struct WorkerDatabase {
    connection: Mutex<Box<dyn Connection>>,
    focus: Mutex<Focus>,
    cache: Arc<RelationCache>,
    adapter: Arc<dyn Adapter>,
    sink: Arc<dyn EventSink>,
    cancel: Arc<CancelFlag>,
    comment: Option<QueryComment>,
    writer: Arc<dyn CodeWriter>,
    /// A statement failed because another transaction changed the same thing.
    conflict: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer<T> = Result<T, HostError>;

impl WorkerDatabase {
    /// Opens a connection.
    pub fn connect(around: &Surroundings, cache: &Arc<RelationCache>) -> Result<Arc<Self>, AdapterError> {
        Ok(Self::over(around.adapter.connect()?, around, cache))
    }

    /// The same for templates that mostly ask nothing: where no connection can be opened, those that ask are told why.
    pub fn connect_or_refuse(around: &Surroundings, cache: &Arc<RelationCache>) -> Arc<Self> {
        let refused = |error| Box::new(RefusedConnection::new(error)) as Box<dyn Connection>;
        Self::over(around.adapter.connect().unwrap_or_else(refused), around, cache)
    }

    fn over(connection: Box<dyn Connection>, around: &Surroundings, cache: &Arc<RelationCache>) -> Arc<Self> {
        Arc::new(Self {
            connection: Mutex::new(connection),
            focus: Mutex::default(),
            cache: Arc::clone(cache),
            adapter: Arc::clone(&around.adapter),
            sink: Arc::clone(&around.sink),
            cancel: Arc::clone(&around.cancel),
            comment: around.query_comment.clone(),
            writer: Arc::clone(&around.writer),
            conflict: AtomicBool::new(false),
        })
    }

    /// Turns to a node (or to work of no node): statements carry its id, errors lead to its code.
    pub(super) fn turn_to(&self, node: Option<&str>, code: Option<RunningCode>) {
        let mut focus = lock(&self.focus);
        let made = self.comment.as_ref().map_or_else(|| Ok(Default::default()), |comment| comment.around(node));
        focus.broken_comment = made.as_ref().err().cloned();
        (focus.prefix, focus.suffix) = made.unwrap_or_default();
        focus.node = node.map(str::to_owned);
        focus.code = code;
    }

    /// What the node's change is recorded as.
    pub(super) fn expect(&self, pending: Option<Pending>) {
        lock(&self.focus).pending = pending;
    }

    /// Writes the ledger's row that is due, into the open transaction.
    fn record(&self) -> Answer<()> {
        let mut focus = lock(&self.focus);
        if !focus.pending.as_ref().is_some_and(Pending::is_due) {
            return Ok(());
        }
        let Some(mut pending) = focus.pending.take() else { return Ok(()) };
        drop(focus);
        let version = lock(&self.connection).pending_version(pending.relation());
        pending.makes_version(version);
        for sql in pending.statements() {
            if let Err(error) = self.run(&sql, Fetch::None, false) {
                let diagnostic = error.into_diagnostic();
                if diagnostic.code == codes::DATABASE_ERROR && !self.met_conflict() {
                    // The node is tried again, without the record.
                    pending.give_up(&diagnostic.message);
                    self.conflict.store(true, Ordering::SeqCst);
                }
                return Err(diagnostic.into());
            }
        }
        Ok(())
    }

    /// Says of a relation that it exists, or that it does not, whatever the warehouse has; until the next call.
    pub(super) fn pretend(&self, relation: Option<(Relation, Option<RelationKind>)>) {
        lock(&self.focus).pretended = relation;
    }

    /// Says which columns relations will have; for good.
    pub(super) fn foresee(&self, columns: Arc<ForeseenColumns>) {
        lock(&self.focus).foreseen = Some(columns);
    }

    /// Why the statements' comment cannot be made, if it cannot.
    pub(super) fn broken_comment(&self) -> Option<Diagnostic> {
        lock(&self.focus).broken_comment.clone()
    }

    /// Makes the connection fit for the next node, whatever state the last one left it in.
    pub(super) fn reset(&self) {
        lock(&self.focus).pending = None;
        self.conflict.store(false, Ordering::SeqCst);
        let _ = lock(&self.connection).reset();
        self.cache.undo(&mut lock(&self.focus).journal);
    }

    /// Whether a statement met another transaction's change since the last reset.
    pub(super) fn met_conflict(&self) -> bool {
        self.conflict.load(Ordering::SeqCst)
    }

    /// Asks the engine for all relations of some schemas at once, for the cache.
    pub(super) fn fill_cache(&self, schemas: &[(String, String)]) -> Answer<()> {
        if schemas.is_empty() {
            return Ok(());
        }
        let found = lock(&self.connection).list_all_relations(schemas).map_err(|e| self.failed(e))?;
        self.cache.fill(schemas, found);
        Ok(())
    }

    /// The shared cache.
    pub fn cache(&self) -> &Arc<RelationCache> {
        &self.cache
    }

    /// Runs SQL and returns all rows, or the first of them.
    pub(super) fn query(&self, sql: &str, limit: Option<u64>) -> Answer<(AdapterResponse, Table)> {
        self.execute(sql, &ExecuteOptions { fetch: true, limit, ..ExecuteOptions::default() })
    }

    fn failed(&self, mut error: AdapterError) -> HostError {
        if error.kind == ErrorKind::TransactionConflict {
            self.conflict.store(true, Ordering::SeqCst);
        }
        let focus = lock(&self.focus);
        without_prefix(&mut error, &focus.prefix);
        let mut diagnostic: Diagnostic = failure::located(&error, focus.code.as_ref());
        diagnostic.node.clone_from(&focus.node);
        diagnostic.into()
    }

    /// Tells of a load.
    fn loaded(&self, what: &str, result: Result<u64, AdapterError>, started: Instant) -> Answer<u64> {
        let name = lock(&self.focus).node.clone().unwrap_or_default();
        let status = if result.is_ok() { "OK" } else { "ERROR" };
        let elapsed = started.elapsed().as_secs_f64();
        self.sink.emit(&Event::Statement { connection: &name, sql: what, status, elapsed });
        result.map_err(|error| self.failed(error))
    }

    fn refuse_if_cancelled(&self) -> Answer<()> {
        if self.cancel.is_cancelled() {
            return Err(self.failed(AdapterError::new(ErrorKind::Interrupted, "interrupted")));
        }
        Ok(())
    }

    fn run(&self, sql: &str, fetch: Fetch, auto_begin: bool) -> Answer<Execution> {
        self.refuse_if_cancelled()?;
        let (name, sent) = {
            let focus = lock(&self.focus);
            if let Some(problem) = &focus.broken_comment {
                return Err(problem.clone().into());
            }
            let sent = match focus.suffix.as_str() {
                "" => format!("{}{sql}", focus.prefix),
                suffix => match sql.trim_end().strip_suffix(';') {
                    Some(open) => format!("{open}{suffix};"),
                    None => format!("{}{suffix}", sql.trim_end()),
                },
            };
            (focus.node.clone().unwrap_or_else(|| "master".to_owned()), sent)
        };
        let mut connection = lock(&self.connection);
        if auto_begin {
            connection.begin().map_err(|e| self.failed(e))?;
        }
        let started = Instant::now();
        let result = connection.execute(&sent, fetch);
        let settled = result.is_ok() && !connection.in_transaction();
        drop(connection);
        if settled {
            lock(&self.focus).journal.clear();
        }
        let elapsed = started.elapsed().as_secs_f64();
        let status = result.as_ref().map_or("ERROR", |execution| execution.message.as_str());
        self.sink.emit(&Event::Statement { connection: &name, sql: &sent, status, elapsed });
        result.map_err(|error| self.failed(error))
    }

    fn control(&self, word: &str, action: impl FnOnce(&mut dyn Connection) -> Result<(), AdapterError>) -> Answer<()> {
        let mut connection = lock(&self.connection);
        let before = connection.in_transaction();
        let started = Instant::now();
        let result = action(connection.as_mut());
        let changed = before != connection.in_transaction();
        drop(connection);
        if changed || result.is_err() {
            let name = lock(&self.focus).node.clone().unwrap_or_else(|| "master".to_owned());
            let status = if result.is_ok() { "OK" } else { "ERROR" };
            let elapsed = started.elapsed().as_secs_f64();
            self.sink.emit(&Event::Statement { connection: &name, sql: word, status, elapsed });
        }
        result.map_err(|error| self.failed(error))
    }

    /// Changes the cache; to be taken back if a transaction is open and gets rolled back.
    fn change_cache(&self, change: impl FnOnce(&RelationCache, &mut Journal)) {
        let open = lock(&self.connection).in_transaction();
        let mut focus = lock(&self.focus);
        change(&self.cache, &mut focus.journal);
        if !open {
            focus.journal.clear();
        }
    }

    fn database_or_default<'a>(&'a self, database: Option<&'a str>) -> &'a str {
        database.filter(|d| !d.is_empty()).unwrap_or_else(|| self.adapter.default_database())
    }

    /// The relation with the defaults of the target in place of what it leaves open.
    fn complete(&self, relation: &Relation) -> Relation {
        Relation {
            database: Some(self.database_or_default(relation.database.as_deref()).to_owned()),
            schema: Some(relation.schema.clone().unwrap_or_else(|| self.adapter.default_schema().to_owned())),
            identifier: relation.identifier.clone(),
        }
    }
}

/// Makes an error's SQL and position those of the text without the query comment.
fn without_prefix(error: &mut AdapterError, prefix: &str) {
    if prefix.is_empty() {
        return;
    }
    if let Some(rest) = error.sql.as_deref().and_then(|sql| sql.strip_prefix(prefix)) {
        error.sql = Some(rest.to_owned());
        error.position = error.position.and_then(|at| at.checked_sub(prefix.len()));
    }
}

fn rows(affected: Option<u64>) -> Option<i64> {
    affected.and_then(|n| i64::try_from(n).ok())
}

impl Database for WorkerDatabase {
    fn execute(&self, sql: &str, options: &ExecuteOptions) -> Answer<(AdapterResponse, Table)> {
        let fetch = match (options.fetch, options.limit.map(usize::try_from)) {
            (false, _) => Fetch::None,
            (true, Some(Ok(limit))) => Fetch::Limit(limit),
            (true, _) => Fetch::All,
        };
        let execution = self.run(&bound(sql, &options.bindings), fetch, options.auto_begin)?;
        let rows_affected = rows(execution.rows_affected);
        let response = AdapterResponse { message: execution.message, code: None, rows_affected };
        let table = if options.fetch { execution.table } else { Table::default() };
        Ok((response, table))
    }

    fn run_python(&self, code: &PythonCode<'_>, print: &mut dyn FnMut(&str)) -> Answer<AdapterResponse> {
        self.refuse_if_cancelled()?;
        let name = lock(&self.focus).node.clone().unwrap_or_default();
        let PythonCode { name: module, file, first_line, own_lines, code } = *code;
        let job = PythonJob { name: module, file, first_line, own_lines, code };
        let mut connection = lock(&self.connection);
        connection.begin().map_err(|e| self.failed(e))?;
        let started = Instant::now();
        let result = connection.run_python(&job, print);
        drop(connection);
        let status = if result.is_ok() { "OK" } else { "ERROR" };
        let elapsed = started.elapsed().as_secs_f64();
        self.sink.emit(&Event::Statement { connection: &name, sql: code, status, elapsed });
        let execution = result.map_err(|error| self.failed(error))?;
        let rows_affected = rows(execution.rows_affected);
        Ok(AdapterResponse { message: execution.message, code: None, rows_affected })
    }

    fn begin(&self) -> Answer<()> {
        self.refuse_if_cancelled()?;
        self.control("BEGIN", |connection| connection.begin())
    }

    fn commit(&self) -> Answer<()> {
        self.refuse_if_cancelled()?;
        self.record()?;
        self.control("COMMIT", |connection| connection.commit())?;
        lock(&self.focus).journal.clear();
        Ok(())
    }

    fn rollback(&self) -> Answer<()> {
        let result = self.control("ROLLBACK", |connection| connection.rollback());
        self.cache.undo(&mut lock(&self.focus).journal);
        result
    }

    fn relations(&self, database: Option<&str>, schema: &str) -> Answer<Vec<(Relation, RelationKind)>> {
        let database = self.database_or_default(database);
        if !self.cache.knows(database, schema) {
            self.fill_cache(&[(database.to_owned(), schema.to_owned())])?;
        }
        Ok(self.cache.relations(database, schema).unwrap_or_default())
    }

    fn relations_uncached(&self, database: Option<&str>, schema: &str) -> Answer<Vec<(Relation, RelationKind)>> {
        let database = self.database_or_default(database);
        lock(&self.connection).list_relations(database, schema).map_err(|e| self.failed(e))
    }

    fn get_relation(&self, wanted: &Relation) -> Answer<Option<(Relation, RelationKind)>> {
        if let Some((relation, kind)) = &lock(&self.focus).pretended
            && relation.key() == wanted.key()
        {
            return Ok(kind.map(|kind| (relation.clone(), kind)));
        }
        let wanted = self.complete(wanted);
        let (database, schema) =
            (wanted.database.clone().unwrap_or_default(), wanted.schema.clone().unwrap_or_default());
        if !self.cache.knows(&database, &schema) {
            self.fill_cache(&[(database, schema)])?;
        }
        Ok(self.cache.get(&wanted))
    }

    fn columns(&self, relation: &Relation) -> Answer<Vec<ColumnInfo>> {
        if let Some(columns) = lock(&self.focus).foreseen.as_ref().and_then(|f| f.get(&relation.key())) {
            let column = |(name, data_type): &(String, String)| ColumnInfo {
                name: name.clone(),
                data_type: data_type.clone(),
                nullable: true,
            };
            return Ok(columns.iter().map(column).collect());
        }
        let columns = lock(&self.connection).columns(relation).map_err(|e| self.failed(e))?;
        let column =
            |c: crate::adapters::ColumnInfo| ColumnInfo { name: c.name, data_type: c.data_type, nullable: c.nullable };
        Ok(columns.into_iter().map(column).collect())
    }

    fn query_columns(&self, sql: &str) -> Answer<Vec<ColumnInfo>> {
        // The line end closes a comment that the query may end with.
        let sql = format!("select * from (\n{}\n) as query_columns limit 0", sql.trim().trim_end_matches(';'));
        let execution = self.run(&sql, Fetch::None, false)?;
        let column = |c: TableColumn| ColumnInfo { name: c.name, data_type: c.data_type, nullable: true };
        Ok(execution.table.columns.into_iter().map(column).collect())
    }

    fn schema_exists(&self, database: Option<&str>, schema: &str) -> Answer<bool> {
        Ok(self.list_schemas(database)?.iter().any(|s| s.to_lowercase() == schema.to_lowercase()))
    }

    fn list_schemas(&self, database: Option<&str>) -> Answer<Vec<String>> {
        let database = self.database_or_default(database);
        lock(&self.connection).list_schemas(database).map_err(|e| self.failed(e))
    }

    fn cache_added(&self, relation: &Relation, kind: RelationKind) {
        let relation = self.complete(relation);
        self.change_cache(|cache, journal| cache.added(&relation, kind, journal));
    }

    fn cache_dropped(&self, relation: &Relation) {
        let relation = self.complete(relation);
        self.change_cache(|cache, journal| cache.dropped(&relation, journal));
    }

    fn cache_renamed(&self, from: &Relation, to: &Relation) {
        let (from, to) = (self.complete(from), self.complete(to));
        self.change_cache(|cache, journal| cache.renamed(&from, &to, journal));
    }

    fn cache_schema_added(&self, database: Option<&str>, schema: &str) {
        // It may have existed before, so nothing is known of it until it is listed.
        let database = self.database_or_default(database);
        if !self.cache.knows(database, schema) {
            let _ = self.fill_cache(&[(database.to_owned(), schema.to_owned())]);
        }
    }

    fn cache_schema_dropped(&self, database: Option<&str>, schema: &str) {
        self.cache.schema_dropped(self.database_or_default(database), schema);
    }

    fn load_rows(&self, relation: &Relation, rows: &Table) -> Answer<u64> {
        self.refuse_if_cancelled()?;
        let mut connection = lock(&self.connection);
        connection.begin().map_err(|e| self.failed(e))?;
        let started = Instant::now();
        let result = connection.load_rows(relation, &rows.columns, &mut rows.rows.iter().cloned());
        drop(connection);
        let what = format!("-- {} rows for {}", rows.rows.len(), relation.quoted());
        self.loaded(&what, result, started)
    }

    fn load_csv(&self, relation: &Relation, columns: &[TableColumn], file: &CsvFile) -> Answer<u64> {
        self.refuse_if_cancelled()?;
        let mut connection = lock(&self.connection);
        connection.begin().map_err(|e| self.failed(e))?;
        // The table may be older than the file: its types count.
        let existing = connection.columns(relation).map_err(|e| self.failed(e))?;
        let mut columns = columns.to_vec();
        for column in &mut columns {
            if let Some(found) = existing.iter().find(|e| e.name.eq_ignore_ascii_case(&column.name)) {
                column.data_type.clone_from(&found.data_type);
            }
        }
        let started = Instant::now();
        let format = CsvFormat { delimiter: file.delimiter, null_words: file.null_words };
        let result = connection.load_csv(relation, &columns, &file.path, format);
        drop(connection);
        let what = format!("-- {} for {}", file.path.display(), relation.quoted());
        let line = result.as_ref().err().and_then(|error| error.line);
        self.loaded(&what, result, started).map_err(|error| {
            let help = "name types that take all values under `column_types` in the seed's config; after a change of \
                        types load with --full-refresh";
            let problem = error.into_diagnostic().help(help);
            match line.and_then(|line| self.writer.seed_line(&file.path, line)) {
                Some(place) => problem.at(place).into(),
                None => problem.into(),
            }
        })
    }

    fn main_done(&self, rows: Option<i64>) {
        if let Some(pending) = &mut lock(&self.focus).pending {
            pending.is_done(rows);
        }
    }

    fn quote(&self, identifier: &str) -> String {
        self.adapter.quote(identifier)
    }
}
