//! Reading: a few connections of their own, on the runtime's threads for blocking work.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use otlp::view::{SpanView, select_spans};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Semaphore;

use super::index::trace_key;
use super::schema::open_reader;
use super::{Operation, ReadError, TraceId};

/// Bytes of requests in one answer.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Queries at a time; others wait.
pub(super) const CONNECTIONS: usize = 2;
/// Names in one answer.
const MAX_NAMES: i64 = 10_000;
/// Bytes of stored requests that one query keeps at hand.
pub(super) const CACHED_BYTES: usize = 4 << 20;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), turns: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Runs a query in a transaction of its own: it sees one commit.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let turn = self.turns.clone().acquire_owned().await.expect("never closed");
        let readers = self.clone();
        let work = move || {
            // The turn ends with the query, even if nobody waits for it any more.
            let _turn = turn;
            let connection = readers.connection()?;
            let transaction = connection.unchecked_transaction()?;
            let result = query(&transaction);
            drop(transaction);
            readers.idle.lock().expect("pushing does not panic").push(connection);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| ReadError::Stopping)?
    }

    fn connection(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().expect("popping does not panic").pop();
        idle.map_or_else(|| open_reader(&self.path), Ok)
    }
}

/// The names of services, sorted. Spans without one have the empty name, which is left out.
pub(super) fn services(connection: &Connection) -> Result<Vec<String>, ReadError> {
    let mut statement = connection
        .prepare_cached("SELECT name FROM service WHERE name <> '' ORDER BY name LIMIT ?1")?;
    let names = statement.query_map([MAX_NAMES], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// The operations of a service, sorted.
pub(super) fn operations(
    connection: &Connection,
    service: &str,
    kind: Option<i32>,
) -> Result<Vec<Operation>, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT operation.name, kind FROM operation JOIN service ON service.id = service_id
         WHERE service.name = ?1 AND (?2 IS NULL OR kind = ?2)
         ORDER BY operation.name, kind LIMIT ?3",
    )?;
    let read = |row: &rusqlite::Row<'_>| Ok(Operation { name: row.get(0)?, kind: row.get(1)? });
    let operations = statement.query_map(params![service, kind, MAX_NAMES], read)?;
    Ok(operations.collect::<rusqlite::Result<_>>()?)
}

/// The spans of one trace.
pub(super) fn trace(connection: &Connection, id: TraceId) -> Result<Vec<Bytes>, ReadError> {
    Bodies::new(connection).trace(id)
}

/// Stored requests, a bounded amount of them at hand.
pub(super) struct Bodies<'a> {
    connection: &'a Connection,
    cached: HashMap<i64, Bytes>,
    cached_bytes: usize,
    answer_bytes: usize,
    hasher: RandomState,
}

impl<'a> Bodies<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            cached: HashMap::new(),
            cached_bytes: 0,
            answer_bytes: 0,
            hasher: RandomState::new(),
        }
    }

    /// A stored request, if it is still there.
    pub(super) fn get(&mut self, batch: i64) -> Result<Option<Bytes>, ReadError> {
        if let Some(body) = self.cached.get(&batch) {
            return Ok(Some(body.clone()));
        }
        let mut statement =
            self.connection.prepare_cached("SELECT body FROM batch WHERE id = ?1")?;
        let body: Option<Vec<u8>> = statement.query_row([batch], |row| row.get(0)).optional()?;
        let Some(body) = body.map(Bytes::from) else { return Ok(None) };
        if self.cached_bytes + body.len() > CACHED_BYTES {
            self.cached.clear();
            self.cached_bytes = 0;
        }
        self.cached_bytes += body.len();
        self.cached.insert(batch, body.clone());
        Ok(Some(body))
    }

    /// The requests with spans of a trace, only those spans, each once.
    pub(super) fn trace(&mut self, id: TraceId) -> Result<Vec<Bytes>, ReadError> {
        let mut seen = HashSet::new();
        let mut requests = Vec::new();
        for batch in batches_of(self.connection, id)? {
            let Some(body) = self.get(batch)? else { continue };
            let mut request = Vec::new();
            let hasher = &self.hasher;
            let wanted = |span: &SpanView<'_>| {
                span.trace_id == id && seen.insert(hasher.hash_one(span.message))
            };
            if select_spans(&body, wanted, &mut request)? > 0 {
                self.answer_bytes += request.len();
                if self.answer_bytes > MAX_ANSWER_BYTES {
                    return Err(ReadError::TooLarge);
                }
                requests.push(request.into());
            }
        }
        Ok(requests)
    }
}

/// The stored requests that may have spans of a trace, oldest first.
fn batches_of(connection: &Connection, id: TraceId) -> Result<Vec<i64>, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT batch_id FROM segment CROSS JOIN trace
         WHERE trace.segment = segment.id AND trace_key = ?1 ORDER BY batch_id",
    )?;
    let batches = statement.query_map([trace_key(id)], |row| row.get(0))?;
    Ok(batches.collect::<rusqlite::Result<_>>()?)
}
