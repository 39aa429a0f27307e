//! Values of the maps: `repr(C)`, fixed size, no padding, zero is always "nothing".
//!
//! Who writes what is part of the layout. Words that user space writes ([`Port`], [`Limit`],
//! [`Watch`], [`Control`]) are never written by the kernel, and what the kernel writes is only read,
//! or reset while nothing points to it. Counters only grow; readers take differences.

/// Limit slots, of which slot 0 means "none": 255 limits at once.
pub const LIMITS_MAX: u32 = 256;
/// Watch slots, of which slot 0 means "none": 63 watched ports at once.
pub const WATCHES_MAX: u32 = 64;
/// Entries of the port table: 65536 for each [`Protocol`].
pub const PORTS_MAX: u32 = 1 << 17;
/// Connections of watched ports that are followed at once; the least recently used gives way.
pub const FLOWS_MAX: u32 = 1 << 15;
/// Source addresses that limits which count by source remember at once, of all of them together; the
/// least recently used gives way and begins with a fresh burst.
pub const SOURCES_MAX: u32 = 1 << 16;
/// Tasks that wait for a CPU at once and are timed.
pub const WAKEUPS_MAX: u32 = 1 << 14;
/// The watch slot of no port: its latencies are the waits of tasks for a CPU.
pub const RUN_QUEUE: u32 = 0;
/// Bytes of the ring of reflex events: 600 of them.
pub const EVENTS_BYTES: u32 = 1 << 16;
/// Buckets of a latency histogram, see [`crate::histogram`].
pub const BUCKETS: usize = 252;

/// Classes of an HTTP status.
pub const STATUS_CLASSES: usize = 5;

/// A transport protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// TCP.
    Tcp = 0,
    /// UDP.
    Udp = 1,
}

/// What one unit of a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unit {
    /// A TCP segment with SYN and without ACK.
    Connections = 0,
    /// A packet as the sender sent it: an aggregate counts as its segments.
    Packets = 1,
    /// A byte as the sender sent it, from the link's header on; an aggregate's headers count for
    /// each of its segments.
    Bytes = 2,
}

/// Where a port's entry lies in the port table.
#[inline(always)]
pub const fn port_index(protocol: Protocol, port: u16) -> u32 {
    ((protocol as u32) << 16) | port as u32
}

/// One port's slots. Four bytes, so that it is replaced in one store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Port {
    /// Slot in the limit maps, 0 for none.
    pub limit: u16,
    /// Slot in the watch maps, 0 for none.
    pub watch: u8,
    /// [`Port::TLS`], [`Port::HTTP`], [`Port::ARMED`].
    pub flags: u8,
}

impl Port {
    /// The first exchange of a connection is a TLS handshake and no request.
    pub const TLS: u8 = 1;
    /// Answers are looked into for an HTTP/1 status.
    pub const HTTP: u8 = 2;
    /// A rule stands in the watch slot, see [`crate::reflex`].
    pub const ARMED: u8 = 4;
}

/// A limit as user space wants it. The lease comes last to be valid on its own: a program that
/// reads between two words sees either lease, and with it either rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Limit {
    /// Time per unit in 2^-16 ns, see [`crate::limit::interval`].
    pub interval: u64,
    /// Burst as time in 1/16 ns, see [`crate::limit::window`].
    pub window: u64,
    /// The rate that `interval` was made from, for adoption: units per hour.
    pub rate_per_hour: u64,
    /// Chosen by user space to tell its own entries again after a restart.
    pub generation: u64,
    /// The burst that `window` was made from, in units.
    pub burst: u32,
    /// [`Limit::DRY_RUN`], [`Limit::PER_SOURCE`], [`Limit::OVERRULES`].
    pub flags: u32,
    /// The port, for adoption.
    pub port: u16,
    /// A [`Protocol`].
    pub protocol: u8,
    /// A [`Unit`].
    pub unit: u8,
    /// Another one whenever the limit begins afresh, so that a source's old state is left behind.
    pub epoch: u32,
    /// Jiffies at which the limit ends by itself; 0 is long past.
    pub lease_end: u64,
}

impl Limit {
    /// Count what would be dropped, and drop nothing.
    pub const DRY_RUN: u32 = 1;
    /// Every source address has the whole rate: an IPv4 address, an IPv6 /64.
    pub const PER_SOURCE: u32 = 2;
    /// While it lives, a rule armed on the port enforces nothing.
    pub const OVERRULES: u32 = 4;
}

/// A source of a limit that counts by source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Source {
    /// The address as on the wire, IPv4 in the last word; of IPv6 the first two words.
    pub address: [u32; 4],
    /// The limit's.
    pub epoch: u32,
}

/// What the limiter remembers of a limit; alone on its cache line, since every packet writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct State {
    /// Theoretical arrival time of GCRA in 1/16 ns of the monotonic clock.
    pub tat: u64,
    /// Fills the cache line.
    pub reserved: [u64; 7],
}

/// What happened to the units of a limit, per CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Verdicts {
    /// Units admitted.
    pub passed: u64,
    /// Units dropped, or in a dry run counted as if.
    pub dropped: u64,
    /// Units that passed because the lease was over.
    pub expired: u64,
    /// Units that passed because the state stayed contended; part of `passed`.
    pub contended: u64,
}

impl Verdicts {
    /// Adds another CPU's counts.
    pub const fn add(&mut self, other: &Self) {
        self.passed = self.passed.wrapping_add(other.passed);
        self.dropped = self.dropped.wrapping_add(other.dropped);
        self.expired = self.expired.wrapping_add(other.expired);
        self.contended = self.contended.wrapping_add(other.contended);
    }
}

/// Switches for all limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Control {
    /// [`Control::KILL`], [`Control::DRY_RUN`].
    pub flags: u32,
    /// [`crate::ABI`] of who wrote it.
    pub abi: u32,
}

impl Control {
    /// Nothing is limited and nothing counted.
    pub const KILL: u32 = 1;
    /// Every limit is a dry run.
    pub const DRY_RUN: u32 = 2;
}

/// One reading of two clocks at once. Jiffies follow the monotonic clock in fixed ticks, so one
/// reading and the length of a tick tell jiffies for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Clock {
    /// `bpf_jiffies64`.
    pub jiffies: u64,
    /// `bpf_ktime_get_ns`, which is `CLOCK_MONOTONIC`.
    pub monotonic_ns: u64,
}

/// Packets that ingress could not look into; they pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Unseen {
    /// IPv4 fragments other than the first.
    pub fragments: u64,
    /// IPv6 packets whose transport header stands behind extension headers.
    pub extensions: u64,
    /// Headers cut short or contradictory.
    pub malformed: u64,
}

/// A watched port, so that a restarted agent finds its slots again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Watch {
    /// The TCP port; 0 for a free slot.
    pub port: u16,
    /// Zero.
    pub reserved: [u8; 6],
}

/// What a watched port has seen, per CPU. In flight is `requests - answered - abandoned`, summed
/// over CPUs; one CPU alone may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Latency {
    /// Requests begun.
    pub requests: u64,
    /// Requests whose first answer byte has left: the samples of the histogram.
    pub answered: u64,
    /// Requests whose connection ended before an answer.
    pub abandoned: u64,
    /// Connections opened, retransmissions counted once.
    pub connections: u64,
    /// Sum of all samples.
    pub sum_ns: u64,
    /// Samples at or below [`crate::histogram::ZERO_NS`].
    pub zeros: u64,
    /// Segments with bytes that had been seen before, in both directions.
    pub retransmits: u64,
    /// Connections that either side reset.
    pub resets: u64,
    /// Connections that were not remembered when an answer left, or could not be: each has cost at least a sample.
    pub lost: u64,
    /// Answers by the class of their HTTP/1 status, 1xx to 5xx; needs [`Port::HTTP`].
    pub statuses: [u64; STATUS_CLASSES],
    /// Samples by [`crate::histogram::slot`].
    pub buckets: [u64; BUCKETS],
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            requests: 0,
            answered: 0,
            abandoned: 0,
            connections: 0,
            sum_ns: 0,
            zeros: 0,
            retransmits: 0,
            resets: 0,
            lost: 0,
            statuses: [0; STATUS_CLASSES],
            buckets: [0; BUCKETS],
        }
    }
}

impl Latency {
    /// Adds another CPU's counts.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.wrapping_add(other.requests);
        self.answered = self.answered.wrapping_add(other.answered);
        self.abandoned = self.abandoned.wrapping_add(other.abandoned);
        self.connections = self.connections.wrapping_add(other.connections);
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        self.zeros = self.zeros.wrapping_add(other.zeros);
        self.retransmits = self.retransmits.wrapping_add(other.retransmits);
        self.resets = self.resets.wrapping_add(other.resets);
        self.lost = self.lost.wrapping_add(other.lost);
        for (class, more) in self.statuses.iter_mut().zip(&other.statuses) {
            *class = class.wrapping_add(*more);
        }
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.wrapping_add(*more);
        }
    }

    /// Requests begun and not answered, of a sum over all CPUs. CPUs are read one after the other,
    /// so an answer may be seen before its request.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.requests.saturating_sub(self.answered.saturating_add(self.abandoned))
    }
}

/// A connection as seen from this host. IPv4 addresses stand in the last word, the others are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Flow {
    /// The address of the other side, as on the wire.
    pub remote: [u32; 4],
    /// Our address, as on the wire.
    pub local: [u32; 4],
    /// The port of the other side.
    pub remote_port: u16,
    /// Our port.
    pub local_port: u16,
}

/// Where a connection's requests and answers stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Exchange {
    /// When the open request's first byte came; 0 when none is open.
    pub opened_ns: u64,
    /// The sequence number after the last byte that came.
    pub next_in: u32,
    /// The sequence number after the last byte that left.
    pub next_out: u32,
    /// [`Exchange::ANSWERED`], [`Exchange::HANDSHAKE`], [`Exchange::JOINED`].
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

impl Exchange {
    /// `next_out` is known.
    pub const ANSWERED: u32 = 1;
    /// The open exchange is a TLS handshake.
    pub const HANDSHAKE: u32 = 2;
    /// It was met by an answer: `next_in` is not known yet.
    pub const JOINED: u32 = 4;
}

const _: () = {
    assert!(size_of::<Port>() == 4);
    assert!(size_of::<Limit>() == 56);
    assert!(size_of::<State>() == 64);
    assert!(size_of::<Verdicts>() == 32);
    assert!(size_of::<Control>() == 8);
    assert!(size_of::<Clock>() == 16);
    assert!(size_of::<Unseen>() == 24);
    assert!(size_of::<Watch>() == 8);
    assert!(size_of::<Latency>() == 72 + 8 * (STATUS_CLASSES + BUCKETS));
    assert!(size_of::<Flow>() == 36);
    assert!(size_of::<Source>() == 20);
    assert!(size_of::<Exchange>() == 24);
    assert!(LIMITS_MAX <= 1 << 16 && WATCHES_MAX <= 1 << 8);
};
