//! The processor `batch`, with the Collector's keys and defaults.

use std::time::Duration;

use super::error::Code;
use super::section::Section;

/// Settings of the processor `batch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Longest wait for more records.
    pub timeout: Duration,
    /// Records that make a batch leave at once; zero leaves it to `timeout`.
    pub send_batch_size: u64,
    /// Request headers that keep batches apart, lower case.
    pub metadata_keys: Vec<String>,
    /// Most batches that are kept apart; zero is without bound.
    pub metadata_cardinality_limit: u64,
}

impl Batch {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let records = 0..=u64::from(u32::MAX);
        let timeout = section.duration("timeout", Duration::from_millis(200));
        let send_batch_size = section.u64_in("send_batch_size", 8192, records.clone());
        max_size(section);
        Self {
            timeout,
            send_batch_size,
            metadata_keys: metadata_keys(section),
            metadata_cardinality_limit: section.u64_in("metadata_cardinality_limit", 1000, records),
        }
    }
}

// Splitting a request comes later; zero, which is the default, leaves requests whole.
fn max_size(section: &Section<'_>) {
    if section.u64_in("send_batch_max_size", 0, 0..=u64::from(u32::MAX)) != 0 {
        let message = "not built in yet, expected 0: requests are not split";
        section.error("send_batch_max_size", Code::NotBuiltIn, message);
    }
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
