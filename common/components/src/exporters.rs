//! Where data leaves.

pub mod debug;
pub mod file;
pub mod otlp;
