//! The data plane: spans through agent and gateway to a sink, and into the gateway's store.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal};

use crate::cpu::{self, Side};
use crate::load::{Load, Protocol, Shot};
use crate::report::{self, Goal};
use crate::sink::Sink;
use crate::spans;

/// Before anything is measured: connections, pools and buffers have their size after it.
const WARM_UP: Duration = Duration::from_millis(500);
/// Requests with different ids, so that a store has something to index.
const DIFFERENT: u64 = 16;
/// Issue 3: HTTP/1, uncompressed, 1000 spans a request, in millions per second of CPU time.
const GOAL_M_SPANS: f64 = 5.0;

const HTTP: &str = "otlp_http";
const GRPC: &str = "otlp_grpc";

/// One row of the table and how it is measured.
struct Case {
    name: String,
    binary: &'static str,
    protocol: Protocol,
    spans: usize,
    gzip: bool,
    /// Into the store and not to a sink.
    stored: bool,
}

impl Case {
    fn goal(&self) -> Goal {
        let plain = self.protocol == Protocol::Http && !self.gzip && !self.stored;
        if plain && self.spans == 1000 { Goal::AtLeast(GOAL_M_SPANS) } else { Goal::None }
    }

    fn config(&self, sink: SocketAddr) -> String {
        let exporter = match (self.stored, self.protocol) {
            (true, _) => "store",
            (false, Protocol::Http) => HTTP,
            (false, Protocol::Grpc) => GRPC,
        };
        let compression = if self.gzip { "gzip" } else { "none" };
        let exporters = match self.stored {
            true => "{ store: {} }\nstore: {}\nquery: { listen: 127.0.0.1:0 }".to_owned(),
            false => format!(
                "{{ {exporter}: {{ endpoint: 'http://{sink}', compression: {compression}, \
                 tls: {{ insecure: true }} }} }}"
            ),
        };
        format!(
            "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: 127.0.0.1:0 }}, http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters: {exporters}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [{exporter}] }}
{TELEMETRY}"
        )
    }

    fn shots(&self) -> Vec<Shot> {
        let different = if self.stored { DIFFERENT } else { 1 };
        let requests = (0..different).map(|seed| spans::request(self.spans, seed));
        requests
            .map(|request| Shot::new(Signal::Traces, self.protocol, self.gzip, &request))
            .collect()
    }
}

/// Measures every case whose name contains `only`.
pub(crate) async fn measure(window: Duration, only: &str) {
    for case in cases().into_iter().filter(|case| case.name.contains(only)) {
        eprintln!("{}", case.name);
        run(&case, window).await;
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for binary in ["agent", "gateway"] {
        for protocol in [Protocol::Http, Protocol::Grpc] {
            for spans in [1000, 10] {
                for gzip in [false, true] {
                    cases.push(case(binary, protocol, spans, gzip, false));
                }
            }
        }
    }
    cases.push(case("gateway", Protocol::Http, 1000, false, true));
    cases.push(case("gateway", Protocol::Http, 10, false, true));
    cases
}

fn case(program: &str, protocol: Protocol, spans: usize, gzip: bool, stored: bool) -> Case {
    let binary = if program == "agent" { "medulla-agent" } else { "medulla-gateway" };
    let way = match protocol {
        Protocol::Http => "http",
        Protocol::Grpc => "grpc",
    };
    let coding = if gzip { "gzip" } else { "none" };
    let what = if stored { "store" } else { program };
    let name = format!("{what} {way} {coding} {spans} spans/request");
    Case { name, binary, protocol, spans, gzip, stored }
}

async fn run(case: &Case, window: Duration) {
    let sink = Sink::start().await;
    // What is started inherits the core.
    cpu::move_to(Side::Tested);
    let mut medulla = Medulla::start(case.binary, &case.config(sink.address));
    cpu::move_to(Side::Load);
    let address = medulla.address(match case.protocol {
        Protocol::Http => "otlp/http",
        Protocol::Grpc => "otlp/grpc",
    });
    let load = match Load::start(address, &case.shots()).await {
        Ok(load) => load,
        Err(error) => return report::missing(&case.name, &format!("cannot connect: {error}")),
    };
    tokio::time::sleep(WARM_UP).await;
    let family = medulla.process().family();
    let accepted = || load.count.accepted.load(Ordering::Relaxed);
    let (requests_before, cpu_before) = (accepted(), cpu::time(&family));
    tokio::time::sleep(window).await;
    let requests = accepted() - requests_before;
    let cpu = cpu::time(&family) - cpu_before;
    let refused = load.count.refused.load(Ordering::Relaxed);
    let peak = medulla.process().peak_memory_bytes();
    drop(load);
    if refused > 0 || requests == 0 || cpu.is_zero() {
        let why = format!("{requests} requests accepted, {refused} refused");
        return report::missing(&case.name, &why);
    }
    let spans = requests as f64 * case.spans as f64;
    let rate = spans / cpu.as_secs_f64() / 1e6;
    report::value(&case.name, rate, "M spans per CPU second", case.goal());
    let name = format!("{}, peak memory", case.name);
    report::value(&name, report::mib(peak), "MiB", Goal::None);
}
