//! The exporters `otlp_grpc` and `otlp_http`: OTLP requests as they are, to one endpoint.
//!
//! A merged batch is written as its pieces, one after the other. With compression on, a batch that
//! is one request which arrived gzipped goes out in that form; any other is compressed here. What
//! the backend says becomes an [`Outcome`] in one function per protocol, by the tables of OTLP.

mod verdict;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pipeline::{Batch, Cause, Exporter, Outcome, PackedCoding, RefusalKind, SendFuture};
use transport::client::{Client, Protocol, Reply, SendError};
use transport::coding::gzip;
use transport::grpc;
use transport::http::Body;
use transport::{HeaderMap, HeaderName, HeaderValue};

use crate::component::{BuildError, Context, Queued};
use crate::config::ComponentConfig;
use crate::config::client::{Compression, Target};
use crate::config::otlp_exporter::OtlpExporter;

/// Largest answer of a backend that is read.
const MAX_RESPONSE_BYTES: usize = 1 << 20;
/// How often a backend that keeps failing is mentioned in the log.
const MENTION_EVERY: Duration = Duration::from_secs(60);
/// `User-Agent` of every request.
const USER_AGENT: &str = concat!("medulla/", env!("CARGO_PKG_VERSION"));

/// Builds `otlp_grpc`.
pub(crate) fn build_grpc(config: &ComponentConfig, _: &Context) -> Result<Queued, BuildError> {
    Otlp::build(config, OtlpExporter::read_grpc, Protocol::Http2)
}

/// Builds `otlp_http`.
pub(crate) fn build_http(config: &ComponentConfig, _: &Context) -> Result<Queued, BuildError> {
    Otlp::build(config, OtlpExporter::read_http, Protocol::Http1)
}

struct Otlp {
    id: String,
    target: Target,
    protocol: Protocol,
    compression: Compression,
    headers: HeaderMap,
    client: Client,
    trouble: Trouble,
}

impl Otlp {
    fn build(
        config: &ComponentConfig,
        read: impl FnOnce(&crate::config::Section<'_>) -> OtlpExporter,
        protocol: Protocol,
    ) -> Result<Queued, BuildError> {
        let settings = config.read(read);
        let target =
            settings.target.ok_or_else(|| BuildError::at(config, "endpoint", "missing"))?;
        let client = Client::new(target.address.to_string(), protocol, MAX_RESPONSE_BYTES);
        let exporter = Self {
            id: config.id.to_string(),
            headers: headers(&settings.headers, protocol),
            compression: settings.compression,
            target,
            protocol,
            client,
            trouble: Trouble::default(),
        };
        Ok(Queued { exporter: Arc::new(exporter), settings: settings.sending })
    }

    async fn attempt(&self, batch: &Batch, timeout: Duration) -> Outcome {
        let sent = match self.protocol {
            Protocol::Http1 => self.post(batch).await,
            Protocol::Http2 => self.call(batch, timeout).await,
        };
        match sent {
            Ok(reply) => {
                let outcome = match self.protocol {
                    Protocol::Http1 => verdict::of_http(&reply),
                    Protocol::Http2 => verdict::of_grpc(&reply),
                };
                self.trouble.note(&self.id, &self.target, &outcome, || said(&reply));
                outcome
            }
            Err(error) => {
                let outcome = failure(&error);
                self.trouble.note(&self.id, &self.target, &outcome, || error.to_string());
                outcome
            }
        }
    }

    async fn post(&self, batch: &Batch) -> Result<Reply, SendError> {
        let mut headers = self.headers.clone();
        let (packed, pieces) = self.pieces(batch);
        if packed {
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        }
        let path = format!("{}{}", self.target.path, batch.signal.http_path());
        self.client.post(&path, headers, Body::pieces(pieces)).await
    }

    async fn call(&self, batch: &Batch, timeout: Duration) -> Result<Reply, SendError> {
        let mut headers = self.headers.clone();
        let (packed, pieces) = self.pieces(batch);
        if packed {
            headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
        }
        headers.insert("grpc-timeout", grpc::timeout_value(timeout));
        self.client.post(batch.signal.grpc_path(), headers, grpc::frame(packed, pieces)).await
    }

    /// The body as it goes out, and whether it is compressed.
    fn pieces(&self, batch: &Batch) -> (bool, Vec<Bytes>) {
        match (self.compression, &batch.parts[..]) {
            (Compression::None, _) => (false, batch.bodies().cloned().collect()),
            (Compression::Gzip, [only]) => match &only.packed {
                Some(packed) if packed.coding == PackedCoding::Gzip => {
                    (true, vec![packed.bytes.clone()])
                }
                _ => (true, vec![gzip([&only.body])]),
            },
            (Compression::Gzip, _) => (true, vec![gzip(batch.bodies())]),
        }
    }
}

impl Exporter for Otlp {
    fn send<'a>(&'a self, batch: &'a Batch, timeout: Duration) -> SendFuture<'a> {
        Box::pin(self.attempt(batch, timeout))
    }
}

/// Headers of every request; those of the configuration win over ours.
fn headers(configured: &[(String, String)], protocol: Protocol) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
    match protocol {
        Protocol::Http1 => {
            let kind = HeaderValue::from_static("application/x-protobuf");
            headers.insert("content-type", kind);
        }
        Protocol::Http2 => {
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            headers.insert("te", HeaderValue::from_static("trailers"));
        }
    }
    for (name, value) in configured {
        let name = HeaderName::try_from(name).expect("names were checked with the configuration");
        let value = HeaderValue::try_from(value).expect("so were values");
        headers.insert(name, value);
    }
    headers
}

/// What becomes of a batch when no answer came.
fn failure(error: &SendError) -> Outcome {
    match error {
        SendError::Address(_) => {
            Outcome::refused(RefusalKind::Rejected, "the exporter's endpoint is not an address")
        }
        SendError::Connect(_) | SendError::Broken(_) | SendError::TooLarge => {
            Outcome::retry(Cause::Backend)
        }
    }
}

/// What the backend said, for the log.
fn said(reply: &Reply) -> String {
    let status = grpc::verdict(reply);
    match reply
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    {
        true => format!("grpc-status {} {}", status.code as u8, status.message),
        false => format!("HTTP status {}", reply.status),
    }
}

/// Mentions a failing backend when it begins to fail, now and then, and when it is well again.
#[derive(Default)]
struct Trouble(Mutex<Option<Instant>>);

impl Trouble {
    fn note(&self, id: &str, target: &Target, outcome: &Outcome, why: impl FnOnce() -> String) {
        let fails = matches!(outcome, Outcome::Retry { .. } | Outcome::Refused(_));
        let mut mentioned = self.0.lock().expect("a plain assignment cannot panic");
        match (*mentioned, fails) {
            (Some(_), false) => {
                *mentioned = None;
                tracing::info!("exporter {id}: {target} takes data again");
            }
            (Some(at), true) if at.elapsed() < MENTION_EVERY => {}
            (_, true) => {
                *mentioned = Some(Instant::now());
                tracing::warn!("exporter {id}: {target} does not take data: {}", why());
            }
            (None, false) => {}
        }
    }
}
