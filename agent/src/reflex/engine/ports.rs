//! The ports that rules look at: watched in the kernel, read at each tick.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::kernel::maps::Sampling;
use crate::kernel::shared::SharedMaps;
use crate::reflex::decide::Moment;
use crate::reflex::settings::{Settings, limited};
use crate::reflex::signals::{Snapshot, Subject};
use crate::reflex::traffic::{Anomaly, Traffic};

/// How often the oldest open requests are looked for.
const OLDEST_EVERY: Duration = Duration::from_secs(1);
/// One in so many samples may be lost.
const LOST_SHARE: u64 = 100;

/// The ports in use.
pub(super) struct Ports {
    samples: Option<SharedMaps>,
    tls_ports: Vec<u16>,
    ports: BTreeMap<u16, Traffic>,
    /// Ages of the oldest open requests, and when they were looked at; only where a rule asks.
    oldest: BTreeMap<u16, Duration>,
    looked_at: Option<Moment>,
    wants_oldest: bool,
    /// Ports whose answers are looked into for their status, since a rule asks for errors.
    statuses: BTreeSet<u16>,
}

impl Ports {
    pub(super) fn new(samples: Option<SharedMaps>, tls_ports: Vec<u16>) -> Self {
        let (ports, oldest, looked_at, wants_oldest, statuses) = Default::default();
        Self { samples, tls_ports, ports, oldest, looked_at, wants_oldest, statuses }
    }

    /// Watches what these rules look at and limit.
    pub(super) fn follow(&mut self, settings: &Settings, now: Moment) {
        self.wants_oldest = !named(settings, Some("oldest_open")).is_empty();
        let statuses = named(settings, Some("error_ratio"));
        let asked = statuses.difference(&self.statuses).copied().collect::<Vec<_>>();
        self.statuses = statuses;
        let mut wanted = named(settings, None);
        wanted.extend(limited(settings));
        let gone: Vec<u16> =
            self.ports.keys().copied().filter(|port| !wanted.contains(port)).collect();
        gone.into_iter().for_each(|port| self.leave(port));
        for port in asked.into_iter().filter(|port| self.ports.contains_key(port)) {
            self.look_into(port);
        }
        for port in wanted {
            if !self.ports.contains_key(&port) {
                self.watch(port, now);
            }
        }
    }

    /// Has the answers of a port that is watched already looked into, too.
    fn look_into(&self, port: u16) {
        let Some(samples) = &self.samples else { return };
        // Watching again adds to how it is sampled; we count as one watcher all the same.
        let watched = samples.watch(port, self.sampling(port));
        if let Err(error) = watched.and_then(|()| samples.unwatch(port)) {
            tracing::warn!("reflex: cannot look into the answers of port {port}: {error}");
        }
    }

    fn sampling(&self, port: u16) -> Sampling {
        let (tls, http_status) = (self.tls_ports.contains(&port), self.statuses.contains(&port));
        Sampling { tls, http_status }
    }

    /// Reads every port and writes its signals; what opened.
    pub(super) fn read(
        &mut self,
        now: Moment,
        wall: SystemTime,
        limited: &BTreeSet<u16>,
        snapshot: &mut Snapshot,
    ) -> Vec<Anomaly> {
        self.look_at_oldest(now);
        let mut opened = Vec::new();
        let Some(samples) = &self.samples else { return opened };
        for (number, port) in &mut self.ports {
            // A port that cannot be read has no signals; its rules are blind and say so.
            if let Ok(totals) = samples.latency(*number) {
                let limited = limited.contains(number);
                port.read(now, wall, &totals, limited, snapshot, &mut opened);
                let oldest = self.oldest.get(number).map(|age| age.as_nanos() as f64);
                snapshot.set(&Subject::Port(*number), "oldest_open", oldest);
            }
        }
        opened
    }

    /// Walking the connections takes a while, so once a second.
    fn look_at_oldest(&mut self, now: Moment) {
        let due = self.looked_at.is_none_or(|at| now >= at + OLDEST_EVERY);
        let Some(samples) = self.samples.as_ref().filter(|_| self.wants_oldest && due) else {
            return;
        };
        self.looked_at = Some(now);
        self.oldest = samples.oldest_open().unwrap_or_default();
    }

    /// Whether more than 1 % of the samples of the last 10 s were lost.
    pub(super) fn lose_samples(&self) -> bool {
        let each = self.ports.values().map(Traffic::samples);
        let (kept, lost) = each.fold((0, 0), |(kept, lost), (a, b)| (kept + a, lost + b));
        lost * LOST_SHARE > kept + lost
    }

    /// Connections admitted per second.
    pub(super) fn admitted_per_s(&self, port: u16) -> Option<f64> {
        self.ports.get(&port).map(Traffic::admitted_per_s)
    }

    /// What the latency's median and 90th percentile usually are, in nanoseconds.
    pub(super) fn usual(&self, port: u16) -> (Option<f64>, Option<f64>) {
        self.ports.get(&port).map_or((None, None), Traffic::usual_ns)
    }

    fn watch(&mut self, port: u16, now: Moment) {
        let Some(samples) = &self.samples else { return };
        match samples.watch(port, self.sampling(port)).and_then(|()| samples.latency(port)) {
            Ok(totals) => {
                self.ports.insert(port, Traffic::of_port(port, now, totals));
            }
            Err(error) => tracing::warn!("reflex: cannot watch port {port}: {error}"),
        }
    }

    fn leave(&mut self, port: u16) {
        self.ports.remove(&port);
        if let Some(samples) = &self.samples
            && let Err(error) = samples.unwatch(port)
        {
            tracing::warn!("reflex: cannot stop watching port {port}: {error}");
        }
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        let ports: Vec<u16> = self.ports.keys().copied().collect();
        ports.into_iter().for_each(|port| self.leave(port));
    }
}

/// Ports that rules read, or of which they read this signal.
fn named(settings: &Settings, field: Option<&str>) -> BTreeSet<u16> {
    let read = settings
        .signals()
        .filter(|signal| field.is_none_or(|name| signal.field.row().name == name));
    let ports = read.filter_map(|signal| match signal.subject {
        Subject::Port(port) => Some(port),
        _ => None,
    });
    ports.collect()
}
