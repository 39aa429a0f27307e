//! The scraper `load`: tasks that run or want to, averaged.

use components::config::Section;

use super::metric::Metric;
use super::reading::{Reading, Scrape, Scraper};
use crate::host::parse;

const MINUTE_1: Metric = Metric::gauge(
    ("system.cpu.load_average.1m", "{thread}"),
    &[],
    "Average CPU Load over 1 minute.",
);
const MINUTES_5: Metric = Metric::gauge(
    ("system.cpu.load_average.5m", "{thread}"),
    &[],
    "Average CPU Load over 5 minutes.",
);
const MINUTES_15: Metric = Metric::gauge(
    ("system.cpu.load_average.15m", "{thread}"),
    &[],
    "Average CPU Load over 15 minutes.",
);

pub(super) const SCRAPER: Scraper =
    Scraper { name: "load", may_hang: false, metrics: &[MINUTE_1, MINUTES_5, MINUTES_15], build };

struct Load {
    /// Whether the load is divided by the number of CPUs.
    per_cpu: bool,
}

fn build(section: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Load { per_cpu: section.bool("cpu_average", false) })
}

impl Scrape for Load {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/loadavg") else { return };
        let Some(loads) = parse::loads(&text) else { return reading.malformed("proc/loadavg") };
        let Some(share) = self.share(reading) else { return };
        for (metric, load) in [MINUTE_1, MINUTES_5, MINUTES_15].iter().zip(loads) {
            reading.add(metric, &[], load / share);
        }
    }
}

impl Load {
    /// What the load is divided by.
    fn share(&self, reading: &mut Reading<'_>) -> Option<f64> {
        if !self.per_cpu {
            return Some(1.0);
        }
        let text = reading.text("proc/stat")?;
        let cpus = text.lines().filter_map(parse::cpu_ticks).filter(|(name, _)| *name != "cpu");
        Some((cpus.count() as f64).max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    #[test]
    fn loads_are_told_whole_or_per_cpu() {
        let bench = Bench::new(&[
            ("proc/loadavg", "5.35 5.78 3.82 2/112 13849\n"),
            ("proc/stat", "cpu  2 2 2 2\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n"),
        ]);
        bench.check(
            "load: {}",
            &[
                "system.cpu.load_average.1m{} 5.35",
                "system.cpu.load_average.5m{} 5.78",
                "system.cpu.load_average.15m{} 3.82",
            ],
        );
        bench.check(
            "load: { cpu_average: true, metrics: { system.cpu.load_average.5m: { enabled: false } } }",
            &["system.cpu.load_average.1m{} 2.675", "system.cpu.load_average.15m{} 1.91"],
        );
    }
}
