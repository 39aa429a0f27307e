//! Promise: a sender hears what became of its records, whatever the backend does, and the books
//! balance afterwards.

use std::time::{Duration, Instant};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::status::Code;
use medulla_tests::{Answer, Medulla, Metrics, Reply, Signal, Sink, records};
use tokio::task::JoinSet;

fn config(sink: &Sink, exporter: &str, more: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters:
  {exporter}:
    endpoint: 'http://{}'
    tls: {{ insecure: true }}
    timeout: 2s
    retry_on_failure: {{ initial_interval: 50ms, max_interval: 100ms }}
    {more}
service:
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [{exporter}] }} }}
{TELEMETRY}",
        sink.address()
    )
}

/// What the sender heard over both protocols.
async fn hear(gateway: &mut Medulla, spans: u64) -> [Answer; 2] {
    let body = records::traces(0, spans);
    let http = gateway.http().await.export(Signal::Traces, body.clone()).await;
    let grpc = gateway.grpc().await.export(Signal::Traces, body).await;
    [http, grpc]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_verdict_is_passed_on() {
    for exporter in ["otlp_http", "otlp_grpc"] {
        let sink = Sink::start().await;
        let mut gateway = Medulla::gateway(&config(&sink, exporter, ""));
        let table = [
            (400, Code::InvalidArgument, (400, Code::InvalidArgument)),
            (401, Code::Unauthenticated, (400, Code::InvalidArgument)),
            (403, Code::PermissionDenied, (400, Code::InvalidArgument)),
            (404, Code::Unimplemented, (404, Code::Unimplemented)),
            (413, Code::ResourceExhausted, (413, Code::ResourceExhausted)),
            (500, Code::Internal, (400, Code::InvalidArgument)),
        ];
        for (status, code, (http, grpc)) in table {
            sink.answer(Reply::refuse(status, code));
            let [by_http, by_grpc] = hear(&mut gateway, 3).await;
            assert_eq!(by_http.status, http, "{exporter} {status}");
            assert_eq!(by_grpc.code(), Some(grpc), "{exporter} {code:?}");
        }
        for (status, code) in [
            (429, Code::Unavailable),
            (502, Code::Aborted),
            (503, Code::Unavailable),
            (504, Code::DeadlineExceeded),
        ] {
            sink.answer(Reply::refuse(status, code));
            let [by_http, by_grpc] = hear(&mut gateway, 3).await;
            assert_eq!(by_http.status, 503, "{exporter} {status}");
            assert!(by_http.retry_after().is_some(), "{exporter} {status}");
            assert_eq!(by_grpc.code(), Some(Code::Unavailable), "{exporter} {code:?}");
            assert!(by_grpc.retry_after().is_some(), "{exporter} {code:?}");
        }
        sink.answer(Reply::accept());
        let metrics = gateway.settle_books().await;
        assert_eq!(metrics.accepted(Signal::Traces), 0.0);
        assert_eq!(metrics.refused(Signal::Traces), 60.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_recovers_in_time_is_a_success() {
    for exporter in ["otlp_http", "otlp_grpc"] {
        let sink = Sink::start().await;
        let mut gateway = Medulla::gateway(&config(&sink, exporter, ""));
        sink.answer_once(Reply::refuse(503, Code::Unavailable));
        sink.answer_once(Reply::close());
        assert!(
            gateway.http().await.export(Signal::Traces, records::traces(0, 5)).await.is_success()
        );
        let metrics = gateway.settle_books().await;
        assert_eq!(metrics.accepted(Signal::Traces), 5.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_success_is_passed_on() {
    for exporter in ["otlp_http", "otlp_grpc"] {
        let sink = Sink::start().await;
        let mut gateway = Medulla::gateway(&config(&sink, exporter, ""));
        sink.answer(Reply::partial(2, "two are bad"));
        for answer in hear(&mut gateway, 5).await {
            assert!(answer.is_success());
            let heard = records::read_partial_success(&answer.body);
            assert_eq!(heard, Some((2, "two are bad".to_owned())));
        }
        let metrics = gateway.settle_books().await;
        assert_eq!((metrics.accepted(Signal::Traces), metrics.refused(Signal::Traces)), (6.0, 4.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_refuses_after_the_timeout_and_takes_data_again() {
    let mut sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "otlp_grpc", ""));
    sink.go_down().await;
    let begun = Instant::now();
    let answer = gateway.http().await.export(Signal::Traces, records::traces(0, 5)).await;
    assert_eq!(answer.status, 503);
    assert!(begun.elapsed() >= Duration::from_secs(2), "it was tried until then");
    sink.come_back().await;
    assert!(gateway.http().await.export(Signal::Traces, records::traces(0, 5)).await.is_success());
    gateway.settle_books().await;
    assert_eq!(sink.received().len(), 1, "what was refused does not come later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_backend_delivers_after_the_refusal_and_is_counted() {
    let sink = Sink::start().await;
    // The sender's own deadline is shorter than the attempt.
    let mut gateway = Medulla::gateway(&config(&sink, "otlp_http", ""));
    sink.answer(Reply::late(Duration::from_millis(1000)));
    let mut grpc = gateway.grpc().await;
    let body = medulla_tests::client::frame(&records::traces(0, 5), false);
    let answer = grpc
        .call_within(Signal::Traces.grpc_path(), "300m", body)
        .await
        .expect("the call is answered");
    assert_eq!(answer.code(), Some(Code::Unavailable));
    sink.wait_for(1).await;
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.refused(Signal::Traces), 5.0);
    assert_eq!(metrics.sum("medulla_delivered_after_refusal_items", &[]), 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_or_lets_wait() {
    let body = || records::traces(0, 1);
    let mut sink = Sink::start().await;
    let queue = "sending_queue: { queue_size: 1, num_consumers: 1 }";
    let mut gateway = Medulla::gateway(&config(&sink, "otlp_http", queue));
    sink.hold();
    let mut senders = JoinSet::new();
    for _ in 0..6 {
        let mut http = gateway.http().await;
        senders.spawn(async move { http.export(Signal::Traces, body()).await });
        // The first is on its way before there are others.
        sink.wait_for(1).await;
    }
    let mut statuses = Vec::new();
    while let Some(answer) = senders.join_next().await {
        statuses.push(answer.expect("no sender panics").status);
        if statuses.len() == 4 {
            // The others wait for the backend.
            sink.release();
        }
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503, 503, 503], "one is sent, one waits");
    gateway.settle_books().await;

    let queue = "sending_queue: { queue_size: 1, num_consumers: 2, block_on_overflow: true }";
    sink.go_down().await;
    let sink = Sink::start().await;
    let mut gateway = Medulla::gateway(&config(&sink, "otlp_http", queue));
    let mut senders = Vec::new();
    for _ in 0..6 {
        let mut http = gateway.http().await;
        senders.push(tokio::spawn(async move { http.export(Signal::Traces, body()).await }));
    }
    for sender in senders {
        assert!(sender.await.expect("no sender panics").is_success());
    }
    gateway.settle_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_success_means_in_memory() {
    let mut sink = Sink::start().await;
    let more = "sending_queue: { wait_for_result: false }";
    let mut gateway = Medulla::gateway(&config(&sink, "otlp_http", more));
    sink.go_down().await;
    assert!(gateway.http().await.export(Signal::Traces, records::traces(0, 5)).await.is_success());
    sink.come_back().await;
    sink.wait_for(1).await;
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.accepted(Signal::Traces), 5.0);
    sink.go_down().await;
    assert!(gateway.http().await.export(Signal::Traces, records::traces(0, 5)).await.is_success());
    assert!(gateway.terminate().success(), "what cannot be delivered does not keep it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_waits_for_a_connection_if_it_is_to() {
    let mut sink = Sink::start().await;
    sink.go_down().await;
    for (waits, expect) in [(false, 503), (true, 200)] {
        let config = config(&sink, "otlp_grpc", &format!("wait_for_ready: {waits}"));
        let config =
            config.replace("initial_interval: 50ms, max_interval: 100ms", "enabled: false");
        let mut gateway = Medulla::gateway(&config.replace("timeout: 2s", "timeout: 20s"));
        let mut http = gateway.http().await;
        let metrics = gateway.address("metrics");
        let sending = http.export(Signal::Traces, records::traces(0, 5));
        let backend = async {
            if waits {
                Metrics::once(metrics, "an attempt that waits", |page| {
                    page.sum("otelcol_exporter_in_flight_requests", &[]) == 1.0
                })
                .await;
                sink.come_back().await;
            }
        };
        let (answer, ()) = tokio::join!(sending, backend);
        assert_eq!(answer.status, expect);
        gateway.settle_books().await;
    }
}
