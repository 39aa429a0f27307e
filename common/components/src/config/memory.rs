//! `memory`: the budget of bytes in flight and the bound on connections.

use super::section::Section;

/// Default of `memory.budget`: 64 MiB.
pub const DEFAULT_BUDGET_BYTES: u64 = 64 << 20;

/// The settings of `memory`.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Bytes that requests in flight may hold together.
    pub budget_bytes: u64,
    /// Whether the budget was written, and is not the default.
    pub budget_is_written: bool,
    /// Part of the budget that one peer may hold, 0.0001 to 1; 1 switches the bound off.
    pub per_peer: f64,
    /// Most connections at a time, over all listeners.
    pub max_connections: u32,
}

impl Memory {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let budget_bytes = section.bytes("budget", DEFAULT_BUDGET_BYTES, 1 << 20..=1 << 40);
        let per_peer = section.f64_in("per_peer", 0.5, 0.0001..=1.0);
        let max = section.u64_in("max_connections", 1024, 1..=1_000_000);
        let max_connections = u32::try_from(max).unwrap_or(u32::MAX);
        Self { budget_bytes, budget_is_written: section.has("budget"), per_peer, max_connections }
    }
}
