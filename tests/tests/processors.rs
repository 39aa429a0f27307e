//! Promise: what processors change or take out arrives changed or is counted, and what they leave alone
//! arrives byte for byte.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, records};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
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

/// The text of an attribute of the only span.
fn text_of(request: &ExportTraceServiceRequest, key: &str) -> Option<String> {
    let mut scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let attributes = &scopes.next()?.spans.first()?.attributes;
    let found = attributes.iter().find(|entry| entry.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_see_who_sent_a_request() {
    let sink = Sink::start().await;
    let processors = "
  batch: { timeout: 0s }
  attributes: { actions: [{ key: peer, from_context: client.address, action: insert }] }
  attributes/late: { actions: [{ key: late, from_context: client.address, action: insert }] }
  transform: { trace_statements: [
    'set(span.attributes[\"addr\"], otelcol.client.addr)',
    'set(span.attributes[\"call\"], otelcol.grpc.metadata[\"Content-Type\"][0])',
    'set(span.attributes[\"kept\"], otelcol.client.metadata[\"Content-Type\"][0])' ] }";
    let config = config(&sink, processors, "attributes, transform, batch, attributes/late")
        .replace(", include_metadata: true", "")
        .replace("protocols: { http", "protocols: { grpc: { endpoint: 127.0.0.1:0 }, http");
    let mut gateway = Medulla::gateway(&config);
    let (mut grpc, mut http) = (gateway.grpc().await, gateway.http().await);
    assert!(grpc.export(Signal::Traces, records::traces(0, 1)).await.is_success());
    assert!(http.export(Signal::Traces, records::traces(0, 1)).await.is_success());
    let received = sink.wait_for(2).await;
    let [call, post] = [0, 1].map(|at: usize| {
        ExportTraceServiceRequest::decode(&received[at].body[..]).expect("the sink got a request")
    });
    let local = Some("127.0.0.1".to_owned());
    // As in the Collector: the port of a gRPC client only, and no headers but those of the call itself.
    assert_eq!((text_of(&call, "peer"), text_of(&post, "peer")), (local.clone(), local.clone()));
    let address = text_of(&call, "addr").expect("the client has an address");
    assert!(address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0));
    assert_eq!(text_of(&post, "addr"), local);
    assert_eq!(text_of(&call, "call").as_deref(), Some("application/grpc"));
    assert_eq!(
        [text_of(&post, "call"), text_of(&call, "kept"), text_of(&post, "kept")],
        [None, None, None]
    );
    // A batch has many senders.
    let nobody = Some(String::new());
    assert_eq!((text_of(&call, "late"), text_of(&post, "late")), (nobody.clone(), nobody));
    gateway.settle_books().await;
}
