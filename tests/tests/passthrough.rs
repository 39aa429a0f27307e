//! Promise: what nobody edits arrives byte for byte, over either protocol, compressed or not.

use medulla_tests::client::{gzip, zstd};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, records};

fn config(sink: &Sink, exporter: &str, compression: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters:
  {exporter}: {{ endpoint: 'http://{}', compression: {compression}, tls: {{ insecure: true }} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [{exporter}] }}
    metrics: {{ receivers: [otlp], exporters: [{exporter}] }}
    logs: {{ receivers: [otlp], exporters: [{exporter}] }}
{TELEMETRY}",
        sink.address()
    )
}

/// Sends `body` by every way in and checks what came out.
async fn check(gateway: &mut Medulla, sink: &Sink, signal: Signal, body: &[u8]) {
    let before = sink.received().len();
    let mut http = gateway.http().await;
    let mut grpc = gateway.grpc().await;
    assert!(http.export(signal, body.to_vec()).await.is_success());
    assert!(http.export_coded(signal, "gzip", gzip(body)).await.is_success());
    assert!(http.export_coded(signal, "zstd", zstd(body)).await.is_success());
    assert!(grpc.export(signal, body).await.is_success());
    assert!(grpc.export_coded(signal, "gzip", gzip(body)).await.is_success());
    assert!(grpc.export_coded(signal, "zstd", zstd(body)).await.is_success());
    let received = sink.wait_for(before + 6).await;
    for request in &received[before..] {
        assert_eq!(request.signal(), Some(signal));
        assert_eq!(request.body, body, "{signal:?} at {}", request.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signal_over_every_way_in_and_out() {
    for exporter in ["otlp_http", "otlp_grpc"] {
        for compression in ["none", "gzip", "zstd"] {
            let sink = Sink::start().await;
            let mut gateway = Medulla::gateway(&config(&sink, exporter, compression));
            for signal in Signal::ALL {
                check(&mut gateway, &sink, signal, &records::request(signal, 3)).await;
            }
            check(&mut gateway, &sink, Signal::Traces, &records::odd_traces()).await;
            let metrics = gateway.settle_books().await;
            assert_eq!(metrics.accepted(Signal::Traces), 30.0, "6 x 3 + 6 x 2");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_request_goes_on_in_the_form_it_had() {
    let body = records::odd_traces();
    for (coding, packed) in [("gzip", gzip(&body)), ("zstd", zstd(&body))] {
        let sink = Sink::start().await;
        let mut gateway = Medulla::gateway(&config(&sink, "otlp_http", coding));
        let mut http = gateway.http().await;
        assert!(http.export_coded(Signal::Traces, coding, packed.clone()).await.is_success());
        assert_eq!(sink.wait_for(1).await[0].wire, packed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_coding_of_the_collector_is_sent_and_taken() {
    let http = ["deflate", "zlib", "snappy", "x-snappy-framed", "lz4"];
    let codings = http.map(|coding| ("otlp_http", "otlp/http", coding));
    for (exporter, listener, coding) in
        [("otlp_grpc", "otlp/grpc", "snappy")].into_iter().chain(codings)
    {
        let sink = Sink::start().await;
        let mut behind = Medulla::gateway(&config(&sink, "otlp_http", "none"));
        let to_behind = config(&sink, exporter, coding)
            .replace(&sink.address().to_string(), &behind.address(listener).to_string());
        let mut front = Medulla::gateway(&to_behind);
        let body = records::odd_traces();
        let answer = front.http().await.export(Signal::Traces, body.clone()).await;
        assert!(answer.is_success(), "{coding}: {answer:?}");
        assert_eq!(sink.wait_for(1).await[0].body, body, "{coding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_requests_are_the_senders_bytes_one_after_the_other() {
    let sink = Sink::start().await;
    let config = config(&sink, "otlp_http", "none")
        .replace("traces: { receivers: [otlp]", "traces: { receivers: [otlp], processors: [batch]");
    let config = format!("processors: {{ batch: {{ timeout: 10s }} }}\n{config}");
    let mut gateway = Medulla::gateway(&config);
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

#[tokio::test(flavor = "multi_thread")]
async fn signals_have_paths_and_endpoints_of_their_own() {
    let (sink, other) = (Sink::start().await, Sink::start().await);
    let gateway = |path: &str, exporter: &str| {
        Medulla::gateway(&format!(
            "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0, traces_url_path: {path} }} }} }} }}
exporters: {{ otlp_http: {{ {exporter}, compression: none }} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    logs: {{ receivers: [otlp], exporters: [otlp_http] }}
{TELEMETRY}"
        ))
    };
    let mut behind = gateway("my/spans", &format!("endpoint: 'http://{}/base/'", sink.address()));
    let exporter = format!(
        "endpoint: 'http://{}', traces_endpoint: 'http://{}/my/spans'",
        other.address(),
        behind.address("otlp/http")
    );
    let mut front = gateway("/v1/traces", &exporter);
    for signal in [Signal::Traces, Signal::Logs] {
        let answer = front.http().await.export(signal, records::request(signal, 3)).await;
        assert!(answer.is_success(), "{signal:?}: {answer:?}");
    }
    let paths = |sink: &Sink| sink.received().into_iter().map(|it| it.path).collect::<Vec<_>>();
    assert_eq!(paths(&sink), ["/base/v1/traces"]);
    assert_eq!(paths(&other), ["/v1/logs"]);
    let answer = behind.http().await.export(Signal::Traces, records::traces(0, 1)).await;
    assert_eq!(answer.status, 404, "its path is another one");
}
