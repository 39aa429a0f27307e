//! The process's own log lines: `service.telemetry.logs` to standard error.
//!
//! Lines for people or one JSON object each. Colours only on a terminal and without `NO_COLOR`.
//! The subscriber is process-wide and set once; a reload does not change it.

use std::fmt;
use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;

use crate::config::telemetry::{LogEncoding, LogLevel, Logs};

/// The process already has a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadySet;

impl fmt::Display for AlreadySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process already has a log subscriber")
    }
}

impl std::error::Error for AlreadySet {}

/// Installs the subscriber, once per process.
pub fn init(logs: Logs) -> Result<(), AlreadySet> {
    let colours = colours(std::env::var_os("NO_COLOR").is_some(), std::io::stderr().is_terminal());
    let builder = tracing_subscriber::fmt()
        .with_max_level(filter(logs.level))
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let installed = match logs.encoding {
        LogEncoding::Console => builder.try_init(),
        LogEncoding::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|_| AlreadySet)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

fn colours(no_color: bool, terminal: bool) -> bool {
    terminal && !no_color
}
