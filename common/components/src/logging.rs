//! The process's own log lines: `service.telemetry.logs` to standard error.
//!
//! Lines for people or one JSON object each. Colours only on a terminal and without `NO_COLOR`.
//! The level is for our own crates; the libraries below are kept at `info`, because what they say
//! at `debug` is per packet. The subscriber is process-wide and set once; a reload does not change
//! it.

use std::fmt;
use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::telemetry::{LogEncoding, LogLevel, Logs};

/// What the names of all our crates begin with.
const OUR_CRATES: &str = "medulla";

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
    let colours = colours(
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        std::io::stderr().is_terminal(),
    );
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match logs.encoding {
        LogEncoding::Console => lines.boxed(),
        LogEncoding::Json => lines.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter(logs.level)));
    registry.try_init().map_err(|_| AlreadySet)
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    Targets::new().with_default(level.min(LevelFilter::INFO)).with_target(OUR_CRATES, level)
}

// NO_COLOR (no-color.org) counts when it is set and not empty.
fn colours(no_color: bool, terminal: bool) -> bool {
    terminal && !no_color
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_stay_at_info() {
        let check = |level, target: &str, line, expect: bool| {
            assert_eq!(
                filter(level).would_enable(target, &line),
                expect,
                "{level:?} {target} {line}"
            );
        };
        check(LogLevel::Debug, "medulla_pipeline::queue", Level::DEBUG, true);
        check(LogLevel::Debug, "h2::codec", Level::DEBUG, false);
        check(LogLevel::Debug, "h2::codec", Level::INFO, true);
        check(LogLevel::Warn, "h2::codec", Level::INFO, false);
        check(LogLevel::Warn, "medulla_agent", Level::INFO, false);
        check(LogLevel::Error, "medulla_agent", Level::ERROR, true);
    }

    #[test]
    fn colours_need_a_terminal_and_consent() {
        assert!(colours(false, true));
        assert!(!colours(true, true) && !colours(false, false));
    }
}
