//! OTLP bytes: what they are called, checked, viewed and written, without decoding them.
//!
//! Invariant: nothing here allocates per record on the way through, knows a socket, a clock or an
//! async runtime, or panics on any bytes.
#![forbid(unsafe_code)]

mod check;
pub mod reply;
mod signal;
pub mod wire;

pub use check::{Tally, check};
pub use signal::Signal;
pub use wire::Malformed;
