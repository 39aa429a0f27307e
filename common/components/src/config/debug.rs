//! The exporter `debug` (old name `logging`), with the Collector's keys and defaults.

use super::section::Section;

/// Settings of the exporter `debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debug {
    /// How much is printed.
    pub verbosity: Verbosity,
    /// Messages printed in each second before sampling begins.
    pub sampling_initial: u64,
    /// After those every so manieth message is printed.
    pub sampling_thereafter: u64,
    /// Whether output goes to the log; otherwise to standard output.
    pub use_internal_logger: bool,
}

/// How much `debug` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// A line of counts per batch.
    Basic,
    /// That, and each request as a line of OTLP/JSON.
    Normal,
    /// The same, indented.
    Detailed,
}

impl Debug {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        section.not_built_yet(&["loglevel", "output_paths", "sending_queue"]);
        let names = [
            ("basic", Verbosity::Basic),
            ("normal", Verbosity::Normal),
            ("detailed", Verbosity::Detailed),
        ];
        let count = 0..=u64::from(u32::MAX);
        Self {
            verbosity: section.one_of("verbosity", Verbosity::Basic, &names),
            sampling_initial: section.u64_in("sampling_initial", 2, count.clone()),
            sampling_thereafter: section.u64_in("sampling_thereafter", 1, count),
            use_internal_logger: section.bool("use_internal_logger", true),
        }
    }
}
