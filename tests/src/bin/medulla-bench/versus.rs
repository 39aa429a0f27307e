//! Our gateway beside an OpenTelemetry Collector: the same requests, the same core, one after the
//! other, in one run. What counts is the ratio; both run with one core, and both answer when the backend has it.
//!
//! The Collector is whatever binary is named; it needs the receiver `otlp`, the exporters `otlp_grpc` and
//! `otlp_http`, and the processors `filter` and `transform`. Cases that need more are not here.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Process, Signal};

use crate::cpu::{self, Side};
use crate::load::{Load, Protocol, Shot};
use crate::report::{self, Goal};
use crate::sink::Sink;
use crate::{daily, spans};

const WARM_UP: Duration = Duration::from_secs(1);
/// How long a Collector may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Issue 4: what a filter that drops a quarter and a statement that applies to a half are compared with.
const PROCESSORS: &str = "
processors:
  filter: { error_mode: ignore, traces: { span: ['attributes[\"http.response.status_code\"] == 404'] } }
  transform: { error_mode: ignore, trace_statements: ['set(span.attributes[\"guest\"], \"yes\") where span.attributes[\"cart.guest\"] == true'] }";

/// What is a default of ours and has to be told a Collector: who sends hears when the backend has it. By its own default
/// it answers at once: what is measured is then how its queue fills (up to gigabytes), and as soon as that is full, how it refuses.
const WAITING: &str = ", sending_queue: { wait_for_result: true }";

struct Case {
    name: &'static str,
    signal: Signal,
    protocol: Protocol,
    records: usize,
    gzip: bool,
    /// The processors `filter` and `transform`, if they are in the way.
    processors: &'static str,
    /// Records per CPU second over the Collector's.
    goal: Goal,
}

const CASES: [Case; 9] = [
    passing("passthrough http none 1000", Protocol::Http, 1000, false, 40.0),
    passing("passthrough grpc none 1000", Protocol::Grpc, 1000, false, 20.0),
    passing("passthrough http gzip 1000", Protocol::Http, 1000, true, 10.0),
    passing("passthrough grpc gzip 1000", Protocol::Grpc, 1000, true, 10.0),
    passing("passthrough http none 10", Protocol::Http, 10, false, 10.0),
    working("filter+transform http none 1000", Signal::Traces, false, Goal::AtLeast(12.0)),
    working("filter+transform http gzip 1000", Signal::Traces, true, Goal::AtLeast(3.0)),
    working("daily logs http none 1000", Signal::Logs, false, Goal::None),
    working("daily metrics http none 1000", Signal::Metrics, false, Goal::None),
];

const fn passing(
    name: &'static str,
    protocol: Protocol,
    records: usize,
    gzip: bool,
    goal: f64,
) -> Case {
    let (signal, goal) = (Signal::Traces, Goal::AtLeast(goal));
    Case { name, signal, protocol, records, gzip, processors: "", goal }
}

const fn working(name: &'static str, signal: Signal, gzip: bool, goal: Goal) -> Case {
    let processors = match signal {
        Signal::Logs => daily::LOGS,
        Signal::Metrics => daily::METRICS,
        _ => PROCESSORS,
    };
    Case { name, signal, protocol: Protocol::Http, records: 1000, gzip, processors, goal }
}

impl Case {
    fn config(&self, http: &str, grpc: &str, sink: SocketAddr, telemetry: &str) -> String {
        let exporter = if self.protocol == Protocol::Http { "otlp_http" } else { "otlp_grpc" };
        let compression = if self.gzip { "gzip" } else { "none" };
        let processors = self.processors;
        let order = if processors.is_empty() { "" } else { "filter, transform" };
        let signal = self.signal.name();
        format!(
            "
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: '{grpc}' }}, http: {{ endpoint: '{http}' }} }} }} }}{processors}
exporters: {{ {exporter}: {{ endpoint: 'http://{sink}', compression: {compression}, tls: {{ insecure: true }}{WAITING} }} }}
service:
  pipelines: {{ {signal}: {{ receivers: [otlp], processors: [{order}], exporters: [{exporter}] }} }}
{telemetry}"
        )
    }

    fn shot(&self) -> Shot {
        let message = match self.signal {
            Signal::Logs => daily::logs(self.records),
            Signal::Metrics => daily::metrics(self.records),
            _ => spans::request(self.records, 1),
        };
        Shot::new(self.signal, self.protocol, self.gzip, &message)
    }
}

/// What a process did.
struct Measured {
    /// Millions of records per second of CPU time.
    rate: f64,
    peak_bytes: u64,
}

/// Measures every case whose name contains `only`.
pub(crate) async fn measure(collector: &Path, window: Duration, only: &str) {
    for case in CASES.iter().filter(|case| case.name.contains(only)) {
        eprintln!("{} beside the Collector", case.name);
        let ours = ours(case, window).await;
        let theirs = theirs(case, collector, window).await;
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => show(case, &ours, &theirs),
            (Err(why), _) | (_, Err(why)) => report::missing(case.name, &why),
        }
    }
}

fn show(case: &Case, ours: &Measured, theirs: &Measured) {
    let line = |what: &str, value, unit, goal| {
        report::value(&format!("{}, {what}", case.name), value, unit, goal);
    };
    line("ours", ours.rate, "M records per CPU second", Goal::None);
    line("Collector", theirs.rate, "M records per CPU second", Goal::None);
    line("over the Collector", ours.rate / theirs.rate, "times", case.goal);
    let memory = ours.peak_bytes as f64 / theirs.peak_bytes as f64;
    let goal = if case.signal == Signal::Traces && !case.processors.is_empty() {
        Goal::AtMost(1.0 / 3.0)
    } else {
        Goal::None
    };
    line("memory over the Collector's", memory, "times", goal);
}

async fn ours(case: &Case, window: Duration) -> Result<Measured, String> {
    let sink = Sink::start().await;
    cpu::move_to(Side::Tested);
    let config = case.config("127.0.0.1:0", "127.0.0.1:0", sink.address, TELEMETRY);
    let mut medulla = Medulla::start("medulla-gateway", &config);
    cpu::move_to(Side::Load);
    let listener = if case.protocol == Protocol::Http { "otlp/http" } else { "otlp/grpc" };
    let address = medulla.address(listener);
    under_load(case, address, medulla.process(), window).await
}

async fn theirs(case: &Case, collector: &Path, window: Duration) -> Result<Measured, String> {
    let sink = Sink::start().await;
    let (http, grpc) = (free_port(), free_port());
    let telemetry = "  telemetry: { metrics: { level: none } }\n";
    let text = case.config(&http.to_string(), &grpc.to_string(), sink.address, telemetry);
    // The Collector has no scheme where gRPC goes.
    let text = match case.protocol {
        Protocol::Http => text,
        Protocol::Grpc => text.replace("http://", ""),
    };
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("collector.yaml");
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    cpu::move_to(Side::Tested);
    let mut process = Process::start(Command::new(collector).arg("--config").arg(&file));
    cpu::move_to(Side::Load);
    let address = if case.protocol == Protocol::Http { http } else { grpc };
    wait_until_it_listens(address).await?;
    under_load(case, address, &mut process, window).await
}

async fn under_load(
    case: &Case,
    address: SocketAddr,
    process: &mut Process,
    window: Duration,
) -> Result<Measured, String> {
    let load = Load::start(address, &[case.shot()]).await;
    let load = load.map_err(|error| format!("cannot connect: {error}"))?;
    tokio::time::sleep(WARM_UP).await;
    let family = process.family();
    let accepted = || load.count.accepted.load(Ordering::Relaxed);
    let refused = || load.count.refused.load(Ordering::Relaxed);
    let (requests_before, refused_before) = (accepted(), refused());
    let cpu_before = cpu::time(&family);
    tokio::time::sleep(window).await;
    let (requests, refused) = (accepted() - requests_before, refused() - refused_before);
    let cpu = cpu::time(&family) - cpu_before;
    let peak_bytes = process.peak_memory_bytes();
    drop(load);
    // Refusals cost time, too.
    if requests == 0 || cpu.is_zero() || refused * 100 > requests {
        return Err(format!("{requests} requests accepted, {refused} refused"));
    }
    let records = requests as f64 * case.records as f64;
    Ok(Measured { rate: records / cpu.as_secs_f64() / 1e6, peak_bytes })
}

fn free_port() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address")
}

async fn wait_until_it_listens(address: SocketAddr) -> Result<(), String> {
    let connect = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, connect).await;
    waited.map_err(|_| format!("the Collector does not listen on {address}"))
}
