//! Promise: a reload swaps what changed, closes no port, loses no record, and a configuration that
//! cannot run leaves the old one running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{HttpClient, Medulla, Signal, Sink, eventually, records};

fn config(port: u16, sink: &Sink, more: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: '127.0.0.1:{port}' }} }} }} }}
processors: {{ batch: {{ timeout: 20ms }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}' {more} }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [batch], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    )
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

/// Waits until the log has said `what` so many times.
async fn said(gateway: &mut Medulla, what: &str, times: usize) {
    eventually(what, || {
        let seen = gateway.process().log().matches(what).count();
        std::future::ready((seen >= times).then_some(()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_every_acknowledged_span_arrives_at_one_of_the_backends() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let port = free_port();
    let mut gateway = Medulla::gateway(&config(port, &first, ""));
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut senders = Vec::new();
    for _ in 0..4 {
        let (stop, next, address) = (stop.clone(), next.clone(), gateway.address("otlp/http"));
        senders.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            let mut client = HttpClient::connect(address).await;
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                match client.try_export(Signal::Traces, records::traces(number, 1)).await {
                    Ok(answer) if answer.is_success() => acknowledged.push(number),
                    Ok(_) => {}
                    Err(_) => client = HttpClient::connect(address).await,
                }
            }
            acknowledged
        }));
    }
    for round in 0..6 {
        let sink = if round % 2 == 0 { &second } else { &first };
        let more = if round % 3 == 0 { ", compression: none" } else { "" };
        gateway.reload(&config(port, sink, more));
        said(&mut gateway, "configuration reloaded", round + 1).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.expect("no sender panics"));
    }
    let received = [first.received(), second.received()].concat();
    let mut arrived: Vec<u64> =
        received.iter().flat_map(|request| records::span_numbers(&request.body)).collect();
    arrived.sort_unstable();
    acknowledged.sort_unstable();
    assert!(!acknowledged.is_empty() && !second.received().is_empty());
    let lost: Vec<&u64> =
        acknowledged.iter().filter(|number| arrived.binary_search(number).is_err()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_run_changes_nothing() {
    let sink = Sink::start().await;
    let port = free_port();
    let mut gateway = Medulla::gateway(&config(port, &sink, ""));
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let taken = held.local_addr().expect("a bound socket has an address").port();
    for (round, bad) in
        [config(port, &sink, ", endpiont: x"), "receivers: [".to_owned(), config(taken, &sink, "")]
            .into_iter()
            .enumerate()
    {
        gateway.reload(&bad);
        said(&mut gateway, "configuration not reloaded", round + 1).await;
        let answer = gateway.http().await.export(Signal::Traces, records::traces(0, 1)).await;
        assert!(answer.is_success(), "round {round}");
    }
    drop(held);
    assert!(gateway.process().log().contains("did you mean endpoint?"));
    // What can run changes what it says, the bound of memory among it.
    let bound = async |gateway: &mut Medulla| {
        gateway.metrics().await.sum("medulla_memory_bound_bytes", &[])
    };
    let before = bound(&mut gateway).await;
    gateway.reload(&format!("memory: {{ budget: 16MiB }}{}", config(port, &sink, "")));
    said(&mut gateway, "configuration reloaded", 1).await;
    assert_eq!(before - bound(&mut gateway).await, f64::from((2 * (64 - 16)) << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_samplers_ratio_changes_under_an_open_connection() {
    let (sink, port) = (Sink::start().await, free_port());
    let with = |mode: &str, percentage: u32| {
        let sampler = format!("{{ sampling_percentage: {percentage}, mode: {mode} }}");
        config(port, &sink, "")
            .replace("batch: { timeout: 20ms }", &format!("probabilistic_sampler: {sampler}"))
            .replace("processors: [batch]", "processors: [probabilistic_sampler]")
    };
    let mut gateway = Medulla::gateway(&with("hash_seed", 100));
    // Every export goes over this one connection, and the client panics if it breaks.
    let mut client = gateway.http().await;
    let (mut before, mut sent) = (0, 0);
    let rounds = [("hash_seed", 100), ("hash_seed", 0), ("equalizing", 100), ("equalizing", 30)];
    for (round, (mode, percentage)) in rounds.into_iter().chain([("hash_seed", 60)]).enumerate() {
        if round > 0 {
            gateway.reload(&with(mode, percentage));
            said(&mut gateway, "configuration reloaded", round).await;
        }
        assert!(client.export(Signal::Traces, records::traces(sent, 1000)).await.is_success());
        sent += 1000;
        let arrived: usize =
            sink.received().iter().map(|request| records::span_numbers(&request.body).len()).sum();
        let share = (arrived - before) as f64 / 10.0;
        assert!((share - f64::from(percentage)).abs() < 6.0, "{mode}: {share} % of {percentage} %");
        before = arrived;
    }
    let metrics = gateway.settle_books().await;
    let sampled = metrics.sum("medulla_dropped_items", &[("reason", "sampled")]);
    assert_eq!(sampled + before as f64, sent as f64);
}
