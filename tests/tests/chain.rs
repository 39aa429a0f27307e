//! Promise: what an agent acknowledged is found in the gateway behind it, whichever of the two is
//! killed and when; both stay within the memory they announce, and their books balance.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{GLANCE, HttpClient, Medulla, Signal, records};

const SENDERS: u64 = 4;
/// Spans per request.
const SPANS: u64 = 3;

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}

fn gateway_config(port: u16) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: '127.0.0.1:{port}' }} }} }} }}
exporters: {{ store: {{}} }}
store: {{}}
query: {{ listen: 127.0.0.1:0 }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [store] }} }}
{TELEMETRY}"
    )
}

fn agent_config(port: u16, gateway: u16) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: '127.0.0.1:{port}' }} }} }} }}
processors: {{ batch: {{ timeout: 20ms }} }}
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:{gateway}
    tls: {{ insecure: true }}
    timeout: 3s
    retry_on_failure: {{ initial_interval: 50ms, max_interval: 200ms }}
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [batch], exporters: [otlp_grpc] }} }}
{TELEMETRY}"
    )
}

fn start() -> (Medulla, Medulla, SocketAddr) {
    let (behind, port) = (free_port(), free_port());
    let gateway = Medulla::gateway(&gateway_config(behind));
    let agent = Medulla::agent(&agent_config(port, behind));
    (agent, gateway, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// The trace id that [`records::traces`] gives to a span.
fn trace_id(number: u64) -> String {
    format!("{:032x}", u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

async fn check_found(gateway: &mut Medulla, numbers: &[u64]) {
    let address = gateway.address("query");
    let mut askers = Vec::new();
    for part in numbers.chunks(numbers.len().div_ceil(4).max(1)) {
        let part = part.to_vec();
        askers.push(tokio::spawn(async move {
            let mut client = HttpClient::connect(address).await;
            for number in part {
                let answer = client.get(&format!("/api/v3/traces/{}", trace_id(number))).await;
                assert_eq!(answer.status, 200, "span {number:x} was acknowledged");
            }
        }));
    }
    for asker in askers {
        asker.await.expect("every span is found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_go_through_to_the_store() {
    let (mut agent, mut gateway, _) = start();
    assert!(agent.http().await.export(Signal::Traces, records::traces(1, 100)).await.is_success());
    check_found(&mut gateway, &(1..=100).collect::<Vec<_>>()).await;
    assert_eq!(agent.settle_books().await.accepted(Signal::Traces), 100.0);
    assert_eq!(gateway.settle_books().await.accepted(Signal::Traces), 100.0);
    let body = bytes::Bytes::from_static(b"not protobuf");
    assert_eq!(agent.http().await.export(Signal::Traces, body).await.status, 400);
    assert!(agent.terminate().success() && gateway.terminate().success());
}

/// Sends until told to stop, over a new connection after each failure; what was acknowledged.
async fn send(address: SocketAddr, next: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Vec<u64> {
    let mut heard = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut client) = HttpClient::try_connect(address).await else {
            tokio::time::sleep(GLANCE).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            let first = next.fetch_add(SPANS, Ordering::Relaxed);
            match client.try_export(Signal::Traces, records::traces(first, SPANS)).await {
                Ok(answer) if answer.is_success() => heard.extend(first..first + SPANS),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
    heard
}

/// Xorshift: a sequence that can be had again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The most memory a process had, against what it announces.
async fn check_memory(process: &mut Medulla) -> u64 {
    let metrics = process.metrics().await;
    let bound = metrics.sum("medulla_memory_bound_bytes", &[]);
    let peak = process.process().peak_memory_bytes();
    assert!(bound > 0.0 && bound <= f64::from(256 << 20), "{bound}");
    assert!(peak > 0 && peak as f64 <= bound, "{peak} of {bound}");
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_under_load_every_acknowledged_span_arrives() {
    let long = std::env::var_os("MEDULLA_PEERS").is_some();
    let lasts = Duration::from_secs(if long { 60 } else { 10 });
    let (mut agent, mut gateway, address) = start();
    let (next, stop) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> =
        (0..SENDERS).map(|_| tokio::spawn(send(address, next.clone(), stop.clone()))).collect();
    let seed = u64::from(std::process::id()) << 20 | u64::from(address.port());
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let begun = Instant::now();
    let (mut kills, mut peak) = ([0, 0], 0);
    while begun.elapsed() < lasts {
        tokio::time::sleep(Duration::from_millis(200 + dice.throw(800))).await;
        let victim = dice.throw(2);
        kills[victim as usize] += 1;
        let killed = if victim == 0 { &mut agent } else { &mut gateway };
        peak = peak.max(check_memory(killed).await);
        killed.kill();
        tokio::time::sleep(Duration::from_millis(dice.throw(300))).await;
        killed.start_again();
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.expect("no sender panics"));
    }
    for survivor in [&mut agent, &mut gateway] {
        survivor.settle_books().await;
        peak = peak.max(check_memory(survivor).await);
    }
    println!(
        "killed agent and gateway {kills:?} times, {} spans acknowledged of {}, at most {peak} bytes",
        acknowledged.len(),
        next.load(Ordering::Relaxed) - 1
    );
    assert!(acknowledged.len() > 100);
    check_found(&mut gateway, &acknowledged).await;
    assert!(agent.terminate().success() && gateway.terminate().success());
}
