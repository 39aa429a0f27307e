//! Sending requests to one backend over pooled connections.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Builder, Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tower_service::Service;

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

/// How connections to a backend are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// HTTP/1: how long a connection is kept without a request; `None` is for ever.
    pub idle_timeout: Option<Duration>,
    /// HTTP/1: how many such connections are kept.
    pub max_idle: usize,
    /// HTTP/1: how many connections, that is requests at a time, there may be; the others wait.
    pub max_connections: Option<usize>,
    /// HTTP/1: whether a connection serves more than one request.
    pub keep_alives: bool,
    /// h2: how a connection is found dead.
    pub ping: Option<Ping>,
    /// The host that requests name instead of the one that is connected to.
    pub authority: Option<String>,
}

/// h2: asking a silent peer for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// How long it may be silent.
    pub interval: Duration,
    /// How long it may take to answer, before the connection is given up.
    pub timeout: Duration,
    /// Whether it is asked although no request is in progress.
    pub while_idle: bool,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(90)),
            max_idle: 16,
            max_connections: None,
            keep_alives: true,
            ping: None,
            authority: None,
        }
    }
}

/// A backend and the connections to it. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<Connector, Body>,
    authority: String,
    version: Version,
    max_response_bytes: usize,
    /// One for each connection that there may be.
    turns: Option<Arc<Semaphore>>,
    closes: bool,
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
    /// A client for `address` (`host:port`). Nothing is connected yet. An answer may have
    /// `max_response_bytes`.
    pub fn new(address: impl Into<String>, protocol: Protocol, max_response_bytes: usize) -> Self {
        Self::with(ClientSettings::default(), address, protocol, max_response_bytes)
    }

    /// The same, keeping its connections in another way.
    pub fn with(
        settings: ClientSettings,
        address: impl Into<String>,
        protocol: Protocol,
        max_response_bytes: usize,
    ) -> Self {
        let address = address.into();
        let pool = pool(&settings, protocol).build(Connector::new(&settings, &address));
        let version = match protocol {
            Protocol::Http1 => Version::HTTP_11,
            Protocol::Http2 => Version::HTTP_2,
        };
        Self {
            pool,
            authority: settings.authority.unwrap_or(address),
            version,
            max_response_bytes,
            turns: settings
                .max_connections
                .map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))),
            closes: protocol == Protocol::Http1 && !settings.keep_alives,
        }
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
        let _turn = match &self.turns {
            Some(turns) => Some(turns.acquire().await.expect("turns are never closed")),
            None => None,
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = headers;
        if self.closes {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let again = (self.version == Version::HTTP_2).then(|| request.clone());
        let response = match (self.pool.request(request).await, again) {
            (Err(error), Some(again)) if was_not_processed(&error) => {
                self.pool.request(again).await
            }
            (response, _) => response,
        };
        let (head, body) = response.map_err(classify)?.into_parts();
        let (body, trailers) = read(body, self.max_response_bytes).await?;
        Ok(Reply { status: head.status, headers: head.headers, body, trailers })
    }
}

fn pool(settings: &ClientSettings, protocol: Protocol) -> Builder {
    let mut builder = Pool::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
        .pool_max_idle_per_host(settings.max_idle)
        .http2_only(protocol == Protocol::Http2)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(4 * STREAM_WINDOW_BYTES)
        .http2_max_frame_size(FRAME_BYTES)
        .http2_max_send_buf_size(FRAME_BYTES as usize);
    if let Some(ping) = settings.ping {
        builder
            .http2_keep_alive_interval(ping.interval)
            .http2_keep_alive_timeout(ping.timeout)
            .http2_keep_alive_while_idle(ping.while_idle);
    }
    builder
}

/// Connects to where requests say, or always to one address, whatever host they name.
#[derive(Clone, Debug)]
struct Connector {
    plain: HttpConnector,
    fixed: Option<Uri>,
}

impl Connector {
    fn new(settings: &ClientSettings, address: &str) -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // What is no address is one without a host, and found out when it is connected to.
        let uri = || Uri::try_from(format!("http://{address}")).unwrap_or_default();
        Self { plain, fixed: settings.authority.as_ref().map(|_| uri()) }
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = <HttpConnector as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.plain.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.plain.call(self.fixed.clone().unwrap_or(uri))
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

/// Whether a server has said over h2 that it did nothing with the request: by refusing its stream, or by going away
/// in good order before it (RFC 9113, 6.8 and 8.7). Servers do so when they restart or their connections are old.
fn was_not_processed(error: &PoolError) -> bool {
    let mut chain = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    let Some(error) = chain.find_map(|error| error.downcast_ref::<h2::Error>()) else {
        return false;
    };
    let goes_away = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    let refuses = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (goes_away || refuses)
}

/// The innermost reason: what an operator can act on.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
