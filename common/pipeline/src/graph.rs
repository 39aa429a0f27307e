//! The graph: what a receiver hands a batch to.
//!
//! An [`Inlet`] is a receiver's door for one signal. Behind it stand pipelines: processors called
//! in order on the caller's task, then sinks. Swapping a configuration replaces the pipelines
//! behind the inlets with one pointer store each, between batches; requests on their way finish in
//! the pipelines they entered.
//!
//! Each pipeline knows how many requests of its receivers are on their way to it ([`Arrival`]), also
//! through the pipelines before it. When the last of them has joined, processors that hold batches
//! only to merge them let go: senders wait for their answer, so nothing more can come.
//!
//! A connector ends one pipeline, as a sink, and begins others, through inlets of its own. What is
//! announced to a pipeline is announced to all that its connectors lead to ([`Pipeline::start`]'s `next`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use otlp::Signal;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Batch, Processor, Sink};

/// Processors in order, then sinks.
pub struct Pipeline {
    id: String,
    signal: Signal,
    processors: Vec<Arc<dyn Processor>>,
    sinks: Vec<Arc<dyn Sink>>,
    /// The pipelines behind the connectors among the sinks; never a loop.
    next: Vec<Arc<Pipeline>>,
    arriving: AtomicUsize,
    quiet: Notify,
    armed: Arc<Notify>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// A pipeline of the configuration; `sinks` is not empty, and `next` are the pipelines that
    /// connectors among them lead to. Starts its timer on the current tokio runtime; the timer ends
    /// with the pipeline.
    pub fn start(
        id: String,
        signal: Signal,
        processors: Vec<Arc<dyn Processor>>,
        sinks: Vec<Arc<dyn Sink>>,
        next: Vec<Arc<Self>>,
    ) -> Arc<Self> {
        let armed = Arc::new(Notify::new());
        let wake = armed.clone();
        let (arriving, quiet) = (AtomicUsize::new(0), Notify::new());
        let pipeline =
            Arc::new(Self { id, signal, processors, sinks, next, arriving, quiet, armed });
        if !pipeline.processors.is_empty() {
            tokio::spawn(keep_time(Arc::downgrade(&pipeline), wake));
        }
        pipeline
    }

    /// The pipeline's id in the configuration.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What passes through.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Runs a batch through all processors and hands the results to the sinks.
    pub fn push(&self, batch: Batch, now: Instant) {
        if self.processors.is_empty() {
            return self.deliver(batch, now);
        }
        self.advance(0, vec![batch], now);
        self.armed.notify_one();
    }

    /// Empties every processor into the sinks. The last call a pipeline gets.
    pub fn drain(&self, now: Instant) {
        self.flush(now, |processor, out| processor.drain(out));
    }

    /// Returns once no announced request is on its way here.
    pub async fn quiesce(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.arriving.load(Ordering::Acquire) == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// A request is on its way here, and perhaps on to whatever comes next.
    fn announce(&self) {
        self.arriving.fetch_add(1, Ordering::AcqRel);
        self.next.iter().for_each(|pipeline| pipeline.announce());
    }

    /// An announced request has been handed over, or will not come. What is let go here has reached
    /// the next pipelines before they hear of it.
    fn depart(&self) {
        if self.arriving.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle(Instant::now());
            self.quiet.notify_waiters();
        }
        self.next.iter().for_each(|pipeline| pipeline.depart());
    }

    fn idle(&self, now: Instant) {
        self.flush(now, |processor, out| processor.idle(out));
    }

    fn tick(&self, now: Instant) {
        let due = |processor: &dyn Processor| processor.deadline().is_some_and(|at| at <= now);
        self.flush(now, |processor, out| {
            if due(processor) {
                processor.tick(now, out);
            }
        });
    }

    fn deadline(&self) -> Option<Instant> {
        self.processors.iter().filter_map(|processor| processor.deadline()).min()
    }

    /// Lets each processor emit, first to last, so that a later one sees what an earlier emits.
    fn flush(&self, now: Instant, emit: impl Fn(&dyn Processor, &mut Vec<Batch>)) {
        for (index, processor) in self.processors.iter().enumerate() {
            let mut out = Vec::new();
            emit(&**processor, &mut out);
            self.advance(index + 1, out, now);
        }
    }

    fn advance(&self, from: usize, mut batches: Vec<Batch>, now: Instant) {
        for processor in &self.processors[from..] {
            if batches.is_empty() {
                return;
            }
            let mut out = Vec::with_capacity(batches.len());
            for batch in batches {
                processor.process(batch, now, &mut out);
            }
            batches = out;
        }
        for batch in batches {
            self.deliver(batch, now);
        }
    }

    fn deliver(&self, batch: Batch, now: Instant) {
        for (sink, batch) in self.sinks.iter().zip(batch.fan_out(self.sinks.len())) {
            sink.push(batch, now);
        }
    }
}

impl Sink for Pipeline {
    fn push(&self, batch: Batch, now: Instant) {
        Self::push(self, batch, now);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.armed.notify_one();
    }
}

/// Calls `tick` at the processors' deadlines until the pipeline is gone.
async fn keep_time(pipeline: Weak<Pipeline>, armed: Arc<Notify>) {
    loop {
        let Some(strong) = pipeline.upgrade() else { return };
        let now = Instant::now();
        let deadline = strong.deadline();
        if deadline.is_some_and(|at| at <= now) {
            strong.tick(now);
            continue;
        }
        // While it waits it holds nothing, so that an unused pipeline can end.
        drop(strong);
        match deadline {
            Some(at) => tokio::time::sleep_until(at).await,
            None => armed.notified().await,
        }
    }
}

/// A receiver's door for one signal.
#[derive(Debug)]
pub struct Inlet {
    pipelines: ArcSwap<Vec<Arc<Pipeline>>>,
}

impl Default for Inlet {
    fn default() -> Self {
        Self { pipelines: ArcSwap::from_pointee(Vec::new()) }
    }
}

impl Inlet {
    /// Puts other pipelines behind the door.
    pub fn connect(&self, pipelines: Vec<Arc<Pipeline>>) {
        self.pipelines.store(Arc::new(pipelines));
    }

    /// Whether a pipeline takes this signal from this receiver.
    pub fn is_connected(&self) -> bool {
        !self.pipelines.load().is_empty()
    }

    /// Announces a request: from its head until it is handed over, or is refused.
    pub fn arrive(&self) -> Arrival {
        let pipelines = self.pipelines.load_full();
        pipelines.iter().for_each(|pipeline| pipeline.announce());
        Arrival { pipelines }
    }
}

/// A door per signal.
#[derive(Debug, Default)]
pub struct Inlets([Inlet; Signal::ALL.len()]);

impl Inlets {
    /// The door for a signal.
    pub fn of(&self, signal: Signal) -> &Inlet {
        let index = Signal::ALL.iter().position(|known| *known == signal);
        &self.0[index.expect("every signal is in ALL")]
    }

    /// Puts each pipeline behind the door of its signal.
    pub fn connect(&self, pipelines: &[Arc<Pipeline>]) {
        for (signal, inlet) in Signal::ALL.into_iter().zip(&self.0) {
            let of_signal = pipelines.iter().filter(|pipeline| pipeline.signal() == signal);
            inlet.connect(of_signal.cloned().collect());
        }
    }
}

/// A request on its way into the pipelines it announced itself to.
#[derive(Debug)]
pub struct Arrival {
    pipelines: Arc<Vec<Arc<Pipeline>>>,
}

impl Arrival {
    /// Hands the batch to every pipeline behind the door, on the caller's task.
    pub fn push(self, batch: Batch, now: Instant) {
        if self.pipelines.is_empty() {
            return;
        }
        for (pipeline, batch) in self.pipelines.iter().zip(batch.fan_out(self.pipelines.len())) {
            pipeline.push(batch, now);
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.pipelines.iter().for_each(|pipeline| pipeline.depart());
    }
}

#[cfg(test)]
mod tests;
