//! The metrics of the kernel as an OTLP request, written as bytes.

use std::time::SystemTime;

use bytes::Bytes;
use kernel_abi::histogram::{OFFSET, SCALE, ZERO_NS};
use kernel_abi::layout::{BUCKETS, Latency};
use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint, put_varint};

use super::super::attribute::{Value, put_attribute};
use super::{Totals, difference};
use crate::limits::{Standing, protocol_name, unit_name};
use components::time::unix_ns;

/// The instrumentation scope.
const SCOPE: &str = "medulla.kernel";
/// OTLP: AggregationTemporality.
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// The times of a request.
pub(super) struct Span {
    /// Since when cumulative sums count.
    pub(super) started: SystemTime,
    /// Since when deltas count.
    pub(super) since: SystemTime,
    /// Until when.
    pub(super) now: SystemTime,
}

/// One metric and how many points it has.
struct Metric {
    name: &'static str,
    description: &'static str,
    unit: &'static str,
    data: Data,
    points: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Data {
    Gauge,
    Sum,
    Histogram,
}

/// The request and its number of points; zero points mean that there is nothing to say.
pub(super) fn request(span: &Span, before: &Totals, totals: &Totals) -> (Bytes, u64) {
    let host = vec![cgroups(span, totals), run_queue(span, before, totals)];
    let metrics = [ports(span, before, totals), limits(span, totals), host].concat();
    let metrics: Vec<Metric> = metrics.into_iter().filter(|m| !m.points.is_empty()).collect();
    let points = metrics.iter().map(|metric| metric.points.len() as u64).sum();
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        put_message(out, 1, resource);
        put_message(out, 2, |out| {
            put_message(out, 1, |out| {
                put_bytes(out, 1, SCOPE.as_bytes());
                put_bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            metrics.iter().for_each(|metric| put_message(out, 2, |out| metric.write(out)));
        });
    });
    (Bytes::from(out), points)
}

impl Clone for Metric {
    fn clone(&self) -> Self {
        Self { points: self.points.clone(), ..*self }
    }
}

impl Metric {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.name.as_bytes());
        put_bytes(out, 2, self.description.as_bytes());
        put_bytes(out, 3, self.unit.as_bytes());
        let points = |out: &mut Vec<u8>| {
            self.points.iter().for_each(|point| put_bytes(out, 1, point));
        };
        match self.data {
            Data::Gauge => put_message(out, 5, points),
            Data::Sum => put_message(out, 7, |out| {
                points(out);
                put_uint(out, 2, CUMULATIVE);
                put_uint(out, 3, 1);
            }),
            Data::Histogram => put_message(out, 10, |out| {
                points(out);
                put_uint(out, 2, DELTA);
            }),
        }
    }
}

/// What a host's metrics belong to.
fn resource(out: &mut Vec<u8>) {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let host = host.unwrap_or_default();
    for (key, value) in [("service.name", "medulla-agent"), ("host.name", host.as_str())] {
        put_attribute(out, 1, key, Value::Text(value));
    }
}

/// A counter of a port: name, description, unit and what is counted.
type PortCounter = (&'static str, &'static str, &'static str, fn(&Latency) -> u64);

const PORT_COUNTERS: [PortCounter; 5] = [
    ("medulla.port.requests", "Requests begun.", "{request}", |latency| latency.requests),
    ("medulla.port.connections", "Connections opened.", "{connection}", |latency| {
        latency.connections
    }),
    (
        "medulla.port.retransmits",
        "Segments with bytes that had been seen before, in both directions.",
        "{segment}",
        |latency| latency.retransmits,
    ),
    ("medulla.port.resets", "Connections that either side reset.", "{connection}", |latency| {
        latency.resets
    }),
    (
        "medulla.port.samples.lost",
        "Connections that were not remembered when an answer left.",
        "{connection}",
        |latency| latency.lost,
    ),
];

fn ports(span: &Span, before: &Totals, totals: &Totals) -> Vec<Metric> {
    let attributes = |port: u16| {
        vec![
            ("server.port", Value::Int(i64::from(port))),
            ("network.transport", Value::Text("tcp")),
        ]
    };
    let each = |make: &dyn Fn(u16, &Latency) -> Option<Vec<u8>>| {
        totals.ports.iter().filter_map(|(port, latency)| make(*port, latency)).collect()
    };
    let sum = |count: fn(&Latency) -> u64| {
        each(&|port, latency| Some(number(span, &attributes(port), as_int(count(latency)))))
    };
    let zero = Latency::default();
    let histograms = each(&|port, latency| {
        let previous = before.ports.get(&port).unwrap_or(&zero);
        let delta = difference(latency, previous);
        (delta.answered > 0).then(|| histogram(span, &attributes(port), &delta))
    });
    let duration = Metric {
        name: "medulla.port.request.duration",
        description: "From the first byte of a request to the first byte of its answer.",
        unit: "s",
        data: Data::Histogram,
        points: histograms,
    };
    let in_flight = Metric {
        name: "medulla.port.in_flight",
        description: "Requests begun and not answered.",
        unit: "{request}",
        data: Data::Gauge,
        points: sum(|l| {
            let ended = l.answered.wrapping_add(l.abandoned);
            // Counters of several CPUs are not read at one moment.
            u64::try_from(l.requests.wrapping_sub(ended).cast_signed()).unwrap_or(0)
        }),
    };
    let counters = PORT_COUNTERS.map(|(name, description, unit, count)| Metric {
        name,
        description,
        unit,
        data: Data::Sum,
        points: sum(count),
    });
    [duration, in_flight].into_iter().chain(counters).collect()
}

fn cgroups(span: &Span, totals: &Totals) -> Metric {
    let points = totals.cgroups.iter().map(|(path, spent_ns)| {
        let attributes = [("medulla.cgroup", Value::Text(path.as_str()))];
        number(span, &attributes, as_double(*spent_ns as f64 / 1e9))
    });
    Metric {
        name: "medulla.cgroup.cpu.time",
        description: "CPU time that a cgroup has spent.",
        unit: "s",
        data: Data::Sum,
        points: points.collect(),
    }
}

fn run_queue(span: &Span, before: &Totals, totals: &Totals) -> Metric {
    let delta = difference(&totals.run_queue, &before.run_queue);
    let point = (delta.answered > 0).then(|| histogram(span, &[], &delta));
    Metric {
        name: "medulla.cpu.run_queue.duration",
        description: "How long tasks waited for a CPU, in windows of investigation.",
        unit: "s",
        data: Data::Histogram,
        points: point.into_iter().collect(),
    }
}

fn limits(span: &Span, totals: &Totals) -> Vec<Metric> {
    let enforced = || totals.limits.iter().filter(|standing| standing.enforced);
    let attributes = |standing: &Standing| {
        let target = standing.desired.limit.target;
        vec![
            ("server.port", Value::Int(i64::from(target.port))),
            ("network.transport", Value::Text(protocol_name(target.protocol))),
        ]
    };
    let verdicts = |unit: &'static str| {
        let of_unit = enforced().filter(move |s| unit_name(s.desired.limit.unit) == unit);
        let points = of_unit.flat_map(|standing| {
            let counts = standing.verdicts;
            let kinds =
                [("pass", counts.passed), ("drop", counts.dropped), ("expired", counts.expired)];
            kinds.map(|(verdict, count)| {
                let mut attributes = attributes(standing);
                attributes.push(("medulla.limit.verdict", Value::Text(verdict)));
                number(span, &attributes, as_int(count))
            })
        });
        Metric {
            name: "medulla.limit.verdicts",
            description: "What a limit decided.",
            unit: match unit {
                "packets" => "{packet}",
                "bytes" => "By",
                _ => "{connection}",
            },
            data: Data::Sum,
            points: points.collect(),
        }
    };
    let rates = enforced().map(|standing| {
        let source = standing.desired.source.to_string();
        let mut attributes = attributes(standing);
        attributes.push(("medulla.limit.source", Value::Text(&source)));
        number(span, &attributes, as_double(standing.desired.limit.rate_per_hour as f64 / 3600.0))
    });
    vec![
        verdicts("connections"),
        verdicts("packets"),
        verdicts("bytes"),
        Metric {
            name: "medulla.limit.rate",
            description: "The rate that is enforced.",
            unit: "1/s",
            data: Data::Gauge,
            points: rates.collect(),
        },
    ]
}

/// OTLP: NumberDataPoint with its value already written.
fn number(span: &Span, attributes: &[(&str, Value<'_>)], value: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in attributes {
        put_attribute(&mut out, 7, key, *value);
    }
    put_fixed64(&mut out, 2, unix_ns(span.started));
    put_fixed64(&mut out, 3, unix_ns(span.now));
    out.extend(value);
    out
}

fn as_int(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_fixed64(&mut out, 6, value);
    out
}

fn as_double(value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    put_fixed64(&mut out, 4, value.to_bits());
    out
}

/// OTLP: ExponentialHistogramDataPoint, without the empty buckets at both ends.
fn histogram(span: &Span, attributes: &[(&str, Value<'_>)], delta: &Latency) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in attributes {
        put_attribute(&mut out, 1, key, *value);
    }
    put_fixed64(&mut out, 2, unix_ns(span.since));
    put_fixed64(&mut out, 3, unix_ns(span.now));
    let in_buckets: u64 = delta.buckets.iter().sum();
    put_fixed64(&mut out, 4, in_buckets + delta.zeros);
    put_fixed64(&mut out, 5, (delta.sum_ns as f64 / 1e9).to_bits());
    put_uint(&mut out, 6, zigzag(SCALE));
    put_fixed64(&mut out, 7, delta.zeros);
    if let Some(first) = delta.buckets.iter().position(|count| *count > 0) {
        let last = delta.buckets.iter().rposition(|count| *count > 0).unwrap_or(first);
        put_message(&mut out, 8, |out| buckets(out, first, &delta.buckets[first..=last]));
    }
    put_fixed64(&mut out, 14, (ZERO_NS as f64 / 1e9).to_bits());
    out
}

fn buckets(out: &mut Vec<u8>, first: usize, counts: &[u64]) {
    let first = i32::try_from(first).expect("there are few buckets");
    put_uint(out, 1, zigzag(OFFSET + first));
    let mut packed = Vec::with_capacity(BUCKETS);
    counts.iter().for_each(|count| put_varint(&mut packed, *count));
    put_bytes(out, 2, &packed);
}

/// Protobuf: sint32.
fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
}
