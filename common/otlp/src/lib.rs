//! OTLP bytes: what they are called, checked, viewed and written, without decoding them.
#![forbid(unsafe_code)]

mod signal;

pub use signal::Signal;
