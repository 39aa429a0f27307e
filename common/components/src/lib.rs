//! Receivers, processors, connectors and exporters that both binaries use, and their configuration.

#![forbid(unsafe_code)]

pub mod config;
pub mod logging;
