//! The ports that rules look at: watched in the kernel, read at each tick.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::maps::Sampling;
use crate::kernel::shared::SharedMaps;
use crate::reflex::decide::Moment;
use crate::reflex::settings::{Settings, limited};
use crate::reflex::signals::window::Window;
use crate::reflex::signals::{Snapshot, Subject};

/// Windows of the ports in use.
pub(super) struct Ports {
    samples: Option<SharedMaps>,
    tls_ports: Vec<u16>,
    windows: BTreeMap<u16, Window>,
}

impl Ports {
    pub(super) fn new(samples: Option<SharedMaps>, tls_ports: Vec<u16>) -> Self {
        Self { samples, tls_ports, windows: BTreeMap::new() }
    }

    /// Watches what these rules look at and limit.
    pub(super) fn follow(&mut self, settings: &Settings, now: Moment) {
        let named = settings.places.iter().flat_map(|place| &place.signals);
        let named = named.filter_map(|signal| match signal.subject {
            Subject::Port(port) => Some(port),
            _ => None,
        });
        let wanted: BTreeSet<u16> = named.chain(limited(settings)).collect();
        let gone: Vec<u16> =
            self.windows.keys().copied().filter(|port| !wanted.contains(port)).collect();
        gone.into_iter().for_each(|port| self.leave(port));
        for port in wanted {
            if !self.windows.contains_key(&port) {
                self.watch(port, now);
            }
        }
    }

    /// Reads every port and writes its signals.
    pub(super) fn read(&mut self, now: Moment, snapshot: &mut Snapshot) {
        let Some(samples) = &self.samples else { return };
        for (port, window) in &mut self.windows {
            // A port that cannot be read has no signals; its rules are blind and say so.
            if let Ok(totals) = samples.latency(*port) {
                window.add(now, &totals);
                window.show(*port, snapshot);
            }
        }
    }

    /// Connections admitted per second.
    pub(super) fn admitted_per_s(&self, port: u16) -> Option<f64> {
        self.windows.get(&port).map(Window::connections_per_s)
    }

    fn watch(&mut self, port: u16, now: Moment) {
        let Some(samples) = &self.samples else { return };
        let tls = self.tls_ports.contains(&port);
        let sampling = Sampling { tls, ..Sampling::default() };
        match samples.watch(port, sampling).and_then(|()| samples.latency(port)) {
            Ok(totals) => {
                self.windows.insert(port, Window::new(now, totals));
            }
            Err(error) => tracing::warn!("reflex: cannot watch port {port}: {error}"),
        }
    }

    fn leave(&mut self, port: u16) {
        self.windows.remove(&port);
        if let Some(samples) = &self.samples
            && let Err(error) = samples.unwatch(port)
        {
            tracing::warn!("reflex: cannot stop watching port {port}: {error}");
        }
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        let ports: Vec<u16> = self.windows.keys().copied().collect();
        ports.into_iter().for_each(|port| self.leave(port));
    }
}
