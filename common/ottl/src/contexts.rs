//! The contexts of OTLP: resource, scope, span, spanevent, metric, datapoint, exemplar and log.
//!
//! One type serves all of them, so that the language is compiled once and one walk over a request can run
//! texts of several levels. A record is the slices of the message and of those around it, as
//! [`otlp::edit::At`] shows them to a visitor.

use otlp::Signal;
use otlp::edit::{At, Changes, Data, LEVELS, Level};

use crate::RunError;

/// A context: a level of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The signal.
    pub signal: Signal,
    /// The level.
    pub level: Level,
}

/// The contexts of a signal, the outermost first; none for profiles.
pub fn of_signal(signal: Signal) -> &'static [Otlp] {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
        _ => &[],
    }
}

const fn otlp(signal: Signal, level: Level) -> Otlp {
    Otlp { signal, level }
}

static TRACES: [Otlp; 4] = [
    otlp(Signal::Traces, Level::Resource),
    otlp(Signal::Traces, Level::Scope),
    otlp(Signal::Traces, Level::Record),
    otlp(Signal::Traces, Level::Child),
];
static METRICS: [Otlp; 5] = [
    otlp(Signal::Metrics, Level::Resource),
    otlp(Signal::Metrics, Level::Scope),
    otlp(Signal::Metrics, Level::Record),
    otlp(Signal::Metrics, Level::Child),
    otlp(Signal::Metrics, Level::Leaf),
];
static LOGS: [Otlp; 3] = [
    otlp(Signal::Logs, Level::Resource),
    otlp(Signal::Logs, Level::Scope),
    otlp(Signal::Logs, Level::Record),
];

/// A message of a request with those around it.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    /// The messages by level; setting a path replaces one.
    pub messages: [&'a [u8]; LEVELS],
    /// Which kind of points the metric has.
    pub data: Option<Data>,
    /// New siblings of the record.
    pub appended: Vec<Vec<u8>>,
}

impl<'a> Record<'a> {
    /// The message that a walk visits.
    pub fn at(at: &At<'a>) -> Self {
        Self { messages: at.messages, data: at.data, appended: Vec::new() }
    }

    /// Hands what is no longer as it was at `at` to the walk.
    pub fn give(self, at: &At<'_>, changes: &mut Changes) -> Result<(), RunError> {
        for level in Level::ALL {
            let index = level as usize;
            if !std::ptr::eq(self.messages[index], at.messages[index]) {
                changes.replace(level, self.messages[index]);
            }
        }
        let endless = |error: otlp::edit::Endless| RunError::new(error.to_string());
        self.appended.into_iter().try_for_each(|message| changes.append(message).map_err(endless))
    }
}
