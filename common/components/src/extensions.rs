//! What serves the process rather than the data.

pub mod health_check;
pub(crate) mod self_metrics;
pub(crate) mod serve;
