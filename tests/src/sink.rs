//! A scripted OTLP backend: takes HTTP/1.1 and gRPC on one port, keeps every body byte for byte,
//! and answers as it was told.
//!
//! Bodies are recorded when they were read whole and before the answer leaves, so whatever a sender
//! was told, the test can see what arrived. An answer comes from the script while it has one, then
//! from the standing answer (success until told otherwise).

use crate::client::{frame, unframe};
use crate::status::{self, Code};
use crate::{GLANCE, PATIENCE, Signal};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a backend answers one request.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// How long it lets the sender wait.
    pub delay: Duration,
    /// What it says then.
    pub verdict: Verdict,
}

/// What a backend says.
#[derive(Clone, Debug, Default)]
pub enum Verdict {
    /// Success with an empty message.
    #[default]
    Accept,
    /// Success with these message bytes (OTLP: partial success).
    Message(Bytes),
    /// A refusal.
    Refuse {
        /// The status over HTTP.
        status: u16,
        /// The code over gRPC.
        code: Code,
        /// `Retry-After` or `RetryInfo`.
        retry_after: Option<Duration>,
    },
    /// The connection closes without an answer.
    Close,
}

impl Reply {
    /// Success.
    pub fn accept() -> Self {
        Self::default()
    }

    /// Success after a while.
    pub fn late(delay: Duration) -> Self {
        Self { delay, verdict: Verdict::Accept }
    }

    /// OTLP: partial success, the same message for every signal.
    pub fn partial(rejected: i64, message: &str) -> Self {
        let message = crate::records::partial_success(rejected, message);
        Self { delay: Duration::ZERO, verdict: Verdict::Message(message) }
    }

    /// A refusal by status and code.
    pub fn refuse(status: u16, code: Code) -> Self {
        let verdict = Verdict::Refuse { status, code, retry_after: None };
        Self { delay: Duration::ZERO, verdict }
    }

    /// A refusal that asks for a delay.
    pub fn refuse_for(status: u16, code: Code, retry_after: Duration) -> Self {
        let verdict = Verdict::Refuse { status, code, retry_after: Some(retry_after) };
        Self { delay: Duration::ZERO, verdict }
    }

    /// No answer at all.
    pub fn close() -> Self {
        Self { delay: Duration::ZERO, verdict: Verdict::Close }
    }
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The path.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came over the wire; of gRPC the message without its frame.
    pub wire: Bytes,
    /// The body, inflated when it was compressed.
    pub body: Bytes,
    /// Whether it came by gRPC.
    pub grpc: bool,
}

impl Received {
    /// The signal by its path.
    pub fn signal(&self) -> Option<Signal> {
        let is = |signal: &Signal| [signal.http_path(), signal.grpc_path()].contains(&&*self.path);
        Signal::ALL.into_iter().find(is)
    }
}

/// A running backend; it ends, connections included, when dropped.
pub struct Sink {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    script: Mutex<Script>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<Vec<JoinHandle<()>>>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Reply>,
    standing: Reply,
}

impl Sink {
    /// Starts one on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        Self::serve(listener, Arc::default())
    }

    fn serve(listener: TcpListener, state: Arc<State>) -> Self {
        let address = listener.local_addr().expect("a bound socket has an address");
        let accepting = Some(tokio::spawn(accept(listener, state.clone())));
        Self { address, state, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers like this from now on, once the script is used up.
    pub fn answer(&self, reply: Reply) {
        self.script().standing = reply;
    }

    /// Answers like this once, after what was scripted before.
    pub fn answer_once(&self, reply: Reply) {
        self.script().next.push_back(reply);
    }

    /// Holds every answer back until [`Sink::release`]; requests are still received.
    pub fn hold(&self) {
        self.state.held.send_replace(true);
    }

    /// Gives the answers that were held back.
    pub fn release(&self) {
        self.state.held.send_replace(false);
    }

    /// Everything received so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("the sink's lock is never poisoned").clone()
    }

    /// Waits until so many requests came, and returns all.
    ///
    /// # Panics
    /// When they do not come in time.
    pub async fn wait_for(&self, requests: usize) -> Vec<Received> {
        let what = format!("{requests} requests at the sink");
        crate::eventually(&what, async || {
            let received = self.received();
            (received.len() >= requests).then_some(received)
        })
        .await
    }

    /// Closes the port and every connection; [`Sink::come_back`] takes the address again.
    pub async fn go_down(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
        self.end_connections();
    }

    /// Listens again on the same address, but nobody reads: a sender gets rid of no more than sockets
    /// hold. Ends with [`Sink::go_down`].
    pub async fn stall(&mut self) {
        let listener = self.listen_again().await;
        self.accepting = Some(tokio::spawn(async move {
            let _listener = listener;
            std::future::pending().await
        }));
    }

    /// Listens again on the same address.
    pub async fn come_back(&mut self) {
        let listener = self.listen_again().await;
        self.accepting = Some(tokio::spawn(accept(listener, self.state.clone())));
    }

    /// # Panics
    /// When the port was taken by somebody else.
    async fn listen_again(&self) -> TcpListener {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return listener,
                Err(error) if tokio::time::Instant::now() > deadline => panic!("{error}"),
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().expect("the sink's lock is never poisoned")
    }

    fn end_connections(&self) {
        let mut connections =
            self.state.connections.lock().expect("the sink's lock is never poisoned");
        connections.drain(..).for_each(|connection| connection.abort());
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
        self.end_connections();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let connection = tokio::spawn(connection(stream, state.clone()));
        let mut open = state.connections.lock().expect("the sink's lock is never poisoned");
        open.retain(|other| !other.is_finished());
        open.push(connection);
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // A socket without this option only answers later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, state.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    // A sender that breaks the connection is part of what is tested.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

type Body = UnsyncBoxBody<Bytes, Infallible>;
/// Ends the connection when a service returns it.
type Closed = std::io::Error;

async fn respond(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let received = received(head, body)?;
    let grpc = received.grpc;
    state.received.lock().expect("the sink's lock is never poisoned").push(received);
    let reply = {
        let mut script = state.script.lock().expect("the sink's lock is never poisoned");
        script.next.pop_front().unwrap_or_else(|| script.standing.clone())
    };
    tokio::time::sleep(reply.delay).await;
    // The sender of it lives in the state.
    let _ = state.held.subscribe().wait_for(|held| !held).await;
    match reply.verdict {
        Verdict::Accept => Ok(success(Bytes::new(), grpc)),
        Verdict::Message(message) => Ok(success(message, grpc)),
        Verdict::Refuse { status, code, retry_after } => {
            Ok(if grpc { grpc_refusal(code, retry_after) } else { refusal(status, retry_after) })
        }
        Verdict::Close => Err(Closed::other("told to close")),
    }
}

fn received(head: http::request::Parts, body: Bytes) -> Result<Received, Closed> {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let grpc = kind.is_some_and(|kind| kind.starts_with("application/grpc"));
    let coding = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (coding, wire) = if grpc {
        let message = unframe(&body);
        let message = message.ok_or_else(|| Closed::other("a gRPC body without a whole message"));
        message.map(|(coded, wire)| (coding("grpc-encoding").filter(|_| coded), wire))?
    } else {
        (coding(CONTENT_ENCODING.as_str()), body)
    };
    let body = inflate(coding, &wire)?;
    let path = head.uri.path().to_owned();
    Ok(Received { path, headers: head.headers, wire, body, grpc })
}

fn inflate(coding: Option<&str>, bytes: &Bytes) -> Result<Bytes, Closed> {
    match coding {
        None => Ok(bytes.clone()),
        Some("zstd") => zstd::decode_all(&bytes[..]).map(Bytes::from),
        Some(_) => {
            let mut inflated = Vec::new();
            MultiGzDecoder::new(&bytes[..]).read_to_end(&mut inflated)?;
            Ok(inflated.into())
        }
    }
}

fn success(message: Bytes, grpc: bool) -> Response<Body> {
    if !grpc {
        let body = Full::new(message).boxed_unsync();
        return response(200, "application/x-protobuf", body);
    }
    let trailers = status::trailers(Code::Ok, "", None);
    let body = Full::new(frame(&message, false)).with_trailers(async { Some(Ok(trailers)) });
    response(200, "application/grpc", body.boxed_unsync())
}

fn refusal(status: u16, retry_after: Option<Duration>) -> Response<Body> {
    let mut response = response(status, "application/x-protobuf", Full::default().boxed_unsync());
    if let Some(delay) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, delay.as_secs().into());
    }
    response
}

/// gRPC: an answer without a body carries its status in the headers.
fn grpc_refusal(code: Code, retry_after: Option<Duration>) -> Response<Body> {
    let mut response = response(200, "application/grpc", Full::default().boxed_unsync());
    // Without a code of its own, size is told by the text alone.
    let text = match code {
        Code::ResourceExhausted => "received message larger than max",
        _ => "told to refuse",
    };
    response.headers_mut().extend(status::trailers(code, text, retry_after));
    response
}

fn response(status: u16, kind: &'static str, body: Body) -> Response<Body> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    response.body(body).expect("the parts of a scripted answer are valid")
}

#[cfg(test)]
mod tests;
