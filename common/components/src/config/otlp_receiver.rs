//! The receiver `otlp`. A protocol that is not named is off; defaults are the Collector's.
//!
//! `read_buffer_size`, `write_buffer_size` and `keepalive.enforcement_policy` are checked and have no effect:
//! buffers are ours to choose, and who pings often is let be.

mod connections;
mod cors;

use otlp::Signal;
use transport::coding::Coding;
use transport::listener::ConnectionSettings;

pub use cors::Cors;

use super::client::{self, HTTP_CODINGS};
use super::error::{Code, quote};
use super::quantity::Address;
use super::section::Section;

/// Settings of the receiver `otlp`; at least one protocol is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpReceiver {
    /// `protocols.grpc`.
    pub grpc: Option<GrpcServer>,
    /// `protocols.http`.
    pub http: Option<HttpServer>,
}

/// OTLP over gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcServer {
    /// Where to listen, localhost:4317 by default.
    pub endpoint: Address,
    /// Largest message after inflating, `max_recv_msg_size_mib` in bytes; 4 MiB by default.
    pub max_message_bytes: u64,
    /// Whether request headers go along with the data.
    pub include_metadata: bool,
    /// `max_concurrent_streams` and `keepalive`.
    pub connections: ConnectionSettings,
}

/// OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpServer {
    /// Where to listen, localhost:4318 by default.
    pub endpoint: Address,
    /// Largest body, announced, received or inflated; 20 MiB by default.
    pub max_body_bytes: u64,
    /// Whether request headers go along with the data.
    pub include_metadata: bool,
    /// The path of each signal; profiles have theirs.
    pub paths: Vec<(String, Signal)>,
    /// Codings that are taken, `compression_algorithms`; all by default.
    pub codings: Vec<Coding>,
    /// Pages of which origins may send.
    pub cors: Option<Cors>,
    /// Headers of every answer, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// `idle_timeout`, `read_header_timeout` and `keep_alives_enabled`.
    pub connections: ConnectionSettings,
}

const MIB: u64 = 1 << 20;
const DEFAULT_MESSAGE_MIB: u64 = 4;
const DEFAULT_BODY_BYTES: u64 = 20 * MIB;
/// Largest body that can be allowed: positions in a body are 32 bits wide.
const MAX_BODY_BYTES: u64 = 2048 * MIB - 1;

impl OtlpReceiver {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let protocols = section.sub("protocols");
        let grpc = protocols.has("grpc").then(|| grpc(&protocols.sub("grpc")));
        let http = protocols.has("http").then(|| http(&protocols.sub("http")));
        if grpc.is_none() && http.is_none() {
            section.missing("protocols", "grpc, http or both");
        }
        Self { grpc, http }
    }
}

fn grpc(section: &Section<'_>) -> GrpcServer {
    section.not_built_yet(&["auth", "middlewares", "tls"]);
    client::buffer_sizes(section);
    section.one_built_of("transport", (), &[("tcp", ())], &["tcp4", "tcp6", "unix"]);
    let max_mib = section.u64_in("max_recv_msg_size_mib", 0, 0..=MAX_BODY_BYTES / MIB);
    GrpcServer {
        endpoint: section.address("endpoint", "localhost:4317"),
        max_message_bytes: if max_mib == 0 { DEFAULT_MESSAGE_MIB } else { max_mib } * MIB,
        include_metadata: section.bool("include_metadata", false),
        connections: connections::grpc(section),
    }
}

fn http(section: &Section<'_>) -> HttpServer {
    section.not_built_yet(&[
        "auth",
        "keepalive",
        "middlewares",
        "profiles_url_path",
        "read_timeout",
        "tls",
        "write_timeout",
    ]);
    // Zero means the default, as in the Collector.
    let max_body = section.u64_in("max_request_body_size", 0, 0..=MAX_BODY_BYTES);
    HttpServer {
        endpoint: section.address("endpoint", "localhost:4318"),
        max_body_bytes: if max_body == 0 { DEFAULT_BODY_BYTES } else { max_body },
        include_metadata: section.bool("include_metadata", false),
        paths: paths(section),
        codings: codings(section),
        cors: Cors::read(section),
        response_headers: client::headers(section, "response_headers"),
        connections: connections::http(section),
    }
}

/// Reads `compression_algorithms`; the empty name is a body that is not compressed. As in the Collector, a list
/// without it refuses those.
fn codings(section: &Section<'_>) -> Vec<Coding> {
    match section.field("compression_algorithms") {
        Some(field) => field.list().iter().filter_map(|item| item.one_of(&HTTP_CODINGS)).collect(),
        None => HTTP_CODINGS.map(|(_, coding)| coding).to_vec(),
    }
}

/// The paths of the signals; as in the Collector the slash in front may be missing.
fn paths(section: &Section<'_>) -> Vec<(String, Signal)> {
    let keys = [
        ("traces_url_path", Signal::Traces),
        ("metrics_url_path", Signal::Metrics),
        ("logs_url_path", Signal::Logs),
    ];
    let mut paths = vec![(Signal::Profiles.http_path().to_owned(), Signal::Profiles)];
    for (key, signal) in keys {
        let path = section.opt_string(key).filter(|path| !path.is_empty());
        let path = path.unwrap_or_else(|| signal.http_path().to_owned());
        let path = format!("/{}", path.strip_prefix('/').unwrap_or(&path));
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#') {
            section.error(key, Code::BadValue, format!("{}, expected a path", quote(&path)));
        } else if paths.iter().any(|(known, _)| *known == path) {
            let message = format!("{}, which another signal has already", quote(&path));
            section.error(key, Code::BadValue, message);
        }
        paths.push((path, signal));
    }
    paths
}
