//! OTLP bytes: what they are called, checked, viewed and written, without decoding them.
//!
//! Invariant: nothing here allocates per record on the way through, knows a socket, a clock or an
//! async runtime, or panics on any bytes.
#![forbid(unsafe_code)]

mod check;
pub mod edit;
pub mod flat;
pub mod json;
mod level;
pub mod reply;
mod schema;
mod signal;
pub mod split;
#[cfg(test)]
mod testing;
pub mod view;
pub mod wire;

pub use check::{Tally, check, check_deep};
pub use schema::MAX_DEPTH;
pub use signal::Signal;
pub use wire::Malformed;
