//! The processor `memory_limiter`, with the Collector's keys.

use std::time::Duration;

use super::error::Code;
use super::section::Section;

/// Part of the limit that the soft limit stays below it, unless a spike limit is given.
const DEFAULT_SPIKE: f64 = 0.2;

/// Settings of the processor `memory_limiter`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryLimiter {
    limit: Size,
    spike: Size,
}

/// A size in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    /// Not given.
    Unset,
    /// In bytes.
    Bytes(u64),
    /// Of all memory that the process may use, 0 to 1.
    Share(f64),
}

impl MemoryLimiter {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        // The Collector insists on it; ours looks at every request, so that any interval will do.
        if section.duration("check_interval", Duration::ZERO).is_zero() {
            section.missing("check_interval", "a duration such as 1s");
        }
        section.duration("min_gc_interval_when_soft_limited", Duration::ZERO);
        section.duration("min_gc_interval_when_hard_limited", Duration::ZERO);
        section.duration("max_gc_interval_when_soft_limited", Duration::ZERO);
        section.duration("max_gc_interval_when_hard_limited", Duration::ZERO);
        let limit = size(section, "limit_mib", "limit_percentage");
        let spike = size(section, "spike_limit_mib", "spike_limit_percentage");
        if limit == Size::Unset {
            section.missing("limit_mib", "limit_mib or limit_percentage");
        }
        let settings = Self { limit, spike };
        // The Collector compares only what it can without knowing the host.
        if settings.soft_limit_bytes(u64::MAX >> 1) == 0 {
            let message = "not below the limit, expected less";
            section.error("spike_limit_mib", Code::BadValue, message);
        }
        settings
    }

    /// Above this many bytes requests are refused; `total_bytes` is what the process may use at most.
    pub fn soft_limit_bytes(&self, total_bytes: u64) -> u64 {
        let limit = self.limit.of(total_bytes).unwrap_or(total_bytes);
        let spike = self.spike.of(total_bytes);
        limit.saturating_sub(spike.unwrap_or_else(|| part(limit, DEFAULT_SPIKE)))
    }
}

impl Size {
    fn of(self, total_bytes: u64) -> Option<u64> {
        match self {
            Self::Unset => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::Share(share) => Some(part(total_bytes, share)),
        }
    }
}

/// Reads a pair of keys; as in the Collector the one in MiB wins.
fn size(section: &Section<'_>, mib: &'static str, percentage: &'static str) -> Size {
    let mib = section.u64_in(mib, 0, 0..=1 << 32);
    let percentage = section.u64_in(percentage, 0, 0..=100);
    match (mib, percentage) {
        (0, 0) => Size::Unset,
        (0, percent) => Size::Share(percent as f64 / 100.0),
        (mib, _) => Size::Bytes(mib << 20),
    }
}

/// Fractions of a byte do not matter.
fn part(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_soft_limit_is_the_collectors() {
        let check = |limit, spike, expect| {
            let settings = MemoryLimiter { limit, spike };
            assert_eq!(settings.soft_limit_bytes(10 * GIB), expect, "{settings:?}");
        };
        check(Size::Bytes(GIB), Size::Bytes(GIB / 4), GIB - GIB / 4);
        check(Size::Bytes(1000), Size::Unset, 800);
        check(Size::Share(0.5), Size::Share(0.1), 4 * GIB);
        check(Size::Share(0.5), Size::Unset, 4 * GIB);
    }
}
