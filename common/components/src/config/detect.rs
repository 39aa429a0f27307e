//! The connector `detect`: which metrics are watched, how, and how long an alarm lasts.

use std::time::Duration;

use detect::{Config, Method};

use super::error::Code;
use super::section::{Field, Section};
use super::value::Node;

/// The largest window of the Z-score.
const WINDOW_MAX: u64 = 480;
const DAY: Duration = Duration::from_secs(86_400);

/// Settings of the connector `detect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// Names of the metrics to watch; empty means all. A name may end in `*`.
    pub metrics: Vec<String>,
    /// How each series is judged.
    pub detector: Config,
}

impl Detect {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let seconds = |key, default_s, max| {
            let default = Duration::from_secs(default_s);
            section.duration_in(key, default, Duration::ZERO..=max).as_secs_f64()
        };
        Self {
            metrics: section.strings("metrics"),
            detector: Config {
                method: section.field("detector").map(|field| method(&field)).unwrap_or_default(),
                clear_after_s: seconds("clear_after", 10, DAY),
                accept_after_s: seconds("accept_after", 900, DAY * 30),
                ..Config::default()
            },
        }
    }

    /// Whether a metric of this name is watched.
    pub fn watches(&self, name: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        self.metrics.is_empty() || self.metrics.iter().any(matches)
    }
}

/// `auto`, `ewma: {alpha, threshold}` or `zscore: {window, threshold}`.
fn method(field: &Field<'_>) -> Method {
    if !matches!(field.value().node, Node::Map(_)) {
        let names =
            [("auto", Method::Auto), ("ewma", ewma_of(0.05, 4.0)), ("zscore", zscore_of(60, 4.0))];
        return field.one_of(&names).unwrap_or_default();
    }
    let section = field.section();
    let ewma = section.field("ewma").map(|field| ewma(&field.section()));
    let zscore = section.field("zscore").map(|field| zscore(&field.section()));
    match (ewma, zscore) {
        (Some(method), None) | (None, Some(method)) => method,
        _ => {
            field.error(Code::BadValue, "expected auto, or one of ewma, zscore with its keys");
            Method::Auto
        }
    }
}

fn ewma(section: &Section<'_>) -> Method {
    ewma_of(section.f64_in("alpha", 0.05, 1e-6..=1.0), section.f64_in("threshold", 4.0, 0.1..=1e6))
}

fn zscore(section: &Section<'_>) -> Method {
    let window = section.u64_in("window", 60, 3..=WINDOW_MAX);
    zscore_of(window as usize, section.f64_in("threshold", 4.0, 0.1..=1e6))
}

fn ewma_of(alpha: f64, threshold: f64) -> Method {
    Method::Ewma { alpha, threshold }
}

fn zscore_of(window: usize, threshold: f64) -> Method {
    Method::Zscore { window, threshold }
}
