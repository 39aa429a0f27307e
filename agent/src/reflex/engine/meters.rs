//! Signals of the host and of the control groups that rules name.
//!
//! Read at each tick where a rule reads them, else once a second for `top`. A control group's CPU share is
//! a series under a detector, twice a second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use detect::{Config, Detector, Verdict};

use crate::host::{CgroupMeter, Host, HostMeter, HostSample};
use crate::reflex::decide::Moment;
use crate::reflex::settings::Settings;
use crate::reflex::signals::{Snapshot, Subject};
use crate::reflex::traffic::Anomaly;

/// How often the host is looked at when no rule asks.
const IDLE_EVERY: Duration = Duration::from_secs(1);
/// How often a series gets a value.
const SERIES_EVERY: Duration = Duration::from_millis(500);

/// Meters in use.
pub(super) struct Meters {
    host: HostMeter,
    last: HostSample,
    looked_at: Option<Moment>,
    /// Whether a rule reads the host's signals.
    wanted: bool,
    cgroups: BTreeMap<String, Group>,
}

struct Group {
    meter: CgroupMeter,
    detector: Detector,
    verdict: Verdict,
    pushed_at: Moment,
}

impl Meters {
    pub(super) fn new() -> Self {
        let (last, looked_at, wanted, cgroups) = Default::default();
        Self { host: HostMeter::new(Host::of_system()), last, looked_at, wanted, cgroups }
    }

    /// Measures what these rules read.
    pub(super) fn follow(&mut self, settings: &Settings) {
        self.wanted = settings.signals().any(|signal| signal.subject == Subject::Host);
        let named: BTreeSet<&String> = settings
            .signals()
            .filter_map(|signal| match &signal.subject {
                Subject::Cgroup(path) => Some(path),
                _ => None,
            })
            .collect();
        self.cgroups.retain(|path, _| named.contains(path));
        for path in named {
            self.cgroups.entry(path.clone()).or_insert_with(|| Group {
                meter: CgroupMeter::new(Host::of_system(), path),
                detector: Detector::new(Config::default()),
                verdict: Verdict::default(),
                pushed_at: Moment::ZERO,
            });
        }
    }

    /// Looks, and writes the signals; what opened.
    pub(super) fn read(
        &mut self,
        now: Moment,
        wall: SystemTime,
        snapshot: &mut Snapshot,
    ) -> Vec<Anomaly> {
        let due = self.looked_at.is_none_or(|at| now >= at + IDLE_EVERY);
        if self.wanted || due {
            self.looked_at = Some(now);
            self.last = self.host.sample(Instant::now());
        }
        show(&self.last, snapshot);
        let groups = self.cgroups.iter_mut();
        groups.filter_map(|(path, group)| group.read(path, now, wall, snapshot)).collect()
    }
}

impl Group {
    fn read(
        &mut self,
        path: &str,
        now: Moment,
        wall: SystemTime,
        snapshot: &mut Snapshot,
    ) -> Option<Anomaly> {
        let sample = self.meter.sample(Instant::now())?;
        let subject = Subject::Cgroup(path.to_owned());
        snapshot.set(&subject, "cpu.utilization", sample.cpu_utilization);
        snapshot.set(&subject, "throttled", sample.throttled);
        snapshot.set(&subject, "memory.utilization", sample.memory_utilization);
        let left = sample.memory_time_to_limit.map(|left| left.as_nanos() as f64);
        snapshot.set(&subject, "memory.time_to_limit", left);
        let opened = self.push(path, now, wall, sample.cpu_utilization);
        let open = if self.verdict.open { self.verdict.anomaly.max(1.0) } else { 0.0 };
        snapshot.set(&subject, "anomaly", Some(open));
        opened
    }

    fn push(
        &mut self,
        path: &str,
        now: Moment,
        wall: SystemTime,
        value: Option<f64>,
    ) -> Option<Anomaly> {
        let value = value.filter(|_| now >= self.pushed_at + SERIES_EVERY)?;
        self.pushed_at = now;
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let t_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        self.verdict = self.detector.push(t_ns, value);
        self.verdict.opened.then(|| Anomaly {
            series: format!("cgroup[{path:?}].cpu.utilization"),
            score: self.verdict.score,
            baseline: self.verdict.baseline,
            value,
        })
    }
}

fn show(sample: &HostSample, snapshot: &mut Snapshot) {
    let left = sample.memory_time_to_limit.map(|left| left.as_nanos() as f64);
    let values = [
        ("cpu.utilization", sample.cpu_utilization),
        ("cpu.pressure", sample.cpu_pressure),
        ("memory.utilization", sample.memory_utilization),
        ("memory.pressure", sample.memory_pressure),
        ("memory.time_to_limit", left),
        ("load", sample.load),
    ];
    for (name, value) in values {
        snapshot.set(&Subject::Host, name, value);
    }
}
