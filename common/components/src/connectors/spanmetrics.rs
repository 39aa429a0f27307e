//! The connector `spanmetrics`: counts spans and their durations, and gives out metrics on a timer.
//!
//! It observes, so every request is settled at once and no sender waits for metrics. Spans are read where
//! they stand. Its state is bounded: resources, series per metric and resource, bytes of a key and
//! exemplars all have a limit, and what goes beyond is counted in an overflow series. What it gives out is
//! charged to the byte budget and counted like what a receiver reads; deltas that are refused
//! are part of the next ones, so nothing is lost while a backend is away.
//!
//! As in the Collector, spans of a resource without a service name are not counted. Left out:
//! `collector.instance.id`, and counts extrapolated from a sampler's threshold.

mod encode;
mod observe;
mod series;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use otlp::Malformed;
use otlp::edit::fields::{key, repeated};
use otlp::wire::put_bytes;
use pipeline::{
    Ack, Batch, Budget, Inlets, Outcome, Part, Pipeline, ReceiverLedger, RefusalKind, RefuseReason,
    Signal, Sink, Waiter,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::series::{Group, Series, Shape};
use crate::component::{BoxFuture, BuildError, Connector, Context};
use crate::config::ComponentConfig;
use crate::config::spanmetrics::{Buckets, SpanMetrics as Settings};
use crate::histogram::Histogram;
use crate::points::unix_ns;

/// Series in one request at most: some hundred KiB, well below what gRPC peers take.
const SERIES_PER_REQUEST: usize = 1000;

/// Builds the connector.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Connector>, BuildError> {
    let settings = config.read(Settings::read);
    let shape = shape(&settings);
    let core = Arc::new(Core {
        ledger: context.stats.receiver(config.id.as_str(), "spanmetrics", Signal::Metrics),
        budget: context.budget.clone(),
        inlets: Inlets::default(),
        state: Mutex::new(State::since(unix_ns(SystemTime::now()))),
        stopping: Notify::new(),
        settings,
        shape,
    });
    Ok(Arc::new(SpanMetrics { core, flushing: Mutex::default() }))
}

fn shape(settings: &Settings) -> Shape {
    let (empty, bounds) = match settings.histogram.as_ref().map(|histogram| &histogram.buckets) {
        Some(Buckets::Explicit(bounds)) => (Histogram::explicit(bounds.len()), bounds.clone()),
        Some(Buckets::Exponential(size)) => (Histogram::exponential(*size), Vec::new()),
        None => (Histogram::explicit(0), Vec::new()),
    };
    let (series_max, exemplars) = (settings.series_max, settings.exemplars);
    Shape { empty, bounds, series_max, exemplars }
}

struct SpanMetrics {
    core: Arc<Core>,
    flushing: Mutex<Option<JoinHandle<()>>>,
}

struct Core {
    settings: Settings,
    shape: Shape,
    inlets: Inlets,
    ledger: Arc<ReceiverLedger>,
    budget: Arc<Budget>,
    state: Mutex<State>,
    stopping: Notify,
}

/// What was counted, by the attributes that tell resources apart.
struct State {
    groups: HashMap<Box<[u8]>, Resource>,
    /// Since when deltas count.
    since_ns: u64,
}

struct Resource {
    /// Its attributes, as the fields of a `Resource`.
    attributes: Box<[u8]>,
    group: Group,
    seen_at: Instant,
}

/// Metrics on their way out; for deltas with the series to take back.
struct Outgoing {
    body: Bytes,
    points: u64,
    taken: Option<Taken>,
}

struct Taken {
    key: Box<[u8]>,
    attributes: Box<[u8]>,
    series: Vec<(Box<[u8]>, Series)>,
}

impl Sink for SpanMetrics {
    fn push(&self, batch: Batch, now: Instant) {
        let Core { settings, shape, .. } = &*self.core;
        for part in batch.parts {
            let observed =
                observe::observe(settings, shape, &mut self.core.state(), &part.body, now);
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
    let mut next = Instant::now() + core.settings.flush_interval;
    let mut goes_on = true;
    while goes_on {
        goes_on = tokio::select! {
            () = core.stopping.notified() => false,
            () = tokio::time::sleep_until(next) => true,
        };
        core.flush().await;
        next = (next + core.settings.flush_interval).max(Instant::now());
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
                self.state().restore(&self.settings, &self.shape, taken);
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
        let batch = Batch { signal: Signal::Metrics, parts, received_at, metadata: None };
        arrival.push(batch, Instant::now());
        Some(waiter)
    }

    /// The metrics of all series, in requests of a bounded size.
    fn collect(&self, now: Instant) -> Vec<Outgoing> {
        let mut state = self.state();
        let now_ns = unix_ns(SystemTime::now());
        match self.settings.delta {
            true => {
                let taken = std::mem::replace(&mut *state, State::since(now_ns));
                self.take_deltas(taken, now_ns)
            }
            false => {
                let outgoing = self.show_totals(&state, now_ns);
                state.tidy(&self.settings, now);
                outgoing
            }
        }
    }

    fn show_totals(&self, state: &State, now_ns: u64) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        for resource in state.groups.values() {
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
        for (key, resource) in state.groups {
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
        encode::request(&self.settings, &self.shape, resource, some.iter().copied(), now_ns)
    }
}

impl State {
    fn since(since_ns: u64) -> Self {
        Self { groups: HashMap::new(), since_ns }
    }

    /// The series of a resource; that of the longest silence goes if there are too many.
    fn group(
        &mut self,
        settings: &Settings,
        resource: &[u8],
        now: Instant,
    ) -> Result<&mut Group, Malformed> {
        let id = identity(settings, resource)?;
        let full = self.groups.len() >= settings.resources_max;
        if full && !self.groups.contains_key(&id) {
            self.forget_oldest();
        }
        let resource = self.groups.entry(id).or_insert_with(|| Resource {
            attributes: written(settings, resource),
            group: Group::default(),
            seen_at: now,
        });
        resource.seen_at = now;
        Ok(&mut resource.group)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.groups.iter().min_by_key(|(_, resource)| resource.seen_at);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.groups.remove(&id);
        }
    }

    fn restore(&mut self, settings: &Settings, shape: &Shape, taken: Taken) {
        let Taken { key, attributes, series } = taken;
        let Some(seen_at) = series.iter().map(|(_, series)| series.seen_at).max() else { return };
        if self.groups.len() >= settings.resources_max && !self.groups.contains_key(&key) {
            self.forget_oldest();
        }
        let empty = || Resource { attributes, group: Group::default(), seen_at };
        let resource = self.groups.entry(key).or_insert_with(empty);
        series.into_iter().for_each(|(key, old)| resource.group.restore(&key, old, shape));
    }

    fn tidy(&mut self, settings: &Settings, now: Instant) {
        let expires = !settings.expiration.is_zero();
        let since = now.checked_sub(settings.expiration).filter(|_| expires);
        self.groups.values_mut().for_each(|resource| resource.group.tidy(since));
        self.groups.retain(|_, resource| !resource.group.is_empty());
    }
}

/// What tells resources apart: all their attributes or the named ones, in the order of their bytes.
fn identity(settings: &Settings, resource: &[u8]) -> Result<Box<[u8]>, Malformed> {
    if !settings.resource_attributes {
        return Ok(Box::default());
    }
    let keys = &settings.resource_keys;
    let mut entries = Vec::new();
    for entry in repeated(resource, 1) {
        let entry = entry?;
        let name = key(entry)?;
        if keys.is_empty() || keys.iter().any(|key| key.as_bytes() == name) {
            entries.push(entry);
        }
    }
    entries.sort_unstable();
    let mut id = Vec::new();
    entries.iter().for_each(|entry| put_bytes(&mut id, 1, entry));
    Ok(id.into())
}

fn written(settings: &Settings, resource: &[u8]) -> Box<[u8]> {
    match settings.resource_attributes {
        true => resource.into(),
        false => Box::default(),
    }
}
