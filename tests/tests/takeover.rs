//! Promise: `run --takeover` costs nobody anything. Connections wait in the sockets that are handed
//! over, every record that was accepted arrives, and the kernel's limits hold throughout.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medulla_tests::client::Failure;
use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::load::{Acceptor, Load};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Answer, GrpcClient, HttpClient, Medulla, Reply, Signal, Sink, records};

/// Takeovers in a row.
const ROUNDS: usize = 5;
/// Requests at the sink between two takeovers.
const BETWEEN: usize = 50;
/// How long a backend takes, so that there is always something on its way.
const ANSWERS_AFTER: Duration = Duration::from_millis(20);

fn config(sink: SocketAddr, listens: &str) -> String {
    format!(
        "
receivers:
  kernel: {{ interfaces: [auto] }}
  otlp: {{ protocols: {{ grpc: {{ endpoint: '{listens}:0' }}, http: {{ endpoint: '{listens}:0' }} }} }}
processors: {{ batch: {{ timeout: 10ms }} }}
exporters:
  otlp_grpc: {{ endpoint: '{sink}', tls: {{ insecure: true }} }}
  debug: {{ verbosity: basic }}
service:
  pipelines:
    traces: {{ receivers: [otlp], processors: [batch], exporters: [otlp_grpc] }}
    metrics: {{ receivers: [kernel], exporters: [debug] }}
{TELEMETRY}"
    )
}

/// How a sender works.
#[derive(Clone, Copy, Debug)]
enum Way {
    Grpc,
    Http,
    /// A connection for each request.
    Short,
}

enum Client {
    Grpc(GrpcClient),
    Http(HttpClient),
}

impl Client {
    async fn connect(way: Way, [grpc, http]: [SocketAddr; 2]) -> Result<Self, Failure> {
        Ok(match way {
            Way::Grpc => Self::Grpc(GrpcClient::try_connect(grpc).await?),
            Way::Http | Way::Short => Self::Http(HttpClient::try_connect(http).await?),
        })
    }

    async fn export(&mut self, number: u64) -> Result<Answer, Failure> {
        let body = records::traces(number, 1);
        match self {
            Self::Grpc(client) => client.try_export(Signal::Traces, body).await,
            Self::Http(client) => client.try_export(Signal::Traces, body).await,
        }
    }
}

/// What a sender met.
#[derive(Debug, Default)]
struct Met {
    acknowledged: Vec<u64>,
    /// Connections that could not be had.
    refused: Vec<String>,
    /// Connections that said goodbye between two requests: the next one goes over another.
    moved: usize,
    /// Requests that went out and heard nothing.
    unanswered: Vec<String>,
    /// Requests that heard no.
    rejected: Vec<String>,
    slowest: Duration,
}

async fn send(way: Way, at: [SocketAddr; 2], next: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Met {
    let mut met = Met::default();
    while !stop.load(Ordering::Relaxed) {
        let mut client = match Client::connect(way, at).await {
            Ok(client) => client,
            Err(error) => {
                met.refused.push(error.to_string());
                tokio::task::yield_now().await;
                continue;
            }
        };
        while !stop.load(Ordering::Relaxed) {
            let (number, begun) = (next.fetch_add(1, Ordering::Relaxed), Instant::now());
            match client.export(number).await {
                Ok(answer) if answer.is_success() => met.acknowledged.push(number),
                Ok(answer) => met.rejected.push(format!("{answer:?}")),
                Err(error) => {
                    match was_not_sent(&error) {
                        true => met.moved += 1,
                        false => met.unanswered.push(format!("{error:?}")),
                    }
                    break;
                }
            }
            met.slowest = met.slowest.max(begun.elapsed());
            if matches!(way, Way::Short) {
                break;
            }
        }
    }
    met
}

/// The connection was closing before the request was looked at, as the client or the server says.
fn was_not_sent(error: &Failure) -> bool {
    let Some(error) = error.downcast_ref::<hyper::Error>() else { return false };
    let h2 = std::error::Error::source(error).and_then(|it| it.downcast_ref::<h2::Error>());
    let has_gone_away = |error: &h2::Error| {
        error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
    };
    error.is_canceled() || error.is_closed() || h2.is_some_and(has_gone_away)
}

/// Senders of every kind while something happens.
struct Senders {
    stop: Arc<AtomicBool>,
    running: Vec<(Way, tokio::task::JoinHandle<Met>)>,
}

impl Senders {
    fn start(agent: &mut Medulla) -> Self {
        let at = [agent.address("otlp/grpc"), agent.address("otlp/http")];
        let (next, stop) = (Arc::new(AtomicU64::new(1)), Arc::<AtomicBool>::default());
        let ways = [Way::Grpc, Way::Grpc, Way::Http, Way::Http, Way::Short, Way::Short];
        let start = |way| (way, tokio::spawn(send(way, at, next.clone(), stop.clone())));
        Self { stop: stop.clone(), running: ways.map(start).into() }
    }

    /// Ends them; nothing was refused, and everything acknowledged is at the sink.
    async fn end(self, sink: &Sink) {
        self.stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for (way, running) in self.running {
            let met = running.await.expect("no sender panics");
            println!(
                "{way:?}: {} acknowledged, {} times moved, {} unanswered, the slowest took {:?}",
                met.acknowledged.len(),
                met.moved,
                met.unanswered.len(),
                met.slowest
            );
            assert!(met.refused.is_empty(), "{way:?}: {:?}", met.refused);
            assert!(met.rejected.is_empty(), "{way:?}: {:?}", met.rejected);
            assert!(met.unanswered.is_empty(), "{way:?}: {:?}", met.unanswered);
            acknowledged.extend(met.acknowledged);
        }
        let arrived: BTreeSet<u64> = sink
            .received()
            .iter()
            .flat_map(|request| records::span_numbers(&request.body))
            .collect();
        let lost = acknowledged.iter().filter(|number| !arrived.contains(number)).count();
        assert_eq!(lost, 0, "of {}", acknowledged.len());
        assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_notice_nothing() {
    let sink = Sink::start().await;
    sink.answer(Reply::late(ANSWERS_AFTER));
    let mut agent = Medulla::agent(&config(sink.address(), "127.0.0.1"));
    let senders = Senders::start(&mut agent);
    for _ in 0..ROUNDS {
        let before = agent.process().id();
        sink.wait_for(sink.received().len() + BETWEEN).await;
        assert!(agent.take_over().code().is_some(), "it ended by itself");
        assert_ne!(agent.process().id(), before);
    }
    senders.end(&sink).await;
    assert!(agent.terminate().success(), "{}", agent.process().log());
    assert!(!agent.folder().join("run/agent.sock").exists());
}

#[test]
fn with_a_keeper_limits_hold_and_commands_wait() {
    const RATE: u64 = 10;
    const BURST: u64 = 10;
    host::run(|host| {
        let sink = host.block_on(Sink::start());
        sink.answer(Reply::late(ANSWERS_AFTER));
        let mut agent = host.agent(&config(sink.address(), "127.0.0.1"));
        let address = on_wire(IPV4, 8080);
        let acceptor = Acceptor::start(address);
        agent.tell("limit set --port 8080 --rate 10/s --burst 10 --for 1h").done();
        let begun = Instant::now();
        let load = Load::connections(host.peer(), address, 2000);
        let senders = host.block_on(async { Senders::start(&mut agent) });
        for _ in 0..ROUNDS {
            host.block_on(sink.wait_for(sink.received().len() + BETWEEN));
            assert!(agent.take_over().success(), "{}", agent.process().log());
            assert_eq!(agent.limits().len(), 1);
        }
        let ran = begun.elapsed();
        host.block_on(senders.end(&sink));
        let (offered, accepted) = (load.end(), acceptor.end().len() as u64);
        let tenths = u64::try_from(ran.as_millis()).unwrap_or(0) / 100 + 2;
        let allowed = BURST + tenths * RATE / 10;
        println!("{ROUNDS} takeovers in {ran:?}: {accepted} of {offered}, {allowed} allowed");
        assert!(offered > 10 * accepted && (1..=allowed).contains(&accepted));
        assert!(agent.terminate().success());
        assert!(host::is_empty(&host.bpf_dir()));
    });
}

/// The new configuration listens elsewhere on the same port, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_new_one_does_not_want_is_closed() {
    let sink = Sink::start().await;
    let mut agent = Medulla::agent(&config(sink.address(), "127.0.0.1"));
    let [grpc, http] = [agent.address("otlp/grpc"), agent.address("otlp/http")];
    let text = config(sink.address(), "127.0.0.1");
    let text = text.replacen("grpc: { endpoint: '127.0.0.1:0' }, ", "", 1);
    let text = text.replacen("127.0.0.1:0", &format!("0.0.0.0:{}", http.port()), 1);
    std::fs::write(agent.config_file(), text).expect("the test's folder is writable");
    agent.take_over();
    assert_eq!(agent.address("otlp/http"), SocketAddr::from(([0, 0, 0, 0], http.port())));
    let mut client = HttpClient::connect(http).await;
    assert!(client.export(Signal::Traces, records::traces(1, 1)).await.is_success());
    assert!(HttpClient::try_connect(grpc).await.is_err());
    let log = agent.process().log();
    assert!(log.contains(&format!("closed {grpc}")), "{log}");
}

/// A configuration that does not load costs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_cannot_start_takes_nothing_over() {
    let sink = Sink::start().await;
    let mut agent = Medulla::agent(&config(sink.address(), "127.0.0.1"));
    std::fs::write(agent.folder().join("bad.yaml"), "receivers: {").expect("writable");
    assert_eq!(agent.tell("run --takeover --config bad.yaml").code, Some(2));
    let mut client = agent.http().await;
    assert!(client.export(Signal::Traces, records::traces(1, 1)).await.is_success());
    assert!(agent.terminate().success());
}
