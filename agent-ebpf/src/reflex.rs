//! The kernel reflex: latency samples of an armed port judged where they arise, and the limit that they
//! begin. What is decided, and why, stands in `kernel_abi::reflex`.

use crate::limit::{self, Pace};
use crate::maps::{self, EVENTS, RULE_VERDICTS, RULES, WATCHDOGS};
use crate::packet::Packet;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::programs::TcContext;
use core::intrinsics::{AtomicOrdering, atomic_xadd, atomic_xchg};
use core::ptr;
use kernel_abi::layout::{Control, Flow, Port};
use kernel_abi::reflex::{self, Event, Rule, Sample, Verdict, Watchdog};

/// Whether a packet to an armed port may pass the limit that its rule may have begun.
#[inline(always)]
pub fn admits(port: Port, packet: &Packet, context: &TcContext) -> bool {
    let slot = u32::from(port.watch);
    let (Some(rule), Some(dog)) = (RULES.get(slot), WATCHDOGS.get_ptr_mut(slot)) else {
        return true;
    };
    // SAFETY: the pointer came from the map and was checked; another CPU may begin a lease meanwhile.
    let lease_end = unsafe { ptr::read_volatile(&raw const (*dog).lease_end) };
    // SAFETY: a helper without arguments.
    if unsafe { bpf_jiffies64() } >= lease_end || rule.flags & Rule::VETO != 0 {
        return true;
    }
    let control = maps::control();
    let Some(units) = limit::units(rule.unit() as u8, packet, context) else { return true };
    let Some(verdicts) = RULE_VERDICTS.get_ptr_mut(slot) else { return true };
    if control & Control::KILL != 0 {
        return true;
    }
    let pace = Pace { interval: rule.interval, window: rule.window };
    let dry_run = control & Control::DRY_RUN != 0 || rule.flags & Rule::DRY_RUN != 0;
    // SAFETY: a word of the map, and this CPU's own counters.
    unsafe { limit::passes(&raw mut (*dog).tat, pace, units, &mut *verdicts) || dry_run }
}

/// A request has begun.
#[inline(always)]
pub fn opened(port: Port) {
    add(port, 1);
}

/// A request will have no answer.
#[inline(always)]
pub fn abandoned(port: Port) {
    add(port, u64::MAX);
}

/// A request was answered: one sample.
#[inline(always)]
pub fn answered(port: Port, flow: &Flow, value_ns: u64, now_ns: u64) {
    let slot = u32::from(port.watch);
    let (Some(rule), Some(dog)) = (RULES.get(slot), WATCHDOGS.get_ptr_mut(slot)) else { return };
    // SAFETY: the pointer came from the map and was checked.
    let (busy, open) =
        unsafe { (&raw mut (*dog).busy, ptr::read_volatile(&raw const (*dog).open)) };
    // The answered one is among the open ones until now.
    abandoned(port);
    if !limit::swap(busy, 0, 1) {
        return;
    }
    // A count that began while requests were open may be below zero.
    let in_flight = if open.cast_signed() < 0 { 0 } else { open };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_jiffies64() };
    let sample = Sample { value_ns, flow: identity(flow), in_flight, now };
    // SAFETY: the words behind `busy` are ours until it is 0 again.
    let dog = unsafe { &mut *dog };
    let threshold_ns = reflex::threshold_ns(dog, rule);
    let verdict = reflex::observe(dog, rule, &sample);
    if verdict != Verdict::Quiet {
        tell(dog, rule, &sample, verdict, threshold_ns, now_ns);
    }
    const RELEASE: AtomicOrdering = AtomicOrdering::SeqCst;
    // SAFETY: a word of the map.
    unsafe { atomic_xchg::<u64, RELEASE>(busy, 0) };
}

/// Puts an event into the ring; when that is full it is lost, and the lease is what it is.
#[inline(always)]
fn tell(
    dog: &Watchdog,
    rule: &Rule,
    sample: &Sample,
    verdict: Verdict,
    threshold_ns: u64,
    at_ns: u64,
) {
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else { return };
    entry.write(Event {
        at_ns,
        generation: rule.generation,
        sample_ns: sample.value_ns,
        threshold_ns,
        mean_ns: dog.mean_ns,
        in_flight: sample.in_flight,
        breaches: reflex::breaches(dog, rule).0,
        requests_per_s: reflex::requests_per_s(dog),
        arms: dog.arms,
        port: rule.port,
        kind: if verdict == Verdict::Armed { Event::ARMED } else { Event::ENDED },
        flags: rule.flags,
    });
    entry.submit(0);
}

/// Changes the count of open requests.
#[inline(always)]
fn add(port: Port, by: u64) {
    const RELAXED: AtomicOrdering = AtomicOrdering::Relaxed;
    if let Some(dog) = WATCHDOGS.get_ptr_mut(u32::from(port.watch)) {
        // SAFETY: a word of the map.
        unsafe { atomic_xadd::<u64, u64, RELAXED>(&raw mut (*dog).open, by) };
    }
}

/// Tells a connection from others, nearly always.
#[inline(always)]
fn identity(flow: &Flow) -> u32 {
    let address = flow.remote[0] ^ flow.remote[1] ^ flow.remote[2] ^ flow.remote[3];
    (address ^ (u32::from(flow.remote_port) << 8)).wrapping_mul(0x9e37_79b1)
}
