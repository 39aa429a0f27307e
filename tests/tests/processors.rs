//! Promise: what processors change or take out arrives changed or is counted, and what they leave alone
//! arrives byte for byte.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, records};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fn config(sink: &Sink, processors: &str, order: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0, include_metadata: true }} }} }} }}
processors:
{processors}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [{order}], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    )
}

async fn send(gateway: &mut Medulla, sink: &Sink) -> ExportTraceServiceRequest {
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 200)).await.is_success());
    let received = sink.wait_for(1).await;
    ExportTraceServiceRequest::decode(&received[0].body[..]).expect("the sink got a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_and_resources_are_edited() {
    let sink = Sink::start().await;
    let processors = "
  attributes: { actions: [{ key: tier, value: gold, action: upsert }] }
  resource: { attributes: [{ key: region, value: eu, action: insert }, { key: service.name, action: delete }] }";
    let mut gateway = Medulla::gateway(&config(&sink, processors, "attributes, resource"));
    let request = send(&mut gateway, &sink).await;
    for resource in &request.resource_spans {
        let resource_keys: Vec<_> = resource.resource.iter().flat_map(|r| &r.attributes).collect();
        assert!(resource_keys.iter().any(|entry| entry.key == "region"));
        assert!(resource_keys.iter().all(|entry| entry.key != "service.name"));
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            assert!(span.attributes.iter().any(|entry| entry.key == "tier"), "{span:?}");
        }
    }
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sampler_takes_out_is_counted() {
    let sink = Sink::start().await;
    let processors = "  probabilistic_sampler: { sampling_percentage: 50 }";
    let mut gateway = Medulla::gateway(&config(&sink, processors, "probabilistic_sampler"));
    let request = send(&mut gateway, &sink).await;
    let spans = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let passed = spans.map(|scope| scope.spans.len()).sum::<usize>();
    let metrics = gateway.settle_books().await;
    let sampled = metrics.sum("medulla_dropped_items", &[("reason", "sampled")]);
    assert_eq!(metrics.accepted(Signal::Traces), 200.0);
    assert_eq!(sampled + passed as f64, 200.0);
    assert!((40..160).contains(&passed), "{passed} of 200 at 50 %");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_which_nothing_is_left_is_a_success() {
    let sink = Sink::start().await;
    let processors = "  probabilistic_sampler: { sampling_percentage: 0 }";
    let mut gateway = Medulla::gateway(&config(&sink, processors, "probabilistic_sampler"));
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 10)).await.is_success());
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.sum("medulla_dropped_items", &[("reason", "sampled")]), 10.0);
    assert!(sink.received().is_empty());
}
