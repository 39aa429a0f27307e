//! The machinery between a receiver and an exporter: batches that own their bytes, acknowledgements
//! that are settled exactly once, a byte budget for everything in flight, the graph of synchronous
//! processors, queues with retry, and the counters that make the conservation law checkable.
//!
//! Invariants:
//! * A record that was read is counted once as accepted or refused, by what its sender heard.
//! * An [`Ack`] that is dropped settles as a retryable refusal: a lost batch is never a success.
//! * Bytes are in memory only while a [`Permit`] for them is held.
//! * Nothing here knows HTTP, OTTL or a backend; time comes in as an argument or from tokio's
//!   clock, which tests pause.
#![forbid(unsafe_code)]

mod ack;
mod batch;
mod budget;
mod graph;
mod node;
mod outcome;
mod queue;
mod retry;
mod sender;
mod stats;

#[cfg(test)]
mod testing;

pub use ack::{Ack, Answer, Waiter};
pub use batch::{Batch, Packed, PackedCoding, Part, Slice};
pub use budget::{Budget, Exhausted, Output, Outputs, Peer, Permit};
pub use graph::{Arrival, Inlet, Inlets, Pipeline};
pub use node::{Exporter, Processor, SendFuture, Sink};
pub use otlp::{Signal, split::Limit};
pub use outcome::{Cause, Message, Outcome, Refusal, RefusalKind};
pub use queue::{Queue, QueueSettings, QueueSizer};
pub use retry::{Backoff, RetrySettings};
pub use sender::{Metadata, Sender};
pub use stats::{
    DropReason, ExporterLedger, Kind, ProcessorLedger, ReceiverLedger, RefuseReason, Sample,
    Source, Stats,
};
