//! Promise: what was acknowledged is found again, field by field, also after a restart and a kill.

use std::time::Duration;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{HttpClient, Medulla, Signal, name_cryptography, records};
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue as Attribute, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link as SpanLink};
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status as SpanStatus, TracesData,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;

fn config() -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters: {{ store: {{}} }}
store: {{}}
query: {{ listen: 127.0.0.1:0 }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [store] }}
    metrics: {{ receivers: [otlp], exporters: [store] }}
    logs: {{ receivers: [otlp], exporters: [store] }}
{TELEMETRY}"
    )
}

/// Asks the query API; the status and the parsed body.
async fn ask(gateway: &mut Medulla, path: &str) -> (u16, serde_json::Value) {
    let mut client = HttpClient::connect(gateway.address("query")).await;
    let answer = client.get(path).await;
    (answer.status, serde_json::from_slice(&answer.body).expect("the answer is JSON"))
}

/// The spans of a trace as OTLP.
async fn trace(gateway: &mut Medulla, id: &str) -> TracesData {
    let (status, mut body) = ask(gateway, &format!("/api/v3/traces/{id}")).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(body["result"].take()).expect("the result is OTLP/JSON")
}

fn any(value: Any) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn attribute(key: &str, value: Any) -> Attribute {
    Attribute { key: key.to_owned(), value: any(value), ..Default::default() }
}

/// One of every kind of attribute value, nested ones too.
fn attributes() -> Vec<Attribute> {
    let values = vec![AnyValue { value: Some(Any::IntValue(-7)) }, AnyValue { value: None }];
    let inner = vec![attribute("deep", Any::BoolValue(true))];
    vec![
        attribute("text", Any::StringValue("\u{e4} \"quoted\" \u{1F600}\n".to_owned())),
        attribute("empty", Any::StringValue(String::new())),
        attribute("bool", Any::BoolValue(false)),
        attribute("int", Any::IntValue(i64::MIN)),
        attribute("double", Any::DoubleValue(-0.1)),
        attribute("list", Any::ArrayValue(ArrayValue { values })),
        attribute("map", Any::KvlistValue(KeyValueList { values: inner })),
        attribute("bytes", Any::BytesValue(vec![0, 255, 128])),
    ]
}

/// A request in which every field says something.
fn full_request(id: [u8; 16]) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: id.to_vec(),
        span_id: vec![1, 2, 3, 4, 5, 6, 7, 8],
        trace_state: "vendor=opaque,other=1".to_owned(),
        parent_span_id: vec![8, 7, 6, 5, 4, 3, 2, 1],
        flags: 0x301,
        name: "checkout".to_owned(),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_250_000_002,
        attributes: attributes(),
        dropped_attributes_count: 2,
        events: vec![Event {
            time_unix_nano: 1_700_000_000_100_000_000,
            name: "retried".to_owned(),
            attributes: attributes(),
            dropped_attributes_count: 1,
        }],
        dropped_events_count: 3,
        links: vec![SpanLink {
            trace_id: vec![9; 16],
            span_id: vec![9; 8],
            trace_state: "a=b".to_owned(),
            attributes: attributes(),
            dropped_attributes_count: 4,
            flags: 0x100,
        }],
        dropped_links_count: 5,
        status: Some(SpanStatus { message: "payment declined".to_owned(), code: 2 }),
    };
    let scope = InstrumentationScope {
        name: "shop".to_owned(),
        version: "1.2.3".to_owned(),
        attributes: attributes(),
        dropped_attributes_count: 6,
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: vec![span],
        schema_url: "https://opentelemetry.io/schemas/1.27.0".to_owned(),
    };
    let mut resource = Resource { attributes: attributes(), ..Default::default() };
    resource.dropped_attributes_count = 7;
    resource.attributes.push(attribute("service.name", Any::StringValue("shop".to_owned())));
    let schema_url = "https://opentelemetry.io/schemas/1.26.0".to_owned();
    let resource_spans = vec![ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        schema_url,
    }];
    ExportTraceServiceRequest { resource_spans }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_found_again_also_after_a_restart() {
    let mut gateway = Medulla::gateway(&config());
    let id = *b"every field here";
    let sent = full_request(id);
    // Another trace in the same request must not come along.
    let mut both = sent.clone();
    let mut other = both.resource_spans[0].scope_spans[0].spans[0].clone();
    other.trace_id = vec![7; 16];
    both.resource_spans[0].scope_spans[0].spans.push(other);
    assert!(gateway.http().await.export(Signal::Traces, both.encode_to_vec()).await.is_success());
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    for round in 0..3 {
        let found = trace(&mut gateway, &hex).await;
        assert_eq!(found.resource_spans, sent.resource_spans, "round {round}");
        match round {
            0 => assert!(gateway.terminate().success()),
            _ => gateway.kill(),
        }
        gateway.start_again();
    }
    let (status, body) = ask(&mut gateway, "/api/v3/services").await;
    assert_eq!((status, body), (200, serde_json::json!({ "services": ["shop"] })));
    let (_, body) = ask(&mut gateway, "/api/v3/operations?service=shop").await;
    assert_eq!(body["operations"][0]["name"], "checkout");
    let search = "/api/v3/traces?query.service_name=shop\
                  &query.start_time_min=2023-11-14T00:00:00Z&query.start_time_max=2023-11-15T00:00:00Z";
    let (status, body) = ask(&mut gateway, search).await;
    let text = body.to_string();
    assert!(status == 200 && text.contains(&hex) && text.contains(&"07".repeat(16)), "{text}");
    let (status, body) = ask(&mut gateway, "/api/v3/traces/ffff").await;
    assert_eq!((status, body["error"]["httpCode"].as_u64()), (404, Some(404)));
    assert_eq!(ask(&mut gateway, "/api/v3/traces/xyz").await.0, 400);
}

/// What an application with a real SDK sends.
async fn record(endpoint: String, protocol: Protocol) -> TraceId {
    name_cryptography();
    let exporter = match protocol {
        Protocol::Grpc => SpanExporter::builder().with_tonic().with_endpoint(endpoint).build(),
        _ => SpanExporter::builder()
            .with_http()
            .with_protocol(protocol)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build(),
    };
    let exporter = exporter.expect("the exporter's settings are valid");
    let resource = opentelemetry_sdk::Resource::builder().with_service_name("shop").build();
    let provider =
        SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let tracer = provider.tracer("shop");
    let linked = SpanContext::new(
        TraceId::from(5),
        SpanId::from(6),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("vendor", "x")]).expect("a valid trace state"),
    );
    let span = tracer
        .span_builder("GET /cart")
        .with_kind(SpanKind::Server)
        .with_links(vec![Link::new(linked, vec![KeyValue::new("why", "retry")], 0)])
        .with_attributes(vec![
            KeyValue::new("text", "value"),
            KeyValue::new("int", 42),
            KeyValue::new("double", 0.5),
            KeyValue::new("bool", true),
            KeyValue::new("list", Value::Array(Array::I64(vec![1, 2]))),
        ])
        .start(&tracer);
    let context = Context::current_with_span(span);
    context.span().add_event("cache miss", vec![KeyValue::new("key", "cart:1")]);
    drop(tracer.start_with_context("SELECT cart", &context));
    context.span().set_status(Status::error("slow"));
    context.span().end();
    let id = context.span().span_context().trace_id();
    tokio::task::spawn_blocking(move || provider.shutdown())
        .await
        .expect("no exporter panics")
        .expect("the export is acknowledged");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_real_sdk_are_found_by_trace_id() {
    let mut gateway = Medulla::gateway(&config());
    for (component, protocol) in
        [("otlp/http", Protocol::HttpBinary), ("otlp/grpc", Protocol::Grpc)]
    {
        let endpoint = format!("http://{}", gateway.address(component));
        let id = record(endpoint, protocol).await.to_string();
        let found = trace(&mut gateway, &id).await;
        let spans: Vec<&Span> = found
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .collect();
        assert_eq!(spans.len(), 2, "{component}");
        let root = spans.iter().find(|span| span.name == "GET /cart").expect("the root is there");
        let child = spans.iter().find(|span| span.name == "SELECT cart").expect("so is its child");
        assert_eq!(child.parent_span_id, root.span_id);
        assert_eq!((root.kind, root.attributes.len(), root.flags & 1), (2, 5, 1));
        assert_eq!(root.events[0].name, "cache miss");
        assert_eq!(root.links[0].trace_state, "vendor=x");
        assert_eq!(root.status.as_ref().map(|status| status.message.as_str()), Some("slow"));
        let address = gateway.address("query").to_string();
        let output = gateway.ask(&["query", "trace", &id, "--address", &address]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("GET /cart"), "{text}");
        assert!(text.contains("SELECT cart") && text.contains("cache miss"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_keeps_every_acknowledged_span() {
    let mut gateway = Medulla::gateway(&config());
    let mut acknowledged = Vec::new();
    for round in 0..4_u64 {
        let address = gateway.address("otlp/http");
        let mut senders = Vec::new();
        for sender in 0..4_u64 {
            senders.push(tokio::spawn(async move {
                let mut heard = Vec::new();
                let Ok(mut client) = HttpClient::try_connect(address).await else { return heard };
                for count in 0.. {
                    let number = round << 32 | sender << 24 | count;
                    match client.try_export(Signal::Traces, records::traces(number, 1)).await {
                        Ok(answer) if answer.is_success() => heard.push(number),
                        Ok(_) => {}
                        Err(_) => break,
                    }
                }
                heard
            }));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        gateway.kill();
        for sender in senders {
            acknowledged.extend(sender.await.expect("no sender panics"));
        }
        gateway.start_again();
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    let mut client = HttpClient::connect(gateway.address("query")).await;
    for number in acknowledged {
        let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let answer = client.get(&format!("/api/v3/traces/{id:032x}")).await;
        assert_eq!(answer.status, 200, "span {number:x} was acknowledged");
    }
}
