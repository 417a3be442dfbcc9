//! One session behind the [`Connection`] trait. In: SQL. Out: [`Execution`]s.
//!
//! A statement outside of a transaction is a transaction of its own. What is interrupted in the middle leaves its own transaction
//! behind, which the next statement throws away; an open one of the user's stays open.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::context::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Sql;
use tokio::sync::watch;

use super::catalog::Key;
use super::instance::{Instance, interrupt};
use super::statements::{Work, done, parse};
use super::transaction::{Temporaries, Transaction};
use super::{errors, inventory, seeds, space};
use crate::adapters::{
    AdapterError, ColumnInfo, Connection, CsvFormat, ErrorKind, Execution, Fetch, Interrupt, TableSize,
};
use crate::base::{Relation, RelationKind, Table, TableColumn, Value};

/// What begins so soon after a conflict is taken for another try of the same.
const SOON: Duration = Duration::from_secs(1);

/// A connection to the open lake.
pub(super) struct LakeConnection {
    instance: Arc<Instance>,
    inner: Inner,
    sender: Arc<watch::Sender<u64>>,
}

/// What asynchronous code works on.
pub(super) struct Inner {
    pub(super) instance: Arc<Instance>,
    pub(super) session: SessionState,
    pub(super) temporaries: Temporaries,
    pub(super) transaction: Option<Transaction>,
    contested: Option<Contested>,
}

/// What a transaction had leases on when it met a conflict.
struct Contested {
    keys: Vec<Key>,
    at: Instant,
}

impl LakeConnection {
    /// A new session.
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        let inner = Inner {
            instance: Arc::clone(&instance),
            session: instance.engine.session.clone(),
            temporaries: space::no_temporaries(),
            transaction: None,
            contested: None,
        };
        let sender = instance.new_interrupt();
        Self { instance, inner, sender }
    }
}

/// Begins, commits, rolls back.
enum Control {
    Begin,
    Commit,
    Rollback,
}

fn control(statement: &Statement) -> Option<Control> {
    let Statement::Statement(inner) = statement else { return None };
    match &**inner {
        Sql::StartTransaction { .. } => Some(Control::Begin),
        Sql::Commit { .. } => Some(Control::Commit),
        Sql::Rollback { savepoint: None, .. } => Some(Control::Rollback),
        _ => None,
    }
}

impl Inner {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        let pieces = parse::pieces(sql)?;
        let mut execution = done(None);
        let last = pieces.len().saturating_sub(1);
        for (index, piece) in pieces.iter().enumerate() {
            let fetch = if index == last { fetch } else { Fetch::None };
            execution = self.piece(piece.text, fetch).await.map_err(|mut error| {
                error.position = error.position.map(|at| at + piece.start).filter(|at| *at <= sql.len());
                error.sql = Some(sql.to_owned());
                error
            })?;
        }
        Ok(execution)
    }

    async fn piece(&mut self, text: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        let statement = parse::one(text)?;
        match control(&statement) {
            Some(Control::Begin) => {
                if self.is_open() {
                    let text = "a transaction is open already";
                    return Err(AdapterError::new(ErrorKind::Other, text));
                }
                self.begin().await?;
                return Ok(done(None));
            }
            Some(word) => {
                if !self.is_open() {
                    return Err(AdapterError::new(ErrorKind::Other, "no transaction is open"));
                }
                match word {
                    Control::Commit => self.commit().await?,
                    _ => self.rollback().await,
                }
                return Ok(done(None));
            }
            None => {}
        }
        self.within(async |work: &mut Work<'_>| work.run(statement, fetch).await, text).await
    }

    /// Works within the open transaction, or within one of its own.
    pub(super) async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Work<'_>) -> Result<T, AdapterError>,
        text: &str,
    ) -> Result<T, AdapterError> {
        if self.transaction.as_ref().is_none_or(|t| t.implicit) {
            self.rollback().await;
            let before = Arc::clone(&self.temporaries);
            self.transaction = Some(Transaction::begin(&self.instance, before, true).await?);
        }
        let Some(transaction) = &mut self.transaction else {
            return Err(AdapterError::new(ErrorKind::Other, "no transaction is open"));
        };
        let mut place = Work {
            instance: &self.instance,
            transaction,
            temporaries: &mut self.temporaries,
            session: &mut self.session,
            text,
        };
        let result = work(&mut place).await.map_err(|error| self.instance.engine.spill.named(error));
        if let Err(error) = &result {
            let leased = self.transaction.as_ref().map(Transaction::leased).unwrap_or_default();
            self.remember(error, leased);
        }
        if self.transaction.as_ref().is_some_and(|t| t.implicit) {
            match &result {
                Ok(_) => self.commit().await?,
                Err(_) => self.rollback().await,
            }
        }
        result
    }

    fn is_open(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| !t.implicit)
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.is_open() {
            return Ok(());
        }
        self.rollback().await;
        let before = Arc::clone(&self.temporaries);
        let wanted = self.contested.take().filter(|met| met.at.elapsed() < SOON).map_or_else(Vec::new, |met| met.keys);
        self.transaction = Some(Transaction::begin_with(&self.instance, before, false, &wanted).await?);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let (before, leased) = (Arc::clone(&transaction.before), transaction.leased());
        let result = transaction.commit(&self.instance).await;
        if let Err(error) = &result {
            self.temporaries = before;
            self.remember(error, leased);
        }
        result
    }

    /// What met a conflict is tried again soon: then it has the leases from the start, and meets none.
    fn remember(&mut self, error: &AdapterError, leased: Vec<Key>) {
        if error.kind == ErrorKind::TransactionConflict {
            self.contested = Some(Contested { keys: leased, at: Instant::now() });
        }
    }

    async fn rollback(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.temporaries = Arc::clone(&transaction.before);
            transaction.rollback().await;
        }
    }
}

impl LakeConnection {
    /// Runs asynchronous work, which an interruption ends.
    pub(super) fn work<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Inner) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        let instance = Arc::clone(&self.instance);
        let sender = Arc::clone(&self.sender);
        instance.run(&sender, work(&mut self.inner))
    }

    /// Runs what must not be interrupted in the middle.
    fn settle<T>(&mut self, work: impl AsyncFnOnce(&mut Inner) -> T) -> T {
        let instance = Arc::clone(&self.instance);
        instance.engine.runtime.block_on(work(&mut self.inner))
    }
}

impl Connection for LakeConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        self.work(async |inner| inner.execute(sql, fetch).await).map_err(|error| error.with_sql(sql))
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        if !self.instance.settings.transactions {
            return Ok(());
        }
        self.settle(async |inner| inner.begin().await)
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction() {
            return Ok(());
        }
        self.settle(async |inner| inner.commit().await)
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        self.settle(async |inner| inner.rollback().await);
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        self.inner.is_open()
    }

    fn reset(&mut self) -> Result<(), AdapterError> {
        self.rollback()?;
        self.inner.temporaries = space::no_temporaries();
        self.inner.session = self.instance.engine.session.clone();
        Ok(())
    }

    fn interrupt(&self) -> Interrupt {
        let sender = Arc::downgrade(&self.sender);
        Arc::new(move || {
            if let Some(sender) = sender.upgrade() {
                interrupt(&sender);
            }
        })
    }

    fn list_schemas(&mut self, database: &str) -> Result<Vec<String>, AdapterError> {
        let database = database.to_owned();
        self.work(async |inner| inner.within(async |work| Ok(inventory::schemas(work, &database)), "").await)
    }

    fn list_all_relations(
        &mut self,
        schemas: &[(String, String)],
    ) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
        self.work(async |inner| inner.within(async |work| Ok(inventory::relations(work, schemas)), "").await)
    }

    fn table_sizes(&mut self, schemas: &[(String, String)]) -> Result<Vec<(Relation, TableSize)>, AdapterError> {
        self.work(async |inner| inner.within(async |work| inventory::table_sizes(work, schemas).await, "").await)
    }

    fn pending_version(&mut self, relation: &Relation) -> Option<u64> {
        let transaction = self.inner.transaction.as_ref()?;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (_, entry) = transaction.state().find(&part(&relation.schema), &part(&relation.identifier))?;
        transaction.staged(entry.location()?).filter(|staged| staged.is_changed()).map(|staged| staged.next_version())
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
        self.work(async |inner| inner.within(async |work| inventory::columns(work, relation).await, "").await)
    }

    fn load_rows(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, AdapterError> {
        let rows: Vec<Vec<Value>> = rows.collect();
        self.work(async |inner| {
            inner.within(async |work| seeds::load_rows(work, relation, columns, &rows).await, "").await
        })
        .map_err(|mut error| {
            error.message = format!("rows for {relation}: {}", error.message);
            error
        })
    }

    fn load_csv(
        &mut self,
        relation: &Relation,
        columns: &[TableColumn],
        path: &Path,
        format: CsvFormat,
    ) -> Result<u64, AdapterError> {
        self.work(async |inner| {
            inner.within(async |work| seeds::load_csv(work, relation, columns, path, format).await, "").await
        })
    }

    fn catalog(&mut self, schemas: &[(String, String)]) -> Result<Table, AdapterError> {
        self.work(async |inner| inner.within(async |work| inventory::catalog(work, schemas).await, "").await)
    }
}

/// The refusal of what is not a relation of the lake.
pub(super) fn no_relation(relation: &Relation) -> AdapterError {
    errors::told(ErrorKind::Catalog, format!("Table \"{relation}\" does not exist"))
}
