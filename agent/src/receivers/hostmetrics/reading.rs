//! One look of a scraper at the host: what it reads from, writes to, and reports failures to.

use std::io;

use super::super::attribute::Value;
use super::metric::{Choice, Metric};
use super::points::{Number, Origin, Points};
use super::root::Root;

/// Reads one part of the host.
pub(super) trait Scrape: Send {
    /// Looks, and adds what it sees.
    fn scrape(&mut self, reading: &mut Reading<'_>);
}

/// A kind of scraper.
pub(super) struct Scraper {
    /// Its key under `scrapers`.
    pub(super) name: &'static str,
    /// Whether what it reads can hang: servers of file systems, the memory of stuck processes.
    pub(super) may_hang: bool,
    /// What it can make.
    pub(super) metrics: &'static [Metric],
    /// Reads the keys of its own and builds it.
    pub(super) build: fn(&components::config::Section<'_>) -> Box<dyn Scrape>,
}

/// When a look is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When the host started.
    pub(super) boot_ns: u64,
    /// Now.
    pub(super) now_ns: u64,
}

/// Takes the points of one resource.
pub(super) type Taker<'a> = dyn FnMut(&Points<'_>, &Origin<'_>) + 'a;

/// What a scraper is given.
pub(super) struct Reading<'a> {
    pub(super) root: &'a Root,
    pub(super) times: Times,
    scope: String,
    points: Points<'a>,
    take: &'a mut Taker<'a>,
    faults: Faults,
}

/// What a scraper could not read.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// How many there were.
    pub(super) count: u64,
    /// The first of them.
    pub(super) first: Option<String>,
}

impl<'a> Reading<'a> {
    /// Before a look of `scraper`.
    pub(super) fn new(
        scraper: &Scraper,
        choices: &'a [Choice],
        root: &'a Root,
        times: Times,
        take: &'a mut Taker<'a>,
    ) -> Self {
        let scope = scope(scraper.name);
        let points = Points::new(scraper.metrics, choices);
        Self { root, times, scope, points, take, faults: Faults::default() }
    }

    /// A file as text; if it cannot be read, that is a fault.
    pub(super) fn text(&mut self, path: &str) -> Option<String> {
        self.or_fault(self.root.text(path))
    }

    /// What was read, else the fault is noted.
    pub(super) fn or_fault<T>(&mut self, read: Result<T, String>) -> Option<T> {
        read.map_err(|fault| self.fault(fault)).ok()
    }

    /// A file of a process as text; see [`of_process`](Self::of_process).
    pub(super) fn text_of_process(&mut self, path: &str, muted: bool) -> Option<String> {
        let text = self.root.try_text(path);
        self.of_process(path, text, muted)
    }

    /// What was read of a process, else a fault is noted, unless it has ended or that is `muted`.
    pub(super) fn of_process<T>(
        &mut self,
        path: &str,
        read: io::Result<T>,
        muted: bool,
    ) -> Option<T> {
        let no_such_process = Some(nix::errno::Errno::ESRCH as i32);
        match read {
            Ok(value) => return Some(value),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == no_such_process || muted => {}
            Err(error) => self.fault(self.root.cannot_read(path, &error)),
        }
        None
    }

    /// Notes that something could not be read.
    pub(super) fn fault(&mut self, fault: String) {
        self.faults.count += 1;
        self.faults.first.get_or_insert(fault);
    }

    /// Notes that a file has another form than expected.
    pub(super) fn malformed(&mut self, path: &str) {
        self.fault(format!("{} has another form", self.root.at(path).display()));
    }

    /// Whether a metric is made.
    pub(super) fn wants(&self, metric: &Metric) -> bool {
        self.points.wants(metric)
    }

    /// Whether any of these metrics is made.
    pub(super) fn wants_any(&self, metrics: &[&Metric]) -> bool {
        metrics.iter().any(|metric| self.points.wants(metric))
    }

    /// Whether a metric is made and keeps an attribute.
    pub(super) fn keeps(&self, metric: &Metric, key: &str) -> bool {
        self.points.keeps(metric, key)
    }

    /// Adds a point with a value for each attribute of the metric.
    pub(super) fn add(&mut self, metric: &Metric, attributes: &[&str], value: impl Into<Number>) {
        self.points.add(metric, attributes, value.into());
    }

    /// Gives out what was added since, as a resource of its own whose sums began at `start_ns`.
    pub(super) fn emit(&mut self, resource: &[(&'static str, Value<'_>)], start_ns: u64) {
        if self.points.count() > 0 {
            let now_ns = self.times.now_ns;
            let origin = Origin { scope: &self.scope, resource, start_ns, now_ns };
            (self.take)(&self.points, &origin);
            self.points.clear();
        }
    }

    /// After the look: gives out the rest, and says what failed.
    pub(super) fn finish(mut self) -> Faults {
        self.emit(&[], self.times.boot_ns);
        self.faults
    }
}

/// The Collector's name of the instrumentation scope.
fn scope(scraper: &str) -> String {
    const RECEIVER: &str =
        "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver";
    format!("{RECEIVER}/internal/scraper/{scraper}scraper")
}
