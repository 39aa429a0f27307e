//! Promise: metrics made of spans have the right numbers, also when a backend refuses them for a while.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Reply, Signal, Sink, eventually, status::Code};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use std::collections::BTreeMap;

const BEGIN_NS: u64 = 1_700_000_000_000_000_000;

fn config(sink: &Sink, connector: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
connectors: {{ span_metrics: {{ metrics_flush_interval: 50ms, {connector} }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none }} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [span_metrics] }}
    metrics: {{ receivers: [span_metrics], exporters: [otlp_http] }}
{TELEMETRY}",
        sink.address()
    )
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}

/// Server spans of a service, one per duration; those of a second or more failed.
fn spans(service: &str, durations_ms: &[u64]) -> Vec<u8> {
    let span = |ms: &u64| Span {
        trace_id: vec![7; 16],
        span_id: vec![9; 8],
        name: "GET /".to_owned(),
        kind: 2,
        start_time_unix_nano: BEGIN_NS,
        end_time_unix_nano: BEGIN_NS + ms * 1_000_000,
        attributes: vec![text("http.method", "GET")],
        status: Some(Status { code: if *ms >= 1000 { 2 } else { 0 }, ..Default::default() }),
        ..Default::default()
    };
    let scope_spans =
        vec![ScopeSpans { spans: durations_ms.iter().map(span).collect(), ..Default::default() }];
    let resource =
        Some(Resource { attributes: vec![text("service.name", service)], ..Default::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn metrics(body: &[u8]) -> Vec<Metric> {
    let request = ExportMetricsServiceRequest::decode(body).expect("the sink got metrics");
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).collect()
}

/// The attributes of a point as one text, in their order.
fn shown(attributes: &[KeyValue]) -> String {
    let show = |entry: &KeyValue| match entry.value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{}={text}", entry.key),
        other => format!("{}={other:?}", entry.key),
    };
    attributes.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// The values of `calls` by their attributes.
fn calls(metrics: &[Metric]) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    for metric in metrics.iter().filter(|metric| metric.name == "traces.span.metrics.calls") {
        let Some(Data::Sum(sum)) = &metric.data else { panic!("calls are a sum") };
        assert!(sum.is_monotonic);
        for point in &sum.data_points {
            let Some(number_data_point::Value::AsInt(value)) = point.value else {
                panic!("calls are whole numbers")
            };
            found.insert(shown(&point.attributes), value);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_counted_by_their_dimensions() {
    let sink = Sink::start().await;
    let connector = "dimensions: [{ name: http.method }, { name: zone, default: a }], \
                     exclude_dimensions: [span.kind], exemplars: { enabled: true }";
    let mut gateway = Medulla::gateway(&config(&sink, connector));
    let mut http = gateway.http().await;
    for durations in [&[1, 3, 2000][..], &[7, 60_000]] {
        assert!(http.export(Signal::Traces, spans("shop", durations)).await.is_success());
    }
    let labels = |status: &str| {
        format!("service.name=shop span.name=GET / status.code={status} http.method=GET zone=a")
    };
    let expect =
        BTreeMap::from([(labels("STATUS_CODE_UNSET"), 3), (labels("STATUS_CODE_ERROR"), 2)]);
    let last = eventually("all five spans in the metrics", async || {
        let last = metrics(&sink.received().last()?.body);
        (calls(&last) == expect).then_some(last)
    })
    .await;
    let durations = last.iter().find(|metric| metric.name == "traces.span.metrics.duration");
    let durations = durations.expect("durations come with the calls");
    let Some(Data::Histogram(histogram)) = &durations.data else { panic!("an explicit one") };
    assert_eq!((durations.unit.as_str(), histogram.aggregation_temporality), ("ms", 2));
    let healthy = histogram.data_points.iter().find(|point| point.count == 3);
    let healthy = healthy.expect("three spans succeeded");
    assert_eq!((healthy.sum, healthy.min, healthy.max), (Some(11.0), Some(1.0), Some(7.0)));
    assert_eq!(healthy.bucket_counts[..5], [1, 1, 0, 1, 0]);
    assert_eq!(healthy.bucket_counts.len(), healthy.explicit_bounds.len() + 1);
    let all = sink.received().into_iter().flat_map(|request| metrics(&request.body));
    let exemplars = all.filter_map(|metric| match metric.data {
        Some(Data::Histogram(histogram)) => Some(histogram.data_points),
        _ => None,
    });
    let exemplars: usize = exemplars.flatten().map(|point| point.exemplars.len()).sum();
    assert_eq!(exemplars, 5, "each span is shown once");
    assert!(gateway.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_deltas_are_part_of_the_next_ones() {
    const REFUSED: usize = 4;
    let sink = Sink::start().await;
    (0..REFUSED).for_each(|_| sink.answer_once(Reply::refuse(503, Code::Unavailable)));
    let connector = "aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA, \
                     histogram: { unit: s, exponential: { max_size: 20 } }";
    let once = "compression: none, retry_on_failure: { enabled: false }";
    let config = config(&sink, connector).replace("compression: none", once);
    let mut gateway = Medulla::gateway(&config);
    let mut http = gateway.http().await;
    for request in 0..10_u64 {
        let durations: Vec<u64> = (0..100).map(|n| 1 + request * 17 + n).collect();
        assert!(http.export(Signal::Traces, spans("shop", &durations)).await.is_success());
        sink.wait_for((request as usize).min(REFUSED)).await;
    }
    let accepted = eventually("a thousand spans in the metrics", async || {
        let received = sink.received();
        let accepted: Vec<Metric> =
            received.iter().skip(REFUSED).flat_map(|request| metrics(&request.body)).collect();
        let spans: i64 = accepted
            .iter()
            .map(|one| calls(std::slice::from_ref(one)))
            .fold(0, |sum, calls| sum + calls.values().sum::<i64>());
        (spans == 1000).then_some(accepted)
    })
    .await;
    let points = accepted.into_iter().filter_map(|metric| match metric.data {
        Some(Data::ExponentialHistogram(histogram)) => Some(histogram.data_points),
        _ => None,
    });
    let points: Vec<_> = points.flatten().collect();
    let positive = points.iter().filter_map(|point| point.positive.as_ref());
    assert!(positive.clone().all(|buckets| buckets.bucket_counts.len() <= 20));
    let in_buckets = positive.flat_map(|buckets| &buckets.bucket_counts).sum::<u64>();
    assert_eq!((points.iter().map(|point| point.count).sum::<u64>(), in_buckets), (1000, 1000));
    let ends = points.iter().map(|point| (point.start_time_unix_nano, point.time_unix_nano));
    assert!(
        ends.clone().zip(ends.skip(1)).all(|(one, next)| one.1 == next.0),
        "no gap, no overlap"
    );
    let scrape = gateway.settle_books().await;
    assert!(scrape.refused(Signal::Metrics) > 0.0);
    assert!(gateway.terminate().success());
}
