//! Many small files -> few large ones. In: the staged state. Out: a staged step that changes no data.

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use datafusion::execution::SessionState;

use super::head::is_small;
use super::squash::Step;
use super::table::{ActiveFile, added};
use super::write::{aligned, write};
use super::{DeltaError, StagedTable};

/// An append that leaves more small files than this makes larger ones of them.
const SMALL_FILES: usize = 32;

/// What compaction does, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Small files that go.
    pub removed_files: u64,
    /// Files that come in their place; 0 in a plan, where it is not known yet.
    pub added_files: u64,
    /// Bytes that are read and written again.
    pub bytes: u64,
}

impl StagedTable {
    /// What [`compact`](Self::compact) would do now.
    pub async fn compaction(&self) -> Result<Compaction, DeltaError> {
        let mut plan = Compaction::default();
        for file in self.small_files(2).await?.into_values().flatten() {
            plan.removed_files += 1;
            plan.bytes += file.size;
        }
        Ok(plan)
    }

    /// Makes large files of small ones, within each partition. Rows stay as they are.
    pub async fn compact(&mut self, session: &SessionState) -> Result<Compaction, DeltaError> {
        self.compact_where(session, 2).await
    }

    /// The same, if so many small files have come together that it pays.
    pub(super) async fn compact_small(&mut self, session: &SessionState) -> Result<(), DeltaError> {
        self.compact_where(session, SMALL_FILES + 1).await?;
        Ok(())
    }

    async fn compact_where(&mut self, session: &SessionState, least: usize) -> Result<Compaction, DeltaError> {
        if self.known_small_files().is_some_and(|known| known < least as u64) {
            return Ok(Compaction::default());
        }
        let groups = self.small_files(least).await?;
        if groups.is_empty() {
            return Ok(Compaction::default());
        }
        let meta = self.writable()?.clone();
        let files: Vec<ActiveFile> = groups.into_values().flatten().collect();
        let paths = files.iter().map(|file| file.path.clone()).collect();
        let rows = self.scan_of(TableReference::bare("target"), Some(paths), false).await?;
        let plan = aligned(&self.location, rows, meta.schema())?;
        let written = write(session, plan, &self.sink(&meta)).await?;
        let known: Option<u64> = files.iter().map(|file| file.rows).sum();
        if known.is_some_and(|known| known != written.rows) {
            let reason = format!("{} rows came out of files with {known:?} rows", written.rows);
            return Err(DeltaError::Corrupt { table: self.location.clone(), reason });
        }
        let mut done = Compaction { added_files: written.adds.len() as u64, ..Compaction::default() };
        let mut actions = Vec::new();
        for file in &files {
            done.removed_files += 1;
            done.bytes += file.size;
            actions.push(file.removed(false)?);
        }
        for add in written.adds {
            actions.push(added(add, false)?);
        }
        let step = Step::new("OPTIMIZE", actions)
            .counted("numFilesRemoved", done.removed_files)
            .counted("numFilesAdded", done.added_files);
        self.stage(step, meta).await?;
        Ok(done)
    }

    /// Files far below the target size, by partition, where there are at least so many.
    async fn small_files(&self, least: usize) -> Result<BTreeMap<String, Vec<ActiveFile>>, DeltaError> {
        let meta = self.meta()?;
        let mut groups: BTreeMap<String, Vec<ActiveFile>> = BTreeMap::new();
        for file in self.files().await?.into_iter().filter(|file| is_small(file.size, meta)) {
            groups.entry(file.partition.clone()).or_default().push(file);
        }
        groups.retain(|_, files| files.len() >= least.max(2));
        Ok(groups)
    }
}
