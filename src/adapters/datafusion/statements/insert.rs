//! INSERT. In: a table, maybe some of its columns, a query. Out: more rows, or other rows in the partitions that the query names.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::{Column, ScalarValue};
use datafusion::execution::context::SessionState;
use datafusion::functions::math::expr_fn::round;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::sql::sqlparser::ast::{Insert, TableObject};

use super::names::{Target, column};
use super::{Work, done, rows_of, schema_of, unsupported, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::catalog::{Entry, Key};
use crate::adapters::datafusion::delta::StagedTable;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind, Execution};

impl Work<'_> {
    /// INSERT INTO and INSERT OVERWRITE.
    pub(super) async fn insert(&mut self, insert: Insert) -> Result<Execution, AdapterError> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(unsupported("INSERT needs the name of a table"));
        };
        for (given, what) in [
            (insert.on.is_some(), "ON CONFLICT is not supported by Delta Lake; use merge"),
            (insert.returning.is_some(), "RETURNING is not supported"),
            (insert.or.is_some() || insert.replace_into, "INSERT OR REPLACE is not supported; use merge"),
            (
                insert.partitioned.as_ref().is_some_and(|p| !p.is_empty()),
                "PARTITION is not needed: rows say where they belong",
            ),
        ] {
            if given {
                return Err(unsupported(what));
            }
        }
        let target = self.existing(name)?;
        let Some(query) = insert.source else { return Err(unsupported("INSERT needs a query or VALUES")) };
        let columns = insert.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let (plan, session) = self.plan_query(*query).await?;
        let schema = self.target_schema(&target).await?;
        let plan = aligned(plan, &schema, &columns, &name.to_string())?;
        match target {
            Target::Temporary(name) => self.insert_temporary(&name, &schema, plan, &session, insert.overwrite).await,
            Target::Lake(key, entry) if insert.overwrite => self.insert_overwrite(&key, &entry, plan, &session).await,
            Target::Lake(key, entry) => {
                let rows = self.append(&key, &entry, plan, &session).await?;
                Ok(done(Some(rows)))
            }
        }
    }

    /// The columns of a table that rows go into.
    pub(in crate::adapters::datafusion) async fn target_schema(
        &mut self,
        target: &Target,
    ) -> Result<SchemaRef, AdapterError> {
        match target {
            Target::Temporary(name) => {
                let found = self.temporaries.get(name).filter(|t| t.rows.is_some()).map(|t| t.provider.schema());
                found.ok_or_else(|| errors::told(ErrorKind::Catalog, format!("\"{name}\" is a view")))
            }
            Target::Lake(key, entry) => {
                let location = location_of(key, entry)?;
                let staged = self.transaction.table(self.instance, key, location).await?;
                staged.schema().map_err(|e| errors::delta(&e))
            }
        }
    }

    /// Adds rows whose columns are those of the table.
    pub(in crate::adapters::datafusion) async fn append(
        &mut self,
        key: &Key,
        entry: &Entry,
        plan: LogicalPlan,
        session: &SessionState,
    ) -> Result<u64, AdapterError> {
        let location = location_of(key, entry)?;
        let staged = self.transaction.table(self.instance, key, location).await?;
        match staged.append(session, plan.clone()).await.map_err(|e| errors::delta(&e)) {
            Err(error) if wants_sorted_joins(&error) => {
                staged.append(&with_sorted_joins(session), plan).await.map_err(|e| errors::delta(&e))
            }
            other => other,
        }
    }

    /// Replaces the partitions that the query has rows of; without partitions, everything.
    async fn insert_overwrite(
        &mut self,
        key: &Key,
        entry: &Entry,
        plan: LogicalPlan,
        session: &SessionState,
    ) -> Result<Execution, AdapterError> {
        let location = location_of(key, entry)?;
        self.transaction.lease(self.instance, key).await?;
        let staged: &mut StagedTable = self.transaction.table(self.instance, key, location).await?;
        let schema = staged.schema().map_err(|e| errors::delta(&e))?;
        let partitions = staged.partition_columns().map_err(|e| errors::delta(&e))?;
        let rows = if partitions.is_empty() {
            staged.rewrite_rows(session, plan).await.map_err(|e| errors::delta(&e))?
        } else {
            match partitions_of(&plan, &schema, &partitions, session).await? {
                Some(predicate) => {
                    staged.replace_where(session, predicate, plan).await.map_err(|e| errors::delta(&e))?
                }
                None => 0,
            }
        };
        Ok(done(Some(rows)))
    }
}

/// The folder of a relation that rows can go into.
pub(super) fn location_of<'e>(key: &Key, entry: &'e Entry) -> Result<&'e str, AdapterError> {
    entry.location().ok_or_else(|| {
        errors::told(ErrorKind::Catalog, format!("\"{}.{}\" is a view: its rows cannot be changed", key.0, key.1))
    })
}

/// A condition that holds for exactly the partitions that a query has rows of; none if it has no rows.
async fn partitions_of(
    plan: &LogicalPlan,
    schema: &SchemaRef,
    partitions: &[String],
    session: &SessionState,
) -> Result<Option<Expr>, AdapterError> {
    let target = |name: &str| schema.field_with_name(name).map(|f| f.data_type().clone());
    let columns = partitions
        .iter()
        .map(|name| {
            let data_type = target(name).map_err(|e| errors::running(&e.into()))?;
            Ok(cast(Expr::Column(Column::from_name(name)), data_type).alias(name))
        })
        .collect::<Result<Vec<_>, AdapterError>>()?;
    let distinct = LogicalPlanBuilder::from(plan.clone())
        .project(columns)
        .and_then(LogicalPlanBuilder::distinct)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| errors::running(&e))?;
    let (_, batches) = rows_of(&distinct, session).await?;
    let mut rows: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut conditions: Vec<Vec<(String, ScalarValue)>> = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let values = batch
                .columns()
                .iter()
                .map(|c| ScalarValue::try_from_array(c, row))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| errors::running(&e))?;
            if rows.insert(values.iter().map(|v| format!("{v:?}")).collect()) {
                conditions.push(partitions.iter().cloned().zip(values).collect());
            }
        }
    }
    if let [partition] = partitions {
        return Ok(within(partition, conditions.into_iter().flatten().map(|(_, value)| value)));
    }
    let one = |values: Vec<(String, ScalarValue)>| {
        values.into_iter().map(|(name, value)| equals(&name, value)).reduce(Expr::and)
    };
    Ok(conditions.into_iter().filter_map(one).reduce(Expr::or))
}

fn equals(name: &str, value: ScalarValue) -> Expr {
    let column = Expr::Column(Column::from_name(name));
    if value.is_null() { column.is_null() } else { column.eq(lit(value)) }
}

fn within(name: &str, values: impl Iterator<Item = ScalarValue>) -> Option<Expr> {
    let (nulls, values): (Vec<ScalarValue>, Vec<ScalarValue>) = values.partition(ScalarValue::is_null);
    let column = || Expr::Column(Column::from_name(name));
    let listed = (!values.is_empty()).then(|| column().in_list(values.into_iter().map(lit).collect(), false));
    let null = (!nulls.is_empty()).then(|| column().is_null());
    match (listed, null) {
        (Some(listed), Some(null)) => Some(listed.or(null)),
        (listed, null) => listed.or(null),
    }
}

/// A query's columns in the table's order and under its names, with what SQL converts in an assignment: numbers are rounded to
/// the column's digits. What is not filled is NULL.
pub(super) fn aligned(
    plan: LogicalPlan,
    schema: &SchemaRef,
    columns: &[String],
    table: &str,
) -> Result<LogicalPlan, AdapterError> {
    let sources = plan.schema().columns();
    let expected = if columns.is_empty() { schema.fields().len() } else { columns.len() };
    if sources.len() != expected {
        let text = format!("{table} has {expected} columns to fill, but {} values are given", sources.len());
        return Err(errors::told(ErrorKind::Binder, text));
    }
    for column in columns {
        if schema.fields().iter().all(|f| !f.name().eq_ignore_ascii_case(column)) {
            let mut error = errors::told(ErrorKind::Binder, format!("{table} has no column \"{column}\""));
            error.candidates = errors::nearest(column, schema.fields().iter().map(|f| f.name().as_str()));
            return Err(error);
        }
    }
    let from = Arc::clone(plan.schema());
    let value = |(at, field): (usize, &Arc<Field>)| {
        let place = if columns.is_empty() {
            Some(at)
        } else {
            let exact = columns.iter().position(|c| c == field.name());
            exact.or_else(|| columns.iter().position(|c| c.eq_ignore_ascii_case(field.name())))
        };
        let value = match place.and_then(|p| sources.get(p)) {
            Some(source) => {
                let source = Expr::Column(source.clone());
                let given = source.get_type(from.as_ref())?;
                assigned(source, &given, field.data_type())
            }
            None => cast(lit(ScalarValue::Null), field.data_type().clone()),
        };
        Ok(value.alias(field.name()))
    };
    let values = schema.fields().iter().enumerate().map(value).collect::<Result<Vec<_>, _>>();
    values
        .and_then(|values| LogicalPlanBuilder::from(plan).project(values)?.build())
        .map_err(|e: datafusion::error::DataFusionError| errors::running(&e))
}

/// A number in a column of fewer digits.
fn assigned(value: Expr, given: &DataType, wanted: &DataType) -> Expr {
    let decimal = |t: &DataType| {
        matches!(
            t,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
        )
    };
    if given == wanted {
        value
    } else if (given.is_floating() || decimal(given)) && wanted.is_integer() {
        cast(round(vec![value]), wanted.clone())
    } else if (given.is_numeric() && (decimal(wanted) || wanted.is_floating())) || given.is_null() {
        cast(value, wanted.clone())
    } else {
        value
    }
}

/// Every column in the type of a schema.
pub(super) fn cast_to(plan: LogicalPlan, schema: &SchemaRef) -> Result<LogicalPlan, AdapterError> {
    let from = schema_of(&plan);
    let columns = plan.schema().columns();
    let casts: Vec<Expr> = columns
        .into_iter()
        .zip(from.fields().iter().zip(schema.fields()))
        .map(|(column, (have, want))| {
            let source = Expr::Column(column);
            let value =
                if have.data_type() == want.data_type() { source } else { cast(source, want.data_type().clone()) };
            value.alias(want.name())
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(casts).and_then(LogicalPlanBuilder::build).map_err(|e| errors::running(&e))
}
