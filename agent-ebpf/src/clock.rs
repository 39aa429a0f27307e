//! One reading of jiffies and the monotonic clock, so that user space can write leases in jiffies.

use crate::maps::CLOCK;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::programs::TcContext;
use aya_log_ebpf::debug;
use kernel_abi::layout::Clock;

/// Stores the reading and says so: the one log line of the programs, written at load time only, since
/// a record costs 85 ns.
#[inline(always)]
pub fn store(context: &TcContext) {
    // SAFETY: helpers without arguments.
    let reading = unsafe { Clock { jiffies: bpf_jiffies64(), monotonic_ns: bpf_ktime_get_ns() } };
    // The one element exists, so this cannot fail.
    let _ = CLOCK.set(0, reading, 0);
    debug!(context, "jiffies {} at {} ns", reading.jiffies, reading.monotonic_ns);
}
