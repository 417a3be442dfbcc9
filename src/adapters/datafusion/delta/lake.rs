//! Where a lake lies. In: a store and a URL. Out: paths and URLs of its tables.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use super::DeltaError;

/// The root folder (or prefix of a bucket) under which all tables lie.
#[derive(Clone, Debug)]
pub struct Lake {
    /// Rooted at the lake: the table `main/orders` is the path `main/orders` in it.
    pub store: Arc<dyn ObjectStore>,
    /// The lake's place as the engine's runtime knows it: `file:///srv/lake/`, `s3://bucket/lake/`. The runtime must have a
    /// store for it (for `file` it always has).
    pub url: Url,
}

impl Lake {
    /// A lake at `url`, whose files are read and written through `store`.
    pub fn new(store: Arc<dyn ObjectStore>, mut url: Url) -> Self {
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Self { store, url }
    }

    /// The folder of a table in [`Lake::store`].
    pub(super) fn table_path(location: &str) -> Result<Path, DeltaError> {
        Path::parse(location).map_err(|error| DeltaError::Unsupported(format!("no table can lie there: {error}")))
    }

    /// The URL of a table, with a slash at the end.
    pub(super) fn table_url(&self, location: &str) -> Result<Url, DeltaError> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| DeltaError::Unsupported(format!("`{}` cannot hold tables", self.url)))?
            .pop_if_empty()
            .extend(location.split('/').filter(|part| !part.is_empty()))
            .push("");
        Ok(url)
    }

    /// The lake's folder, if it lies on this machine.
    pub fn local_root(&self) -> Option<PathBuf> {
        Some(&self.url).filter(|url| url.scheme() == "file")?.to_file_path().ok()
    }

    /// The lake's path in its storage system: what stands before the paths of [`Lake::store`] in URLs.
    pub(super) fn root_path(&self) -> Result<Path, DeltaError> {
        Path::from_url_path(self.url.path()).map_err(|error| DeltaError::Unsupported(error.to_string()))
    }
}
