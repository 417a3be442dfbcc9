//! The object store under a lake. In: settings. Out: a [`Lake`], whose store counts paths from the lake's
//! root; reading and writing small files of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use url::Url;

use super::delta::Lake;
use super::errors;
use super::settings::{Place, Settings};
use crate::adapters::{AdapterError, ErrorKind};
use crate::files::{FileInfo, Files, RealFiles};

/// The folder of what is no relation.
pub(super) const OWN_FOLDER: &str = "_transform";

/// How a write of something that must not be there yet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there now.
    Done,
    /// It was there before.
    Taken,
}

/// Opens the storage; makes a folder that is not there yet, unless nothing may be written.
pub(super) fn open(settings: &Settings) -> Result<Lake, AdapterError> {
    match &settings.place {
        Place::Folder(folder) => Lake::folder(folder, settings.read_only),
        Place::Remote(url) => Lake::remote(url, &settings.storage),
        Place::Nowhere => Lake::at("memory:///", Arc::new(InMemory::new())),
    }
}

impl Lake {
    fn at(url: &str, store: Arc<dyn ObjectStore>) -> Result<Self, AdapterError> {
        let url = Url::parse(url).map_err(|e| AdapterError::new(ErrorKind::Connection, format!("{url}: {e}")))?;
        Ok(Self::new(store, url))
    }

    fn folder(folder: &Path, read_only: bool) -> Result<Self, AdapterError> {
        let cannot = |action: &str, why: String| {
            let text = format!("the lake {} cannot be {action}: {why}", folder.display());
            AdapterError::new(ErrorKind::Connection, text)
        };
        if !folder.is_dir() {
            if read_only {
                return Err(cannot("opened", "there is no such folder".to_owned()));
            }
            RealFiles.create_dir(folder).map_err(|e| cannot("made", e.to_string()))?;
        }
        let folder: PathBuf = RealFiles.canonical(folder).map_err(|e| cannot("opened", e.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|e| cannot("opened", e.to_string()))?;
        let url = Url::from_directory_path(&folder).map_err(|()| cannot("opened", "it has no URL".to_owned()))?;
        Ok(Self::new(Arc::new(store), url))
    }

    fn remote(url: &Url, options: &[(String, String)]) -> Result<Self, AdapterError> {
        let mut builder = AmazonS3Builder::from_env().with_url(url.as_str());
        for (name, value) in options {
            let key = name.to_ascii_lowercase().parse().map_err(|_| {
                let text = format!("profile option `storage_options`: S3 has no option `{name}`");
                AdapterError::new(ErrorKind::Settings, text).about_option(format!("storage_options.{name}"))
            })?;
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|e| errors::store(&e, "the lake"))?;
        let prefix = StorePath::from(url.path());
        let root = format!("{}/", url.as_str().trim_end_matches('/'));
        Self::at(&root, Arc::new(PrefixStore::new(store, prefix)))
    }

    /// Writes a small object that must not be there yet.
    pub(super) async fn put_new(&self, path: &StorePath, text: String) -> Result<Put, AdapterError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(path, text.into(), options).await {
            Ok(_) => Ok(Put::Done),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Put::Taken),
            Err(error) => Err(errors::store(&error, path.as_ref())),
        }
    }

    /// Reads a small object; none if it is not there.
    pub(super) async fn read(&self, path: &StorePath) -> Result<Option<String>, AdapterError> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(errors::store(&error, path.as_ref())),
        };
        let bytes = found.bytes().await.map_err(|e| errors::store(&e, path.as_ref()))?;
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some).map_err(|_| AdapterError::new(ErrorKind::Io, format!("{path} in the lake is not UTF-8")))
    }

    /// Files of a lake on this machine that whoever began to write them was killed over. The store writes beside the place that a
    /// file gets, and shows nobody what lies there; other storage keeps no such files.
    pub(super) fn half_written(&self, oldest: DateTime<Utc>) -> Result<Vec<FileInfo>, AdapterError> {
        let Some(root) = self.local_root() else { return Ok(Vec::new()) };
        let begun = |file: &FileInfo| {
            let name = file.path.file_name().map(|name| name.to_string_lossy());
            let number = name.as_deref().and_then(|name| name.split_once('#')).map(|(_, number)| number);
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
                && file.modified.is_some_and(|time| DateTime::<Utc>::from(time) <= oldest)
        };
        let files = RealFiles.walk(&root).map_err(|e| AdapterError::new(ErrorKind::Io, e.to_string()))?;
        Ok(files.into_iter().filter(begun).collect())
    }

    /// Whether an object is there.
    pub(super) async fn has(&self, path: &StorePath) -> Result<bool, AdapterError> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(errors::store(&error, path.as_ref())),
        }
    }

    /// The log file of a version of a table.
    pub(super) fn log_path(location: &str, version: u64) -> StorePath {
        StorePath::from(format!("{location}/_delta_log/{version:020}.json"))
    }
}
