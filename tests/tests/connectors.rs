//! Promise: pipelines joined by connectors keep every record and every answer, also through a reload.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, records};

fn config(sinks: &[&Sink], pipelines: &str) -> String {
    let exporters: String = sinks
        .iter()
        .enumerate()
        .map(|(index, sink)| {
            format!(
                "  otlp_http/{index}: {{ endpoint: 'http://{}', compression: none }}\n",
                sink.address()
            )
        })
        .collect();
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors: {{ batch: {{ timeout: 10s }} }}
connectors: {{ forward: }}
exporters:
{exporters}
service:
  pipelines:
{pipelines}
{TELEMETRY}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn forward_reaches_every_pipeline_and_waits_for_nobody() {
    let (left, right) = (Sink::start().await, Sink::start().await);
    let pipelines = "
    traces/in: { receivers: [otlp], exporters: [forward] }
    traces/left: { receivers: [forward], processors: [batch], exporters: [otlp_http/0] }
    traces/right: { receivers: [forward], exporters: [otlp_http/1] }";
    let mut gateway = Medulla::gateway(&config(&[&left, &right], pipelines));
    let mut http = gateway.http().await;
    let begin = std::time::Instant::now();
    assert!(http.export(Signal::Traces, records::traces(0, 10)).await.is_success());
    assert!(begin.elapsed().as_secs() < 10, "the batch left with its only request");
    assert_eq!(left.wait_for(1).await[0].body, records::traces(0, 10));
    assert_eq!(right.wait_for(1).await[0].body, records::traces(0, 10));
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_merge_behind_a_connector() {
    let sink = Sink::start().await;
    let pipelines = "
    traces/in: { receivers: [otlp], exporters: [forward] }
    traces/out: { receivers: [forward], processors: [batch], exporters: [otlp_http/0] }";
    let mut gateway = Medulla::gateway(&config(&[&sink], pipelines));
    let mut senders = Vec::new();
    for first in 0..20 {
        let mut http = gateway.http().await;
        senders.push(tokio::spawn(async move {
            http.export(Signal::Traces, records::traces(10 * first, 10)).await
        }));
    }
    for sender in senders {
        assert!(sender.await.expect("no sender panics").is_success());
    }
    let mut spans: Vec<u64> =
        sink.received().iter().flat_map(|request| records::span_numbers(&request.body)).collect();
    spans.sort_unstable();
    assert_eq!(spans, (0..200).collect::<Vec<u64>>());
    gateway.settle_books().await;
}
