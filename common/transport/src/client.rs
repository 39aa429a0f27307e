//! Sending requests to one backend over pooled connections.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::http::Body;
use crate::listener::{FRAME_BYTES, STREAM_WINDOW_BYTES};

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A connection per request at a time.
    Http1,
    /// Prior knowledge, many requests on one connection.
    Http2,
}

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections that are kept.
const IDLE_CONNECTIONS: usize = 16;
/// How long they are kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A backend and the connections to it. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpConnector, Body>,
    authority: String,
    version: Version,
    max_response_bytes: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status line.
    pub status: StatusCode,
    /// The head.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
    /// Trailers, if there were any.
    pub trailers: Option<HeaderMap>,
}

/// Why nothing came back.
#[derive(Debug)]
pub enum SendError {
    /// No connection: surely nothing was sent.
    Connect(PoolError),
    /// The connection ended before the answer did: something may have been sent.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The answer is larger than the limit.
    TooLarge,
    /// The address cannot be written as a URI.
    Address(http::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {}", root(error)),
            Self::Broken(error) => write!(f, "connection broke: {}", root(&**error)),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Address(error) => write!(f, "not an address: {error}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Broken(error) => Some(&**error),
            Self::TooLarge => None,
            Self::Address(error) => Some(error),
        }
    }
}

impl Client {
    /// A client for `authority` (`host:port`). Nothing is connected yet. An answer may have
    /// `max_response_bytes`.
    pub fn new(
        authority: impl Into<String>,
        protocol: Protocol,
        max_response_bytes: usize,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http2_only(protocol == Protocol::Http2)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(4 * STREAM_WINDOW_BYTES)
            .http2_max_frame_size(FRAME_BYTES)
            .http2_max_send_buf_size(FRAME_BYTES as usize)
            .build(connector);
        let version = match protocol {
            Protocol::Http1 => Version::HTTP_11,
            Protocol::Http2 => Version::HTTP_2,
        };
        Self { pool, authority: authority.into(), version, max_response_bytes }
    }

    /// `POST`s `body` to `path`. There is no timeout here: whoever waits has one.
    pub async fn post(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Reply, SendError> {
        self.request(Method::POST, path, headers, body).await
    }

    /// `GET`s `path_and_query`.
    pub async fn get(&self, path_and_query: &str, headers: HeaderMap) -> Result<Reply, SendError> {
        self.request(Method::GET, path_and_query, headers, Body::empty()).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Reply, SendError> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str())
            .path_and_query(path)
            .build()
            .map_err(SendError::Address)?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = headers;
        let response = self.pool.request(request).await.map_err(classify)?;
        let (head, body) = response.into_parts();
        let (body, trailers) = read(body, self.max_response_bytes).await?;
        Ok(Reply { status: head.status, headers: head.headers, body, trailers })
    }
}

async fn read(
    mut incoming: Incoming,
    max_bytes: usize,
) -> Result<(Bytes, Option<HeaderMap>), SendError> {
    if incoming.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    let mut body = bytes::BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(|error| SendError::Broken(error.into()))?.into_data() {
            Ok(data) if body.len() + data.len() > max_bytes => return Err(SendError::TooLarge),
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((body.freeze(), trailers))
}

fn classify(error: PoolError) -> SendError {
    if error.is_connect() { SendError::Connect(error) } else { SendError::Broken(error.into()) }
}

/// The innermost reason: what an operator can act on.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
