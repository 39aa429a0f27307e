//! The services that rules look at: counted from the spans that arrive, read at each tick.
//!
//! Until its first request a service has no signals, so that a rule over a name that nobody has is blind
//! rather than quietly content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use components::red::services::{Red, Services as Counted};
use kernel_abi::layout::Latency;

use crate::reflex::decide::Moment;
use crate::reflex::settings::Settings;
use crate::reflex::signals::window::bounds_ns;
use crate::reflex::signals::{Signal, Snapshot};
use crate::reflex::traffic::{Anomaly, Traffic};

/// The services in use.
pub(super) struct Services {
    counted: Arc<Counted>,
    services: BTreeMap<String, Traffic>,
}

impl Services {
    pub(super) fn new(counted: Arc<Counted>) -> Self {
        Self { counted, services: BTreeMap::new() }
    }

    /// Counts what these rules look at.
    pub(super) fn follow(&mut self, settings: &Settings) {
        let names: BTreeSet<String> =
            settings.signals().filter_map(Signal::service).map(str::to_owned).collect();
        self.services.retain(|name, _| names.contains(name));
        self.counted.watch(&names, &bounds_ns());
    }

    /// Reads every service and writes its signals; what opened. While a rule limits a port of this host nothing
    /// is learned, since nobody knows which services stand behind it.
    pub(super) fn read(
        &mut self,
        now: Moment,
        wall: SystemTime,
        limited: bool,
        snapshot: &mut Snapshot,
    ) -> Vec<Anomaly> {
        let mut opened = Vec::new();
        for (name, red) in self.counted.read() {
            let begin = || Traffic::of_service(&name, now, Latency::default());
            let traffic = self.services.entry(name.clone()).or_insert_with(begin);
            traffic.read(now, wall, &totals(&red), limited, snapshot, &mut opened);
        }
        opened
    }
}

/// Counts as the kernel would have made them: a request is answered once its span is there.
fn totals(red: &Red) -> Latency {
    let mut totals =
        Latency { requests: red.requests, answered: red.requests, ..Latency::default() };
    let [_, fine, .., failed] = &mut totals.statuses;
    (*fine, *failed) = (red.requests.saturating_sub(red.errors), red.errors);
    if let [zeros, buckets @ ..] = &red.buckets[..] {
        totals.zeros = *zeros;
        totals.buckets.iter_mut().zip(buckets).for_each(|(mine, count)| *mine = *count);
    }
    totals
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reflex::signals::window::Window;

    /// A duration is found in the bucket that the kernel would have counted it in.
    #[test]
    fn bounds_are_those_of_the_kernel() {
        let bounds = bounds_ns();
        for ns in [1, 953, 954, 1000, 1024, 1_000_000, 250_000_000, 5_000_000_000, u64::MAX] {
            let mut buckets = vec![0; bounds.len() + 1];
            buckets[bounds.partition_point(|bound| *bound < ns as f64)] = 25;
            let red = Red { requests: 25, errors: 5, buckets };
            let totals = totals(&red);
            assert_eq!(kernel_abi::histogram::slot(ns), totals.buckets.iter().position(|n| *n > 0));
            assert_eq!(totals.zeros > 0, ns <= 953, "{ns}");
            let mut window = Window::new(Duration::ZERO, Duration::ZERO, Latency::default());
            window.add(Duration::from_millis(50), &totals);
            assert!(window.quantiles_ns([0.5])[0].is_some());
        }
    }
}
