//! The scraper `memory`: what memory is used for.
//!
//! `used` is what is not available (the Collector's default since its gate `UseLinuxMemAvailable`), so it
//! and `free`, `buffered` and `cached` do not add up to the whole.

use components::config::Section;
use nix::unistd::{SysconfVar, sysconf};

use super::metric::{Metric, on};
use super::reading::{Reading, Scrape, Scraper};
use crate::host::parse::meminfo;

const PAGE_STATE: &str = "system.memory.linux.hugepages.state";

const USAGE: Metric =
    Metric::sum(("system.memory.usage", "By"), &[on("state")], "Bytes of memory in use.");
const UTILIZATION: Metric = Metric::gauge(
    ("system.memory.utilization", "1"),
    &[on("state")],
    "Percentage of memory bytes in use.",
)
.opt_in();
const LIMIT: Metric =
    Metric::sum(("system.memory.limit", "By"), &[], "Total bytes of memory available.").opt_in();
const PAGE_SIZE: Metric = Metric::gauge(
    ("system.memory.page_size", "By"),
    &[],
    "A constant value for the system's configured page size.",
)
.opt_in();
const AVAILABLE: Metric = Metric::sum(
    ("system.linux.memory.available", "By"),
    &[],
    "An estimate of how much memory is available for starting new applications, without swapping.",
)
.opt_in();
const DIRTY: Metric = Metric::sum(
    ("system.linux.memory.dirty", "By"),
    &[],
    "The amount of dirty memory according to `/proc/meminfo`.",
)
.opt_in();
const SHARED: Metric =
    Metric::sum(("system.memory.linux.shared", "By"), &[], "Shared memory used (mostly by tmpfs).")
        .opt_in();
const HUGE_LIMIT: Metric = Metric::sum(
    ("system.memory.linux.hugepages.limit", "{page}"),
    &[],
    "Total number of hugepages available.",
)
.opt_in();
const HUGE_SIZE: Metric = Metric::sum(
    ("system.memory.linux.hugepages.page_size", "By"),
    &[],
    "System hugepage size in bytes.",
)
.opt_in();
const HUGE_RESERVED: Metric = Metric::sum(
    ("system.memory.linux.hugepages.reserved", "{page}"),
    &[],
    "Number of reserved hugepages.",
)
.opt_in();
const HUGE_SURPLUS: Metric = Metric::sum(
    ("system.memory.linux.hugepages.surplus", "{page}"),
    &[],
    "Number of surplus hugepages.",
)
.opt_in();
const HUGE_USAGE: Metric = Metric::sum(
    ("system.memory.linux.hugepages.usage", "{page}"),
    &[on(PAGE_STATE)],
    "Number of hugepages in use by state.",
)
.opt_in();
const HUGE_UTILIZATION: Metric = Metric::gauge(
    ("system.memory.linux.hugepages.utilization", "1"),
    &[on(PAGE_STATE)],
    "Percentage of hugepages in use by state.",
)
.opt_in();

pub(super) const SCRAPER: Scraper = Scraper {
    name: "memory",
    may_hang: false,
    metrics: &[
        USAGE,
        UTILIZATION,
        LIMIT,
        PAGE_SIZE,
        AVAILABLE,
        DIRTY,
        SHARED,
        HUGE_LIMIT,
        HUGE_SIZE,
        HUGE_RESERVED,
        HUGE_SURPLUS,
        HUGE_USAGE,
        HUGE_UTILIZATION,
    ],
    build,
};

struct Memory;

fn build(_: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Memory)
}

impl Scrape for Memory {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/meminfo") else { return };
        let Some(states) = states(&text) else { return reading.malformed("proc/meminfo") };
        for (state, bytes, share) in states {
            reading.add(&USAGE, &[state], bytes);
            reading.add(&UTILIZATION, &[state], share);
        }
        add_numbers(reading, &text);
        add_huge_pages(reading, &text);
    }
}

/// Each state with its bytes and its share of the whole.
fn states(text: &str) -> Option<[(&'static str, u64, f64); 6]> {
    let field = |name| meminfo(text, name);
    let optional = |name| field(name).unwrap_or(0);
    let total = field("MemTotal").filter(|total| *total > 0)?;
    let free = field("MemFree")?;
    let (buffered, reclaimable) = (optional("Buffers"), optional("SReclaimable"));
    let cached = optional("Cached").saturating_add(reclaimable);
    // Kernels before 3.14 do not estimate it.
    let available = field("MemAvailable")
        .unwrap_or_else(|| free.saturating_add(buffered).saturating_add(cached));
    let states = [
        ("used", total.saturating_sub(available)),
        ("free", free),
        ("buffered", buffered),
        ("cached", cached),
        ("slab_reclaimable", reclaimable),
        ("slab_unreclaimable", optional("SUnreclaim")),
    ];
    Some(states.map(|(state, bytes)| (state, bytes, bytes as f64 / total as f64)))
}

/// Fields as they stand.
fn add_numbers(reading: &mut Reading<'_>, text: &str) {
    let fields = [
        (&LIMIT, "MemTotal"),
        (&AVAILABLE, "MemAvailable"),
        (&DIRTY, "Dirty"),
        (&SHARED, "Shmem"),
        (&HUGE_LIMIT, "HugePages_Total"),
        (&HUGE_SIZE, "Hugepagesize"),
        (&HUGE_RESERVED, "HugePages_Rsvd"),
        (&HUGE_SURPLUS, "HugePages_Surp"),
    ];
    for (metric, name) in fields {
        if let Some(number) = meminfo(text, name) {
            reading.add(metric, &[], number);
        }
    }
    reading.add(&PAGE_SIZE, &[], page_bytes());
}

fn add_huge_pages(reading: &mut Reading<'_>, text: &str) {
    let pages = meminfo(text, "HugePages_Total").zip(meminfo(text, "HugePages_Free"));
    let Some((total, free)) = pages else { return };
    for (state, pages) in [("used", total.saturating_sub(free)), ("free", free)] {
        reading.add(&HUGE_USAGE, &[state], pages);
        if total > 0 {
            reading.add(&HUGE_UTILIZATION, &[state], pages as f64 / total as f64);
        }
    }
}

/// The size of a page of memory.
pub(super) fn page_bytes() -> u64 {
    let known = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    known.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    const MEMINFO: &str = "\
MemTotal:           1000 kB
MemFree:             100 kB
MemAvailable:        600 kB
Buffers:              50 kB
Cached:              300 kB
Dirty:                 7 kB
Shmem:                 9 kB
SReclaimable:         40 kB
SUnreclaim:           10 kB
HugePages_Total:       4
HugePages_Free:        3
HugePages_Rsvd:        1
HugePages_Surp:        0
Hugepagesize:       2048 kB
";

    #[test]
    fn states_are_told_in_bytes() {
        Bench::new(&[("proc/meminfo", MEMINFO)]).check(
            "memory: {}",
            &[
                "system.memory.usage{state=buffered} 51200",
                "system.memory.usage{state=cached} 348160",
                "system.memory.usage{state=free} 102400",
                "system.memory.usage{state=slab_reclaimable} 40960",
                "system.memory.usage{state=slab_unreclaimable} 10240",
                "system.memory.usage{state=used} 409600",
            ],
        );
    }

    #[test]
    fn the_rest_is_told_on_request() {
        let names = SCRAPER.metrics.iter().map(|metric| metric.name);
        let wanted = names.filter(|name| *name != "system.memory.page_size");
        let wanted: Vec<String> = wanted
            .map(|name| format!("{name}: {{ enabled: {} }}", name != "system.memory.usage"))
            .collect();
        Bench::new(&[("proc/meminfo", MEMINFO)]).check(
            &format!("memory: {{ metrics: {{ {} }} }}", wanted.join(", ")),
            &[
                "system.memory.utilization{state=buffered} 0.05",
                "system.memory.utilization{state=cached} 0.34",
                "system.memory.utilization{state=free} 0.1",
                "system.memory.utilization{state=slab_reclaimable} 0.04",
                "system.memory.utilization{state=slab_unreclaimable} 0.01",
                "system.memory.utilization{state=used} 0.4",
                "system.memory.limit{} 1024000",
                "system.linux.memory.available{} 614400",
                "system.linux.memory.dirty{} 7168",
                "system.memory.linux.shared{} 9216",
                "system.memory.linux.hugepages.limit{} 4",
                "system.memory.linux.hugepages.page_size{} 2097152",
                "system.memory.linux.hugepages.reserved{} 1",
                "system.memory.linux.hugepages.surplus{} 0",
                "system.memory.linux.hugepages.usage{system.memory.linux.hugepages.state=free} 3",
                "system.memory.linux.hugepages.usage{system.memory.linux.hugepages.state=used} 1",
                "system.memory.linux.hugepages.utilization{system.memory.linux.hugepages.state=free} 0.75",
                "system.memory.linux.hugepages.utilization{system.memory.linux.hugepages.state=used} 0.25",
            ],
        );
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(MemTotal:|MemFree:|[0-9]{1,21}| kB|\n|.){0,40}") {
            let _ = states(&text);
        }
    }
}
