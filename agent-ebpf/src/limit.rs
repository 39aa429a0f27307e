//! The limiter: lease, then clock, then one compare-and-swap.
//!
//! Cheapest question first: a lease that is over costs no clock read (jiffies are a load), and a
//! refusal writes only this CPU's counter.

use crate::maps::{self, LIMITS, STATES, VERDICTS};
use crate::packet::{ACK, Packet, Protocol, SYN};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::programs::TcContext;
use core::intrinsics::{AtomicOrdering, atomic_cxchg};
use core::ptr;
use kernel_abi::layout::{Control, Limit, State, Unit, Verdicts};
use kernel_abi::{gcra, limit::cost};

/// Attempts at the state before the packet passes. Two CPUs at 1.2 million packets/s never needed
/// more than these.
const ATTEMPTS: u32 = 8;

const CONNECTIONS: u8 = Unit::Connections as u8;

enum Decision {
    Admitted,
    Refused,
    Contended,
}

/// Whether the packet may pass the limit in this slot.
#[inline(always)]
pub fn admits(slot: u16, packet: &Packet, context: &TcContext) -> bool {
    let slot = u32::from(slot);
    let (Some(limit), Some(verdicts)) = (LIMITS.get(slot), VERDICTS.get_ptr_mut(slot)) else {
        return true;
    };
    let control = maps::control();
    if control & Control::KILL != 0 {
        return true;
    }
    let Some(units) = units(limit, packet, context) else { return true };
    // SAFETY: `verdicts` is this CPU's own value.
    let verdicts = unsafe { &mut *verdicts };
    // SAFETY: a helper without arguments.
    if unsafe { bpf_jiffies64() } >= limit.lease_end {
        verdicts.expired += u64::from(units);
        return true;
    }
    let dry_run = control & Control::DRY_RUN != 0 || limit.flags & Limit::DRY_RUN != 0;
    enforce(slot, limit, units, verdicts) || dry_run
}

/// What the packet counts for; `None` when it is not what the limit counts.
#[inline(always)]
fn units(limit: &Limit, packet: &Packet, context: &TcContext) -> Option<u32> {
    if limit.unit == CONNECTIONS {
        let opens = packet.protocol == Protocol::Tcp && packet.flags & (SYN | ACK) == SYN;
        return if opens { Some(1) } else { None };
    }
    Some(segments(packet, context))
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

#[inline(always)]
fn enforce(slot: u32, limit: &Limit, units: u32, verdicts: &mut Verdicts) -> bool {
    let units_wide = u64::from(units);
    match decide(slot, limit, units) {
        Decision::Admitted => verdicts.passed += units_wide,
        Decision::Contended => {
            verdicts.passed += units_wide;
            verdicts.contended += units_wide;
        }
        Decision::Refused => {
            verdicts.dropped += units_wide;
            return false;
        }
    }
    true
}

#[inline(always)]
fn decide(slot: u32, limit: &Limit, units: u32) -> Decision {
    let Some(state) = STATES.get_ptr_mut(slot) else { return Decision::Contended };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() } << 4;
    let cost = cost(units, limit.interval);
    for _ in 0..ATTEMPTS {
        // SAFETY: the pointer came from the map and was checked; the word is shared between CPUs
        // and only ever read whole and replaced by the compare-and-swap below.
        let tat = unsafe { ptr::read_volatile(&raw const (*state).tat) };
        match gcra::admit(tat, now, cost, limit.window) {
            None => return Decision::Refused,
            Some(next) if swap(state, tat, next) => return Decision::Admitted,
            Some(_) => {}
        }
    }
    Decision::Contended
}

/// One 64-bit compare-and-swap.
#[inline(always)]
fn swap(state: *mut State, old: u64, new: u64) -> bool {
    const RELAXED: AtomicOrdering = AtomicOrdering::Relaxed;
    // SAFETY: as above.
    unsafe { atomic_cxchg::<u64, RELAXED, RELAXED>(&raw mut (*state).tat, old, new).1 }
}
