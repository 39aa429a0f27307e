//! The series of a port, each under a detector: latency (the logarithm of each half second's 90th
//! percentile) and requests per half second.

use std::time::{SystemTime, UNIX_EPOCH};

use detect::{Config, Detector, Verdict};

use crate::reflex::signals::window::Slot;

/// An alarm that has just opened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Anomaly {
    /// `port[8080].latency`
    pub(super) series: String,
    /// At least 1.
    pub(super) score: f64,
    /// What is normal, in the series' own unit: seconds, requests per second.
    pub(super) baseline: f64,
    /// The value that opened it, in the same unit.
    pub(super) value: f64,
}

/// The detectors of a port.
pub(super) struct PortSeries {
    latency: Detector,
    requests: Detector,
    last: Verdict,
}

impl Default for PortSeries {
    fn default() -> Self {
        let detector = || Detector::new(Config::default());
        Self { latency: detector(), requests: detector(), last: Verdict::default() }
    }
}

impl PortSeries {
    /// The latency's state: the score that opened it, else 0.
    pub(super) fn anomaly(&self) -> f64 {
        if self.last.open { self.last.anomaly.max(1.0) } else { 0.0 }
    }

    /// Feeds half a second.
    pub(super) fn push(
        &mut self,
        port: u16,
        wall: SystemTime,
        slot: Slot,
        limited: bool,
        opened: &mut Vec<Anomaly>,
    ) {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let t_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        if let Some(ns) = slot.latency_ns
            && (!limited || self.last.open)
        {
            self.last = self.latency.push(t_ns, ns.ln());
            if self.last.opened {
                opened.push(Anomaly {
                    series: format!("port[{port}].latency"),
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
                series: format!("port[{port}].requests"),
                score: verdict.score,
                baseline: verdict.baseline * 2.0,
                value: slot.requests as f64 * 2.0,
            });
        }
    }
}
