//! `timeout`, `retry_on_failure` and `sending_queue`, with the Collector's defaults but one:
//! `wait_for_result` is true (contract: deliberate difference 1).

use std::time::Duration;

use pipeline::{QueueSettings, RetrySettings};

use super::batch::Batch;
use super::error::Code;
use super::section::Section;

/// Longest attempt where `timeout` is zero, which the Collector takes as unbounded.
const UNBOUNDED: Duration = Duration::from_secs(24 * 3600);

/// What stands between a pipeline and an exporter's attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// The queue, and the attempts behind it.
    pub queue: QueueSettings,
    /// How requests become batches before they are queued.
    pub batch: Option<Batch>,
}

impl Sending {
    /// Reads the keys of an exporter.
    pub fn read(exporter: &Section<'_>, default_timeout: Duration) -> Self {
        let section = exporter.sub("sending_queue");
        let batch = section.field("batch").map(|field| Batch::read_queue(&field.section()));
        let queue = queue(exporter, &section, default_timeout);
        Self { batch: batch.filter(|_| queue.enabled), queue }
    }
}

fn queue(
    exporter: &Section<'_>,
    section: &Section<'_>,
    default_timeout: Duration,
) -> QueueSettings {
    let retry = retry(&exporter.sub("retry_on_failure"));
    section.not_built_yet(&["storage"]);
    section.one_built_of("sizer", (), &[("requests", ())], &["items", "bytes"]);
    let consumers = section.u64_in("num_consumers", 10, 1..=10_000);
    let queue_size = section.u64_in("queue_size", 1000, 1..=1_000_000_000);
    let timeout = exporter.duration("timeout", default_timeout);
    QueueSettings {
        enabled: section.bool("enabled", true),
        queue_size: usize::try_from(queue_size).unwrap_or(usize::MAX),
        num_consumers: usize::try_from(consumers).unwrap_or(usize::MAX),
        block_on_overflow: section.bool("block_on_overflow", false),
        wait_for_result: section.bool("wait_for_result", true),
        timeout: if timeout.is_zero() { UNBOUNDED } else { timeout },
        retry,
    }
}

fn retry(section: &Section<'_>) -> RetrySettings {
    let retry = RetrySettings {
        enabled: section.bool("enabled", true),
        initial_interval: section.duration("initial_interval", Duration::from_secs(5)),
        randomization_factor: section.f64_in("randomization_factor", 0.5, 0.0..=1.0),
        multiplier: section.f64_in("multiplier", 1.5, 1.0..=1000.0),
        max_interval: section.duration("max_interval", Duration::from_secs(30)),
        max_elapsed_time: section.duration("max_elapsed_time", Duration::from_secs(300)),
    };
    check(&retry, section);
    retry
}

fn check(retry: &RetrySettings, section: &Section<'_>) {
    let limit = retry.max_elapsed_time;
    if !retry.enabled || limit.is_zero() {
        return;
    }
    for (key, interval) in
        [("initial_interval", retry.initial_interval), ("max_interval", retry.max_interval)]
    {
        if interval > limit {
            let message = format!("{interval:?}, expected at most max_elapsed_time, {limit:?}");
            section.error(key, Code::OutOfRange, message);
        }
    }
}
