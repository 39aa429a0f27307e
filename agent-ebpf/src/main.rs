//! The kernel's side of Medulla: rate limits at ingress, request latency between ingress and egress.
//!
//! Programs for tcx (kernel 6.6) and for the classic hook before it. Ingress looks only at the destination port and egress only at the
//! source port, so a packet on loopback counts once. Ingress limits first and samples what it let
//! through. Every doubt passes: a packet that cannot be parsed, a slot that is missing, a lease that
//! is over, a state that stays contended. A packet that passes goes on to the next program on the
//! hook, so we never overrule a firewall.
//!
//! Each direction exists twice, for links with an Ethernet header and for links without; the loader
//! knows which one a link needs, so no packet pays for the question. Needs `core_intrinsics`,
//! because the target declares no compare-and-swap although every kernel since 5.12 has one.

#![no_std]
#![no_main]
#![allow(internal_features, reason = "the only way to a compare-and-swap on this target")]
#![feature(core_intrinsics)]

mod clock;
mod latency;
mod limit;
mod maps;
mod packet;
mod reflex;
mod run_queue;

use aya_ebpf::macros::{btf_tracepoint, classifier};
use aya_ebpf::programs::{BtfTracePointContext, TcContext};
use kernel_abi::layout::Port;
use packet::{Protocol, Skip};

/// Length of an Ethernet header; the kernel has taken VLAN tags off before tcx.
const ETHERNET: usize = 14;
/// A link whose packets begin with the IP header.
const BARE: usize = 0;

/// `TCX_NEXT`: no verdict of ours, the next program decides.
const NEXT: i32 = -1;
/// `TCX_DROP`.
const DROP: i32 = 2;

/// Ingress on links with an Ethernet header.
#[classifier]
pub fn medulla_in(context: TcContext) -> i32 {
    ingress::<ETHERNET>(&context)
}

/// Ingress on links without one.
#[classifier]
pub fn medulla_in_l3(context: TcContext) -> i32 {
    ingress::<BARE>(&context)
}

/// Egress on links with an Ethernet header.
#[classifier]
pub fn medulla_out(context: TcContext) -> i32 {
    egress::<ETHERNET>(&context)
}

/// Egress on links without one.
#[classifier]
pub fn medulla_out_l3(context: TcContext) -> i32 {
    egress::<BARE>(&context)
}

/// A task that slept can run.
#[btf_tracepoint(function = "sched_wakeup")]
pub fn medulla_wakeup(context: BtfTracePointContext) -> i32 {
    run_queue::woken(&context);
    0
}

/// A task that is new can run.
#[btf_tracepoint(function = "sched_wakeup_new")]
pub fn medulla_new(context: BtfTracePointContext) -> i32 {
    run_queue::woken(&context);
    0
}

/// A CPU changes tasks.
#[btf_tracepoint(function = "sched_switch")]
pub fn medulla_switch(context: BtfTracePointContext) -> i32 {
    run_queue::switched(&context);
    0
}

/// Run once by the loader with `BPF_PROG_TEST_RUN`.
#[classifier]
pub fn medulla_clock(context: TcContext) -> i32 {
    clock::store(&context);
    NEXT
}

/// What measurements are compared with and probes attach.
#[classifier]
pub fn medulla_empty(_: TcContext) -> i32 {
    NEXT
}

#[inline(always)]
fn ingress<const LINK: usize>(context: &TcContext) -> i32 {
    let packet = match packet::parse::<LINK>(context) {
        Ok(packet) => packet,
        Err(skip) => return unseen(skip),
    };
    let port = maps::port(packet.protocol, packet.destination);
    let mut overruled = false;
    if port.limit != 0 {
        let answer = limit::admits(port.limit, &packet, context);
        if !answer.passes {
            return DROP;
        }
        overruled = answer.overrules;
    }
    if port.flags & Port::ARMED != 0 && !overruled && !reflex::admits(port, &packet, context) {
        return DROP;
    }
    if port.watch != 0 && packet.protocol == Protocol::Tcp {
        latency::arrive(port, &packet);
    }
    NEXT
}

#[inline(always)]
fn egress<const LINK: usize>(context: &TcContext) -> i32 {
    if let Ok(packet) = packet::parse::<LINK>(context) {
        let port = maps::port(packet.protocol, packet.source);
        if port.watch != 0 && packet.protocol == Protocol::Tcp {
            latency::leave(port, &packet, context);
        }
    }
    NEXT
}

/// Counts a packet that nobody looked into, and lets it pass.
#[inline(always)]
fn unseen(skip: Skip) -> i32 {
    if !matches!(skip, Skip::Other) {
        maps::count_unseen(skip);
    }
    NEXT
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a program that could get here.
    loop {}
}

/// What the kernel reads to lend GPL-only helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
pub static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
