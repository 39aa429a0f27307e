//! What the kernel programs and user space must agree on, byte for byte and decision for decision.
//!
//! [`layout`] has the map values, [`names`] the names of maps and programs, [`gcra`] the one
//! decision of the limiter, [`limit`] the integer maths of rates, bursts and leases, [`histogram`]
//! the index of a latency, [`reflex`] what arms a limit in the kernel itself. The same functions are compiled for `bpfel-unknown-none`, for the agent
//! and for the fake kernel of its tests, so that what is tested is what runs.
//!
//! Invariants: no std, no allocation, no floats, no dependency; every layout has a fixed size,
//! asserted here, and no hidden padding. A layout that changes takes a new [`ABI`].

#![no_std]
#![forbid(unsafe_code)]

pub mod gcra;
pub mod histogram;
pub mod layout;
pub mod limit;
pub mod names;
pub mod reflex;

/// Version of everything in this crate. Pins live in a folder of this number, so that an agent
/// meets only maps it understands.
pub const ABI: u32 = 2;
