//! Names of maps and programs: in the object, in bpffs and in `bpftool`.
//!
//! The kernel keeps 15 bytes of a name, so none is longer.

/// `Array<Port>`, indexed by [`crate::layout::port_index`].
pub const PORTS: &str = "MEDULLA_PORTS";
/// `Array<Limit>` by limit slot, written by user space only.
pub const LIMITS: &str = "MEDULLA_LIMITS";
/// `Array<State>` by limit slot, written by the kernel; user space resets it.
pub const STATES: &str = "MEDULLA_STATES";
/// `PerCpuArray<Verdicts>` by limit slot.
pub const VERDICTS: &str = "MEDULLA_VERDICT";
/// `Array<Control>` of one.
pub const CONTROL: &str = "MEDULLA_CONTROL";
/// `Array<Clock>` of one, written by [`CLOCK_PROGRAM`].
pub const CLOCK: &str = "MEDULLA_CLOCK";
/// `PerCpuArray<Unseen>` of one.
pub const UNSEEN: &str = "MEDULLA_UNSEEN";
/// `Array<Watch>` by watch slot, written by user space only.
pub const WATCHES: &str = "MEDULLA_WATCHES";
/// `PerCpuArray<Latency>` by watch slot.
pub const LATENCIES: &str = "MEDULLA_LATENCY";
/// `LruHashMap<Flow, Exchange>`: connections of watched ports.
pub const FLOWS: &str = "MEDULLA_FLOWS";

/// `LruHashMap<Source, u64>`: the TAT of each source of limits that count by source.
pub const SOURCES: &str = "MEDULLA_SOURCES";
/// `Array<Rule>` by watch slot, written by user space only.
pub const RULES: &str = "MEDULLA_RULES";
/// `Array<Watchdog>` by watch slot, written by the kernel; user space resets it.
pub const WATCHDOGS: &str = "MEDULLA_DOGS";
/// `PerCpuArray<Verdicts>` by watch slot: what rules did.
pub const RULE_VERDICTS: &str = "MEDULLA_RULE_VD";
/// `RingBuf` of `Event`.
pub const EVENTS: &str = "MEDULLA_EVENTS";

/// `LruHashMap<u64, u64>`: since when tasks wait for a CPU.
pub const WAKEUPS: &str = "MEDULLA_WAKEUPS";

/// Every pinned map, in the order in which descriptors are handed from keeper to agent.
pub const MAPS: [&str; 16] = [
    PORTS,
    LIMITS,
    STATES,
    VERDICTS,
    CONTROL,
    CLOCK,
    UNSEEN,
    WATCHES,
    LATENCIES,
    FLOWS,
    SOURCES,
    RULES,
    WATCHDOGS,
    RULE_VERDICTS,
    EVENTS,
    WAKEUPS,
];

/// Limits and requests, on links with an Ethernet header (loopback has one too).
pub const INGRESS: &str = "medulla_in";
/// The same on links without one, such as tun and wireguard.
pub const INGRESS_BARE: &str = "medulla_in_l3";
/// Answers, on links with an Ethernet header.
pub const EGRESS: &str = "medulla_out";
/// Answers, on links without one.
pub const EGRESS_BARE: &str = "medulla_out_l3";
/// Stores one reading of the kernel's two clocks; run once, attached nowhere.
pub const CLOCK_PROGRAM: &str = "medulla_clock";

/// Lets everything pass: what a measurement is compared with, and what probes attach.
pub const EMPTY: &str = "medulla_empty";

/// Programs of an investigation and the tracepoints they belong to.
pub const TRACEPOINTS: [(&str, &str); 3] = [
    ("medulla_wakeup", "sched_wakeup"),
    ("medulla_new", "sched_wakeup_new"),
    ("medulla_switch", "sched_switch"),
];

/// Every program of the object for packets.
pub const PROGRAMS: [&str; 6] = [INGRESS, INGRESS_BARE, EGRESS, EGRESS_BARE, CLOCK_PROGRAM, EMPTY];

/// What all our programs' names begin with, to tell them from foreign ones on a hook.
pub const PREFIX: &str = "medulla_";

const _: () = {
    let mut index = 0;
    while index < MAPS.len() {
        assert!(MAPS[index].len() < 16);
        index += 1;
    }
    let mut index = 0;
    while index < PROGRAMS.len() {
        assert!(PROGRAMS[index].len() < 16);
        index += 1;
    }
};
