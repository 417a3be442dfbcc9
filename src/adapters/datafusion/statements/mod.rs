//! SQL statements -> changes of tables and of the catalog. In: a parsed statement, the transaction it is part of. Out: what it did.
//!
//! * [`parse`]: text -> statements; [`types`]: names of types; [`names`]: what a statement names, and what that is
//! * [`query`]: anything that gives rows
//! * [`create`], [`drop`], [`alter`]: relations and schemas
//! * [`insert`], [`change`], [`merge`]: rows; [`temporary`]: those of a connection alone

mod alter;
mod change;
mod create;
mod drop;
mod insert;
mod merge;
pub(super) mod names;
pub(super) mod parse;
mod query;
mod setting;
mod temporary;
pub(super) mod types;

use std::sync::Arc;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ObjectType, Query, Statement as Sql};

use super::errors;
use super::instance::Instance;
use super::space::Space;
use super::transaction::{Temporaries, Transaction};
use crate::adapters::{AdapterError, ErrorKind, Execution, Fetch};
use crate::base::Table;

pub(super) use query::rows_of;

/// Where a statement works.
pub(super) struct Work<'w> {
    /// The lake.
    pub(super) instance: &'w Instance,
    /// The transaction that it is part of.
    pub(super) transaction: &'w mut Transaction,
    /// The connection's temporary tables.
    pub(super) temporaries: &'w mut Temporaries,
    /// The connection's session.
    pub(super) session: &'w mut SessionState,
    /// The statement's text, in which places of errors are counted.
    pub(super) text: &'w str,
}

/// What a statement without rows did.
pub(super) fn done(rows: Option<u64>) -> Execution {
    Execution { message: "OK".to_owned(), rows_affected: rows, table: Table::default() }
}

/// What is not supported.
pub(super) fn unsupported(what: impl Into<String>) -> AdapterError {
    errors::told(ErrorKind::Unsupported, what)
}

impl Work<'_> {
    /// Runs one statement.
    pub(super) async fn run(&mut self, statement: Statement, fetch: Fetch) -> Result<Execution, AdapterError> {
        let Statement::Statement(inner) = statement else {
            return match statement {
                Statement::CreateExternalTable(_) => {
                    Err(unsupported("external tables are read where they are: use read_parquet('...') in a view"))
                }
                other => self.query(other, fetch).await,
            };
        };
        match *inner {
            Sql::CreateTable(create) => self.create_table(create).await,
            Sql::CreateView(create) => self.create_view(create).await,
            Sql::CreateSchema { schema_name, if_not_exists, .. } => self.create_schema(&schema_name, if_not_exists),
            Sql::Drop { object_type, if_exists, names, cascade, .. } => match object_type {
                ObjectType::Schema => self.drop_schemas(&names, if_exists, cascade).await,
                ObjectType::Table | ObjectType::View => {
                    self.drop_relations(&names, if_exists, object_type == ObjectType::View).await
                }
                other => Err(unsupported(format!("DROP {other} is not supported"))),
            },
            Sql::AlterTable(alter) => self.alter_table(alter).await,
            Sql::Comment { object_type, object_name, comment, .. } => {
                self.comment(object_type, &object_name, comment).await
            }
            Sql::Insert(insert) => self.insert(insert).await,
            Sql::Update(update) => self.update(update).await,
            Sql::Delete(delete) => self.delete(delete).await,
            Sql::Merge(merge) => self.merge(merge).await,
            Sql::Truncate(truncate) => self.truncate(&truncate).await,
            Sql::Set(set) => self.set(&set),
            Sql::Use(used) => self.use_schema(&used),
            Sql::Analyze { .. } | Sql::Vacuum(_) => Ok(done(None)),
            Sql::Grant { .. } | Sql::Revoke { .. } => {
                Err(unsupported("a lake has no users: who may read it is decided by its storage"))
            }
            other => self.query(Statement::Statement(Box::new(other)), fetch).await,
        }
    }

    /// Where names are looked up.
    fn space(&self) -> Space<'_> {
        Space {
            instance: self.instance,
            transaction: self.transaction,
            temporaries: self.temporaries,
            session: self.session,
        }
    }

    /// Plans a query; gives the session to run it in as well.
    async fn plan_query(&self, query: Query) -> Result<(LogicalPlan, SessionState), AdapterError> {
        let statement = Statement::Statement(Box::new(Sql::Query(Box::new(query))));
        self.space().plan(statement, self.text).await
    }

    /// Plans a query written here.
    async fn plan_text(&self, sql: &str) -> Result<(LogicalPlan, SessionState), AdapterError> {
        let statement = parse::one(sql)?;
        let (plan, session) = self.space().plan(statement, sql).await.map_err(|mut error| {
            error.position = None;
            error
        })?;
        Ok((plan, session))
    }
}

/// Whether memory ran out in a join that cannot spill, so that the slower join that can is worth a try.
pub(super) fn wants_sorted_joins(error: &AdapterError) -> bool {
    error.kind == ErrorKind::OutOfMemory && error.message.contains("HashJoin")
}

/// A session that joins by sorting.
pub(super) fn with_sorted_joins(session: &SessionState) -> SessionState {
    let mut session = session.clone();
    session.config_mut().options_mut().optimizer.prefer_hash_join = false;
    session
}

/// The columns of a plan as a schema of their own.
pub(super) fn schema_of(plan: &LogicalPlan) -> datafusion::arrow::datatypes::SchemaRef {
    Arc::clone(plan.schema().inner())
}
