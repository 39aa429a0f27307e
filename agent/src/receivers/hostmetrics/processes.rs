//! The scraper `processes`: how many processes there are, by what they do.
//!
//! What runs and what is blocked comes from `/proc/stat` in one look; the rest is counted one by one
//! meanwhile, so processes that came or went in between are `unknown`.

use std::collections::BTreeMap;

use components::config::Section;

use super::metric::{Metric, on};
use super::reading::{Reading, Scrape, Scraper};
use super::root::Root;
use crate::host::parse::stat_number;

const COUNT: Metric = Metric::sum(
    ("system.processes.count", "{processes}"),
    &[on("status")],
    "Total number of processes in each state.",
);
const CREATED: Metric = Metric::counter(
    ("system.processes.created", "{processes}"),
    &[],
    "Total number of created processes.",
);

pub(super) const SCRAPER: Scraper =
    Scraper { name: "processes", may_hang: false, metrics: &[COUNT, CREATED], build };

struct Processes;

fn build(_: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Processes)
}

impl Scrape for Processes {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        if reading.wants(&COUNT) {
            count(reading);
        }
        let Some(text) = reading.text("proc/stat") else { return };
        match stat_number(&text, "processes") {
            Some(created) => reading.add(&CREATED, &[], created),
            None => reading.malformed("proc/stat"),
        }
    }
}

fn count(reading: &mut Reading<'_>) {
    let Some(pids) = reading.or_fault(pids(reading.root)) else { return };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for pid in &pids {
        // Who ended meanwhile is found missing below.
        let Ok(text) = reading.root.text(&format!("proc/{pid}/stat")) else { continue };
        *counts.entry(status(&text).unwrap_or("unknown")).or_default() += 1;
    }
    let Some(text) = reading.text("proc/stat") else { return };
    for (status, name) in [("running", "procs_running"), ("blocked", "procs_blocked")] {
        counts.insert(status, stat_number(&text, name).unwrap_or(0));
    }
    let known: u64 = counts.values().sum();
    let missing = (pids.len() as u64).saturating_sub(known);
    if missing > 0 {
        counts.insert("unknown", missing);
    }
    for (status, count) in counts {
        reading.add(&COUNT, &[status], count);
    }
}

/// The processes there are.
pub(super) fn pids(root: &Root) -> Result<Vec<u32>, String> {
    let names = root.names("proc")?;
    let mut pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// The Collector's word for the state in `/proc/PID/stat`.
fn status(text: &str) -> Option<&'static str> {
    let (_, rest) = text.rsplit_once(") ")?;
    Some(match rest.bytes().next()? {
        b'R' => "running",
        b'S' => "sleeping",
        b'D' => "blocked",
        b'I' => "idle",
        b'T' | b't' => "stopped",
        b'W' => "paging",
        b'Z' => "zombies",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn processes_are_counted_by_what_they_do() {
        let bench = Bench::new(&[
            ("proc/stat", "cpu 1 2 3 4\nprocesses 133858\nprocs_running 2\nprocs_blocked 0\n"),
            ("proc/1/stat", "1 (init) S 0 1 1\n"),
            ("proc/20/stat", "20 (a) Z (b) S 1 20 20\n"),
            ("proc/30/stat", "30 (dead) Z 1 30 30\n"),
            ("proc/40/stat", "40 (odd) X 1 40 40\n"),
            ("proc/50/stat", "50 (wait) D 1 50 50\n"),
            ("proc/self/stat", "51 (cat) R 1 51 51\n"),
        ]);
        std::fs::create_dir(bench.path("proc/60")).expect("made");
        std::fs::create_dir(bench.path("proc/70")).expect("made");
        std::fs::create_dir(bench.path("proc/80")).expect("made");
        bench.check(
            "processes: ",
            &[
                "system.processes.count{status=blocked} 0",
                "system.processes.count{status=running} 2",
                "system.processes.count{status=sleeping} 2",
                "system.processes.count{status=unknown} 2",
                "system.processes.count{status=zombies} 1",
                "system.processes.created{} 133858",
            ],
        );
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(\\) |\\(|[A-Z]|[0-9]| |.){0,40}") {
            let _ = status(&text);
        }
    }
}
