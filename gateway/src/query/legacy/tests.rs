//! Requests to Jaeger's older API, against its statuses and shapes.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tempfile::TempDir;

use super::*;
use crate::store::StoreSettings;

/// 2026-11-23T12:34:56.789Z.
const START_US: u64 = 1_795_437_296_789_000;
/// An hour later.
const NOW_NS: u64 = (START_US + 3_600_000_000) * 1000;
const TRACE: TraceId = 0xabc_u128.to_be_bytes();

fn pair(key: &str, value: Any) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Any::StringValue(value.into()))
}

fn list(values: Vec<Any>) -> Any {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    Any::ArrayValue(ArrayValue { values })
}

/// A span with everything that Jaeger has another place for.
fn rich() -> Span {
    let link = |kind: &[KeyValue], span: u8| Link {
        trace_id: TRACE.to_vec(),
        span_id: vec![span; 8],
        attributes: kind.to_vec(),
        ..Link::default()
    };
    let map = KeyValueList { values: vec![pair("b", Any::DoubleValue(2.0)), text("a", "x")] };
    Span {
        trace_id: TRACE.to_vec(),
        span_id: vec![7; 8],
        parent_span_id: vec![6; 8],
        trace_state: "k=v".into(),
        name: "buy".into(),
        kind: 2,
        start_time_unix_nano: START_US * 1000,
        end_time_unix_nano: (START_US + 5_000) * 1000,
        attributes: vec![
            text("cart", "full"),
            pair("big", Any::IntValue(i64::MAX)),
            pair("small", Any::IntValue(-3)),
            pair("share", Any::DoubleValue(0.5)),
            pair("vip", Any::BoolValue(true)),
            pair("raw", Any::BytesValue(vec![1, 2, 3])),
            pair("items", list(vec![Any::IntValue(1), Any::KvlistValue(map)])),
            KeyValue { key: "none".into(), ..KeyValue::default() },
        ],
        events: vec![Event {
            time_unix_nano: (START_US + 1) * 1000,
            name: "paid".into(),
            attributes: vec![text("by", "card")],
            ..Event::default()
        }],
        links: vec![link(&[], 5), link(&[text("opentracing.ref_type", "child_of")], 4)],
        status: Some(Status { code: 2, message: "broke".into() }),
        ..Span::default()
    }
}

fn request(service: &str, spans: Vec<Span>) -> Bytes {
    let scope = InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![text("service.name", service), text("host", "h1")],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

async fn store(folder: &TempDir) -> Arc<Store> {
    let store = Store::open(StoreSettings {
        path: folder.path().to_owned(),
        fallback: None,
        retention: Duration::from_secs(3600),
        max_bytes: 64 << 20,
    });
    let store = store.unwrap();
    let root = Span { span_id: vec![6; 8], parent_span_id: Vec::new(), kind: 0, ..rich() };
    let requests = vec![request("shop", vec![rich()]), request("shop/eu", vec![root])];
    store.write(otlp::Signal::Traces, requests, SystemTime::now()).await.unwrap();
    store
}

async fn get(store: &Arc<Store>, uri: &str) -> (u16, Value) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let reply = answer(store, Ask::of(path).unwrap(), query, NOW_NS).await;
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn paths() {
    let table = [
        ("/api/services", Some(Ask::Services)),
        ("/api/services/a%20b/operations", Some(Ask::OperationNames("a%20b"))),
        ("/api/operations", Some(Ask::Operations)),
        ("/api/traces", Some(Ask::Traces)),
        ("/api/traces/1f", Some(Ask::Trace("1f"))),
        ("/api/traces/", None),
        ("/api/traces/1/2", None),
        ("/api/services/shop", None),
        ("/api/services//operations", None),
        ("/api/servicesx", None),
    ];
    for (path, expect) in table {
        assert_eq!(Ask::of(path), expect, "{path}");
    }
}

#[tokio::test]
async fn a_trace_has_jaegers_shape() {
    let folder = TempDir::new().unwrap();
    let (status, body) = get(&store(&folder).await, "/api/traces/abc?prettyPrint=true").await;
    assert_eq!((status, &body["total"], &body["errors"]), (200, &json!(0), &Value::Null));
    let trace = &body["data"][0];
    assert_eq!(trace["traceID"], "0000000000000abc");
    let process = |name: &str| json!({"serviceName": name, "tags": [{"key": "host", "type": "string", "value": "h1"}]});
    assert_eq!(trace["processes"], json!({"p1": process("shop"), "p2": process("shop/eu")}));
    let tag = |key, kind, value: Value| json!({"key": key, "type": kind, "value": value});
    let reference = |kind, span: &str| json!({"refType": kind, "traceID": "0000000000000abc", "spanID": span.repeat(8)});
    let expect = json!({
        "traceID": "0000000000000abc",
        "spanID": "0707070707070707",
        "operationName": "buy",
        "references": [
            reference("CHILD_OF", "06"), reference("FOLLOWS_FROM", "05"), reference("CHILD_OF", "04"),
        ],
        "startTime": START_US,
        "duration": 5000,
        "tags": [
            tag("otel.scope.name", "string", json!("lib")),
            tag("otel.scope.version", "string", json!("1.2")),
            tag("cart", "string", json!("full")),
            tag("big", "int64", json!(i64::MAX.to_string())),
            tag("small", "int64", json!(-3)),
            tag("share", "float64", json!(0.5)),
            tag("vip", "bool", json!(true)),
            tag("raw", "binary", json!("AQID")),
            tag("items", "string", json!(r#"[1,{"a":"x","b":2}]"#)),
            tag("none", "string", json!("")),
            tag("span.kind", "string", json!("server")),
            tag("otel.status_code", "string", json!("ERROR")),
            tag("error", "bool", json!(true)),
            tag("otel.status_description", "string", json!("broke")),
            tag("w3c.tracestate", "string", json!("k=v")),
        ],
        "logs": [{"timestamp": START_US + 1, "fields": [
            tag("event", "string", json!("paid")), tag("by", "string", json!("card")),
        ]}],
        "processID": "p1",
        "warnings": null,
    });
    assert_eq!(trace["spans"][0], expect);
    assert_eq!(trace["spans"][1]["processID"], "p2");
}

#[tokio::test]
async fn lists() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let table = [
        ("/api/services", json!(["shop", "shop/eu"])),
        ("/api/services/shop/operations", json!(["buy"])),
        ("/api/services/shop%2Feu/operations", json!(["buy"])),
        ("/api/services/bank/operations", json!([])),
        ("/api/operations?service=shop", json!([{"name": "buy", "spanKind": "server"}])),
        ("/api/operations?service=shop&spanKind=client", json!([])),
    ];
    for (uri, data) in table {
        let total = data.as_array().unwrap().len();
        let expect = json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null});
        assert_eq!(get(&store, uri).await, (200, expect), "{uri}");
    }
}

#[tokio::test]
async fn searches() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    // What comes behind `service=shop`, and how many traces that finds.
    let table = [
        ("", 1),
        ("&operation=buy&limit=20&lookback=2d", 1),
        ("&operation=sell", 0),
        ("&tag=cart:full&tag=vip:true", 1),
        ("&tag=cart:empty", 0),
        ("&tags=%7B%22error%22%3A%22true%22%7D", 1),
        ("&tags=%7B%22span.kind%22%3A%22server%22%7D", 1),
        ("&spanKind=client", 0),
        ("&minDuration=5ms&maxDuration=5ms", 1),
        ("&minDuration=6ms", 0),
        ("&start=1795437296789000&end=1795437296789000", 1),
        ("&start=1795437296789001", 0),
        ("&end=1795437296788999", 0),
    ];
    for (search, total) in table {
        let (status, body) = get(&store, &format!("/api/traces?service=shop{search}")).await;
        assert_eq!(status, 200, "{search}: {body}");
        assert_eq!(body["data"].as_array().unwrap().len(), total, "{search}");
    }
    let (_, body) = get(&store, "/api/traces?traceID=abc&traceID=def&traceID=abc").await;
    let missing = json!([{"code": 404, "msg": "trace not found", "traceID": "0000000000000def"}]);
    assert_eq!((body["data"].as_array().unwrap().len(), &body["errors"]), (1, &missing));
}

#[tokio::test]
async fn refusals_name_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder).await;
    let table = [
        ("/api/traces", 400, "service"),
        ("/api/traces?service=shop&start=now", 400, "start"),
        ("/api/traces?service=shop&start=2&end=1", 400, "end"),
        ("/api/traces?service=shop&end=99999999999999999999", 400, "end"),
        ("/api/traces?service=shop&minDuration=5", 400, "minDuration"),
        ("/api/traces?service=shop&minDuration=2s&maxDuration=1s", 400, "maxDuration"),
        ("/api/traces?service=shop&limit=x", 400, "limit"),
        ("/api/traces?service=shop&tags=x", 400, "tags"),
        ("/api/traces?service=shop&tag=x", 400, "tag"),
        ("/api/traces?service=shop&size=3", 400, "size"),
        ("/api/traces?traceID=x", 400, "traceID"),
        ("/api/traces/xyz", 400, "trace id"),
        ("/api/traces/abd", 404, "trace not found"),
        ("/api/traces/abc?raw=maybe", 400, "raw"),
        ("/api/services/%ff/operations", 400, "service"),
        ("/api/operations", 400, "service"),
        ("/api/operations?service=shop&spanKind=sideways", 400, "spanKind"),
    ];
    for (uri, status, message) in table {
        let (found, body) = get(&store, uri).await;
        assert_eq!((found, &body["data"]), (status, &Value::Null), "{uri}: {body}");
        assert_eq!(body["errors"][0]["code"], status, "{uri}");
        let text = body["errors"][0]["msg"].as_str().unwrap();
        assert!(text.contains(message), "{uri}: {text}");
    }
}
