//! Senders that always have a few requests on their way and send the same bytes again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use medulla_tests::Signal;
use medulla_tests::client::{Failure, frame, gzip};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// h2: what our own client and server agree on.
pub(crate) const FRAME_BYTES: u32 = 1 << 20;
pub(crate) const WINDOW_BYTES: u32 = 1 << 20;

/// Requests on their way at a time.
const IN_FLIGHT: usize = 16;
/// h2 connections that carry them.
const CONNECTIONS: usize = 4;

/// How requests come in and go out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// What is sent.
#[derive(Clone)]
pub(crate) struct Shot {
    signal: Signal,
    pub(crate) protocol: Protocol,
    pub(crate) gzip: bool,
    body: Bytes,
}

impl Shot {
    pub(crate) fn new(signal: Signal, protocol: Protocol, gzipped: bool, message: &Bytes) -> Self {
        let packed = if gzipped { gzip(message) } else { message.clone() };
        let body = match protocol {
            Protocol::Http => packed,
            Protocol::Grpc => frame(&packed, gzipped),
        };
        Self { signal, protocol, gzip: gzipped, body }
    }

    fn request(&self, address: SocketAddr) -> Request<Full<Bytes>> {
        let request = match self.protocol {
            Protocol::Http => Request::post(self.signal.http_path())
                .header("host", address.to_string())
                .header("content-type", "application/x-protobuf"),
            Protocol::Grpc => Request::post(format!("http://{address}{}", self.signal.grpc_path()))
                .header("content-type", "application/grpc")
                .header("te", "trailers"),
        };
        let request = match (self.gzip, self.protocol) {
            (false, _) => request,
            (true, Protocol::Http) => request.header("content-encoding", "gzip"),
            (true, Protocol::Grpc) => request.header("grpc-encoding", "gzip"),
        };
        request.body(Full::new(self.body.clone())).expect("the parts of a request are valid")
    }
}

/// Requests by how they ended.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Count {
    fn note(&self, accepted: bool) {
        let count = if accepted { &self.accepted } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends until dropped.
pub(crate) struct Load {
    pub(crate) count: Arc<Count>,
    _senders: JoinSet<()>,
}

impl Load {
    pub(crate) async fn start(address: SocketAddr, shots: &[Shot]) -> Result<Self, Failure> {
        let count = Arc::new(Count::default());
        let mut senders = JoinSet::new();
        let is_grpc = shots.iter().any(|shot| shot.protocol == Protocol::Grpc);
        for connection in 0..if is_grpc { CONNECTIONS } else { IN_FLIGHT } {
            let sender = Sender::connect(address, is_grpc).await?;
            let Sender::Grpc(_) = &sender else {
                senders.spawn(send(sender, address, rotated(shots, connection), count.clone()));
                continue;
            };
            for stream in 0..IN_FLIGHT / CONNECTIONS {
                let shots = rotated(shots, connection + stream);
                senders.spawn(send(sender.share(), address, shots, count.clone()));
            }
        }
        Ok(Self { count, _senders: senders })
    }
}

/// The same shots from another one on.
fn rotated(shots: &[Shot], by: usize) -> Vec<Shot> {
    shots.iter().cycle().skip(by).take(shots.len()).cloned().collect()
}

enum Sender {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    async fn connect(address: SocketAddr, is_grpc: bool) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        if !is_grpc {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            return Ok(Self::Http(sender));
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES);
        let (sender, connection) = builder.handshake(io).await?;
        tokio::spawn(connection);
        Ok(Self::Grpc(sender))
    }

    /// Another sender on the same h2 connection.
    fn share(&self) -> Self {
        match self {
            Self::Grpc(sender) => Self::Grpc(sender.clone()),
            Self::Http(_) => unreachable!("an HTTP/1 connection has one sender"),
        }
    }

    /// Whether the request was taken.
    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<bool, Failure> {
        let response = match self {
            Self::Http(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Grpc(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let is_success = response.status() == 200;
        let (head, mut body) = response.into_parts();
        let mut status = head.headers.get("grpc-status").cloned();
        while let Some(frame) = body.frame().await {
            if let Ok(trailers) = frame?.into_trailers() {
                status = trailers.get("grpc-status").cloned();
            }
        }
        let is_grpc = matches!(self, Self::Grpc(_));
        Ok(is_success && (!is_grpc || status.is_some_and(|status| status == "0")))
    }
}

async fn send(mut sender: Sender, address: SocketAddr, shots: Vec<Shot>, count: Arc<Count>) {
    for shot in shots.iter().cycle() {
        match sender.exchange(shot.request(address)).await {
            Ok(accepted) => count.note(accepted),
            Err(_) => {
                // The connection is gone; a count that stands still or a refusal shows it.
                count.note(false);
                return;
            }
        }
    }
}
