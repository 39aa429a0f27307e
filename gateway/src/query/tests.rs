//! Paths and parameters to statuses, Jaeger's shapes, and the client against a real listener.

use std::time::SystemTime;

use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::client::{QueryArgs, QueryCommand, QueryError, Times, run};
use super::*;
use crate::store::StoreSettings;

/// 2026-11-23T12:34:56.789Z.
const START_NS: u64 = 1_795_437_296_789_000_000;

fn request() -> Bytes {
    let mut out = Vec::new();
    put_message(&mut out, 1, |resource| {
        put_message(resource, 1, |resource| {
            put_message(resource, 1, |attribute| {
                put_bytes(attribute, 1, b"service.name");
                put_message(attribute, 2, |value| put_bytes(value, 1, b"shop"));
            });
        });
        put_message(resource, 2, |scope| {
            put_message(scope, 2, |span| {
                put_bytes(span, 1, &0xabc_u128.to_be_bytes());
                put_bytes(span, 2, &[7; 8]);
                put_bytes(span, 5, b"buy");
                put_uint(span, 6, 2);
                put_fixed64(span, 7, START_NS);
                put_fixed64(span, 8, START_NS + 5_000_000);
            });
        });
    });
    out.into()
}

async fn handler(folder: &TempDir) -> QueryHandler {
    let store = Store::open(StoreSettings {
        path: folder.path().to_owned(),
        fallback: None,
        retention: std::time::Duration::from_secs(3600),
        max_bytes: 64 << 20,
    });
    let store = store.unwrap();
    store.write(otlp::Signal::Traces, vec![request()], SystemTime::now()).await.unwrap();
    QueryHandler::new(store)
}

async fn get(handler: &QueryHandler, uri: &str) -> (u16, Value) {
    let reply = handler.reply(&Method::GET, &uri.parse().unwrap()).await;
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap())
}

#[tokio::test]
async fn statuses_and_the_names_of_bad_parameters() {
    let folder = TempDir::new().unwrap();
    let handler = handler(&folder).await;
    const RANGE: &str =
        "query.start_time_min=2026-11-23T00:00:00Z&query.startTimeMax=2026-11-24T00:00:00Z";
    // `?&` stands for the time range and more.
    let table: &[(&str, u16, &str)] = &[
        ("/api/v3/services", 200, ""),
        ("/api/v3/operations?service=shop", 200, ""),
        ("/api/v3/operations?service=shop&span_kind=server", 200, ""),
        ("/api/v3/operations?service=shop&spanKind=sideways", 400, "spanKind"),
        ("/api/v3/operations", 400, "service"),
        ("/api/v3/traces/00000000000000000000000000000abc", 200, ""),
        ("/api/v3/traces/ABC?start_time=2026-11-23T00:00:00Z&rawTraces=true", 200, ""),
        ("/api/v3/traces/abd", 404, "No traces found"),
        ("/api/v3/traces/xyz", 400, "trace_id"),
        ("/api/v3/traces/000000000000000000000000000000abc", 400, "trace_id"),
        ("/api/v3/traces/abc?startTime=now", 400, "startTime"),
        ("/api/v3/traces/abc?end_time=1", 400, "end_time"),
        ("/api/v3/traces/abc?raw_traces=maybe", 400, "raw_traces"),
        ("/api/v3/traces/abc/spans", 404, "no such path"),
        ("/api/v3/traces/", 404, "no such path"),
        ("/api/v3/traces", 400, "query.startTimeMin"),
        ("/api/v3/traces?query.startTimeMin=2026-11-23T00:00:00Z", 400, "query.startTimeMax"),
        ("/api/v3/traces?&", 200, ""),
        ("/api/v3/traces?&query.serviceName=shop&query.operation_name=buy", 200, ""),
        ("/api/v3/traces?&query.service_name=bank", 404, "No traces found"),
        ("/api/v3/traces?&query.duration_min=5ms&query.durationMax=5ms", 200, ""),
        ("/api/v3/traces?&query.durationMin=5", 400, "query.durationMin"),
        ("/api/v3/traces?&query.durationMin=2s&query.durationMax=1s", 400, "query.durationMax"),
        ("/api/v3/traces?&query.search_depth=1500", 200, ""),
        ("/api/v3/traces?&query.num_traces=1501", 400, "query.num_traces"),
        ("/api/v3/traces?&query.searchDepth=-1", 400, "query.searchDepth"),
        ("/api/v3/traces?&query.attributes=%7B%22service.name%22:%22shop%22%7D", 200, ""),
        ("/api/v3/traces?&query.attributes=%7B%22service.name%22:5%7D", 400, "query.attributes"),
        ("/api/v3/traces?&query.attributes=x", 400, "query.attributes"),
        ("/api/v3/traces?&query.filter=x", 501, "query.filter"),
        ("/api/v3/services?a=%zz", 400, "query string"),
        ("/api/v1/anomalies?where=attributes", 400, "where"),
        ("/api/v1/anomalies", 200, ""),
        ("/api/v1/limits?where=x", 400, "where"),
        ("/api/v1/limits", 200, "{\"limits\":[]}"),
        ("/api/traces/abc", 200, ""),
        ("/api/dependencies?endTs=1", 501, "not built in yet"),
        ("/api/tracesabc", 404, "no such path"),
        ("/", 404, "no such path"),
    ];
    for (path, status, message) in table {
        let (found, body) = get(&handler, &path.replace("?&", &format!("?{RANGE}&"))).await;
        assert_eq!(found, *status, "{path}: {body}");
        if found != 200 {
            assert_eq!(body["error"]["httpCode"], *status, "{path}");
            let text = body["error"]["message"].as_str().unwrap();
            assert!(text.contains(message), "{path}: {text}");
        }
    }
    let reply = handler.reply(&Method::POST, &"/api/v3/services".parse().unwrap()).await;
    let response = Response::from(reply);
    assert_eq!(
        (response.status().as_u16(), &response.headers()[ALLOW]),
        (405, &"GET".parse().unwrap())
    );
}

#[tokio::test]
async fn the_shapes_are_those_of_jaeger() {
    let folder = TempDir::new().unwrap();
    let handler = handler(&folder).await;
    assert_eq!(get(&handler, "/api/v3/services").await.1, json!({"services": ["shop"]}));
    let operations = json!({"operations": [{"name": "buy", "spanKind": "server"}]});
    assert_eq!(get(&handler, "/api/v3/operations?service=shop").await.1, operations);
    let span = json!({
        "traceId": "00000000000000000000000000000abc", "spanId": "0707070707070707",
        "name": "buy", "kind": 2, "startTimeUnixNano": START_NS.to_string(),
        "endTimeUnixNano": (START_NS + 5_000_000).to_string(),
    });
    let service = json!({"key": "service.name", "value": {"stringValue": "shop"}});
    let trace = json!({"result": {"resourceSpans": [
        {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]},
    ]}});
    assert_eq!(get(&handler, "/api/v3/traces/abc").await.1, trace);
}

#[tokio::test]
async fn the_client_asks_over_a_socket() {
    let folder = TempDir::new().unwrap();
    let handler = handler(&folder).await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let store = handler.store.clone();
    let server = serve(Arc::new(socket), Arc::new(Semaphore::new(8)), store).unwrap();
    let ask = async |command: QueryCommand, json: bool| {
        let mut out = Vec::new();
        let args = QueryArgs { address: server.address().to_string(), json, command };
        run(args, &mut out).await.map(|()| String::from_utf8(out).unwrap())
    };
    let traces = |service: &str| QueryCommand::Traces {
        service: Some(service.into()),
        operation: None,
        times: Times {
            start: Some("2026-11-23T00:00:00Z".into()),
            end: Some("2026-11-24T00:00:00Z".into()),
        },
        limit: 5,
    };
    let line =
        "00000000000000000000000000000abc  2026-11-23T12:34:56.789Z  5.00ms  1 span  shop: buy\n";
    assert_eq!(ask(traces("shop"), false).await.unwrap(), line);
    assert_eq!(ask(traces("bank"), false).await.unwrap(), "no traces found\n");
    assert_eq!(ask(QueryCommand::Services, false).await.unwrap(), "shop\n");
    assert_eq!(ask(QueryCommand::Services, true).await.unwrap(), "{\"services\":[\"shop\"]}\n");
    let tree = ask(QueryCommand::Trace { id: "abc".into() }, false).await.unwrap();
    assert!(tree.contains("shop: buy  5.00ms"), "{tree}");
    let missing = ask(QueryCommand::Trace { id: "abd".into() }, false).await.unwrap_err();
    let expect = QueryError::Failed(format!("{}: No traces found", server.address()));
    assert_eq!(missing, expect);
    server.stop(Instant::now(), false).await;
    let error = ask(QueryCommand::Services, false).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[test]
fn settings() {
    use components::config::{Report, value};
    let read = |yaml: &str| {
        let report = Report::default();
        report.add_file("f");
        let value = value::parse(yaml, 0, &report).unwrap();
        let settings = QuerySettings::read(&Section::new(&value, "query", &report));
        (settings.listen.to_string(), report.into_parts().0.len())
    };
    assert_eq!(read("{}"), ("127.0.0.1:4319".into(), 0));
    assert_eq!(read("{listen: ':80', auth: none}"), (":80".into(), 0));
    assert_eq!(read("{auth: token, port: 3}").1, 2);
}
