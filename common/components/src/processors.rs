//! What happens to batches between receiver and exporter.

pub mod batch;
pub mod memory_limiter;
