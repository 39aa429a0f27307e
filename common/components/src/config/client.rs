//! What exporters over the network share: where to send, with which headers, how compressed.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use transport::client::{ClientSettings, Ping};
use transport::coding::Coding;

use super::error::{Code, quote};
use super::quantity::{self, Address};
use super::section::{Field, Section};

/// Where an exporter connects. Without TLS until that is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    pub address: Address,
    /// Path in front of the signal's own, without a slash at its end: `` or `/otlp`. Of a signal's own endpoint
    /// the whole path.
    pub path: String,
}

/// The codings of HTTP as configurations name them, in both directions.
pub const HTTP_CODINGS: [(&str, Coding); 8] = [
    ("", Coding::Identity),
    ("gzip", Coding::Gzip),
    ("zstd", Coding::Zstd),
    ("zlib", Coding::Zlib),
    ("deflate", Coding::Deflate),
    ("snappy", Coding::Snappy),
    ("x-snappy-framed", Coding::SnappyFramed),
    ("lz4", Coding::Lz4),
];

/// The codings of gRPC as configurations name them.
const GRPC_CODINGS: [(&str, Coding); 4] = [
    ("", Coding::Identity),
    ("gzip", Coding::Gzip),
    ("zstd", Coding::Zstd),
    ("snappy", Coding::SnappyFramed),
];

/// What clocks can wait for; where Go has no limit it is this.
pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Keys of TLS that come with TLS itself.
const TLS_KEYS: &[&str] = &[
    "ca_file",
    "ca_pem",
    "cert_file",
    "cert_pem",
    "cipher_suites",
    "curve_preferences",
    "include_system_ca_certs_pool",
    "insecure_skip_verify",
    "key_file",
    "key_pem",
    "max_version",
    "min_version",
    "reload_interval",
    "server_name_override",
    "tpm",
];

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

/// Reads `endpoint` for gRPC: `host:port` or `http://host:port`, as grpc-go takes it.
pub fn grpc_target(section: &Section<'_>) -> Option<Target> {
    let insecure = tls_insecure(section);
    let text = section.required_string("endpoint")?;
    let (plain, rest) = match text.split_once("://") {
        Some(("http", rest)) => (true, rest),
        Some(("https", _)) => return refuse_tls(section, "endpoint", &text),
        Some(("dns", rest)) => (insecure, rest.trim_start_matches('/')),
        Some(_) => return bad_endpoint(section, &text, "host:port or http://host:port"),
        None => (insecure, text.as_str()),
    };
    let parsed = quantity::address(rest.trim_end_matches('/'));
    let Some(address) = parsed.ok().filter(|address| !address.host.is_empty()) else {
        return bad_endpoint(section, &text, "host:port or http://host:port");
    };
    if !plain {
        let message = "TLS is not built in yet, expected tls.insecure: true or an http:// endpoint";
        section.error("tls", Code::NotBuiltIn, message);
        return None;
    }
    Some(Target { address, path: String::new() })
}

/// Reads `endpoint` for HTTP: a base URL to which `/v1/traces` and so on is added. `needed` says whether it must be
/// there.
pub fn http_target(section: &Section<'_>, needed: bool) -> Option<Target> {
    tls_insecure(section);
    if !needed && section.field("endpoint").is_none() {
        return None;
    }
    section.required_string("endpoint")?;
    let mut target = http_url(section, "endpoint")?;
    target.path.truncate(target.path.trim_end_matches('/').len());
    Some(target)
}

/// Reads a URL that is used as it is.
pub fn http_url(section: &Section<'_>, key: &'static str) -> Option<Target> {
    let text = section.opt_string(key)?;
    if text.starts_with("https://") {
        return refuse_tls(section, key, &text);
    }
    let target = text.strip_prefix("http://").and_then(url);
    if target.is_none() {
        let message = format!("{}, expected a URL such as http://localhost:4318", quote(&text));
        section.error(key, Code::BadValue, message);
    }
    target
}

/// Reads headers, a mapping or, as in newer Collectors, a list of name and value.
pub fn headers(section: &Section<'_>, key: &'static str) -> Vec<(String, String)> {
    let Some(field) = section.field(key) else {
        return Vec::new();
    };
    if matches!(field.value().node, super::value::Node::Seq(_)) {
        return field.list().iter().filter_map(header_item).collect();
    }
    let entries = field.section().entries();
    entries.iter().filter_map(|(name, value)| header(name, value)).collect()
}

/// Reads a list of names of headers.
pub fn header_names(section: &Section<'_>, key: &'static str) -> Vec<String> {
    let name = |field: Field<'_>| {
        let name = field.string()?;
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            field.error(Code::BadValue, format!("{}, expected a header's name", quote(&name)));
            return None;
        }
        Some(name)
    };
    section.list(key).into_iter().filter_map(name).collect()
}

/// Checks `read_buffer_size` and `write_buffer_size`, which have no effect: buffers are ours to choose.
pub fn buffer_sizes(section: &Section<'_>) {
    for key in ["read_buffer_size", "write_buffer_size"] {
        section.u64_in(key, 0, 0..=u64::from(u32::MAX));
    }
}

/// Reads `compression` over HTTP; gzip by default, as in the Collector.
pub fn http_compression(section: &Section<'_>) -> Coding {
    compression(section, &HTTP_CODINGS)
}

/// The same over gRPC.
pub fn grpc_compression(section: &Section<'_>) -> Coding {
    compression(section, &GRPC_CODINGS)
}

fn compression(section: &Section<'_>, codings: &[(&'static str, Coding)]) -> Coding {
    let names: Vec<_> = codings.iter().copied().chain([("none", Coding::Identity)]).collect();
    section.one_of("compression", Coding::Gzip, &names)
}

/// Reads `compression_params.level`; zero, or nothing, is the fastest that compresses in earnest.
pub fn compression_level(section: &Section<'_>, compression: Coding) -> Option<i32> {
    let range = match compression {
        Coding::Gzip | Coding::Deflate | Coding::Zlib => -1..=9,
        // The Collector takes any and uses the nearest that there is.
        Coding::Zstd | Coding::Identity => i64::from(i32::MIN)..=i64::from(i32::MAX),
        // They have none.
        Coding::Snappy | Coding::SnappyFramed | Coding::Lz4 => 0..=0,
    };
    let level = section.sub("compression_params").i64_in("level", 0, range);
    i32::try_from(level).ok().filter(|level| *level != 0)
}

/// Reads how an HTTP client keeps its connections. Zero is no limit, but for `max_idle_conns_per_host`, where it is our
/// default.
pub fn http_connections(section: &Section<'_>) -> ClientSettings {
    let usual = ClientSettings::default();
    let count = |key, default| {
        let given = section.u64_in(key, default, 0..=u64::from(u32::MAX));
        (given > 0).then(|| usize::try_from(given).unwrap_or(usize::MAX))
    };
    let idle = section.duration("idle_conn_timeout", usual.idle_timeout.unwrap_or_default());
    let max_idle = count("max_idle_conns", 100).unwrap_or(usize::MAX);
    let max_idle_per_host = count("max_idle_conns_per_host", 0).unwrap_or(usual.max_idle);
    ClientSettings {
        idle_timeout: (!idle.is_zero()).then(|| idle.min(LONGEST)),
        max_idle: max_idle.min(max_idle_per_host),
        max_connections: count("max_conns_per_host", 0),
        keep_alives: !section.bool("disable_keep_alives", false),
        ..usual
    }
}

/// Reads `keepalive` and `authority` of a gRPC client.
pub fn grpc_connections(section: &Section<'_>) -> ClientSettings {
    let keepalive = section.sub("keepalive");
    let usual = Duration::from_secs(10);
    let ping = Ping {
        // As grpc-go has it: no shorter than its usual time; no timeout given is 20 s.
        interval: keepalive.duration("time", usual).clamp(usual, LONGEST),
        timeout: match keepalive.duration("timeout", usual) {
            Duration::ZERO => Duration::from_secs(20),
            timeout => timeout.min(LONGEST),
        },
        while_idle: keepalive.bool("permit_without_stream", false),
    };
    let authority = section.opt_string("authority").filter(|authority| !authority.is_empty());
    if let Some(authority) = &authority
        && http::uri::Authority::try_from(authority.as_str()).is_err()
    {
        section.error(
            "authority",
            Code::BadValue,
            format!("{}, expected a host", quote(authority)),
        );
    }
    ClientSettings { ping: Some(ping), authority, ..ClientSettings::default() }
}

fn tls_insecure(section: &Section<'_>) -> bool {
    let tls = section.sub("tls");
    tls.not_built_yet(TLS_KEYS);
    tls.bool("insecure", false)
}

fn url(rest: &str) -> Option<Target> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let clean = path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
    let path = path.to_owned();
    let address = quantity::address(authority).ok().or_else(|| {
        let host = quantity::host_of(authority).ok()?.to_owned();
        Some(Address { host, port: 80 })
    })?;
    (clean && !address.host.is_empty()).then_some(Target { address, path })
}

fn refuse_tls<T>(section: &Section<'_>, key: &'static str, text: &str) -> Option<T> {
    let message = format!("{}: TLS is not built in yet, expected an http:// endpoint", quote(text));
    section.error(key, Code::NotBuiltIn, message);
    None
}

fn bad_endpoint<T>(section: &Section<'_>, text: &str, expected: &str) -> Option<T> {
    section.error("endpoint", Code::BadValue, format!("{}, expected {expected}", quote(text)));
    None
}

fn header_item(field: &Field<'_>) -> Option<(String, String)> {
    let item = field.section();
    let name = item.required_string("name");
    let value = item.field("value");
    header(&name?, &value?)
}

// Names and values as RFC 9110 (sections 5.1 and 5.5) has them, names in lower case for HTTP/2.
fn header(name: &str, field: &Field<'_>) -> Option<(String, String)> {
    let value = if field.value().is_null() { String::new() } else { field.string()? };
    let name_ok = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    if !name_ok || http::HeaderValue::from_str(&value).is_err() {
        // The value may be a secret and is not repeated.
        let what = if name_ok { "a value that no header can have" } else { "not a header's name" };
        field.error(Code::BadValue, format!("{what}, expected an HTTP header"));
        return None;
    }
    Some((name.to_ascii_lowercase(), value))
}

/// Whether a host is this host's loopback, without looking it up.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}
