//! The scraper `process`: each process as a resource with metrics of its own.
//!
//! An agent without privilege sees of other users' processes no executable, no transfers and no open
//! files. What is missing for that reason is a fault unless a `mute_process_*` key says otherwise; a
//! process that ends while it is looked at is none.

mod identity;
mod stat;

use std::collections::BTreeMap;
use std::time::Duration;

use components::config::Section;

use self::identity::{Identity, Owners};
use self::stat::{Io, Stat, Status};
use super::cpu::ticks_per_s;
use super::filter::Filter;
use super::memory::page_bytes;
use super::metric::{Metric, on};
use super::processes::pids;
use super::reading::{Reading, Scrape, Scraper};
use crate::host::parse;

const CPU_TIME: Metric = Metric::counter(
    ("process.cpu.time", "s"),
    &[on("state")],
    "Total CPU seconds broken down by different states.",
);
const CPU_UTILIZATION: Metric = Metric::gauge(
    ("process.cpu.utilization", "1"),
    &[on("state")],
    "Percentage of total CPU time used by the process since last scrape, expressed as a value between 0 and 1. On the first scrape, no data point is emitted for this metric.",
)
.opt_in();
const MEMORY_USAGE: Metric =
    Metric::sum(("process.memory.usage", "By"), &[], "The amount of physical memory in use.");
const MEMORY_VIRTUAL: Metric =
    Metric::sum(("process.memory.virtual", "By"), &[], "Virtual memory size.");
const MEMORY_UTILIZATION: Metric = Metric::gauge(
    ("process.memory.utilization", "1"),
    &[],
    "Percentage of total physical memory that is used by the process.",
)
.opt_in();
const DISK_IO: Metric =
    Metric::counter(("process.disk.io", "By"), &[on("direction")], "Disk bytes transferred.");
const DISK_OPERATIONS: Metric = Metric::counter(
    ("process.disk.operations", "{operations}"),
    &[on("direction")],
    "Number of disk operations performed by the process.",
)
.opt_in();
const FAULTS: Metric = Metric::counter(
    ("process.paging.faults", "{faults}"),
    &[on("type")],
    "Number of page faults the process has made.",
)
.opt_in();
const SIGNALS: Metric = Metric::sum(
    ("process.signals_pending", "{signals}"),
    &[],
    "Number of pending signals for the process.",
)
.opt_in();
const THREADS: Metric =
    Metric::sum(("process.threads", "{threads}"), &[], "Process threads count.").opt_in();
const DESCRIPTORS: Metric = Metric::sum(
    ("process.open_file_descriptors", "{count}"),
    &[],
    "Number of file descriptors in use by the process.",
)
.opt_in();
/// Windows has them; it can be named and gives nothing.
const HANDLES: Metric =
    Metric::sum(("process.handles", "{count}"), &[], "Number of handles held by the process.")
        .opt_in();
const SWITCHES: Metric = Metric::counter(
    ("process.context_switches", "{count}"),
    &[on("type")],
    "Number of times the process has been context switched.",
)
.opt_in();
const UPTIME: Metric =
    Metric::gauge(("process.uptime", "s"), &[], "The time the process has been running.").opt_in();

pub(super) const SCRAPER: Scraper = Scraper {
    name: "process",
    may_hang: true,
    metrics: &[
        CPU_TIME,
        CPU_UTILIZATION,
        MEMORY_USAGE,
        MEMORY_VIRTUAL,
        MEMORY_UTILIZATION,
        DISK_IO,
        DISK_OPERATIONS,
        FAULTS,
        SIGNALS,
        THREADS,
        DESCRIPTORS,
        HANDLES,
        SWITCHES,
        UPTIME,
    ],
    build,
};

/// Longest `scrape_process_delay`.
const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);

struct Process {
    names: Filter,
    identity: Identity,
    /// Younger processes are left out.
    delay_s: f64,
    muted_io: bool,
    muted: bool,
    ticks_per_s: f64,
    page_bytes: u64,
    /// What each process had spent at the last look, by when it started and its id.
    spent: BTreeMap<(u64, u32), Spent>,
}

/// CPU time until a moment.
#[derive(Clone, Copy)]
struct Spent {
    at_ns: u64,
    ticks: [u64; 3],
}

/// What is the same for all processes of a look.
struct Host {
    owners: Owners,
    memory_bytes: Option<u64>,
    cpus: f64,
}

fn build(section: &Section<'_>) -> Box<dyn Scrape> {
    let muted = section.bool("mute_process_all_errors", false);
    let delay =
        section.duration_in("scrape_process_delay", Duration::ZERO, Duration::ZERO..=DELAY_MAX);
    Box::new(Process {
        names: Filter::read(section, "include", "exclude", "names"),
        identity: Identity::read(section, muted),
        delay_s: delay.as_secs_f64(),
        muted_io: section.bool("mute_process_io_error", false) || muted,
        muted,
        ticks_per_s: ticks_per_s(),
        page_bytes: page_bytes(),
        spent: BTreeMap::new(),
    })
}

impl Scrape for Process {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(pids) = reading.or_fault(pids(reading.root)) else { return };
        let host = Host::read(reading);
        let before = std::mem::take(&mut self.spent);
        for pid in pids {
            self.look(reading, &host, &before, pid);
        }
    }
}

impl Host {
    fn read(reading: &Reading<'_>) -> Self {
        let memory = reading.root.text("proc/meminfo").ok();
        let stat = reading.root.text("proc/stat").unwrap_or_default();
        let cpus = stat.lines().filter_map(parse::cpu_ticks).filter(|(name, _)| *name != "cpu");
        Self {
            owners: Owners::read(reading.root),
            memory_bytes: memory.and_then(|text| parse::meminfo(&text, "MemTotal")),
            cpus: (cpus.count() as f64).max(1.0),
        }
    }
}

impl Process {
    fn look(
        &mut self,
        reading: &mut Reading<'_>,
        host: &Host,
        before: &BTreeMap<(u64, u32), Spent>,
        pid: u32,
    ) {
        let path = format!("proc/{pid}/stat");
        let Some(text) = reading.text_of_process(&path, self.muted) else { return };
        let Some(stat) = Stat::parse(&text) else { return reading.malformed(&path) };
        let command = self.identity.command(reading, pid);
        let name = identity::name(&stat.comm, &command);
        let age_s = self.age_s(reading, &stat);
        if !self.names.passes(&name) || age_s < self.delay_s {
            return;
        }
        let status = self.status(reading, pid);
        self.add_stat(reading, host, &stat, age_s);
        self.add_shares(reading, host, &stat, before.get(&(stat.started_ticks, pid)));
        self.remember(reading, &stat, pid);
        self.add_io(reading, pid);
        self.add_status(reading, &status);
        self.add_descriptors(reading, pid);
        let owner = self.identity.owner(reading, &host.owners, &status, pid);
        let identity =
            self.identity.attributes(reading, (pid, stat.parent), (&name, &command), owner);
        let attributes: Vec<_> =
            identity.iter().map(|(key, value)| (*key, value.as_ref())).collect();
        let start_ns = self.started_ns(reading, &stat);
        reading.emit(&attributes, start_ns);
    }

    fn started_ns(&self, reading: &Reading<'_>, stat: &Stat) -> u64 {
        let since_boot_ns = stat.started_ticks as f64 / self.ticks_per_s * 1e9;
        reading.times.boot_ns.saturating_add(since_boot_ns as u64)
    }

    fn age_s(&self, reading: &Reading<'_>, stat: &Stat) -> f64 {
        reading.times.now_ns.saturating_sub(self.started_ns(reading, stat)) as f64 / 1e9
    }

    /// What `/proc/PID/status` says, if somebody asks for any of it.
    fn status(&self, reading: &mut Reading<'_>, pid: u32) -> Status {
        if !self.identity.wants_owner() && !reading.wants_any(&[&SIGNALS, &SWITCHES]) {
            return Status::default();
        }
        let text = reading.text_of_process(&format!("proc/{pid}/status"), self.muted);
        text.map(|text| Status::parse(&text)).unwrap_or_default()
    }

    fn add_stat(&self, reading: &mut Reading<'_>, host: &Host, stat: &Stat, age_s: f64) {
        for (state, ticks) in stat::STATES.iter().zip(stat.ticks) {
            reading.add(&CPU_TIME, &[state], ticks as f64 / self.ticks_per_s);
        }
        let resident_bytes = stat.resident_pages.saturating_mul(self.page_bytes);
        reading.add(&MEMORY_USAGE, &[], resident_bytes);
        reading.add(&MEMORY_VIRTUAL, &[], stat.virtual_bytes);
        if let Some(memory_bytes) = host.memory_bytes.filter(|bytes| *bytes > 0) {
            // In percent, as the Collector's, whatever its unit says.
            let percent = 100.0 * resident_bytes as f64 / memory_bytes as f64;
            reading.add(&MEMORY_UTILIZATION, &[], percent);
        }
        reading.add(&FAULTS, &["major"], stat.major_faults);
        reading.add(&FAULTS, &["minor"], stat.minor_faults);
        reading.add(&THREADS, &[], stat.threads);
        reading.add(&UPTIME, &[], age_s);
    }

    /// Shares of all CPUs' time since the last look.
    fn add_shares(
        &self,
        reading: &mut Reading<'_>,
        host: &Host,
        stat: &Stat,
        before: Option<&Spent>,
    ) {
        let Some(before) = before else { return };
        let elapsed_s = reading.times.now_ns.saturating_sub(before.at_ns) as f64 / 1e9;
        if elapsed_s <= 0.0 {
            return;
        }
        for ((state, now), before) in stat::STATES.iter().zip(stat.ticks).zip(before.ticks) {
            let spent_s = now.saturating_sub(before) as f64 / self.ticks_per_s;
            let share = (spent_s / elapsed_s / host.cpus).clamp(0.0, 1.0);
            reading.add(&CPU_UTILIZATION, &[state], share);
        }
    }

    fn remember(&mut self, reading: &Reading<'_>, stat: &Stat, pid: u32) {
        if reading.wants(&CPU_UTILIZATION) {
            let spent = Spent { at_ns: reading.times.now_ns, ticks: stat.ticks };
            self.spent.insert((stat.started_ticks, pid), spent);
        }
    }

    fn add_io(&self, reading: &mut Reading<'_>, pid: u32) {
        if !reading.wants_any(&[&DISK_IO, &DISK_OPERATIONS]) {
            return;
        }
        let path = format!("proc/{pid}/io");
        let Some(text) = reading.text_of_process(&path, self.muted_io) else { return };
        let Some(io) = Io::parse(&text) else { return reading.malformed(&path) };
        reading.add(&DISK_IO, &["read"], io.read_bytes);
        reading.add(&DISK_IO, &["write"], io.write_bytes);
        reading.add(&DISK_OPERATIONS, &["read"], io.reads);
        reading.add(&DISK_OPERATIONS, &["write"], io.writes);
    }

    fn add_status(&self, reading: &mut Reading<'_>, status: &Status) {
        if let Some(signals) = status.signals_pending {
            reading.add(&SIGNALS, &[], signals);
        }
        let switches = [("voluntary", status.voluntary), ("involuntary", status.involuntary)];
        for (kind, count) in switches {
            if let Some(count) = count {
                reading.add(&SWITCHES, &[kind], count);
            }
        }
    }

    fn add_descriptors(&self, reading: &mut Reading<'_>, pid: u32) {
        if reading.wants(&DESCRIPTORS) {
            let path = format!("proc/{pid}/fd");
            let names = reading.root.try_names(&path);
            if let Some(names) = reading.of_process(&path, names, self.muted) {
                reading.add(&DESCRIPTORS, &[], names.len() as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests;
