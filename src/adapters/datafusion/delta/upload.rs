//! A store for the writer of data files that keeps failures for the caller. In: the table's store. Out: a store whose puts do not
//! fail, and the first failure of them.
//!
//! The library's writer, told of a failed put, breaks off an upload that is already over, which its buffer answers with a panic
//! on the terminal. Nothing names a file before its rows are committed, so the failure may as well be told when all is written.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// The first failure, shared with the uploads.
#[derive(Clone, Debug, Default)]
struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    fn keep(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn is_there(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Uploads {
    base: Arc<dyn ObjectStore>,
    failure: Failure,
}

impl Uploads {
    pub(super) fn new(base: Arc<dyn ObjectStore>) -> Self {
        Self { base, failure: Failure::default() }
    }

    /// The failure, if there was one: then nothing of what was written counts.
    pub(super) fn failure(&self) -> Result<()> {
        self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

impl fmt::Display for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uploads into {}", self.base)
    }
}

fn nothing() -> PutResult {
    PutResult { e_tag: None, version: None }
}

#[async_trait]
impl ObjectStore for Uploads {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        Ok(self.base.put_opts(location, payload, options).await.unwrap_or_else(|error| {
            self.failure.keep(error);
            nothing()
        }))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.base.put_multipart_opts(location, options).await?;
        Ok(Box::new(Upload { inner, failure: self.failure.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.base.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.base.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.base.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.base.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.base.copy_opts(from, to, options).await
    }
}

/// An upload in parts.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    failure: Failure,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if self.failure.is_there() {
            return futures::future::ready(Ok(())).boxed();
        }
        let failure = self.failure.clone();
        let part = self.inner.put_part(data);
        async move {
            if let Err(error) = part.await {
                failure.keep(error);
            }
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.failure.is_there() {
            // What cannot be cleaned up is an orphan that `maintain` finds.
            let _ = self.inner.abort().await;
            return Ok(nothing());
        }
        Ok(self.inner.complete().await.unwrap_or_else(|error| {
            self.failure.keep(error);
            nothing()
        }))
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
