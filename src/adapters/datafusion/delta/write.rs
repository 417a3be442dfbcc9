//! Rows of a query -> Parquet files at their final place. In: a logical plan, the columns it must yield. Out: `add` actions and
//! a row count. Constraints are checked on every batch before it is written.
//!
//! Small results make one file, whatever the parallelism of the query; large ones make files by parallel writers.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Partitioning, cast, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::scalar::ScalarValue;
use deltalake_core::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake_core::kernel::Add;
use deltalake_core::operations::get_num_idx_cols_and_stats_columns;
use deltalake_core::parquet::basic::Compression;
use deltalake_core::parquet::file::properties::WriterProperties;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::prefix::PrefixStore;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::functions;
use super::super::type_names::sql_name;
use super::meta::Meta;
use super::upload::Uploads;
use super::{DeltaError, Lake, types};

/// The size that data files grow to unless the table has `delta.targetFileSize`.
pub(super) const TARGET_FILE_SIZE: u64 = 64 << 20;
/// Results up to this many bytes in memory go into one file.
const ONE_FILE: usize = 48 << 20;
const ROWS_A_CHUNK: usize = 8192;
/// Batches in flight between the query and a writer.
const IN_FLIGHT: usize = 4;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) adds: Vec<Add>,
    pub(super) rows: u64,
}

/// Where and how to write.
pub(super) struct Sink<'a> {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) location: &'a str,
    pub(super) meta: &'a Meta,
    /// A predicate that all rows must satisfy, with its SQL: the range that they replace.
    pub(super) range: Option<&'a Expr>,
}

/// The plan's columns, by name, in the order and with the types of a table. What is missing is NULL.
pub(super) fn aligned(table: &str, plan: LogicalPlan, schema: &Schema) -> Result<LogicalPlan, DeltaError> {
    let input = plan.schema().clone();
    let mut columns = Vec::with_capacity(schema.fields().len());
    let mut used = vec![false; input.fields().len()];
    for target in schema.fields() {
        let named = |same: fn(&str, &str) -> bool| -> Vec<usize> {
            (0..used.len()).filter(|at| same(input.field(*at).name(), target.name())).collect()
        };
        let mut found = named(|a, b| a == b);
        if found.is_empty() {
            found = named(|a, b| a.eq_ignore_ascii_case(b));
        }
        let expr = match found.as_slice() {
            [] => lit(ScalarValue::try_from(target.data_type())?),
            [at] => {
                used[*at] = true;
                let (qualifier, field) = input.qualified_field(*at);
                let column = Expr::Column(Column::from((qualifier, field)));
                converted(column, target.name(), field.data_type(), target.data_type())?
            }
            _ => return Err(DeltaError::Columns(format!("the query has several columns `{}`", target.name()))),
        };
        columns.push(expr.alias(target.name()));
    }
    let unknown: Vec<String> =
        input.fields().iter().zip(&used).filter(|(_, used)| !**used).map(|(f, _)| format!("`{}`", f.name())).collect();
    if !unknown.is_empty() {
        return Err(DeltaError::Columns(format!("{table} has no column {}", unknown.join(", "))));
    }
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// A value on its way into a column: as it is, cast if that is safe, refused otherwise.
pub(super) fn converted(value: Expr, column: &str, from: &DataType, to: &DataType) -> Result<Expr, DeltaError> {
    if from == to {
        Ok(value)
    } else if types::fits(from, to) {
        Ok(cast(value, to.clone()))
    } else {
        Err(types::misfit(column, from, to))
    }
}

/// Runs a plan whose columns are exactly the table's (see [`aligned`]) and writes what it yields.
pub(super) async fn write(session: &SessionState, plan: LogicalPlan, sink: &Sink<'_>) -> Result<Written, DeltaError> {
    let partitioned = sink.meta.partition_columns();
    let plan = if partitioned.is_empty() {
        plan
    } else {
        // One writer a partition value, not one for each of the query's threads.
        let keys = partitioned.iter().map(|name| Expr::Column(Column::from_name(name))).collect();
        let threads = session.config().target_partitions();
        LogicalPlanBuilder::from(plan).repartition(Partitioning::Hash(keys, threads))?.build()?
    };
    let physical = session.create_physical_plan(&plan).await?;
    let rules = Arc::new(Rules::new(session, sink)?);
    let config = writer_config(sink.meta, rules.schema.clone());
    let folder: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(sink.store.clone(), Lake::table_path(sink.location)?));
    let uploads = Arc::new(Uploads::new(folder));
    let store: Arc<dyn ObjectStore> = uploads.clone();
    let written = run(session, physical, rules, move || DeltaWriter::new(store.clone(), config.clone())).await;
    uploads.failure()?;
    written
}

fn writer_config(meta: &Meta, schema: SchemaRef) -> WriterConfig {
    let properties = WriterProperties::builder()
        .set_created_by(format!("transform {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::SNAPPY)
        .build();
    let configuration: HashMap<String, Option<String>> =
        meta.properties().into_iter().map(|(name, value)| (name, Some(value))).collect();
    let (indexed, columns) = get_num_idx_cols_and_stats_columns(None, configuration);
    let size = NonZeroU64::new(target_file_size(meta));
    WriterConfig::new(schema, meta.partition_columns(), Some(properties), size, Some(ROWS_A_CHUNK), indexed, columns)
}

/// The size that a table's data files grow to.
pub(super) fn target_file_size(meta: &Meta) -> u64 {
    let own = meta.property("delta.targetFileSize").and_then(|text| text.trim().parse().ok());
    own.filter(|size| *size > 0).unwrap_or(TARGET_FILE_SIZE)
}

/// Reads all partitions of a plan and hands their batches to writers: one, until there is too much for one file.
async fn run(
    session: &SessionState,
    plan: Arc<dyn ExecutionPlan>,
    rules: Arc<Rules>,
    writer: impl Fn() -> DeltaWriter,
) -> Result<Written, DeltaError> {
    let partitions = plan.output_partitioning().partition_count();
    let (sender, mut receiver) =
        mpsc::channel::<Result<(usize, RecordBatch), DeltaError>>(IN_FLIGHT * partitions.max(1));
    let mut readers = JoinSet::new();
    for partition in 0..partitions {
        let mut stream = plan.execute(partition, session.task_ctx())?;
        let (sender, rules) = (sender.clone(), rules.clone());
        readers.spawn(async move {
            while let Some(batch) = stream.next().await {
                let checked = batch.map_err(DeltaError::from).and_then(|batch| rules.checked(&batch));
                let failed = checked.is_err();
                if matches!(&checked, Ok(batch) if batch.num_rows() == 0) {
                    continue;
                }
                if sender.send(checked.map(|batch| (partition, batch))).await.is_err() || failed {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut early: Vec<(usize, RecordBatch)> = Vec::new();
    let (mut bytes, mut rows) = (0, 0);
    while bytes <= ONE_FILE {
        let Some(next) = receiver.recv().await else { break };
        let (partition, batch) = next?;
        bytes += batch.get_array_memory_size();
        rows += batch.num_rows() as u64;
        early.push((partition, batch));
    }
    if bytes <= ONE_FILE || partitions == 1 {
        // Files keep the order of the query's partitions, hence their ranges of values.
        early.sort_by_key(|(partition, _)| *partition);
        let mut writer = writer();
        let result = async {
            for (_, batch) in &early {
                writer.write(batch).await?;
            }
            drop(early);
            while let Some(next) = receiver.recv().await {
                let (_, batch) = next?;
                rows += batch.num_rows() as u64;
                writer.write(&batch).await?;
            }
            Ok::<_, DeltaError>(())
        }
        .await;
        let adds = closed(writer, result).await?;
        finished(readers).await?;
        return Ok(Written { adds, rows });
    }
    // A plan of several parts has more partitions than there is work for; each writer makes a file at least.
    let threads = partitions.min(session.config().target_partitions().max(1));
    let mut writers = JoinSet::new();
    let mut channels = Vec::with_capacity(threads);
    for _ in 0..threads {
        let (sender, mut receiver) = mpsc::channel::<RecordBatch>(IN_FLIGHT);
        let mut writer = writer();
        writers.spawn(async move {
            let mut result = Ok(());
            while let Some(batch) = receiver.recv().await {
                result = writer.write(&batch).await.map_err(DeltaError::from);
                if result.is_err() {
                    break;
                }
            }
            closed(writer, result).await
        });
        channels.push(sender);
    }
    let mut failure = None;
    for (partition, batch) in early {
        if channels[partition % threads].send(batch).await.is_err() {
            break;
        }
    }
    while let Some(next) = receiver.recv().await {
        match next {
            Ok((partition, batch)) => {
                rows += batch.num_rows() as u64;
                if channels[partition % threads].send(batch).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    drop(channels);
    if let Some(error) = failure {
        writers.abort_all();
        return Err(error);
    }
    let mut adds = Vec::new();
    while let Some(done) = writers.join_next().await {
        adds.extend(done.map_err(|e| DataFusionError::External(Box::new(e)))??);
    }
    drop(receiver);
    finished(readers).await?;
    adds.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Written { adds, rows })
}

/// A reader that panicked or was cancelled must not look like one that came to its end.
async fn finished(mut readers: JoinSet<()>) -> Result<(), DeltaError> {
    while let Some(done) = readers.join_next().await {
        done.map_err(|e| DataFusionError::External(Box::new(e)))?;
    }
    Ok(())
}

async fn closed(writer: DeltaWriter, result: Result<(), DeltaError>) -> Result<Vec<Add>, DeltaError> {
    match result {
        Ok(()) => Ok(writer.close().await?),
        Err(error) => {
            // What cannot be cleaned up here is an orphan that `vacuum` finds.
            let _ = writer.abort().await;
            Err(error)
        }
    }
}

/// What each row must satisfy, bound to the columns that are written.
struct Rules {
    table: String,
    /// The schema of data files, with partition columns.
    schema: SchemaRef,
    not_null: Vec<usize>,
    /// Partition columns with text.
    text_keys: Vec<usize>,
    checks: Vec<(String, String, Arc<dyn PhysicalExpr>)>,
    range: Option<(String, Arc<dyn PhysicalExpr>)>,
}

impl Rules {
    fn new(session: &SessionState, sink: &Sink<'_>) -> Result<Self, DeltaError> {
        let schema = sink.meta.schema().clone();
        let bound = DFSchema::try_from(schema.as_ref().clone())?;
        let mut checks = Vec::new();
        for (name, sql) in sink.meta.checks() {
            let expr = functions::settled(session, session.create_logical_expr(&sql, &bound)?, &bound)?;
            checks.push((name, sql, session.create_physical_expr(expr, &bound)?));
        }
        let range = match sink.range {
            Some(expr) => {
                let settled = functions::settled(session, expr.clone(), &bound)?;
                Some((expr.human_display().to_string(), session.create_physical_expr(settled, &bound)?))
            }
            None => None,
        };
        let not_null =
            schema.fields().iter().enumerate().filter(|(_, f)| !f.is_nullable()).map(|(index, _)| index).collect();
        let partitioned = sink.meta.partition_columns();
        let text_keys = (0..schema.fields().len())
            .filter(|at| {
                matches!(schema.field(*at).data_type(), DataType::Utf8 | DataType::Binary)
                    && partitioned.contains(schema.field(*at).name())
            })
            .collect();
        Ok(Self { table: sink.location.to_string(), schema, not_null, text_keys, checks, range })
    }

    /// The batch with the table's schema, if all rules hold.
    fn checked(&self, batch: &RecordBatch) -> Result<RecordBatch, DeltaError> {
        for index in &self.not_null {
            let nulls = batch.column(*index).logical_null_count();
            if nulls > 0 {
                let column = self.schema.field(*index).name().clone();
                return Err(DeltaError::NotNull { table: self.table.clone(), column, rows: nulls });
            }
        }
        let columns = batch.columns().to_vec();
        if let Some((field, column)) =
            self.schema.fields().iter().zip(&columns).find(|(field, column)| field.data_type() != column.data_type())
        {
            let (wanted, given) = (sql_name(field.data_type()), sql_name(column.data_type()));
            let reason =
                format!("it was planned as {wanted}, the query gave {given}; cast it to the type that is wanted");
            return Err(DeltaError::Type { column: field.name().clone(), reason });
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        for index in &self.text_keys {
            // In the log, an empty text as partition value means NULL.
            let column = batch.column(*index);
            let empty = match column.as_string_opt::<i32>() {
                Some(texts) => texts.iter().any(|value| value == Some("")),
                None => column.as_binary::<i32>().iter().any(|value| value == Some(b"".as_slice())),
            };
            if empty {
                let reason =
                    "an empty text cannot be stored in a partition column; use another value or NULL".to_string();
                return Err(DeltaError::Type { column: self.schema.field(*index).name().clone(), reason });
            }
        }
        for (name, expression, rule) in &self.checks {
            // NULL passes, as in SQL.
            let rows = verdict(rule, &batch)?.iter().filter(|ok| *ok == Some(false)).count();
            if rows > 0 {
                let (table, name, expression) = (self.table.clone(), name.clone(), expression.clone());
                return Err(DeltaError::Check { table, name, expression, rows });
            }
        }
        if let Some((predicate, rule)) = &self.range {
            let rows = verdict(rule, &batch)?.iter().filter(|ok| *ok != Some(true)).count();
            if rows > 0 {
                return Err(DeltaError::OutsideRange { table: self.table.clone(), predicate: predicate.clone(), rows });
            }
        }
        Ok(batch)
    }
}

fn verdict(rule: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<BooleanArray, DeltaError> {
    let array = rule.evaluate(batch)?.into_array(batch.num_rows())?;
    match array.as_boolean_opt() {
        Some(verdict) => Ok(verdict.clone()),
        None => {
            Err(DeltaError::Unsupported(format!("a constraint is {}, not a boolean", types::name(array.data_type()))))
        }
    }
}
