//! Finding log records and metric points, newest first.
//!
//! There is no index but the first and last time of each stored request: a search goes through the
//! requests from the newest on, and stops when none that is left can hold anything newer than what
//! it has. It looks into at most [`MAX_SCAN_BYTES`], and an answer holds at most [`MAX_ANSWER_BYTES`];
//! where either ends it, the next page begins.
//!
//! A record whose condition fails to evaluate is not found, as one for which it does not hold.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bumpalo::Bump;
use bytes::Bytes;
use otlp::edit::{At, Changes, Data, Editor, Level, Levels, Route, Verdict, Visitor};
use otlp::view::{ResourceView, View};
use otlp::wire::{Fields, Value, put_bytes, put_message};
use otlp::{Malformed, Signal};
use ottl::contexts::{Otlp, Record, Request, Scratch};
use ottl::{Condition, Frame};
use rusqlite::{Connection, OptionalExtension, params};

use super::index::signed;
use super::reader::MAX_ANSWER_BYTES;
use super::writer::number;
use super::{MAX_SCAN_BYTES, ReadError, times};

/// A record's place in the order of time, and of arrival among those of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The record's time, nanoseconds since 1970.
    pub time_ns: u64,
    /// The stored request.
    pub batch: i64,
    /// The record's index in it.
    pub index: u64,
}

/// What records to find.
pub struct RecordQuery {
    /// Logs or metrics; what they are called in OTTL follows from the condition's context.
    pub signal: Signal,
    /// When they are from.
    pub times_ns: RangeInclusive<u64>,
    /// `service.name` of their resource.
    pub service: Option<String>,
    /// What holds for them.
    pub condition: Option<Condition<Otlp>>,
    /// Most records to find.
    pub limit: usize,
    /// Only records older than this one.
    pub after: Option<Cursor>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// One request with the records, newest first.
    pub request: Bytes,
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
    /// Whether the search stopped at its bound.
    pub cut_short: bool,
}

/// Runs a query.
pub(super) fn find(connection: &Connection, query: &RecordQuery) -> Result<Page, ReadError> {
    let mut rows = Rows { limit: query.limit, ..Rows::default() };
    let mut scanned_bytes = 0;
    for (batch, newest_ns) in batches(connection, query)? {
        if rows.oldest().is_some_and(|oldest| rows.is_full() && newest_ns < oldest.time_ns) {
            rows.left_out = true;
            break;
        }
        if scanned_bytes >= MAX_SCAN_BYTES {
            return Ok(rows.cut_at(Cursor {
                time_ns: newest_ns,
                batch: i64::MAX,
                index: u64::MAX,
            }));
        }
        let Some((body, received_ns)) = stored(connection, batch)? else { continue };
        scanned_bytes += body.len();
        look_into(query, batch, received_ns, &body, &mut rows)?;
    }
    Ok(rows.page())
}

/// The requests that may hold what is asked for, with their newest record, the newest first.
fn batches(connection: &Connection, query: &RecordQuery) -> Result<Vec<(i64, u64)>, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, max_ns FROM batch WHERE signal = ?1 AND max_ns >= ?2 AND min_ns <= ?3
         ORDER BY max_ns DESC, id DESC",
    )?;
    let (from, to) = (*query.times_ns.start(), *query.times_ns.end());
    let to = query.after.map_or(to, |after| to.min(after.time_ns));
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
    let found =
        statement.query_map(params![number(query.signal), signed(from), signed(to)], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn stored(connection: &Connection, batch: i64) -> Result<Option<(Vec<u8>, u64)>, ReadError> {
    let mut statement =
        connection.prepare_cached("SELECT body, received_ns FROM batch WHERE id = ?1")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
    Ok(statement.query_row([batch], read).optional()?)
}

fn look_into(
    query: &RecordQuery,
    batch: i64,
    received_ns: u64,
    body: &[u8],
    rows: &mut Rows,
) -> Result<(), ReadError> {
    let level = if query.signal == Signal::Metrics { Level::Child } else { Level::Record };
    // A condition on metrics is looked up at each of their points.
    let around: Vec<Level> = Level::ALL.into_iter().filter(|it| *it < level).collect();
    let wholes = match &query.condition {
        Some(_) => Levels::of(&around),
        None => Levels::NONE,
    };
    let route =
        Route { reads: Levels::of(&around), wholes, ..Route::visiting(query.signal, &[level]) };
    let request = Request::default();
    let mut look = Look { query, batch, received_ns, index: 0, rows, request: &request };
    Editor::default().run(&route, body, &mut look)?;
    Ok(())
}

/// A walk over one stored request.
struct Look<'q> {
    query: &'q RecordQuery,
    batch: i64,
    received_ns: u64,
    index: u64,
    rows: &'q mut Rows,
    request: &'q Request,
}

impl Visitor for Look<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, _: &mut Changes) -> Result<Verdict, Malformed> {
        let time_ns = match times::of_record(self.query.signal, at.message())? {
            0 => self.received_ns,
            ns => ns,
        };
        let key = Cursor { time_ns, batch: self.batch, index: self.index };
        self.index += 1;
        if self.is_wanted(key, at)? {
            self.rows.insert(key, at);
        }
        Ok(Verdict::Keep)
    }

    fn malformed(&mut self) -> Result<(), Malformed> {
        Ok(())
    }
}

impl Look<'_> {
    /// The cheap questions first.
    fn is_wanted(&mut self, key: Cursor, at: At<'_>) -> Result<bool, Malformed> {
        let query = self.query;
        let fits =
            query.times_ns.contains(&key.time_ns) && query.after.is_none_or(|after| key < after);
        if !fits {
            return Ok(false);
        }
        if let Some(service) = &query.service {
            let resource: ResourceView<'_> = ResourceView::view(at.message_of(Level::Resource))?;
            if resource.service_name()? != Some(service) {
                return Ok(false);
            }
        }
        Ok(self.holds(at) && self.rows.has_room_for(key))
    }

    fn holds(&self, at: At<'_>) -> bool {
        let Some(condition) = &self.query.condition else { return true };
        let arena = Bump::new();
        let mut scratch = Scratch::default();
        let record = Record::new(&at, self.request, &mut scratch);
        let frame = Frame::new(record, &arena, None);
        condition.holds(&frame).unwrap_or(false)
    }
}

/// The newest records so far.
#[derive(Default)]
struct Rows {
    rows: BTreeMap<Cursor, Row>,
    limit: usize,
    bytes: usize,
    /// Whether older ones were found and left out.
    left_out: bool,
    /// What stood around the last row: the next one often has the same.
    last: Around,
}

/// The messages around a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Around {
    resource: Arc<[u8]>,
    scope: Arc<[u8]>,
    /// Of metrics: the metric without points, and what kind of points it has.
    metric: Arc<[u8]>,
    data: Option<Data>,
}

struct Row {
    around: Around,
    record: Vec<u8>,
}

impl Rows {
    fn oldest(&self) -> Option<Cursor> {
        self.rows.first_key_value().map(|(key, _)| *key)
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit || self.bytes >= MAX_ANSWER_BYTES
    }

    fn has_room_for(&mut self, key: Cursor) -> bool {
        let has_room = !self.is_full() || self.oldest().is_some_and(|oldest| key > oldest);
        self.left_out |= !has_room;
        has_room
    }

    fn insert(&mut self, key: Cursor, at: At<'_>) {
        let row = Row { around: self.around(at), record: at.message().to_vec() };
        self.bytes += row.bytes();
        self.rows.insert(key, row);
        while self.rows.len() > self.limit || self.bytes > MAX_ANSWER_BYTES && self.rows.len() > 1 {
            let Some((_, row)) = self.rows.pop_first() else { return };
            self.bytes -= row.bytes();
            self.left_out = true;
        }
    }

    fn around(&mut self, at: At<'_>) -> Around {
        let share = |last: &Arc<[u8]>, message: &[u8]| match **last == *message {
            true => last.clone(),
            false => Arc::from(message),
        };
        let metric = if at.level == Level::Child { at.message_of(Level::Record) } else { &[] };
        self.last = Around {
            resource: share(&self.last.resource, at.message_of(Level::Resource)),
            scope: share(&self.last.scope, at.message_of(Level::Scope)),
            metric: share(&self.last.metric, metric),
            data: at.data,
        };
        self.last.clone()
    }

    /// Of a search that stopped: only what no request left can come before.
    fn cut_at(mut self, next: Cursor) -> Page {
        let rows = self.rows.split_off(&next);
        self.rows = rows;
        Page { request: self.request(), next: Some(next), cut_short: true }
    }

    fn page(self) -> Page {
        let next = self.oldest().filter(|_| self.left_out);
        Page { request: self.request(), next, cut_short: false }
    }

    /// The rows as one request: those next to each other with the same around them share it.
    fn request(&self) -> Bytes {
        let rows: Vec<&Row> = self.rows.values().rev().collect();
        let mut request = Vec::new();
        for rows in rows.chunk_by(|one, two| one.around.resource == two.around.resource) {
            put_message(&mut request, 1, |out| {
                out.extend_from_slice(&rows[0].around.resource);
                for rows in rows.chunk_by(|one, two| one.around.scope == two.around.scope) {
                    put_message(out, 2, |out| write_scope(rows, out));
                }
            });
        }
        Bytes::from(request)
    }
}

impl Row {
    fn bytes(&self) -> usize {
        let around = &self.around;
        // Each row may have to repeat all of it.
        self.record.len() + around.resource.len() + around.scope.len() + around.metric.len()
    }
}

fn write_scope(rows: &[&Row], out: &mut Vec<u8>) {
    out.extend_from_slice(&rows[0].around.scope);
    for rows in rows.chunk_by(|one, two| one.around == two.around) {
        match rows[0].around.data {
            None => rows.iter().for_each(|row| put_bytes(out, 2, &row.record)),
            Some(data) => put_message(out, 2, |out| write_metric(data, rows, out)),
        }
    }
}

/// The metric with the points in the message that holds them.
fn write_metric(data: Data, rows: &[&Row], out: &mut Vec<u8>) {
    let mut holder = Vec::new();
    let mut fields = Fields::new(&rows[0].around.metric);
    while let Ok(Some(field)) = fields.try_next() {
        match field.value {
            Value::Bytes(inner) if field.number == data.number() => holder.extend_from_slice(inner),
            _ => out.extend_from_slice(field.raw),
        }
    }
    rows.iter().for_each(|row| put_bytes(&mut holder, 1, &row.record));
    put_bytes(out, data.number(), &holder);
}

#[cfg(test)]
mod tests;
