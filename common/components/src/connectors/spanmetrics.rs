//! The connector `spanmetrics`: counts spans and their durations, and gives out metrics on a timer.
//!
//! It observes, so every request is settled at once and no sender waits for metrics. Spans are read where
//! they stand. Its state is bounded: resources, series per metric and resource, bytes of a key and
//! exemplars all have a limit, and what goes beyond is counted in an overflow series ([`crate::red`]). What it gives out is
//! charged to the byte budget and counted like what a receiver reads; deltas that are refused
//! are part of the next ones, so nothing is lost while a backend is away.
//!
//! As in the Collector, spans of a resource without a service name are not counted. Left out:
//! `collector.instance.id`, and counts extrapolated from a sampler's threshold.

mod encode;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use otlp::Malformed;
use pipeline::{
    Ack, Batch, Budget, Inlets, Outcome, Part, Pipeline, ReceiverLedger, RefusalKind, RefuseReason,
    Sender, Signal, Sink, Waiter,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::component::{BoxFuture, BuildError, Connector, Context};
use crate::config::ComponentConfig;
use crate::config::spanmetrics::SpanMetrics as Settings;
use crate::red::series::Series;
use crate::red::state::{Plan, State, Taken};
use crate::time::unix_ns;

/// Series in one request at most: some hundred KiB, well below what gRPC peers take.
const SERIES_PER_REQUEST: usize = 1000;

/// Builds the connector.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Connector>, BuildError> {
    let settings = config.read(Settings::read);
    let plan = Plan::of(settings);
    let core = Arc::new(Core {
        ledger: context.stats.receiver(config.id.as_str(), "spanmetrics", Signal::Metrics),
        budget: context.budget.clone(),
        inlets: Inlets::default(),
        state: Mutex::new(State::since(unix_ns(SystemTime::now()))),
        stopping: Notify::new(),
        plan,
    });
    Ok(Arc::new(SpanMetrics { core, flushing: Mutex::default() }))
}

struct SpanMetrics {
    core: Arc<Core>,
    flushing: Mutex<Option<JoinHandle<()>>>,
}

struct Core {
    plan: Plan,
    inlets: Inlets,
    ledger: Arc<ReceiverLedger>,
    budget: Arc<Budget>,
    state: Mutex<State>,
    stopping: Notify,
}

/// Metrics on their way out; for deltas with the series to take back.
struct Outgoing {
    body: Bytes,
    points: u64,
    taken: Option<Taken>,
}

impl Sink for SpanMetrics {
    fn push(&self, batch: Batch, now: Instant) {
        for part in batch.parts {
            let observed = self.core.state().observe(&self.core.plan, &part.body, now);
            let outcome = match observed {
                Ok(()) => Outcome::ACCEPTED,
                Err(Malformed) => Outcome::refused(RefusalKind::Rejected, "malformed span"),
            };
            part.ack.settle(outcome, None);
        }
    }
}

impl Connector for SpanMetrics {
    fn connect(&self, pipelines: &[Arc<Pipeline>]) {
        self.core.inlets.connect(pipelines);
        let mut flushing = self.flushing.lock().expect("a plain assignment cannot panic");
        flushing.get_or_insert_with(|| tokio::spawn(keep_flushing(self.core.clone())));
    }

    fn stop(&self, deadline: Instant) -> BoxFuture<'_, ()> {
        let flushing = self.flushing.lock().expect("a plain assignment cannot panic").take();
        self.core.stopping.notify_one();
        Box::pin(async move {
            let Some(mut flushing) = flushing else { return };
            // Whoever comes behind needs time, too.
            let now = Instant::now();
            let patience = deadline.saturating_duration_since(now) / 2;
            if tokio::time::timeout_at(now + patience, &mut flushing).await.is_err() {
                flushing.abort();
            }
        })
    }
}

/// Flushes on a timer, and once more when it is stopped.
async fn keep_flushing(core: Arc<Core>) {
    let mut next = Instant::now() + core.plan.settings.flush_interval;
    let mut goes_on = true;
    while goes_on {
        goes_on = tokio::select! {
            () = core.stopping.notified() => false,
            () = tokio::time::sleep_until(next) => true,
        };
        core.flush().await;
        next = (next + core.plan.settings.flush_interval).max(Instant::now());
    }
}

impl Core {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code path panics while it counts")
    }

    /// Gives out what there is and waits until it has arrived or was refused.
    async fn flush(&self) {
        let outgoing = self.collect(Instant::now());
        let sent: Vec<_> = outgoing.into_iter().map(|out| (self.push(&out), out)).collect();
        for (waiter, out) in sent {
            let refused = match waiter {
                Some(waiter) => matches!(waiter.wait().await.outcome, Outcome::Retry { .. }),
                None => true,
            };
            if let (true, Some(taken)) = (refused, out.taken) {
                self.state().restore(&self.plan, taken);
            }
        }
    }

    fn push(&self, out: &Outgoing) -> Option<Waiter> {
        let arrival = self.inlets.of(Signal::Metrics).arrive();
        let mut permit = self.budget.permit(None);
        if permit.grow(out.body.len()).is_err() {
            self.ledger.refuse_request(RefuseReason::Budget);
            return None;
        }
        let (ack, waiter) = Ack::channel(out.points, self.ledger.clone(), None);
        let (body, records, permit) = (out.body.clone(), out.points, Arc::new(permit));
        let parts = vec![Part { body, packed: None, records, permit, ack }];
        let received_at = SystemTime::now();
        let (signal, sender) = (Signal::Metrics, Sender::default());
        let batch = Batch { signal, parts, received_at, sender };
        arrival.push(batch, Instant::now());
        Some(waiter)
    }

    /// The metrics of all series, in requests of a bounded size.
    fn collect(&self, now: Instant) -> Vec<Outgoing> {
        let mut state = self.state();
        let now_ns = unix_ns(SystemTime::now());
        match self.plan.settings.delta {
            true => {
                let taken = std::mem::replace(&mut *state, State::since(now_ns));
                self.take_deltas(taken, now_ns)
            }
            false => {
                let outgoing = self.show_totals(&state, now_ns);
                state.tidy(&self.plan.settings, now);
                outgoing
            }
        }
    }

    fn show_totals(&self, state: &State, now_ns: u64) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        for resource in state.resources() {
            let all: Vec<_> = resource.group.iter().collect();
            for some in all.chunks(SERIES_PER_REQUEST) {
                let (body, points) = self.encode(&resource.attributes, some, now_ns);
                outgoing.push(Outgoing { body, points, taken: None });
            }
        }
        outgoing
    }

    fn take_deltas(&self, state: State, now_ns: u64) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        for (key, resource) in state.into_resources() {
            let mut rest: Vec<_> = resource.group.into_series().collect();
            while !rest.is_empty() {
                let series = rest.split_off(rest.len().saturating_sub(SERIES_PER_REQUEST));
                let shown: Vec<_> = series.iter().map(|(key, one)| (&key[..], one)).collect();
                let (body, points) = self.encode(&resource.attributes, &shown, now_ns);
                let (key, attributes) = (key.clone(), resource.attributes.clone());
                let taken = Some(Taken { key, attributes, series });
                outgoing.push(Outgoing { body, points, taken });
            }
        }
        outgoing
    }

    fn encode(&self, resource: &[u8], some: &[(&[u8], &Series)], now_ns: u64) -> (Bytes, u64) {
        encode::request(&self.plan, resource, some.iter().copied(), now_ns)
    }
}
