//! `timeout`, `retry_on_failure` and `sending_queue`, with the Collector's defaults but one:
//! `wait_for_result` is true (contract: deliberate difference 1).

use std::time::Duration;

use pipeline::{QueueSettings, QueueSizer, RetrySettings};

use super::batch::{Batch, Sizer};
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
        let queue = queue(exporter, &section, default_timeout);
        let sizer = batch_sizer(queue.sizer);
        let batch = section.field("batch");
        let batch = batch.map(|field| Batch::read_queue(&field.section(), sizer));
        let batch = batch.filter(|_| queue.enabled);
        check_batch(&queue, batch.as_ref(), &section);
        Self { batch, queue }
    }
}

/// What batches are counted in that do not say so themselves.
fn batch_sizer(queue: QueueSizer) -> Sizer {
    match queue {
        QueueSizer::Requests | QueueSizer::Items => Sizer::Items,
        QueueSizer::Bytes => Sizer::Bytes,
    }
}

/// Counted alike, a batch must fit into the queue.
fn check_batch(queue: &QueueSettings, batch: Option<&Batch>, section: &Section<'_>) {
    let Some(batch) = batch else { return };
    let is_alike = queue.sizer != QueueSizer::Requests && batch_sizer(queue.sizer) == batch.sizer;
    let size = queue.queue_size as u64;
    if is_alike && batch.min_size > size {
        let message = format!("{size}, expected at least batch.min_size, {}", batch.min_size);
        section.error("queue_size", Code::OutOfRange, message);
    }
}

fn queue(
    exporter: &Section<'_>,
    section: &Section<'_>,
    default_timeout: Duration,
) -> QueueSettings {
    let retry = retry(&exporter.sub("retry_on_failure"));
    section.not_built_yet(&["storage"]);
    let sizers = [
        ("requests", QueueSizer::Requests),
        ("items", QueueSizer::Items),
        ("bytes", QueueSizer::Bytes),
    ];
    let consumers = section.u64_in("num_consumers", 10, 1..=10_000);
    let queue_size = section.u64_in("queue_size", 1000, 1..=1_000_000_000);
    let timeout = exporter.duration("timeout", default_timeout);
    QueueSettings {
        enabled: section.bool("enabled", true),
        sizer: section.one_of("sizer", QueueSizer::Requests, &sizers),
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
