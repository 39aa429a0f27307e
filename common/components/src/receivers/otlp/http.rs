//! OTLP/HTTP: paths, methods, content types and codings.

use std::net::SocketAddr;

use pipeline::{RefuseReason, Signal};
use transport::coding::Coding;
use transport::http::Body;
use transport::listener::Handler;
use transport::{HeaderMap, Incoming, Method, Request, Response, StatusCode};

use super::admit::Admission;
use super::reply::http as reply;

/// Answers export requests.
pub(super) struct Service(pub(super) Admission);

impl Handler for Service {
    async fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let Some(signal) = Signal::from_http_path(request.uri().path()) else {
            return reply::refuse(
                StatusCode::NOT_FOUND,
                "no such path, expected /v1/traces and so on",
            );
        };
        match self.export(signal, request, peer).await {
            Ok(answer) => reply::answer(&answer),
            Err(refusal) => refusal,
        }
    }
}

impl Service {
    async fn export(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<pipeline::Answer, Response<Body>> {
        let coding = judge(&request).inspect_err(|_| {
            self.0.count(signal, RefuseReason::Unsupported);
        })?;
        let (head, body) = request.into_parts();
        let Some(mut admitted) = self.0.announce(signal, &head.headers, peer) else {
            self.0.count(signal, RefuseReason::Unsupported);
            let message = format!("no pipeline takes {signal} from this receiver");
            return Err(reply::refuse(StatusCode::NOT_FOUND, &message));
        };
        let message = admitted.read(body, 0).await.map_err(reply::reject)?;
        admitted.finish(message, coding, None).await.map_err(reply::reject)
    }
}

/// OTLP/HTTP: POST of a protobuf body, plain or gzipped.
fn judge(request: &Request<Incoming>) -> Result<Coding, Response<Body>> {
    if request.method() != Method::POST {
        let mut refusal = reply::refuse(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
        let allow = transport::HeaderValue::from_static("POST");
        refusal.headers_mut().insert("allow", allow);
        return Err(refusal);
    }
    let kind = media_type(request.headers());
    if !kind.eq_ignore_ascii_case(b"application/x-protobuf") {
        let message = match kind.eq_ignore_ascii_case(b"application/json") {
            true => "JSON is not built in yet, expected application/x-protobuf",
            false => "expected content type application/x-protobuf",
        };
        return Err(reply::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let coding = request.headers().get("content-encoding").map_or(&b""[..], |v| v.as_bytes());
    Coding::parse(coding).ok_or_else(|| {
        let message = "expected content encoding gzip or identity";
        reply::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get("content-type").map_or(&b""[..], |value| value.as_bytes());
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
