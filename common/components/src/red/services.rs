//! Requests, errors and durations of the services that somebody watches, from the spans as they arrive.
//!
//! A request of a service is a span that enters it: of kind server or consumer, or without a parent; what
//! happens inside of a request is not another one. It is an error when its status is. Counts only
//! grow. While nobody watches, the cost is one relaxed load per request of a sender; bounded by
//! [`SERVICES_MAX`] services of a few KiB each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use otlp::Malformed;
use tokio::time::Instant;

use super::observe::put_bytes_entry;
use super::series::{Group, Kind, Series, Value, parts};
use super::state::{Plan, State};
use crate::config::spanmetrics::{Buckets, Histogram, SpanMetrics as Settings, Unit};
use crate::histogram::Counts;

/// Most services that are watched.
pub const SERVICES_MAX: usize = 256;
/// Statuses of one service: three known ones and any other.
const SERIES_MAX: usize = 8;

/// What was counted of a service so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Red {
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Their durations: one count per bound, for what is not above it, and one for what is above all.
    pub buckets: Vec<u64>,
}

/// The services that are watched.
#[derive(Default)]
pub struct Services {
    watching: AtomicBool,
    counting: Mutex<Option<Counting>>,
}

struct Counting {
    plan: Plan,
    state: State,
    /// Each name and how the state knows it.
    names: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("watching", &self.watching).finish_non_exhaustive()
    }
}

impl Services {
    /// Watches these services, of more than [`SERVICES_MAX`] the first, with these bounds of durations, which
    /// grow, in nanoseconds. Services that were watched already keep their counts if the bounds are
    /// as before.
    pub fn watch(&self, names: &BTreeSet<String>, bounds_ns: &[f64]) {
        let names: Vec<&String> = names.iter().take(SERVICES_MAX).collect();
        let mut counting = self.counting();
        let bounds_ms: Vec<f64> = bounds_ns.iter().map(|ns| ns / 1e6).collect();
        let old = counting.take().filter(|old| old.plan.shape.bounds == bounds_ms);
        let mut state = old.map_or_else(|| State::since(0), |old| old.state);
        let names: BTreeMap<String, Vec<u8>> =
            names.into_iter().map(|name| (name.clone(), named(name.as_bytes()))).collect();
        state.retain(|id| names.values().any(|known| known == id));
        self.watching.store(!names.is_empty(), Ordering::Relaxed);
        if names.is_empty() {
            return;
        }
        let entering = names.keys().map(|name| name.as_bytes().into()).collect();
        let plan = Plan { entering: Some(entering), ..Plan::of(settings(bounds_ms)) };
        *counting = Some(Counting { plan, state, names });
    }

    /// Counts the spans of an export request. What is malformed is not counted: whoever reads it for its sake
    /// says so.
    pub(crate) fn observe(&self, request: &[u8], now: Instant) {
        if !self.watching.load(Ordering::Relaxed) {
            return;
        }
        if let Some(Counting { plan, state, .. }) = &mut *self.counting() {
            let (Ok(()) | Err(Malformed)) = state.observe(plan, request, now);
        }
    }

    /// What was counted so far of each service of which a request was seen.
    pub fn read(&self) -> BTreeMap<String, Red> {
        let counting = self.counting();
        let Some(Counting { state, names, .. }) = &*counting else { return BTreeMap::new() };
        let seen = |(name, id): (&String, &Vec<u8>)| Some((name.clone(), sum(state.group_of(id)?)));
        names.iter().filter_map(seen).collect()
    }

    fn counting(&self) -> MutexGuard<'_, Option<Counting>> {
        self.counting.lock().expect("no code path panics while it counts")
    }
}

/// The attributes of a resource that has nothing but this name.
pub(super) fn named(service: &[u8]) -> Vec<u8> {
    let mut resource = Vec::with_capacity(service.len() + 24);
    put_bytes_entry(&mut resource, "service.name", service);
    resource
}

fn sum(group: &Group) -> Red {
    let mut failed = Vec::new();
    put_bytes_entry(&mut failed, "status.code", b"STATUS_CODE_ERROR");
    let mut red = Red::default();
    for (key, series) in group.iter() {
        let (kind, attributes) = parts(key);
        if let (Kind::Duration, Series { value: Value::Histogram(histogram), .. }) = (kind, series)
        {
            red.requests += histogram.count;
            red.errors += if attributes == failed { histogram.count } else { 0 };
            if let Counts::Explicit(counts) = &histogram.counts {
                red.buckets.resize(counts.len(), 0);
                red.buckets.iter_mut().zip(counts).for_each(|(mine, more)| *mine += more);
            }
        }
    }
    red
}

/// Durations by service and status, and nothing else.
fn settings(bounds_ms: Vec<f64>) -> Settings {
    let excluded = ["service.name", "span.name", "span.kind"].map(str::to_owned).to_vec();
    let (buckets, dimensions) = (Buckets::Explicit(bounds_ms), Vec::new());
    Settings {
        dimensions: Vec::new(),
        calls_dimensions: Vec::new(),
        excluded,
        histogram: Some(Histogram { unit: Unit::Milliseconds, buckets, dimensions }),
        exemplars: 0,
        events: None,
        scopes: Vec::new(),
        resource_attributes: true,
        resource_keys: Vec::new(),
        resources_max: SERVICES_MAX,
        delta: false,
        flush_interval: Duration::MAX,
        expiration: Duration::ZERO,
        namespace: String::new(),
        series_max: SERIES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint};

    use super::*;

    const SERVER: u64 = 2;
    const CLIENT: u64 = 3;

    fn span(kind: u64, parent: &[u8], ms: u64, status: u64) -> Vec<u8> {
        let mut span = Vec::new();
        put_bytes(&mut span, 4, parent);
        put_uint(&mut span, 6, kind);
        put_fixed64(&mut span, 7, 1_000_000);
        put_fixed64(&mut span, 8, (ms + 1) * 1_000_000);
        put_message(&mut span, 15, |out| put_uint(out, 3, status));
        span
    }

    fn request(service: &str, spans: &[Vec<u8>]) -> Vec<u8> {
        let mut resource = Vec::new();
        put_bytes_entry(&mut resource, "host.name", b"h");
        resource.extend(named(service.as_bytes()));
        let mut request = Vec::new();
        put_message(&mut request, 1, |out| {
            put_bytes(out, 1, &resource);
            put_message(out, 2, |out| spans.iter().for_each(|span| put_bytes(out, 2, span)));
        });
        request
    }

    fn watching(names: &[&str]) -> Services {
        let services = Services::default();
        services.watch(&names.iter().map(|name| (*name).to_owned()).collect(), &[1e6, 1e7]);
        services
    }

    #[test]
    fn requests_are_the_spans_that_enter() {
        let services = watching(&["shop", "silent"]);
        let spans = [
            span(SERVER, b"12345678", 1, 0),
            span(SERVER, b"12345678", 5, 2),
            span(CLIENT, b"12345678", 5, 2),
            span(CLIENT, b"", 50, 1),
        ];
        services.observe(&request("shop", &spans), Instant::now());
        services.observe(&request("other", &spans), Instant::now());
        let red = Red { requests: 3, errors: 1, buckets: vec![1, 1, 1] };
        assert_eq!(services.read(), BTreeMap::from([("shop".to_owned(), red)]));
    }

    #[test]
    fn watching_goes_on_and_ends() {
        let services = watching(&["a", "b"]);
        let both = |services: &Services| {
            for name in ["a", "b"] {
                services.observe(&request(name, &[span(SERVER, b"", 1, 0)]), Instant::now());
            }
        };
        both(&services);
        services.watch(&BTreeSet::from(["b".to_owned()]), &[1e6, 1e7]);
        both(&services);
        let seen: Vec<_> = services.read().into_iter().map(|(n, red)| (n, red.requests)).collect();
        assert_eq!(seen, [("b".to_owned(), 2)]);
        services.watch(&BTreeSet::new(), &[]);
        both(&services);
        assert!(services.read().is_empty());
    }
}
