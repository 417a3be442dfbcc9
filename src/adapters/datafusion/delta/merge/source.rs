//! The source of a MERGE. In: a plan, which runs once. Out: numbered rows with unique keys, and the range that the keys span.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::common::{Column, ExprSchema, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;

use super::super::DeltaError;
use super::super::change::collected;
use super::kept::{Bits, Kept};
use super::{Condition, Merge, MergeWhen, column};

/// The number of a source row.
pub(super) const ROW: &str = "__transform_row";
/// Up to so many distinct keys are named one by one instead of by their range.
const FEW: usize = 64;
/// From so many source rows on, distinct keys are not looked for.
const MANY: usize = 4096;

/// The rows to merge.
pub(super) struct Source {
    kept: Kept,
    pub(super) rows: usize,
}

impl Source {
    pub(super) async fn read(session: &SessionState, merge: &Merge) -> Result<Self, DeltaError> {
        let physical = session.create_physical_plan(&merge.source).await?;
        let input = physical.schema();
        let mut fields: Vec<_> =
            input.fields().iter().map(|f| Arc::new(f.as_ref().clone().with_nullable(true))).collect();
        fields.push(Arc::new(Field::new(ROW, DataType::UInt64, false)));
        let schema = Arc::new(Schema::new(fields));
        let mut kept = Kept::new(session, schema.clone());
        let mut stream = execute_stream(physical, session.task_ctx())?;
        let mut rows = 0_usize;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let numbers = UInt64Array::from_iter_values(rows as u64..(rows + batch.num_rows()) as u64);
            rows += batch.num_rows();
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(numbers));
            kept.push(RecordBatch::try_new(schema.clone(), columns)?)?;
        }
        kept.finish()?;
        Ok(Self { kept, rows })
    }

    /// The session in which to join them with the target: the many rows of the target stay where they are, in their order.
    pub(super) fn session(&self, session: &SessionState) -> SessionState {
        let mut session = session.clone();
        if self.kept.is_small() {
            let optimizer = &mut session.config_mut().options_mut().optimizer;
            optimizer.hash_join_single_partition_threshold = usize::MAX;
            optimizer.hash_join_single_partition_threshold_rows = usize::MAX;
        }
        session
    }

    /// The rows under the name that the statement gives them.
    pub(super) fn plan(&self, alias: TableReference) -> Result<LogicalPlan, DeltaError> {
        self.scan(alias, None)
    }

    /// The rows that found no partner.
    pub(super) fn unmatched(&self, alias: TableReference, matched: Bits) -> Result<LogicalPlan, DeltaError> {
        self.scan(alias, Some(matched))
    }

    fn scan(&self, alias: TableReference, without: Option<Bits>) -> Result<LogicalPlan, DeltaError> {
        let table = self.kept.table(without)?;
        Ok(LogicalPlanBuilder::scan(alias, provider_as_source(table), None)?.build()?)
    }

    /// Whether two rows have one key. Mostly none have, and what it takes to tell which of them counts is not done.
    pub(super) async fn repeats(
        &self,
        session: &SessionState,
        merge: &Merge,
        condition: &Condition,
    ) -> Result<bool, DeltaError> {
        if !merge.has(MergeWhen::Matched) && !merge.has(MergeWhen::NotMatched) {
            return Ok(false);
        }
        let rows = self.plan(merge.source())?;
        Ok(Self::repeated(session, condition, rows, "").await?.is_some())
    }

    /// The refusal of two of these rows of the source that have one key; none if no two have.
    pub(super) async fn repeated(
        session: &SessionState,
        condition: &Condition,
        rows: LogicalPlan,
        table: &str,
    ) -> Result<Option<DeltaError>, DeltaError> {
        let mut plan = LogicalPlanBuilder::from(rows);
        // A key with NULL matches nothing, so such rows do not collide.
        let whole = condition.keys.iter().filter(|key| !key.null_safe).map(|key| key.source.clone().is_not_null());
        if let Some(filter) = conjunction(whole.chain(condition.source_only.iter().cloned())) {
            plan = plan.filter(filter)?;
        }
        let names: Vec<String> = (0..condition.keys.len()).map(|at| format!("key{at}")).collect();
        let keys = condition.keys.iter().zip(&names).map(|(key, name)| key.source.clone().alias(name));
        let plan = plan
            .aggregate(keys, [count(lit(1_i64)).alias("rows")])?
            .filter(column("rows").gt(lit(1_i64)))?
            .limit(0, Some(1))?
            .build()?;
        for batch in collected(session, &plan).await? {
            if batch.num_rows() == 0 {
                continue;
            }
            let rows = batch.column(condition.keys.len()).as_primitive::<Int64Type>().value(0);
            return Ok(Some(duplicate(condition, &batch.columns()[..condition.keys.len()], rows, table)?));
        }
        Ok(None)
    }

    /// What rows of the target must satisfy to match anything: their keys lie in the range of the source's keys.
    pub(super) async fn range(
        &self,
        session: &SessionState,
        merge: &Merge,
        condition: &Condition,
        target: &LogicalPlan,
    ) -> Result<Option<Expr>, DeltaError> {
        let mut ranges = Vec::new();
        let mut columns = Vec::new();
        for key in &condition.keys {
            // NaN has no place in an order; text of other types is left alone.
            if let Expr::Column(column) = &key.target
                && let Ok(field) = target.schema().field_from_column(column)
                && !field.data_type().is_floating()
                && !field.data_type().is_nested()
            {
                columns.push((key, column.clone(), field.data_type().clone()));
            }
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let mut aggregates = Vec::new();
        for (at, (key, _, _)) in columns.iter().enumerate() {
            aggregates.push(min(key.source.clone()).alias(format!("min{at}")));
            aggregates.push(max(key.source.clone()).alias(format!("max{at}")));
        }
        let plan =
            LogicalPlanBuilder::from(self.plan(merge.source())?).aggregate(Vec::<Expr>::new(), aggregates)?.build()?;
        let batches = collected(session, &plan).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
        for (at, (key, target, of)) in columns.into_iter().enumerate() {
            let lowest = ScalarValue::try_from_array(batch.column(2 * at), 0)?;
            let highest = ScalarValue::try_from_array(batch.column(2 * at + 1), 0)?;
            let mut range = if lowest.is_null() || highest.is_null() {
                // No key at all: nothing can match but NULL.
                lit(false)
            } else if let (Some(lowest), Some(highest)) = (same(&lowest, &of), same(&highest, &of)) {
                let named = match self.rows {
                    0..MANY => self.few(session, merge, &key.source, &of).await?,
                    _ => None,
                };
                let column = Expr::Column(target.clone());
                match named {
                    Some(values) if lowest != highest => column.in_list(values, false),
                    _ => column.clone().gt_eq(lit(lowest)).and(column.lt_eq(lit(highest))),
                }
            } else {
                continue;
            };
            if key.null_safe {
                range = range.or(Expr::Column(target).is_null());
            }
            ranges.push(range);
        }
        Ok(conjunction(ranges))
    }

    /// The distinct values of a key, if they are few.
    async fn few(
        &self,
        session: &SessionState,
        merge: &Merge,
        key: &Expr,
        of: &DataType,
    ) -> Result<Option<Vec<Expr>>, DeltaError> {
        let plan = LogicalPlanBuilder::from(self.plan(merge.source())?)
            .filter(key.clone().is_not_null())?
            .project([key.clone().alias("key")])?
            .distinct()?
            .limit(0, Some(FEW + 1))?
            .build()?;
        let mut values = Vec::new();
        for batch in collected(session, &plan).await? {
            for row in 0..batch.num_rows() {
                match same(&ScalarValue::try_from_array(batch.column(0), row)?, of) {
                    Some(value) => values.push(lit(value)),
                    None => return Ok(None),
                }
            }
        }
        Ok((values.len() <= FEW).then_some(values))
    }
}

/// The refusal of several rows of one key, whose values stand in the first row.
pub(super) fn duplicate(
    condition: &Condition,
    keys: &[ArrayRef],
    rows: i64,
    table: &str,
) -> Result<DeltaError, DeltaError> {
    let mut parts = Vec::new();
    for (key, values) in condition.keys.iter().zip(keys) {
        let value = ScalarValue::try_from_array(values, 0)?;
        let name = match &key.source {
            Expr::Column(column) => column.name.clone(),
            other => other.human_display().to_string(),
        };
        parts.push(format!("`{name}` = {}", shown(&value)));
    }
    Ok(DeltaError::DuplicateKey { table: table.to_string(), key: parts.join(", "), rows })
}

/// The value as the target's type, if that is the same value.
fn same(value: &ScalarValue, of: &DataType) -> Option<ScalarValue> {
    let converted = value.cast_to(of).ok()?;
    let back = converted.cast_to(&value.data_type()).ok()?;
    (back == *value && !converted.is_null()).then_some(converted)
}

fn shown(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            format!("'{text}'")
        }
        other => other.to_string(),
    }
}

/// Columns that expressions over a join may name.
pub(super) fn row_of(source: TableReference) -> Expr {
    Expr::Column(Column::new(Some(source), ROW))
}
