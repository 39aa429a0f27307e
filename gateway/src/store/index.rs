//! What the index says about one request, made by its sender's task so that the writer only
//! inserts.

use std::collections::HashMap;

use bytes::Bytes;
use otlp::view::{self, ResourceView, SpanView};
use otlp::{Malformed, Signal, check_deep};

use super::{TraceId, WriteError, times};

/// Longest name that is told apart; what goes beyond is cut off in the index.
pub(super) const MAX_NAME_BYTES: usize = 1024;
/// Requests up to this size are indexed in place; larger ones would hold up the runtime.
const INLINE_BYTES: usize = 32 << 10;

/// A request and what is known of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) body: Bytes,
    pub(super) index: Index,
}

/// The index of one request; of logs and metrics only the times.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// What the rows' spans are called.
    pub(super) operations: Vec<OperationName>,
    /// By operation, then trace.
    pub(super) rows: Vec<Row>,
    /// First start and last end of the spans; first and last time of other records.
    pub(super) times_ns: Option<(i64, i64)>,
}

/// A service's name, a span's kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OperationName {
    pub(super) service: String,
    pub(super) kind: i32,
    pub(super) name: String,
}

/// The spans of one trace and operation in one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// Position in the operations.
    pub(super) operation: usize,
    pub(super) trace: TraceId,
    /// The first start.
    pub(super) start_ns: i64,
    /// The longest duration.
    pub(super) duration_ns: i64,
}

/// Checks and indexes requests.
pub(super) async fn entries(
    signal: Signal,
    bodies: Vec<Bytes>,
    received_ns: i64,
) -> Result<Vec<Entry>, WriteError> {
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    let work = move || bodies.into_iter().map(|body| entry(signal, body, received_ns)).collect();
    let indexed: Result<Vec<Entry>, Malformed> = match bytes {
        0..=INLINE_BYTES => work(),
        // Cancelled only when the runtime stops.
        _ => tokio::task::spawn_blocking(work).await.map_err(|_| WriteError::Closed)?,
    };
    indexed.map_err(|_| WriteError::Malformed)
}

fn entry(signal: Signal, body: Bytes, received_ns: i64) -> Result<Entry, Malformed> {
    check_deep(signal, &body)?;
    let index = match signal {
        Signal::Traces => Index::of(&body)?,
        Signal::Logs | Signal::Metrics => {
            let times_ns = times::of_request(signal, &body, received_ns)?;
            Index { times_ns, ..Index::default() }
        }
        _ => Index::default(),
    };
    Ok(Entry { body, index })
}

impl Index {
    /// The index of a trace request.
    pub(super) fn of(request: &[u8]) -> Result<Self, Malformed> {
        let mut builder = Builder::default();
        for resource in view::resources(request) {
            builder.resource(&resource?)?;
        }
        let mut index = builder.index;
        index.rows.sort_unstable();
        Ok(index)
    }
}

#[derive(Default)]
struct Builder<'a> {
    index: Index,
    operations: HashMap<(&'a str, i32, &'a str), usize>,
    rows: HashMap<(TraceId, usize), usize>,
}

impl<'a> Builder<'a> {
    fn resource(&mut self, resource: &ResourceView<'a>) -> Result<(), Malformed> {
        let service = cut(resource.service_name()?.unwrap_or_default());
        for scope in resource.scopes() {
            for span in scope?.spans() {
                self.span(service, &span?);
            }
        }
        Ok(())
    }

    fn span(&mut self, service: &'a str, span: &SpanView<'a>) {
        let start_ns = signed(span.start_ns);
        let end_ns = signed(span.end_ns).max(start_ns);
        let (min, max) = self.index.times_ns.unwrap_or((start_ns, end_ns));
        self.index.times_ns = Some((min.min(start_ns), max.max(end_ns)));
        let Ok(trace) = TraceId::try_from(span.trace_id) else { return };
        let operation = self.operation(service, span.kind, cut(span.name));
        let duration_ns = signed(span.duration_ns());
        let rows = &mut self.index.rows;
        let at = *self.rows.entry((trace, operation)).or_insert(rows.len());
        match rows.get_mut(at) {
            Some(row) => {
                row.start_ns = row.start_ns.min(start_ns);
                row.duration_ns = row.duration_ns.max(duration_ns);
            }
            None => rows.push(Row { operation, trace, start_ns, duration_ns }),
        }
    }

    fn operation(&mut self, service: &'a str, kind: i32, name: &'a str) -> usize {
        let operations = &mut self.index.operations;
        *self.operations.entry((service, kind, name)).or_insert_with(|| {
            operations.push(OperationName { service: service.into(), kind, name: name.into() });
            operations.len() - 1
        })
    }
}

/// What the index knows a trace by. Ids may be random in one half only; two traces with the same
/// key cost a look into the other's requests, no more.
pub(super) fn trace_key(trace: TraceId) -> i64 {
    let id = u128::from_be_bytes(trace);
    ((id >> 64) as u64 ^ id as u64).cast_signed()
}

/// A name as the index keeps it.
pub(super) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// A time or duration as SQLite keeps it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
