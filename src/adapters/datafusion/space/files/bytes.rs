//! The bytes of a file for code that reads one after the other. In: a store and a path. Out: [`Input`], to be read on a thread that
//! may wait.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path as StorePath;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

const BUFFER: usize = 256 << 10;

/// The text of a file, without the mark that some programs write in front of it.
pub(super) type Input = Box<dyn BufRead + Send>;

/// Opens a file. Its bytes are asked for as they are read.
pub(super) async fn open(
    store: &Arc<dyn ObjectStore>,
    path: &StorePath,
    compression: CompressionTypeVariant,
) -> Result<Opened> {
    let raw: Box<dyn Read + Send> = match store.get(path).await?.payload {
        GetResultPayload::File(file, _) => Box::new(file),
        GetResultPayload::Stream(stream) => {
            Box::new(Streamed { runtime: Handle::current(), stream, chunk: Bytes::new() })
        }
    };
    Ok(Opened { raw, compression })
}

/// A file that has been opened.
pub(super) struct Opened {
    raw: Box<dyn Read + Send>,
    compression: CompressionTypeVariant,
}

impl Opened {
    /// What is in it. Reads, so it belongs where waiting is allowed.
    pub(super) fn text(self) -> Result<Input> {
        let plain = FileCompressionType::from(self.compression).convert_read(self.raw)?;
        let mut input = BufReader::with_capacity(BUFFER, plain);
        if input.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
            input.consume(3);
        }
        Ok(Box::new(input))
    }
}

/// The chunks of an object.
struct Streamed {
    runtime: Handle,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(std::io::Error::other)?,
            }
        }
        let length = buffer.len().min(self.chunk.len());
        buffer[..length].copy_from_slice(&self.chunk.split_to(length));
        Ok(length)
    }
}
