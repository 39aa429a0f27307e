//! Shares out of counters: what part of the last second was spent.
//!
//! A meter is asked at any cadence with the time as an argument. Differences are taken over at
//! least [`WINDOW`], because the kernel counts in ticks of 10 ms and throttles in periods of 100 ms:
//! over a 50 ms tick a share would be a coin's toss.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::trend::Trend;
use super::{CgroupReading, CpuTimes, Host, Resource};

/// Over how long differences are taken.
pub const WINDOW: Duration = Duration::from_secs(1);
/// Readings of a window that are kept: one for each 50 ms, and a few.
const READINGS_MAX: usize = 24;
/// Readings that come faster take the place of the last one.
const SPACING: Duration = Duration::from_millis(50);

/// The host at one moment. What could not be read or is not known yet is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostSample {
    /// Busy share of all CPUs, 0..1.
    pub cpu_utilization: Option<f64>,
    /// Share of time in which some task waited for a CPU; needs PSI.
    pub cpu_pressure: Option<f64>,
    /// Share of memory in use, 0..1.
    pub memory_utilization: Option<f64>,
    /// Share of time in which some task waited for memory; needs PSI.
    pub memory_pressure: Option<f64>,
    /// Until memory is used up, if use goes on growing as steadily.
    pub memory_time_to_limit: Option<Duration>,
    /// Load of the last minute.
    pub load: Option<f64>,
}

/// A cgroup at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CgroupSample {
    /// Share of its quota, without one of the host's CPUs; 0..1.
    pub cpu_utilization: Option<f64>,
    /// Share of enforcement periods in which it was throttled.
    pub throttled: Option<f64>,
    /// Share of its limit, without one of the host's memory; 0..1.
    pub memory_utilization: Option<f64>,
    /// Until the limit is met, if use goes on growing as steadily.
    pub memory_time_to_limit: Option<Duration>,
}

/// Measures the host.
#[derive(Debug)]
pub struct HostMeter {
    host: Host,
    cpu: Window<CpuTimes>,
    used: Trend,
}

impl HostMeter {
    /// Measures this host; the first sample has no differences yet.
    pub fn new(host: Host) -> Self {
        Self { host, cpu: Window::default(), used: Trend::default() }
    }

    /// Looks now.
    pub fn sample(&mut self, now: Instant) -> HostSample {
        let memory = self.host.memory().ok().filter(|memory| memory.total_bytes > 0);
        if let Some(memory) = memory {
            self.used.add(now, memory.used_bytes() as f64);
        }
        HostSample {
            cpu_utilization: self.cpu_utilization(now),
            cpu_pressure: self.host.pressure(Resource::Cpu),
            memory_utilization: memory
                .and_then(|memory| share(memory.used_bytes(), memory.total_bytes)),
            memory_pressure: self.host.pressure(Resource::Memory),
            memory_time_to_limit: memory
                .and_then(|memory| self.used.time_to(memory.total_bytes as f64)),
            load: self.host.load().ok(),
        }
    }

    fn cpu_utilization(&mut self, now: Instant) -> Option<f64> {
        let times = self.host.cpu_times().ok()?;
        let (_, before) = self.cpu.add(now, times)?;
        let total = times.total_ticks.checked_sub(before.total_ticks)?;
        share(times.busy_ticks.saturating_sub(before.busy_ticks), total)
    }
}

/// Measures one cgroup.
#[derive(Debug)]
pub struct CgroupMeter {
    host: Host,
    path: String,
    readings: Window<CgroupReading>,
    used: Trend,
}

impl CgroupMeter {
    /// Measures the cgroup of this path; it need not exist yet.
    pub fn new(host: Host, path: &str) -> Self {
        let (readings, used) = (Window::default(), Trend::default());
        Self { host, path: path.to_owned(), readings, used }
    }

    /// Looks now; `None` while there is no such cgroup.
    pub fn sample(&mut self, now: Instant) -> Option<CgroupSample> {
        let Some(reading) = self.host.hierarchies().read(&self.path) else {
            // A later one of this name is another.
            (self.readings, self.used) = (Window::default(), Trend::default());
            return None;
        };
        if let Some(bytes) = reading.memory_bytes {
            self.used.add(now, bytes as f64);
        }
        let limit = reading
            .memory_limit_bytes
            .or_else(|| self.host.memory().ok().map(|memory| memory.total_bytes));
        let before = self.readings.add(now, reading);
        Some(CgroupSample {
            cpu_utilization: before
                .and_then(|(since, before)| self.cpu_utilization(&reading, &before, since)),
            throttled: before.and_then(|(_, before)| throttled(&reading, &before)),
            memory_utilization: reading.memory_bytes.zip(limit).and_then(|(a, b)| share(a, b)),
            memory_time_to_limit: limit.and_then(|limit| self.used.time_to(limit as f64)),
        })
    }

    fn cpu_utilization(
        &self,
        reading: &CgroupReading,
        before: &CgroupReading,
        since: Duration,
    ) -> Option<f64> {
        let spent_ns = reading.cpu_ns?.checked_sub(before.cpu_ns?)?;
        let all = || self.host.cpus().ok().map(f64::from);
        let cpus = reading.quota_cpus.or_else(all)?;
        Some((spent_ns as f64 / 1e9 / since.as_secs_f64() / cpus).clamp(0.0, 1.0))
    }
}

fn throttled(reading: &CgroupReading, before: &CgroupReading) -> Option<f64> {
    let periods = reading.periods?.checked_sub(before.periods?)?;
    let throttled = reading.throttled_periods?.checked_sub(before.throttled_periods?)?;
    // Nothing ran, so nothing was throttled.
    Some(share(throttled, periods).unwrap_or(0.0))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64).clamp(0.0, 1.0))
}

/// The readings of the last [`WINDOW`].
#[derive(Debug)]
struct Window<T>(VecDeque<(Instant, T)>);

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(READINGS_MAX))
    }
}

impl<T: Copy> Window<T> {
    /// Takes a reading; the one to compare it with and how old that is. Younger than the window
    /// only while there is no older one.
    fn add(&mut self, now: Instant, reading: T) -> Option<(Duration, T)> {
        while self.0.get(1).is_some_and(|(at, _)| *at + WINDOW <= now)
            || self.0.len() >= READINGS_MAX
        {
            self.0.pop_front();
        }
        let before = self.0.front().copied();
        if self.0.back().is_none_or(|(at, _)| now >= *at + SPACING) {
            self.0.push_back((now, reading));
        }
        let (at, before) = before?;
        let since = now.checked_duration_since(at).filter(|since| *since >= SPACING)?;
        Some((since, before))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_window_compares_with_what_is_a_second_old() {
        let begun = Instant::now();
        let mut window = Window::default();
        for step in 0..1000_u64 {
            let found = window.add(begun + Duration::from_millis(20 * step), step);
            let Some((since, before)) = found else { continue };
            assert_eq!(since, Duration::from_millis(20 * (step - before)));
            assert!(
                step < 60 || (WINDOW..Duration::from_millis(1100)).contains(&since),
                "{since:?}"
            );
            assert!(window.0.len() <= READINGS_MAX);
        }
        assert!(window.add(begun, 0).is_none(), "a clock that went back");
    }

    #[test]
    fn a_host_and_a_group_are_measured() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path();
        let put = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        put("self/mounts", &format!("cgroup2 {}/groups cgroup2 rw 0 0\n", root.display()));
        put("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n");
        put("loadavg", "0.50 1 1 1/1 1\n");
        put("stat", "cpu  100 0 0 100\ncpu0 1\ncpu1 1\n");
        put("groups/web/cpu.stat", "usage_usec 0\nnr_periods 0\nnr_throttled 0\n");
        put("groups/web/memory.current", "512000\n");
        let host = Host::at(root);
        let mut meter = HostMeter::new(host.clone());
        let mut group = CgroupMeter::new(host.clone(), "web");
        let mut gone = CgroupMeter::new(host, "gone");
        let begun = Instant::now();
        let first = meter.sample(begun);
        assert_eq!((first.cpu_utilization, first.memory_utilization), (None, Some(0.75)));
        assert_eq!((first.load, first.cpu_pressure), (Some(0.5), None));
        assert_eq!(group.sample(begun).expect("it exists").memory_utilization, Some(0.5));
        put("stat", "cpu  130 0 0 110\ncpu0 1\ncpu1 1\n");
        put("groups/web/cpu.stat", "usage_usec 500000\nnr_periods 10\nnr_throttled 5\n");
        let later = begun + WINDOW;
        assert_eq!(meter.sample(later).cpu_utilization, Some(0.75));
        let web = group.sample(later).expect("it exists");
        assert_eq!((web.cpu_utilization, web.throttled), (Some(0.25), Some(0.5)));
        assert_eq!(gone.sample(later), None);
    }

    #[test]
    fn this_host_is_measured() {
        let mut meter = HostMeter::new(Host::at(Path::new("/proc")));
        let sample = meter.sample(Instant::now());
        assert!(sample.memory_utilization.is_some_and(|share| (0.0..1.0).contains(&share)));
        assert!(sample.load.is_some());
    }
}
