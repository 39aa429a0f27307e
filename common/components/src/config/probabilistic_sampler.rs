//! The processor `probabilistic_sampler`, with the Collector's keys and defaults.

use super::error::Code;
use super::section::Section;

/// The smallest part of everything that a threshold of 56 bits lets pass.
const LEAST: f64 = 1.0 / (1u64 << 56) as f64;

/// Settings of the processor `probabilistic_sampler`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilisticSampler {
    /// Which part of the records passes, 0 to 100.
    pub percentage: f32,
    /// How it is decided which.
    pub mode: Mode,
    /// Changes which records pass in the mode `hash_seed`.
    pub hash_seed: u32,
    /// Hexadecimal digits of a written threshold, 1 to 14.
    pub precision: u32,
    /// Whether a record without randomness, or with contradicting marks, is dropped.
    pub fail_closed: bool,
    /// Logs: whether the trace id is looked at.
    pub by_trace_id: bool,
    /// Logs: the attribute that is hashed when the trace id is absent or not looked at.
    pub from_attribute: String,
    /// Logs: the attribute that holds a percentage of its own.
    pub priority_attribute: String,
}

/// Where randomness comes from, and what earlier samplers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A hash of trace id or attribute, 14 bits of it.
    HashSeed,
    /// W3C randomness; passes its part of what arrives.
    Proportional,
    /// W3C randomness; passes its part of what there was before any sampler.
    Equalizing,
}

impl ProbabilisticSampler {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let modes = [
            ("hash_seed", Mode::HashSeed),
            ("proportional", Mode::Proportional),
            ("equalizing", Mode::Equalizing),
            ("", Mode::HashSeed),
        ];
        // As in the Collector an empty text is not the default.
        let sources = [("traceID", true), ("record", false), ("", false)];
        let seed = section.u64_in("hash_seed", 0, 0..=u64::from(u32::MAX));
        Self {
            percentage: percentage(section),
            mode: section.one_of("mode", Mode::HashSeed, &modes),
            hash_seed: u32::try_from(seed).unwrap_or(0),
            precision: section.u64_in("sampling_precision", 4, 1..=14) as u32,
            fail_closed: section.bool("fail_closed", true),
            by_trace_id: section.one_of("attribute_source", true, &sources),
            from_attribute: section.string("from_attribute", ""),
            priority_attribute: section.string("sampling_priority", ""),
        }
    }
}

/// As in the Collector nothing passes by default; that is told, as it is hardly meant.
fn percentage(section: &Section<'_>) -> f32 {
    let key = "sampling_percentage";
    let Some(field) = section.field(key) else {
        let message = "nothing found, so that nothing passes, expected a percentage such as 15.5";
        section.warn(key, Code::Missing, message);
        return 0.0;
    };
    let percentage = field.f64_in(0.0..=f64::MAX).unwrap_or(0.0).min(100.0) as f32;
    if percentage > 0.0 && f64::from(percentage) / 100.0 < LEAST {
        let message = format!("{}, expected 0 or more than {LEAST:e}", field.value().describe());
        field.error(Code::OutOfRange, message);
    }
    percentage
}
