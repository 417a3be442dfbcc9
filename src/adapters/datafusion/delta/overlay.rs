//! A store in which one transaction sees its own log entries. In: the lake's store, one table, the pinned version. Out: a store
//! as the Delta library wants it, rooted at the storage system, that shows the pinned version and what was staged on top.
//!
//! Only `_delta_log/` of the one table is special: entries later than the pinned version are hidden, new ones stay in memory.
//! Data files go to their final place at once; nobody sees them before a log entry names them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The name of the log's folder in a table.
pub(super) const LOG: &str = "_delta_log";
const HINT: &str = "_last_checkpoint";

/// See the module.
#[derive(Debug)]
pub(super) struct Overlay {
    base: Arc<dyn ObjectStore>,
    /// The lake's path in its storage system.
    root: Path,
    /// The table's log, seen from the storage system's root.
    log: Path,
    /// The last version of the base that is visible; `None`: none.
    pinned: Option<u64>,
    /// Staged log entries by their full path.
    staged: InMemory,
    /// Nothing is staged: the log is written for everybody.
    through: bool,
}

impl Overlay {
    pub(super) fn new(base: Arc<dyn ObjectStore>, root: Path, table: &Path, pinned: Option<u64>) -> Self {
        let log = root.parts().chain(table.parts()).collect::<Path>().join(LOG);
        Self { base, root, log, pinned, staged: InMemory::new(), through: false }
    }

    /// The lake's store rooted at its storage system, without anything hidden or staged.
    pub(super) fn through(base: Arc<dyn ObjectStore>, root: Path, table: &Path) -> Self {
        Self { through: true, ..Self::new(base, root, table, Some(u64::MAX)) }
    }

    /// Adds the log entry of a version, for readers through this store only.
    pub(super) async fn stage(&self, version: u64, entry: String) -> Result<()> {
        self.staged.put(&self.log.clone().join(log_entry(version)), PutPayload::from(entry)).await?;
        Ok(())
    }

    /// The name of a file that lies directly in the table's log.
    fn log_file(&self, location: &Path) -> Option<String> {
        let mut parts = location.prefix_match(&self.log)?;
        let name = parts.next()?;
        parts.next().is_none().then(|| name.as_ref().to_string())
    }

    fn visible(&self, location: &Path) -> bool {
        match self.log_file(location).as_deref().and_then(version_of) {
            Some(version) => self.pinned.is_some_and(|pinned| version <= pinned),
            None => true,
        }
    }

    fn to_base(&self, location: &Path) -> Result<Path> {
        strip(&self.root, location)
    }

    fn missing(location: &Path) -> Error {
        Error::NotFound { path: location.to_string(), source: "hidden from this transaction".into() }
    }

    /// The checkpoint hint counts only if its checkpoint is visible.
    async fn hint_is_visible(&self, location: &Path) -> bool {
        let Ok(path) = self.to_base(location) else { return false };
        let Ok(found) = self.base.get(&path).await else { return false };
        let Ok(text) = found.bytes().await else { return false };
        let hint: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        let version = hint.as_ref().and_then(|h| h.get("version")).and_then(serde_json::Value::as_u64);
        matches!((version, self.pinned), (Some(version), Some(pinned)) if version <= pinned)
    }

    async fn listed(
        base: Arc<dyn ObjectStore>,
        root: Path,
        prefix: Option<Path>,
        offset: Option<Path>,
    ) -> Result<Vec<ObjectMeta>> {
        let prefix = match prefix {
            Some(prefix) => strip(&root, &prefix)?,
            None => Path::default(),
        };
        let found = match offset.as_ref().and_then(|offset| strip(&root, offset).ok()) {
            Some(offset) => base.list_with_offset(Some(&prefix), &offset),
            None => base.list(Some(&prefix)),
        };
        found.map_ok(|meta| under(&root, meta)).try_collect().await
    }

    fn merged(&self, prefix: Option<&Path>, offset: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (log, pinned) = (self.log.clone(), self.pinned);
        let visible = move |meta: &ObjectMeta| {
            let name = meta.location.prefix_match(&log).and_then(|mut parts| parts.next());
            match name.and_then(|name| version_of(name.as_ref())) {
                Some(version) => pinned.is_some_and(|pinned| version <= pinned),
                None => true,
            }
        };
        let staged = match offset {
            Some(offset) => self.staged.list_with_offset(prefix, offset),
            None => self.staged.list(prefix),
        };
        let base = Self::listed(self.base.clone(), self.root.clone(), prefix.cloned(), offset.cloned());
        stream::once(async move {
            let mut found: Vec<ObjectMeta> = base.await?.into_iter().filter(visible).collect();
            found.extend(staged.try_collect::<Vec<_>>().await?);
            // Readers of object stores rely on the order of names.
            found.sort_by(|a, b| a.location.cmp(&b.location));
            Ok::<_, Error>(stream::iter(found.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }
}

fn strip(root: &Path, location: &Path) -> Result<Path> {
    match location.prefix_match(root) {
        Some(parts) => Ok(parts.collect()),
        None => Err(Error::NotFound { path: location.to_string(), source: "outside of the lake".into() }),
    }
}

fn under(root: &Path, mut meta: ObjectMeta) -> ObjectMeta {
    meta.location = root.parts().chain(meta.location.parts()).collect();
    meta
}

/// The file name of a version's log entry.
pub(super) fn log_entry(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version that a file of the log belongs to.
pub(super) fn version_of(name: &str) -> Option<u64> {
    let digits = name.get(..20)?;
    (digits.bytes().all(|b| b.is_ascii_digit()) && name[20..].starts_with('.')).then(|| digits.parse().ok())?
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overlay of {} at {:?}", self.log, self.pinned)
    }
}

#[async_trait]
impl ObjectStore for Overlay {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if !self.through && self.log_file(location).is_some() {
            return self.staged.put_opts(location, payload, options).await;
        }
        self.base.put_opts(&self.to_base(location)?, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !self.through && self.log_file(location).is_some() {
            return self.staged.put_multipart_opts(location, options).await;
        }
        self.base.put_multipart_opts(&self.to_base(location)?, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if let Some(name) = self.log_file(location) {
            match self.staged.get_opts(location, options.clone()).await {
                Err(Error::NotFound { .. }) => {}
                found => return found,
            }
            if !self.visible(location) || (name == HINT && !self.hint_is_visible(location).await) {
                return Err(Self::missing(location));
            }
        }
        let mut found = self.base.get_opts(&self.to_base(location)?, options).await?;
        found.meta.location = location.clone();
        Ok(found)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if self.log_file(location).is_some() {
            let mut found = Vec::with_capacity(ranges.len());
            for range in ranges {
                found.push(self.get_range(location, range.clone()).await?);
            }
            return Ok(found);
        }
        self.base.get_ranges(&self.to_base(location)?, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let root = self.root.clone();
        let inner = locations.map(move |location| location.and_then(|path| strip(&root, &path))).boxed();
        let root = self.root.clone();
        self.base.delete_stream(inner).map_ok(move |path| root.parts().chain(path.parts()).collect()).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.merged(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.merged(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let inner = prefix.map(|prefix| self.to_base(prefix)).transpose()?;
        let mut found = self.base.list_with_delimiter(inner.as_ref()).await?;
        found.common_prefixes =
            found.common_prefixes.into_iter().map(|path| self.root.parts().chain(path.parts()).collect()).collect();
        found.objects = found.objects.into_iter().map(|meta| under(&self.root, meta)).collect();
        found.objects.retain(|meta| self.visible(&meta.location));
        found.objects.extend(self.staged.list_with_delimiter(prefix).await?.objects);
        found.objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if !self.through && (self.log_file(from).is_some() || self.log_file(to).is_some()) {
            return Err(Error::NotSupported { source: "copying log entries within a transaction".into() });
        }
        self.base.copy_opts(&self.to_base(from)?, &self.to_base(to)?, options).await
    }
}
