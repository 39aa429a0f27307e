//! OTLP/gRPC: the unary `Export` methods.

use std::net::SocketAddr;

use bytes::Bytes;
use pipeline::{Answer, RefuseReason, Signal};
use tokio::time::Instant;
use transport::coding::Coding;
use transport::grpc::{self, Code, FRAME_HEADER_BYTES, FrameError, Status};
use transport::http::Body;
use transport::listener::Handler;
use transport::{Incoming, Request, Response, StatusCode};

use super::admit::{Admission, Form, Format, Reject};
use super::reply::grpc as reply;

/// Answers calls.
pub(super) struct Service(pub(super) Admission);

impl Handler for Service {
    async fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if !grpc::is_grpc(request.headers()) {
            // gRPC over HTTP: other content types answer 415.
            let mut refusal = Response::new(Body::full("expected content type application/grpc\n"));
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return refusal;
        }
        let Some(signal) = Signal::from_grpc_path(request.uri().path()) else {
            return grpc::error(&Status::new(Code::Unimplemented, "no such method"));
        };
        match self.export(signal, request, peer).await {
            Ok(answer) => reply::answer(&answer),
            Err(status) => grpc::error(&status),
        }
    }
}

impl Service {
    async fn export(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Answer, Status> {
        let unsupported = |message: &str| {
            self.0.count(signal, RefuseReason::Unsupported);
            Status::new(Code::Unimplemented, message)
        };
        let (head, body) = request.into_parts();
        if !grpc::is_protobuf(&head.headers) {
            return Err(unsupported("expected content type application/grpc+proto"));
        }
        let deadline = grpc::parse_timeout(&head.headers).map(|patience| Instant::now() + patience);
        let encoding = head.headers.get("grpc-encoding").map_or(&b""[..], |v| v.as_bytes());
        let Some(coding) = Coding::of_grpc(encoding) else {
            return Err(unsupported(
                "expected grpc-encoding gzip, zstd, deflate, snappy or identity",
            ));
        };
        let Some(mut admitted) = self.0.announce(signal, &head, peer) else {
            return Err(unsupported("no pipeline takes this signal from this receiver"));
        };
        let framed = admitted.read(body, FRAME_HEADER_BYTES).await.map_err(reply::reject)?;
        let (message, coding) = self.message(signal, framed, coding)?;
        let form = Form { format: Format::Protobuf, coding };
        admitted.finish(message, form, deadline).await.map_err(reply::reject)
    }

    /// Takes the message out of its frame; an uncompressed frame may stand under any encoding.
    fn message(
        &self,
        signal: Signal,
        framed: Bytes,
        coding: Coding,
    ) -> Result<(Bytes, Coding), Status> {
        let malformed = |message: &str| {
            self.0.count(signal, RefuseReason::Malformed);
            Status::new(Code::InvalidArgument, message)
        };
        match grpc::unframe(framed) {
            Ok((false, message)) => Ok((message, Coding::Identity)),
            Ok((true, _)) if coding == Coding::Identity => {
                Err(malformed("a compressed message without grpc-encoding"))
            }
            Ok((true, message)) => Ok((message, coding)),
            Err(FrameError::Truncated) => Err(malformed("the message is cut off")),
            Err(FrameError::Trailing) => Err(malformed("more than one message in a unary call")),
            Err(FrameError::Flag) => Err(malformed("not a gRPC frame")),
        }
    }
}

impl From<Reject> for Status {
    fn from(reject: Reject) -> Self {
        reply::reject(reject)
    }
}
