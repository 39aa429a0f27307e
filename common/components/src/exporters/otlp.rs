//! The exporters `otlp_grpc` and `otlp_http`: OTLP requests as they are, to one endpoint.
//!
//! A merged batch is written as its pieces, one after the other. With compression on, a batch that
//! is one request which arrived in the same compression goes out as it came; any other is compressed
//! here. With `encoding: json` it is written anew. What is written here needs room in the byte budget, or the
//! attempt is put off. What the backend says becomes an [`Outcome`] in one function per protocol, by the tables of OTLP.

mod verdict;
mod write;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pipeline::{Batch, Cause, Exporter, Outcome, Outputs, RefusalKind, SendFuture, Signal};
use transport::client::{Client, Protocol, Reply, SendError};
use transport::coding::Coding;
use transport::grpc;
use transport::http::Body;
use transport::{HeaderMap, HeaderName, HeaderValue};

use crate::component::{BuildError, Context, Queued};
use crate::config::ComponentConfig;
use crate::config::client::Target;
use crate::config::otlp_exporter::{Encoding, OtlpExporter};
use crate::config::sending::Sending;
use write::{Unwritten, Writer};

/// Largest answer of a backend that is read.
const MAX_RESPONSE_BYTES: usize = 1 << 20;
/// How often a backend that keeps failing is mentioned in the log.
const MENTION_EVERY: Duration = Duration::from_secs(60);
/// Pause before another connection is tried, where an attempt waits for one.
const BETWEEN_CONNECTS: Duration = Duration::from_millis(200);
/// `User-Agent` of every request.
const USER_AGENT: &str = concat!("medulla/", env!("CARGO_PKG_VERSION"));

/// Builds `otlp_grpc`.
pub(crate) fn build_grpc(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Queued, BuildError> {
    Otlp::build(config, context, OtlpExporter::read_grpc, Protocol::Http2)
}

/// Builds `otlp_http`.
pub(crate) fn build_http(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Queued, BuildError> {
    Otlp::build(config, context, OtlpExporter::read_http, Protocol::Http1)
}

struct Otlp {
    id: String,
    /// One for each signal that it has an endpoint for.
    routes: Vec<Route>,
    protocol: Protocol,
    writer: Writer,
    headers: HeaderMap,
    /// Whether an attempt waits for a connection.
    wait_for_ready: bool,
    trouble: Trouble,
}

/// Where a signal goes.
struct Route {
    signal: Signal,
    target: Target,
    path: String,
    client: Arc<Client>,
}

impl Otlp {
    fn build(
        config: &ComponentConfig,
        context: &Context,
        read: impl FnOnce(&crate::config::Section<'_>) -> OtlpExporter,
        protocol: Protocol,
    ) -> Result<Queued, BuildError> {
        let settings = config.read(read);
        let headers = headers(&settings, protocol);
        let routes = routes(&settings, protocol);
        if routes.is_empty() {
            return Err(BuildError::at(config, "endpoint", "missing"));
        }
        let exporter = Self {
            id: config.id.to_string(),
            headers,
            writer: Writer {
                encoding: settings.encoding,
                compression: settings.compression,
                level: settings.level,
                outputs: Outputs::new(context.budget.clone()),
            },
            wait_for_ready: settings.wait_for_ready,
            routes,
            protocol,
            trouble: Trouble::default(),
        };
        let Sending { queue, batch } = settings.sending;
        Ok(Queued { exporter: Arc::new(exporter), settings: queue, batch })
    }

    async fn attempt(&self, batch: &Batch, timeout: Duration) -> Outcome {
        let (coding, pieces) = match self.writer.write(batch) {
            Ok(written) => written,
            Err(Unwritten::NoRoom) => return Outcome::retry(Cause::Budget),
            Err(Unwritten::Malformed) => {
                let message = "a record is malformed and cannot be written as JSON";
                return Outcome::refused(RefusalKind::Malformed, message);
            }
        };
        let Some(route) = self.routes.iter().find(|route| route.signal == batch.signal) else {
            let message = "the exporter has no endpoint for this signal";
            return Outcome::refused(RefusalKind::Unimplemented, message);
        };
        let sent = match self.protocol {
            Protocol::Http1 => self.post(route, coding, pieces).await,
            Protocol::Http2 => self.call(route, coding, pieces, timeout).await,
        };
        match sent {
            Ok(reply) => {
                let outcome = match self.protocol {
                    Protocol::Http1 => verdict::of_http(&reply),
                    Protocol::Http2 => verdict::of_grpc(&reply),
                };
                self.trouble.note(&self.id, &route.target, &outcome, || said(&reply));
                outcome
            }
            Err(error) => {
                let outcome = failure(&error);
                self.trouble.note(&self.id, &route.target, &outcome, || error.to_string());
                outcome
            }
        }
    }

    async fn post(
        &self,
        route: &Route,
        coding: Coding,
        pieces: Vec<Bytes>,
    ) -> Result<Reply, SendError> {
        let mut headers = self.headers.clone();
        if coding != Coding::Identity {
            headers.insert("content-encoding", HeaderValue::from_static(coding.http_name()));
        }
        route.client.post(&route.path, headers, Body::pieces(pieces)).await
    }

    async fn call(
        &self,
        route: &Route,
        coding: Coding,
        pieces: Vec<Bytes>,
        timeout: Duration,
    ) -> Result<Reply, SendError> {
        let mut headers = self.headers.clone();
        let is_packed = coding != Coding::Identity;
        if let Some(name) = coding.grpc_name().filter(|_| is_packed) {
            headers.insert("grpc-encoding", HeaderValue::from_static(name));
        }
        headers.insert("grpc-timeout", grpc::timeout_value(timeout));
        let body = grpc::frame(is_packed, pieces);
        if !self.wait_for_ready {
            return route.client.post(&route.path, headers, body).await;
        }
        // The attempt's own timeout ends this.
        loop {
            match route.client.post(&route.path, headers.clone(), body.clone()).await {
                Err(SendError::Connect(_)) => tokio::time::sleep(BETWEEN_CONNECTS).await,
                sent => return sent,
            }
        }
    }
}

impl Exporter for Otlp {
    fn send<'a>(&'a self, batch: &'a Batch, timeout: Duration) -> SendFuture<'a> {
        Box::pin(self.attempt(batch, timeout))
    }
}

/// Where each signal goes: to an endpoint of its own, or to the common one, by one client.
fn routes(settings: &OtlpExporter, protocol: Protocol) -> Vec<Route> {
    let client = |target: &Target| {
        let (kept, address) = (settings.client.clone(), target.address.to_string());
        Arc::new(Client::with(kept, address, protocol, MAX_RESPONSE_BYTES))
    };
    let common = settings.target.as_ref().map(|target| (target, client(target)));
    let route = |signal: Signal| {
        let own = settings.own_targets.iter().find(|(own, _)| *own == signal);
        if let Some((_, target)) = own {
            let path = if target.path.is_empty() { "/" } else { &target.path };
            let (path, client) = (path.to_owned(), client(target));
            return Some(Route { signal, target: target.clone(), path, client });
        }
        let (target, client) = common.clone()?;
        let path = match protocol {
            Protocol::Http1 => format!("{}{}", target.path, signal.http_path()),
            Protocol::Http2 => signal.grpc_path().to_owned(),
        };
        Some(Route { signal, target: target.clone(), path, client })
    };
    Signal::ALL.into_iter().filter_map(route).collect()
}

/// Headers of every request; those of the configuration win over ours.
fn headers(settings: &OtlpExporter, protocol: Protocol) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
    match protocol {
        Protocol::Http1 => {
            let kind = HeaderValue::from_static(match settings.encoding {
                Encoding::Proto => "application/x-protobuf",
                Encoding::Json => "application/json",
            });
            headers.insert("content-type", kind);
        }
        Protocol::Http2 => {
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            headers.insert("te", HeaderValue::from_static("trailers"));
        }
    }
    for (name, value) in &settings.headers {
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
