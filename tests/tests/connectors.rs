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

fn routed(sinks: &[&Sink], table: &str, default: &str) -> String {
    let pipelines = "
    traces/in: { receivers: [otlp], exporters: [routing] }
    traces/0: { receivers: [routing], exporters: [otlp_http/0] }
    traces/1: { receivers: [routing], exporters: [otlp_http/1] }";
    let routing = format!("connectors: {{ routing: {{ table: [{table}] {default} }} }}");
    config(sinks, pipelines)
        .replace("connectors: { forward: }", &routing)
        .replace("endpoint: 127.0.0.1:0 }", "endpoint: 127.0.0.1:0, include_metadata: true }")
}

async fn numbers(sink: &Sink) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        sink.received().iter().flat_map(|request| records::span_numbers(&request.body)).collect();
    numbers.sort_unstable();
    numbers
}

/// Sends spans 0 to 9 and says which arrive in each of the two pipelines.
async fn route(table: &str, default: &str, dropped: f64) -> [Vec<u64>; 2] {
    let (left, right) = (Sink::start().await, Sink::start().await);
    let mut gateway = Medulla::gateway(&routed(&[&left, &right], table, default));
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 10)).await.is_success());
    let metrics = gateway.metrics().await;
    let no_route = metrics.sum("medulla_dropped_items", &[("reason", "no_route")]);
    assert_eq!((metrics.accepted(Signal::Traces), no_route), (10.0, dropped), "{table}");
    [numbers(&left).await, numbers(&right).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_where_the_first_row_says() {
    let all: Vec<u64> = (0..10).collect();
    let none = Vec::new();
    let zero = "pipelines: [traces/0]";
    let some = "context: span, condition: 'IsMatch(span.span_id.string, \"[02468]$\")'";
    let [left, right] =
        route(&format!("{{ {some}, {zero} }}"), ", default_pipelines: [traces/1]", 0.0).await;
    assert_eq!([left, right], [vec![0, 2, 4, 6, 8], vec![1, 3, 5, 7, 9]]);
    let [left, right] = route(
        &format!("{{ {some}, {zero}, action: copy }}"),
        ", default_pipelines: [traces/1]",
        0.0,
    )
    .await;
    assert_eq!([left, right], [vec![0, 2, 4, 6, 8], all.clone()]);
    let [left, right] = route(&format!("{{ {some}, {zero} }}"), "", 5.0).await;
    assert_eq!([left, right], [vec![0, 2, 4, 6, 8], none.clone()]);
    let every = format!("{{ statement: route(), {zero} }}");
    assert_eq!(route(&every, "", 0.0).await, [all.clone(), none.clone()]);
    let header =
        format!("{{ context: request, condition: 'request[\"Content-Type\"] != \"x\"', {zero} }}");
    assert_eq!(route(&header, "", 0.0).await, [all.clone(), none]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_of_a_call_route_it_without_being_kept() {
    let (left, right) = (Sink::start().await, Sink::start().await);
    // As in the Collector, where `include_metadata` is about HTTP and about attributes.
    let table = "{ context: request, condition: 'request[\"Content-Type\"] == \"application/grpc\"', pipelines: [traces/0] }, \
                 { context: request, condition: 'request[\"Content-Type\"] != \"\"', pipelines: [traces/0] }";
    let config = routed(&[&left, &right], table, ", default_pipelines: [traces/1]")
        .replace(", include_metadata: true", "")
        .replace("http: { endpoint", "grpc: { endpoint: 127.0.0.1:0 }, http: { endpoint");
    let mut gateway = Medulla::gateway(&config);
    let (mut grpc, mut http) = (gateway.grpc().await, gateway.http().await);
    assert!(grpc.export(Signal::Traces, records::traces(0, 1)).await.is_success());
    assert!(http.export(Signal::Traces, records::traces(1, 1)).await.is_success());
    assert_eq!([numbers(&left).await, numbers(&right).await], [vec![0], vec![1]]);
}

#[test]
fn a_table_that_cannot_work_is_an_error_with_its_place() {
    let table = "{ condition: 'attributes[\"a\" == 1', pipelines: [traces/0] }, { context: span, condition: 'span.nam == \"a\"', pipelines: [traces/3] }";
    let text = "
receivers: { otlp: { protocols: { http: } } }
connectors: { routing: { table: [TABLE] } }
exporters: { debug: }
service: { pipelines: { traces/in: { receivers: [otlp], exporters: [routing] }, traces/0: { receivers: [routing], exporters: [debug] } } }";
    let text = text.replace("TABLE", table);
    let output =
        Medulla::command("medulla-gateway", &text, &["validate", "--config", "config.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    for expected in [
        "connectors.routing.table[0].condition: bad_value:",
        "connectors.routing.table[1].condition: bad_value:",
        "pipeline \"traces/3\" does not receive from routing",
    ] {
        assert!(errors.contains(expected), "{expected} not in {errors}");
    }
}
