//! The scan of text files. In: files, a [`Decode`]r of what is in them. Out: record batches, file by file; each file is read by a
//! thread that may wait.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::scalar::ScalarValue;

use super::bytes::{self, Input};
use super::glob::Found;
use super::hive::{Extra, kept, pushed};
use super::options::Options;

/// Reads what is in a file.
pub(super) trait Decode: fmt::Debug + Send + Sync {
    /// Hands out the values of columns (as the table counts them) in batches of about so many rows, until `take` wants no more.
    fn read<'a>(&'a self, input: Input, file: &'a str, wanted: Wanted<'a>) -> Result<()>;
}

/// What is read of a file.
pub(super) struct Wanted<'a> {
    /// The columns, as the table counts them.
    pub(super) columns: &'a [usize],
    /// Rows of a batch.
    pub(super) rows: usize,
    /// Takes values of the columns for so many rows; false if no more are wanted.
    pub(super) take: &'a mut dyn FnMut(Vec<ArrayRef>, usize) -> bool,
}

/// A file, its compression and the values of the columns that are not in it.
#[derive(Debug)]
struct Member {
    file: Found,
    compression: CompressionTypeVariant,
    values: Vec<ScalarValue>,
}

/// Text files as one table.
#[derive(Debug)]
pub(super) struct TextTable {
    place: ObjectStoreUrl,
    members: Vec<Arc<Member>>,
    decoder: Arc<dyn Decode>,
    schema: SchemaRef,
    /// Columns that are in the files; the others come after them.
    width: usize,
    extra: Vec<FieldRef>,
}

impl TextTable {
    /// Over files whose columns are `fields`, with `extra` ones.
    pub(super) fn new(
        place: ObjectStoreUrl,
        files: &[Found],
        decoder: Arc<dyn Decode>,
        fields: &[Field],
        extra: &Extra,
        options: &Options,
    ) -> Self {
        let all = fields.iter().map(|f| Arc::new(f.clone())).chain(extra.fields.iter().cloned());
        let schema = Arc::new(Schema::new(all.collect::<Vec<_>>()));
        let member = |(file, values): (&Found, &Vec<ScalarValue>)| {
            let compression = options.compression_of(&file.shown);
            Arc::new(Member { file: file.clone(), compression, values: values.clone() })
        };
        let members = files.iter().zip(&extra.values).map(member).collect();
        Self { place, members, decoder, schema, width: fields.len(), extra: extra.fields.clone() }
    }
}

#[async_trait]
impl TableProvider for TextTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let values: Vec<&[ScalarValue]> = self.members.iter().map(|m| m.values.as_slice()).collect();
        let kept = kept(session, filters, &self.extra, &values)?;
        let mut members: Vec<_> =
            self.members.iter().zip(kept).filter(|(_, k)| *k).map(|(m, _)| Arc::clone(m)).collect();
        // Large ones first, each to the part that has least to do so far.
        members.sort_by_key(|m| std::cmp::Reverse(m.file.meta.size));
        let parts = session.config().target_partitions().min(members.len()).max(1);
        let mut groups: Vec<(u64, Vec<Arc<Member>>)> = vec![(0, Vec::new()); parts];
        for member in members {
            if let Some(least) = groups.iter_mut().min_by_key(|(size, _)| *size) {
                least.0 += member.file.meta.size.max(1);
                least.1.push(member);
            }
        }
        let columns = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(groups.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(ReadText {
            place: self.place.clone(),
            groups: groups.into_iter().map(|(_, members)| members).collect(),
            decoder: Arc::clone(&self.decoder),
            schema,
            columns,
            width: self.width,
            limit,
            properties: Arc::new(properties),
        }))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushed(filters, &self.extra))
    }
}

/// The operator that reads.
#[derive(Debug)]
struct ReadText {
    place: ObjectStoreUrl,
    groups: Vec<Vec<Arc<Member>>>,
    decoder: Arc<dyn Decode>,
    schema: SchemaRef,
    columns: Vec<usize>,
    width: usize,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for ReadText {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: usize = self.groups.iter().map(Vec::len).sum();
        write!(f, "ReadText: files={files}, columns={:?}", self.columns)
    }
}

impl ExecutionPlan for ReadText {
    fn name(&self) -> &str {
        "ReadText"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let store = context.runtime_env().object_store(&self.place)?;
        let rows = context.session_config().batch_size();
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let members = self.groups.get(partition).cloned().unwrap_or_default();
        let assembly = Assembly { schema: Arc::clone(&self.schema), columns: self.columns.clone(), width: self.width };
        let (decoder, sender, mut left) = (Arc::clone(&self.decoder), builder.tx(), self.limit);
        builder.spawn(async move {
            let assembly = Arc::new(assembly);
            for member in members {
                if left == Some(0) {
                    break;
                }
                let opened = bytes::open(&store, &member.file.meta.location, member.compression).await?;
                let (decoder, sender, assembly) = (Arc::clone(&decoder), sender.clone(), Arc::clone(&assembly));
                let reading = tokio::task::spawn_blocking(move || {
                    let mut failed = None;
                    let mut take = |arrays: Vec<ArrayRef>, rows: usize| match assembly.batch(
                        arrays,
                        rows,
                        &member.values,
                        &mut left,
                    ) {
                        Ok(batch) => sender.blocking_send(Ok(batch)).is_ok() && left != Some(0),
                        Err(error) => {
                            failed = Some(error);
                            false
                        }
                    };
                    let files = assembly.in_files();
                    let wanted = Wanted { columns: &files, rows, take: &mut take };
                    decoder.read(opened.text()?, &member.file.shown, wanted)?;
                    failed.map_or(Ok(left), Err)
                });
                left = reading.await.map_err(|e| DataFusionError::External(Box::new(e)))??;
            }
            Ok(())
        });
        Ok(builder.build())
    }
}

/// How batches are put together.
struct Assembly {
    schema: SchemaRef,
    columns: Vec<usize>,
    width: usize,
}

impl Assembly {
    fn in_files(&self) -> Vec<usize> {
        self.columns.iter().copied().filter(|at| *at < self.width).collect()
    }

    fn batch(
        &self,
        arrays: Vec<ArrayRef>,
        rows: usize,
        values: &[ScalarValue],
        left: &mut Option<usize>,
    ) -> Result<RecordBatch> {
        let mut read = arrays.into_iter();
        let missing = || DataFusionError::Internal("a column was not read".to_owned());
        let column = |at: &usize| match at.checked_sub(self.width) {
            None => read.next().ok_or_else(missing),
            Some(extra) => values.get(extra).ok_or_else(missing)?.to_array_of_size(rows),
        };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(match left {
            Some(left) => {
                let taken = rows.min(*left);
                *left -= taken;
                batch.slice(0, taken)
            }
            None => batch,
        })
    }
}
