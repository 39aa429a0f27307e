//! What became of a batch: the only verdicts that travel through the data plane.
//!
//! There are four, and one function each maps them to gRPC and to HTTP (in `components`). A verdict
//! carries at most one short message, written where it arose and passed on by reference.

use std::sync::Arc;
use std::time::Duration;

/// A text for the sender, at most 1 KiB, shared between the parts of a batch.
pub type Message = Arc<str>;

/// The verdict on a batch or on one sender's part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered, or durably queued. OTLP: full success, possibly with a warning.
    Accepted {
        /// OTLP: partial success with zero rejected records is a warning.
        warning: Option<Message>,
    },
    /// OTLP: partial success. The rejected records must not be sent again.
    Partial {
        /// Records the backend rejected.
        rejected: u64,
        /// The backend's explanation.
        message: Message,
    },
    /// Not delivered, worth sending again. OTLP: retryable, with throttling.
    Retry {
        /// How long the sender should wait, when known.
        after: Option<Duration>,
        /// Why, for the counters.
        cause: Cause,
    },
    /// Not delivered, and sending the same bytes again cannot help.
    Refused(Refusal),
}

impl Outcome {
    /// Full success without a warning.
    pub const ACCEPTED: Self = Self::Accepted { warning: None };

    /// A retryable refusal without a hint for the delay.
    pub fn retry(cause: Cause) -> Self {
        Self::Retry { after: None, cause }
    }

    /// A refusal for good.
    pub fn refused(kind: RefusalKind, message: impl Into<Message>) -> Self {
        Self::Refused(Refusal { kind, message: message.into() })
    }

    /// How many of `records` were delivered under this verdict.
    pub fn delivered(&self, records: u64) -> u64 {
        match self {
            Self::Accepted { .. } => records,
            Self::Partial { rejected, .. } => records.saturating_sub(*rejected),
            Self::Retry { .. } | Self::Refused(_) => 0,
        }
    }
}

/// Why a batch should be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The byte budget, or one peer's share of it, is used up.
    Budget,
    /// The exporter's queue is full.
    QueueFull,
    /// The backend cannot be reached or asks to come again.
    Backend,
    /// The sender's patience ended before the delivery did.
    Deadline,
    /// The process is stopping.
    Shutdown,
    /// An internal fault; the batch was lost before a verdict.
    Lost,
}

/// A refusal for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the sender did wrong.
    pub kind: RefusalKind,
    /// What to tell it.
    pub message: Message,
}

/// The classes of refusals for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The bytes are not the message they claim to be.
    Malformed,
    /// The message is larger than a limit, here or at the backend.
    TooLarge,
    /// The backend refused the data for good (authentication, schema, quota).
    Rejected,
    /// The backend does not know this signal.
    Unimplemented,
}
