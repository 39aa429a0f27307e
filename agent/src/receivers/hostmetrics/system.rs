//! The scraper `system`: how long the host has been running.

use components::config::Section;

use super::metric::Metric;
use super::reading::{Reading, Scrape, Scraper};

const UPTIME: Metric =
    Metric::gauge(("system.uptime", "s"), &[], "The time the system has been running.");

pub(super) const SCRAPER: Scraper =
    Scraper { name: "system", may_hang: false, metrics: &[UPTIME], build };

struct System;

fn build(_: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(System)
}

impl Scrape for System {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/uptime") else { return };
        match uptime_s(&text) {
            Some(uptime_s) => reading.add(&UPTIME, &[], uptime_s),
            None => reading.malformed("proc/uptime"),
        }
    }
}

/// `37795.63 49504.03`
fn uptime_s(text: &str) -> Option<f64> {
    let first = text.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    (first.is_finite() && first >= 0.0).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::uptime_s;

    #[test]
    fn uptime_is_told() {
        let bench = Bench::new(&[("proc/uptime", "37795.63 49504.03\n")]);
        bench.check("system: ", &["system.uptime{} 37795.63"]);
        assert_eq!((uptime_s(""), uptime_s("-1"), uptime_s("inf 1")), (None, None, None));
    }
}
