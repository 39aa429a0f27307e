//! What searches go by: for each operation and transaction a list of hits.
//!
//! A hit is a trace with spans of that operation in one request, with their first start and longest
//! duration. A list is one row of the database: many times cheaper to write than a row per hit, and
//! a search reads few rows. A hit is [`HIT_BYTES`] long, its numbers big-endian: trace id, batch,
//! start, duration.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::TraceId;
use super::index::Row;

/// Size of a hit.
pub(super) const HIT_BYTES: usize = 40;

/// A hit as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) trace: TraceId,
    pub(super) batch: i64,
    pub(super) start_ns: i64,
    pub(super) duration_ns: i64,
}

/// The lists of a transaction in progress, by service and operation.
#[derive(Debug, Default)]
pub(super) struct Postings(BTreeMap<(i64, i64), List>);

#[derive(Debug)]
struct List {
    min_ns: i64,
    max_ns: i64,
    hits: Vec<u8>,
}

impl Postings {
    /// Adds the rows of one operation in one request.
    pub(super) fn add(&mut self, ids: (i64, i64), batch: i64, rows: &[Row]) {
        let empty = || List { min_ns: i64::MAX, max_ns: i64::MIN, hits: Vec::new() };
        let list = self.0.entry(ids).or_insert_with(empty);
        list.hits.reserve(rows.len() * HIT_BYTES);
        for row in rows {
            list.min_ns = list.min_ns.min(row.start_ns);
            list.max_ns = list.max_ns.max(row.start_ns);
            list.hits.extend_from_slice(&row.trace);
            for number in [batch, row.start_ns, row.duration_ns] {
                list.hits.extend_from_slice(&number.to_be_bytes());
            }
        }
    }

    /// Writes the lists.
    pub(super) fn write(&self, connection: &Connection, segment: i64) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached(
            "INSERT INTO posting(segment, service_id, operation_id, min_ns, max_ns, hits)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for ((service, operation), list) in &self.0 {
            let List { min_ns, max_ns, hits } = list;
            insert.execute(params![segment, service, operation, min_ns, max_ns, hits])?;
        }
        Ok(())
    }
}

/// The hits of a list; what is not a whole hit at its end is left out.
pub(super) fn hits(list: &[u8]) -> impl Iterator<Item = Hit> + '_ {
    list.chunks_exact(HIT_BYTES).map(|hit| {
        let (trace, numbers) = hit.split_first_chunk().expect("a hit begins with an id");
        let number = |index: usize| {
            let bytes = numbers[8 * index..].first_chunk().expect("a hit has three numbers");
            i64::from_be_bytes(*bytes)
        };
        Hit { trace: *trace, batch: number(0), start_ns: number(1), duration_ns: number(2) }
    })
}
