//! The scraper `cpu`: time by CPU and state, and what CPUs there are.
//!
//! The kernel lets idle and waiting time go back a little at times, and a CPU that is switched off
//! leaves the table. Times only grow here, and an absent CPU keeps what it had, so a sum over CPUs never
//! looks like a restart.

use std::collections::{BTreeMap, BTreeSet};

use components::config::Section;
use nix::unistd::{SysconfVar, sysconf};

use super::metric::{Metric, off, on};
use super::reading::{Reading, Scrape, Scraper};
use super::root::Root;
use crate::host::parse::{self, CPU_STATES};

const SOCKET: &str = "host.cpu.socket.id";
const CORE: &str = "host.cpu.core.id";

const TIME: Metric = Metric::counter(
    ("system.cpu.time", "s"),
    &[off("cpu"), on("state"), off(SOCKET), off(CORE)],
    "Total seconds each logical CPU spent on each mode.",
);
const UTILIZATION: Metric = Metric::gauge(
    ("system.cpu.utilization", "1"),
    &[off("cpu"), on("state"), off(SOCKET), off(CORE)],
    "Difference in system.cpu.time since the last measurement per logical CPU, divided by the elapsed time (value in interval [0,1]).",
)
.opt_in();
const LOGICAL: Metric =
    Metric::sum(("system.cpu.logical.count", "{cpu}"), &[], "Number of available logical CPUs.")
        .opt_in();
const PHYSICAL: Metric =
    Metric::sum(("system.cpu.physical.count", "{cpu}"), &[], "Number of available physical CPUs.")
        .opt_in();
const FREQUENCY: Metric = Metric::gauge(
    ("system.cpu.frequency", "Hz"),
    &[on("cpu"), off(SOCKET), off(CORE)],
    "Current frequency of the CPU core in Hz.",
)
.opt_in();

pub(super) const SCRAPER: Scraper = Scraper {
    name: "cpu",
    may_hang: false,
    metrics: &[TIME, UTILIZATION, LOGICAL, PHYSICAL, FREQUENCY],
    build,
};

/// The Collector's words, in the order of `/proc/stat`.
const STATES: [&str; CPU_STATES] =
    ["user", "nice", "system", "idle", "wait", "interrupt", "softirq", "steal"];

type Ticks = [u64; CPU_STATES];

struct Cpu {
    ticks_per_s: f64,
    /// The most that was seen of each CPU.
    seen: BTreeMap<String, Ticks>,
}

fn build(_: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Cpu { ticks_per_s: ticks_per_s(), seen: BTreeMap::new() })
}

/// The kernel's unit of time in `/proc`.
pub(super) fn ticks_per_s() -> f64 {
    let known = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|ticks| *ticks > 0);
    known.map_or(100.0, |ticks| ticks as f64)
}

impl Scrape for Cpu {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        self.times(reading);
        if reading.wants(&FREQUENCY) {
            frequencies(reading);
        }
    }
}

impl Cpu {
    fn times(&mut self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/stat") else { return };
        let now = per_cpu(&text);
        if now.is_empty() {
            return reading.malformed("proc/stat");
        }
        reading.add(&LOGICAL, &[], now.len() as u64);
        let topology = Topology::read(reading, now.keys());
        if reading.wants(&PHYSICAL) {
            reading.add(&PHYSICAL, &[], topology.cores(now.len()));
        }
        for (cpu, ticks) in now {
            let before = self.seen.get(&cpu).copied();
            let grown = before.map_or(ticks, |before| grown(&before, &ticks));
            if let Some(before) = before {
                add_shares(reading, &cpu, &topology, &before, &grown);
            }
            self.seen.insert(cpu, grown);
        }
        for (cpu, ticks) in &self.seen {
            let (socket, core) = topology.of(cpu);
            for (state, ticks) in STATES.iter().zip(ticks) {
                let seconds = *ticks as f64 / self.ticks_per_s;
                reading.add(&TIME, &[cpu, state, socket, core], seconds);
            }
        }
    }
}

/// The ticks of each CPU that is switched on.
fn per_cpu(text: &str) -> BTreeMap<String, Ticks> {
    let lines = text.lines().filter_map(parse::cpu_ticks).filter(|(name, _)| *name != "cpu");
    lines.map(|(name, ticks)| (name.to_owned(), ticks)).collect()
}

fn grown(before: &Ticks, now: &Ticks) -> Ticks {
    std::array::from_fn(|state| before[state].max(now[state]))
}

fn add_shares(
    reading: &mut Reading<'_>,
    cpu: &str,
    topology: &Topology,
    before: &Ticks,
    now: &Ticks,
) {
    let spent: [u64; CPU_STATES] = std::array::from_fn(|state| now[state] - before[state]);
    let all = spent.iter().fold(0_u64, |all, spent| all.saturating_add(*spent));
    if all == 0 {
        return;
    }
    let (socket, core) = topology.of(cpu);
    for (state, spent) in STATES.iter().zip(spent) {
        reading.add(&UTILIZATION, &[cpu, state, socket, core], spent as f64 / all as f64);
    }
}

/// Where CPUs are: sockets and cores by the name of the CPU.
#[derive(Default)]
struct Topology(BTreeMap<String, (String, String)>);

impl Topology {
    /// Looks, if somebody asks for it.
    fn read<'a>(reading: &Reading<'_>, cpus: impl Iterator<Item = &'a String>) -> Self {
        let keeps = |metric| reading.keeps(metric, SOCKET) || reading.keeps(metric, CORE);
        if reading.wants(&PHYSICAL) || [TIME, UTILIZATION, FREQUENCY].iter().any(keeps) {
            return Self::at(reading.root, cpus);
        }
        Self::default()
    }

    fn at<'a>(root: &Root, cpus: impl Iterator<Item = &'a String>) -> Self {
        // Virtual machines may not tell; then there is nothing to say.
        let id = |cpu: &str, name: &str| {
            let path = format!("sys/devices/system/cpu/{cpu}/topology/{name}");
            Some(root.text(&path).ok()?.trim().to_owned())
        };
        let place = |cpu: &String| {
            let place = (id(cpu, "physical_package_id")?, id(cpu, "core_id")?);
            Some((cpu.clone(), place))
        };
        Self(cpus.filter_map(place).collect())
    }

    /// Socket and core of a CPU; empty if they are not known.
    fn of(&self, cpu: &str) -> (&str, &str) {
        self.0.get(cpu).map_or(("", ""), |(socket, core)| (socket, core))
    }

    /// How many cores there are; as many as CPUs if nothing is known of them.
    fn cores(&self, cpus: usize) -> u64 {
        let cores: BTreeSet<&(String, String)> = self.0.values().collect();
        if cores.is_empty() { cpus as u64 } else { cores.len() as u64 }
    }
}

fn frequencies(reading: &mut Reading<'_>) {
    let Some(text) = reading.text("proc/cpuinfo") else { return };
    let frequencies = hertz(&text);
    let topology = Topology::read(reading, frequencies.keys());
    for (cpu, hertz) in &frequencies {
        let (socket, core) = topology.of(cpu);
        reading.add(&FREQUENCY, &[cpu, socket, core], *hertz);
    }
}

/// The frequencies of `/proc/cpuinfo`, which not every architecture tells.
fn hertz(text: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut cpu = None;
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match (key.trim(), value.trim()) {
            ("processor", number) => cpu = number.parse::<u32>().ok(),
            ("cpu MHz", megahertz) => {
                if let (Some(cpu), Ok(megahertz)) = (cpu, megahertz.parse::<f64>()) {
                    found.insert(format!("cpu{cpu}"), megahertz * 1e6);
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    const STAT: &str = "\
cpu  30 0 10 160 0 0 0 0 0 0
cpu0 10 0 5 80 5 0 0 0 0 0
cpu1 20 0 5 75 0 0 0 0 0 0
";
    const LATER: &str = "cpu  40 0 20 170 0\ncpu0 20 0 5 90 4\n";

    #[test]
    fn time_is_told_by_state_and_on_request_by_cpu() {
        let bench = Bench::new(&[("proc/stat", STAT)]);
        bench.check(
            "cpu: {}",
            &[
                "system.cpu.time{state=idle} 1.55",
                "system.cpu.time{state=interrupt} 0.0",
                "system.cpu.time{state=nice} 0.0",
                "system.cpu.time{state=softirq} 0.0",
                "system.cpu.time{state=steal} 0.0",
                "system.cpu.time{state=system} 0.1",
                "system.cpu.time{state=user} 0.30000000000000004",
                "system.cpu.time{state=wait} 0.05",
            ],
        );
        bench.check(
            "cpu: { metrics: { system.cpu.time: { attributes: [cpu], aggregation_strategy: max } } }",
            &["system.cpu.time{cpu=cpu0} 0.8", "system.cpu.time{cpu=cpu1} 0.75"],
        );
    }

    #[test]
    fn times_only_grow_and_a_missing_cpu_keeps_its_own() {
        let bench = Bench::new(&[("proc/stat", STAT)]);
        let mut scraper = bench.scraper(
            "cpu: { metrics: { system.cpu.time: { attributes: [cpu, state] }, \
             system.cpu.utilization: { enabled: true } } }",
        );
        let before = scraper.look();
        assert!(!before.join("\n").contains("utilization"), "there is nothing to compare with");
        bench.put("proc/stat", LATER);
        let after = scraper.look();
        let has =
            |line: &str| assert!(after.iter().any(|found| found == line), "{line}: {after:?}");
        has("system.cpu.time{cpu=cpu0,state=user} 0.2");
        has("system.cpu.time{cpu=cpu0,state=wait} 0.05");
        has("system.cpu.time{cpu=cpu1,state=user} 0.2");
        has("system.cpu.utilization{state=user} 0.5");
        has("system.cpu.utilization{state=wait} 0.0");
    }

    #[test]
    fn cpus_are_counted_and_placed() {
        let topology = "sys/devices/system/cpu";
        let bench = Bench::new(&[
            ("proc/stat", STAT),
            ("proc/cpuinfo", "processor\t: 1\ncpu MHz\t\t: 2596.138\n\nprocessor: x\ncpu MHz: 1\n"),
            (&format!("{topology}/cpu0/topology/physical_package_id"), "0\n"),
            (&format!("{topology}/cpu0/topology/core_id"), "7\n"),
            (&format!("{topology}/cpu1/topology/physical_package_id"), "0\n"),
            (&format!("{topology}/cpu1/topology/core_id"), "7\n"),
        ]);
        bench.check(
            "cpu: { metrics: { system.cpu.time: { enabled: false }, \
             system.cpu.frequency: { enabled: true, attributes: [cpu, host.cpu.core.id] }, \
             system.cpu.logical.count: { enabled: true }, system.cpu.physical.count: { enabled: true } } }",
            &[
                "system.cpu.logical.count{} 2",
                "system.cpu.physical.count{} 1",
                "system.cpu.frequency{cpu=cpu1,host.cpu.core.id=7} 2596138000.0",
            ],
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let look = Bench::new(&[]).scraper("cpu: {}").fault();
        assert!(look.is_some_and(|fault| fault.contains("proc/stat: No such file")));
        let look = Bench::new(&[("proc/stat", "cpu 1 2\n")]).scraper("cpu: {}").fault();
        assert!(look.is_some_and(|fault| fault.ends_with("proc/stat has another form")));
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(cpu[0-9]?|processor|cpu MHz|:|[0-9]{1,21}| |\n|.){0,60}") {
            let _ = (per_cpu(&text), hertz(&text));
        }
    }
}
