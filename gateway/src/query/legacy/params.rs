//! The parameters of a search, as Jaeger's older API writes them.
//!
//! Times are microseconds since 1970, durations Go's, tags a JSON object (`tags`) or `key:value`
//! (`tag`, as often as you like).

use std::ops::RangeInclusive;

use super::MAX_TRACES;
use crate::query::Problem;
use crate::query::params::{Params, bad, texts, trace_id};
use crate::store::{TraceId, TraceQuery};

/// How far back a search goes that does not say where to begin: two days.
const LOOKBACK_NS: u64 = 2 * 24 * 3600 * 1_000_000_000;
/// Parameters of a search. `lookback` is what the user interface made `start` from.
const SEARCH: [&str; 14] = [
    "service",
    "operation",
    "start",
    "end",
    "lookback",
    "limit",
    "minDuration",
    "maxDuration",
    "tag",
    "tags",
    "traceID",
    "raw",
    "prettyPrint",
    "spanKind",
];

/// The traces that are asked for by their ids.
pub(super) fn trace_ids(params: &Params) -> Result<Vec<TraceId>, Problem> {
    params.only(&SEARCH)?;
    let form = "malformed parameter traceID: expected up to 32 hexadecimal digits";
    let id = |text: &str| trace_id(text).ok_or_else(|| bad(form));
    let mut ids: Vec<TraceId> = params.all("traceID").map(id).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MAX_TRACES {
        return Err(bad(format!("too many parameters traceID: expected up to {MAX_TRACES}")));
    }
    Ok(ids)
}

/// The search that is asked for.
pub(super) fn trace_query(params: &Params, now_ns: u64) -> Result<TraceQuery, Problem> {
    hints(params)?;
    let service = params.text(&["service"]).ok_or_else(|| bad("parameter service is required"))?;
    let to_ns = params.micros("end")?.unwrap_or(now_ns);
    let from_ns = params.micros("start")?.unwrap_or(now_ns.saturating_sub(LOOKBACK_NS));
    let mut attributes = tags(params)?;
    if let Some(kind) = params.text(&["spanKind"]) {
        attributes.push(("span.kind".to_owned(), kind.to_owned()));
    }
    Ok(TraceQuery {
        service: Some(service.to_owned()),
        operation: params.text(&["operation"]).map(str::to_owned),
        attributes,
        start_ns: times(from_ns, to_ns)?,
        duration_ns: params.durations(&["minDuration"], &["maxDuration"])?,
        limit: params.depth(&["limit"])?,
    })
}

/// A microsecond has a thousand nanoseconds: the last one counts to its end.
fn times(from_ns: u64, to_ns: u64) -> Result<RangeInclusive<u64>, Problem> {
    match from_ns <= to_ns {
        true => Ok(from_ns..=to_ns.saturating_add(999)),
        false => Err(bad("malformed parameter end: before start")),
    }
}

/// Checks what is taken and changes nothing.
pub(super) fn hints(params: &Params) -> Result<(), Problem> {
    params.micros("start")?;
    params.micros("end")?;
    params.bool(&["raw"])?;
    params.bool(&["prettyPrint"])?;
    Ok(())
}

fn tags(params: &Params) -> Result<Vec<(String, String)>, Problem> {
    let mut tags = Vec::new();
    for text in params.all("tags") {
        let form = "malformed parameter tags: expected a JSON object of texts";
        tags.extend(texts(text).ok_or_else(|| bad(form))?);
    }
    for text in params.all("tag") {
        let form = "malformed parameter tag: expected key:value";
        let (key, value) = text.split_once(':').ok_or_else(|| bad(form))?;
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}
