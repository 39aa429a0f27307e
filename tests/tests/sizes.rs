//! Promise: a request that is too large for what comes next goes there in pieces, all of it arrives, and its
//! sender hears of all pieces in one answer.

use std::time::{Duration, Instant};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, records};

fn config(processors: &str, exporter: &str, address: std::net::SocketAddr, more: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors: {{ batch: {{ timeout: 1m, send_batch_size: 100, send_batch_max_size: 120 }} }}
exporters:
  {exporter}:
    endpoint: 'http://{address}'
    tls: {{ insecure: true }}
    compression: none
    {more}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [{processors}], exporters: [{exporter}] }} }}
{TELEMETRY}"
    )
}

/// A gateway that takes a mebibyte at once.
fn narrow(sink: &Sink) -> Medulla {
    Medulla::gateway(&format!(
        "
receivers:
  otlp:
    protocols:
      grpc: {{ endpoint: 127.0.0.1:0, max_recv_msg_size_mib: 1 }}
      http: {{ endpoint: 127.0.0.1:0, max_request_body_size: 1048576 }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    ))
}

/// The spans of each request that arrived.
fn arrived(sink: &Sink) -> Vec<Vec<u64>> {
    sink.received().iter().map(|request| records::span_numbers(&request.body)).collect()
}

fn numbers(requests: Vec<Vec<u64>>) -> Vec<u64> {
    let mut numbers: Vec<u64> = requests.into_iter().flatten().collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backend_finds_too_large_arrives_in_halves() {
    for exporter in ["otlp_grpc", "otlp_http"] {
        let sink = Sink::start().await;
        let mut behind = narrow(&sink);
        let address = behind.address(&exporter.replace('_', "/"));
        let mut front = Medulla::gateway(&config("", exporter, address, ""));
        let request = records::traces(0, 8000);
        assert!(request.len() > 2 << 20);
        let answer = front.grpc().await.export(Signal::Traces, request).await;
        assert!(answer.is_success(), "{exporter}: {answer:?}");
        let requests = arrived(&sink);
        assert_eq!(requests.len(), 4, "{exporter}");
        assert_eq!(numbers(requests), (0..8000).collect::<Vec<_>>());
        assert_eq!(front.settle_books().await.accepted(Signal::Traces), 8000.0);
        behind.settle_books().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backend_takes_is_remembered() {
    for exporter in ["otlp_grpc", "otlp_http"] {
        let sink = Sink::start().await;
        let mut behind = narrow(&sink);
        let address = behind.address(&exporter.replace('_', "/"));
        let mut front = Medulla::gateway(&config("", exporter, address, ""));
        let mut grpc = front.grpc().await;
        for number in 0..50 {
            let answer = grpc.export(Signal::Traces, records::traces(4000 * number, 4000)).await;
            assert!(answer.is_success(), "{exporter} {number}: {answer:?}");
        }
        assert_eq!(numbers(arrived(&sink)), (0..200_000).collect::<Vec<_>>());
        assert_eq!(front.settle_books().await.accepted(Signal::Traces), 200_000.0);
        let metrics = behind.settle_books().await;
        let refused = [("reason", "too_large"), ("signal", "traces")];
        let refused = metrics.sum("medulla_refused_requests", &refused);
        assert!((1.0..4.0).contains(&refused), "{exporter}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processor_cuts_at_its_largest_size() {
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config("batch", "otlp_http", sink.address(), ""));
    let begun = Instant::now();
    let answer = gateway.http().await.export(Signal::Traces, records::traces(0, 300)).await;
    assert!(answer.is_success());
    assert!(begun.elapsed() < Duration::from_secs(30), "the rest waits for nobody");
    let mut sizes: Vec<usize> = arrived(&sink).iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [60, 120, 120]);
    assert_eq!(numbers(arrived(&sink)), (0..300).collect::<Vec<_>>());
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_an_exporter_cuts_by_bytes() {
    let sink = Sink::start().await;
    let queue = "sending_queue: { batch: { flush_timeout: 1m, sizer: bytes, min_size: 10000, max_size: 20000 } }";
    let mut gateway = Medulla::gateway(&config("", "otlp_http", sink.address(), queue));
    let begun = Instant::now();
    let answer = gateway.http().await.export(Signal::Traces, records::traces(0, 300)).await;
    assert!(answer.is_success());
    assert!(begun.elapsed() < Duration::from_secs(30), "the rest waits for nobody");
    let requests = sink.received();
    assert!(requests.len() >= 4 && requests.iter().all(|request| request.body.len() <= 20000));
    assert_eq!(numbers(arrived(&sink)), (0..300).collect::<Vec<_>>());
    gateway.settle_books().await;
}
