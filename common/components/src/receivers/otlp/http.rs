//! OTLP/HTTP: paths, methods, content types and codings; and what the configuration adds to every answer.

use std::net::SocketAddr;

use pipeline::{RefuseReason, Signal};
use transport::coding::Coding;
use transport::http::Body;
use transport::listener::Handler;
use transport::read::linger;
use transport::{
    HeaderMap, HeaderName, HeaderValue, Incoming, Method, Request, Response, StatusCode,
};

use super::admit::{Admission, Form, Format, Reject};
use super::cors::Cors;
use super::reply::http as reply;
use crate::config::otlp_receiver::HttpServer;

/// Answers export requests.
pub(super) struct Service {
    admission: Admission,
    /// The path of each signal.
    paths: Vec<(String, Signal)>,
    /// Codings of bodies that are taken.
    codings: Vec<Coding>,
    manners: Option<Manners>,
}

/// What answers say beside the verdict.
struct Manners {
    cors: Option<Cors>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Handler for Service {
    async fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let Some(manners) = &self.manners else { return self.answer(request, peer).await };
        let crossing = manners.cors.as_ref().map(|cors| cors.judge(&request));
        let mut response = match &crossing {
            Some(crossing) if crossing.is_preflight => no_content(),
            _ => self.answer(request, peer).await,
        };
        let headers = response.headers_mut();
        for (name, value) in &manners.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        for (name, value) in crossing.into_iter().flat_map(|crossing| crossing.headers) {
            headers.append(name, value);
        }
        response
    }
}

impl Service {
    pub(super) fn new(admission: Admission, settings: HttpServer) -> Self {
        let headers: Vec<_> = settings.response_headers.iter().map(header).collect();
        let cors = settings.cors.as_ref().map(Cors::new);
        let manners = (cors.is_some() || !headers.is_empty()).then_some(Manners { cors, headers });
        Self { admission, paths: settings.paths, codings: settings.codings, manners }
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        // OTLP/HTTP: the answer has the request's encoding, also when it is a refusal.
        let format = format_of(request.headers()).unwrap_or(Format::Protobuf);
        let Some(signal) = self.signal(request.uri().path()) else {
            linger(request.into_body()).await;
            return reply::refuse(
                format,
                StatusCode::NOT_FOUND,
                "no such path, expected /v1/traces and so on",
            );
        };
        match self.export(signal, request, peer).await {
            Ok(answer) => reply::answer(format, signal, &answer),
            Err(refusal) => refusal.answer(format),
        }
    }

    fn signal(&self, path: &str) -> Option<Signal> {
        self.paths.iter().find(|(known, _)| known == path).map(|(_, signal)| *signal)
    }

    async fn export(
        &self,
        signal: Signal,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<pipeline::Answer, Refusal> {
        let unsupported = |refusal: Refusal| {
            self.admission.count(signal, RefuseReason::Unsupported);
            refusal
        };
        let judged = self.judge(signal, &request);
        let (head, body) = request.into_parts();
        let form = match judged {
            Ok(form) => form,
            Err(refusal) => {
                linger(body).await;
                return Err(unsupported(refusal));
            }
        };
        let Some(mut admitted) = self.admission.announce(signal, &head, peer) else {
            linger(body).await;
            let message = "no pipeline takes this signal from this receiver";
            return Err(unsupported(Refusal::Status(StatusCode::NOT_FOUND, message)));
        };
        let message = admitted.read(body, 0).await?;
        Ok(admitted.finish(message, form, None).await?)
    }

    /// OTLP/HTTP: POST of a body in protobuf or JSON, plain or compressed.
    fn judge(&self, signal: Signal, request: &Request<Incoming>) -> Result<Form, Refusal> {
        let unsupported = |message| Refusal::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        if request.method() != Method::POST {
            return Err(Refusal::Status(StatusCode::METHOD_NOT_ALLOWED, "expected POST"));
        }
        let format = format_of(request.headers()).ok_or_else(|| {
            unsupported("expected content type application/x-protobuf or application/json")
        })?;
        if signal == Signal::Profiles && format == Format::Json {
            return Err(unsupported("profiles: expected content type application/x-protobuf"));
        }
        let coding = request.headers().get("content-encoding").map_or(&b""[..], |v| v.as_bytes());
        let coding = Coding::of_http(coding)
            .ok_or_else(|| unsupported("expected content encoding gzip, zstd, deflate, zlib, snappy, x-snappy-framed, lz4 or identity"))?;
        if !self.codings.contains(&coding) {
            return Err(unsupported("compression_algorithms does not name this content encoding"));
        }
        Ok(Form { format, coding })
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
    fn answer(self, format: Format) -> Response<Body> {
        match self {
            Self::Status(StatusCode::METHOD_NOT_ALLOWED, message) => {
                let mut response = reply::refuse(format, StatusCode::METHOD_NOT_ALLOWED, message);
                let allow = transport::HeaderValue::from_static("POST");
                response.headers_mut().insert("allow", allow);
                response
            }
            Self::Status(status, message) => reply::refuse(format, status, message),
            Self::Rejected(reject) => reply::reject(format, &reject),
        }
    }
}

/// A header of the configuration.
fn header((name, value): &(String, String)) -> (HeaderName, HeaderValue) {
    let name = HeaderName::try_from(name).expect("names were checked with the configuration");
    (name, HeaderValue::try_from(value).expect("so were values"))
}

/// The answer to a preflight request, whatever it asked for.
fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn format_of(headers: &HeaderMap) -> Option<Format> {
    match media_type(headers) {
        kind if kind.eq_ignore_ascii_case(b"application/x-protobuf") => Some(Format::Protobuf),
        kind if kind.eq_ignore_ascii_case(b"application/json") => Some(Format::Json),
        _ => None,
    }
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get("content-type").map_or(&b""[..], |value| value.as_bytes());
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
