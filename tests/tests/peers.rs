//! Promise: applications with OpenTelemetry's SDKs of other languages find their spans again.
//!
//! Their packages come from PyPI and npm, so these run only with `cargo xtask test --peers`; they
//! are installed below the target folder and kept there.

use std::process::Command;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{HttpClient, Medulla, peers};

const REQUESTS: usize = 5;

const PYTHON_PACKAGES: [&str; 4] = [
    "flask==3.1.3",
    "opentelemetry-distro==0.66b1",
    "opentelemetry-exporter-otlp==1.45.1",
    "opentelemetry-instrumentation-flask==0.66b1",
];

const NODE_PACKAGES: [&str; 6] = [
    "express@5",
    "@opentelemetry/api@1",
    "@opentelemetry/sdk-node@0.223.0",
    "@opentelemetry/instrumentation-http@0.223.0",
    "@opentelemetry/instrumentation-express",
    "@opentelemetry/exporter-trace-otlp-proto@0.223.0",
];

fn gateway() -> Medulla {
    Medulla::gateway(&format!(
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
    ))
}

/// Every trace that the application named is there with these spans.
async fn check(gateway: &mut Medulla, ids: &str, spans: &[&str]) {
    let ids: Vec<&str> = ids.lines().filter(|line| line.len() == 32).collect();
    assert_eq!(ids.len(), REQUESTS);
    let mut client = HttpClient::connect(gateway.address("query")).await;
    for id in ids {
        let answer = client.get(&format!("/api/v3/traces/{id}")).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
        for span in spans {
            assert!(text.contains(span), "{span} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_spans_are_found() {
    if !peers::are_wanted(&["python3"]) {
        return;
    }
    let folder = peers::python("python", &PYTHON_PACKAGES);
    let mut gateway = gateway();
    for (protocol, component) in [("grpc", "otlp/grpc"), ("http/protobuf", "otlp/http")] {
        let endpoint = format!("http://{}", gateway.address(component));
        let ids = peers::run(
            Command::new(folder.join("bin/opentelemetry-instrument"))
                .arg(folder.join("bin/python"))
                .arg(peers::source("flask_app.py"))
                .arg(REQUESTS.to_string())
                .env("OTEL_SERVICE_NAME", "shop")
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        );
        check(&mut gateway, &ids, &["GET /cart/", "load cart", "cart.items", "loaded"]).await;
    }
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_spans_are_found() {
    if !peers::are_wanted(&["node", "npm"]) {
        return;
    }
    let folder = peers::kept_folder("node");
    let install = ["install", "--silent", "--no-audit", "--no-fund"];
    peers::run(Command::new("npm").args(install).args(NODE_PACKAGES).current_dir(&folder));
    let app = folder.join("express_app.js");
    std::fs::copy(peers::source("express_app.js"), &app).expect("the folder is writable");
    let mut gateway = gateway();
    let endpoint = format!("http://{}", gateway.address("otlp/http"));
    let ids = peers::run(
        Command::new("node")
            .arg(&app)
            .arg(REQUESTS.to_string())
            .current_dir(&folder)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    );
    check(&mut gateway, &ids, &["GET /cart/:number", "GET"]).await;
    gateway.settle_books().await;
}
