//! Any bytes as an export request: no panic; where prost reads them, we do, with the same count of
//! records; what is sound can be written as JSON, and the same as if prost had written it anew.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use otlp::{MAX_DEPTH, Signal, check, check_deep, json};
use prost::Message;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    let signal = Signal::ALL[usize::from(first) % Signal::ALL.len()];
    alone(signal, bytes);
    match signal {
        Signal::Traces => beside::<Traces>(signal, bytes, spans),
        Signal::Metrics => beside::<Metrics>(signal, bytes, points),
        Signal::Logs => beside::<Logs>(signal, bytes, log_records),
        _ => {}
    }
});

/// What must hold whatever prost thinks.
fn alone(signal: Signal, bytes: &[u8]) {
    let deep = check_deep(signal, bytes);
    if let Ok(tally) = deep {
        assert_eq!(check(signal, bytes), Ok(tally), "the deep check counts the same");
    }
    let mut out = Vec::new();
    let written = json::write_request(signal, bytes, &mut out);
    if signal != Signal::Profiles {
        assert!(deep.is_err() || written.is_ok(), "what is sound can be written");
    }
    if written.is_ok() {
        serde_json::from_slice::<Value>(&out).expect("JSON");
    }
}

fn beside<M: Message + Default + serde::Serialize>(
    signal: Signal,
    bytes: &[u8],
    count: fn(&M) -> usize,
) {
    let Ok(owned) = M::decode(bytes) else { return };
    let canonical = owned.encode_to_vec();
    let theirs = serde_json::to_value(&owned).expect("prost's messages can be written");
    if depth(&theirs) > MAX_DEPTH {
        return;
    }
    let tally = check_deep(signal, &canonical).expect("what prost writes is sound");
    assert_eq!(tally.records, count(&owned) as u64);
    // Groups are refused by us and skipped by prost; else both read the same.
    let Ok(raw) = check_deep(signal, bytes) else { return };
    assert_eq!(raw.records, tally.records);
    // Indices into a dictionary are for profiles only: a member of a oneof that we do not know.
    if bytes.iter().any(|byte| matches!(byte, 0x40 | 0xc0)) {
        return;
    }
    let ours = to_json(signal, bytes);
    // prost takes -0.0 for the default and does not write it.
    if !ours.contains("-0.0") {
        assert_eq!(ours, to_json(signal, &canonical));
    }
}

fn to_json(signal: Signal, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    json::write_request(signal, bytes, &mut out).expect("what is sound can be written");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// How deep messages nest; each is an object.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(list) => list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn spans(request: &Traces) -> usize {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

fn log_records(request: &Logs) -> usize {
    let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    scopes.map(|scope| scope.log_records.len()).sum()
}

fn points(request: &Metrics) -> usize {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    let points = metrics.map(|metric| match &metric.data {
        None => 0,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    });
    points.sum()
}
