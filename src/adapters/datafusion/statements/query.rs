//! Anything that gives rows: queries, EXPLAIN, DESCRIBE, SHOW, COPY. In: a statement. Out: its result.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{LogicalPlan, Statement as PlanStatement};
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::Statement;
use futures::StreamExt;

use super::{Work, done, unsupported, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::type_names::sql_name;
use crate::adapters::datafusion::{errors, types};
use crate::adapters::{AdapterError, Execution, Fetch};
use crate::base::Table;

/// Runs a plan; `each` gets the batches until it wants no more. Gives the result's columns.
pub(super) async fn each_batch(
    plan: &LogicalPlan,
    session: &SessionState,
    each: &mut (dyn FnMut(RecordBatch) -> bool + Send),
) -> Result<SchemaRef, AdapterError> {
    let physical = session.create_physical_plan(plan).await.map_err(|e| errors::running(&e))?;
    let schema = physical.schema();
    let mut batches = execute_stream(physical, session.task_ctx()).map_err(|e| errors::running(&e))?;
    while let Some(batch) = batches.next().await {
        if !each(batch.map_err(|e| errors::running(&e))?) {
            break;
        }
    }
    Ok(schema)
}

/// All rows of a plan. Where memory does not suffice for joins that hash, joins that sort are tried.
pub(in crate::adapters::datafusion) async fn rows_of(
    plan: &LogicalPlan,
    session: &SessionState,
) -> Result<(SchemaRef, Vec<RecordBatch>), AdapterError> {
    let mut batches = Vec::new();
    let first = each_batch(plan, session, &mut |batch| {
        batches.push(batch);
        true
    })
    .await;
    match first {
        Ok(schema) => Ok((schema, batches)),
        Err(error) if wants_sorted_joins(&error) => {
            batches.clear();
            let schema = each_batch(plan, &with_sorted_joins(session), &mut |batch| {
                batches.push(batch);
                true
            })
            .await?;
            Ok((schema, batches))
        }
        Err(error) => Err(error),
    }
}

impl Work<'_> {
    /// Runs a statement that gives rows.
    pub(super) async fn query(&mut self, statement: Statement, fetch: Fetch) -> Result<Execution, AdapterError> {
        let is_copy = matches!(statement, Statement::CopyTo(_));
        let (plan, session) = self.space().plan(statement, self.text).await?;
        match &plan {
            LogicalPlan::Ddl(ddl) => return Err(unsupported(format!("{} is not supported", ddl.name()))),
            LogicalPlan::Dml(_) => return Err(unsupported("this form of changing rows is not supported")),
            LogicalPlan::Statement(PlanStatement::SetVariable(_)) => return Ok(done(None)),
            LogicalPlan::Statement(other) => return Err(unsupported(format!("{} is not supported", other.name()))),
            LogicalPlan::DescribeTable(describe) => return described(&describe.schema),
            _ => {}
        }
        let limit = match fetch {
            Fetch::None => 0,
            Fetch::All => usize::MAX,
            Fetch::Limit(limit) => limit,
        };
        let (schema, rows) = match self.limited(&plan, &session, limit, fetch == Fetch::None).await {
            Err(error) if wants_sorted_joins(&error) => {
                self.limited(&plan, &with_sorted_joins(&session), limit, fetch == Fetch::None).await?
            }
            other => other?,
        };
        let rows_affected = if is_copy { copied(&rows) } else { None };
        let table = Table { columns: types::columns(&schema), rows };
        Ok(Execution { message: "OK".to_owned(), rows_affected, table })
    }

    async fn limited(
        &self,
        plan: &LogicalPlan,
        session: &SessionState,
        limit: usize,
        drain: bool,
    ) -> Result<(SchemaRef, Vec<Vec<crate::base::Value>>), AdapterError> {
        let mut rows = Vec::new();
        let schema = each_batch(plan, session, &mut |batch| {
            types::append_rows(&batch, &mut rows, limit);
            // A statement whose rows nobody wants still runs to its end.
            drain || rows.len() < limit
        })
        .await?;
        Ok((schema, rows))
    }
}

fn copied(rows: &[Vec<crate::base::Value>]) -> Option<u64> {
    rows.first()?.first()?.as_i64().and_then(|n| u64::try_from(n).ok())
}

/// DESCRIBE, in the words of SQL.
fn described(schema: &Arc<datafusion::arrow::datatypes::Schema>) -> Result<Execution, AdapterError> {
    use crate::base::{TableColumn, Value};
    let column = |name: &str| TableColumn { name: name.to_owned(), data_type: "varchar".to_owned() };
    let row = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        let nullable = if field.is_nullable() { "YES" } else { "NO" };
        vec![Value::from(field.name().as_str()), Value::from(sql_name(field.data_type())), Value::from(nullable)]
    };
    let columns = ["column_name", "data_type", "is_nullable"].into_iter().map(column).collect();
    let mut execution = done(None);
    execution.table = Table { columns, rows: schema.fields().iter().map(row).collect() };
    Ok(execution)
}
