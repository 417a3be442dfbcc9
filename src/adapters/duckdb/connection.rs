//! One session behind the [`Connection`] trait. In: SQL. Out: [`Execution`]s.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::engine::{Chunk, Failure, Prepared, ResultSet, Session};
use super::instance::{Instance, backoff, is_retryable};
use super::settings::Settings;
use super::statements::runs_at_once;
use super::types::{self, LogicalType, Type};
use super::vectors::Column;
use super::{catalog, delta, errors, fallback, python, seeds, timezone};
use crate::adapters::{
    AdapterError, ColumnInfo, Connection, CsvFormat, ErrorKind, Execution, Fetch, Interrupt, PythonJob, TableSize,
};
use crate::base::{Relation, RelationKind, Table, TableColumn, Value};

/// A connection to the shared instance.
pub(super) struct DuckConnection {
    session: Session,
    instance: Arc<Instance>,
    settings: Arc<Settings>,
    /// For casts of values that vectors do not give; opened when first needed.
    side: Option<Session>,
    open: bool,
    /// An error has happened since the transaction began.
    doubtful: bool,
    /// Statements have this thread alone.
    single_threaded: bool,
}

impl DuckConnection {
    /// A session with the profile's settings.
    pub(super) fn new(instance: Arc<Instance>, settings: Arc<Settings>) -> Result<Self, AdapterError> {
        let session = instance.session(&settings)?;
        let single_threaded = is_single_threaded(&session);
        let mut connection =
            Self { session, instance, settings, side: None, open: false, doubtful: false, single_threaded };
        if connection.settings.session.iter().any(|sql| timezone::may_set_zone(sql)) {
            connection.check_zone()?;
        }
        Ok(connection)
    }

    /// The instance that all connections share.
    pub(super) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// The profile's settings.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The session, for the bulk loader.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// An error about some SQL; remembers that the transaction may be lost.
    pub(super) fn failed(&mut self, failure: &str, sql: &str) -> AdapterError {
        self.doubtful = true;
        errors::read(failure, Some(sql))
    }

    /// Asks the catalog, or something as small; all rows.
    pub(super) fn query(&mut self, sql: &str) -> Result<Table, AdapterError> {
        Ok(self.execute_as(sql, Fetch::All, true)?.table)
    }

    /// Refuses a time zone that cannot be honoured. Not for SQL of the adapter's own.
    fn check_zone(&mut self) -> Result<(), AdapterError> {
        if self.instance.icu {
            return Ok(());
        }
        let zone = self.query(timezone::ZONE_SQL)?;
        timezone::refuse_other_zones(&zone).inspect_err(|_| {
            let _ = self.session.run(timezone::RESET_SQL);
        })
    }

    fn once(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        let at_once = fetch == Fetch::None && runs_at_once(sql, self.single_threaded);
        self.execute_as(sql, fetch, at_once)
    }

    fn execute_as(&mut self, sql: &str, fetch: Fetch, at_once: bool) -> Result<Execution, AdapterError> {
        let mut outcome = Outcome { open: self.open, settle: false };
        let result = started(&self.session, sql, fetch, at_once, &mut outcome).and_then(|result| match result {
            Some(result) => finished(
                result,
                fetch,
                &mut outcome,
                |columns, chunk| {
                    if self.side.is_none() {
                        self.side = Some(self.instance.plain_session().map_err(|e| e.message)?);
                    }
                    match &self.side {
                        Some(side) => fallback::as_text(side, chunk, columns),
                        None => Err("no session for casts".to_owned()),
                    }
                },
                &self.instance,
            ),
            None => Ok(Execution { message: "OK".to_owned(), ..Execution::default() }),
        });
        self.open = outcome.open;
        if outcome.settle {
            // Leaving a stream half read keeps its transaction open until the next statement.
            let _ = self.session.run("select 1");
        }
        result.map_err(|failure| self.failed(&failure, sql))
    }

    /// Begins or ends the transaction; success tells which.
    fn control(&mut self, word: &str) -> Result<(), AdapterError> {
        match self.session.direct(word).map(drop) {
            Ok(_) => {
                self.open = !self.open;
                Ok(())
            }
            Err(failure) => {
                self.open = self.open && self.is_aborted();
                Err(self.failed(&failure, word))
            }
        }
    }

    /// Runs SQL as often as the profile says.
    fn persistently(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        let mut attempt = 0;
        loop {
            let error = match self.once(sql, fetch) {
                Ok(execution) => {
                    if timezone::may_set_zone(sql) {
                        self.check_zone().map_err(|e| e.with_sql(sql))?;
                    }
                    return Ok(execution);
                }
                Err(error) => error,
            };
            attempt += 1;
            let retries = &self.settings.retries;
            if attempt >= retries.query_attempts || !is_retryable(&error, &retries.exceptions) {
                return Err(error);
            }
            std::thread::sleep(backoff(attempt - 1));
        }
    }

    /// Whether the open transaction can only be rolled back.
    fn is_aborted(&self) -> bool {
        self.session.run("select 1").is_err()
    }
}

/// Whether the engine has been told to use no threads of its own.
fn is_single_threaded(session: &Session) -> bool {
    let threads = || {
        let mut result = session.direct("select current_setting('threads')::varchar").ok()?;
        let chunk = result.next_chunk().ok()??;
        let kind = types::read(&LogicalType(result.columns().into_iter().next()?.1), &HashSet::new());
        Column::new(&chunk, 0, &kind).value(0).as_str().map(|threads| threads == "1")
    };
    threads().unwrap_or(false)
}

/// What running statements changed about the connection.
struct Outcome {
    open: bool,
    settle: bool,
}

/// Runs every statement of a text; the last one's result is returned, none for an empty text.
fn started<'a>(
    session: &'a Session,
    sql: &str,
    fetch: Fetch,
    at_once: bool,
    outcome: &mut Outcome,
) -> Result<Option<ResultSet<'a>>, Failure> {
    if at_once {
        return session.direct(sql).map(Some);
    }
    let statements = session.statements(sql)?;
    let Some(last) = statements.count().checked_sub(1) else { return Ok(None) };
    for index in 0..last {
        run_one(&statements.prepare(index)?, false, session, outcome)?;
    }
    run_one(&statements.prepare(last)?, fetch != Fetch::All, session, outcome).map(Some)
}

/// Reads what is wanted of a result.
fn finished(
    mut result: ResultSet<'_>,
    fetch: Fetch,
    outcome: &mut Outcome,
    as_text: impl FnMut(&[usize], &Chunk) -> Result<Vec<Vec<Value>>, Failure>,
    instance: &Instance,
) -> Result<Execution, Failure> {
    let mut execution = Execution { message: "OK".to_owned(), ..Execution::default() };
    execution.rows_affected = result.rows_changed();
    let (columns, kinds) = columns(&mut result, instance);
    execution.table.columns = columns;
    collect(&mut result, &kinds, fetch, &mut execution.table.rows, outcome, as_text)?;
    Ok(execution)
}

/// Runs a statement and keeps account of the transaction: users' hooks may say `begin` and `commit` themselves.
fn run_one<'a>(
    prepared: &Prepared<'a>,
    streaming: bool,
    session: &Session,
    outcome: &mut Outcome,
) -> Result<ResultSet<'a>, Failure> {
    if !prepared.is_transaction_control() {
        return prepared.execute(streaming);
    }
    let result = prepared.execute(false);
    match &result {
        // DuckDB refuses to begin twice and to end nothing, so success tells which of them it was.
        Ok(_) => outcome.open = !outcome.open,
        // A failed commit ends the transaction; a failed begin leaves an aborted one.
        Err(_) => outcome.open = outcome.open && session.run("select 1").is_err(),
    }
    result
}

fn columns(result: &mut ResultSet<'_>, instance: &Instance) -> (Vec<TableColumn>, Vec<Type>) {
    let read = |(name, raw)| {
        let kind = types::read(&LogicalType(raw), &instance.keywords);
        (TableColumn { name, data_type: kind.name.clone() }, kind)
    };
    result.columns().into_iter().map(read).unzip()
}

fn collect(
    result: &mut ResultSet<'_>,
    kinds: &[Type],
    fetch: Fetch,
    rows: &mut Vec<Vec<Value>>,
    outcome: &mut Outcome,
    mut as_text: impl FnMut(&[usize], &Chunk) -> Result<Vec<Vec<Value>>, Failure>,
) -> Result<(), Failure> {
    let limit = match fetch {
        Fetch::None => 0,
        Fetch::All => usize::MAX,
        Fetch::Limit(limit) => limit,
    };
    let opaque: Vec<usize> = (0..kinds.len()).filter(|&i| kinds[i].has_opaque_part()).collect();
    while let Some(chunk) = result.next_chunk()? {
        // A statement whose rows nobody wants still runs to its end.
        if fetch == Fetch::None {
            continue;
        }
        let mut texts = if opaque.is_empty() { Vec::new() } else { as_text(&opaque, &chunk)? };
        let readers: Vec<Column<'_>> = kinds.iter().enumerate().map(|(i, kind)| Column::new(&chunk, i, kind)).collect();
        for row in 0..chunk.len().min(limit - rows.len()) {
            let mut values: Vec<Value> = readers.iter().map(|column| column.value(row)).collect();
            for (&column, texts) in opaque.iter().zip(&mut texts) {
                values[column] = texts.get_mut(row).map(std::mem::take).unwrap_or_default();
            }
            rows.push(values);
        }
        if rows.len() >= limit {
            outcome.settle = true;
            break;
        }
    }
    Ok(())
}

impl Connection for DuckConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        if !self.settings.loads("delta")
            && let Some(spliced) = delta::splice(sql)?
        {
            return self.persistently(&spliced.sql, fetch).map_err(|error| spliced.blame(error, sql));
        }
        self.persistently(sql, fetch)
    }

    fn run_python(&mut self, job: &PythonJob<'_>, print: &mut dyn FnMut(&str)) -> Result<Execution, AdapterError> {
        python::run(self, job, print)
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        if self.open || !self.settings.transactions {
            return Ok(());
        }
        self.doubtful = false;
        self.control("BEGIN TRANSACTION")
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.open {
            return Ok(());
        }
        // DuckDB turns the commit of an aborted transaction into a rollback and reports success.
        if self.doubtful && self.is_aborted() {
            self.rollback()?;
            let text = "the transaction was aborted by an earlier error, nothing of it is committed";
            return Err(AdapterError::new(ErrorKind::Other, text));
        }
        // A commit may take a checkpoint, which is the work of all threads.
        if self.single_threaded { self.control("COMMIT") } else { self.once("COMMIT", Fetch::None).map(drop) }
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        if !self.open {
            return Ok(());
        }
        let result = self.control("ROLLBACK");
        self.doubtful = false;
        result
    }

    fn in_transaction(&self) -> bool {
        self.open
    }

    fn interrupt(&self) -> Interrupt {
        let handle = Arc::clone(self.session.handle());
        Arc::new(move || handle.interrupt())
    }

    fn list_schemas(&mut self, database: &str) -> Result<Vec<String>, AdapterError> {
        catalog::schemas(self, database)
    }

    fn list_all_relations(
        &mut self,
        schemas: &[(String, String)],
    ) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
        catalog::relations(self, schemas)
    }

    fn table_sizes(&mut self, schemas: &[(String, String)]) -> Result<Vec<(Relation, TableSize)>, AdapterError> {
        catalog::table_sizes(self, schemas)
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
        catalog::columns(self, relation)
    }

    fn load_rows(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, AdapterError> {
        seeds::load_rows(self, relation, columns, rows)
    }

    fn load_csv(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        path: &Path,
        format: CsvFormat,
    ) -> Result<u64, AdapterError> {
        let sql = seeds::csv_sql(relation, columns, path, format);
        let loaded = self.once(&sql, Fetch::None).map_err(|error| seeds::told(error, columns))?;
        Ok(loaded.rows_affected.unwrap_or_default())
    }

    fn catalog(&mut self, schemas: &[(String, String)]) -> Result<Table, AdapterError> {
        catalog::catalog(self, schemas)
    }
}
