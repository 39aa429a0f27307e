//! The receiver `kernel`: what the kernel sampled, as OTLP metrics (contract.md section 4).
//!
//! Counters in the kernel only grow. Sums leave as cumulative since this process began to look;
//! histograms leave as deltas against what was last acknowledged, so that a refused interval is
//! part of the next one and nothing is lost or counted twice in the histogram's count.

mod busy;
mod encode;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use components::component::{BoxFuture, BuildError, Context, Receiver};
use components::config::ComponentConfig;
use kernel_abi::layout::Latency;
use pipeline::{Inlet, Signal};
use tokio::time::{Instant, MissedTickBehavior};

use super::source::Source;
use crate::admin::Desk;
use crate::config::Kernel as Settings;
use crate::host::Host;
use crate::keeper::link::Restarts;
use crate::keeper::orders::Order;
use crate::kernel::maps::Sampling;
use crate::kernel::shared::SharedMaps;
use crate::limits::Standing;
use busy::Busy;

/// What the receiver reads besides its section.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The kernel's samples, unless there is no kernel.
    pub(crate) samples: Option<SharedMaps>,
    /// The limits and their verdicts.
    pub(crate) desk: Arc<Desk>,
    /// Who can attach to tracepoints, if anybody.
    pub(crate) keeper: Option<Arc<Restarts>>,
}

/// Builds the receiver.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
    sources: &Sources,
) -> Result<Arc<dyn Receiver>, BuildError> {
    let settings = config.read(Settings::read);
    let way_in = Source::new(config, context, "kernel", Signal::Metrics);
    let state = Arc::new(State { settings, sources: sources.clone(), way_in });
    Ok(Arc::new(KernelReceiver { state }))
}

struct KernelReceiver {
    state: Arc<State>,
}

struct State {
    settings: Settings,
    sources: Sources,
    way_in: Source,
}

impl Receiver for KernelReceiver {
    fn inlet(&self, signal: Signal) -> &Inlet {
        self.state.way_in.inlet(signal)
    }

    fn start(&self) -> Result<(), BuildError> {
        let samples = self.state.sources.samples.clone();
        if samples.is_none() {
            tracing::warn!("receiver kernel: there is no kernel to sample");
            // Cgroups are files that anybody can read.
            if self.state.settings.cgroups.is_empty() {
                return Ok(());
            }
        }
        self.state.way_in.run(collect(self.state.clone(), samples));
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        self.state.way_in.stop()
    }
}

/// Everything at one moment.
#[derive(Clone, Default)]
struct Totals {
    ports: BTreeMap<u16, Latency>,
    limits: Vec<Standing>,
    /// CPU time of the cgroups that exist, in nanoseconds.
    cgroups: BTreeMap<String, u64>,
    /// Waits of tasks for a CPU.
    run_queue: Latency,
}

async fn collect(state: Arc<State>, samples: Option<SharedMaps>) {
    let mut watched = samples.map(Watched::new);
    let host = Host::of_system();
    let mut busy = state.settings.run_queue.then(Busy::new);
    let started = SystemTime::now();
    let mut acknowledged = (started, Totals::default());
    let mut ticks = tokio::time::interval(state.settings.collection_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if busy.as_mut().is_some_and(|busy| busy.look(std::time::Instant::now())) {
            state.investigate();
        }
        let totals = Totals {
            ports: watched.as_mut().map(|watched| watched.look(&state)).unwrap_or_default(),
            limits: state.sources.desk.standing(),
            cgroups: state.cgroups(&host),
            run_queue: watched.as_ref().map(Watched::run_queue).unwrap_or_default(),
        };
        let now = SystemTime::now();
        let span = encode::Span { started, since: acknowledged.0, now };
        let (request, points) = encode::request(&span, &acknowledged.1, &totals);
        if points == 0 || state.way_in.push(request, points).await {
            acknowledged = (now, totals);
        }
    }
}

impl State {
    /// Asks the keeper to time the run queue for a while.
    fn investigate(&self) {
        let asked = self.sources.keeper.as_ref().map(|keeper| keeper.ask(&Order::Investigate));
        if let Some(Err(error)) = asked {
            tracing::warn!("cannot time the run queue: {error}");
        }
    }

    /// CPU time of the cgroups that are listed and exist.
    fn cgroups(&self, host: &Host) -> BTreeMap<String, u64> {
        let read = |path: &String| {
            let spent_ns = host.hierarchies().read(path)?.cpu_ns?;
            Some((path.clone(), spent_ns))
        };
        self.settings.cgroups.iter().filter_map(read).collect()
    }

    /// Ports to watch: listed or limited.
    fn wanted(&self) -> BTreeMap<u16, Sampling> {
        if !self.settings.latency {
            return BTreeMap::new();
        }
        let sampling = |port: &u16| {
            let tls = self.settings.tls_ports.contains(port);
            Sampling { tls, http_status: self.settings.http_status && !tls }
        };
        let listed = self.settings.ports.iter().map(|port| (*port, sampling(port)));
        let limited = self.sources.desk.standing();
        let limited = limited.iter().map(|standing| standing.desired.limit.target).filter(is_tcp);
        let mut wanted: BTreeMap<u16, Sampling> =
            limited.map(|target| (target.port, sampling(&target.port))).collect();
        wanted.extend(listed);
        wanted
    }
}

fn is_tcp(target: &crate::kernel::Target) -> bool {
    target.protocol == kernel_abi::layout::Protocol::Tcp
}

/// The ports that are watched now; none is when it is dropped.
struct Watched {
    samples: SharedMaps,
    /// Totals when watching began: the kernel's counters may be older than we are.
    ports: BTreeMap<u16, Latency>,
    /// Waits for a CPU when watching began.
    waited: Latency,
}

impl Watched {
    fn new(samples: SharedMaps) -> Self {
        let waited = samples.run_queue().unwrap_or_default();
        Self { samples, ports: BTreeMap::new(), waited }
    }

    fn run_queue(&self) -> Latency {
        let totals = self.samples.run_queue();
        totals.map(|totals| difference(&totals, &self.waited)).unwrap_or_default()
    }

    fn follow(&mut self, state: &State) {
        let wanted = state.wanted();
        let gone: Vec<u16> =
            self.ports.keys().copied().filter(|port| !wanted.contains_key(port)).collect();
        gone.into_iter().for_each(|port| self.unwatch(port));
        for (port, sampling) in wanted {
            if self.ports.contains_key(&port) {
                continue;
            }
            let begun =
                self.samples.watch(port, sampling).and_then(|()| self.samples.latency(port));
            match begun {
                Ok(totals) => {
                    self.ports.insert(port, totals);
                }
                Err(error) => tracing::warn!("cannot watch port {port}: {error}"),
            }
        }
    }

    fn look(&mut self, state: &State) -> BTreeMap<u16, Latency> {
        self.follow(state);
        let mut ports = BTreeMap::new();
        for (port, begun) in &self.ports {
            match self.samples.latency(*port) {
                Ok(totals) => {
                    ports.insert(*port, difference(&totals, begun));
                }
                Err(error) => tracing::warn!("cannot read the samples of port {port}: {error}"),
            }
        }
        ports
    }

    fn unwatch(&mut self, port: u16) {
        self.ports.remove(&port);
        if let Err(error) = self.samples.unwatch(port) {
            tracing::warn!("cannot stop watching port {port}: {error}");
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let ports: Vec<u16> = self.ports.keys().copied().collect();
        ports.into_iter().for_each(|port| self.unwatch(port));
    }
}

/// What was counted between two readings. In flight is a difference of sums over CPUs that are not
/// read at the same moment, so differences wrap rather than saturate.
fn difference(later: &Latency, earlier: &Latency) -> Latency {
    let minus = |a: u64, b: u64| a.wrapping_sub(b);
    let mut buckets = later.buckets;
    for (bucket, before) in buckets.iter_mut().zip(&earlier.buckets) {
        *bucket = bucket.wrapping_sub(*before);
    }
    Latency {
        requests: minus(later.requests, earlier.requests),
        answered: minus(later.answered, earlier.answered),
        abandoned: minus(later.abandoned, earlier.abandoned),
        connections: minus(later.connections, earlier.connections),
        sum_ns: minus(later.sum_ns, earlier.sum_ns),
        zeros: minus(later.zeros, earlier.zeros),
        retransmits: minus(later.retransmits, earlier.retransmits),
        resets: minus(later.resets, earlier.resets),
        lost: minus(later.lost, earlier.lost),
        statuses: std::array::from_fn(|class| {
            minus(later.statuses[class], earlier.statuses[class])
        }),
        buckets,
    }
}
