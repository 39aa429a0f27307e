//! `/api/v1/logs`, `/api/v1/anomalies` and `/api/v1/metrics`: records as OTLP/JSON, newest first.
//!
//! Where older ones are left the object has a member `after` beside OTLP's (readers of OTLP/JSON
//! skip what they do not know), and the answer the header `medulla-after`: the value of `after` with
//! which to ask for the next page. A parameter that is wrong or unknown is a 400 that names it.

use std::sync::Arc;

use http::StatusCode;
use otlp::Signal;
use ottl::contexts::Otlp;
use ottl::{Compiler, Condition, Functions, Purpose};

use super::params::{Params, bad};
use super::{Problem, Reply};
use crate::store::{Cursor, Page, ReadError, RecordQuery, Store};

/// Records of a page that does not say how many.
const DEFAULT_LIMIT: usize = 1000;
/// Most records of a page.
pub(super) const MAX_LIMIT: usize = 10_000;

/// The parameters there are.
const NAMES: [&str; 6] = ["start", "end", "service", "where", "limit", "after"];

/// Which records a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Records {
    signal: Signal,
    /// Only these, and how `event.name` says it.
    only: Option<&'static str>,
}

impl Records {
    /// Log records of an alarm that opened: of the agents' reflexes and of the connector `detect`.
    pub(super) const ANOMALIES: Self =
        Self { signal: Signal::Logs, only: Some("log.event_name == \"medulla.anomaly\"") };

    /// Points that tell of limits in kernels.
    pub(super) const LIMITS: Self = Self {
        signal: Signal::Metrics,
        only: Some(
            "metric.name == \"medulla.limit.rate\" or metric.name == \"medulla.limit.verdicts\"",
        ),
    };

    /// All of a signal.
    pub(super) const fn of(signal: Signal) -> Self {
        Self { signal, only: None }
    }

    /// What must hold of a record, with what the user asks for.
    fn condition(self, written: Option<&str>) -> Result<Option<Condition<Otlp>>, Problem> {
        // His own first: positions are those of his text.
        let asked = written.map(|text| condition(self.signal, text)).transpose()?;
        let Some(only) = self.only else { return Ok(asked) };
        let both = written.map_or_else(|| only.to_owned(), |text| format!("({only}) and ({text})"));
        condition(self.signal, &both).map(Some)
    }
}

/// Answers a request.
pub(super) async fn answer(
    store: &Arc<Store>,
    records: Records,
    query: &str,
) -> Result<Reply, Problem> {
    let signal = records.signal;
    let query = read(records, &Params::parse(query)?, &NAMES)?;
    let page = store.records(query).await?;
    let next = page.next.map(|cursor| text_of(&cursor));
    let (cut_short, body) = (page.cut_short, body(signal, page, next.clone()).await?);
    Ok(Reply { cut_short, after: next, ..Reply::ok(body) })
}

pub(super) async fn body(
    signal: Signal,
    page: Page,
    next: Option<String>,
) -> Result<Vec<u8>, Problem> {
    let write = move || {
        let mut out = Vec::new();
        otlp::json::write_request(signal, &page.request, &mut out)?;
        if let Some(next) = next {
            out.pop();
            let comma = if out.len() > 1 { "," } else { "" };
            out.extend_from_slice(format!("{comma}\"after\":\"{next}\"}}").as_bytes());
        }
        Ok(out)
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(|_| ReadError::Stopping)?;
    written.map_err(|error: otlp::Malformed| ReadError::from(error).into())
}

/// Reads the parameters, of which these are known.
pub(super) fn read(
    records: Records,
    params: &Params,
    names: &[&str],
) -> Result<RecordQuery, Problem> {
    params.only(names)?;
    let start = params.time(&["start"])?.unwrap_or(0);
    let end = params.time(&["end"])?.unwrap_or(u64::MAX);
    if start > end {
        return Err(bad("malformed parameter end: before start"));
    }
    Ok(RecordQuery {
        signal: records.signal,
        times_ns: start..=end,
        service: params.text(&["service"]).map(str::to_owned),
        condition: records.condition(params.text(&["where"]))?,
        limit: limit(params)?.unwrap_or(DEFAULT_LIMIT),
        after: params.read(&["after"], "what the page before said", cursor)?,
    })
}

/// How many are asked for.
pub(super) fn limit(params: &Params) -> Result<Option<usize>, Problem> {
    params.read(&["limit"], &format!("a whole number from 1 to {MAX_LIMIT}"), |text| {
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
    })
}

/// The condition of `where`, on the signal's records.
fn condition(signal: Signal, text: &str) -> Result<Condition<Otlp>, Problem> {
    let context = if signal == Signal::Metrics { Otlp::DataPoint } else { Otlp::Log };
    let functions = Functions::new(&context, Purpose::Filter, true);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    compiler.condition(text).map_err(|error| {
        let (line, column) = error.position(text);
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("malformed parameter where: ottl:{line}:{column}: {error}"),
        )
    })
}

fn text_of(cursor: &Cursor) -> String {
    format!("{}-{}-{}", cursor.time_ns, cursor.batch, cursor.index)
}

fn cursor(text: &str) -> Option<Cursor> {
    let mut parts = text.split('-');
    let time_ns = parts.next()?.parse().ok()?;
    let batch = parts.next()?.parse().ok()?;
    let index = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(Cursor { time_ns, batch, index })
}
