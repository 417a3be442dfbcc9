//! Reading the staged state. In: a snapshot, maybe some of its files. Out: table providers.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::{ExecutionPlan, Statistics};
use deltalake_core::delta_datafusion::{DeltaScanConfig, DeltaScanNext, FileSelection};
use deltalake_core::kernel::EagerSnapshot;
use url::Url;

use super::DeltaError;

/// The column that names a row's file in scans that ask for it.
pub(super) const FILE: &str = "__transform_file";

/// How to scan a snapshot.
#[derive(Default)]
pub(super) struct Scan {
    /// Only these files, by path.
    pub(super) files: Option<Vec<String>>,
    /// With the column [`FILE`].
    pub(super) with_file: bool,
    /// Text as views: faster for queries; files are rewritten faster without.
    pub(super) views: bool,
}

impl Scan {
    pub(super) fn provider(&self, snapshot: &EagerSnapshot, table: &Url) -> Result<Arc<dyn TableProvider>, DeltaError> {
        let mut config = DeltaScanConfig::new().with_wrap_partition_values(false);
        config.schema_force_view_types = self.views;
        if self.with_file {
            config = config.with_file_column_name(FILE);
        }
        let mut scan = DeltaScanNext::new(snapshot.clone(), config)?;
        if let Some(files) = &self.files {
            let urls = files.iter().map(|path| file_url(table, path)).collect::<Result<Vec<_>, _>>()?;
            scan = scan.with_file_selection(FileSelection::from_file_paths(urls));
        }
        Ok(Arc::new(scan))
    }
}

fn file_url(table: &Url, path: &str) -> Result<String, DeltaError> {
    if let Ok(absolute) = Url::parse(path) {
        return Ok(absolute.to_string());
    }
    let mut url = table.clone();
    url.path_segments_mut()
        .map_err(|()| DeltaError::Unsupported(format!("`{table}` cannot hold files")))?
        .pop_if_empty()
        .extend(path.split('/'));
    Ok(url.to_string())
}

/// The path, as the log has it after decoding, of a value of the column [`FILE`].
pub(super) fn path_of(table: &Url, file: &str) -> String {
    match file.strip_prefix(table.as_str()) {
        Some(relative) => decoded(relative),
        None => file.to_string(),
    }
}

/// A path of the log as the store knows it.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A table of the lake, as queries see it. It knows where it lies, so that a plan can be asked which tables it reads.
#[derive(Debug)]
pub struct LakeTable {
    location: String,
    inner: Arc<dyn TableProvider>,
}

impl LakeTable {
    pub(super) fn new(location: String, inner: Arc<dyn TableProvider>) -> Self {
        Self { location, inner }
    }

    /// The locations of all tables of lakes that a plan reads, in views and subqueries too.
    pub fn read_by(plan: &LogicalPlan) -> Vec<String> {
        let mut found = Vec::new();
        collect(plan, &mut found);
        found.sort();
        found.dedup();
        found
    }
}

fn collect(plan: &LogicalPlan, found: &mut Vec<String>) {
    // The visitor below never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            if let Some(view) = scan.source.get_logical_plan() {
                collect(&view, found);
            }
            if let Ok(provider) = source_as_provider(&scan.source)
                && let Some(table) = (provider.as_ref() as &dyn Any).downcast_ref::<LakeTable>()
            {
                found.push(table.location.clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        None
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.scan(session, projection, filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // The library is sure of conditions on partitions, and of those that name no column: it takes unknown for true there.
        // What it leaves out is right, so it may help, and the engine filters.
        let inexact = |push| match push {
            TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
            other => other,
        };
        Ok(self.inner.supports_filters_pushdown(filters)?.into_iter().map(inexact).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        self.inner.statistics()
    }
}
