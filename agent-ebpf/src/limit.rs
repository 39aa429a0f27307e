//! The limiter: lease, then clock, then one compare-and-swap.
//!
//! Cheapest question first: a lease that is over costs no clock read (jiffies are a load), and a
//! refusal writes only this CPU's counter. A limit by source keeps a TAT for each of the last
//! `SOURCES_MAX` addresses; one that was pushed out begins with a fresh burst.

use crate::maps::{self, LIMITS, SOURCES, STATES, VERDICTS};
use crate::packet::{ACK, Packet, Protocol, SYN};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::programs::TcContext;
use core::intrinsics::{AtomicOrdering, atomic_cxchg};
use core::ptr;
use kernel_abi::layout::{Control, Limit, Source, Unit, Verdicts};
use kernel_abi::{gcra, limit::cost};

/// Attempts at the state before the packet passes. Two CPUs at 1.2 million packets/s never needed
/// more than these.
const ATTEMPTS: u32 = 8;

const CONNECTIONS: u8 = Unit::Connections as u8;
const BYTES: u8 = Unit::Bytes as u8;

/// A limit's rate as the decision takes it.
#[derive(Clone, Copy)]
pub struct Pace {
    pub interval: u64,
    pub window: u64,
}

enum Decision {
    Admitted,
    Refused,
    Contended,
}

/// What a limit says to a packet.
pub struct Answer {
    pub passes: bool,
    /// A live limit that a rule of the kernel has to give way to.
    pub overrules: bool,
}

const PASS: Answer = Answer { passes: true, overrules: false };

/// Whether the packet may pass the limit in this slot.
#[inline(always)]
pub fn admits(slot: u16, packet: &Packet, context: &TcContext) -> Answer {
    let slot = u32::from(slot);
    let (Some(limit), Some(verdicts)) = (LIMITS.get(slot), VERDICTS.get_ptr_mut(slot)) else {
        return PASS;
    };
    let control = maps::control();
    if control & Control::KILL != 0 {
        return PASS;
    }
    let overrules = limit.flags & Limit::OVERRULES != 0;
    // SAFETY: a helper without arguments.
    let live = unsafe { bpf_jiffies64() } < limit.lease_end;
    let Some(units) = units(limit.unit, packet, context) else {
        return Answer { passes: true, overrules: overrules && live };
    };
    // SAFETY: `verdicts` is this CPU's own value.
    let verdicts = unsafe { &mut *verdicts };
    if !live {
        verdicts.expired += u64::from(units);
        return PASS;
    }
    let dry_run = control & Control::DRY_RUN != 0 || limit.flags & Limit::DRY_RUN != 0;
    let pace = Pace { interval: limit.interval, window: limit.window };
    let decision = if limit.flags & Limit::PER_SOURCE != 0 {
        decide_by_source(limit.epoch, packet, pace, units)
    } else {
        match STATES.get_ptr_mut(slot) {
            // SAFETY: the pointer came from the map and was checked.
            Some(state) => decide(unsafe { &raw mut (*state).tat }, pace, units),
            None => Decision::Contended,
        }
    };
    Answer { passes: record(&decision, units, verdicts) || dry_run, overrules }
}

/// Whether units may pass a limit whose state is this word; counts them.
#[inline(always)]
pub fn passes(tat: *mut u64, pace: Pace, units: u32, verdicts: &mut Verdicts) -> bool {
    record(&decide(tat, pace, units), units, verdicts)
}

/// What the packet counts for; `None` when it is not what the limit counts.
#[inline(always)]
pub fn units(unit: u8, packet: &Packet, context: &TcContext) -> Option<u32> {
    match unit {
        CONNECTIONS => {
            let opens = packet.protocol == Protocol::Tcp && packet.flags & (SYN | ACK) == SYN;
            if opens { Some(1) } else { None }
        }
        BYTES => Some(bytes(packet, context)),
        _ => Some(segments(packet, context)),
    }
}

/// The bytes that this packet was on the wire: an aggregate has lost all headers but one.
#[inline(always)]
fn bytes(packet: &Packet, context: &TcContext) -> u32 {
    let length = context.len();
    let headers = length.saturating_sub(packet.payload);
    length.saturating_add(segments(packet, context).saturating_sub(1).saturating_mul(headers))
}

/// The packets that this one was on the wire.
#[inline(always)]
fn segments(packet: &Packet, context: &TcContext) -> u32 {
    // SAFETY: the context is valid for the length of the program.
    let (segments, size) = unsafe { ((*context.skb.skb).gso_segs, (*context.skb.skb).gso_size) };
    if segments > 0 {
        return segments;
    }
    // A guest's virtio device knows the size of segments but not how many they are.
    if size > 0 { packet.payload.div_ceil(size).max(1) } else { 1 }
}

/// Counts a decision; false for a refusal.
#[inline(always)]
fn record(decision: &Decision, units: u32, verdicts: &mut Verdicts) -> bool {
    let units = u64::from(units);
    match decision {
        Decision::Admitted => verdicts.passed += units,
        Decision::Contended => {
            verdicts.passed += units;
            verdicts.contended += units;
        }
        Decision::Refused => {
            verdicts.dropped += units;
            return false;
        }
    }
    true
}

#[inline(always)]
fn decide(tat: *mut u64, pace: Pace, units: u32) -> Decision {
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() } << 4;
    let cost = cost(units, pace.interval);
    for _ in 0..ATTEMPTS {
        // SAFETY: a pointer into a map, checked by whoever gave it; the word is shared between CPUs
        // and only ever read whole and replaced by the compare-and-swap below.
        let old = unsafe { ptr::read_volatile(tat) };
        match gcra::admit(old, now, cost, pace.window) {
            None => return Decision::Refused,
            Some(next) if swap(tat, old, next) => return Decision::Admitted,
            Some(_) => {}
        }
    }
    Decision::Contended
}

/// One 64-bit compare-and-swap.
#[inline(always)]
pub fn swap(word: *mut u64, old: u64, new: u64) -> bool {
    const RELAXED: AtomicOrdering = AtomicOrdering::Relaxed;
    // SAFETY: as above.
    unsafe { atomic_cxchg::<u64, RELAXED, RELAXED>(word, old, new).1 }
}

/// The same with the state of the packet's source.
#[inline(always)]
fn decide_by_source(epoch: u32, packet: &Packet, pace: Pace, units: u32) -> Decision {
    let source = source(epoch, packet);
    if let Some(tat) = SOURCES.get_ptr_mut(&source) {
        return decide(tat, pace, units);
    }
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() } << 4;
    match gcra::admit(0, now, cost(units, pace.interval), pace.window) {
        // Two first packets at the same time may both be the first: a unit more, once.
        Some(next) if SOURCES.insert(&source, next, 0).is_ok() => Decision::Admitted,
        _ => Decision::Contended,
    }
}

/// IPv4 addresses begin with three zero words; of others the last two are the host's own choice.
#[inline(always)]
fn source(epoch: u32, packet: &Packet) -> Source {
    let [first, second, third, _] = packet.source_address;
    if first | second | third == 0 {
        return Source { address: packet.source_address, epoch };
    }
    Source { address: [first, second, 0, 0], epoch }
}
