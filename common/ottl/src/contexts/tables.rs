//! Every path of every context, with the field it stands for.
//!
//! Points have four layouts; their paths name a field number for each: number, histogram,
//! exponential histogram, summary, 0 where a kind has no such field.

use super::Otlp;
use crate::value::OpaqueKind;

/// A path and what it reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) nest: Nest,
    pub(super) numbers: [u32; 4],
}

/// Which message of the record a field is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nest {
    /// The record's own.
    Own,
    /// The singular message in this field.
    In(u32),
}

/// How a field is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A varint of 32 bits without a sign.
    Uint32,
    /// A varint of 32 bits with a sign.
    Int32,
    /// A zigzag varint of 32 bits.
    Sint32,
    /// Four bytes; what does not fit is cut off.
    Fixed32,
    /// Four bytes; what does not fit is an error.
    Fixed32Checked,
    /// Eight bytes, read as a whole number with a sign.
    Fixed64,
    /// Eight bytes, nanoseconds since 1970.
    Time,
    Double,
    TraceId,
    SpanId,
    TraceIdText,
    SpanIdText,
    Attributes,
    Body,
    BodyText,
    /// All messages of a repeated field.
    Messages(OpaqueKind),
    /// One message.
    Message(OpaqueKind),
    Fixed64s,
    Doubles,
    Uint64s,
    /// A member of the oneof of these fields: double, int.
    ValueDouble(u32, u32),
    ValueInt(u32, u32),
    SpanKindText,
    SpanKindSymbol,
    TraceState,
    /// Which kind of data a metric has.
    MetricType,
    /// In the data of a metric.
    Temporality,
    IsMonotonic,
    DataPoints,
    /// Never known.
    EventIndex,
}

const fn row(name: &'static str, kind: Kind, number: u32) -> Row {
    Row { name, kind, nest: Nest::Own, numbers: [number; 4] }
}

const fn within(name: &'static str, kind: Kind, nest: u32, number: u32) -> Row {
    Row { name, kind, nest: Nest::In(nest), numbers: [number; 4] }
}

const fn point(name: &'static str, kind: Kind, numbers: [u32; 4]) -> Row {
    Row { name, kind, nest: Nest::Own, numbers }
}

/// A field of one set of buckets of an exponential histogram.
const fn buckets(name: &'static str, kind: Kind, nest: u32, number: u32) -> Row {
    Row { name, kind, nest: Nest::In(nest), numbers: [0, 0, number, 0] }
}

/// The paths that a context adds to those around it.
pub(super) fn rows(context: Otlp) -> &'static [Row] {
    match context {
        Otlp::Resource => RESOURCE,
        Otlp::Scope => SCOPE,
        Otlp::Span => SPAN,
        Otlp::SpanEvent => EVENT,
        Otlp::SpanLink => LINK,
        Otlp::Metric => METRIC,
        Otlp::DataPoint => POINT,
        Otlp::Exemplar => EXEMPLAR,
        Otlp::Log => LOG,
    }
}

use Kind::{
    Attributes, Body, BodyText, DataPoints, Double, Doubles, EventIndex, Fixed32, Fixed32Checked,
    Fixed64, Fixed64s, Int32, IsMonotonic, Message, Messages, MetricType, Sint32, SpanId,
    SpanIdText, SpanKindSymbol, SpanKindText, Temporality, Text, Time, TraceId, TraceIdText,
    TraceState, Uint32, Uint64s, ValueDouble, ValueInt,
};

static RESOURCE: &[Row] = &[
    within("attributes", Attributes, 1, 1),
    within("dropped_attributes_count", Uint32, 1, 2),
    row("schema_url", Text, 3),
];

static SCOPE: &[Row] = &[
    within("name", Text, 1, 1),
    within("version", Text, 1, 2),
    within("attributes", Attributes, 1, 3),
    within("dropped_attributes_count", Uint32, 1, 4),
    row("schema_url", Text, 3),
];

static SPAN: &[Row] = &[
    row("trace_id", TraceId, 1),
    row("trace_id.string", TraceIdText, 1),
    row("span_id", SpanId, 2),
    row("span_id.string", SpanIdText, 2),
    row("trace_state", TraceState, 3),
    row("parent_span_id", SpanId, 4),
    row("parent_span_id.string", SpanIdText, 4),
    row("name", Text, 5),
    row("kind", Int32, 6),
    row("kind.string", SpanKindText, 6),
    row("kind.deprecated_string", SpanKindSymbol, 6),
    row("start_time_unix_nano", Fixed64, 7),
    row("start_time", Time, 7),
    row("end_time_unix_nano", Fixed64, 8),
    row("end_time", Time, 8),
    row("attributes", Attributes, 9),
    row("dropped_attributes_count", Uint32, 10),
    row("events", Messages(OpaqueKind::Events), 11),
    row("dropped_events_count", Uint32, 12),
    row("links", Messages(OpaqueKind::Links), 13),
    row("dropped_links_count", Uint32, 14),
    row("status", Message(OpaqueKind::Status), 15),
    within("status.message", Text, 15, 2),
    within("status.code", Int32, 15, 3),
    row("flags", Fixed32Checked, 16),
];

static EVENT: &[Row] = &[
    row("time_unix_nano", Fixed64, 1),
    row("time", Time, 1),
    row("name", Text, 2),
    row("attributes", Attributes, 3),
    row("dropped_attributes_count", Uint32, 4),
    row("event_index", EventIndex, 1),
];

static LINK: &[Row] = &[
    row("trace_id", TraceId, 1),
    row("trace_id.string", TraceIdText, 1),
    row("span_id", SpanId, 2),
    row("span_id.string", SpanIdText, 2),
    row("trace_state", TraceState, 3),
    row("attributes", Attributes, 4),
    row("dropped_attributes_count", Uint32, 5),
    row("flags", Fixed32Checked, 6),
];

static METRIC: &[Row] = &[
    row("name", Text, 1),
    row("description", Text, 2),
    row("unit", Text, 3),
    row("type", MetricType, 5),
    row("aggregation_temporality", Temporality, 2),
    row("is_monotonic", IsMonotonic, 3),
    row("data_points", DataPoints, 1),
    row("metadata", Attributes, 12),
];

static POINT: &[Row] = &[
    point("attributes", Attributes, [7, 9, 1, 7]),
    row("start_time_unix_nano", Fixed64, 2),
    row("start_time", Time, 2),
    row("time_unix_nano", Fixed64, 3),
    row("time", Time, 3),
    point("value_double", ValueDouble(4, 6), [4, 0, 0, 0]),
    point("value_int", ValueInt(4, 6), [6, 0, 0, 0]),
    point("exemplars", Messages(OpaqueKind::Exemplars), [5, 8, 11, 0]),
    point("flags", Uint32, [8, 10, 10, 8]),
    point("count", Fixed64, [0, 4, 4, 4]),
    point("sum", Double, [0, 5, 5, 5]),
    point("bucket_counts", Fixed64s, [0, 6, 0, 0]),
    point("explicit_bounds", Doubles, [0, 7, 0, 0]),
    point("scale", Sint32, [0, 0, 6, 0]),
    point("zero_count", Fixed64, [0, 0, 7, 0]),
    point("positive", Message(OpaqueKind::Buckets), [0, 0, 8, 0]),
    buckets("positive.offset", Sint32, 8, 1),
    buckets("positive.bucket_counts", Uint64s, 8, 2),
    point("negative", Message(OpaqueKind::Buckets), [0, 0, 9, 0]),
    buckets("negative.offset", Sint32, 9, 1),
    buckets("negative.bucket_counts", Uint64s, 9, 2),
    point("quantile_values", Messages(OpaqueKind::Quantiles), [0, 0, 0, 6]),
];

static EXEMPLAR: &[Row] = &[
    row("time_unix_nano", Fixed64, 2),
    row("time", Time, 2),
    row("double_value", ValueDouble(3, 6), 3),
    row("int_value", ValueInt(3, 6), 6),
    row("span_id", SpanId, 4),
    row("span_id.string", SpanIdText, 4),
    row("trace_id", TraceId, 5),
    row("trace_id.string", TraceIdText, 5),
    row("filtered_attributes", Attributes, 7),
];

static LOG: &[Row] = &[
    row("time_unix_nano", Fixed64, 1),
    row("time", Time, 1),
    row("severity_number", Int32, 2),
    row("severity_text", Text, 3),
    row("body", Body, 5),
    row("body.string", BodyText, 5),
    row("attributes", Attributes, 6),
    row("dropped_attributes_count", Uint32, 7),
    row("flags", Fixed32, 8),
    row("trace_id", TraceId, 9),
    row("trace_id.string", TraceIdText, 9),
    row("span_id", SpanId, 10),
    row("span_id.string", SpanIdText, 10),
    row("observed_time_unix_nano", Fixed64, 11),
    row("observed_time", Time, 11),
    row("event_name", Text, 12),
];
