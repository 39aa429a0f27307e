//! What happens to batches between receiver and exporter.

pub mod batch;
