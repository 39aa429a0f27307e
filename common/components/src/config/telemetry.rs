//! `service.telemetry`: our own logs, metrics and resource.
//!
//! The default metrics reader is the Collector's: Prometheus on localhost:8888. Keys of the
//! Collector that we do not have yet are refused by name.

use super::error::{Code, quote};
use super::quantity::{self, Address};
use super::section::{Field, Section};

/// The settings of `service.telemetry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// What is logged and how.
    pub logs: Logs,
    /// How much is measured.
    pub metrics_level: MetricsLevel,
    /// Where Prometheus may pull; empty when `readers` is an empty list or the level is none.
    pub metrics_addresses: Vec<Address>,
    /// Attributes of our own resource; `None` takes a default one away.
    pub resource: Vec<(String, Option<String>)>,
}

/// `service.telemetry.logs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// The least severe line that is written.
    pub level: LogLevel,
    /// The form of a line.
    pub encoding: LogEncoding,
}

impl Default for Logs {
    fn default() -> Self {
        Self { level: LogLevel::Info, encoding: LogEncoding::Console }
    }
}

/// Severity of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need action.
    Warn,
    /// What failed.
    Error,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEncoding {
    /// For people.
    Console,
    /// One JSON object per line.
    Json,
}

/// `service.telemetry.metrics.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsLevel {
    /// No metrics at all.
    None,
    /// The essential ones.
    Basic,
    /// The default.
    Normal,
    /// With costly dimensions.
    Detailed,
}

/// Where the Collector shows its own metrics.
pub const DEFAULT_METRICS_ADDRESS: &str = "localhost:8888";

const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
];
const LOG_ENCODINGS: &[(&str, LogEncoding)] =
    &[("console", LogEncoding::Console), ("json", LogEncoding::Json)];
const METRICS_LEVELS: &[(&str, MetricsLevel)] = &[
    ("none", MetricsLevel::None),
    ("basic", MetricsLevel::Basic),
    ("normal", MetricsLevel::Normal),
    ("detailed", MetricsLevel::Detailed),
];

impl Telemetry {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        section.not_built_yet(&["traces"]);
        let metrics = section.sub("metrics");
        metrics.not_built_yet(&["address", "views"]);
        let logs = logs(&section.sub("logs"));
        let metrics_level = metrics.one_of("level", MetricsLevel::Normal, METRICS_LEVELS);
        let mut metrics_addresses = readers(&metrics);
        if metrics_level == MetricsLevel::None {
            metrics_addresses.clear();
        }
        Self {
            logs,
            metrics_level,
            metrics_addresses,
            resource: resource(&section.sub("resource")),
        }
    }
}

fn logs(section: &Section<'_>) -> Logs {
    section.not_built_yet(&[
        "development",
        "disable_caller",
        "disable_stacktrace",
        "sampling",
        "output_paths",
        "error_output_paths",
        "initial_fields",
        "processors",
        "disable_zap_resource",
    ]);
    Logs {
        level: section.one_of("level", LogLevel::Info, LOG_LEVELS),
        encoding: section.one_of("encoding", LogEncoding::Console, LOG_ENCODINGS),
    }
}

fn readers(metrics: &Section<'_>) -> Vec<Address> {
    match metrics.field("readers") {
        Some(field) => field.list().iter().filter_map(reader).collect(),
        None => quantity::address(DEFAULT_METRICS_ADDRESS).into_iter().collect(),
    }
}

fn reader(field: &Field<'_>) -> Option<Address> {
    let reader = field.section();
    reader.not_built_yet(&["periodic"]);
    if reader.has("periodic") {
        return None;
    }
    let exporter = reader.sub("pull").sub("exporter");
    let prometheus = exporter.sub("prometheus");
    prometheus.not_built_yet(&[
        "with_resource_constant_labels",
        "without_scope_info",
        "without_type_suffix",
        "without_units",
    ]);
    let host = prometheus.string("host", "localhost");
    let port = prometheus.u64_in("port", 8888, 0..=u64::from(u16::MAX));
    if quantity::host_of(&host).is_err() && quantity::host_of(&format!("[{host}]")).is_err() {
        prometheus.error("host", Code::BadValue, format!("{}, expected a host", quote(&host)));
    }
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Address { host, port: u16::try_from(port).unwrap_or(u16::MAX) })
}

fn resource(section: &Section<'_>) -> Vec<(String, Option<String>)> {
    let attribute = |(key, field): &(&str, Field<'_>)| match field.value().is_null() {
        true => Some(((*key).to_owned(), None)),
        false => Some(((*key).to_owned(), Some(field.string()?))),
    };
    section.entries().iter().filter_map(attribute).collect()
}
