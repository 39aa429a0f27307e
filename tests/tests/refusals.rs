//! Promise: bad input is answered with the contract's refusal, and good senders are served beside
//! it. Nothing of what was refused arrives.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use medulla_tests::client::{frame, gzip, zstd};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::status::Code;
use medulla_tests::{Medulla, PATIENCE, Signal, Sink, records};

fn config(sink: &Sink, memory: &str) -> String {
    format!(
        "
memory: {memory}
receivers:
  otlp:
    protocols:
      grpc: {{ endpoint: 127.0.0.1:0, max_recv_msg_size_mib: 1 }}
      http: {{ endpoint: 127.0.0.1:0, max_request_body_size: 1048576 }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none, timeout: 3s }} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    logs: {{ receivers: [otlp], exporters: [otlp_http] }}
{TELEMETRY}",
        sink.address()
    )
}

async fn start() -> (Medulla, Sink) {
    let sink = Sink::start().await;
    let gateway = Medulla::gateway(&config(&sink, "{}"));
    (gateway, sink)
}

fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).expect("a test's headers are headers")
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

const JSON: (&str, &str) = ("content-type", "application/json");

/// Two mebibytes that compress to two kilobytes.
fn bomb() -> Bytes {
    gzip(&vec![0; 2 << 20])
}

#[tokio::test(flavor = "multi_thread")]
async fn http_refuses_by_the_contract() {
    let (mut gateway, sink) = start().await;
    let good = records::traces(0, 10);
    let gzipped = gzip(&good);
    let cut = good.slice(..good.len() - 1);
    let table: Vec<(&str, Request<Full<Bytes>>, u16)> = vec![
        ("malformed", post("/v1/traces", &[PROTOBUF], &b"not protobuf"[..]), 400),
        ("truncated", post("/v1/traces", &[PROTOBUF], cut), 400),
        ("a group", post("/v1/traces", &[PROTOBUF], &[0x0b, 0x0c][..]), 400),
        (
            "no gzip",
            post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], good.clone()),
            400,
        ),
        (
            "half a gzip",
            post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], gzipped.slice(..20)),
            400,
        ),
        ("no such path", post("/v1/spans", &[PROTOBUF], good.clone()), 404),
        ("no pipeline", post("/v1/metrics", &[PROTOBUF], good.clone()), 404),
        ("a method", Request::put("/v1/traces").body(Full::default()).expect("a request"), 405),
        ("oversized", post("/v1/traces", &[PROTOBUF], vec![0; (1 << 20) + 1]), 413),
        ("a bomb", post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], bomb()), 413),
        (
            "a zstd bomb",
            post("/v1/traces", &[PROTOBUF, ("content-encoding", "zstd")], zstd(&vec![0; 2 << 20])),
            413,
        ),
        ("no json", post("/v1/traces", &[JSON], "{]"), 400),
        ("profiles in json", post("/v1development/profiles", &[JSON], "{}"), 415),
        ("no type", post("/v1/traces", &[], good.clone()), 415),
        (
            "no zstd",
            post("/v1/traces", &[PROTOBUF, ("content-encoding", "zstd")], good.clone()),
            400,
        ),
        ("br", post("/v1/traces", &[PROTOBUF, ("content-encoding", "br")], good.clone()), 415),
    ];
    for (what, request, status) in table {
        let mut client = gateway.http().await;
        let answer = client.send(request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.retry_after(), None, "{what}: not worth sending again");
        assert!(gateway.http().await.export(Signal::Traces, good.clone()).await.is_success());
    }
    assert_eq!(sink.received().len(), 16, "only the good ones arrived");
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.sum("medulla_refused_requests", &[("reason", "malformed")]), 7.0);
    assert_eq!(metrics.sum("medulla_refused_requests", &[("reason", "too_large")]), 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_refuses_by_the_contract() {
    let (mut gateway, sink) = start().await;
    let good = records::traces(0, 10);
    let path = Signal::Traces.grpc_path();
    let two = [frame(&good, false), frame(&good, false)].concat();
    let cut = frame(&good, false).slice(..good.len());
    let announced: Bytes = [&[0, 0, 0, 0xff, 0xff][..], &good[..]].concat().into();
    let table: Vec<(&str, &str, Option<&str>, Bytes, Code)> = vec![
        ("malformed", path, None, frame(b"not protobuf", false), Code::InvalidArgument),
        ("truncated", path, None, frame(&good[..good.len() - 1], false), Code::InvalidArgument),
        ("cut frame", path, None, cut, Code::InvalidArgument),
        ("another length", path, None, announced, Code::InvalidArgument),
        ("no frame", path, None, Bytes::new(), Code::InvalidArgument),
        ("two messages", path, None, two.into(), Code::InvalidArgument),
        ("a flag", path, None, Bytes::from_static(&[7, 0, 0, 0, 0]), Code::InvalidArgument),
        ("no gzip", path, Some("gzip"), frame(&good, true), Code::InvalidArgument),
        ("flag alone", path, None, frame(&gzip(&good), true), Code::InvalidArgument),
        ("no zstd", path, Some("zstd"), frame(&good, true), Code::InvalidArgument),
        ("lz4", path, Some("lz4"), frame(&good, true), Code::Unimplemented),
        (
            "a method",
            "/opentelemetry.Nothing/Export",
            None,
            frame(&good, false),
            Code::Unimplemented,
        ),
        (
            "no pipeline",
            Signal::Metrics.grpc_path(),
            None,
            frame(&good, false),
            Code::Unimplemented,
        ),
        ("oversized", path, None, frame(&vec![0; (1 << 20) + 1], false), Code::ResourceExhausted),
        ("a bomb", path, Some("gzip"), frame(&bomb(), true), Code::ResourceExhausted),
        (
            "a zstd bomb",
            path,
            Some("zstd"),
            frame(&zstd(&vec![0; 2 << 20]), true),
            Code::ResourceExhausted,
        ),
    ];
    let mut client = gateway.grpc().await;
    for (what, path, encoding, body, code) in table {
        let answer = client.call(path, encoding, body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.code(), Some(code), "{what}");
        assert_eq!(answer.retry_after(), None, "{what}: not worth sending again");
        assert!(client.export(Signal::Traces, &good).await.is_success());
    }
    assert_eq!(sink.received().len(), 16, "only the good ones arrived");
    gateway.settle_books().await;
}

/// Says `head` over a plain connection and returns what came back before it was closed.
fn say(address: SocketAddr, head: &str, then: impl FnOnce(&mut TcpStream)) -> String {
    let mut stream = TcpStream::connect(address).expect("the listener takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.write_all(head.as_bytes()).expect("a head fits into the socket");
    then(&mut stream);
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn head(length: &str) -> String {
    format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n{length}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_and_announced_bodies_cost_little_and_end() {
    let sink = Sink::start().await;
    // Room for 16 first steps of 64 KiB: announcements that never come fill it, and only them.
    let mut gateway = Medulla::gateway(&config(&sink, "{ budget: 1MiB }"));
    let address = gateway.address("otlp/http");
    let good = records::traces(0, 10);
    let before = Instant::now();
    let announcing: Vec<_> = (0..12)
        .map(|_| {
            std::thread::spawn(move || {
                say(address, &head("content-length: 1000000"), |stream| {
                    stream.write_all(&[0x0a; 100]).expect("a few bytes fit");
                })
            })
        })
        .collect();
    let chunked = std::thread::spawn(move || {
        say(address, &head("transfer-encoding: chunked"), |stream| {
            stream.write_all(b"5\r\n12345\r\n").expect("a chunk fits");
        })
    });
    while before.elapsed() < Duration::from_secs(3) {
        let answer = gateway.http().await.export(Signal::Traces, good.clone()).await;
        assert!(answer.is_success(), "good senders are served beside them: {}", answer.status);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for announcer in announcing {
        let answer = announcer.join().expect("no announcer panics");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let answer = chunked.join().expect("no announcer panics");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(before.elapsed() >= Duration::from_secs(5), "not given up before its time");
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.sum("medulla_refused_requests", &[("reason", "stalled")]), 13.0);
    assert_eq!(metrics.sum("medulla_budget_used_bytes", &[]), 0.0, "nothing is kept of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_are_read() {
    let (mut gateway, sink) = start().await;
    let good = records::traces(0, 10);
    let address = gateway.address("otlp/http");
    let body = good.clone();
    let answer = tokio::task::spawn_blocking(move || {
        say(address, &head("transfer-encoding: chunked"), |stream| {
            for chunk in body.chunks(100) {
                write!(stream, "{:x}\r\n", chunk.len()).expect("a chunk fits");
                stream.write_all(chunk).expect("a chunk fits");
                stream.write_all(b"\r\n").expect("a chunk fits");
            }
            stream.write_all(b"0\r\n\r\n").expect("an end fits");
        })
    });
    let answer = answer.await.expect("no sender panics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(sink.wait_for(1).await[0].body, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_budget_asks_to_come_again() {
    let mut sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "{ budget: 1MiB }"));
    sink.go_down().await;
    let large = records::traces(0, 2000);
    assert!((400 << 10..1 << 20).contains(&large.len()), "two of them are over the budget");
    let mut senders = Vec::new();
    for _ in 0..4 {
        let (mut http, body) = (gateway.http().await, large.clone());
        senders.push(tokio::spawn(async move { http.export(Signal::Traces, body).await }));
    }
    let mut http = gateway.http().await;
    let mut answers = Vec::new();
    for sender in senders {
        answers.push(sender.await.expect("no sender panics"));
    }
    assert!(answers.iter().all(|answer| answer.status == 503 && answer.retry_after().is_some()));
    sink.come_back().await;
    // A refused body may be held a moment longer than its sender waits: he comes again when he was told to.
    let mut answer = http.export(Signal::Traces, large.clone()).await;
    if let Some(after) = answer.retry_after() {
        tokio::time::sleep(after).await;
        answer = http.export(Signal::Traces, large).await;
    }
    assert!(answer.is_success(), "the budget is free again: {answer:?}");
    let metrics = gateway.settle_books().await;
    assert!(metrics.sum("medulla_refused_requests", &[("reason", "budget")]) >= 2.0);
}
