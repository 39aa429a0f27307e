//! Programs: groups of statements and lists of conditions, compiled to run over whole requests.
//!
//! A program is a sequence of walks over a request, each of which runs the steps of one or several groups at
//! the levels they are for. Groups that follow each other share a walk where nobody can tell the
//! difference: none of them writes a message around its records that another one reads. A request that nothing
//! changes comes back as the same bytes.
//!
//! Groups can ask for a flat request, in which each log record has a resource and scope of its own. The request is
//! flattened once for all groups of a processor, to at most [`MAX_FLAT_BYTES`], and regrouped behind them; groups
//! that write no resource and no scope run without.
//!
//! A condition that reads only messages around the records is evaluated once for each of these, not
//! once for each record; [`Counters::evaluations`] counts what really ran.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use otlp::{Malformed, Signal};

use crate::RunError;
use crate::contexts::Request;
use crate::value::Time;

/// The largest flat request.
pub const MAX_FLAT_BYTES: usize = 64 << 20;

mod build;
mod fuse;
mod meter;
pub mod route;
mod step;
mod visit;

pub use build::{Entry, Group, Mistake, filter, transform};
pub use fuse::reading;
pub use step::Counted;
pub use visit::Runner;

use fuse::Walk;
use meter::Meter;

/// What happens when a statement or condition fails on a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorMode {
    /// The whole request is refused.
    Propagate,
    /// It is counted and logged, and the next one runs.
    #[default]
    Ignore,
    /// It is counted, and the next one runs.
    Silent,
}

impl ErrorMode {
    /// Upper and lower case are the same.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "propagate" => Some(Self::Propagate),
            "ignore" => Some(Self::Ignore),
            "silent" => Some(Self::Silent),
            _ => None,
        }
    }
}

/// What a statement or condition came to since it was compiled.
#[derive(Debug, Default)]
pub struct Counters {
    /// How often it, or its condition, was evaluated.
    pub evaluations: AtomicU64,
    /// Records for which the condition held and nothing failed.
    pub matched: AtomicU64,
    /// Records for which it failed.
    pub failed: AtomicU64,
    /// Records for which the condition did not hold.
    pub skipped: AtomicU64,
}

/// [`Counters`] of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) evaluations: u64,
    pub(crate) matched: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counters {
    pub(crate) fn add(&self, tally: Tally) {
        let add = |counter: &AtomicU64, by: u64| {
            if by > 0 {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        };
        add(&self.evaluations, tally.evaluations);
        add(&self.matched, tally.matched);
        add(&self.failed, tally.failed);
        add(&self.skipped, tally.skipped);
    }
}

/// Compiled groups of one signal.
#[derive(Clone)]
pub struct Program {
    signal: Signal,
    walks: Vec<Arc<Walk>>,
}

/// What a program made of a request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The request now; the same bytes if nothing changed, and none if nothing is left.
    pub body: Bytes,
    /// Whether it differs from what came in.
    pub is_changed: bool,
    /// Spans, log records or metric points that were dropped.
    pub dropped: u64,
    /// Spans, metrics or log records that were added.
    pub appended: u64,
    /// Records that could not be read and stay as they were.
    pub malformed: u64,
    /// How many evaluations failed and were ignored.
    pub failures: u64,
    /// The first of them that wants to be logged: the text and what went wrong.
    pub first_failure: Option<Failure>,
}

/// A text that failed on a record.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The statement or condition.
    pub text: String,
    /// What went wrong.
    pub error: RunError,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.text, self.error)
    }
}

/// Why a request is refused as a whole.
#[derive(Clone, Debug)]
pub enum Refused {
    /// It is no request.
    Malformed,
    /// A text failed whose error mode is to propagate.
    Failed(Failure),
    /// Flattened it would be larger than [`MAX_FLAT_BYTES`].
    TooLarge,
    /// There is no memory now for what becomes of it.
    NoMemory,
}

/// Asked before a run takes memory beyond what is in proportion to the request: for its flat form, and for what
/// statements make of it (`meter`); whether it may.
pub type Memory<'m> = &'m mut dyn FnMut(usize) -> bool;

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => Malformed.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
            Self::TooLarge => {
                write!(f, "flattened it would be larger than {} MiB", MAX_FLAT_BYTES >> 20)
            }
            Self::NoMemory => f.write_str("no memory for what becomes of the request"),
        }
    }
}

impl std::error::Error for Refused {}

impl Program {
    /// The signal it is for.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// How often it walks over a request.
    pub fn walks(&self) -> usize {
        self.walks.len()
    }

    /// This program and then another one of the same signal, in as few walks as may be.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let steps =
            self.walks.iter().chain(&next.walks).flat_map(|walk| walk.steps.iter().cloned());
        Self { signal: self.signal, walks: fuse::walks(self.signal, steps) }
    }

    /// Its statements and conditions with what they came to.
    pub fn counted(&self) -> impl Iterator<Item = Counted<'_>> {
        self.walks.iter().flat_map(|walk| &walk.steps).flat_map(|step| step.counted())
    }

    /// Runs it over a request; `now` is the clock.
    pub fn run(
        &self,
        runner: &mut Runner,
        body: &Bytes,
        request: &Request,
        now: &Time,
    ) -> Result<Outcome, Refused> {
        self.run_within(&mut |_| true, runner, body, request, now)
    }

    /// Runs it over a request with as much memory as there is.
    pub fn run_within(
        &self,
        memory: Memory<'_>,
        runner: &mut Runner,
        body: &Bytes,
        request: &Request,
        now: &Time,
    ) -> Result<Outcome, Refused> {
        let meter = Meter::new(memory, body.len());
        let ran = self.run_metered(&meter, runner, body, request, now);
        runner.end();
        ran
    }

    fn run_metered(
        &self,
        meter: &Meter<'_>,
        runner: &mut Runner,
        body: &Bytes,
        request: &Request,
        now: &Time,
    ) -> Result<Outcome, Refused> {
        let mut outcome = Outcome {
            body: body.clone(),
            is_changed: false,
            dropped: 0,
            appended: 0,
            malformed: 0,
            failures: 0,
            first_failure: None,
        };
        runner.begin();
        for walks in self.walks.chunk_by(|one, next| one.flattened() == next.flattened()) {
            let mut run = |outcome: &mut Outcome| {
                walks.iter().try_for_each(|walk| {
                    let is_same = outcome.body.as_ptr() == body.as_ptr();
                    meter.begin(if is_same { 0 } else { outcome.body.len() });
                    runner.walk(walk, request, now, meter, outcome)
                })
            };
            match walks[0].flattened() {
                Some(_) => flattened(meter, &mut outcome, run)?,
                None => run(&mut outcome)?,
            }
        }
        Ok(outcome)
    }
}

/// Runs over the flat request and groups it again. Where nothing changed the request stays as it was.
fn flattened(
    meter: &Meter<'_>,
    outcome: &mut Outcome,
    mut run: impl FnMut(&mut Outcome) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let ask = |bytes| if meter.take(bytes) { Ok(()) } else { Err(Refused::NoMemory) };
    let flat_bytes = otlp::flat::flat_bytes(&outcome.body)?;
    if flat_bytes > MAX_FLAT_BYTES {
        return Err(Refused::TooLarge);
    }
    ask(flat_bytes)?;
    let flat = otlp::flat::flatten(&outcome.body)?;
    let (body, was_changed) = (outcome.body.clone(), outcome.is_changed);
    (outcome.body, outcome.is_changed) = (flat.into(), false);
    run(outcome)?;
    if !outcome.is_changed {
        (outcome.body, outcome.is_changed) = (body, was_changed);
        return Ok(());
    }
    // The groups are no larger than what they are made of.
    ask(outcome.body.len())?;
    outcome.body = otlp::flat::regroup(&outcome.body)?.into();
    Ok(())
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("signal", &self.signal).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Program {
    /// The plan: walks, steps, statements.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, walk) in self.walks.iter().enumerate() {
            writeln!(f, "walk {}", index + 1)?;
            walk.steps.iter().try_for_each(|step| write!(f, "{step}"))?;
        }
        Ok(())
    }
}
