//! Promise: logs and metrics in the store are found by time, service and OTTL condition, page by
//! page, over HTTP and by command.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{HttpClient, Medulla, Signal};
use serde_json::{Value, json};

fn config() -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters: {{ store: {{}} }}
store: {{}}
query: {{ listen: 127.0.0.1:0 }}
service:
  pipelines:
    metrics: {{ receivers: [otlp], exporters: [store] }}
    logs: {{ receivers: [otlp], exporters: [store] }}
{TELEMETRY}"
    )
}

/// Second `second` of 2026, in nanoseconds.
fn at(second: u64) -> String {
    format!("{}", (1_767_225_600 + second) * 1_000_000_000)
}

fn attributes(key: &str, value: &str) -> Value {
    json!([{"key": key, "value": {"stringValue": value}}])
}

fn logs(service: &str, seconds: std::ops::Range<u64>) -> String {
    let record = |second| {
        json!({
        "timeUnixNano": at(second), "severityText": if second % 2 == 0 { "INFO" } else { "ERROR" },
        "body": {"stringValue": format!("line {second}")}, "attributes": attributes("k", "v")})
    };
    let records: Vec<Value> = seconds.map(record).collect();
    let resource = json!({"attributes": attributes("service.name", service)});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
        .to_string()
}

async fn ask(gateway: &mut Medulla, path: &str) -> (u16, Value) {
    let mut client = HttpClient::connect(gateway.address("query")).await;
    let answer = client.get(path).await;
    (answer.status, serde_json::from_slice(&answer.body).expect("the answer is JSON"))
}

fn bodies(answer: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let scopes = list(&answer["resourceLogs"]).into_iter().flat_map(|it| list(&it["scopeLogs"]));
    let records = scopes.flat_map(|scope| list(&scope["logRecords"]));
    records.map(|it| it["body"]["stringValue"].as_str().expect("a body").to_owned()).collect()
}

async fn start() -> Medulla {
    let mut gateway = Medulla::gateway(&config());
    let mut http = gateway.http().await;
    for body in [logs("shop", 0..6), logs("cart", 6..9)] {
        assert!(http.export_json(Signal::Logs, body).await.is_success());
    }
    let points: Vec<Value> =
        (0..3).map(|it| json!({"timeUnixNano": at(it), "asInt": it.to_string()})).collect();
    let metric = json!({"name": "orders", "unit": "1", "gauge": {"dataPoints": points}});
    let body = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).to_string();
    assert!(http.export_json(Signal::Metrics, body).await.is_success());
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_newest_first_and_page_by_page() {
    let mut gateway = start().await;
    let (status, first) = ask(&mut gateway, "/api/v1/logs?limit=4").await;
    assert_eq!(status, 200);
    assert_eq!(bodies(&first), ["line 8", "line 7", "line 6", "line 5"]);
    let after = first["after"].as_str().expect("there is more").to_owned();
    let (_, rest) = ask(&mut gateway, &format!("/api/v1/logs?after={after}")).await;
    assert_eq!(bodies(&rest), ["line 4", "line 3", "line 2", "line 1", "line 0"]);
    assert_eq!(rest["after"], Value::Null);
    let wanted = "service=shop&start=2026-01-01T00:00:01Z&end=2026-01-01T00:00:04Z";
    let (_, found) = ask(&mut gateway, &format!("/api/v1/logs?{wanted}")).await;
    assert_eq!(bodies(&found), ["line 4", "line 3", "line 2", "line 1"]);
    let condition =
        "severity_text%20%3D%3D%20%22ERROR%22%20and%20attributes%5B%22k%22%5D%20%3D%3D%20%22v%22";
    let (_, found) =
        ask(&mut gateway, &format!("/api/v1/logs?service=cart&where={condition}")).await;
    assert_eq!(bodies(&found), ["line 7"]);
    let (status, nothing) = ask(&mut gateway, "/api/v1/logs?service=nobody").await;
    assert_eq!((status, nothing), (200, json!({})));
    let (_, points) = ask(&mut gateway, "/api/v1/metrics?where=value_int%20%3E%200").await;
    let metric = &points["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    let values =
        [&metric["gauge"]["dataPoints"][0]["asInt"], &metric["gauge"]["dataPoints"][1]["asInt"]];
    assert_eq!((&metric["name"], values), (&json!("orders"), [&json!("2"), &json!("1")]));
    for (query, names) in [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("start=yesterday", "start"),
        ("start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "end"),
        ("after=x", "after"),
        ("where=set(body)", "where: ottl:1:"),
        ("whre=true", "unknown parameter whre"),
    ] {
        let (status, answer) = ask(&mut gateway, &format!("/api/v1/logs?{query}")).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(names), "{query}: {status} {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_command() {
    let mut gateway = start().await;
    let address = gateway.address("query").to_string();
    let ask = |arguments: &[&str]| {
        let command = [&["query", "--address", &address][..], arguments].concat();
        let output = gateway.ask(&command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let start = ["--start", "2026-01-01T00:00:00Z"];
    let logs = |more: &[&'static str]| ask(&[&["logs"][..], &start, more].concat());
    let (code, said, _) = logs(&["--where", "severity_text == \"ERROR\"", "--limit", "1"]);
    assert_eq!(code, Some(0));
    let line = "2026-01-01T00:00:07.000Z  ERROR  cart: line 7  k=v\nolder ones: --after ";
    assert!(said.starts_with(line), "{said}");
    let (code, said, _) = ask(&[&["metrics"][..], &start].concat());
    assert_eq!(code, Some(0));
    assert!(said.starts_with("2026-01-01T00:00:02.000Z  gauge  : orders = 2 1\n"), "{said}");
    let (_, said, _) = logs(&["--service", "nobody"]);
    assert_eq!(said, "no records found\n");
    let (code, _, said) = logs(&["--where", "nope"]);
    assert!(code == Some(1) && said.contains("malformed parameter where: ottl:1:1: "), "{said}");
}
