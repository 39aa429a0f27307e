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
    /// In bytes.
    Bytes(u64),
    /// Of all memory that the process may use, 0 to 1.
    Share(f64),
}

impl MemoryLimiter {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        // The Collector insists on it; ours looks at every request, so that any interval will do.
        let interval = section
            .field("check_interval")
            .map(|field| field.duration_in(Duration::ZERO..=Duration::MAX));
        match interval {
            None => section.missing("check_interval", "a duration such as 1s"),
            Some(Some(Duration::ZERO)) => {
                section.error("check_interval", Code::OutOfRange, "0s, expected more than zero");
            }
            Some(_) => {}
        }
        check_collections(section);
        let mib = pair(section, ["limit_mib", "spike_limit_mib"], 1 << 32);
        let percent = pair(section, ["limit_percentage", "spike_limit_percentage"], 100);
        if (mib[0], percent[0]) == (0, 0) {
            section.missing("limit_mib", "limit_mib or limit_percentage");
        }
        // As in the Collector the limit in MiB wins, and each limit has the spike of its own kind.
        let [limit, spike] = match mib[0] {
            0 => percent.map(|percent| Size::Share(percent as f64 / 100.0)),
            _ => mib.map(|mib| Size::Bytes(mib << 20)),
        };
        Self { limit, spike }
    }

    /// Above this many bytes requests are refused; `total_bytes` is what the process may use at most.
    pub fn soft_limit_bytes(&self, total_bytes: u64) -> u64 {
        let limit = self.limit.of(total_bytes);
        let spike = match self.spike.of(total_bytes) {
            0 => part(limit, DEFAULT_SPIKE),
            spike => spike,
        };
        limit.saturating_sub(spike)
    }
}

/// A limit and its spike, which must be below it.
fn pair(section: &Section<'_>, keys: [&'static str; 2], max: u64) -> [u64; 2] {
    let [limit, spike] = keys.map(|key| section.u64_in(key, 0, 0..=max));
    if limit > 0 && spike >= limit {
        let message = format!("{spike}, not below the limit, expected less than {limit}");
        section.error(keys[1], Code::BadValue, message);
    }
    [limit, spike]
}

/// How often the Collector collects garbage says nothing here; what it refuses is refused.
fn check_collections(section: &Section<'_>) {
    let read = |key, default_s| (key, section.duration(key, Duration::from_secs(default_s)));
    let min_soft = read("min_gc_interval_when_soft_limited", 10);
    let min_hard = read("min_gc_interval_when_hard_limited", 0);
    let max_soft = read("max_gc_interval_when_soft_limited", 30);
    let max_hard = read("max_gc_interval_when_hard_limited", 30);
    let not_below = |(key, value): (&'static str, Duration), (other, least): (_, Duration)| {
        if value < least {
            let message = format!("{value:?}, expected at least that of {other}, {least:?}");
            section.error(key, Code::BadValue, message);
        }
    };
    not_below(min_soft, min_hard);
    // Zero switches the longest interval off.
    if !max_soft.1.is_zero() {
        not_below(max_soft, min_soft);
    }
    if !max_hard.1.is_zero() {
        not_below(max_hard, min_hard);
        if !max_soft.1.is_zero() {
            not_below(max_soft, max_hard);
        }
    }
}

impl Size {
    fn of(self, total_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) => part(total_bytes, share),
        }
    }
}

/// Fractions of a byte do not matter.
fn part(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::section;

    fn read(yaml: &str) -> (MemoryLimiter, usize) {
        let (settings, errors, _) = section(yaml, "x", MemoryLimiter::read);
        (settings, errors.len())
    }

    #[test]
    fn the_soft_limit_is_the_collectors() {
        let check = |limits: &str, expect_mib: u64| {
            let (settings, errors) = read(&format!("{{check_interval: 1s, {limits}}}"));
            assert_eq!(errors, 0, "{limits}");
            assert_eq!(settings.soft_limit_bytes(10_000 << 20) >> 20, expect_mib, "{limits}");
        };
        check("limit_mib: 1000, spike_limit_mib: 250", 750);
        check("limit_mib: 1000", 800);
        check("limit_percentage: 50, spike_limit_percentage: 10", 4000);
        check("limit_percentage: 50", 4000);
        // Each limit has the spike of its own kind, and that in MiB wins.
        check("limit_mib: 1000, spike_limit_percentage: 20", 800);
        check("limit_percentage: 50, spike_limit_mib: 1", 4000);
        check("limit_mib: 1000, limit_percentage: 50, spike_limit_percentage: 10", 800);
    }

    #[test]
    fn what_the_collector_refuses_is_refused() {
        for (section, errors) in [
            ("{}", 2),
            ("{check_interval: 1s}", 1),
            ("{check_interval: 0s, limit_mib: 100}", 1),
            ("{check_interval: 1s, limit_mib: -1}", 2),
            ("{check_interval: 1s, limit_mib: 100, spike_limit_mib: 100}", 1),
            ("{check_interval: 1s, limit_percentage: 101}", 2),
            ("{check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 60}", 1),
        ] {
            let (_, found) = read(section);
            assert!(found >= 1 && found <= errors, "{section}: {found}");
        }
        for (intervals, errors) in [
            ("min_gc_interval_when_hard_limited: 11s", 1),
            ("min_gc_interval_when_soft_limited: 40s", 1),
            ("min_gc_interval_when_soft_limited: 40s, max_gc_interval_when_soft_limited: 0s", 0),
            ("max_gc_interval_when_soft_limited: 20s", 1),
            ("max_gc_interval_when_soft_limited: 20s, max_gc_interval_when_hard_limited: 0s", 0),
            ("max_gc_interval_when_hard_limited: 20s", 0),
        ] {
            let section = format!("{{check_interval: 1s, limit_mib: 100, {intervals}}}");
            assert_eq!(read(&section).1, errors, "{intervals}");
        }
    }
}
