//! Finding traces.
//!
//! A trace is found when one of its spans fulfils every condition. Service, operation, start and
//! least duration come from the index; attributes and the greatest duration are looked up in the
//! request, each request once. The index has one start per trace, request and operation, the first:
//! a later span alone within the time range is not found.
//!
//! Newest segments come first, and within one the newest start, until there are enough. A search
//! that reads more than [`MAX_SCAN_BYTES`] of requests, or finds more than an answer holds, stops and
//! says so.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use otlp::Malformed;
use otlp::view::{self, Attributes, SpanView};
use rusqlite::{Connection, OptionalExtension, params};

use super::index::{cut, signed};
use super::postings::{self, Hit};
use super::reader::Bodies;
use super::{ReadError, TraceId};

/// Bytes of requests that one search looks into.
pub const MAX_SCAN_BYTES: usize = 256 << 20;

/// `Status.code` of a span that failed.
const STATUS_ERROR: i32 = 2;

/// The conditions that one span of the trace fulfils.
#[derive(Clone, Debug)]
pub struct TraceQuery {
    /// `service.name`.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Attributes of the span, its events, its scope or its resource, compared as texts;
    /// `error` stands for the status, `span.kind` for the kind.
    pub attributes: Vec<(String, String)>,
    /// When it begins.
    pub start_ns: std::ops::RangeInclusive<u64>,
    /// How long it takes.
    pub duration_ns: std::ops::RangeInclusive<u64>,
    /// Most traces to find.
    pub limit: usize,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Traces, newest first, each as requests with only its spans.
    pub traces: Vec<(TraceId, Vec<Bytes>)>,
    /// Whether the search stopped before it had seen everything.
    pub cut_short: bool,
}

/// Runs a query.
pub(super) fn find(connection: &Connection, query: &TraceQuery) -> Result<Found, ReadError> {
    let Some(mut search) = Search::new(connection, query)? else { return Ok(Found::default()) };
    for segment in search.segments()? {
        if search.is_done() {
            break;
        }
        search.segment(segment)?;
    }
    search.collect()
}

struct Search<'a> {
    connection: &'a Connection,
    query: &'a TraceQuery,
    service: Option<i64>,
    /// Numbers of the operations that are asked for, if any are.
    operations: Option<HashSet<i64>>,
    bodies: Bodies<'a>,
    /// Per request the traces with a span that fulfils the query.
    matches: HashMap<i64, HashSet<TraceId>>,
    scanned_bytes: usize,
    found: HashMap<TraceId, i64>,
}

impl<'a> Search<'a> {
    /// `None` if nobody ever recorded what is asked for.
    fn new(connection: &'a Connection, query: &'a TraceQuery) -> Result<Option<Self>, ReadError> {
        let service = match &query.service {
            Some(name) => match service_id(connection, name)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        let operations = match &query.operation {
            Some(name) => Some(operation_ids(connection, service, name)?),
            None => None,
        };
        Ok(Some(Self {
            connection,
            query,
            service,
            operations,
            bodies: Bodies::new(connection),
            matches: HashMap::new(),
            scanned_bytes: 0,
            found: HashMap::new(),
        }))
    }

    fn segments(&self) -> Result<Vec<i64>, ReadError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM segment WHERE max_ns >= ?1 AND min_ns <= ?2 ORDER BY id DESC",
        )?;
        let (from, to) = self.starts();
        let ids = statement.query_map(params![from, to], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    fn starts(&self) -> (i64, i64) {
        (signed(*self.query.start_ns.start()), signed(*self.query.start_ns.end()))
    }

    fn is_done(&self) -> bool {
        self.found.len() >= self.query.limit || self.is_cut_short()
    }

    fn is_cut_short(&self) -> bool {
        self.scanned_bytes >= MAX_SCAN_BYTES
    }

    fn segment(&mut self, segment: i64) -> Result<(), ReadError> {
        let mut hits = self.hits(segment)?;
        hits.sort_unstable_by_key(|hit| (Reverse(hit.start_ns), hit.trace));
        for hit in hits {
            if !self.found.contains_key(&hit.trace) && self.accepts(&hit)? {
                self.found.insert(hit.trace, hit.start_ns);
            }
            if self.is_done() {
                break;
            }
        }
        Ok(())
    }

    /// What the index of a segment has.
    fn hits(&self, segment: i64) -> Result<Vec<Hit>, ReadError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT operation_id, hits FROM posting
             WHERE segment = ?1 AND (?4 IS NULL OR service_id = ?4)
                 AND max_ns >= ?2 AND min_ns <= ?3",
        )?;
        let (from, to) = self.starts();
        let least_ns = signed(*self.query.duration_ns.start());
        let fits = |hit: &Hit| (from..=to).contains(&hit.start_ns) && hit.duration_ns >= least_ns;
        let mut found = Vec::new();
        let mut rows = statement.query(params![segment, from, to, self.service])?;
        while let Some(row) = rows.next()? {
            let operation = row.get(0)?;
            if self.operations.as_ref().is_none_or(|ids| ids.contains(&operation)) {
                let list = row.get_ref(1)?.as_blob().map_err(|_| ReadError::Damaged)?;
                found.extend(postings::hits(list).filter(fits));
            }
        }
        Ok(found)
    }

    fn accepts(&mut self, hit: &Hit) -> Result<bool, ReadError> {
        if self.query.attributes.is_empty() && *self.query.duration_ns.end() == u64::MAX {
            return Ok(true);
        }
        if !self.matches.contains_key(&hit.batch) {
            let body = self.bodies.get(hit.batch)?.unwrap_or_default();
            self.scanned_bytes += body.len();
            self.matches.insert(hit.batch, matching(self.query, &body)?);
        }
        Ok(self.matches[&hit.batch].contains(&hit.trace))
    }

    fn collect(mut self) -> Result<Found, ReadError> {
        let mut cut_short = self.is_cut_short();
        let mut found: Vec<_> = self.found.drain().collect();
        found.sort_unstable_by_key(|&(id, start_ns)| (Reverse(start_ns), id));
        let mut traces = Vec::with_capacity(found.len());
        for (id, _) in found {
            match self.bodies.trace(id) {
                // The newest that fit are worth more than none.
                Err(ReadError::TooLarge) if !traces.is_empty() => {
                    cut_short = true;
                    break;
                }
                requests => traces.push((id, requests?)),
            }
        }
        // A request may have gone since its index was read in a segment that is on its way out.
        traces.retain(|(_, requests)| !requests.is_empty());
        Ok(Found { traces, cut_short })
    }
}

fn service_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT id FROM service WHERE name = ?1")?;
    statement.query_row([cut(name)], |row| row.get(0)).optional()
}

fn operation_ids(
    connection: &Connection,
    service: Option<i64>,
    name: &str,
) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM operation WHERE name = ?1 AND (?2 IS NULL OR service_id = ?2)",
    )?;
    let ids = statement.query_map(params![cut(name), service], |row| row.get(0))?;
    ids.collect()
}

/// The traces that have a span in `request` which fulfils `query`.
fn matching(query: &TraceQuery, request: &[u8]) -> Result<HashSet<TraceId>, Malformed> {
    let mut traces = HashSet::new();
    for resource in view::resources(request) {
        let resource = resource?;
        let name = resource.service_name()?.unwrap_or_default();
        if query.service.as_ref().is_some_and(|service| cut(service) != cut(name)) {
            continue;
        }
        // What the resource or the scope has, every span has: it is looked up once.
        let wanted: Vec<_> = query.attributes.iter().collect();
        let wanted = missing(wanted, &resource.attributes())?;
        for scope in resource.scopes() {
            let scope = scope?;
            let wanted = missing(wanted.clone(), &scope.attributes())?;
            for span in scope.spans() {
                let span = span?;
                let Ok(trace) = TraceId::try_from(span.trace_id) else { continue };
                if !traces.contains(&trace) && fulfils(query, &wanted, &span)? {
                    traces.insert(trace);
                }
            }
        }
    }
    Ok(traces)
}

/// Key and value of an attribute that is asked for.
type Wanted<'a> = &'a (String, String);

fn fulfils(
    query: &TraceQuery,
    wanted: &[Wanted<'_>],
    span: &SpanView<'_>,
) -> Result<bool, Malformed> {
    let named = query.operation.as_ref().is_none_or(|name| cut(name) == cut(span.name));
    let timed =
        query.start_ns.contains(&span.start_ns) && query.duration_ns.contains(&span.duration_ns());
    if !named || !timed {
        return Ok(false);
    }
    let wanted = missing(wanted.to_vec(), &span.attributes())?;
    let wanted = missing_of_fields(wanted, span)?;
    Ok(missing(wanted, &span.event_attributes())?.is_empty())
}

/// `error` stands for the status and `span.kind` for the kind, as in Jaeger.
fn missing_of_fields<'a>(
    mut wanted: Vec<Wanted<'a>>,
    span: &SpanView<'_>,
) -> Result<Vec<Wanted<'a>>, Malformed> {
    if wanted.iter().any(|(key, _)| key == "error") {
        let failed = (span.status_code()? == STATUS_ERROR).to_string();
        wanted.retain(|(key, value)| key != "error" || *value != failed);
    }
    let kind = super::span_kind(span.kind).unwrap_or_default();
    wanted.retain(|(key, value)| key != "span.kind" || !value.eq_ignore_ascii_case(kind));
    Ok(wanted)
}

/// Which of the wanted attributes are not among `attributes`.
fn missing<'a>(
    mut wanted: Vec<Wanted<'a>>,
    attributes: &Attributes<'_>,
) -> Result<Vec<Wanted<'a>>, Malformed> {
    if wanted.is_empty() {
        return Ok(wanted);
    }
    for attribute in attributes.clone() {
        let attribute = attribute?;
        wanted.retain(|(key, value)| {
            key != attribute.key || attribute.value.text().is_none_or(|text| text != *value)
        });
    }
    Ok(wanted)
}
