//! UPDATE and DELETE. In: parsed statements. Out: fewer or other rows.
//!
//! What a statement says about rows is planned as a query over its table, so that names, functions and subqueries mean what they
//! mean everywhere; the table gets the expressions out of that plan.

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr as SqlExpr, FromTable, Ident, ObjectName, TableFactor, TableWithJoins,
    Update, UpdateTableFromKind,
};

use super::insert::location_of;
use super::merge::Sides;
use super::names::{Target, column};
use super::{Work, done, rows_of, unsupported, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::catalog::{Entry, Key};
use crate::adapters::datafusion::delta::{Merge, MergeAction, MergeClause, MergeWhen};
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind, Execution};

/// The table of a statement, as it is written there.
pub(super) struct Written {
    /// Its name.
    pub(super) name: ObjectName,
    /// Name and alias, as a FROM clause has them.
    pub(super) text: String,
}

/// The one table of a FROM clause.
pub(super) fn written(factor: &TableFactor) -> Result<Written, AdapterError> {
    match factor {
        TableFactor::Table { name, args: None, .. } => Ok(Written { name: name.clone(), text: factor.to_string() }),
        other => Err(unsupported(format!("rows of {other} cannot be changed"))),
    }
}

fn only(from: &[TableWithJoins]) -> Result<&TableFactor, AdapterError> {
    match from {
        [one] if one.joins.is_empty() => Ok(&one.relation),
        _ => Err(unsupported("only rows of one table can be changed at once; use USING or a subquery for the others")),
    }
}

fn listed(from: &[TableWithJoins]) -> String {
    from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Work<'_> {
    /// DELETE.
    pub(super) async fn delete(&mut self, delete: Delete) -> Result<Execution, AdapterError> {
        if delete.returning.is_some() || delete.limit.is_some() || !delete.tables.is_empty() {
            return Err(unsupported("DELETE takes FROM, USING and WHERE, nothing else"));
        }
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let table = written(only(from)?)?;
        let target = self.existing(&table.name)?;
        let condition = match (&delete.using, &delete.selection) {
            (None, None) => return Ok(done(Some(self.delete_all(target).await?))),
            (None, Some(condition)) => condition.to_string(),
            (Some(using), None) => format!("exists (select 1 from {})", listed(using)),
            (Some(using), Some(condition)) => format!("exists (select 1 from {} where {condition})", listed(using)),
        };
        let rows = match target {
            Target::Temporary(name) => {
                let before = self.count_temporary(&name);
                let sql = format!("select * from {} where ({condition}) is not true", table.text);
                let after = self.rewrite_temporary(&name, &sql).await?;
                before.saturating_sub(after)
            }
            Target::Lake(key, entry) => {
                let sql = format!("select * from {} where {condition}", table.text);
                let (plan, session) = self.plan_here(&sql).await?;
                self.delete_where(&key, &entry, filter_of(&plan), &session).await?
            }
        };
        Ok(done(Some(rows)))
    }

    /// Removes all rows of a table; how many they were.
    pub(super) async fn delete_all(&mut self, target: Target) -> Result<u64, AdapterError> {
        match target {
            Target::Temporary(name) => {
                let rows = self.count_temporary(&name);
                let schema = self.target_schema(&Target::Temporary(name.clone())).await?;
                self.put_temporary(&name, &schema, &[]).await?;
                Ok(rows)
            }
            Target::Lake(key, entry) => {
                let session = self.session.clone();
                self.delete_where(&key, &entry, None, &session).await
            }
        }
    }

    async fn delete_where(
        &mut self,
        key: &Key,
        entry: &Entry,
        predicate: Option<Expr>,
        session: &SessionState,
    ) -> Result<u64, AdapterError> {
        let location = location_of(key, entry)?;
        self.transaction.lease(self.instance, key).await?;
        let staged = self.transaction.table(self.instance, key, location).await?;
        match staged.delete(session, predicate.clone()).await.map_err(|e| errors::delta(&e)) {
            Err(error) if wants_sorted_joins(&error) => {
                staged.delete(&with_sorted_joins(session), predicate).await.map_err(|e| errors::delta(&e))
            }
            other => other,
        }
    }

    /// UPDATE.
    pub(super) async fn update(&mut self, update: Update) -> Result<Execution, AdapterError> {
        if update.returning.is_some() || update.limit.is_some() || !update.table.joins.is_empty() {
            return Err(unsupported("UPDATE takes SET, FROM and WHERE, nothing else"));
        }
        let table = written(&update.table.relation)?;
        let target = self.existing(&table.name)?;
        let assignments = assignments(&update.assignments)?;
        let values: Vec<String> = assignments.iter().map(|(_, value)| value.to_string()).collect();
        let from = update.from.as_ref().map(|from| match from {
            UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from) => from,
        });
        match (target, from) {
            (Target::Temporary(name), None) => {
                self.update_temporary(&name, &table, &assignments, update.selection.as_ref()).await
            }
            (Target::Temporary(_), Some(_)) => Err(unsupported("UPDATE ... FROM of temporary tables is not supported")),
            (Target::Lake(key, entry), None) => {
                let condition = update.selection.map(|c| format!(" where {c}")).unwrap_or_default();
                // Equal values need names of their own.
                let numbered = values.iter().enumerate().map(|(at, v)| format!("{v} as __value_{at}"));
                let listed = numbered.collect::<Vec<_>>().join(", ");
                let (plan, session) =
                    self.plan_here(&format!("select {listed} from {}{condition}", table.text)).await?;
                let predicate = filter_of(&plan);
                let new = projected(&plan, values.len())?;
                let named = assignments.iter().map(|(name, _)| name.clone()).zip(new).collect::<Vec<_>>();
                let location = location_of(&key, &entry)?;
                self.transaction.lease(self.instance, &key).await?;
                let staged = self.transaction.table(self.instance, &key, location).await?;
                let rows = staged.update(&session, named, predicate).await.map_err(|e| errors::delta(&e))?;
                Ok(done(Some(rows)))
            }
            (Target::Lake(key, entry), Some(from)) => {
                let [source] = from.as_slice() else {
                    return Err(unsupported("UPDATE ... FROM takes one table or subquery; join them in a subquery"));
                };
                let condition = update.selection.map_or_else(|| "true".to_owned(), |c| c.to_string());
                let sides = self.sides(&table, &source.to_string(), &condition, &values).await?;
                let Sides { session, merge, values } = sides;
                let named = assignments.iter().map(|(name, _)| name.clone()).zip(values).collect();
                let action = MergeAction::Update(named);
                let clauses = vec![MergeClause { when: MergeWhen::Matched, condition: None, action }];
                let counts = self.run_merge(&key, &entry, &session, Merge { clauses, ..merge }).await?;
                Ok(done(Some(counts.updated)))
            }
        }
    }

    /// Plans text made of the statement's own parts; places of errors are looked for in the statement.
    pub(super) async fn plan_here(&self, sql: &str) -> Result<(LogicalPlan, SessionState), AdapterError> {
        self.plan_text(sql).await.map_err(|mut error| {
            if let Some(name) = error.message.split('"').nth(1) {
                let word = name.rsplit('.').next().unwrap_or(name);
                error.position = errors::find_word(self.text, word);
            }
            error
        })
    }

    async fn update_temporary(
        &mut self,
        name: &str,
        table: &Written,
        assignments: &[(String, SqlExpr)],
        condition: Option<&SqlExpr>,
    ) -> Result<Execution, AdapterError> {
        let schema = self.target_schema(&Target::Temporary(name.to_owned())).await?;
        for (column, _) in assignments {
            if schema.field_with_name(column).is_err() {
                return Err(errors::told(ErrorKind::Binder, format!("\"{name}\" has no column \"{column}\"")));
            }
        }
        let column = |field: &std::sync::Arc<datafusion::arrow::datatypes::Field>| {
            let quoted = Ident::with_quote('"', field.name().clone());
            match (assignments.iter().find(|(c, _)| c == field.name()), condition) {
                (None, _) => quoted.to_string(),
                (Some((_, value)), None) => format!("{value} as {quoted}"),
                (Some((_, value)), Some(condition)) => {
                    format!("case when {condition} then {value} else {quoted} end as {quoted}")
                }
            }
        };
        let columns: Vec<String> = schema.fields().iter().map(column).collect();
        let changed = match condition {
            None => self.count_temporary(name),
            Some(condition) => {
                let (plan, session) =
                    self.plan_here(&format!("select 1 as one from {} where {condition}", table.text)).await?;
                rows_of(&plan, &session).await?.1.iter().map(|b| b.num_rows() as u64).sum()
            }
        };
        self.rewrite_temporary(name, &format!("select {} from {}", columns.join(", "), table.text)).await?;
        Ok(done(Some(changed)))
    }
}

/// Column and new value of each assignment.
pub(super) fn assignments(assignments: &[Assignment]) -> Result<Vec<(String, SqlExpr)>, AdapterError> {
    let one = |assignment: &Assignment| match &assignment.target {
        AssignmentTarget::ColumnName(name) => Ok((column(name)?, assignment.value.clone())),
        AssignmentTarget::Tuple(_) => Err(unsupported(format!("{assignment}: assign one column at a time"))),
    };
    assignments.iter().map(one).collect()
}

/// The condition of a planned `select ... from ... where`.
pub(super) fn filter_of(plan: &LogicalPlan) -> Option<Expr> {
    match plan {
        LogicalPlan::Filter(filter) => Some(filter.predicate.clone()),
        LogicalPlan::Projection(projection) => filter_of(&projection.input),
        _ => None,
    }
}

/// The values of a planned `select ... from`.
pub(super) fn projected(plan: &LogicalPlan, count: usize) -> Result<Vec<Expr>, AdapterError> {
    match plan {
        LogicalPlan::Projection(projection) if projection.expr.len() == count => {
            Ok(projection.expr.iter().map(|e| e.clone().unalias()).collect())
        }
        _ => Err(unsupported("windows and aggregates cannot be assigned; compute them in a subquery of FROM")),
    }
}
