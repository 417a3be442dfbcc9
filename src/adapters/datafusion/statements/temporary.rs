//! Temporary tables: rows that a connection keeps for itself. In: plans. Out: tables in memory, or in spill files where the rows are
//! many.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionState;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::insert::cast_to;
use super::names::{Name, Target};
use super::query::each_batch;
use super::{Work, done, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::errors;
use crate::adapters::datafusion::space::{self, Temporary};
use crate::adapters::{AdapterError, Execution};

/// What is kept in memory at most, in bytes, however much there is.
const MOST_IN_MEMORY: usize = 256 << 20;
/// This part of the memory for queries is for one temporary table.
const PART_OF_MEMORY: usize = 8;

impl Work<'_> {
    /// CREATE TEMPORARY TABLE.
    pub(super) async fn create_temporary(
        &mut self,
        name: &Name,
        plan: LogicalPlan,
        session: &SessionState,
        or_replace: bool,
        if_not_exists: bool,
    ) -> Result<Execution, AdapterError> {
        if self.temporaries.contains_key(&name.key.1) && !or_replace {
            return if if_not_exists { Ok(done(None)) } else { Err(self.taken(name, "Temporary table")) };
        }
        let schema = super::schema_of(&plan);
        let rows = self.put_temporary(&name.key.1, &schema, &[(plan, session)]).await?;
        Ok(done(Some(rows)))
    }

    /// Makes or replaces a temporary table: the rows of plans, one after the other. Gives their number.
    pub(super) async fn put_temporary(
        &mut self,
        name: &str,
        schema: &Schema,
        plans: &[(LogicalPlan, &SessionState)],
    ) -> Result<u64, AdapterError> {
        let mut rows = Rows::new(schema, self.session);
        for (plan, session) in plans {
            rows.extend(plan, session).await?;
        }
        let count = rows.count;
        let provider = rows.table().map_err(|e| errors::running(&e))?;
        Arc::make_mut(self.temporaries).insert(name.to_owned(), Temporary { provider, rows: Some(count) });
        Ok(count)
    }

    /// INSERT into a temporary table.
    pub(super) async fn insert_temporary(
        &mut self,
        name: &str,
        schema: &SchemaRef,
        plan: LogicalPlan,
        session: &SessionState,
        overwrite: bool,
    ) -> Result<Execution, AdapterError> {
        let new = (cast_to(plan, schema)?, session);
        let before = self.temporaries.get(name).filter(|_| !overwrite).cloned();
        let own = self.session.clone();
        let known = before.as_ref().and_then(|t| t.rows).unwrap_or_default();
        let count = match before {
            Some(before) => {
                let old = space::scan(name, before.provider)?.build().map_err(|e| errors::running(&e))?;
                self.put_temporary(name, schema, &[(old, &own), new]).await?
            }
            None => self.put_temporary(name, schema, &[new]).await?,
        };
        Ok(done(Some(count - known)))
    }

    /// How many rows a temporary table has.
    pub(super) fn count_temporary(&self, name: &str) -> u64 {
        self.temporaries.get(name).and_then(|table| table.rows).unwrap_or_default()
    }

    /// A temporary table becomes the result of a query over itself. Gives the number of its rows then.
    pub(super) async fn rewrite_temporary(&mut self, name: &str, sql: &str) -> Result<u64, AdapterError> {
        let schema = self.target_schema(&Target::Temporary(name.to_owned())).await?;
        let (plan, session) = self.plan_here(sql).await?;
        self.put_temporary(name, &schema, &[(cast_to(plan, &schema)?, &session)]).await
    }
}

/// Rows that are collected.
struct Rows {
    schema: SchemaRef,
    spill: Arc<SpillManager>,
    partitions: usize,
    kept: Vec<RecordBatch>,
    bytes: usize,
    most: usize,
    files: Vec<Arc<dyn SpillFile>>,
    count: u64,
}

impl Rows {
    fn new(schema: &Schema, session: &SessionState) -> Self {
        // Every column may be NULL, whatever the first rows say.
        let fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let most = match session.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => MOST_IN_MEMORY.min(bytes / PART_OF_MEMORY),
            MemoryLimit::Infinite | MemoryLimit::Unknown => MOST_IN_MEMORY,
        };
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let spill = SpillManager::new(Arc::clone(session.runtime_env()), metrics, Arc::clone(&schema));
        let partitions = session.config().target_partitions().max(1);
        let (kept, files) = (Vec::new(), Vec::new());
        Self { schema, spill: Arc::new(spill), partitions, kept, bytes: 0, most, files, count: 0 }
    }

    /// Runs a plan and adds its rows. Where memory does not suffice for joins that hash, joins that sort are tried.
    async fn extend(&mut self, plan: &LogicalPlan, session: &SessionState) -> Result<(), AdapterError> {
        let before = (self.kept.len(), self.files.len(), self.count);
        match self.run(plan, session).await {
            // What was spilled meanwhile has rows of before in it.
            Err(error) if wants_sorted_joins(&error) && self.files.len() == before.1 => {
                self.kept.truncate(before.0);
                self.bytes = self.kept.iter().map(RecordBatch::get_array_memory_size).sum();
                self.count = before.2;
                self.run(plan, &with_sorted_joins(session)).await
            }
            other => other,
        }
    }

    async fn run(&mut self, plan: &LogicalPlan, session: &SessionState) -> Result<(), AdapterError> {
        let mut failure = None;
        each_batch(plan, session, &mut |batch| {
            failure = self.push(&batch).err();
            failure.is_none()
        })
        .await?;
        failure.map_or(Ok(()), |error| Err(errors::running(&error)))
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        let columns = batch.columns().iter().zip(self.schema.fields()).map(|(c, f)| cast(c, f.data_type()));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<Vec<_>, _>>()?)?;
        self.bytes += batch.get_array_memory_size();
        self.count += batch.num_rows() as u64;
        self.kept.push(batch);
        if self.bytes > self.most { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), DataFusionError> {
        self.files.extend(self.spill.spill_record_batch_and_finish(&self.kept, "the rows of a temporary table")?);
        self.kept.clear();
        self.bytes = 0;
        Ok(())
    }

    fn table(mut self) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        if self.files.is_empty() {
            return Ok(Arc::new(MemTable::try_new(self.schema, vec![self.kept])?));
        }
        self.write()?;
        let mut parts: Vec<Vec<Arc<dyn SpillFile>>> = vec![Vec::new(); self.partitions.min(self.files.len())];
        let count = parts.len();
        for (at, file) in self.files.into_iter().enumerate() {
            parts[at % count].push(file);
        }
        let streams = parts.into_iter().map(|files| {
            let part = Part { schema: Arc::clone(&self.schema), spill: Arc::clone(&self.spill), files };
            Arc::new(part) as Arc<dyn PartitionStream>
        });
        Ok(Arc::new(StreamingTable::try_new(Arc::clone(&self.schema), streams.collect())?))
    }
}

/// Spill files that are read one after the other. They are there as long as anybody names them.
struct Part {
    schema: SchemaRef,
    spill: Arc<SpillManager>,
    files: Vec<Arc<dyn SpillFile>>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let spill = Arc::clone(&self.spill);
        let opened = stream::iter(self.files.clone()).map(move |file| spill.read_spill_as_stream(file, None));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), opened.try_flatten()))
    }
}
