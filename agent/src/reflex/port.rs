//! One port: totals from the kernel in, signals and anomalies out. Free of IO.
//!
//! Behind its window stand two series, each under a detector: latency (the logarithm of each half second's
//! 90th percentile) and requests per half second.

use std::time::{SystemTime, UNIX_EPOCH};

use detect::{Config, Detector, Verdict};
use kernel_abi::layout::Latency;

use super::decide::Moment;
use super::signals::window::{Slot, Window};
use super::signals::{Snapshot, Subject};

/// An alarm that has just opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// `port[8080].latency`
    pub series: String,
    /// At least 1.
    pub score: f64,
    /// What is normal, in the series' own unit: seconds, requests per second.
    pub baseline: f64,
    /// The value that opened it, in the same unit.
    pub value: f64,
}

/// A port that is watched.
pub struct Port {
    number: u16,
    window: Window,
    latency: Detector,
    requests: Detector,
    last: Verdict,
}

impl Port {
    /// Begins at a reading; what was counted before is not in it.
    pub fn new(number: u16, now: Moment, totals: Latency) -> Self {
        let detector = || Detector::new(Config::default());
        let (latency, requests) = (detector(), detector());
        let window = Window::new(now, totals);
        Self { number, window, latency, requests, last: Verdict::default() }
    }

    /// Adds a reading and writes the port's signals; what opened is added to `opened`. While a rule limits the
    /// port, nothing new is learned: it would be the limit's doing.
    pub fn read(
        &mut self,
        now: Moment,
        wall: SystemTime,
        totals: &Latency,
        limited: bool,
        snapshot: &mut Snapshot,
        opened: &mut Vec<Anomaly>,
    ) {
        self.window.add(now, totals);
        self.window.show(self.number, snapshot);
        if let Some(slot) = self.window.take_slot() {
            self.push(wall, slot, limited, opened);
        }
        snapshot.set(&Subject::Port(self.number), "anomaly", Some(self.anomaly()));
    }

    /// Connections admitted per second.
    pub fn admitted_per_s(&self) -> f64 {
        self.window.connections_per_s()
    }

    /// The latency's state: the score that opened it, else 0.
    fn anomaly(&self) -> f64 {
        if self.last.open { self.last.anomaly.max(1.0) } else { 0.0 }
    }

    /// Feeds half a second.
    fn push(&mut self, wall: SystemTime, slot: Slot, limited: bool, opened: &mut Vec<Anomaly>) {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let t_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        if let Some(ns) = slot.latency_ns
            && (!limited || self.last.open)
        {
            self.last = self.latency.push(t_ns, ns.ln());
            if self.last.opened {
                opened.push(Anomaly {
                    series: format!("port[{}].latency", self.number),
                    score: self.last.score,
                    baseline: self.last.baseline.exp() / 1e9,
                    value: ns / 1e9,
                });
            }
        }
        if limited {
            return;
        }
        let verdict = self.requests.push(t_ns, slot.requests as f64);
        if verdict.opened {
            opened.push(Anomaly {
                series: format!("port[{}].requests", self.number),
                score: verdict.score,
                baseline: verdict.baseline * 2.0,
                value: slot.requests as f64 * 2.0,
            });
        }
    }
}
