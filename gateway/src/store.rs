//! The embedded store: all signals as the bytes that arrived, and an index to find traces by.
//!
//! One SQLite file. One thread writes: requests that wait at the same time become one transaction
//! (at most [`GROUP_BYTES`] or [`GROUP_REQUESTS`]), and each sender hears of it after the commit is
//! on the disk. Readers have their own connections and see the last commit.
//!
//! Requests are grouped into segments in the order of arrival, and each segment has its own index.
//! Trace ids are random; over a whole store they would dirty a page per row, within a segment the
//! pages stay in the cache. A lookup asks every segment (at most about 64), and the index of a
//! segment whose requests are gone is one range to delete.
//!
//! Bounds: age (`retention`, by arrival) and size (`max_bytes`; the write-ahead log, normally under
//! [`LOG_BYTES`], comes on top). The oldest requests go first. A request may have a quarter of
//! `max_bytes`. Bytes that wait for the writer are bounded by [`QUEUE_BYTES`], caches by
//! [`CACHE_BYTES`].
//!
//! Of logs and metrics only the times of each request are known beforehand.
//!
//! Left out: compression, an index for logs and metrics, and spans without a 16-byte trace id,
//! which are kept but not found.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use otlp::Signal;

mod error;
mod folder;
mod index;
mod job;
mod names;
mod postings;
mod queue;
mod reader;
mod records;
mod retention;
mod schema;
mod search;
mod settings;
mod times;
mod writer;

pub use error::{Error, ReadError, WriteError};
pub use folder::FORMAT;
pub use queue::QUEUE_BYTES;
pub use reader::MAX_ANSWER_BYTES;
pub use records::{Cursor, Page, RecordQuery};
pub use schema::LOG_BYTES;
pub use search::{Found, MAX_SCAN_BYTES, TraceQuery};
pub use settings::StoreSettings;
pub use writer::{GROUP_BYTES, GROUP_REQUESTS};

use folder::Folder;
use queue::Queue;
use reader::Readers;
use writer::Writer;

/// Memory for pages, names and requests at hand. Not counted: requests that wait for the writer,
/// whose senders hold permits for them, what a query answers, and the largest stored request.
pub const CACHE_BYTES: usize = schema::WRITER_CACHE_BYTES
    + names::NAMES_BYTES
    + reader::CONNECTIONS * (schema::READER_CACHE_BYTES + reader::CACHED_BYTES);

/// A trace's id.
pub type TraceId = [u8; 16];

/// A name and span kind under which a service records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The span's name.
    pub name: String,
    /// `SpanKind` as a number.
    pub kind: i32,
}

/// What Jaeger calls span kinds, by OTLP's number.
pub const SPAN_KINDS: [&str; 6] =
    ["unspecified", "internal", "server", "client", "producer", "consumer"];

/// What Jaeger calls a span's kind, if it has one.
pub fn span_kind(number: i32) -> Option<&'static str> {
    let named = usize::try_from(number).ok().filter(|kind| *kind > 0);
    named.and_then(|kind| SPAN_KINDS.get(kind)).copied()
}

/// An open store. Dropping it waits for what was handed over; [`close`](Self::close) does so
/// without holding up the runtime.
#[derive(Debug)]
pub struct Store {
    // Dropped first: the writer ends before the lock on the folder does.
    queue: Queue,
    readers: Arc<Readers>,
    max_body_bytes: usize,
    folder: Folder,
}

impl Store {
    /// Opens the store in its folder, or makes it.
    pub fn open(settings: StoreSettings) -> Result<Arc<Self>, Error> {
        let folder = Folder::open(&settings)?;
        let connection = schema::open(&folder)?;
        let max_body_bytes = usize::try_from(settings.max_bytes / 4).unwrap_or(usize::MAX);
        let writer = Writer::new(connection, &settings)
            .map_err(|error| Error::of_sqlite(folder.database(), error))?;
        let queue = Queue::start(writer).map_err(|error| Error::io(folder.path(), error))?;
        let readers = Arc::new(Readers::new(folder.database().to_owned()));
        Ok(Arc::new(Self { queue, readers, max_body_bytes, folder }))
    }

    /// Stores requests of one signal, all or none. Returns when they are on the disk.
    pub async fn write(
        &self,
        signal: Signal,
        bodies: Vec<Bytes>,
        received_at: SystemTime,
    ) -> Result<(), WriteError> {
        let max_bytes = self.max_body_bytes;
        if bodies.iter().any(|body| body.len() > max_bytes) {
            return Err(WriteError::TooLarge { max_bytes });
        }
        let received_ns = nanoseconds(received_at);
        let entries = index::entries(signal, bodies, received_ns).await?;
        self.queue.push(signal, entries, received_ns).await
    }

    /// The requests that hold spans of a trace, with only those spans, in the order of arrival.
    /// A span that was sent twice is there once.
    pub async fn trace(&self, id: TraceId) -> Result<Vec<Bytes>, ReadError> {
        self.readers.run(move |connection| reader::trace(connection, id)).await
    }

    /// The newest traces that a query asks for.
    pub async fn find(&self, query: TraceQuery) -> Result<Found, ReadError> {
        self.readers.run(move |connection| search::find(connection, &query)).await
    }

    /// The newest log records or metric points that a query asks for.
    pub async fn records(&self, query: RecordQuery) -> Result<Page, ReadError> {
        self.readers.run(move |connection| records::find(connection, &query)).await
    }

    /// The names of the services whose spans are stored, sorted.
    pub async fn services(&self) -> Result<Vec<String>, ReadError> {
        self.readers.run(reader::services).await
    }

    /// What a service's spans are called, sorted; only those of one kind if given.
    pub async fn operations(
        &self,
        service: String,
        kind: Option<i32>,
    ) -> Result<Vec<Operation>, ReadError> {
        self.readers.run(move |connection| reader::operations(connection, &service, kind)).await
    }

    /// Bytes on the disk, the write-ahead log included.
    pub fn size_bytes(&self) -> u64 {
        self.folder.size_bytes()
    }

    /// Where the files are.
    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Takes no more, and returns when everything handed over is written and answered.
    pub async fn close(&self) {
        self.queue.close().await;
    }
}

/// Nanoseconds since 1970, as SQLite keeps them.
fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
