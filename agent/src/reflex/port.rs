//! One port: totals from the kernel in, signals and anomalies out. Free of IO.
//!
//! Behind its window stand three series, each under a detector: the logarithms of the latency's median and of
//! its 90th percentile, and requests per half second. The median sees what hits everyone within
//! a second and does not mind a long tail; the percentile sees what hits some.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The ticks of half a second.
const PHASES: u32 = 10;
const PHASE: Duration = Duration::from_millis(50);

/// A port that is watched.
pub struct Port {
    number: u16,
    window: Window,
    median: Series,
    tail: Series,
    requests: Series,
}

/// A series and how it stands.
struct Series {
    /// As records name it, behind its port.
    name: &'static str,
    detector: Detector,
    last: Verdict,
}

impl Series {
    fn new(name: &'static str) -> Self {
        Self { name, detector: Detector::new(Config::default()), last: Verdict::default() }
    }

    /// Feeds a row; the verdict if it opened an alarm.
    fn push(&mut self, t_ns: i64, value: f64) -> Option<Verdict> {
        self.last = self.detector.push(t_ns, value);
        self.last.opened.then_some(self.last)
    }

    /// What is normal, in nanoseconds; nothing while the state is open or nothing was learned.
    fn usual_ns(&self) -> Option<f64> {
        let known = self.last.baseline != 0.0 && !self.last.open;
        known.then(|| self.last.baseline.exp()).filter(|ns| ns.is_finite())
    }

    /// The state: the score that opened it, else 0.
    fn anomaly(&self) -> f64 {
        if self.last.open { self.last.anomaly.max(1.0) } else { 0.0 }
    }

    /// Feeds a latency in nanoseconds. While the port is limited only an open state goes on.
    fn push_latency(&mut self, t_ns: i64, ns: f64, limited: bool, port: u16) -> Option<Anomaly> {
        if limited && !self.last.open {
            return None;
        }
        if limited {
            self.detector.uphold();
        }
        let opened = self.push(t_ns, ns.ln())?;
        Some(Anomaly {
            series: format!("port[{port}].{}", self.name),
            score: opened.score,
            baseline: opened.baseline.exp() / 1e9,
            value: ns / 1e9,
        })
    }
}

impl Port {
    /// Begins at a reading; what was counted before is not in it.
    pub fn new(number: u16, now: Moment, totals: Latency) -> Self {
        // Half seconds of many ports do not end in the same tick.
        let phase = PHASE * (u32::from(number) % PHASES);
        Self {
            number,
            window: Window::new(now.saturating_sub(phase), totals),
            median: Series::new("latency_p50"),
            tail: Series::new("latency_p90"),
            requests: Series::new("requests_per_s"),
        }
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
        let anomaly = self.median.anomaly().max(self.tail.anomaly());
        snapshot.set(&Subject::Port(self.number), "anomaly", Some(anomaly));
    }

    /// Connections admitted per second.
    pub fn admitted_per_s(&self) -> f64 {
        self.window.connections_per_s()
    }

    /// What the latency's median and its 90th percentile usually are, in nanoseconds.
    pub fn usual_ns(&self) -> (Option<f64>, Option<f64>) {
        (self.median.usual_ns(), self.tail.usual_ns())
    }

    /// Feeds half a second.
    fn push(&mut self, wall: SystemTime, slot: Slot, limited: bool, opened: &mut Vec<Anomaly>) {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let t_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        for (series, ns) in [(&mut self.median, slot.median_ns), (&mut self.tail, slot.tail_ns)] {
            let anomaly = ns.and_then(|ns| series.push_latency(t_ns, ns, limited, self.number));
            opened.extend(anomaly);
        }
        if limited {
            return;
        }
        let per_s = slot.requests as f64 * 2.0;
        opened.extend(self.requests.push(t_ns, per_s).map(|verdict| Anomaly {
            series: format!("port[{}].{}", self.number, self.requests.name),
            score: verdict.score,
            baseline: verdict.baseline,
            value: per_s,
        }));
    }
}
