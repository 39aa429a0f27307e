//! The messages of OTLP as tables: field numbers, JSON names and kinds.
//!
//! Whoever needs every field of a message (the deep check, the JSON writer) walks these tables, so
//! a field added to OTLP is one row here. Numbers and names are those of opentelemetry-proto 1.11.
//! Fields that a signal must not use (string indices of profiles) are left out and so count as
//! unknown.

use crate::Signal;

/// Deepest nesting of messages that a reader follows; attribute values may nest without end.
pub const MAX_DEPTH: usize = 64;

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its fields in the order in which they are written.
    pub(crate) fields: &'static [Row],
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rule: Rule,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// UTF-8.
    Text,
    /// Bytes, base64 in JSON.
    Bytes,
    /// A trace or span id, hexadecimal in JSON.
    Id,
    /// A varint of at most 32 bits: a number in JSON.
    Uint32,
    /// A varint of 32 bits, signed: enums are numbers in JSON, also those that nobody named.
    Enum,
    /// A zigzag varint of 32 bits.
    Sint32,
    /// A varint of 64 bits, unsigned: a text in JSON.
    Uint64,
    /// A varint of 64 bits, signed.
    Int64,
    /// Eight bytes, unsigned.
    Fixed64,
    /// Eight bytes, signed.
    Sfixed64,
    /// Four bytes.
    Fixed32,
    /// Eight bytes, IEEE 754.
    Double,
    /// A varint, 0 or not.
    Bool,
    /// A message.
    Message(&'static Message),
}

/// How often a field may stand, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Once; the default is not written.
    Single,
    /// Once; presence is written even for the default.
    Optional,
    /// Once, a text; written even when absent, since readers insist on it.
    Always,
    /// One of the members of the message's only oneof; the last one written counts.
    OneOf,
    /// Any number of times; scalars packed or not.
    Repeated,
}

/// A row; for tables elsewhere, too.
pub(crate) const fn row(number: u32, name: &'static str, kind: Kind, rule: Rule) -> Row {
    Row { number, name, kind, rule }
}

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Sfixed64, Sint32, Text, Uint32, Uint64,
};
use Rule::{Always, OneOf, Optional, Repeated, Single};

/// The request of a signal that has views; profiles have none.
pub(crate) fn request(signal: Signal) -> Option<&'static Message> {
    match signal {
        Signal::Traces => Some(&TRACES),
        Signal::Metrics => Some(&METRICS),
        Signal::Logs => Some(&LOGS),
        Signal::Profiles => None,
    }
}

static TRACES: Message =
    Message { fields: &[row(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS), Repeated)] };
static RESOURCE_SPANS: Message = Message {
    fields: &[
        row(1, "resource", Kind::Message(&RESOURCE), Single),
        row(2, "scopeSpans", Kind::Message(&SCOPE_SPANS), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static SCOPE_SPANS: Message = Message {
    fields: &[
        row(1, "scope", Kind::Message(&SCOPE), Single),
        row(2, "spans", Kind::Message(&SPAN), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static SPAN: Message = Message {
    fields: &[
        row(1, "traceId", Id, Single),
        row(2, "spanId", Id, Single),
        row(3, "traceState", Text, Single),
        row(4, "parentSpanId", Id, Single),
        row(16, "flags", Fixed32, Single),
        row(5, "name", Text, Single),
        row(6, "kind", Enum, Single),
        row(7, "startTimeUnixNano", Fixed64, Single),
        row(8, "endTimeUnixNano", Fixed64, Single),
        row(9, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(10, "droppedAttributesCount", Uint32, Single),
        row(11, "events", Kind::Message(&EVENT), Repeated),
        row(12, "droppedEventsCount", Uint32, Single),
        row(13, "links", Kind::Message(&LINK), Repeated),
        row(14, "droppedLinksCount", Uint32, Single),
        row(15, "status", Kind::Message(&STATUS), Single),
    ],
};
static EVENT: Message = Message {
    fields: &[
        row(1, "timeUnixNano", Fixed64, Single),
        row(2, "name", Text, Single),
        row(3, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(4, "droppedAttributesCount", Uint32, Single),
    ],
};
static LINK: Message = Message {
    fields: &[
        row(1, "traceId", Id, Single),
        row(2, "spanId", Id, Single),
        row(3, "traceState", Text, Single),
        row(4, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(5, "droppedAttributesCount", Uint32, Single),
        row(6, "flags", Fixed32, Single),
    ],
};
static STATUS: Message =
    Message { fields: &[row(2, "message", Text, Single), row(3, "code", Enum, Single)] };

static LOGS: Message =
    Message { fields: &[row(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS), Repeated)] };
static RESOURCE_LOGS: Message = Message {
    fields: &[
        row(1, "resource", Kind::Message(&RESOURCE), Single),
        row(2, "scopeLogs", Kind::Message(&SCOPE_LOGS), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static SCOPE_LOGS: Message = Message {
    fields: &[
        row(1, "scope", Kind::Message(&SCOPE), Single),
        row(2, "logRecords", Kind::Message(&LOG_RECORD), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static LOG_RECORD: Message = Message {
    fields: &[
        row(1, "timeUnixNano", Fixed64, Single),
        row(11, "observedTimeUnixNano", Fixed64, Single),
        row(2, "severityNumber", Enum, Single),
        row(3, "severityText", Text, Single),
        row(5, "body", Kind::Message(&ANY_VALUE), Single),
        row(6, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(7, "droppedAttributesCount", Uint32, Single),
        row(8, "flags", Fixed32, Single),
        row(9, "traceId", Id, Single),
        row(10, "spanId", Id, Single),
        row(12, "eventName", Text, Single),
    ],
};

static METRICS: Message =
    Message { fields: &[row(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS), Repeated)] };
static RESOURCE_METRICS: Message = Message {
    fields: &[
        row(1, "resource", Kind::Message(&RESOURCE), Single),
        row(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static SCOPE_METRICS: Message = Message {
    fields: &[
        row(1, "scope", Kind::Message(&SCOPE), Single),
        row(2, "metrics", Kind::Message(&METRIC), Repeated),
        row(3, "schemaUrl", Text, Single),
    ],
};
static METRIC: Message = Message {
    fields: &[
        row(1, "name", Text, Single),
        row(2, "description", Text, Single),
        row(3, "unit", Text, Single),
        row(5, "gauge", Kind::Message(&GAUGE), OneOf),
        row(7, "sum", Kind::Message(&SUM), OneOf),
        row(9, "histogram", Kind::Message(&HISTOGRAM), OneOf),
        row(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM), OneOf),
        row(11, "summary", Kind::Message(&SUMMARY), OneOf),
        row(12, "metadata", Kind::Message(&KEY_VALUE), Repeated),
    ],
};
static GAUGE: Message =
    Message { fields: &[row(1, "dataPoints", Kind::Message(&NUMBER_POINT), Repeated)] };
static SUM: Message = Message {
    fields: &[
        row(1, "dataPoints", Kind::Message(&NUMBER_POINT), Repeated),
        row(2, "aggregationTemporality", Enum, Single),
        row(3, "isMonotonic", Bool, Single),
    ],
};
static HISTOGRAM: Message = Message {
    fields: &[
        row(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT), Repeated),
        row(2, "aggregationTemporality", Enum, Single),
    ],
};
static EXPONENTIAL_HISTOGRAM: Message = Message {
    fields: &[
        row(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT), Repeated),
        row(2, "aggregationTemporality", Enum, Single),
    ],
};
static SUMMARY: Message =
    Message { fields: &[row(1, "dataPoints", Kind::Message(&SUMMARY_POINT), Repeated)] };
static NUMBER_POINT: Message = Message {
    fields: &[
        row(7, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "startTimeUnixNano", Fixed64, Single),
        row(3, "timeUnixNano", Fixed64, Single),
        row(4, "asDouble", Double, OneOf),
        row(6, "asInt", Sfixed64, OneOf),
        row(5, "exemplars", Kind::Message(&EXEMPLAR), Repeated),
        row(8, "flags", Uint32, Single),
    ],
};
static HISTOGRAM_POINT: Message = Message {
    fields: &[
        row(9, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "startTimeUnixNano", Fixed64, Single),
        row(3, "timeUnixNano", Fixed64, Single),
        row(4, "count", Fixed64, Single),
        row(5, "sum", Double, Optional),
        row(6, "bucketCounts", Fixed64, Repeated),
        row(7, "explicitBounds", Double, Repeated),
        row(8, "exemplars", Kind::Message(&EXEMPLAR), Repeated),
        row(10, "flags", Uint32, Single),
        row(11, "min", Double, Optional),
        row(12, "max", Double, Optional),
    ],
};
static EXPONENTIAL_POINT: Message = Message {
    fields: &[
        row(1, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "startTimeUnixNano", Fixed64, Single),
        row(3, "timeUnixNano", Fixed64, Single),
        row(4, "count", Fixed64, Single),
        row(5, "sum", Double, Optional),
        row(6, "scale", Sint32, Single),
        row(7, "zeroCount", Fixed64, Single),
        row(8, "positive", Kind::Message(&BUCKETS), Single),
        row(9, "negative", Kind::Message(&BUCKETS), Single),
        row(10, "flags", Uint32, Single),
        row(11, "exemplars", Kind::Message(&EXEMPLAR), Repeated),
        row(12, "min", Double, Optional),
        row(13, "max", Double, Optional),
        row(14, "zeroThreshold", Double, Single),
    ],
};
static BUCKETS: Message = Message {
    fields: &[row(1, "offset", Sint32, Single), row(2, "bucketCounts", Uint64, Repeated)],
};
static SUMMARY_POINT: Message = Message {
    fields: &[
        row(7, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "startTimeUnixNano", Fixed64, Single),
        row(3, "timeUnixNano", Fixed64, Single),
        row(4, "count", Fixed64, Single),
        row(5, "sum", Double, Single),
        row(6, "quantileValues", Kind::Message(&QUANTILE), Repeated),
        row(8, "flags", Uint32, Single),
    ],
};
static QUANTILE: Message =
    Message { fields: &[row(1, "quantile", Double, Single), row(2, "value", Double, Single)] };
static EXEMPLAR: Message = Message {
    fields: &[
        row(7, "filteredAttributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "timeUnixNano", Fixed64, Single),
        row(3, "asDouble", Double, OneOf),
        row(6, "asInt", Sfixed64, OneOf),
        row(4, "spanId", Id, Single),
        row(5, "traceId", Id, Single),
    ],
};

static RESOURCE: Message = Message {
    fields: &[
        row(1, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(2, "droppedAttributesCount", Uint32, Single),
        row(3, "entityRefs", Kind::Message(&ENTITY_REF), Repeated),
    ],
};
static ENTITY_REF: Message = Message {
    fields: &[
        row(1, "schemaUrl", Text, Single),
        row(2, "type", Text, Single),
        row(3, "idKeys", Text, Repeated),
        row(4, "descriptionKeys", Text, Repeated),
    ],
};
static SCOPE: Message = Message {
    fields: &[
        row(1, "name", Text, Single),
        row(2, "version", Text, Single),
        row(3, "attributes", Kind::Message(&KEY_VALUE), Repeated),
        row(4, "droppedAttributesCount", Uint32, Single),
    ],
};
static KEY_VALUE: Message = Message {
    fields: &[row(1, "key", Text, Always), row(2, "value", Kind::Message(&ANY_VALUE), Single)],
};
pub(crate) static ANY_VALUE: Message = Message {
    fields: &[
        row(1, "stringValue", Text, OneOf),
        row(2, "boolValue", Bool, OneOf),
        row(3, "intValue", Int64, OneOf),
        row(4, "doubleValue", Double, OneOf),
        row(5, "arrayValue", Kind::Message(&ARRAY), OneOf),
        row(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST), OneOf),
        row(7, "bytesValue", Bytes, OneOf),
    ],
};
static ARRAY: Message =
    Message { fields: &[row(1, "values", Kind::Message(&ANY_VALUE), Repeated)] };
static KEY_VALUE_LIST: Message =
    Message { fields: &[row(1, "values", Kind::Message(&KEY_VALUE), Repeated)] };
