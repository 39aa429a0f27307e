//! Series as OTLP metrics.

use bytes::Bytes;
use otlp::wire::{Fields, put_bytes, put_fixed64, put_message, put_uint, put_varint};

use crate::config::spanmetrics::{Buckets, SpanMetrics as Settings};
use crate::histogram::{Counts, Exponential, Histogram};
use crate::points::{self, Data, Metric, Temporality, put_int, put_times, zigzag};
use crate::red::series::{Exemplar, Kind, Series, Value, parts};
use crate::red::state::Plan;

/// The scope that the Collector names.
const SCOPE: &str = "spanmetricsconnector";

/// A request with these series of one resource, and its number of points.
pub(super) fn request<'s>(
    plan: &Plan,
    resource: &[u8],
    series: impl Iterator<Item = (&'s [u8], &'s Series)>,
    now_ns: u64,
) -> (Bytes, u64) {
    let mut metrics = metrics(&plan.settings);
    for (key, series) in series {
        let (kind, attributes) = parts(key);
        let metric = &mut metrics[kind as usize];
        let data = metric.data();
        metric.add(|out| point(out, data, attributes, series, &plan.shape.bounds, now_ns));
    }
    points::request(resource, SCOPE, &metrics)
}

/// One metric of each kind, in their order.
fn metrics(settings: &Settings) -> [Metric; Kind::ALL.len()] {
    let temporality = match settings.delta {
        true => Temporality::Delta,
        false => Temporality::Cumulative,
    };
    let histogram = settings.histogram.as_ref();
    let unit = histogram.map_or("", |histogram| histogram.unit.as_str());
    let durations = match histogram.map(|histogram| &histogram.buckets) {
        Some(Buckets::Exponential(_)) => Data::ExponentialHistogram(temporality),
        _ => Data::Histogram(temporality),
    };
    let counts = Data::Sum { temporality, monotonic: true };
    let name = |name: &str| match settings.namespace.as_str() {
        "" => name.to_owned(),
        namespace => format!("{namespace}.{name}"),
    };
    [
        Metric::new(name("calls"), "", "", counts),
        Metric::new(name("duration"), "", unit, durations),
        Metric::new(name("events"), "", "", counts),
    ]
}

fn point(
    out: &mut Vec<u8>,
    data: Data,
    attributes: &[u8],
    series: &Series,
    bounds: &[f64],
    now_ns: u64,
) {
    put_attributes(out, data.attributes_field(), attributes);
    put_times(out, series.start_ns, now_ns);
    let exemplars_field = match &series.value {
        Value::Count(count) => {
            put_int(out, i64::try_from(*count).unwrap_or(i64::MAX));
            5
        }
        Value::Histogram(histogram) => put_histogram(out, histogram, bounds),
    };
    for exemplar in &series.exemplars {
        put_message(out, exemplars_field, |out| put_exemplar(out, exemplar));
    }
}

/// Our own fields 1, under the number that the point wants.
fn put_attributes(out: &mut Vec<u8>, number: u32, attributes: &[u8]) {
    let mut fields = Fields::new(attributes);
    while let Ok(Some(field)) = fields.try_next() {
        if let otlp::wire::Value::Bytes(entry) = field.value {
            put_bytes(out, number, entry);
        }
    }
}

/// Writes what both kinds of histogram have, then the counts; returns the number of the exemplars.
fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram, bounds: &[f64]) -> u32 {
    put_fixed64(out, 4, histogram.count);
    put_fixed64(out, 5, histogram.sum.to_bits());
    match &histogram.counts {
        Counts::Explicit(counts) => {
            put_packed(out, 6, counts.iter().copied());
            put_packed(out, 7, bounds.iter().map(|bound| bound.to_bits()));
            put_range(out, 11, histogram.range);
            8
        }
        Counts::Exponential(exponential) => {
            put_exponential(out, exponential);
            put_range(out, 12, histogram.range);
            11
        }
    }
}

fn put_packed(out: &mut Vec<u8>, number: u32, values: impl Iterator<Item = u64>) {
    let packed: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
    put_bytes(out, number, &packed);
}

fn put_range(out: &mut Vec<u8>, number: u32, range: Option<(f64, f64)>) {
    if let Some((least, most)) = range {
        put_fixed64(out, number, least.to_bits());
        put_fixed64(out, number + 1, most.to_bits());
    }
}

fn put_exponential(out: &mut Vec<u8>, exponential: &Exponential) {
    put_uint(out, 6, zigzag(exponential.scale));
    put_fixed64(out, 7, exponential.zeros);
    put_message(out, 8, |out| {
        put_uint(out, 1, zigzag(exponential.first));
        let mut packed = Vec::with_capacity(exponential.buckets.len());
        exponential.buckets.iter().for_each(|count| put_varint(&mut packed, *count));
        put_bytes(out, 2, &packed);
    });
}

/// OTLP: Exemplar.
fn put_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    put_fixed64(out, 2, exemplar.at_ns);
    put_fixed64(out, 3, exemplar.duration.to_bits());
    put_bytes(out, 4, &exemplar.span_id);
    put_bytes(out, 5, &exemplar.trace_id);
}
