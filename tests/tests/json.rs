//! Promise: OTLP/JSON comes in and goes out like protobuf does, and whoever writes it wrong hears
//! where.

use medulla_tests::client::{Answer, gzip};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::sink::Reply;
use medulla_tests::{Medulla, Signal, Sink, records};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};

fn config(sink: &Sink, exporter: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0, max_request_body_size: 65536 }} }} }} }}
exporters:
  otlp_http: {{ endpoint: 'http://{}', {exporter} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    metrics: {{ receivers: [otlp], exporters: [otlp_http] }}
    logs: {{ receivers: [otlp], exporters: [otlp_http] }}
{TELEMETRY}",
        sink.address()
    )
}

/// What opentelemetry-proto writes for a request in protobuf, and the request as it encodes it.
fn theirs(signal: Signal, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn both<M: Message + Default + serde::Serialize>(body: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let message = M::decode(body).expect("a test's request");
        (serde_json::to_vec(&message).expect("JSON"), message.encode_to_vec())
    }
    match signal {
        Signal::Traces => both::<ExportTraceServiceRequest>(body),
        Signal::Metrics => both::<ExportMetricsServiceRequest>(body),
        Signal::Logs => both::<ExportLogsServiceRequest>(body),
    }
}

fn said(answer: &Answer) -> Value {
    assert_eq!(answer.headers["content-type"], "application/json");
    serde_json::from_slice(&answer.body).expect("an answer in JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn json_becomes_protobuf_on_the_way() {
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "compression: none"));
    for (index, signal) in Signal::ALL.into_iter().enumerate() {
        let (json, protobuf) = theirs(signal, &records::request(signal, 3));
        let answer = gateway.http().await.export_json(signal, json).await;
        assert!(answer.is_success());
        assert_eq!(said(&answer), json!({}));
        let received = &sink.wait_for(index + 1).await[index];
        assert_eq!(received.headers["content-type"], "application/x-protobuf");
        assert_eq!(theirs(signal, &received.body).1, protobuf);
    }
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.accepted(Signal::Traces), 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_writes_json() {
    for compression in ["none", "gzip", "zstd"] {
        let sink = Sink::start().await;
        let exporter = format!("encoding: json, compression: {compression}");
        let mut gateway = Medulla::gateway(&config(&sink, &exporter));
        let body = records::request(Signal::Logs, 3);
        let packed = gzip(&body);
        let mut http = gateway.http().await;
        assert!(http.export_coded(Signal::Logs, "gzip", packed).await.is_success());
        let received = &sink.wait_for(1).await[0];
        assert_eq!(received.headers["content-type"], "application/json");
        let read: ExportLogsServiceRequest =
            serde_json::from_slice(&received.body).expect("the body is OTLP/JSON");
        assert_eq!(read.encode_to_vec(), theirs(Signal::Logs, &body).1);
        gateway.settle_books().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_in_json() {
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "compression: none"));
    let (json, _) = theirs(Signal::Traces, &records::traces(0, 5));
    let mut http = gateway.http().await;
    sink.answer_once(Reply::partial(2, "two were odd"));
    let partial = said(&http.export_json(Signal::Traces, json.clone()).await);
    let expect = json!({"rejectedSpans": "2", "errorMessage": "two were odd"});
    assert_eq!(partial["partialSuccess"], expect);
    let bad = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER"}]}]}]}"#;
    let answer = http.export_json(Signal::Traces, bad).await;
    assert_eq!(answer.status, 400);
    let message = said(&answer)["message"].as_str().expect("a message").to_owned();
    let place = "line 1 column 52: resourceSpans[0].scopeSpans[0].spans[0].kind: ";
    assert!(message.starts_with(place), "{message}");
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    let answer = gateway.http().await.export_json(Signal::Traces, long).await;
    assert_eq!(answer.status, 413);
    said(&answer);
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.sum("medulla_refused_requests", &[("reason", "malformed")]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_grow_are_bounded_too() {
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "compression: none"));
    let histogram = |bounds: usize| {
        let list = vec!["0"; bounds].join(",");
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"explicitBounds":[{list}]}}]}}}}]}}]}}]}}"#
        )
    };
    let mut http = gateway.http().await;
    assert!(http.export_json(Signal::Metrics, histogram(8_000)).await.is_success());
    assert!(sink.wait_for(1).await[0].body.len() > 64_000, "eight bytes for each number");
    let answer = http.export_json(Signal::Metrics, histogram(9_000)).await;
    assert_eq!(answer.status, 413, "18 kB that become 72 kB");
}
