//! Serving HTTP/1 and h2 (prior knowledge) on one socket.
//!
//! A connection takes a permit from the process's connection limit before it is accepted; at the
//! limit new ones wait in the kernel's backlog. Stopping is bounded: no new connections, idle ones
//! closed, h2 told to go away, requests in progress given until the deadline, then cut off. Where the
//! port goes on with somebody else, HTTP/1 connections first hear with an answer that it was the last
//! one, for [`FAREWELL`]: a request that is on its way to a connection that closes is never answered.
//!
//! h2 bounds: [`STREAMS`] requests at a time per connection, windows of [`STREAM_WINDOW_BYTES`] and
//! four times that, frames up to [`FRAME_BYTES`] (the default of 16 KiB costs half the throughput).
//! What a peer can make us hold of bodies nobody reads yet is a stream's window.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::Body;

/// Requests at a time per h2 connection.
pub const STREAMS: u32 = 128;
/// Flow-control window of one h2 stream; a connection has four of them.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Largest h2 frame we take.
pub const FRAME_BYTES: u32 = 1 << 20;
/// How long a request's head may take, and how long an HTTP/1 connection may be idle.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest HTTP/1 read buffer; a head must fit in it.
pub const BUFFER_BYTES: usize = 512 << 10;
/// How long busy connections get to hear that they end, where the port goes on.
pub const FAREWELL: Duration = Duration::from_millis(500);
/// Pause after accepting failed for want of a resource, such as descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request of `peer`.
    fn call(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// How a server is to end.
#[derive(Clone, Copy, Debug)]
struct Stop {
    deadline: Instant,
    /// Until when connections are told by their answers.
    farewell: Instant,
}

/// A listener that serves.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Keeps the port open while it serves.
    socket: Mutex<Option<Arc<StdListener>>>,
    stop: Mutex<Option<oneshot::Sender<Stop>>>,
    done: tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Server {
    /// Serves connections of `socket` (non-blocking) with `handler`. The port is open until this stops,
    /// and longer if anybody else holds the socket.
    pub fn start<H: Handler>(
        socket: Arc<StdListener>,
        connections: Arc<Semaphore>,
        handler: Arc<H>,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(socket.try_clone()?)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, connections, handler, stopped);
        let done = tokio::sync::Mutex::new(Some(tokio::spawn(serving)));
        let socket = Mutex::new(Some(socket));
        Ok(Self { address, socket, stop: Mutex::new(Some(stop)), done })
    }

    /// The address it serves, with the port the kernel chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops; returns when the last request is answered, or at `deadline`. `handed_over`: another process
    /// has the port.
    pub async fn stop(&self, deadline: Instant, handed_over: bool) {
        let socket = self.socket.lock().expect("taking an option cannot panic").take();
        let goes_on = handed_over || socket.is_some_and(|socket| Arc::strong_count(&socket) > 1);
        let farewell = Instant::now() + if goes_on { FAREWELL } else { Duration::ZERO };
        let stop = self.stop.lock().expect("taking an option cannot panic").take();
        if let Some(stop) = stop {
            // The server may have ended by itself; then there is nobody to tell.
            let _ = stop.send(Stop { deadline, farewell: farewell.min(deadline) });
        }
        if let Some(done) = self.done.lock().await.take() {
            let _ = done.await;
        }
    }
}

async fn serve<H: Handler>(
    listener: TcpListener,
    connections: Arc<Semaphore>,
    handler: Arc<H>,
    mut stopped: oneshot::Receiver<Stop>,
) {
    let builder = builder();
    let closing = Arc::<AtomicBool>::default();
    let graceful = GracefulShutdown::new();
    let mut serving = JoinSet::new();
    let stop = loop {
        tokio::select! {
            stop = &mut stopped => break stop.unwrap_or_else(|_| Stop::now()),
            (stream, peer, permit) = accept(&listener, &connections) => {
                let service = answer(handler.clone(), peer, closing.clone());
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let watched = graceful.watch(connection.into_owned());
                serving.spawn(async move {
                    if let Err(error) = watched.await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                    drop(permit);
                });
            }
            Some(_) = serving.join_next() => {}
        }
    };
    drop(listener);
    closing.store(true, Ordering::Relaxed);
    let ended = async { while serving.join_next().await.is_some() {} };
    let _ = tokio::time::timeout_at(stop.farewell, ended).await;
    let _ = tokio::time::timeout_at(stop.deadline, graceful.shutdown()).await;
    serving.shutdown().await;
}

impl Stop {
    fn now() -> Self {
        Self { deadline: Instant::now(), farewell: Instant::now() }
    }
}

/// The handler as hyper's service. Once it is `closing`, an answer over HTTP/1 is the connection's last.
fn answer<H: Handler>(
    handler: Arc<H>,
    peer: SocketAddr,
    closing: Arc<AtomicBool>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send,
> {
    service_fn(move |request| {
        let (handler, closing) = (handler.clone(), closing.clone());
        async move {
            let is_http_1 = request.version() <= Version::HTTP_11;
            let mut response = handler.call(request, peer).await;
            if is_http_1 && closing.load(Ordering::Relaxed) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    })
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = connections.clone().acquire_owned().await.expect("the limit is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(4 * STREAM_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .keep_alive_interval(HEAD_TIMEOUT)
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
