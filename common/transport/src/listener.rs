//! Serving HTTP/1 and h2 (prior knowledge) on one socket; a connection's first bytes tell which it speaks.
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

mod h2;
mod settings;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::http::Body;
use crate::http1::{self, Kind, Wire};
use crate::incoming::Incoming;

pub use settings::ConnectionSettings;

/// Requests at a time per h2 connection.
pub const STREAMS: u32 = 128;
/// Flow-control window of one h2 stream; a connection has four of them.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Largest h2 frame we take.
pub const FRAME_BYTES: u32 = 1 << 20;
/// How long a request's head may take, and how long an HTTP/1 connection may be idle.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
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
        Self::start_with(ConnectionSettings::default(), socket, connections, handler)
    }

    /// The same, with other bounds for its connections.
    pub fn start_with<H: Handler>(
        settings: ConnectionSettings,
        socket: Arc<StdListener>,
        connections: Arc<Semaphore>,
        handler: Arc<H>,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(socket.try_clone()?)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, Arc::new(settings), connections, handler, stopped);
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

/// What connections know of the server's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It goes on.
    Open,
    /// The next answer over HTTP/1 is its connection's last.
    Farewell,
    /// Connections that are idle end.
    Ending,
}

/// The phase as it changes.
#[derive(Clone, Debug)]
pub(crate) struct Phases(watch::Receiver<Phase>);

impl Phases {
    pub(crate) fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until idle connections are to end.
    pub(crate) async fn ending(&mut self) {
        // Without a server there is nothing to wait for.
        let _ = self.0.wait_for(|phase| *phase == Phase::Ending).await;
    }
}

async fn serve<H: Handler>(
    listener: TcpListener,
    settings: Arc<ConnectionSettings>,
    connections: Arc<Semaphore>,
    handler: Arc<H>,
    mut stopped: oneshot::Receiver<Stop>,
) {
    let (phase, phases) = watch::channel(Phase::Open);
    let phases = Phases(phases);
    let mut serving = JoinSet::new();
    let stop = loop {
        tokio::select! {
            stop = &mut stopped => break stop.unwrap_or_else(|_| Stop::now()),
            (stream, peer, permit) = accept(&listener, &connections) => {
                let (handler, phases) = (handler.clone(), phases.clone());
                let settings = settings.clone();
                serving.spawn(async move {
                    if let Err(error) = converse(stream, peer, handler, &settings, phases).await {
                        tracing::debug!(%peer, error, "connection ended");
                    }
                    drop(permit);
                });
            }
            Some(_) = serving.join_next() => {}
        }
    };
    drop(listener);
    phase.send_replace(Phase::Farewell);
    let ended = async |serving: &mut JoinSet<()>| while serving.join_next().await.is_some() {};
    let _ = tokio::time::timeout_at(stop.farewell, ended(&mut serving)).await;
    phase.send_replace(Phase::Ending);
    let _ = tokio::time::timeout_at(stop.deadline, ended(&mut serving)).await;
    serving.shutdown().await;
}

impl Stop {
    fn now() -> Self {
        Self { deadline: Instant::now(), farewell: Instant::now() }
    }
}

/// A connection from its first byte to its end.
async fn converse<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<H>,
    settings: &ConnectionSettings,
    mut phases: Phases,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut wire = Wire::new(stream);
    let kind = tokio::select! {
        biased;
        kind = timeout(settings.head_timeout, wire.kind()) => kind,
        () = phases.ending() => return Ok(()),
    };
    match kind {
        Ok(Ok(Some(Kind::Http1))) => {
            Ok(http1::serve(wire, peer, &*handler, settings, phases).await?)
        }
        Ok(Ok(Some(Kind::Http2))) => Ok(h2::serve(wire, peer, handler, settings, phases).await?),
        Ok(Ok(None)) | Err(_) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
    }
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

#[cfg(test)]
mod tests;
