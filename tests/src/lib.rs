//! The harness of the black-box tests: real binaries between scripted senders and sinks.
//!
//! A test reads as start a sink, start Medulla, send, assert. Everything runs on loopback with port
//! 0, learns its ports from the `listening COMPONENT ADDRESS` log lines, keeps its files in folders
//! of its own, and is reaped by process id when it goes out of scope, children included. Every wait
//! is bounded by [`PATIENCE`] and says what it waited for.
//!
//! The binaries come from the folder `MEDULLA_BIN_DIR` names (`cargo xtask test` sets it). Without
//! it they are built once per test process, so that a plain `cargo test` never runs stale ones.
//!
//! Nothing here knows the insides of Medulla: bodies are bytes, counters are scraped. Waits on
//! processes block their thread, so tests run on Tokio's multi-thread runtime.

#![forbid(unsafe_code)]

pub mod binaries;
pub mod client;
pub mod cluster;
pub mod containerd;
pub mod host;
pub mod load;
pub mod medulla;
pub mod peers;
pub mod process;
pub mod records;
pub mod scrape;
pub mod shop;
pub mod signal;
pub mod sink;
pub mod status;

pub use client::{Answer, GrpcClient, HttpClient};
pub use containerd::Containerd;
pub use host::Host;
pub use medulla::Medulla;
pub use process::Process;
pub use scrape::Metrics;
pub use shop::{Fault, Shop};
pub use signal::Signal;
pub use sink::{Received, Reply, Sink};

use std::time::{Duration, Instant};

/// How long anything that should happen may take on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition that nobody announces is looked at again.
pub const GLANCE: Duration = Duration::from_millis(5);

/// Waits until `condition` holds and returns what it gave; panics with `what` after [`PATIENCE`].
///
/// # Panics
/// When the condition does not hold in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        assert!(!left.is_zero(), "waited {} s for {what}", PATIENCE.as_secs());
        tokio::time::sleep(GLANCE.min(left)).await;
    }
}

/// Names the cryptography of TLS clients in this process: reqwest, whether for `http` or `https`, asks for one.
pub fn name_cryptography() {
    // The second call in a process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Looks again and again until this holds, for a minute at most: for tests without a runtime, of what takes seconds.
///
/// # Panics
/// When it does not hold in time.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE * 2;
    while !holds() {
        assert!(Instant::now() < deadline, "waited a minute until {what}");
        std::thread::sleep(GLANCE * 10);
    }
}
