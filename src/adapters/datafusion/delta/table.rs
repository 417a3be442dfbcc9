//! Opening a table at a version, looking at it, and staging steps on top. In: a lake and a location. Out: [`StagedTable`].

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::{Add, LogicalFileView};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::table::state::DeltaTableState;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::head::{Head, Tally, is_small};
use super::meta::Meta;
use super::overlay::{LOG, Overlay, version_of};
use super::provider::{LakeTable, Scan};
use super::squash::Step;
use super::write::Sink;
use super::{DeltaError, Lake};
use crate::files::{Files, FilesError, RealFiles};

/// A Delta table as one transaction sees it: a pinned version and what the transaction staged on top of it.
pub struct StagedTable {
    pub(super) lake: Lake,
    pub(super) location: String,
    url: Url,
    overlay: Arc<Overlay>,
    log_store: LogStoreRef,
    /// The last version that is not ours.
    pub(super) base: Option<u64>,
    /// What the log says, with what was staged; read when somebody asks.
    state: OnceCell<DeltaTableState>,
    /// What it said some steps ago, to go on from.
    former: Option<DeltaTableState>,
    /// How many files that will be, known as long as nobody has asked.
    tally: Option<Tally>,
    meta: Option<Meta>,
    /// An old log lies here, but what it describes is gone for this transaction: the first write replaces it.
    replaced: bool,
    pub(super) steps: Vec<Step>,
    /// Who commits: see [`StagedTable::signed`].
    pub(super) signature: Vec<(String, Value)>,
}

/// What the log says about a table's data files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Data files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Rows, if all files say how many they have.
    pub rows: Option<u64>,
    /// Files far below the size that files should have, and that could be written together with others.
    pub small_files: u64,
}

/// A data file that is part of the table.
pub(super) struct ActiveFile {
    /// Relative to the table, not encoded.
    pub(super) path: String,
    pub(super) size: u64,
    /// Rows that are not deleted.
    pub(super) rows: Option<u64>,
    pub(super) partition: String,
    view: LogicalFileView,
}

impl ActiveFile {
    /// The values of partition columns that all its rows have, as arrays of one value; `None` where the log does not tell.
    pub(super) fn partition_values(&self, columns: &Schema) -> Option<Vec<ArrayRef>> {
        let told = self.view.partition_values()?;
        let value = |column: &FieldRef| {
            let at = told.fields().iter().position(|field| field.name() == column.name())?;
            let array = told.values()[at].to_array(1).ok()?;
            (array.data_type() == column.data_type()).then_some(array)
        };
        columns.fields().iter().map(value).collect()
    }

    /// The `remove` action for it. Compaction changes no data.
    pub(super) fn removed(&self, data_change: bool) -> Result<Value, DeltaError> {
        Ok(json!({ "remove": serde_json::to_value(self.view.remove_action(data_change))? }))
    }

    /// The `add` action that brings it back.
    #[allow(deprecated, reason = "arrays instead of actions are of no use for a log entry")]
    pub(super) fn restored(&self) -> Result<Value, DeltaError> {
        added(self.view.add_action(), true)
    }
}

/// The `add` action of a new file.
pub(super) fn added(mut add: Add, data_change: bool) -> Result<Value, DeltaError> {
    add.data_change = data_change;
    Ok(json!({ "add": serde_json::to_value(add)? }))
}

/// Why a log that is there cannot be read: the storage does not give it, or it is damaged.
fn damaged(location: &str, error: DeltaTableError) -> DeltaError {
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
        if let Some(store) = source.downcast_ref::<object_store::Error>()
            && !matches!(store, object_store::Error::NotFound { .. })
        {
            return error.into();
        }
    }
    let reason = innermost.to_string();
    DeltaError::Corrupt { table: location.to_string(), reason: reason.trim_end_matches('.').to_string() }
}

impl StagedTable {
    /// The table at a pinned version. Later versions are not seen.
    pub async fn open(lake: &Lake, location: &str, version: u64) -> Result<Self, DeltaError> {
        let mut table = Self::at(lake, location, Some(version))?;
        let missing = || DeltaError::Missing { table: location.to_string(), version: Some(version) };
        let state = match DeltaTableState::try_new(&table.log_store, Some(version)).await {
            Ok(state) => state,
            Err(error) => {
                let latest = Self::latest_version(lake, location).await?;
                return Err(if latest.is_none_or(|latest| latest < version) {
                    missing()
                } else {
                    damaged(location, error)
                });
            }
        };
        if state.version() != version {
            return Err(missing());
        }
        table.meta = Some(Meta::of_snapshot(location, state.snapshot())?);
        table.state = OnceCell::from(state);
        Ok(table)
    }

    /// The table at a version of which is known already what an append has to know.
    pub fn resumed(lake: &Lake, location: &str, head: Head) -> Result<Self, DeltaError> {
        let mut table = Self::at(lake, location, Some(head.version))?;
        table.tally = Some(head.tally);
        table.meta = Some(head.meta);
        Ok(table)
    }

    /// What an append has to know of the table as it was opened.
    pub async fn head(&self) -> Result<Head, DeltaError> {
        let meta = self.meta()?.clone();
        let tally = match self.loaded().await? {
            Some(state) => tally_of(state, &meta)?,
            None => Tally::default(),
        };
        Ok(Head { version: self.base.unwrap_or_default(), meta, tally })
    }

    /// The table once more, as it was opened, with a state of its own to stage changes on. The log is not read again.
    pub fn reopened(&self) -> Result<Self, DeltaError> {
        let mut table = Self::at(&self.lake, &self.location, self.base)?;
        if let Some(state) = self.state.get().filter(|_| self.steps.is_empty() && !self.replaced) {
            table.meta = self.meta.clone();
            table.state = OnceCell::from(state.clone());
            return Ok(table);
        }
        Err(self.missing())
    }

    /// The table at a version of whose log the last entries are missing; they are given. For readers: nothing is written.
    pub async fn open_completed(
        lake: &Lake,
        location: &str,
        version: u64,
        missing: &[(u64, String)],
    ) -> Result<Self, DeltaError> {
        let before = missing.iter().map(|(version, _)| *version).min().and_then(|first| first.checked_sub(1));
        let mut table = Self::at(lake, location, before)?;
        for (version, entry) in missing {
            table.overlay.stage(*version, entry.clone()).await?;
        }
        let state = DeltaTableState::try_new(&table.log_store, Some(version)).await;
        let state = state.map_err(|error| damaged(location, error))?;
        table.meta = Some(Meta::of_snapshot(location, state.snapshot())?);
        table.base = Some(version);
        table.state = OnceCell::from(state);
        Ok(table)
    }

    /// A table to be created. Where an old log lies, the first write goes on top of it and replaces everything.
    pub async fn new_at(lake: &Lake, location: &str) -> Result<Self, DeltaError> {
        match Self::latest_version(lake, location).await? {
            Some(version) => {
                let mut table = Self::open(lake, location, version).await?;
                table.replaced = true;
                Ok(table)
            }
            None => Self::at(lake, location, None),
        }
    }

    /// The newest version in the table's log, whoever wrote it.
    pub async fn latest_version(lake: &Lake, location: &str) -> Result<Option<u64>, DeltaError> {
        let log = Lake::table_path(location)?.join(LOG);
        let names: Vec<Option<u64>> = lake
            .store
            .list(Some(&log))
            .map_ok(|meta| meta.location.filename().filter(|n| n.ends_with(".json")).and_then(version_of))
            .try_collect()
            .await?;
        Ok(names.into_iter().flatten().max())
    }

    fn at(lake: &Lake, location: &str, base: Option<u64>) -> Result<Self, DeltaError> {
        let url = lake.table_url(location)?;
        let overlay = Arc::new(Overlay::new(lake.store.clone(), lake.root_path()?, &Lake::table_path(location)?, base));
        let root: Arc<dyn ObjectStore> = overlay.clone();
        let prefix = Path::from_url_path(url.path()).map_err(|e| DeltaError::Unsupported(e.to_string()))?;
        let inner: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(root.clone(), prefix));
        let log_store = default_logstore(inner, root, &url, &StorageConfig::default());
        Ok(Self {
            lake: lake.clone(),
            location: location.to_string(),
            url,
            overlay,
            log_store,
            base,
            state: OnceCell::new(),
            former: None,
            tally: base.is_none().then(Tally::default),
            meta: None,
            replaced: false,
            steps: Vec::new(),
            signature: Vec::new(),
        })
    }

    /// What the commit says of its author: `invocationId`, the node's id and the like go into its `commitInfo`.
    pub fn signed(&mut self, signature: impl IntoIterator<Item = (String, Value)>) {
        self.signature = signature.into_iter().collect();
    }

    /// The pinned version on which everything here is staged; `None`: no log yet.
    pub fn base_version(&self) -> Option<u64> {
        self.base
    }

    /// The version that a commit of what is staged will have.
    pub fn next_version(&self) -> u64 {
        self.base.map_or(0, |version| version + 1)
    }

    /// Whether anything was staged.
    pub fn is_changed(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Whether the table is there for readers: created, or opened at a version.
    pub fn exists(&self) -> bool {
        self.meta.is_some() && !self.replaced
    }

    /// The table's columns, as stored.
    pub fn schema(&self) -> Result<SchemaRef, DeltaError> {
        Ok(self.meta()?.schema().clone())
    }

    /// Columns that separate the files.
    pub fn partition_columns(&self) -> Result<Vec<String>, DeltaError> {
        Ok(self.meta()?.partition_columns())
    }

    /// What the log says about the data files.
    pub async fn stats(&self) -> Result<TableStats, DeltaError> {
        let mut stats = TableStats { rows: Some(0), ..TableStats::default() };
        let mut small: HashMap<String, u64> = HashMap::new();
        for file in self.files().await? {
            stats.files += 1;
            stats.bytes += file.size;
            stats.rows = stats.rows.and_then(|sum| Some(sum + file.rows?));
            if self.meta.as_ref().is_some_and(|meta| is_small(file.size, meta)) {
                *small.entry(file.partition).or_default() += 1;
            }
        }
        stats.small_files = small.into_values().filter(|files| *files > 1).sum();
        Ok(stats)
    }

    /// Reads the staged state as it is now; a later change is not seen by it.
    pub async fn provider(&self) -> Result<Arc<dyn TableProvider>, DeltaError> {
        let scan = Scan { views: true, ..Scan::default() };
        Ok(Arc::new(LakeTable::new(self.location.clone(), self.scanned(&scan).await?)))
    }

    pub(super) async fn scanned(&self, scan: &Scan) -> Result<Arc<dyn TableProvider>, DeltaError> {
        if self.replaced {
            return Err(self.missing());
        }
        let state = self.loaded().await?.ok_or_else(|| self.missing())?;
        scan.provider(state.snapshot(), &self.url)
    }

    pub(super) fn missing(&self) -> DeltaError {
        DeltaError::Missing { table: self.location.clone(), version: None }
    }

    /// The log with what was staged, read unless it was before; `None`: there is none.
    async fn loaded(&self) -> Result<Option<&DeltaTableState>, DeltaError> {
        let Some(version) = (self.next_version() + self.steps.len() as u64).checked_sub(1) else { return Ok(None) };
        let load = async || {
            if self.base.is_none() {
                self.ensure_folder().await?;
            }
            let state = match self.former.clone() {
                Some(mut state) => state.update(&self.log_store, Some(version)).await.map(|()| state),
                None => DeltaTableState::try_new(&self.log_store, Some(version)).await,
            };
            let state = state.map_err(|error| damaged(&self.location, error))?;
            match &self.tally {
                Some(tally) => self.refuse_other_count(&state, tally.files).map(|()| state),
                None => Ok(state),
            }
        };
        self.state.get_or_try_init(load).await.map(Some)
    }

    /// How many small files there are, if that is known without reading the log.
    pub(super) fn known_small_files(&self) -> Option<u64> {
        let tally = self.tally.filter(|_| !self.state.initialized())?;
        u64::try_from(tally.small).ok()
    }

    /// A removal that hits no file would double rows; a path written by others may be encoded in an unknown way.
    fn refuse_other_count(&self, state: &DeltaTableState, expected: i64) -> Result<(), DeltaError> {
        let found = count_of(state)?;
        if found == expected {
            return Ok(());
        }
        let reason = format!("{found} data files instead of {expected} after a change");
        Err(DeltaError::Corrupt { table: self.location.clone(), reason })
    }

    /// The description, of a table that is there.
    pub(super) fn meta(&self) -> Result<&Meta, DeltaError> {
        self.meta.as_ref().filter(|_| !self.replaced).ok_or_else(|| self.missing())
    }

    /// The description that a replacement goes on top of.
    pub(super) fn previous_meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    pub(super) fn writable(&self) -> Result<&Meta, DeltaError> {
        let meta = self.meta()?;
        meta.check_writable(&self.location)?;
        Ok(meta)
    }

    pub(super) fn sink<'a>(&'a self, meta: &'a Meta) -> Sink<'a> {
        Sink { store: self.lake.store.clone(), location: &self.location, meta, range: None }
    }

    /// The data files of the staged state.
    pub(super) async fn files(&self) -> Result<Vec<ActiveFile>, DeltaError> {
        let Some(state) = self.loaded().await? else { return Ok(Vec::new()) };
        let log = state.snapshot().try_log_data()?;
        Ok(log
            .iter()
            .map(|view| {
                let deleted = view.deletion_vector_descriptor().map_or(0, |dv| dv.cardinality.max(0) as u64);
                let mut partition: Vec<(String, Option<String>)> = view.partition_values_map().into_iter().collect();
                partition.sort();
                ActiveFile {
                    path: view.path().into_owned(),
                    size: view.size().max(0) as u64,
                    rows: view.num_records().map(|rows| (rows as u64).saturating_sub(deleted)),
                    partition: format!("{partition:?}"),
                    view,
                }
            })
            .collect())
    }

    /// Paths of the files that hold the table's rows and nothing else, in the table's folder. Refused where reading them as they are
    /// would be wrong: rows that only the log knows as deleted, columns under other names.
    pub async fn plain_files(&self) -> Result<Vec<String>, DeltaError> {
        let mapped = self.meta()?.property("delta.columnMapping.mode").is_some_and(|mode| mode != "none");
        let files = self.files().await?;
        if mapped || files.iter().any(|file| file.view.deletion_vector_descriptor().is_some()) {
            let text = format!(
                "{}: its files cannot be read as plain Parquet: it has deletion vectors or mapped columns",
                self.location
            );
            return Err(DeltaError::Unsupported(text));
        }
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    /// The data files by path.
    pub(super) async fn files_by_path(&self) -> Result<HashMap<String, ActiveFile>, DeltaError> {
        Ok(self.files().await?.into_iter().map(|file| (file.path.clone(), file)).collect())
    }

    /// The library opens only tables whose folder exists; one without rows has written nothing yet.
    async fn ensure_folder(&self) -> Result<(), DeltaError> {
        let Some(root) = self.lake.local_root() else { return Ok(()) };
        let log = root.join(&self.location).join(LOG);
        let failed = |error: FilesError| object_store::Error::Generic { store: "the lake", source: Box::new(error) };
        Ok(RealFiles.create_dir(&log).map_err(failed)?)
    }

    /// Makes a step part of the staged state: its log entry goes into the overlay, the state moves on by one version.
    pub(super) async fn stage(&mut self, step: Step, meta: Meta) -> Result<(), DeltaError> {
        let version = self.next_version() + self.steps.len() as u64;
        let change = Tally::of(&step.actions, &meta);
        self.overlay.stage(version, step.entry()).await?;
        if let Some(mut state) = self.state.take() {
            if step.only_adds() {
                // Often nobody asks for the state with them any more.
                self.tally = Some(tally_of(&state, self.meta.as_ref().unwrap_or(&meta))?);
                self.former = Some(state);
            } else {
                let expected = count_of(&state)? + change.files;
                state.update(&self.log_store, Some(version)).await?;
                self.refuse_other_count(&state, expected)?;
                self.state = OnceCell::from(state);
                self.tally = None;
            }
        }
        if let Some(tally) = &mut self.tally {
            tally.files += change.files;
            tally.small += change.small;
        }
        self.meta = Some(meta);
        self.replaced = false;
        self.steps.push(step);
        Ok(())
    }
}

/// The data files of a state, and those that are small.
fn tally_of(state: &DeltaTableState, meta: &Meta) -> Result<Tally, DeltaError> {
    let mut tally = Tally::default();
    for file in state.snapshot().try_log_data()?.iter() {
        tally.add(file.size().max(0) as u64, meta);
    }
    Ok(tally)
}

/// The data files of a state.
fn count_of(state: &DeltaTableState) -> Result<i64, DeltaError> {
    Ok(state.snapshot().try_log_data()?.iter().count() as i64)
}
