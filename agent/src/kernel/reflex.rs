//! Rules that the kernel judges itself: what user space arms, and what it hears of it.
//!
//! [`Arm`] goes in by `SharedMaps::arm`, [`Event`]s come out by `SharedMaps::next_event`, [`Armed`] says how a
//! rule stands. The judgement is `kernel_abi::reflex`, the same code in the program and in the fake
//! kernel of tests. A live limit that overrules (of an operator or the fleet) suspends what an armed
//! rule enforces on its port; a rule's own limit stands beside it, and the stricter shows.

use super::{Unit, Verdicts};
use std::time::Duration;

/// Most samples that a breach is judged over.
pub const OF_MAX: u8 = kernel_abi::reflex::RING as u8;

/// A rule to be armed on a TCP port, which must be watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The port.
    pub port: u16,
    /// Connections or packets.
    pub unit: Unit,
    /// The limit's rate.
    pub rate_per_hour: u64,
    /// Units that may come at once.
    pub burst: u32,
    /// How long the limit holds once it has begun.
    pub lease: Duration,
    /// A sample below this is never too slow.
    pub floor: Duration,
    /// Mean absolute deviations above the mean that are too slow; half the mean at the least.
    pub deviations: u8,
    /// So many breaches ...
    pub need: u8,
    /// ... among so many samples, at most [`OF_MAX`].
    pub of: u8,
    /// Samples before the learned baseline counts; 64 at the least.
    pub samples_min: u32,
    /// Load is so many open requests ...
    pub in_flight_min: u32,
    /// ... or so many answers in a second. Without either, slow answers begin nothing.
    pub requests_per_s_min: u32,
    /// After the end of a lease none begins for so long.
    pub cooldown: Duration,
    /// Leases in any hour.
    pub arms_per_hour_max: u16,
    /// Count what would be dropped, and drop nothing.
    pub dry_run: bool,
    /// User space forbids it to act.
    pub vetoed: bool,
    /// Chosen by user space; it comes back in events. The same one again keeps what was learned.
    pub generation: u64,
}

/// How an armed rule stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Armed {
    /// The rule's.
    pub generation: u64,
    /// The limit's rate.
    pub rate_per_hour: u64,
    /// Units that may come at once.
    pub burst: u32,
    /// What is left of a lease; `None` while no limit holds.
    pub lease: Option<Duration>,
    /// Whether user space forbids it.
    pub vetoed: bool,
    /// Leases begun since it was armed.
    pub arms: u32,
    /// Samples learned from.
    pub samples: u64,
    /// Their mean.
    pub mean: Duration,
    /// Above this a sample is a breach.
    pub threshold: Duration,
    /// What its limit did.
    pub verdicts: Verdicts,
}

/// What happened to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Its limit holds from now on.
    Armed,
    /// The lease was over when the next sample came.
    Ended,
}

/// Something that happened to a rule in the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// What.
    pub happened: Happened,
    /// The port.
    pub port: u16,
    /// The rule's.
    pub generation: u64,
    /// How long ago.
    pub age: Duration,
    /// The deciding sample.
    pub sample: Duration,
    /// What it was compared with.
    pub threshold: Duration,
    /// The mean of what was learned.
    pub mean: Duration,
    /// Open requests.
    pub in_flight: u64,
    /// Answers in a second.
    pub requests_per_s: u32,
    /// Breaches among the last samples.
    pub breaches: u32,
    /// Leases begun since it was armed.
    pub arms: u32,
}
