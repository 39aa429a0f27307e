//! The processor `batch` and the section `sending_queue.batch`, with the Collector's keys and defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::Code;
use super::section::Section;

/// What the size of a batch is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizer {
    /// Spans, metric points, log records or profiles.
    Items,
    /// Bytes of the request, uncompressed.
    Bytes,
}

/// Settings of the processor `batch`, and of `sending_queue.batch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Longest wait for more records; zero waits for none.
    pub timeout: Duration,
    /// What sizes are counted in.
    pub sizer: Sizer,
    /// Size that makes a batch leave at once; zero waits for none.
    pub min_size: u64,
    /// Largest batch, beyond which requests are cut; zero is without bound.
    pub max_size: u64,
    /// Request headers that keep batches apart, lower case.
    pub metadata_keys: Vec<String>,
    /// Most batches that are kept apart; zero is without bound.
    pub metadata_cardinality_limit: u64,
}

impl Batch {
    /// Reads the section of the processor.
    pub fn read(section: &Section<'_>) -> Self {
        let timeout = section.duration("timeout", Duration::from_millis(200));
        let (min_size, max_size) = sizes(section, "send_batch_size", "send_batch_max_size");
        Self {
            timeout,
            sizer: Sizer::Items,
            min_size,
            max_size,
            metadata_keys: metadata_keys(section),
            metadata_cardinality_limit: section.u64_in("metadata_cardinality_limit", 1000, SIZES),
        }
    }

    /// Reads the section `batch` of an exporter's `sending_queue`, counted in `sizer` unless it says otherwise.
    /// Without it requests are sent as they come.
    pub fn read_queue(section: &Section<'_>, sizer: Sizer) -> Self {
        let timeout = section.duration("flush_timeout", Duration::from_millis(200));
        if timeout.is_zero() {
            section.error("flush_timeout", Code::OutOfRange, "0s, expected more than zero");
        }
        let sizers = [("items", Sizer::Items), ("bytes", Sizer::Bytes)];
        let (min_size, max_size) = sizes(section, "min_size", "max_size");
        Self {
            timeout,
            sizer: section.one_of("sizer", sizer, &sizers),
            min_size,
            max_size,
            metadata_keys: metadata_keys(&section.sub("partition")),
            metadata_cardinality_limit: QUEUE_PARTITIONS,
        }
    }
}

const SIZES: RangeInclusive<u64> = 0..=u32::MAX as u64;
/// Most batches that an exporter's queue keeps apart at a time.
const QUEUE_PARTITIONS: u64 = 1000;

/// The size that makes a batch leave, and the largest.
fn sizes(section: &Section<'_>, min: &'static str, max: &'static str) -> (u64, u64) {
    let min_size = section.u64_in(min, 8192, SIZES);
    let max_size = section.u64_in(max, 0, SIZES);
    if max_size > 0 && max_size < min_size {
        let message = format!("{max_size}, expected 0 or at least {min}, {min_size}");
        section.error(max, Code::OutOfRange, message);
    }
    (min_size, max_size)
}

fn metadata_keys(section: &Section<'_>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for field in section.list("metadata_keys") {
        let Some(key) = field.string().map(|key| key.to_ascii_lowercase()) else {
            continue;
        };
        if keys.contains(&key) {
            field.error(Code::BadValue, format!("{key} more than once, expected once"));
        } else {
            keys.push(key);
        }
    }
    keys
}
