//! How long tasks wait for a CPU: from becoming runnable to running.
//!
//! BTF tracepoints of the scheduler, attached only while somebody investigates: a switch is a
//! thousand times more frequent than a request. A task is told by its address, so that no layout of the
//! kernel's structures has to be known; one that is preempted is runnable again at once. More than
//! `WAKEUPS_MAX` waiting tasks push out the least recently woken, whose wait is then not counted.

use crate::latency;
use crate::maps::WAKEUPS;
use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::programs::BtfTracePointContext;
use kernel_abi::layout::RUN_QUEUE;

/// A task has become runnable.
#[inline(always)]
pub fn woken(context: &BtfTracePointContext) {
    wait(task(context, 0));
}

/// A CPU goes from one task to the next.
#[inline(always)]
pub fn switched(context: &BtfTracePointContext) {
    let preempted = context.arg::<u64>(0) & 1 != 0;
    // The tracepoint still runs in the task that leaves; number 0 is the idle task, which never waits.
    if preempted && context.pid() != 0 {
        wait(task(context, 1));
    }
    let next = task(context, 2);
    let Some(since) = WAKEUPS.get_ptr(&next) else { return };
    // SAFETY: the pointer came from the map; an element that is reused meanwhile gives a wrong wait
    // of a task that was woken twice.
    let since_ns = unsafe { *since };
    // It is gone already when another CPU was faster.
    let _ = WAKEUPS.remove(&next);
    if let Some(waits) = latency::of_slot(RUN_QUEUE) {
        // SAFETY: a helper without arguments.
        let now_ns = unsafe { bpf_ktime_get_ns() };
        latency::sample(now_ns.saturating_sub(since_ns), waits);
    }
}

#[inline(always)]
fn wait(task: u64) {
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    // A map that is full of waiting tasks makes room by itself.
    let _ = WAKEUPS.insert(&task, &now_ns, 0);
}

/// The address of a task that the tracepoint was given.
#[inline(always)]
fn task(context: &BtfTracePointContext, argument: usize) -> u64 {
    context.arg::<*const u8>(argument) as u64
}
