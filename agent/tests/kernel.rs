//! Promises of the kernel's side, on this machine's kernel: private network namespaces joined by a
//! veth pair, private bpffs. Needs root and a binary built with the programs; says so otherwise.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers too")]

#[path = "kernel/frames.rs"]
mod frames;
#[path = "kernel/lab.rs"]
mod lab;
#[path = "kernel/latency.rs"]
mod latency;
#[path = "kernel/limits.rs"]
mod limits;
#[path = "kernel/pins.rs"]
mod pins;
#[path = "kernel/programs.rs"]
mod programs;
#[path = "kernel/reflex.rs"]
mod reflex;
#[path = "kernel/run_queue.rs"]
mod run_queue;
#[path = "kernel/units.rs"]
mod units;
