//! Promise: a page of another origin can send telemetry where the configuration lets it, the way browsers go about
//! it; and what the configuration says of connections and answers holds.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use medulla_tests::client::gzip;
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Answer, HttpClient, Medulla, Signal, Sink, records};

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
    "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"click"}]}]}]}"#;

fn config(sink: &Sink, http: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0, {http} }} }} }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    )
}

const CORS: &str = "cors: { allowed_origins: ['https://*.shop.example'], max_age: 600 },
    response_headers: { x-served-by: medulla }";

async fn send(
    client: &mut HttpClient,
    method: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(Signal::Traces.http_path());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).expect("a test's headers are headers");
    client.send(request).await.expect("it is answered")
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().expect("a text"))
}

/// What a browser does before a page's script may send JSON to another origin; whether it lets it.
async fn preflight(client: &mut HttpClient, origin: &str, headers: &str) -> bool {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", headers),
    ];
    let answer = send(client, "OPTIONS", &asked, "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(header(&answer, "x-served-by"), Some("medulla"));
    let allowed = header(&answer, "access-control-allow-headers").unwrap_or_default();
    header(&answer, "access-control-allow-origin") == Some(origin)
        && header(&answer, "access-control-allow-methods") == Some("POST")
        && headers.split(',').all(|name| allowed.split(',').any(|other| other == name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_an_allowed_origin_sends_and_reads_its_answer() {
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, CORS));
    let mut client = gateway.http().await;
    let page = "https://eu.shop.example";
    assert!(preflight(&mut client, page, "content-type").await);
    assert!(!preflight(&mut client, page, "authorization,content-type").await);
    assert!(!preflight(&mut client, "https://other.example", "content-type").await);
    let json = ("content-type", "application/json");
    let sent = send(&mut client, "POST", &[("origin", page), json], SPAN).await;
    assert_eq!((sent.status, &sent.body[..]), (200, &b"{}"[..]));
    let refused = send(&mut client, "POST", &[("origin", page), json], "{").await;
    assert_eq!(refused.status, 400);
    for answer in [&sent, &refused] {
        assert_eq!(header(answer, "access-control-allow-origin"), Some(page));
        assert_eq!(header(answer, "access-control-allow-credentials"), Some("true"));
        assert_eq!(header(answer, "vary"), Some("Origin"));
    }
    // Whoever is no page is served as ever, and hears nothing of origins.
    let plain = client.export(Signal::Traces, records::traces(0, 3)).await;
    assert!(plain.is_success() && header(&plain, "access-control-allow-origin").is_none());
    assert_eq!(sink.received().len(), 2);
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cors_a_page_is_told_nothing() {
    let sink = Sink::start().await;
    let mut gateway =
        Medulla::gateway(&config(&sink, "response_headers: { x-served-by: medulla }"));
    let mut client = gateway.http().await;
    let asked = [("origin", "https://x"), ("access-control-request-method", "POST")];
    let answer = send(&mut client, "OPTIONS", &asked, "").await;
    assert_eq!((answer.status, header(&answer, "x-served-by")), (405, Some("medulla")));
    assert_eq!(header(&answer, "access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn codings_and_connections_are_as_configured() {
    let sink = Sink::start().await;
    let http = "compression_algorithms: [gzip], keep_alives_enabled: false";
    let mut gateway = Medulla::gateway(&config(&sink, http));
    let body = records::traces(0, 3);
    let packed = gateway.http().await.export_coded(Signal::Traces, "gzip", gzip(&body)).await;
    assert!(packed.is_success());
    assert_eq!(header(&packed, "connection"), Some("close"));
    let zstd = gateway.http().await.export_coded(Signal::Traces, "zstd", body.clone()).await;
    let plain = gateway.http().await.export(Signal::Traces, body).await;
    assert_eq!((zstd.status, plain.status), (415, 415));
    assert_eq!(sink.received().len(), 1);
    gateway.settle_books().await;
}
