//! A trace as Jaeger's older API writes it.

use serde::Serialize;

/// The spans of a trace and the processes they ran in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    pub(super) spans: Vec<Span>,
    pub(super) processes: serde_json::Map<String, serde_json::Value>,
    pub(super) warnings: Option<()>,
}

/// A span; times in microseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    #[serde(rename = "spanID")]
    pub(super) span_id: String,
    pub(super) operation_name: String,
    pub(super) references: Vec<Reference>,
    pub(super) start_time: u64,
    pub(super) duration: u64,
    pub(super) tags: Vec<Tag>,
    pub(super) logs: Vec<Log>,
    #[serde(rename = "processID")]
    pub(super) process_id: String,
    pub(super) warnings: Option<()>,
}

/// From one span to another.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) ref_type: &'static str,
    #[serde(rename = "traceID")]
    pub(super) trace_id: String,
    #[serde(rename = "spanID")]
    pub(super) span_id: String,
}

/// What a span belongs to: a resource.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process {
    pub(super) service_name: String,
    pub(super) tags: Vec<Tag>,
}

/// An event; its time in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Log {
    pub(super) timestamp: u64,
    pub(super) fields: Vec<Tag>,
}

/// A typed value by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) value: serde_json::Value,
}

impl Tag {
    /// A text.
    pub(super) fn text(key: &str, value: impl Into<String>) -> Self {
        Self { key: key.to_owned(), kind: "string", value: value.into().into() }
    }
}
