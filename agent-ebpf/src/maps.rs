//! The maps and the few accesses to them. Layouts and who writes what: `kernel_abi::layout`.

use crate::packet::{Protocol, Skip};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray, RingBuf};
use kernel_abi::layout::{
    Clock, Control, EVENTS_BYTES, Exchange, FLOWS_MAX, Flow, LIMITS_MAX, Latency, Limit, PORTS_MAX,
    Port, SOURCES_MAX, Source, State, Unseen, Verdicts, WAKEUPS_MAX, WATCHES_MAX, Watch,
    port_index,
};
use kernel_abi::reflex::{Rule, Watchdog};

#[map(name = "MEDULLA_PORTS")]
static PORTS: Array<Port> = Array::with_max_entries(PORTS_MAX, 0);
#[map(name = "MEDULLA_LIMITS")]
pub static LIMITS: Array<Limit> = Array::with_max_entries(LIMITS_MAX, 0);
#[map(name = "MEDULLA_STATES")]
pub static STATES: Array<State> = Array::with_max_entries(LIMITS_MAX, 0);
#[map(name = "MEDULLA_VERDICT")]
pub static VERDICTS: PerCpuArray<Verdicts> = PerCpuArray::with_max_entries(LIMITS_MAX, 0);
#[map(name = "MEDULLA_CONTROL")]
static CONTROL: Array<Control> = Array::with_max_entries(1, 0);
#[map(name = "MEDULLA_CLOCK")]
pub static CLOCK: Array<Clock> = Array::with_max_entries(1, 0);
#[map(name = "MEDULLA_UNSEEN")]
static UNSEEN: PerCpuArray<Unseen> = PerCpuArray::with_max_entries(1, 0);
/// Only user space reads and writes it; it stands here to be made and pinned with the others.
#[map(name = "MEDULLA_WATCHES")]
static WATCHES: Array<Watch> = Array::with_max_entries(WATCHES_MAX, 0);
#[map(name = "MEDULLA_LATENCY")]
pub static LATENCIES: PerCpuArray<Latency> = PerCpuArray::with_max_entries(WATCHES_MAX, 0);
#[map(name = "MEDULLA_FLOWS")]
pub static FLOWS: LruHashMap<Flow, Exchange> = LruHashMap::with_max_entries(FLOWS_MAX, 0);
#[map(name = "MEDULLA_SOURCES")]
pub static SOURCES: LruHashMap<Source, u64> = LruHashMap::with_max_entries(SOURCES_MAX, 0);
#[map(name = "MEDULLA_RULES")]
pub static RULES: Array<Rule> = Array::with_max_entries(WATCHES_MAX, 0);
#[map(name = "MEDULLA_DOGS")]
pub static WATCHDOGS: Array<Watchdog> = Array::with_max_entries(WATCHES_MAX, 0);
#[map(name = "MEDULLA_RULE_VD")]
pub static RULE_VERDICTS: PerCpuArray<Verdicts> = PerCpuArray::with_max_entries(WATCHES_MAX, 0);
#[map(name = "MEDULLA_EVENTS")]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(EVENTS_BYTES, 0);

/// When each task that waits for a CPU began to, by its address.
#[map(name = "MEDULLA_WAKEUPS")]
pub static WAKEUPS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(WAKEUPS_MAX, 0);

/// The slots of a port.
#[inline(always)]
pub fn port(protocol: Protocol, port: u16) -> Port {
    match PORTS.get(port_index(protocol, port)) {
        Some(entry) => *entry,
        None => Port { limit: 0, watch: 0, flags: 0 },
    }
}

/// The switches for all limits.
#[inline(always)]
pub fn control() -> u32 {
    match CONTROL.get(0) {
        Some(control) => control.flags,
        None => Control::KILL,
    }
}

/// Counts a packet that ingress could not look into.
#[inline(always)]
pub fn count_unseen(skip: Skip) {
    let Some(unseen) = UNSEEN.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's own value; a program is not preempted by another of its kind on one hook
    // before it ends, and a count lost to nesting does no harm.
    unsafe {
        match skip {
            Skip::Fragment => (*unseen).fragments += 1,
            Skip::Extension => (*unseen).extensions += 1,
            _ => (*unseen).malformed += 1,
        }
    }
}
