//! The scraper `paging`: swap and page faults.
//!
//! An operation is one page. The kernel tells swapping (`major`) in pages and the reading and writing of
//! files (`minor`) in KiB, which become pages here.

use components::config::Section;

use super::memory::page_bytes;
use super::metric::{Metric, on};
use super::reading::{Reading, Scrape, Scraper};

const USAGE: Metric = Metric::sum(
    ("system.paging.usage", "By"),
    &[on("device"), on("state")],
    "Swap (unix) or pagefile (windows) usage.",
);
const UTILIZATION: Metric = Metric::gauge(
    ("system.paging.utilization", "1"),
    &[on("device"), on("state")],
    "Swap (unix) or pagefile (windows) utilization.",
)
.opt_in();
const OPERATIONS: Metric = Metric::counter(
    ("system.paging.operations", "{operations}"),
    &[on("direction"), on("type")],
    "The number of paging operations.",
);
const FAULTS: Metric = Metric::counter(
    ("system.paging.faults", "{faults}"),
    &[on("type")],
    "The number of page faults.",
);

pub(super) const SCRAPER: Scraper = Scraper {
    name: "paging",
    may_hang: false,
    metrics: &[USAGE, UTILIZATION, OPERATIONS, FAULTS],
    build,
};

struct Paging {
    pages_per_kib: f64,
}

fn build(_: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Paging { pages_per_kib: 1024.0 / page_bytes() as f64 })
}

impl Scrape for Paging {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        if reading.wants_any(&[&USAGE, &UTILIZATION]) {
            swaps(reading);
        }
        if reading.wants_any(&[&OPERATIONS, &FAULTS]) {
            self.events(reading);
        }
    }
}

fn swaps(reading: &mut Reading<'_>) {
    let Some(text) = reading.text("proc/swaps") else { return };
    // The first line is a heading.
    for (device, size, used) in text.lines().skip(1).filter_map(swap) {
        for (state, bytes) in [("used", used), ("free", size.saturating_sub(used))] {
            reading.add(&USAGE, &[&device, state], bytes);
            if size > 0 {
                reading.add(&UTILIZATION, &[&device, state], bytes as f64 / size as f64);
            }
        }
    }
}

/// `/swap\040file file 1048572 1024 -2`: a device, its size and what is used of it, in bytes.
fn swap(line: &str) -> Option<(String, u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let device = super::mounts::unescaped(words.next()?);
    let mut bytes = words.skip(1).map(|word| word.parse::<u64>().ok()?.checked_mul(1024));
    Some((device, bytes.next()??, bytes.next()??))
}

impl Paging {
    fn events(&self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/vmstat") else { return };
        let count = |name| count(&text, name).unwrap_or(0);
        let pages = |name| (count(name) as f64 * self.pages_per_kib) as u64;
        let operations = [
            ("page_in", "major", count("pswpin")),
            ("page_out", "major", count("pswpout")),
            ("page_in", "minor", pages("pgpgin")),
            ("page_out", "minor", pages("pgpgout")),
        ];
        for (direction, kind, count) in operations {
            reading.add(&OPERATIONS, &[direction, kind], count);
        }
        let major = count("pgmajfault");
        reading.add(&FAULTS, &["major"], major);
        reading.add(&FAULTS, &["minor"], count("pgfault").saturating_sub(major));
    }
}

/// A number of `/proc/vmstat`.
fn count(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    const SWAPS: &str = "\
Filename				Type		Size		Used		Priority
/dev/sda2                               partition	1000		250		-2
/swap\\040file                           file		500		0		-3
";
    const VMSTAT: &str = "\
pgpgin 4096
pgpgout 8192
pswpin 3
pswpout 5
pgfault 100
pgmajfault 4
pgmajfault_s 9
";

    #[test]
    fn swaps_and_events_are_told() {
        let bench = Bench::new(&[("proc/swaps", SWAPS), ("proc/vmstat", VMSTAT)]);
        bench.check(
            "paging: { metrics: { system.paging.operations: { enabled: false }, \
             system.paging.utilization: { enabled: true, attributes: [state] } } }",
            &[
                "system.paging.usage{device=/dev/sda2,state=free} 768000",
                "system.paging.usage{device=/dev/sda2,state=used} 256000",
                "system.paging.usage{device=/swap file,state=free} 512000",
                "system.paging.usage{device=/swap file,state=used} 0",
                "system.paging.utilization{state=free} 0.875",
                "system.paging.utilization{state=used} 0.125",
                "system.paging.faults{type=major} 4",
                "system.paging.faults{type=minor} 96",
            ],
        );
        let pages = |kib: u64| kib * 1024 / page_bytes();
        bench.check(
            "paging: { metrics: { system.paging.usage: { enabled: false }, system.paging.faults: { enabled: false } } }",
            &[
                "system.paging.operations{direction=page_in,type=major} 3",
                &format!("system.paging.operations{{direction=page_in,type=minor}} {}", pages(4096)),
                "system.paging.operations{direction=page_out,type=major} 5",
                &format!("system.paging.operations{{direction=page_out,type=minor}} {}", pages(8192)),
            ],
        );
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(pgfault|pswpin|/dev/sda|\\\\0?4?0?|[0-9]{1,21}| |\n|.){0,60}") {
            let _ = text.lines().filter_map(swap).count();
            let _ = count(&text, "pgfault");
        }
    }
}
