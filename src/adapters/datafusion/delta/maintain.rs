//! Looking back and cleaning up. In: a lake, a location. Out: history, earlier versions, checkpoints, files that nobody needs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use deltalake_core::DeltaTable;
use deltalake_core::checkpoints::create_checkpoint;
use deltalake_core::logstore::{StorageConfig, default_logstore};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};

use super::meta::Meta;
use super::overlay::{LOG, Overlay, version_of};
use super::squash::{Step, file_key};
use super::{DeltaError, Lake, StagedTable};

/// One version in a table's log.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The version.
    pub version: u64,
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
    /// What was done: `MERGE`, `WRITE`.
    pub operation: String,
    /// Rows in the table then, where the log tells: it must reach back to the first version and count rows.
    pub rows: Option<u64>,
    /// All that the writer says about it.
    pub info: Value,
}

/// What `vacuum` deletes, or would delete.
#[derive(Clone, Debug, Default)]
pub struct Vacuum {
    /// Data files that no kept version needs.
    pub files: Vec<String>,
    /// Their size.
    pub bytes: u64,
}

/// The versions in a table's log, newest first. Versions whose entries were cleaned up are missing.
pub async fn history(lake: &Lake, location: &str, limit: Option<usize>) -> Result<Vec<Commit>, DeltaError> {
    let mut found = Vec::new();
    let mut rows = RowCount::default();
    for (version, meta) in log_entries(lake, location).await? {
        let (mut commit, actions) = commit(lake, version, &meta).await?;
        commit.rows = rows.after(version, &actions);
        found.push(commit);
    }
    found.reverse();
    found.truncate(limit.unwrap_or(usize::MAX));
    Ok(found)
}

/// The version that was current at a point in time, in milliseconds since 1970.
pub async fn version_at(lake: &Lake, location: &str, timestamp: i64) -> Result<Option<u64>, DeltaError> {
    for (version, meta) in log_entries(lake, location).await?.into_iter().rev() {
        if commit(lake, version, &meta).await?.0.timestamp <= timestamp {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// Writes a checkpoint of a version, so that readers need not replay the log up to it.
pub async fn checkpoint(lake: &Lake, location: &str, version: u64) -> Result<(), DeltaError> {
    let url = lake.table_url(location)?;
    let root: Arc<dyn ObjectStore> =
        Arc::new(Overlay::through(lake.store.clone(), lake.root_path()?, &Lake::table_path(location)?));
    let prefix = Path::from_url_path(url.path()).map_err(|e| DeltaError::Unsupported(e.to_string()))?;
    let inner: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(root.clone(), prefix));
    let mut table = DeltaTable::new(default_logstore(inner, root, &url, &StorageConfig::default()));
    table.load_version(version).await?;
    create_checkpoint(&table, None).await?;
    Ok(())
}

/// Counts a table's rows from commit to commit.
#[derive(Default)]
struct RowCount {
    /// Rows of each active file; `None` where the log does not say.
    files: HashMap<String, Option<u64>>,
    next: u64,
}

impl RowCount {
    fn after(&mut self, version: u64, actions: &[Value]) -> Option<u64> {
        if version != self.next {
            // A part of the log is gone.
            return None;
        }
        self.next += 1;
        for action in actions {
            if let Some(remove) = action.get("remove") {
                self.files.remove(&file_key(remove));
            } else if let Some(add) = action.get("add") {
                let stats = add.get("stats").and_then(Value::as_str);
                let stats: Option<Value> = stats.and_then(|text| serde_json::from_str(text).ok());
                let rows = stats.and_then(|stats| stats.get("numRecords")?.as_u64());
                let deleted = add.get("deletionVector").and_then(|dv| dv.get("cardinality")?.as_u64()).unwrap_or(0);
                self.files.insert(file_key(add), rows.map(|rows| rows.saturating_sub(deleted)));
            }
        }
        self.files.values().copied().sum()
    }
}

impl StagedTable {
    /// Makes the table what it was at an earlier version: columns, properties and rows.
    pub async fn restore(&mut self, version: u64) -> Result<(), DeltaError> {
        let now = self.writable()?.clone();
        now.check_deletable(&self.location)?;
        let earlier = Self::open(&self.lake, &self.location, version).await?;
        let meta: Meta = now.restored(earlier.meta()?)?;
        let (current, wanted) = (self.files_by_path().await?, earlier.files_by_path().await?);
        let mut actions = meta.actions(Some(&now));
        for (path, file) in &current {
            if !wanted.contains_key(path) {
                actions.push(file.removed(true)?);
            }
        }
        for (path, file) in &wanted {
            if current.contains_key(path) {
                continue;
            }
            self.refuse_if_gone(path, version).await?;
            actions.push(file.restored()?);
        }
        if actions.is_empty() {
            return Ok(());
        }
        self.stage(Step::new("RESTORE", actions).with("version", json!(version)), meta).await
    }

    /// An error if data files of this version are gone.
    pub async fn refuse_if_vacuumed(&self) -> Result<(), DeltaError> {
        for path in self.files_by_path().await?.keys() {
            self.refuse_if_gone(path, self.base_version().unwrap_or_default()).await?;
        }
        Ok(())
    }

    async fn refuse_if_gone(&self, path: &str, version: u64) -> Result<(), DeltaError> {
        match self.lake.store.head(&self.data_path(path)?).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => {
                Err(DeltaError::Vacuumed { table: self.location.clone(), version })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn data_path(&self, path: &str) -> Result<Path, DeltaError> {
        Lake::table_path(&format!("{}/{path}", self.location))
    }

    /// The data files that neither this version, nor any since `retention` ago, nor any of the versions to keep needs. Give a
    /// retention longer than the longest run: what a running transaction writes is not in any version yet.
    pub async fn unneeded(&self, retention: Duration, keep: &[u64]) -> Result<Vacuum, DeltaError> {
        let oldest = super::squash::now() - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let mut needed: HashSet<String> = self.files_by_path().await?.into_keys().collect();
        for version in keep {
            let kept = Self::open(&self.lake, &self.location, *version).await?;
            needed.extend(kept.files_by_path().await?.into_keys());
        }
        for (version, meta) in log_entries(&self.lake, &self.location).await? {
            let (commit, actions) = commit(&self.lake, version, &meta).await?;
            // What a recent commit removed belonged to the version before it.
            if commit.timestamp <= oldest {
                continue;
            }
            for action in &actions {
                for kind in ["add", "remove"] {
                    let path = action.get(kind).and_then(|file| file.get("path")).and_then(Value::as_str);
                    needed.extend(path.map(super::provider::decoded));
                }
            }
        }
        let folder = Lake::table_path(&self.location)?;
        let found: Vec<ObjectMeta> = self.lake.store.list(Some(&folder)).try_collect().await?;
        let mut vacuum = Vacuum::default();
        for meta in found {
            let Some(parts) = meta.location.prefix_match(&folder) else { continue };
            let relative: Vec<String> = parts.map(|part| part.as_ref().to_string()).collect();
            let hidden = relative.iter().any(|part| part.starts_with('_') && !part.contains('='));
            let path = relative.join("/");
            let recent = meta.last_modified.timestamp_millis() > oldest;
            if hidden || recent || !path.ends_with(".parquet") || needed.contains(&path) {
                continue;
            }
            vacuum.bytes += meta.size;
            vacuum.files.push(path);
        }
        vacuum.files.sort();
        Ok(vacuum)
    }

    /// Deletes the files that [`unneeded`](Self::unneeded) found. Versions that needed them cannot be read any more.
    pub async fn vacuum(&self, retention: Duration, keep: &[u64]) -> Result<Vacuum, DeltaError> {
        let vacuum = self.unneeded(retention, keep).await?;
        for file in &vacuum.files {
            self.lake.store.delete(&self.data_path(file)?).await?;
        }
        Ok(vacuum)
    }
}

/// The log entries of a table, oldest first.
async fn log_entries(lake: &Lake, location: &str) -> Result<Vec<(u64, ObjectMeta)>, DeltaError> {
    let log = Lake::table_path(location)?.join(LOG);
    let listed: Vec<ObjectMeta> = lake.store.list(Some(&log)).try_collect().await?;
    let mut entries: Vec<(u64, ObjectMeta)> = listed
        .into_iter()
        .filter(|meta| meta.location.filename().is_some_and(|name| name.len() == 25 && name.ends_with(".json")))
        .filter_map(|meta| Some((version_of(meta.location.filename()?)?, meta)))
        .collect();
    entries.sort_by_key(|(version, _)| *version);
    Ok(entries)
}

async fn commit(lake: &Lake, version: u64, meta: &ObjectMeta) -> Result<(Commit, Vec<Value>), DeltaError> {
    let text = lake.store.get(&meta.location).await?.bytes().await?;
    let mut actions = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        actions.push(serde_json::from_slice::<Value>(line)?);
    }
    let info = actions.iter().find_map(|action| action.get("commitInfo")).cloned().unwrap_or_default();
    let written = meta.last_modified.timestamp_millis();
    let commit = Commit {
        version,
        timestamp: info.get("timestamp").and_then(Value::as_i64).unwrap_or(written),
        rows: None,
        operation: info.get("operation").and_then(Value::as_str).unwrap_or_default().to_string(),
        info,
    };
    Ok((commit, actions))
}
