//! What happens to batches between receiver and exporter.

pub(crate) mod attributes;
pub mod batch;
pub(crate) mod filter;
pub mod memory_limiter;
pub(crate) mod probabilistic_sampler;
pub(crate) mod resource;
pub(crate) mod rewrite;
mod texts;
pub(crate) mod transform;
