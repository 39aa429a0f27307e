//! The processor `probabilistic_sampler`: lets a part of spans and log records pass, the same part of
//! every trace wherever it is sampled.
//!
//! Decisions are those of the Collector in all three modes, so that both may stand in one pipeline: its
//! hash and 14 bits in `hash_seed`, W3C randomness of 56 bits in `proportional` and `equalizing`. What
//! passes carries the threshold that it passed, from which backends know what one record stands for.
//! `sampling.priority` on a span overrules: 0 drops it, more keeps it. On log records an attribute of the user's
//! choice holds a percentage in the place of the configured one. Marks that cannot be read stay as they are, at 0 %
//! too, where the Collector writes over them.

mod marks;
mod threshold;

use std::sync::Arc;

use otlp::Malformed;
use otlp::edit::{At, Changes, Level, Levels, Route, Verdict, Visitor, fields};
use ottl::contexts::any;
use ottl::number::parse_double;
use ottl::value::Any;
use pipeline::{Batch, DropReason, Processor, ProcessorLedger, Signal};
use tokio::time::Instant;

use self::marks::Marks;
use self::threshold::{Randomness, Threshold};
use super::rewrite::rewrite;
use crate::component::{BuildError, Context};
use crate::config::ComponentConfig;
use crate::config::probabilistic_sampler::{Mode, ProbabilisticSampler as Settings};

/// OTLP: `Span.trace_id`, `LogRecord.trace_id`, and their attributes.
const SPAN_TRACE_ID: u32 = 1;
const SPAN_ATTRIBUTES: u32 = 9;
const LOG_TRACE_ID: u32 = 9;
const LOG_ATTRIBUTES: u32 = 6;
/// OpenTracing's attribute that overrules.
const PRIORITY: &[u8] = b"sampling.priority";
/// The Collector's hash decides by 14 bits.
const BUCKETS: u32 = 1 << 14;

/// Builds the processor for one pipeline.
pub(crate) fn build(
    config: &ComponentConfig,
    signal: Signal,
    context: &Context,
) -> Result<Arc<dyn Processor>, BuildError> {
    let prunes = Levels::of(&[Level::Resource, Level::Scope]);
    Ok(Arc::new(Sampler {
        settings: config.read(Settings::read),
        route: Route { prunes, ..Route::visiting(signal, &[Level::Record]) },
        ledger: context.stats.processor(config.id.as_str(), signal),
    }))
}

struct Sampler {
    settings: Settings,
    route: Route,
    ledger: Arc<ProcessorLedger>,
}

impl Processor for Sampler {
    fn process(&self, batch: Batch, _now: Instant, out: &mut Vec<Batch>) {
        let reason = DropReason::Sampled;
        out.extend(match self.route.signal {
            Signal::Traces => {
                rewrite(batch, &self.route, &mut Spans(&self.settings), &self.ledger, reason)
            }
            _ => rewrite(batch, &self.route, &mut Logs(&self.settings), &self.ledger, reason),
        });
    }
}

struct Spans<'s>(&'s Settings);

impl Visitor for Spans<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        let span = at.message();
        let id = trace_id(span, SPAN_TRACE_ID)?;
        let hashed = id.map(|id| hash(self.0.hash_seed, &id));
        let marks = Marks::of_span(span)?;
        let (threshold, randomness, mut marks) = decide(self.0, id, hashed, marks);
        let is_unhashed = hashed.is_none() && self.0.mode == Mode::HashSeed;
        if let Some(marks) = marks.as_mut().filter(|_| is_unhashed && !self.0.lets_nothing_pass()) {
            // The Collector's mark of a span without trace id, should it pass.
            marks.randomness = Some(Randomness::MOST);
        }
        let threshold = match span_priority(span)? {
            Some(true) => Threshold::ALWAYS,
            Some(false) => Threshold::NEVER,
            None => threshold,
        };
        if !threshold.passes(randomness) {
            return Ok(Verdict::Drop);
        }
        if let Some(marks) = marked(marks, threshold) {
            changes.replace(Level::Record, &marks.on_span(span)?);
        }
        Ok(Verdict::Keep)
    }
}

struct Logs<'s>(&'s Settings);

impl Visitor for Logs<'_> {
    type Error = Malformed;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Malformed> {
        let (settings, log) = (self.0, at.message());
        let id = trace_id(log, LOG_TRACE_ID)?;
        let hashed = match id.filter(|_| settings.by_trace_id) {
            Some(id) => Some(hash(settings.hash_seed, &id)),
            None => attribute_hash(settings, log)?,
        };
        let marks = Marks::of_log(log)?;
        let (threshold, randomness, marks) = decide(settings, id, hashed, marks);
        let threshold = log_priority(settings, log)?.unwrap_or(threshold);
        if !threshold.passes(randomness) {
            return Ok(Verdict::Drop);
        }
        if let Some(marks) = marked(marks, threshold) {
            changes.replace(Level::Record, &marks.on_log(log)?);
        }
        Ok(Verdict::Keep)
    }
}

/// The threshold for a record, its randomness, and the marks to write on it; none if what stands on it
/// cannot be read, or is not ours to change. A record that cannot be judged fails closed or open.
fn decide(
    settings: &Settings,
    id: Option<[u8; 16]>,
    hashed: Option<Randomness>,
    marks: Option<Marks>,
) -> (Threshold, Randomness, Option<Marks>) {
    let failed = if settings.fail_closed { Threshold::NEVER } else { Threshold::ALWAYS };
    if settings.lets_nothing_pass() {
        // No randomness could, so that none is missing.
        let threshold = if marks.is_some() { Threshold::NEVER } else { failed };
        return (threshold, Randomness::MOST, marks);
    }
    let by_hash = settings.mode == Mode::HashSeed;
    let fallback = hashed.filter(|_| by_hash).unwrap_or(Randomness::MOST);
    let Some(mut marks) = marks else { return (failed, fallback, None) };
    if by_hash && (marks.randomness.is_some() || marks.threshold.is_some()) {
        // Whoever sampled consistently before must not be sampled by a hash behind it.
        return (failed, fallback, None);
    }
    let randomness = match by_hash {
        true => hashed,
        false => marks.randomness.or_else(|| id.map(|id| Randomness::of_trace_id(&id))),
    };
    let Some(randomness) = randomness else { return (failed, Randomness::MOST, Some(marks)) };
    if by_hash {
        marks.randomness = Some(randomness);
    } else if marks.threshold.is_some_and(|threshold| !threshold.passes(randomness)) {
        // It should not have come this far, so its threshold is a lie.
        marks.threshold = None;
        return (failed, randomness, Some(marks));
    }
    (threshold(settings, &marks), randomness, Some(marks))
}

impl Settings {
    /// By so small a part that the mode cannot tell it from nothing.
    fn lets_nothing_pass(&self) -> bool {
        match self.mode {
            Mode::HashSeed => self.buckets() == 0,
            Mode::Proportional | Mode::Equalizing => self.percentage == 0.0,
        }
    }

    /// The buckets of the hash that pass; in 32 bits, as the Collector multiplies.
    fn buckets(&self) -> u32 {
        (self.percentage * (BUCKETS as f32 / 100.0)) as u32
    }
}

/// The threshold of this sampler, for a record with these marks.
fn threshold(settings: &Settings, marks: &Marks) -> Threshold {
    let part = f64::from(settings.percentage) / 100.0;
    match settings.mode {
        Mode::HashSeed => Threshold::of_buckets(BUCKETS - settings.buckets()),
        Mode::Equalizing => Threshold::of_probability(part, settings.precision),
        Mode::Proportional => {
            let before = marks.threshold.map_or(1.0, Threshold::probability);
            Threshold::of_probability(before * part, settings.precision)
        }
    }
}

/// The marks with the threshold that was passed, unless a stricter one stands there already.
fn marked(marks: Option<Marks>, threshold: Threshold) -> Option<Marks> {
    let mut marks = marks?;
    if marks.threshold.is_none_or(|before| before <= threshold) {
        marks.threshold = Some(threshold);
    }
    Some(marks)
}

/// A trace id; `None` if it is absent or zero.
fn trace_id(record: &[u8], number: u32) -> Result<Option<[u8; 16]>, Malformed> {
    let Some(value) = fields::last(record, number)? else { return Ok(None) };
    let id: Option<[u8; 16]> = fields::bytes(value)?.try_into().ok();
    Ok(id.filter(|id| *id != [0; 16]))
}

/// The attribute that the configuration names, hashed.
fn attribute_hash(settings: &Settings, log: &[u8]) -> Result<Option<Randomness>, Malformed> {
    if settings.from_attribute.is_empty() {
        return Ok(None);
    }
    let key = settings.from_attribute.as_bytes();
    let Some(value) = fields::attribute(log, LOG_ATTRIBUTES, key)? else { return Ok(None) };
    let bytes = match any::read_owned(&value)? {
        Any::Bytes(bytes) => bytes,
        other => ottl::json::as_string(&other).into_bytes(),
    };
    Ok((!bytes.is_empty()).then(|| hash(settings.hash_seed, &bytes)))
}

/// FNV-1a over the seed, little-endian, and the bytes.
fn hash(seed: u32, bytes: &[u8]) -> Randomness {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    Randomness::of_hash(seed.to_le_bytes().iter().chain(bytes).fold(0x811c_9dc5, step))
}

/// Whether a span's priority keeps it or drops it.
fn span_priority(span: &[u8]) -> Result<Option<bool>, Malformed> {
    let Some(value) = fields::attribute(span, SPAN_ATTRIBUTES, PRIORITY)? else { return Ok(None) };
    let number = match any::read_owned(&value)? {
        Any::Int(value) => Some(value as f64),
        Any::Double(value) => Some(value),
        Any::Str(text) => parse_double(&text),
        _ => None,
    };
    Ok(number.filter(|number| *number >= 0.0).map(|number| number > 0.0))
}

/// The threshold of a log record's own percentage, in the place of ours: higher or lower. Like the Collector's,
/// one of zero, below it or above 100 says nothing.
fn log_priority(settings: &Settings, log: &[u8]) -> Result<Option<Threshold>, Malformed> {
    if settings.priority_attribute.is_empty() {
        return Ok(None);
    }
    let key = settings.priority_attribute.as_bytes();
    let Some(value) = fields::attribute(log, LOG_ATTRIBUTES, key)? else { return Ok(None) };
    let percentage = match any::read_owned(&value)? {
        Any::Int(value) => value as f64,
        Any::Double(value) => value,
        _ => return Ok(None),
    };
    let threshold = Threshold::of_probability(percentage / 100.0, settings.precision);
    Ok(Some(threshold).filter(|threshold| *threshold != Threshold::NEVER && percentage <= 100.0))
}

#[cfg(test)]
mod tests;
