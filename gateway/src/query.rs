//! The query API: what the store holds, over HTTP/JSON.
//!
//! Traces answer on Jaeger's `/api/v3` paths with Jaeger's shapes: OTLP/JSON in `{"result":...}`,
//! errors as `{"error":{"httpCode":...,"message":...}}`, 404 when nothing was found. Parameters may
//! be written in snake_case or camelCase. One thing is stricter: a parameter that we cannot follow
//! is a 400 or 501 that names it, never ignored.
//!
//! Bounds: [`ANSWERS`] requests are worked on at a time, each answer has at most
//! [`MAX_ANSWER_BYTES`](crate::store::MAX_ANSWER_BYTES) of stored spans and
//! 1500 traces. As JSON that is about four times as much, so the API takes some 40 MiB at most,
//! besides the largest stored request.
//!
//! Logs, anomalies among them, and metrics answer on `/api/v1` (see `records`), and so do `limits`.
//! Jaeger's older paths, which Grafana asks, are in `legacy`.
//!
//! Left out until later: the rest of `/api/v1`, and Jaeger's dependencies, which answer 501.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use components::config::Section;
use components::config::quantity::Address;
use components::time::unix_ns;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use otlp::Signal;
use tokio::sync::Semaphore;
use transport::http::Body;
use transport::listener::{Handler, Server};

use crate::store::Store;
use records::Records;

pub mod client;
mod jaeger;
mod json;
mod legacy;
mod limits;
mod params;
mod records;

/// Requests that are worked on at a time; others wait.
pub const ANSWERS: usize = 2;

/// The section `query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySettings {
    /// Where the API listens.
    pub listen: Address,
}

impl QuerySettings {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        section.one_built_of("auth", (), &[("none", ())], &["token"]);
        Self { listen: section.address("listen", "127.0.0.1:4319") }
    }
}

/// Serves the API on a non-blocking socket.
pub fn serve(
    socket: Arc<TcpListener>,
    connections: Arc<Semaphore>,
    store: Arc<Store>,
) -> io::Result<Server> {
    Server::start(socket, connections, Arc::new(QueryHandler::new(store)))
}

/// Answers queries from a store.
#[derive(Debug)]
pub struct QueryHandler {
    store: Arc<Store>,
    turns: Semaphore,
}

impl QueryHandler {
    /// A handler over `store`.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, turns: Semaphore::new(ANSWERS) }
    }

    async fn reply(&self, method: &Method, uri: &Uri) -> Reply {
        let route = match Route::of(uri.path()) {
            Ok(route) => route,
            Err(problem) => return problem.into(),
        };
        if method != Method::GET {
            return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed").into();
        }
        let _turn = self.turns.acquire().await.expect("never closed");
        let query = uri.query().unwrap_or_default();
        let answer = match route {
            Route::Legacy(ask) => return legacy::answer(&self.store, ask, query, now_ns()).await,
            Route::Limits => limits::answer(&self.store, query).await,
            Route::Records(which) => records::answer(&self.store, which, query).await,
            Route::Jaeger(ask) => jaeger::answer(&self.store, ask, query).await,
        };
        answer.unwrap_or_else(Reply::from)
    }
}

impl Handler for QueryHandler {
    async fn call(
        &self,
        request: Request<transport::Incoming>,
        _peer: SocketAddr,
    ) -> Response<Body> {
        self.reply(request.method(), request.uri()).await.into()
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Jaeger(jaeger::Ask<'a>),
    Legacy(legacy::Ask<'a>),
    Records(Records),
    Limits,
}

/// Paths that are planned: with everything below them.
const PLANNED: [&str; 2] = ["/api/v1", "/api/dependencies"];

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Result<Self, Problem> {
        match path {
            "/api/v1/logs" => return Ok(Self::Records(Records::of(Signal::Logs))),
            "/api/v1/metrics" => return Ok(Self::Records(Records::of(Signal::Metrics))),
            "/api/v1/limits" => return Ok(Self::Limits),
            "/api/v1/anomalies" => return Ok(Self::Records(Records::ANOMALIES)),
            _ => {}
        }
        if let Some(ask) = jaeger::Ask::of(path) {
            return Ok(Self::Jaeger(ask));
        }
        if let Some(ask) = legacy::Ask::of(path) {
            return Ok(Self::Legacy(ask));
        }
        let below = |root: &&str| {
            path.strip_prefix(*root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match PLANNED.iter().any(below) {
            true => Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "not built in yet")),
            false => Err(Problem::new(StatusCode::NOT_FOUND, "no such path")),
        }
    }
}

fn now_ns() -> u64 {
    unix_ns(SystemTime::now())
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// Status and JSON.
#[derive(Clone, Debug)]
struct Reply {
    status: StatusCode,
    body: Bytes,
    cut_short: bool,
    /// Where the next page begins.
    after: Option<String>,
}

impl Reply {
    fn ok(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, body: body.into(), cut_short: false, after: None }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let Problem { status, message } = problem;
        let error = serde_json::json!({"httpCode": status.as_u16(), "message": message});
        let body = serde_json::json!({ "error": error }).to_string().into();
        Self { status, body, cut_short: false, after: None }
    }
}

/// Set when a search stopped at its bound before it had seen everything.
const CUT_SHORT: &str = "medulla-search-cut-short";

/// Where the next page begins.
const AFTER: &str = "medulla-after";

impl From<Reply> for Response<Body> {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(Body::full(reply.body));
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if reply.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        if let Some(after) = reply.after.and_then(|after| HeaderValue::try_from(after).ok()) {
            headers.insert(AFTER, after);
        }
        if reply.cut_short {
            headers.insert(CUT_SHORT, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
