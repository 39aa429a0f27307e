//! The exporters `otlp_grpc` (old name `otlp`) and `otlp_http` (old name `otlphttp`).
//!
//! TLS is not built in yet. A gRPC endpoint without a scheme means TLS in the Collector, so it
//! needs `tls.insecure: true` here, and the error says so.

use std::time::Duration;

use otlp::Signal;
use transport::client::ClientSettings;
use transport::coding::Coding;

use super::client::{self, Target};
use super::section::Section;
use super::sending::Sending;

/// How an exporter writes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Proto,
    /// OTLP/JSON; over HTTP only.
    Json,
}

/// Settings of an OTLP exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpExporter {
    /// Where to send what has no endpoint of its own; `None` where that was reported as wrong, or every signal
    /// that is named has one.
    pub target: Option<Target>,
    /// `traces_endpoint` and so on: URLs that are used as they are.
    pub own_targets: Vec<(Signal, Target)>,
    /// How messages are written.
    pub encoding: Encoding,
    /// Headers of every request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Compression of bodies.
    pub compression: Coding,
    /// `compression_params.level`, as zlib and Zstandard count; the fastest by default.
    pub level: Option<i32>,
    /// How connections are kept.
    pub client: ClientSettings,
    /// Whether an attempt waits for a connection rather than fail for want of one.
    pub wait_for_ready: bool,
    /// Attempts, retries and the queue before them.
    pub sending: Sending,
}

impl OtlpExporter {
    /// Reads the section of `otlp_grpc`.
    pub fn read_grpc(section: &Section<'_>) -> Self {
        section.not_built_yet(&["auth", "balancer_name", "middlewares"]);
        let target = client::grpc_target(section);
        let compression = client::grpc_compression(section);
        let shared = Self::read(section, target, compression, Duration::from_secs(5));
        let wait_for_ready = section.bool("wait_for_ready", false);
        Self { client: client::grpc_connections(section), wait_for_ready, ..shared }
    }

    /// Reads the section of `otlp_http`.
    pub fn read_http(section: &Section<'_>) -> Self {
        section.not_built_yet(&[
            "auth",
            "cookies",
            "force_attempt_http2",
            "http2_ping_timeout",
            "http2_read_idle_timeout",
            "keepalive",
            "middlewares",
            "profiles_endpoint",
            "proxy_url",
        ]);
        let encodings = [("proto", Encoding::Proto), ("json", Encoding::Json)];
        let encoding = section.one_of("encoding", Encoding::Proto, &encodings);
        let keys = [
            ("traces_endpoint", Signal::Traces),
            ("metrics_endpoint", Signal::Metrics),
            ("logs_endpoint", Signal::Logs),
        ];
        let is_split = keys.iter().any(|(key, _)| section.field(key).is_some());
        let target = client::http_target(section, !is_split);
        let own = |(key, signal)| Some((signal, client::http_url(section, key)?));
        let own_targets = keys.into_iter().filter_map(own).collect();
        let compression = client::http_compression(section);
        let level = client::compression_level(section, compression);
        let shared = Self::read(section, target, compression, Duration::from_secs(30));
        let client = client::http_connections(section);
        Self { encoding, own_targets, level, client, ..shared }
    }

    /// Everywhere it may send to.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.target.iter().chain(self.own_targets.iter().map(|(_, target)| target))
    }

    /// Whether it knows where to send a signal.
    pub fn serves(&self, signal: Signal) -> bool {
        self.target.is_some() || self.own_targets.iter().any(|(own, _)| *own == signal)
    }

    fn read(
        section: &Section<'_>,
        target: Option<Target>,
        compression: Coding,
        timeout: Duration,
    ) -> Self {
        client::buffer_sizes(section);
        Self {
            target,
            own_targets: Vec::new(),
            encoding: Encoding::Proto,
            headers: client::headers(section, "headers"),
            compression,
            level: None,
            client: ClientSettings::default(),
            wait_for_ready: false,
            sending: Sending::read(section, timeout),
        }
    }
}
