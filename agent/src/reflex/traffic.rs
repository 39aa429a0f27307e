//! The traffic of one port or service: totals in, signals and anomalies out. Free of IO.
//!
//! Behind its window stand three series, each under a detector: the logarithms of the latency's median and of
//! its 90th percentile, and requests per half second. The median sees what hits everyone within
//! a second and does not mind a long tail; the percentile sees what hits some.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use detect::{Config, Detector, Verdict};
use kernel_abi::layout::Latency;

use super::decide::Moment;
use super::signals::window::{Slot, Window};
use super::signals::{FieldId, Signal, Snapshot, Subject};

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

/// A port or a service that is watched.
pub struct Traffic {
    subject: Subject,
    window: Window,
    median: Series,
    tail: Series,
    requests: Series,
}

/// A series and how it stands.
struct Series {
    /// As records name it: `port[8080].latency_p50`.
    name: String,
    detector: Detector,
    last: Verdict,
}

impl Series {
    fn new(subject: &Subject, field: &str) -> Self {
        let field = FieldId::find(subject.scope(), field).expect("a field of the table");
        let name = Signal { subject: subject.clone(), field }.to_string();
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

    /// Feeds a latency in nanoseconds. While its traffic is limited only an open state goes on.
    fn push_latency(&mut self, t_ns: i64, ns: f64, limited: bool) -> Option<Anomaly> {
        if limited && !self.last.open {
            return None;
        }
        if limited {
            self.detector.uphold();
        }
        let opened = self.push(t_ns, ns.ln())?;
        Some(Anomaly {
            series: self.name.clone(),
            score: opened.score,
            baseline: opened.baseline.exp() / 1e9,
            value: ns / 1e9,
        })
    }
}

impl Traffic {
    /// That of a port.
    pub fn of_port(number: u16, now: Moment, totals: Latency) -> Self {
        Self::new(Subject::Port(number), u32::from(number), now, totals)
    }

    /// That of a service.
    pub fn of_service(name: &str, now: Moment, totals: Latency) -> Self {
        let number = name.bytes().map(u32::from).sum();
        Self::new(Subject::Service(name.to_owned()), number, now, totals)
    }

    /// Begins at a reading; what was counted before is not in it.
    fn new(subject: Subject, number: u32, now: Moment, totals: Latency) -> Self {
        // Half seconds of many subjects do not end in the same tick.
        let phase = PHASE * (number % PHASES);
        Self {
            window: Window::new(now, phase, totals),
            median: Series::new(&subject, "latency_p50"),
            tail: Series::new(&subject, "latency_p90"),
            requests: Series::new(&subject, "requests_per_s"),
            subject,
        }
    }

    /// Samples of the last 10 s, and those that were lost.
    pub fn samples(&self) -> (u64, u64) {
        self.window.samples()
    }

    /// Adds a reading and writes the signals; what opened is added to `opened`. While a rule limits the
    /// traffic, nothing new is learned: it would be the limit's doing.
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
        self.window.show(&self.subject, snapshot);
        if let Some(slot) = self.window.take_slot() {
            self.push(wall, slot, limited, opened);
        }
        let anomaly = self.median.anomaly().max(self.tail.anomaly());
        snapshot.set(&self.subject, "anomaly", Some(anomaly));
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
            let anomaly = ns.and_then(|ns| series.push_latency(t_ns, ns, limited));
            opened.extend(anomaly);
        }
        if limited {
            return;
        }
        let per_s = slot.requests as f64 * 2.0;
        opened.extend(self.requests.push(t_ns, per_s).map(|verdict| Anomaly {
            series: self.requests.name.clone(),
            score: verdict.score,
            baseline: verdict.baseline,
            value: per_s,
        }));
    }
}
