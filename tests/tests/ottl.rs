//! Promise: statements and conditions change what they say and nothing else, and the books balance.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, client, records};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

fn config(sink: &Sink, processors: &str, names: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors:
{processors}
exporters:
  otlp_http: {{ endpoint: 'http://{}', compression: gzip }}
service:
  pipelines:
    traces: {{ receivers: [otlp], processors: [{names}], exporters: [otlp_http] }}
{TELEMETRY}",
        sink.address()
    )
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("the body is an export request");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_drops_what_it_says_and_counts_it() {
    let sink = Sink::start().await;
    let filter = r#"
  filter:
    error_mode: propagate
    traces: { span: ['span_id != SpanID(0x0000000000000003) and attributes["cart.total"] > 1.5'] }"#;
    let mut gateway = Medulla::gateway(&config(&sink, filter, "filter"));
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 10)).await.is_success());
    assert!(http.export(Signal::Traces, records::traces(100, 10)).await.is_success());
    assert_eq!(records::span_numbers(&sink.wait_for(1).await[0].body), [3]);
    let metrics = gateway.settle_books().await;
    let dropped = [("signal", "traces"), ("component", "filter"), ("reason", "filtered")];
    assert_eq!(metrics.sum("medulla_dropped_items", &dropped), 19.0);
    assert_eq!(sink.received().len(), 1, "a request of which nothing is left is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_edit_and_processors_in_a_row_keep_their_counts() {
    let sink = Sink::start().await;
    let processors = r#"
  transform:
    trace_statements:
      - set(span.attributes["seen"], true)
      - set(resource.attributes["env"], "test")
      - delete_key(span.attributes, "user_agent.original")
  filter:
    trace_conditions: ['span.attributes["seen"] == true and span.name == "none"']
  transform/late:
    trace_statements: ['set(span.name, "renamed") where span.attributes["seen"] == true']"#;
    let names = "transform, filter, transform/late";
    let mut gateway = Medulla::gateway(&config(&sink, processors, names));
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 5)).await.is_success());
    let spans = spans(&sink.wait_for(1).await[0].body);
    assert_eq!(spans.len(), 5);
    for span in &spans {
        let keys: Vec<&str> = span.attributes.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(span.name, "renamed");
        assert!(keys.contains(&"seen") && !keys.contains(&"user_agent.original"), "{keys:?}");
    }
    let metrics = gateway.settle_books().await;
    let labels = [
        ("signal", "traces"),
        ("component", "transform/late"),
        ("statement", r#"set(span.name, "renamed") where span.attributes["seen"] == true"#),
    ];
    assert_eq!(metrics.sum("medulla_ottl_matched", &labels), 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_statement_touches_keeps_its_compressed_form() {
    let sink = Sink::start().await;
    let processors = r#"
  transform: { trace_statements: ['set(span.name, "x") where span.name == "none"'] }
  filter: { trace_conditions: ['span.name == "none"'] }"#;
    let mut gateway = Medulla::gateway(&config(&sink, processors, "transform, filter"));
    let mut http = gateway.http().await;
    let packed = client::gzip(&records::traces(0, 10));
    let answer = http.export_coded(Signal::Traces, "gzip", packed.clone()).await;
    assert!(answer.is_success());
    assert_eq!(sink.wait_for(1).await[0].wire, packed);
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_refuses_the_request_or_skips_the_statement() {
    let sink = Sink::start().await;
    let statement = r#"trace_statements: ['set(span.name, span.attributes["cart.total"])']"#;
    let strict = format!("  transform: {{ error_mode: propagate, {statement} }}");
    let mut gateway = Medulla::gateway(&config(&sink, &strict, "transform"));
    let mut http = gateway.http().await;
    let answer = http.export(Signal::Traces, records::traces(0, 10)).await;
    assert_eq!(answer.status, 400, "the same bytes would fail again");
    gateway.settle_books().await;
    drop(gateway);

    let lenient = format!("  transform: {{ {statement} }}");
    let mut gateway = Medulla::gateway(&config(&sink, &lenient, "transform"));
    let mut http = gateway.http().await;
    let body = records::traces(0, 10);
    assert!(http.export(Signal::Traces, body.clone()).await.is_success());
    assert_eq!(sink.wait_for(1).await[0].body, body);
    let metrics = gateway.settle_books().await;
    let labels = [
        ("signal", "traces"),
        ("component", "transform"),
        ("statement", r#"set(span.name, span.attributes["cart.total"])"#),
    ];
    assert_eq!(metrics.sum("medulla_ottl_failed", &labels), 10.0);
}
