//! Metrics that we make ourselves, written as OTLP bytes point by point.
//!
//! A [`Metric`] collects points that are written where they end up; [`request`] puts metrics under a
//! resource and a scope. Nothing is decoded or built as a message in between.

use bytes::Bytes;
use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint, put_varint};

/// OTLP: AggregationTemporality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporality {
    /// What happened since the point before.
    Delta = 1,
    /// What happened since the start.
    Cumulative = 2,
}

/// What the points of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// A sum, which only grows if `monotonic`.
    Sum {
        /// Since when.
        temporality: Temporality,
        /// Whether it only grows.
        monotonic: bool,
    },
    /// Counts between bounds.
    Histogram(Temporality),
    /// Counts between powers of a base.
    ExponentialHistogram(Temporality),
}

impl Data {
    /// OTLP: the attributes' field in a point of this kind.
    pub(crate) const fn attributes_field(self) -> u32 {
        match self {
            Self::Sum { .. } => 7,
            Self::Histogram(_) => 9,
            Self::ExponentialHistogram(_) => 1,
        }
    }
}

/// A metric and its points so far.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    name: String,
    description: &'static str,
    unit: &'static str,
    data: Data,
    points: Vec<u8>,
    count: u64,
}

impl Metric {
    /// One without points.
    pub(crate) fn new(
        name: impl Into<String>,
        description: &'static str,
        unit: &'static str,
        data: Data,
    ) -> Self {
        Self { name: name.into(), description, unit, data, points: Vec::new(), count: 0 }
    }

    /// What its points are.
    pub(crate) fn data(&self) -> Data {
        self.data
    }

    /// Adds a point that `write` writes.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        put_message(&mut self.points, 1, write);
        self.count += 1;
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.name.as_bytes());
        if !self.description.is_empty() {
            put_bytes(out, 2, self.description.as_bytes());
        }
        if !self.unit.is_empty() {
            put_bytes(out, 3, self.unit.as_bytes());
        }
        let (number, temporality, monotonic) = match self.data {
            Data::Sum { temporality, monotonic } => (7, temporality as u64, monotonic),
            Data::Histogram(temporality) => (9, temporality as u64, false),
            Data::ExponentialHistogram(temporality) => (10, temporality as u64, false),
        };
        put_message(out, number, |out| {
            out.extend_from_slice(&self.points);
            put_uint(out, 2, temporality);
            put_uint(out, 3, u64::from(monotonic));
        });
    }
}

/// A request with the metrics that have points, and how many these are. `resource` holds the fields
/// of a `Resource`.
pub(crate) fn request(resource: &[u8], scope: &str, metrics: &[Metric]) -> (Bytes, u64) {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        put_bytes(out, 1, resource);
        put_message(out, 2, |out| {
            put_message(out, 1, |out| {
                put_bytes(out, 1, scope.as_bytes());
                put_bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            let filled = metrics.iter().filter(|metric| metric.count > 0);
            filled.for_each(|metric| put_message(out, 2, |out| metric.write(out)));
        });
    });
    (Bytes::from(out), metrics.iter().map(|metric| metric.count).sum())
}

/// Appends a `KeyValue` with a text in field `number`.
pub(crate) fn put_text(out: &mut Vec<u8>, number: u32, key: &str, value: &str) {
    put_message(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, |out| put_bytes(out, 1, value.as_bytes()));
    });
}

/// Appends a `KeyValue` with a boolean in field `number`.
pub(crate) fn put_bool(out: &mut Vec<u8>, number: u32, key: &str, value: bool) {
    put_message(out, number, |out| {
        put_bytes(out, 1, key.as_bytes());
        // A member of a oneof is written even when it is the default.
        put_message(out, 2, |out| {
            put_varint(out, 2 << 3);
            put_varint(out, u64::from(value));
        });
    });
}

/// Appends start and end of a point.
pub(crate) fn put_times(out: &mut Vec<u8>, start_ns: u64, now_ns: u64) {
    if start_ns > 0 {
        put_fixed64(out, 2, start_ns);
    }
    put_fixed64(out, 3, now_ns);
}

/// Appends a number point's value.
pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
    put_fixed64(out, 6, value.cast_unsigned());
}

/// Protobuf: sint32.
pub(crate) fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
}
