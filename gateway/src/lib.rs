//! The gateway: what the binary is assembled from.
#![forbid(unsafe_code)]

pub mod exporters;
pub mod query;
pub mod store;
