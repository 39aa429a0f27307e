//! The two roles in the graph: processors, which are synchronous, and sinks, which end the walk.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Batch, Outcome};

/// A step between receiver and exporter. It neither waits nor looks at a clock: what it needs to
/// know of time is `now`.
pub trait Processor: Send + Sync {
    /// Takes a batch and pushes what should go on to `out`; it may keep the batch for later.
    fn process(&self, batch: Batch, now: Instant, out: &mut Vec<Batch>);

    /// When [`tick`](Self::tick) should next be called, if ever.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Called at or after the deadline.
    fn tick(&self, _now: Instant, _out: &mut Vec<Batch>) {}

    /// Called when no request of the pipeline's receivers is on its way any more: whoever holds
    /// batches only to merge them gains nothing by waiting on.
    fn idle(&self, _out: &mut Vec<Batch>) {}

    /// Called once, last: gives up everything held.
    fn drain(&self, _out: &mut Vec<Batch>) {}

    /// One processor that does what this one and then `next` do, where that costs less than one after
    /// the other.
    fn fuse(&self, _next: &dyn Processor) -> Option<Arc<dyn Processor>> {
        None
    }

    /// Itself, for the [`fuse`](Self::fuse) of the processor before it.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

/// The end of a pipeline: an exporter's queue, or a connector into other pipelines. It settles the
/// acks, now or later.
pub trait Sink: Send + Sync {
    /// Takes the batch over.
    fn push(&self, batch: Batch, now: Instant);
}

/// The verdict to come.
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Sends batches to a backend. Queueing, retry and settling are the queue's work.
pub trait Exporter: Send + Sync + 'static {
    /// One attempt, ended after `timeout`. `Retry` means the backend may take it later, or, with
    /// [`Cause::Budget`](crate::Cause::Budget), that there was no memory for what it would have written.
    fn send<'a>(&'a self, batch: &'a Batch, timeout: Duration) -> SendFuture<'a>;
}
