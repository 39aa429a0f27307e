//! Where data enters.

pub mod otlp;
