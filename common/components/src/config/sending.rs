//! `retry_on_failure` and `sending_queue`, with the Collector's defaults but one:
//! `wait_for_result` is true (contract: deliberate difference 1).

use std::time::Duration;

use super::error::Code;
use super::section::Section;

/// `retry_on_failure`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Whether a failed attempt is repeated at all.
    pub enabled: bool,
    /// Pause after the first failure.
    pub initial_interval: Duration,
    /// Part of the pause that is random, 0 to 1.
    pub randomization_factor: f64,
    /// Growth of the pause per failure, at least 1.
    pub multiplier: f64,
    /// Longest pause.
    pub max_interval: Duration,
    /// When to give up; zero is never. Governs only `wait_for_result: false`.
    pub max_elapsed_time: Duration,
}

/// `sending_queue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Most requests that wait.
    pub queue_size: u64,
    /// Most attempts at a time.
    pub num_consumers: u32,
    /// Whether a full queue makes the sender wait instead of refusing.
    pub block_on_overflow: bool,
    /// Whether the sender's answer waits for delivery.
    pub wait_for_result: bool,
}

impl Retry {
    /// Reads `retry_on_failure` of an exporter.
    pub fn read(exporter: &Section<'_>) -> Self {
        let section = exporter.sub("retry_on_failure");
        let retry = Self {
            enabled: section.bool("enabled", true),
            initial_interval: section.duration("initial_interval", Duration::from_secs(5)),
            randomization_factor: section.f64_in("randomization_factor", 0.5, 0.0..=1.0),
            multiplier: section.f64_in("multiplier", 1.5, 1.0..=1000.0),
            max_interval: section.duration("max_interval", Duration::from_secs(30)),
            max_elapsed_time: section.duration("max_elapsed_time", Duration::from_secs(300)),
        };
        retry.check(&section);
        retry
    }

    fn check(&self, section: &Section<'_>) {
        let limit = self.max_elapsed_time;
        if !self.enabled || limit.is_zero() {
            return;
        }
        for (key, interval) in
            [("initial_interval", self.initial_interval), ("max_interval", self.max_interval)]
        {
            if interval > limit {
                let message = format!("{interval:?}, expected at most max_elapsed_time, {limit:?}");
                section.error(key, Code::OutOfRange, message);
            }
        }
    }
}

impl Queue {
    /// Reads `sending_queue` of an exporter; `None` if it is switched off.
    pub fn read(exporter: &Section<'_>) -> Option<Self> {
        let section = exporter.sub("sending_queue");
        section.not_built_yet(&["storage", "batch"]);
        section.one_built_of("sizer", (), &[("requests", ())], &["items", "bytes"]);
        let enabled = section.bool("enabled", true);
        let consumers = section.u64_in("num_consumers", 10, 1..=10_000);
        let queue = Self {
            queue_size: section.u64_in("queue_size", 1000, 1..=1_000_000_000),
            num_consumers: u32::try_from(consumers).unwrap_or(u32::MAX),
            block_on_overflow: section.bool("block_on_overflow", false),
            wait_for_result: section.bool("wait_for_result", true),
        };
        enabled.then_some(queue)
    }
}
