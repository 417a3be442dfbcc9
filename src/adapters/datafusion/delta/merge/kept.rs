//! Rows that are read several times. In: batches, once. Out: tables. What does not fit into the engine's memory waits on disk.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::StreamExt;
use futures::stream;

use super::super::DeltaError;

/// Batches whose last column numbers their rows.
pub(super) struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The engine's account of the memory.
    memory: MemoryReservation,
    /// So much of it may be taken: joins and sorts need the rest.
    room: usize,
    disk: SpillManager,
    files: Vec<Spilled>,
}

/// A file with batches.
type Spilled = Arc<dyn datafusion::execution::spill_file::SpillFile>;

/// Batches of so many bytes go to disk together.
const A_FILE: usize = 64 << 20;
/// Sources up to so many bytes go to the target's rows; beyond, the target's rows are sorted out by their keys.
const SMALL: usize = 128 << 20;

impl Kept {
    pub(super) fn new(session: &SessionState, schema: SchemaRef) -> Self {
        let memory = MemoryConsumer::new("merge source").register(&session.runtime_env().memory_pool);
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let disk = SpillManager::new(session.runtime_env().clone(), metrics, schema.clone());
        let room = match session.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / 4,
            _ => usize::MAX,
        };
        Self { schema, batches: Vec::new(), memory, room, disk, files: Vec::new() }
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<(), DeltaError> {
        let bytes = batch.get_array_memory_size();
        let full = match self.memory.try_grow(bytes) {
            Ok(()) => self.memory.size() > self.room,
            Err(DataFusionError::ResourcesExhausted(_)) => true,
            Err(error) => return Err(error.into()),
        };
        self.batches.push(batch);
        // Once on disk, all go there: memory is short.
        if full || (!self.files.is_empty() && self.memory.size() > A_FILE) {
            self.spill()?;
        }
        Ok(())
    }

    /// No more batches come.
    pub(super) fn finish(&mut self) -> Result<(), DeltaError> {
        if !self.files.is_empty() { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), DeltaError> {
        let batches = std::mem::take(&mut self.batches);
        self.files.extend(self.disk.spill_record_batch_and_finish(&batches, "merge source")?);
        drop(batches);
        self.memory.free();
        Ok(())
    }

    /// Whether all rows are in memory and few enough that each thread of a join may look through them.
    pub(super) fn is_small(&self) -> bool {
        self.files.is_empty() && self.memory.size() <= SMALL
    }

    /// The rows, or those that are not in a set.
    pub(super) fn table(&self, without: Option<Bits>) -> Result<Arc<dyn TableProvider>, DeltaError> {
        let without = without.map(Arc::new);
        if self.files.is_empty() {
            let batches = match &without {
                None => self.batches.clone(),
                Some(bits) => self.batches.iter().map(|batch| bits.others(batch)).collect::<Result<_, _>>()?,
            };
            return Ok(Arc::new(MemTable::try_new(self.schema.clone(), vec![batches])?));
        }
        let partition =
            OnDisk { schema: self.schema.clone(), disk: self.disk.clone(), files: self.files.clone(), without };
        Ok(Arc::new(StreamingTable::try_new(self.schema.clone(), vec![Arc::new(partition)])?))
    }
}

struct OnDisk {
    schema: SchemaRef,
    disk: SpillManager,
    files: Vec<Spilled>,
    without: Option<Arc<Bits>>,
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "merge source in {} files", self.files.len())
    }
}

impl PartitionStream for OnDisk {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (disk, without) = (self.disk.clone(), self.without.clone());
        let rows = stream::iter(self.files.clone())
            .map(move |file| match disk.read_spill_as_stream_unbuffered(file, None) {
                Ok(rows) => rows.boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            })
            .flatten()
            .map(move |batch| match &without {
                Some(bits) => batch.and_then(|batch| bits.others(&batch)),
                None => batch,
            });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}

/// A set of row numbers.
#[derive(Clone)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    pub(super) fn set(&mut self, row: u64) {
        if let Some(word) = self.0.get_mut((row / 64) as usize) {
            *word |= 1 << (row % 64);
        }
    }

    fn has(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// The rows of a batch that are not in the set.
    fn others(&self, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let numbers = batch.column(batch.num_columns() - 1).as_primitive::<UInt64Type>();
        let others: BooleanArray = numbers.values().iter().map(|number| Some(!self.has(*number))).collect();
        Ok(filter_record_batch(batch, &others)?)
    }
}
