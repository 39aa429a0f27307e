//! The one connection that writes: a group of requests is one transaction.

use otlp::Signal;
use rusqlite::{Connection, OptionalExtension, params};

use super::index::{Entry, trace_key};
use super::job::Job;
use super::names::Names;
use super::postings::Postings;
use super::retention::{self, Limits};
use super::schema::{self, PAGE_BYTES};
use super::{StoreSettings, WriteError};

/// Bytes of requests in one transaction; the last one may go beyond.
pub const GROUP_BYTES: usize = 8 << 20;
/// Requests in one transaction.
pub const GROUP_REQUESTS: usize = 512;
/// Into how many segments a full store is divided, about.
const SEGMENTS: u64 = 64;
/// Bounds of a segment's requests.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=32 << 20;
/// What a row of an index takes at most, in all tables together, half-full pages included.
const ROW_BYTES: usize = 96;

/// The connection and what it remembers between transactions.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    names: Names,
    segment: Segment,
    segment_bytes: i64,
    limits: Limits,
    failing: bool,
}

/// The segment that is being filled.
#[derive(Clone, Copy, Debug)]
struct Segment {
    id: i64,
    bytes: i64,
}

impl Writer {
    /// Goes on where the database ends.
    pub(super) fn new(connection: Connection, settings: &StoreSettings) -> rusqlite::Result<Self> {
        let segment = last_segment(&connection)?;
        let bytes = settings.max_bytes / SEGMENTS;
        let segment_bytes = bytes.clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
        Ok(Self {
            connection,
            names: Names::default(),
            segment,
            segment_bytes: segment_bytes.cast_signed(),
            limits: Limits::of(settings),
            failing: false,
        })
    }

    /// Writes a group: all of it or nothing.
    pub(super) fn write(&mut self, group: &[Job]) -> Result<(), WriteError> {
        let result = self.make_room(group).and_then(|()| self.insert(group));
        self.note(result.as_ref().err());
        result.map_err(|error| WriteError::Failed(error.to_string().into()))
    }

    /// Deletes what is too old at `now_ns` or too much, and gives free pages back.
    pub(super) fn retain(&mut self, now_ns: i64) {
        let Self { connection, limits, .. } = self;
        let result = retention::enforce(connection, limits, now_ns);
        let result = result.and_then(|gone| schema::bound_log(connection).map(|()| gone));
        if !matches!(result, Ok(0)) {
            self.names.forget();
        }
        self.note(result.as_ref().err());
    }

    fn make_room(&mut self, group: &[Job]) -> rusqlite::Result<()> {
        let entries = group.iter().flat_map(|job| &job.entries);
        let incoming: usize = entries.map(weigh).sum();
        let dropped = retention::make_room(&mut self.connection, &self.limits, incoming as u64)?;
        if dropped > 0 {
            self.names.forget();
        }
        Ok(())
    }

    fn insert(&mut self, group: &[Job]) -> rusqlite::Result<()> {
        let mut segment = self.segment;
        if segment.bytes >= self.segment_bytes {
            segment = Segment { id: segment.id + 1, bytes: 0 };
        }
        let transaction = self.connection.transaction()?;
        let mut insertion = Insertion::new(&transaction, &mut self.names, segment);
        for job in group {
            for entry in &job.entries {
                insertion.entry(job.signal, job.received_ns, entry)?;
            }
        }
        let segment = insertion.finish()?;
        transaction.commit()?;
        self.segment = segment;
        Ok(())
    }

    /// Says once that writing fails, and once that it works again.
    fn note(&mut self, error: Option<&rusqlite::Error>) {
        match error {
            Some(error) => {
                // The transaction is rolled back, and with it names that we remember.
                self.names.forget();
                if !self.failing {
                    tracing::warn!(%error, "the store cannot write");
                }
            }
            None if self.failing => tracing::info!("the store writes again"),
            None => {}
        }
        self.failing = error.is_some();
    }
}

/// What a request takes in the file at most: its last page may be nearly empty.
fn weigh(entry: &Entry) -> usize {
    let body = entry.body.len();
    body + body.min(PAGE_BYTES) + entry.index.rows.len() * ROW_BYTES
}

fn last_segment(connection: &Connection) -> rusqlite::Result<Segment> {
    let last =
        connection.query_row("SELECT id, bytes FROM segment ORDER BY id DESC LIMIT 1", [], |row| {
            Ok(Segment { id: row.get(0)?, bytes: row.get(1)? })
        });
    Ok(last.optional()?.unwrap_or(Segment { id: 1, bytes: 0 }))
}

/// A transaction in progress.
struct Insertion<'a> {
    connection: &'a Connection,
    names: &'a mut Names,
    segment: Segment,
    postings: Postings,
    /// Keys of traces and the batches that have them.
    traces: Vec<(i64, i64)>,
    /// First start and last end of all spans.
    times_ns: (i64, i64),
}

impl<'a> Insertion<'a> {
    fn new(connection: &'a Connection, names: &'a mut Names, segment: Segment) -> Self {
        Self {
            connection,
            names,
            segment,
            postings: Postings::default(),
            traces: Vec::new(),
            times_ns: (i64::MAX, i64::MIN),
        }
    }

    fn entry(&mut self, signal: Signal, received_ns: i64, entry: &Entry) -> rusqlite::Result<()> {
        let bytes = i64::try_from(entry.body.len()).unwrap_or(i64::MAX);
        let (min_ns, max_ns) = entry.index.times_ns.unzip();
        self.connection
            .prepare_cached(
                "INSERT INTO batch(segment, signal, received_ns, min_ns, max_ns, bytes, body)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                self.segment.id,
                number(signal),
                received_ns,
                min_ns,
                max_ns,
                bytes,
                &entry.body[..]
            ])?;
        let batch = self.connection.last_insert_rowid();
        self.segment.bytes += bytes;
        let (min, max) = &mut self.times_ns;
        if signal != Signal::Traces {
            return Ok(());
        }
        *min = min_ns.unwrap_or(i64::MAX).min(*min);
        *max = max_ns.unwrap_or(i64::MIN).max(*max);
        self.rows(batch, entry)
    }

    fn rows(&mut self, batch: i64, entry: &Entry) -> rusqlite::Result<()> {
        let rows = entry.index.rows.chunk_by(|one, two| one.operation == two.operation);
        for rows in rows {
            let name = &entry.index.operations[rows[0].operation];
            let ids = self.names.ids(self.connection, self.segment.id, name)?;
            self.postings.add(ids, batch, rows);
            self.traces.extend(rows.iter().map(|row| (trace_key(row.trace), batch)));
        }
        Ok(())
    }

    /// Writes the index of the whole group, in order.
    fn finish(mut self) -> rusqlite::Result<Segment> {
        let segment = self.segment.id;
        self.note_segment()?;
        self.postings.write(self.connection, segment)?;
        self.traces.sort_unstable();
        self.traces.dedup();
        let mut insert = self.connection.prepare_cached("INSERT INTO trace VALUES(?1, ?2, ?3)")?;
        for (key, batch) in self.traces {
            insert.execute(params![segment, key, batch])?;
        }
        Ok(self.segment)
    }

    fn note_segment(&self) -> rusqlite::Result<()> {
        let (min_ns, max_ns) = self.times_ns;
        self.connection
            .prepare_cached(
                "INSERT INTO segment(id, bytes, min_ns, max_ns) VALUES(?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET bytes = excluded.bytes,
                     min_ns = min(min_ns, excluded.min_ns), max_ns = max(max_ns, excluded.max_ns)",
            )?
            .execute(params![self.segment.id, self.segment.bytes, min_ns, max_ns])?;
        Ok(())
    }
}

/// The signal's number in the file.
pub(super) fn number(signal: Signal) -> i64 {
    match signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
        Signal::Logs => 3,
        Signal::Profiles => 4,
        _ => 0,
    }
}
