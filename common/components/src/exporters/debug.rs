//! The exporter `debug`: what passes by, for people.
//!
//! `basic` is a line of counts per batch, `normal` each request as a line of OTLP/JSON, `detailed`
//! the same indented. Sampling is the Collector's: the first `sampling_initial` batches of a second,
//! then every so manieth. Everything is accepted; a record that cannot be shown is refused.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pipeline::{Batch, Exporter, Outcome, QueueSettings, RefusalKind, SendFuture};

use crate::component::{BuildError, Context, Queued};
use crate::config::ComponentConfig;
use crate::config::debug::{Debug, Verbosity};

/// Builds the exporter.
pub(crate) fn build(config: &ComponentConfig, _: &Context) -> Result<Queued, BuildError> {
    let settings = config.read(Debug::read);
    let exporter = Printer { id: config.id.to_string(), settings, window: Mutex::default() };
    let settings = QueueSettings { enabled: false, ..QueueSettings::default() };
    Ok(Queued { exporter: Arc::new(exporter), settings, batch: None })
}

struct Printer {
    id: String,
    settings: Debug,
    window: Mutex<Window>,
}

/// The running second and the batches seen in it.
#[derive(Default)]
struct Window {
    begun: Option<Instant>,
    seen: u64,
}

impl Exporter for Printer {
    fn send<'a>(&'a self, batch: &'a Batch, _: Duration) -> SendFuture<'a> {
        Box::pin(async move { self.print(batch) })
    }
}

impl Printer {
    fn print(&self, batch: &Batch) -> Outcome {
        let Ok(lines) = self.lines(batch) else {
            return Outcome::refused(RefusalKind::Malformed, "a record cannot be shown");
        };
        if self.is_shown(Instant::now()) {
            lines.iter().for_each(|line| self.write(line));
        }
        Outcome::ACCEPTED
    }

    fn lines(&self, batch: &Batch) -> Result<Vec<String>, otlp::Malformed> {
        let (signal, requests) = (batch.signal, batch.parts.len());
        let counts = format!(
            "{signal}: {} {}, {requests} requests, {} bytes",
            batch.records(),
            signal.records_noun().replace('_', " "),
            batch.body_bytes(),
        );
        let mut lines = vec![counts];
        for body in batch.bodies() {
            match self.settings.verbosity {
                Verbosity::Basic => {}
                Verbosity::Normal => lines.push(json(signal, body)?),
                Verbosity::Detailed => lines.push(indent(&json(signal, body)?)),
            }
        }
        Ok(lines)
    }

    fn write(&self, line: &str) {
        if self.settings.use_internal_logger {
            tracing::info!("{}: {line}", self.id);
        } else {
            // Whoever reads our output may be gone; the data is accepted all the same.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    fn is_shown(&self, now: Instant) -> bool {
        let mut window = self.window.lock().expect("plain assignments cannot panic");
        if window.begun.is_none_or(|begun| now - begun >= Duration::from_secs(1)) {
            *window = Window { begun: Some(now), seen: 0 };
        }
        window.seen += 1;
        let beyond = window.seen.saturating_sub(self.settings.sampling_initial);
        beyond == 0
            || (self.settings.sampling_thereafter > 0
                && beyond.is_multiple_of(self.settings.sampling_thereafter))
    }
}

fn json(signal: pipeline::Signal, body: &[u8]) -> Result<String, otlp::Malformed> {
    let mut out = Vec::new();
    otlp::json::write_request(signal, body, &mut out)?;
    Ok(String::from_utf8(out).expect("the JSON writer writes UTF-8"))
}

fn indent(line: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(line);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_begins_anew_each_second() {
        let settings = Debug {
            verbosity: Verbosity::Basic,
            sampling_initial: 2,
            sampling_thereafter: 3,
            use_internal_logger: true,
        };
        let printer = Printer { id: "debug".into(), settings, window: Mutex::default() };
        let start = Instant::now();
        let shown: Vec<bool> = (0..8).map(|_| printer.is_shown(start)).collect();
        assert_eq!(shown, [true, true, false, false, true, false, false, true]);
        assert!(printer.is_shown(start + Duration::from_secs(1)));
    }
}
