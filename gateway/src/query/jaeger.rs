//! Jaeger's `/api/v3` over the store.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use otlp::Signal;
use serde_json::json;

use super::params::{Params, bad, trace_id};
use super::{Problem, Reply};
use crate::store::{Operation, ReadError, Store, span_kind};

/// What Jaeger says with a 404.
pub(super) const NOTHING_FOUND: &str = "No traces found";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Services,
    Operations,
    Traces,
    Trace(&'a str),
}

impl<'a> Ask<'a> {
    /// What a path asks for.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        match path.strip_prefix("/api/v3/")? {
            "services" => Some(Self::Services),
            "operations" => Some(Self::Operations),
            "traces" => Some(Self::Traces),
            other => one_part(other.strip_prefix("traces/")?).map(Self::Trace),
        }
    }
}

/// A part of a path, if it is one and not empty.
pub(super) fn one_part(path: &str) -> Option<&str> {
    Some(path).filter(|part| !part.is_empty() && !part.contains('/'))
}

/// Answers a request.
pub(super) async fn answer(
    store: &Arc<Store>,
    ask: Ask<'_>,
    query: &str,
) -> Result<Reply, Problem> {
    let params = Params::parse(query)?;
    match ask {
        Ask::Services => services(store).await,
        Ask::Operations => operations(store, &params).await,
        Ask::Traces => find(store, &params).await,
        Ask::Trace(id) => trace(store, id, &params).await,
    }
}

async fn services(store: &Store) -> Result<Reply, Problem> {
    let services = store.services().await?;
    Ok(Reply::ok(json!({ "services": services }).to_string()))
}

async fn operations(store: &Store, params: &Params) -> Result<Reply, Problem> {
    let service = params.text(&["service"]).ok_or_else(|| bad("parameter service is required"))?;
    let operations = store.operations(service.to_owned(), params.span_kind()?).await?;
    let object = |operation: Operation| {
        // Jaeger takes a span without a kind for an internal one.
        let kind = span_kind(operation.kind).unwrap_or("internal");
        json!({"name": operation.name, "spanKind": kind})
    };
    let operations: Vec<_> = operations.into_iter().map(object).collect();
    Ok(Reply::ok(json!({ "operations": operations }).to_string()))
}

async fn trace(store: &Store, id: &str, params: &Params) -> Result<Reply, Problem> {
    let form = "malformed parameter trace_id: expected up to 32 hexadecimal digits";
    let id = trace_id(id).ok_or_else(|| bad(form))?;
    // Hints where to look, which the index does not need.
    params.time(&["startTime", "start_time"])?;
    params.time(&["endTime", "end_time"])?;
    params.bool(&["rawTraces", "raw_traces"])?;
    let requests = store.trace(id).await?;
    if requests.is_empty() {
        return Err(Problem::new(StatusCode::NOT_FOUND, NOTHING_FOUND));
    }
    result(requests).await
}

async fn find(store: &Store, params: &Params) -> Result<Reply, Problem> {
    let found = store.find(params.trace_query()?).await?;
    let cut_short = found.cut_short;
    let requests: Vec<Bytes> =
        found.traces.into_iter().flat_map(|(_, requests)| requests).collect();
    let reply = match requests.is_empty() {
        true => Problem::new(StatusCode::NOT_FOUND, NOTHING_FOUND).into(),
        false => result(requests).await?,
    };
    Ok(Reply { cut_short, ..reply })
}

/// Requests as one OTLP/JSON object. Concatenated, they are one request.
async fn result(requests: Vec<Bytes>) -> Result<Reply, Problem> {
    let write = move || {
        let request = requests.concat();
        let mut out = br#"{"result":"#.to_vec();
        otlp::json::write_request(Signal::Traces, &request, &mut out)?;
        out.push(b'}');
        Ok(Reply::ok(out))
    };
    let written = tokio::task::spawn_blocking(write).await.map_err(|_| ReadError::Stopping)?;
    written.map_err(|error: otlp::Malformed| ReadError::from(error).into())
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let status = match &error {
            ReadError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ReadError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            ReadError::Sqlite(_) | ReadError::Damaged => {
                tracing::warn!(%error, "a query failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error.to_string())
    }
}
