//! Jaeger's older HTTP API, which Grafana's data source speaks: `/api/services`,
//! `/api/services/{service}/operations`, `/api/operations`, `/api/traces` and `/api/traces/{id}`.
//!
//! Every answer is `{"data":...,"total":...,"limit":0,"offset":0,"errors":...}`, times are whole
//! microseconds, and an error is a status and `{"code":...,"msg":...}` among `errors`. What differs from Jaeger:
//! traces are given as they were stored, without its repairs (clock skew, duplicate ids), and a
//! parameter that we do not know is a 400 that names it.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::jaeger::one_part;
use super::params::{Params, bad, decode_path, trace_id};
use super::{Problem, Reply};
use crate::store::{MAX_ANSWER_BYTES, Operation, ReadError, Store, TraceId, span_kind};

mod params;
mod shapes;
mod translate;

/// Most traces of one request by their ids.
const MAX_TRACES: usize = 100;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Services,
    /// Their names only, of the service in the path.
    OperationNames(&'a str),
    Operations,
    Traces,
    Trace(&'a str),
}

impl<'a> Ask<'a> {
    /// What a path asks for.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        match path.strip_prefix("/api/")? {
            "services" => return Some(Self::Services),
            "operations" => return Some(Self::Operations),
            "traces" => return Some(Self::Traces),
            _ => {}
        }
        if let Some(id) = path.strip_prefix("/api/traces/") {
            return one_part(id).map(Self::Trace);
        }
        let service = path.strip_prefix("/api/services/")?.strip_suffix("/operations")?;
        one_part(service).map(Self::OperationNames)
    }
}

/// Answers a request, errors in this API's shape.
pub(super) async fn answer(store: &Arc<Store>, ask: Ask<'_>, query: &str, now_ns: u64) -> Reply {
    match answer_to(store, ask, query, now_ns).await {
        Ok(reply) => reply,
        Err(Problem { status, message }) => {
            let error = json!({"code": status.as_u16(), "msg": message});
            Reply { status, ..enveloped(Value::Null, 0, &json!([error])) }
        }
    }
}

async fn answer_to(
    store: &Arc<Store>,
    ask: Ask<'_>,
    query: &str,
    now_ns: u64,
) -> Result<Reply, Problem> {
    let params = Params::parse(query)?;
    match ask {
        Ask::Services => services(store).await,
        Ask::OperationNames(service) => operation_names(store, service).await,
        Ask::Operations => operations(store, &params).await,
        Ask::Traces => traces(store, &params, now_ns).await,
        Ask::Trace(id) => trace(store, id, &params).await,
    }
}

async fn services(store: &Store) -> Result<Reply, Problem> {
    let services = store.services().await?;
    Ok(enveloped(json!(services), services.len(), &Value::Null))
}

async fn operation_names(store: &Store, service: &str) -> Result<Reply, Problem> {
    let service = decode_path(service)
        .ok_or_else(|| bad("the service in the path is not percent-encoded UTF-8"))?;
    let operations = store.operations(service, None).await?;
    let mut names: Vec<_> = operations.into_iter().map(|operation| operation.name).collect();
    names.dedup();
    Ok(enveloped(json!(names), names.len(), &Value::Null))
}

async fn operations(store: &Store, params: &Params) -> Result<Reply, Problem> {
    params.only(&["service", "spanKind"])?;
    let service = params.text(&["service"]).ok_or_else(|| bad("parameter service is required"))?;
    let operations = store.operations(service.to_owned(), params.span_kind()?).await?;
    let object = |operation: &Operation| json!({"name": operation.name, "spanKind": span_kind(operation.kind).unwrap_or_default()});
    let listed: Vec<_> = operations.iter().map(object).collect();
    Ok(enveloped(json!(listed), listed.len(), &Value::Null))
}

async fn trace(store: &Arc<Store>, id: &str, params: &Params) -> Result<Reply, Problem> {
    // Hints where to look, which the index does not need, and what the user interface adds.
    params.only(&["start", "end", "raw", "prettyPrint"])?;
    params::hints(params)?;
    let form = "malformed trace id in the path: expected up to 32 hexadecimal digits";
    let id = trace_id(id).ok_or_else(|| bad(form))?;
    let requests = store.trace(id).await?;
    if requests.is_empty() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "trace not found"));
    }
    written(vec![(id, requests)], Value::Null).await
}

async fn traces(store: &Arc<Store>, params: &Params, now_ns: u64) -> Result<Reply, Problem> {
    let ids = params::trace_ids(params)?;
    if !ids.is_empty() {
        return traces_of(store, ids).await;
    }
    let found = store.find(params::trace_query(params, now_ns)?).await?;
    Ok(Reply { cut_short: found.cut_short, ..written(found.traces, Value::Null).await? })
}

/// Traces by their ids; those that are not there are among the errors.
async fn traces_of(store: &Arc<Store>, ids: Vec<TraceId>) -> Result<Reply, Problem> {
    let (mut traces, mut missing, mut bytes) = (Vec::new(), Vec::new(), 0);
    for id in ids {
        let requests = store.trace(id).await?;
        bytes += requests.iter().map(Bytes::len).sum::<usize>();
        if bytes > MAX_ANSWER_BYTES {
            return Err(ReadError::TooLarge.into());
        }
        match requests.is_empty() {
            true => missing.push(json!({
                "code": 404, "msg": "trace not found", "traceID": translate::trace_id(&id),
            })),
            false => traces.push((id, requests)),
        }
    }
    let errors = if missing.is_empty() { Value::Null } else { Value::Array(missing) };
    written(traces, errors).await
}

/// Writes traces, one at a time: only one is ever decoded.
async fn written(traces: Vec<(TraceId, Vec<Bytes>)>, errors: Value) -> Result<Reply, Problem> {
    let write = move || {
        let mut data = b"[".to_vec();
        for (index, (id, requests)) in traces.into_iter().enumerate() {
            if index > 0 {
                data.push(b',');
            }
            let trace = translate::trace(&id, &requests)?;
            serde_json::to_writer(&mut data, &trace).expect("shapes are JSON, and memory takes it");
        }
        data.push(b']');
        Ok(data)
    };
    let data = tokio::task::spawn_blocking(write).await.map_err(|_| ReadError::Stopping)?;
    let data = data.map_err(|_: prost::DecodeError| ReadError::Damaged)?;
    // Jaeger counts names, not traces.
    let rest = envelope(0, &errors);
    Ok(Reply::ok([br#"{"data":"#, &data[..], b",", rest.as_bytes()].concat()))
}

/// An answer around `data`.
fn enveloped(data: Value, total: usize, errors: &Value) -> Reply {
    Reply::ok(format!("{{\"data\":{data},{}", envelope(total, errors)))
}

/// What comes behind the data.
fn envelope(total: usize, errors: &Value) -> String {
    format!("\"total\":{total},\"limit\":0,\"offset\":0,\"errors\":{errors}}}")
}

#[cfg(test)]
mod tests;
