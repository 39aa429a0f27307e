//! Why records and requests do not arrive, and what the reasons are called in metrics.

use std::sync::atomic::AtomicU64;

/// Why an accepted record did not arrive (`medulla_dropped_items`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// A processor could not read it.
    Malformed,
    /// It could not be made small enough.
    TooLarge,
    /// A condition of the configuration said so.
    Filtered,
    /// A sampler left it out.
    Sampled,
    /// A routing table had no place for it.
    NoRoute,
    /// A queue nobody waits for tried for `max_elapsed_time`.
    RetryExhausted,
    /// The backend refused it for good.
    RejectedByBackend,
    /// Another branch of a fan-out had it delivered; this one refused it.
    BranchRefused,
    /// The process ended before it could be delivered.
    Shutdown,
    /// An internal fault.
    Error,
}

/// Why a request was refused whole (`medulla_refused_requests`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseReason {
    /// The byte budget, or the peer's share, was used up.
    Budget,
    /// Not the message it claimed to be, or not inflatable.
    Malformed,
    /// Over a size limit.
    TooLarge,
    /// The sender stalled, or went away in the middle of the body.
    Stalled,
    /// A content type, coding, method or path we do not serve.
    Unsupported,
    /// The process is stopping.
    Shutdown,
}

pub(super) const DROPS: [(DropReason, &str); 10] = [
    (DropReason::Malformed, "malformed"),
    (DropReason::TooLarge, "too_large"),
    (DropReason::Filtered, "filtered"),
    (DropReason::Sampled, "sampled"),
    (DropReason::NoRoute, "no_route"),
    (DropReason::RetryExhausted, "retry_exhausted"),
    (DropReason::RejectedByBackend, "rejected_by_backend"),
    (DropReason::BranchRefused, "branch_refused"),
    (DropReason::Shutdown, "shutdown"),
    (DropReason::Error, "error"),
];

/// One counter per reason, in the order of [`DROPS`].
pub(super) type Drops = [AtomicU64; DROPS.len()];

pub(super) const REFUSALS: [(RefuseReason, &str); 6] = [
    (RefuseReason::Budget, "budget"),
    (RefuseReason::Malformed, "malformed"),
    (RefuseReason::TooLarge, "too_large"),
    (RefuseReason::Stalled, "stalled"),
    (RefuseReason::Unsupported, "unsupported"),
    (RefuseReason::Shutdown, "shutdown"),
];
