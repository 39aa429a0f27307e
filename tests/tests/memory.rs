//! Promise: memory stays under the bound that the process prints, whatever is sent, and what is
//! refused is refused in a way that is worth coming again.

use std::time::{Duration, Instant};

use medulla_tests::client::gzip;
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{GLANCE, Medulla, Metrics, Reply, Signal, Sink, records};

/// Nested so deeply that a reader would run out of stack if it followed.
fn nested(levels: usize) -> Vec<u8> {
    // AnyValue { kvlist_value: { values: { value: AnyValue } } }
    let mut value = vec![0x0a, 1, b'x'];
    for _ in 0..levels {
        for tag in [0x12, 0x0a, 0x32] {
            value = field(tag, &value);
        }
    }
    let attribute = field(0x0a, &[field(0x0a, b"key"), field(0x12, &value)].concat());
    let resource = field(0x0a, &attribute);
    let span = field(0x12, &field(0x12, &[field(0x0a, &[7; 16]), field(0x12, &[7; 8])].concat()));
    field(0x0a, &[resource, span].concat())
}

fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("seven bits"));
    out.extend_from_slice(bytes);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_refused_and_memory_stays_under_the_bound() {
    let sink = Sink::start().await;
    sink.answer(Reply::late(Duration::from_millis(150)));
    let config = format!(
        "
memory: {{ budget: 24MiB }}
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors: {{ batch: {{}} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', timeout: 5s }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [batch], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    );
    let mut gateway = Medulla::gateway(&config);
    let plain = records::traces(0, 5000);
    let packed = gzip(&plain);
    let until = Instant::now() + Duration::from_secs(4);
    let mut senders = Vec::new();
    for number in 0..48 {
        let (mut http, plain, packed) = (gateway.http().await, plain.clone(), packed.clone());
        senders.push(tokio::spawn(async move {
            let (mut taken, mut refused) = (0_u64, 0_u64);
            while Instant::now() < until {
                let answer = match number % 2 {
                    0 => http.export(Signal::Traces, plain.clone()).await,
                    _ => http.export_coded(Signal::Traces, "gzip", packed.clone()).await,
                };
                match answer.status {
                    200 => taken += 1,
                    503 => {
                        assert!(answer.retry_after().is_some());
                        refused += 1;
                    }
                    other => panic!("status {other}"),
                }
            }
            (taken, refused)
        }));
    }
    let (mut taken, mut refused) = (0, 0);
    for sender in senders {
        let (more, less) = sender.await.expect("no sender panics");
        taken += more;
        refused += less;
    }
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.accepted(Signal::Traces), taken as f64 * 5000.0);
    let bound = metrics.sum("medulla_memory_bound_bytes", &[]);
    let peak = gateway.process().peak_memory_bytes() as f64;
    assert!(peak < bound, "peak {peak}, bound {bound}");
    assert_eq!(metrics.sum("medulla_budget_used_bytes", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_exporter_writes_needs_room_and_goes_one_by_one_without() {
    const BUDGET: usize = 24 << 20;
    let mut sink = Sink::start().await;
    let config = format!(
        "
memory: {{ budget: {BUDGET} }}
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters:
  otlp_http:
    endpoint: 'http://{}'
    encoding: json
    compression: none
    retry_on_failure: {{ initial_interval: 1s, max_interval: 1s }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    );
    let mut gateway = Medulla::gateway(&config);
    sink.go_down().await;
    // Nine tenths of the budget, so that none of it has room as JSON, of which sockets do not hold one.
    const SENDERS: usize = 6;
    const SPANS: u64 = 13_000;
    let body = records::traces(0, SPANS);
    let part = body.len() * SENDERS * 100 / BUDGET;
    assert!((85..95).contains(&part), "{part} % of the budget");
    let mut sending = Vec::new();
    for _ in 0..SENDERS {
        let (mut http, body) = (gateway.http().await, body.clone());
        sending.push(tokio::spawn(async move {
            loop {
                let answer = http.export(Signal::Traces, body.clone()).await;
                if answer.status != 503 {
                    return answer.status;
                }
                // While another's is over the budget, nothing is admitted.
                assert!(answer.retry_after().is_some());
                tokio::time::sleep(10 * GLANCE).await;
            }
        }));
    }
    let metrics = gateway.address("metrics");
    let all = SENDERS as f64 * SPANS as f64;
    Metrics::once(metrics, "all are queued", |page| page.sum("medulla_queued_items", &[]) >= all)
        .await;
    sink.stall().await;
    let used = |page: &Metrics| page.sum("medulla_budget_used_bytes", &[]);
    let put_off = |page: &Metrics| page.sum("medulla_exporter_attempts_put_off_total", &[]);
    let is_over = |page: &Metrics| used(page) > BUDGET as f64;
    let page = Metrics::once(metrics, "one is over", is_over).await;
    let before = put_off(&page);
    let waits = |page: &Metrics| is_over(page) && put_off(page) > before;
    let page = Metrics::once(metrics, "others wait", waits).await;
    assert!(used(&page) < (BUDGET + 3 * body.len()) as f64, "only one is over: {}", used(&page));
    sink.go_down().await;
    sink.come_back().await;
    for sent in sending {
        assert_eq!(sent.await.expect("no sender panics"), 200);
    }
    assert_eq!(sink.received().len(), SENDERS);
    let metrics = gateway.settle_books().await;
    assert_eq!(metrics.accepted(Signal::Traces), all);
    assert_eq!(used(&metrics), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nests_without_end_is_refused_by_who_reads_it_and_passed_on_by_who_does_not() {
    let sink = Sink::start().await;
    let config = format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }}, otlp/2: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}', compression: none }}, store: {{}} }}
store: {{}}
query: {{ listen: 127.0.0.1:0 }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    traces/2: {{ receivers: [otlp/2], exporters: [store] }}
{TELEMETRY}",
        sink.address()
    );
    let mut gateway = Medulla::gateway(&config);
    let reader = gateway.address("otlp/2/http");
    let mut reader = medulla_tests::HttpClient::connect(reader).await;
    for levels in [1000, 4000] {
        let body = nested(levels);
        let answer = gateway.http().await.export(Signal::Traces, body.clone()).await;
        assert!(answer.is_success(), "{levels}: passed on");
        assert_eq!(sink.received().last().map(|request| request.body.len()), Some(body.len()));
        assert_eq!(reader.export(Signal::Traces, body).await.status, 400, "{levels}: refused");
    }
    assert!(reader.export(Signal::Traces, nested(5)).await.is_success());
    assert!(gateway.process().is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_limiter_bounds_the_whole_process() {
    let sink = Sink::start().await;
    let config = format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors: {{ memory_limiter: {{ check_interval: 1s, limit_mib: 250, spike_limit_mib: 50 }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}' }} }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [memory_limiter], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    );
    let mut gateway = Medulla::gateway(&config);
    let mut http = gateway.http().await;
    assert!(http.export(Signal::Traces, records::traces(0, 10)).await.is_success());
    let bound = gateway.settle_books().await.sum("medulla_memory_bound_bytes", &[]);
    assert_eq!(bound, f64::from(200 << 20), "the soft limit");
}
