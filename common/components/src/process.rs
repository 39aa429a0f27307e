//! What both binaries do the same way: load and check a configuration, print it, run it until a
//! signal, reload on SIGHUP.
//!
//! Exit status (contract.md section 1): 0 done, 1 failed while running, 2 usage or configuration.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipeline::{Budget, Kind, Sample, Stats};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;

use crate::builders::Builders;
use crate::component::Context;
use crate::config::{Catalog, Config, Error, Loaded, System, load, to_json, to_yaml};
use crate::logging;
use crate::processors::memory_limiter;
use crate::service::Service;

/// Memory of a process at rest: code, runtime, allocator slack.
const BASE_BYTES: u64 = 24 << 20;
/// Memory of a connection beside the bodies on it: read buffer, parser, task.
const CONNECTION_BYTES: u64 = 32 << 10;

/// A binary: its name and what it can be made of.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// `medulla-agent`; also `service.name`.
    pub name: &'static str,
    /// What it runs without `--config`.
    pub default_config: &'static str,
    /// Its components and own sections.
    pub catalog: Catalog,
    /// Memory it may hold besides the budget and the connections, in bytes: its stores' caches.
    pub extra_bytes: u64,
}

impl Program {
    /// Loads a configuration; what is wrong with it goes to stderr, one line each.
    pub fn load(&self, files: &[String]) -> Result<Loaded, ExitCode> {
        load(files, self.default_config, &System, &self.catalog).map_err(|errors| {
            errors.iter().for_each(|error| eprintln!("{error}"));
            ExitCode::from(2)
        })
    }

    /// `validate`: status 0 and nothing on stderr when the configuration may run.
    pub fn validate(&self, files: &[String]) -> ExitCode {
        match self.load(files) {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| print(&format!("warning: {warning}\n")));
                print("valid\n");
                ExitCode::SUCCESS
            }
            Err(status) => status,
        }
    }

    /// `print-config`: the configuration merged and expanded, secrets hidden.
    pub fn print_config(&self, files: &[String], json: bool) -> ExitCode {
        match self.load(files) {
            Ok(loaded) if json => print(&format!("{:#}\n", to_json(&loaded.config.tree))),
            Ok(loaded) => print(&to_yaml(&loaded.config.tree)),
            Err(status) => return status,
        }
        ExitCode::SUCCESS
    }

    /// `components`: a table, or one JSON list.
    pub fn components(&self, json: bool) -> ExitCode {
        let list = self.catalog.to_json();
        if json {
            print(&format!("{list:#}\n"));
            return ExitCode::SUCCESS;
        }
        for kind in list.as_array().into_iter().flatten() {
            let text = |key: &str| kind[key].as_str().unwrap_or_default().to_owned();
            let signals = kind["signals"].as_array().into_iter().flatten();
            let signals: Vec<&str> = signals.filter_map(serde_json::Value::as_str).collect();
            let early = if kind["settles_early"] == true { "settles early" } else { "" };
            let line = format!(
                "{:<10} {:<24} {:<13} {:<21} {early}",
                text("class"),
                text("name"),
                text("stability"),
                signals.join(",")
            );
            print(&format!("{}\n", line.trim_end()));
        }
        ExitCode::SUCCESS
    }

    /// Logs as configured, and what the operator should know of the configuration.
    pub fn begin(&self, loaded: &Loaded) {
        // A process that runs twice in a test has its subscriber already.
        let _ = logging::init(loaded.config.telemetry.logs);
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        raise_descriptor_limit();
        hear_signals();
    }

    /// What components are built from, with the process's own gauges.
    pub fn context(&self, config: &Config) -> Context {
        let stats = Arc::<Stats>::default();
        let budget = Budget::new(bytes(self.budget_bytes(config)), config.memory.per_peer);
        let connections = Arc::new(Semaphore::new(connections(config)));
        let bound = self.memory_bound_bytes(config);
        tracing::info!(
            "{} {}: memory is bounded by {} MiB",
            self.name,
            env!("CARGO_PKG_VERSION"),
            bound >> 20
        );
        let fixed = self.fixed_bytes(config);
        probe(&stats, self.name, budget.clone(), fixed, &config.telemetry.resource);
        let (ports, services, looks_at_calls) = Default::default();
        Context { stats, budget, ports, connections, services, looks_at_calls }
    }

    /// Budget twice (a body and its compressed or merged form), and what does not depend on it.
    fn memory_bound_bytes(&self, config: &Config) -> u64 {
        2 * self.budget_bytes(config) + self.fixed_bytes(config)
    }

    /// Connections, stores, base.
    fn fixed_bytes(&self, config: &Config) -> u64 {
        let connections = u64::from(config.memory.max_connections) * CONNECTION_BYTES;
        connections + self.extra_bytes + BASE_BYTES
    }

    fn budget_bytes(&self, config: &Config) -> u64 {
        memory_limiter::budget_bytes(config, self.fixed_bytes(config), host_memory_bytes())
    }

    /// Runs the configuration until SIGTERM or SIGINT; SIGHUP reloads `files`, and what a reload brought is
    /// shown to `applied`. `stopping` ends with the service's last record delivered.
    pub async fn run(
        &self,
        files: &[String],
        loaded: &Loaded,
        context: Context,
        builders: Builders,
        applied: &dyn Fn(&Config),
    ) -> ExitCode {
        let service = Service::new(context, builders);
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("cannot listen for signals: {error}");
                return ExitCode::FAILURE;
            }
        };
        if let Err(error) = service.apply(&loaded.config).await {
            eprintln!("{error}");
            service.stop().await;
            return ExitCode::FAILURE;
        }
        for address in service.context().ports.disinherit() {
            tracing::info!("closed {address}, which the process before listened on");
        }
        tracing::info!("{} is running", self.name);
        while let Wish::Reload = signals.next().await {
            self.reload(files, &service, applied).await;
        }
        tracing::info!("{} is stopping", self.name);
        service.stop().await;
        ExitCode::SUCCESS
    }

    async fn reload(&self, files: &[String], service: &Service, applied: &dyn Fn(&Config)) {
        let loaded = match load(files, self.default_config, &System, &self.catalog) {
            Ok(loaded) => loaded,
            Err(errors) => return kept(&errors),
        };
        if let Err(error) = service.apply(&loaded.config).await {
            tracing::error!("{error}");
            return kept(&[]);
        }
        let budget = bytes(self.budget_bytes(&loaded.config));
        applied(&loaded.config);
        service.context().budget.resize(budget, loaded.config.memory.per_peer);
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        tracing::info!("configuration reloaded");
    }
}

fn kept(errors: &[Error]) {
    errors.iter().for_each(|error| tracing::error!("{error}"));
    tracing::error!("configuration not reloaded, the old one goes on");
}

/// What a signal asks for.
enum Wish {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }
}

/// Whoever started us may wait for its own signals with them blocked, and that is inherited; the
/// runtime's threads inherit it from here.
fn hear_signals() {
    if let Err(error) = nix::sys::signal::SigSet::empty().thread_set_mask() {
        tracing::warn!("cannot unblock signals: {error}");
    }
}

/// Every connection needs a descriptor; the soft limit of a login shell is often 1024.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
}

fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn connections(config: &Config) -> usize {
    usize::try_from(config.memory.max_connections).unwrap_or(usize::MAX)
}

/// The process's own gauges, under the Collector's names where it has them.
fn probe(
    stats: &Stats,
    name: &'static str,
    budget: Arc<Budget>,
    fixed_bytes: u64,
    resource: &[(String, Option<String>)],
) {
    let begun = Instant::now();
    let identity = identity(name, resource);
    stats.probe(move |out| {
        let mut push = |name: &str, help, kind, value| {
            let labels = Vec::new();
            out.push(Sample { name: name.to_owned(), help, kind, labels, value });
        };
        let uptime = begun.elapsed().as_secs_f64();
        push("otelcol_process_uptime", "Seconds since the start.", Kind::Counter, uptime);
        if let Some(bytes) = resident_bytes() {
            push("otelcol_process_memory_rss", "Resident memory in bytes.", Kind::Gauge, bytes);
        }
        if let Some(seconds) = cpu_seconds() {
            let help = "CPU time in seconds, user and system.";
            push("otelcol_process_cpu_seconds", help, Kind::Counter, seconds);
        }
        let help = "Bound of the process's memory in bytes.";
        // A reload changes the budget; connections are admitted by what was said at the start.
        let bound = 2.0 * budget.total_bytes() as f64 + fixed_bytes as f64;
        push("medulla_memory_bound_bytes", help, Kind::Gauge, bound);
        let help = "Bytes of requests in flight.";
        push("medulla_budget_used_bytes", help, Kind::Gauge, budget.used_bytes() as f64);
        out.push(Sample {
            name: "target_info".to_owned(),
            help: "Who we are.",
            kind: Kind::Gauge,
            labels: identity.clone(),
            value: 1.0,
        });
    });
}

/// `service.name` and the resource of the configuration; only names known when this was built can
/// be labels, so the others go into one.
fn identity(
    name: &'static str,
    resource: &[(String, Option<String>)],
) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("service_name", name.to_owned()),
        ("service_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service_instance_id", std::process::id().to_string()),
    ];
    let known = [
        ("service.name", "service_name"),
        ("service.version", "service_version"),
        ("service.instance.id", "service_instance_id"),
    ];
    let mut others = Vec::new();
    for (key, value) in resource {
        match (known.iter().find(|(attribute, _)| attribute == key), value) {
            (Some((_, label)), Some(value)) => {
                if let Some(found) = labels.iter_mut().find(|(name, _)| name == label) {
                    found.1.clone_from(value);
                }
            }
            (Some((_, label)), None) => labels.retain(|(name, _)| name != label),
            (None, Some(value)) => others.push(format!("{key}={value}")),
            (None, None) => {}
        }
    }
    if !others.is_empty() {
        labels.push(("resource", others.join(",")));
    }
    labels
}

/// What the process may use at most: its cgroup's limit, else the host's memory. Without proc(5) there is
/// no bound to take a part of.
fn host_memory_bytes() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.into_iter().filter_map(|path| read(path)?.trim().parse::<u64>().ok());
    let total = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib << 10)
    });
    limits.chain(total).min().unwrap_or(u64::MAX >> 1)
}

/// proc(5): the second number of statm is resident pages.
fn resident_bytes() -> Option<f64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages as f64 * page as f64)
}

fn cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::new(
            u64::try_from(time.tv_sec()).unwrap_or(0),
            u32::try_from(time.tv_usec()).unwrap_or(0) * 1000,
        )
    };
    Some((seconds(usage.user_time()) + seconds(usage.system_time())).as_secs_f64())
}

/// Whoever reads our output may be gone; that is no failure of ours.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
