//! Skeleton.

pub mod kernel;
