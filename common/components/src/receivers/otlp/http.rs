//! OTLP/HTTP: paths, methods, content types and codings.

use std::net::SocketAddr;

use pipeline::{RefuseReason, Signal};
use transport::coding::Coding;
use transport::http::Body;
use transport::listener::Handler;
use transport::read::linger;
use transport::{HeaderMap, Incoming, Method, Request, Response, StatusCode};

use super::admit::{Admission, Reject};
use super::reply::http as reply;

/// Answers export requests.
pub(super) struct Service(pub(super) Admission);

impl Handler for Service {
    async fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let Some(signal) = Signal::from_http_path(request.uri().path()) else {
            linger(request.into_body()).await;
            return reply::refuse(
                StatusCode::NOT_FOUND,
                "no such path, expected /v1/traces and so on",
            );
        };
        match self.export(signal, request, peer).await {
            Ok(answer) => reply::answer(&answer),
            Err(refusal) => refusal.answer(),
        }
    }
}

impl Service {
    async fn export(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<pipeline::Answer, Refusal> {
        let unsupported = |refusal: Refusal| {
            self.0.count(signal, RefuseReason::Unsupported);
            refusal
        };
        let judged = judge(&request);
        let (head, body) = request.into_parts();
        let coding = match judged {
            Ok(coding) => coding,
            Err(refusal) => {
                linger(body).await;
                return Err(unsupported(refusal));
            }
        };
        let Some(mut admitted) = self.0.announce(signal, &head.headers, peer) else {
            linger(body).await;
            let message = "no pipeline takes this signal from this receiver";
            return Err(unsupported(Refusal::Status(StatusCode::NOT_FOUND, message)));
        };
        let message = admitted.read(body, 0).await?;
        Ok(admitted.finish(message, coding, None).await?)
    }
}

/// Why a request did not become a batch.
enum Refusal {
    Status(StatusCode, &'static str),
    Rejected(Reject),
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::Rejected(reject)
    }
}

impl Refusal {
    fn answer(self) -> Response<Body> {
        match self {
            Self::Status(StatusCode::METHOD_NOT_ALLOWED, message) => {
                let mut response = reply::refuse(StatusCode::METHOD_NOT_ALLOWED, message);
                let allow = transport::HeaderValue::from_static("POST");
                response.headers_mut().insert("allow", allow);
                response
            }
            Self::Status(status, message) => reply::refuse(status, message),
            Self::Rejected(reject) => reply::reject(reject),
        }
    }
}

/// OTLP/HTTP: POST of a protobuf body, plain or gzipped.
fn judge(request: &Request<Incoming>) -> Result<Coding, Refusal> {
    let refuse = |status, message| Err(Refusal::Status(status, message));
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
    }
    let kind = media_type(request.headers());
    if kind.eq_ignore_ascii_case(b"application/json") {
        let message = "JSON is not built in yet, expected application/x-protobuf";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    if !kind.eq_ignore_ascii_case(b"application/x-protobuf") {
        let message = "expected content type application/x-protobuf";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let coding = request.headers().get("content-encoding").map_or(&b""[..], |v| v.as_bytes());
    match Coding::parse(coding) {
        Some(coding) => Ok(coding),
        None => {
            let message = "expected content encoding gzip or identity";
            refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        }
    }
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get("content-type").map_or(&b""[..], |value| value.as_bytes());
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
