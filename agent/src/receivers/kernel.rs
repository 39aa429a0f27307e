//! The receiver `kernel`: what the kernel sampled, as OTLP metrics (contract.md section 4).
//!
//! Counters in the kernel only grow. Sums leave as cumulative since this process began to look;
//! histograms leave as deltas against what was last acknowledged, so that a refused interval is
//! part of the next one and nothing is lost or counted twice in the histogram's count.

mod encode;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use components::component::{BoxFuture, BuildError, Context, Receiver};
use components::config::ComponentConfig;
use kernel_abi::layout::Latency;
use pipeline::{
    Ack, Batch, Budget, Inlet, Outcome, Part, ReceiverLedger, RefuseReason, Signal,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::admin::Desk;
use crate::config::Kernel as Settings;
use crate::limits::Standing;

/// What the kernel shows of watched ports.
pub(crate) trait Samples: Send + Sync {
    /// Watches a port until [`unwatch`](Self::unwatch).
    fn watch(&self, port: u16, tls: bool) -> std::io::Result<()>;

    /// Stops watching.
    fn unwatch(&self, port: u16) -> std::io::Result<()>;

    /// Totals of a watched port since it is watched, summed over CPUs.
    fn latency(&self, port: u16) -> std::io::Result<Latency>;
}

/// What the receiver reads besides its section.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The kernel's samples, unless there is no kernel.
    pub(crate) samples: Option<Arc<dyn Samples>>,
    /// The limits and their verdicts.
    pub(crate) desk: Arc<Desk>,
}

/// Builds the receiver.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
    sources: &Sources,
) -> Result<Arc<dyn Receiver>, BuildError> {
    let settings = config.read(Settings::read);
    let ledger = context.stats.receiver(config.id.as_str(), "kernel", Signal::Metrics);
    let state = Arc::new(State {
        settings,
        sources: sources.clone(),
        inlet: Inlet::default(),
        unused: Inlet::default(),
        ledger,
        budget: context.budget.clone(),
    });
    Ok(Arc::new(KernelReceiver { state, running: Mutex::default() }))
}

struct KernelReceiver {
    state: Arc<State>,
    running: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    settings: Settings,
    sources: Sources,
    inlet: Inlet,
    /// For signals that the catalog does not let through.
    unused: Inlet,
    ledger: Arc<ReceiverLedger>,
    budget: Arc<Budget>,
}

impl Receiver for KernelReceiver {
    fn inlet(&self, signal: Signal) -> &Inlet {
        match signal {
            Signal::Metrics => &self.state.inlet,
            _ => &self.state.unused,
        }
    }

    fn start(&self) -> Result<(), BuildError> {
        let Some(samples) = self.state.sources.samples.clone() else {
            tracing::warn!("receiver kernel: there is no kernel to sample");
            return Ok(());
        };
        let collecting = tokio::spawn(collect(self.state.clone(), samples));
        *self.running.lock().expect("a plain assignment cannot panic") = Some(collecting);
        Ok(())
    }

    fn stop(&self, _: Instant) -> BoxFuture<'_, ()> {
        let running = self.running.lock().expect("a plain assignment cannot panic").take();
        Box::pin(async move {
            if let Some(running) = running {
                running.abort();
                // Its end is what was asked for.
                let _ = running.await;
            }
        })
    }
}

/// Everything at one moment.
#[derive(Clone, Default)]
struct Totals {
    ports: BTreeMap<u16, Latency>,
    limits: Vec<Standing>,
}

async fn collect(state: Arc<State>, samples: Arc<dyn Samples>) {
    let mut watched = Watched { samples: &*samples, ports: BTreeMap::new() };
    let started = SystemTime::now();
    let mut acknowledged = (started, Totals::default());
    let mut ticks = tokio::time::interval(state.settings.collection_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        watched.follow(&state);
        let totals = watched.read(&state);
        let now = SystemTime::now();
        let span = encode::Span { started, since: acknowledged.0, now };
        let (request, points) = encode::request(&span, &acknowledged.1, &totals);
        if points == 0 || state.push(request, points).await {
            acknowledged = (now, totals);
        }
    }
}

impl State {
    /// Hands the request over; true if it was taken.
    async fn push(&self, request: Bytes, points: u64) -> bool {
        let arrival = self.inlet.arrive();
        let mut permit = self.budget.permit(None);
        if permit.grow(request.len()).is_err() {
            self.ledger.refuse_request(RefuseReason::Budget);
            return false;
        }
        let (ack, waiter) = Ack::channel(points, self.ledger.clone(), None);
        let permit = Arc::new(permit);
        let part = Part { body: request, packed: None, records: points, permit, ack };
        let received_at = SystemTime::now();
        let batch =
            Batch { signal: Signal::Metrics, parts: vec![part], received_at, metadata: None };
        arrival.push(batch, Instant::now());
        !matches!(waiter.wait().await.outcome, Outcome::Retry { .. })
    }

    /// Ports to watch: listed or limited.
    fn wanted(&self) -> BTreeMap<u16, bool> {
        if !self.settings.latency {
            return BTreeMap::new();
        }
        let tls = |port: &u16| self.settings.tls_ports.contains(port);
        let listed = self.settings.ports.iter().map(|port| (*port, tls(port)));
        let limited = self.sources.desk.standing();
        let limited = limited.iter().map(|standing| standing.desired.target).filter(is_tcp);
        let mut wanted: BTreeMap<u16, bool> =
            limited.map(|target| (target.port, tls(&target.port))).collect();
        wanted.extend(listed);
        wanted
    }
}

fn is_tcp(target: &crate::limits::Target) -> bool {
    target.protocol == kernel_abi::layout::Protocol::Tcp
}

/// The ports that are watched now; none is when it is dropped.
struct Watched<'a> {
    samples: &'a dyn Samples,
    /// Totals when watching began: the kernel's counters may be older than we are.
    ports: BTreeMap<u16, Latency>,
}

impl Watched<'_> {
    fn follow(&mut self, state: &State) {
        let wanted = state.wanted();
        let gone: Vec<u16> =
            self.ports.keys().copied().filter(|port| !wanted.contains_key(port)).collect();
        gone.into_iter().for_each(|port| self.unwatch(port));
        for (port, tls) in wanted {
            if self.ports.contains_key(&port) {
                continue;
            }
            let begun = self.samples.watch(port, tls).and_then(|()| self.samples.latency(port));
            match begun {
                Ok(totals) => {
                    self.ports.insert(port, totals);
                }
                Err(error) => tracing::warn!("cannot watch port {port}: {error}"),
            }
        }
    }

    fn read(&self, state: &State) -> Totals {
        let mut ports = BTreeMap::new();
        for (port, begun) in &self.ports {
            match self.samples.latency(*port) {
                Ok(totals) => {
                    ports.insert(*port, difference(&totals, begun));
                }
                Err(error) => tracing::warn!("cannot read the samples of port {port}: {error}"),
            }
        }
        Totals { ports, limits: state.sources.desk.standing() }
    }

    fn unwatch(&mut self, port: u16) {
        self.ports.remove(&port);
        if let Err(error) = self.samples.unwatch(port) {
            tracing::warn!("cannot stop watching port {port}: {error}");
        }
    }
}

impl Drop for Watched<'_> {
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
        buckets,
    }
}

