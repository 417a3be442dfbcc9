//! Parquet files as one table. In: files. Out: what queries read of them, without files whose folders say that they have no row
//! for a query.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::context::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::glob::{Found, FoundFiles};
use super::hive::{Extra, kept, pushed};
use super::options::Options;
use super::types::wider;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// Files whose footers are read at a time.
const AT_ONCE: usize = 32;

/// Opens Parquet files.
pub(super) async fn open(
    session: &SessionState,
    found: FoundFiles,
    options: &Options,
) -> std::result::Result<Arc<dyn TableProvider>, AdapterError> {
    let FoundFiles { place, store, files } = found;
    let format = Arc::new(ParquetFormat::default().with_binary_as_string(options.binary_as_string));
    let footers = files.iter().map(|file| {
        let (format, store) = (Arc::clone(&format), Arc::clone(&store));
        async move {
            let schema = format.infer_schema(session, &store, std::slice::from_ref(&file.meta)).await;
            schema.map_err(|e| {
                let mut error = errors::running(&e);
                error.message = format!("{}: {}", file.shown, error.message);
                error
            })
        }
        .boxed()
    });
    // All are made before one is awaited: the compiler cannot follow a stream that makes them of borrowed files.
    let footers = futures::stream::iter(footers.collect::<Vec<_>>());
    let schemas: Vec<SchemaRef> = footers.buffered(AT_ONCE).try_collect().await?;
    let schema = if options.union_by_name { united(&schemas, &files)? } else { first(&schemas, &files)? };
    let extra = Extra::of(&files, options)?;
    let read = Arc::new(extra.without(&schema, options)?);
    let table_schema = TableSchema::builder(Arc::clone(&read)).with_table_partition_cols(extra.fields.clone()).build();
    let statistics = files.iter().map(|file| {
        let (format, store, schema) = (Arc::clone(&format), Arc::clone(&store), Arc::clone(&read));
        async move { format.infer_stats(session, &store, schema, &file.meta).await }.boxed()
    });
    let statistics = futures::stream::iter(statistics.collect::<Vec<_>>());
    let statistics: Vec<Statistics> =
        statistics.buffered(AT_ONCE).try_collect().await.map_err(|e| errors::running(&e))?;
    let files = files.iter().zip(&extra.values).zip(statistics).zip(&schemas);
    let files = files.map(|(((file, values), mut statistics), own)| {
        // What a file says of its smallest and largest values is said in its own types.
        for (field, column) in read.fields().iter().zip(&mut statistics.column_statistics) {
            if own.field_with_name(field.name()).is_ok_and(|own| own.data_type() != field.data_type()) {
                *column = ColumnStatistics::new_unknown();
            }
        }
        PartitionedFile::new_from_meta(file.meta.clone())
            .with_partition_values(values.clone())
            .with_statistics(Arc::new(statistics))
    });
    let table =
        ParquetTable { place, format, files: files.collect(), schema: table_schema, extra: extra.fields.clone() };
    extra.in_order(Arc::new(table), &schema)
}

/// The columns of the first file, which all have.
fn first(schemas: &[SchemaRef], files: &[Found]) -> std::result::Result<Schema, AdapterError> {
    let Some(first) = schemas.first() else { return Ok(Schema::empty()) };
    for (schema, file) in schemas.iter().zip(files) {
        if let Some(missing) = first.fields().iter().find(|f| schema.field_with_name(f.name()).is_err()) {
            let text =
                format!("\"{}\" has no column `{}`, which \"{}\" has", file.shown, missing.name(), files[0].shown);
            let error = errors::told(ErrorKind::Binder, text);
            return Err(error.with_help("`union_by_name = true` reads files with other columns"));
        }
    }
    Ok(Schema::new(first.fields().clone()))
}

/// The columns of all files.
fn united(schemas: &[SchemaRef], files: &[Found]) -> std::result::Result<Schema, AdapterError> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for (schema, file) in schemas.iter().zip(files) {
        for field in schema.fields() {
            let Some(known) = fields.iter_mut().find(|known| known.name() == field.name()) else {
                fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
                continue;
            };
            let data_type = wider(known.data_type(), field.data_type()).ok_or_else(|| {
                let (name, a, b) = (field.name(), known.data_type(), field.data_type());
                let text = format!("the column `{name}` is {a} in one file and {b} in \"{}\"", file.shown);
                errors::told(ErrorKind::Binder, text)
            })?;
            *known = Arc::new(known.as_ref().clone().with_data_type(data_type));
        }
    }
    Ok(Schema::new(fields))
}

/// See the module.
#[derive(Debug)]
struct ParquetTable {
    place: ObjectStoreUrl,
    format: Arc<ParquetFormat>,
    files: Vec<PartitionedFile>,
    schema: TableSchema,
    extra: Vec<FieldRef>,
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
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
        let values: Vec<&[ScalarValue]> = self.files.iter().map(|f| f.partition_values.as_slice()).collect();
        let kept = kept(session, filters, &self.extra, &values)?;
        let files: Vec<PartitionedFile> =
            self.files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file.clone()).collect();
        if files.is_empty() {
            let schema = self.schema();
            let schema = projection.map_or_else(|| Ok(Arc::clone(&schema)), |p| schema.project(p).map(Arc::new))?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let statistics = Statistics::try_merge_iter(
            files.iter().filter_map(|file| file.statistics.as_deref()),
            self.schema.table_schema(),
        )?;
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let source = self.format.file_source(self.schema.clone());
        let config = FileScanConfigBuilder::new(self.place.clone(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(session, config).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushed(filters, &self.extra))
    }
}
