//! What happens to batches between receiver and exporter.

pub mod batch;
pub mod filter;
pub mod memory_limiter;
mod texts;
pub mod transform;
