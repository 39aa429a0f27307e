//! The queue in front of an exporter: bounded in requests, records or bytes by its settings, and in
//! memory through the permits its batches hold.
//!
//! Two promises exist. With `wait_for_result` (the default) a batch is settled by its delivery; the
//! sender's patience is the exporter's `timeout` or the sender's own deadline, and parts whose
//! sender has been answered leave the queue. Without it the batch is settled as soon as it is in
//! the queue ("in bounded memory"), and what happens later is counted as sent or dropped.
//!
//! A full queue answers `Retry`; with
//! `block_on_overflow` the batch stands in line before the queue, which only keeps its sender
//! waiting. The line is bounded by the byte budget. A batch larger than the whole queue goes request by
//! request, and a request that is larger is refused for good.

mod ceiling;
mod delivery;
mod line;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Batch, Exporter, ExporterLedger, RetrySettings, Sink};

use delivery::Delivery;
use line::Line;

/// Batches sent at the same time where the queue is off; the line before them is bounded by the byte
/// budget.
const UNQUEUED_SENDERS: usize = 128;

/// What the size of a queue is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueSizer {
    /// Batches; a merged one is one request.
    Requests,
    /// Spans, metric points, log records or profiles.
    Items,
    /// Bytes of the requests, uncompressed.
    Bytes,
}

impl QueueSizer {
    fn size(self, batch: &Batch) -> usize {
        match self {
            Self::Requests => 1,
            Self::Items => usize::try_from(batch.records()).unwrap_or(usize::MAX),
            Self::Bytes => batch.body_bytes(),
        }
    }
}

/// The Collector's `sending_queue`, `retry_on_failure` and `timeout`.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Without a queue batches are sent at once, and their senders always wait.
    pub enabled: bool,
    /// What `queue_size` is counted in.
    pub sizer: QueueSizer,
    /// How much the queue holds.
    pub queue_size: usize,
    /// Batches sent at the same time.
    pub num_consumers: usize,
    /// A full queue makes senders wait instead of refusing them.
    pub block_on_overflow: bool,
    /// The sender waits for the delivery.
    pub wait_for_result: bool,
    /// One attempt's time, and the patience of senders without a deadline of their own.
    pub timeout: Duration,
    /// Backoff between attempts.
    pub retry: RetrySettings,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            sizer: QueueSizer::Requests,
            queue_size: 1000,
            num_consumers: 10,
            block_on_overflow: false,
            wait_for_result: true,
            timeout: Duration::from_secs(5),
            retry: RetrySettings::default(),
        }
    }
}

/// The front of an exporter.
pub struct Queue {
    line: Arc<Line>,
    delivery: Arc<Delivery>,
    workers: tokio::sync::Mutex<JoinSet<()>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("exporter", &self.delivery.ledger.exporter())
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Starts the consumers on the current tokio runtime.
    pub fn start(
        exporter: Arc<dyn Exporter>,
        settings: QueueSettings,
        ledger: Arc<ExporterLedger>,
    ) -> Arc<Self> {
        ledger.set_capacity(settings.queue_size as u64);
        ledger.set_level((settings.sizer != QueueSizer::Requests).then_some(0));
        let consumers = if settings.enabled { settings.num_consumers } else { UNQUEUED_SENDERS };
        let delivery = Arc::new(Delivery::new(exporter, settings, ledger));
        let line = Arc::new(Line::new(delivery.clone()));
        let mut workers = JoinSet::new();
        for _ in 0..consumers.max(1) {
            workers.spawn(consume(line.clone()));
        }
        workers.spawn(sweep(Arc::downgrade(&line), delivery.answered.subscribe()));
        Arc::new(Self { line, delivery, workers: tokio::sync::Mutex::new(workers) })
    }

    /// Takes no more, delivers what is queued until `deadline`, then gives up the rest: senders
    /// who wait hear a retryable refusal, other records are counted as dropped at shutdown.
    pub async fn drain(&self, deadline: Instant) {
        self.line.close();
        let emptied = tokio::time::timeout_at(deadline, self.line.wait_until_empty()).await;
        if emptied.is_err() {
            tracing::warn!(exporter = self.delivery.ledger.exporter(), "not emptied in time");
        }
        self.line.abandon();
        self.workers.lock().await.shutdown().await;
    }
}

impl Sink for Queue {
    fn push(&self, batch: Batch, now: Instant) {
        self.line.push(batch, now);
    }
}

async fn consume(line: Arc<Line>) {
    while let Some(batch) = line.next().await {
        line.deliver(batch).await;
    }
}

/// Takes parts whose sender has been answered out of the queue.
async fn sweep(line: std::sync::Weak<Line>, mut answered: watch::Receiver<()>) {
    while answered.changed().await.is_ok() {
        let Some(line) = line.upgrade() else { return };
        line.sweep();
    }
}

#[cfg(test)]
mod tests;
