//! Processors that are made of OTTL texts.
//!
//! Each part of a batch is walked on its own and keeps its ack; a part in which nothing changed
//! keeps its bytes, compressed original and all. Processors of this kind that follow each other in
//! a pipeline are fused into one whose walks are shared; counts stay with the processor
//! that caused them, so at most one of the fused may drop records.
//!
//! What is dropped counts as `filtered`, and so do points that an aggregation made fewer. A text
//! that fails under `propagate` refuses its part for good (the same bytes would fail again); where
//! another branch of a fan-out was a success, its records count as `error`. A body that grows beyond
//! the byte budget is refused retryably as soon as it does, and so is one whose flat form (`flatten_data`) has no room in
//! it. `Now()` is when the batch arrived: processors have no clock.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ottl::contexts::Request;
use ottl::program::{Counted, Failure, Outcome as Ran, Refused, Runner};
use ottl::{Program, Time};
use pipeline::{
    Batch, Cause, DropReason, Exhausted, Kind, Outcome, Part, Permit, Processor, ProcessorLedger,
    RefusalKind, Sample, Signal, Source,
};
use tokio::time::Instant;

use crate::component::Context;
use crate::config::ComponentConfig;
use crate::request::request_of;
use crate::time::unix_ns;

/// Failures of texts are logged at most this often per processor; all are counted.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// One processor of the configuration.
pub(super) struct Stage {
    id: String,
    ledger: Arc<ProcessorLedger>,
    /// Nothing for signals that it has no texts for.
    program: Option<Program>,
    drops: bool,
    signal: Signal,
}

impl Stage {
    /// A processor that runs `program`; `drops` says whether it takes records out.
    pub(super) fn new(
        config: &ComponentConfig,
        signal: Signal,
        context: &Context,
        program: Option<&Program>,
        drops: bool,
    ) -> Arc<Self> {
        let id = config.id.as_str().to_owned();
        let ledger = context.stats.processor(&id, signal);
        Arc::new(Self { id, ledger, program: program.cloned(), drops, signal })
    }

    fn has(&self, text: &str) -> bool {
        let mut texts = self.program.iter().flat_map(Program::counted);
        texts.any(|counted| counted.text == text)
    }
}

impl Source for Stage {
    fn collect(&self, out: &mut Vec<Sample>) {
        for counted in self.program.iter().flat_map(Program::counted) {
            samples(&self.id, self.signal, &counted, out);
        }
    }
}

fn samples(id: &str, signal: Signal, counted: &Counted<'_>, out: &mut Vec<Sample>) {
    let counters = counted.counters;
    let mut sample = |name: &str, help, value: &std::sync::atomic::AtomicU64| {
        out.push(Sample {
            name: format!("medulla_ottl_{name}"),
            help,
            kind: Kind::Counter,
            labels: vec![
                ("signal", signal.name().to_owned()),
                ("component", id.to_owned()),
                ("statement", counted.text.to_owned()),
            ],
            value: value.load(std::sync::atomic::Ordering::Relaxed) as f64,
        });
    };
    let help = "How often a statement or condition was evaluated.";
    sample("evaluations", help, &counters.evaluations);
    sample("matched", "Records for which it held and did not fail.", &counters.matched);
    sample("failed", "Records for which it failed.", &counters.failed);
    sample("skipped", "Records for which it did not hold.", &counters.skipped);
}

/// One or more processors in a row, run together.
pub(super) struct Texts {
    stages: Vec<Arc<Stage>>,
    program: Option<Program>,
    /// One for each thread that is in the processor.
    runners: Mutex<Vec<Runner>>,
    logged: Mutex<Option<Instant>>,
}

impl Texts {
    /// The processor, its counters among those of the process.
    pub(super) fn start(stage: Arc<Stage>, context: &Context) -> Arc<dyn Processor> {
        let source: Arc<dyn Source> = stage.clone();
        context.stats.watch(&source);
        let program = stage.program.clone();
        Arc::new(Self::new(vec![stage], program))
    }

    fn new(stages: Vec<Arc<Stage>>, program: Option<Program>) -> Self {
        Self { stages, program, runners: Mutex::default(), logged: Mutex::default() }
    }

    fn drops(&self) -> bool {
        self.stages.iter().any(|stage| stage.drops && stage.program.is_some())
    }

    /// One part; nothing if nothing of it is left, or it was refused.
    fn part(&self, mut part: Part, around: &Around, runner: &mut Runner) -> Option<Part> {
        let program = self.program.as_ref()?;
        let mut spare = None;
        let mut memory = |bytes| grow(&mut spare, &part.permit, bytes).is_ok();
        let (request, now) = (&around.request, &around.now);
        let ran = program.run_within(&mut memory, runner, &part.body, request, now);
        // What is left of the run is the new body, which is charged to its part.
        drop(spare);
        let ran = match ran {
            Ok(ran) => ran,
            Err(Refused::NoMemory) => {
                part.ack.settle(Outcome::retry(Cause::Budget), None);
                return None;
            }
            Err(refused) => {
                self.refuse(part, &refused);
                return None;
            }
        };
        self.log(&ran, around.at);
        let left = records(program.signal(), &ran, part.records);
        self.count(&mut part, ran.dropped, left);
        if !ran.is_changed {
            return Some(part);
        }
        if ran.body.is_empty() {
            part.ack.settle(Outcome::ACCEPTED, None);
            return None;
        }
        if part.rewrite(ran.body, left).is_err() {
            part.ack.settle(Outcome::retry(Cause::Budget), None);
            return None;
        }
        Some(part)
    }

    /// Counts for each stage what came, went on and was dropped.
    fn count(&self, part: &mut Part, dropped: u64, left: u64) {
        let mut records = part.records;
        for (index, stage) in self.stages.iter().enumerate() {
            stage.ledger.take(records);
            let mut lost = if stage.drops { dropped } else { 0 };
            if index + 1 == self.stages.len() {
                lost = lost.max(records.saturating_sub(left));
                records = left;
            } else {
                records -= lost.min(records);
            }
            if lost > 0 {
                part.ack.lose(&stage.ledger, DropReason::Filtered, lost);
            }
            stage.ledger.pass(records);
        }
    }

    fn refuse(&self, mut part: Part, refused: &Refused) {
        let (stage, reason, kind) = match refused {
            Refused::Malformed => (None, DropReason::Malformed, RefusalKind::Malformed),
            Refused::Failed(failure) => {
                (self.stage_of(failure), DropReason::Error, RefusalKind::Rejected)
            }
            Refused::TooLarge | Refused::NoMemory => {
                (None, DropReason::Error, RefusalKind::Rejected)
            }
        };
        let stage = stage.unwrap_or(&self.stages[0]);
        stage.ledger.take(part.records);
        part.ack.lose(&stage.ledger, reason, part.records);
        part.ack.settle(Outcome::refused(kind, format!("{}: {refused}", stage.id)), None);
    }

    fn stage_of(&self, failure: &Failure) -> Option<&Arc<Stage>> {
        self.stages.iter().find(|stage| stage.has(&failure.text))
    }

    fn log(&self, ran: &Ran, now: Instant) {
        let Some(failure) = &ran.first_failure else { return };
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_some_and(|at| now.saturating_duration_since(at) < LOG_EVERY) {
            return;
        }
        *logged = Some(now);
        drop(logged);
        let id = self.stage_of(failure).map_or("", |stage| &stage.id);
        let failures = ran.failures;
        tracing::warn!(processor = id, failures, "a statement failed and was skipped: {failure}");
    }

    fn runner(&self) -> Runner {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put_back(&self, runner: Runner) {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner).push(runner);
    }

    fn pass(&self, batch: &Batch) {
        for stage in &self.stages {
            stage.ledger.take(batch.records());
            stage.ledger.pass(batch.records());
        }
    }
}

/// Permits bytes beside those of a request, until `spare` ends.
fn grow(spare: &mut Option<Permit>, beside: &Permit, bytes: usize) -> Result<(), Exhausted> {
    match spare {
        Some(permit) => permit.grow(bytes),
        None => beside.beside(bytes).map(|permit| *spare = Some(permit)),
    }
}

/// What the parts of a batch have in common.
struct Around {
    request: Request,
    now: Time,
    at: Instant,
}

impl Around {
    fn of(batch: &Batch, at: Instant) -> Self {
        let now = Time::from_unix_nano(unix_ns(batch.received_at));
        Self { request: request_of(&batch.sender), now, at }
    }
}

/// Records of a part after a run.
fn records(signal: Signal, ran: &Ran, before: u64) -> u64 {
    if !ran.is_changed {
        return before;
    }
    if signal != Signal::Metrics {
        return (before + ran.appended).saturating_sub(ran.dropped);
    }
    // Statements make other points of points. What they write is sound above the records; else nothing could be
    // said but this.
    let counted = otlp::check(signal, &ran.body).map(|tally| tally.records);
    counted.unwrap_or(before.saturating_sub(ran.dropped))
}

impl Processor for Texts {
    fn process(&self, mut batch: Batch, now: Instant, out: &mut Vec<Batch>) {
        if self.program.is_none() {
            self.pass(&batch);
            return out.push(batch);
        }
        let around = Around::of(&batch, now);
        let mut runner = self.runner();
        let parts = std::mem::take(&mut batch.parts);
        let kept = parts.into_iter().filter_map(|part| self.part(part, &around, &mut runner));
        batch.parts = kept.collect();
        self.put_back(runner);
        if !batch.parts.is_empty() {
            out.push(batch);
        }
    }

    fn fuse(&self, next: &dyn Processor) -> Option<Arc<dyn Processor>> {
        let next = next.as_any()?.downcast_ref::<Self>()?;
        if self.drops() && next.drops() {
            return None;
        }
        let stages = self.stages.iter().chain(&next.stages).cloned().collect();
        let program = match (self.program.clone(), next.program.clone()) {
            (Some(first), Some(second)) => Some(first.then(second)),
            (first, second) => first.or(second),
        };
        Some(Arc::new(Self::new(stages, program)))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
