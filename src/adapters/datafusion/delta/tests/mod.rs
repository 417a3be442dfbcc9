//! Tables in a temporary folder, and what tests ask of them.

mod alter;
mod basics;
mod change;
mod laws;
mod maintain;
mod merge;
mod traps;

use std::future::Future;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DFSchema, TableReference};
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::local::LocalFileSystem;
use tempfile::TempDir;
use url::Url;

use super::*;

/// A lake in a temporary folder and an engine.
pub struct House {
    pub folder: TempDir,
    pub lake: Lake,
    pub session: SessionContext,
}

/// Runs a test with the kind of runtime that the adapter has.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce(House) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(test(House::new()));
}

impl House {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let store = Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap());
        let lake = Lake::new(store, Url::from_directory_path(&root).unwrap());
        let config = SessionConfig::new().with_target_partitions(2).set_str("datafusion.sql_parser.dialect", "duckdb");
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        Self { folder, lake, session: SessionContext::new_with_state(state) }
    }

    pub fn state(&self) -> SessionState {
        self.session.state()
    }

    pub async fn plan(&self, sql: &str) -> LogicalPlan {
        self.state().create_logical_plan(sql).await.unwrap()
    }

    /// An expression over the table's columns.
    pub fn expr(&self, table: &StagedTable, sql: &str) -> Expr {
        let schema = DFSchema::try_from(table.schema().unwrap().as_ref().clone()).unwrap();
        self.state().create_logical_expr(sql, &schema).unwrap()
    }

    /// An expression over the columns of `t` (the table) and `s` (a query).
    pub fn pair(&self, table: &StagedTable, source: &LogicalPlan, sql: &str) -> Expr {
        let target = DFSchema::try_from_qualified_schema("t", table.schema().unwrap().as_ref()).unwrap();
        let source = DFSchema::try_from_qualified_schema("s", source.schema().as_arrow()).unwrap();
        self.state().create_logical_expr(sql, &target.join(&source).unwrap()).unwrap()
    }

    /// A table with the rows of a query, published as version 0.
    pub async fn table(&self, location: &str, sql: &str) -> StagedTable {
        self.table_with(location, sql, TableOptions::default()).await
    }

    pub async fn table_with(&self, location: &str, sql: &str, options: TableOptions) -> StagedTable {
        let mut table = StagedTable::new_at(&self.lake, location).await.unwrap();
        table.overwrite(&self.state(), self.plan(sql).await, &options).await.unwrap();
        self.publish(table).await
    }

    /// Publishes what is staged and opens the table at the new version.
    pub async fn publish(&self, table: StagedTable) -> StagedTable {
        let commit = table.squash().await.unwrap().expect("something is staged");
        assert_eq!(publish(&self.lake, &commit).await.unwrap(), Published::Written);
        StagedTable::open(&self.lake, &commit.location, commit.version).await.unwrap()
    }

    pub async fn append(&self, table: &mut StagedTable, sql: &str) -> u64 {
        table.append(&self.state(), self.plan(sql).await).await.unwrap()
    }

    /// Makes the staged state known to queries.
    pub async fn register(&self, name: &str, table: &StagedTable) {
        let _ = self.session.deregister_table(TableReference::bare(name));
        self.session.register_table(TableReference::bare(name), table.provider().await.unwrap()).unwrap();
    }

    pub async fn query(&self, sql: &str) -> Vec<String> {
        lines(&self.session.sql(sql).await.unwrap().collect().await.unwrap())
    }

    /// All rows, sorted, columns separated by `|`.
    pub async fn rows(&self, table: &StagedTable) -> Vec<String> {
        self.register("the_table", table).await;
        let mut rows = self.query("select * from the_table").await;
        rows.sort();
        rows
    }

    /// Parquet files in the table's folder, whether part of it or not.
    pub fn data_files(&self, location: &str) -> usize {
        walkdir::WalkDir::new(self.folder.path().join(location))
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.path().extension().is_some_and(|x| x == "parquet"))
            .filter(|e| !e.path().to_string_lossy().contains("_delta_log"))
            .count()
    }
}

fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    let options = FormatOptions::default().with_null("NULL");
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(cells.join("|"));
        }
    }
    rows
}

/// The paths of the active files.
pub async fn active(table: &StagedTable) -> Vec<String> {
    let mut paths: Vec<String> = table.files_by_path().await.unwrap().into_keys().collect();
    paths.sort();
    paths
}
