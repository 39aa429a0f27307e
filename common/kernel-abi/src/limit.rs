//! Rates, bursts and leases in integers.
//!
//! A rate is units per hour, so that `N/s`, `N/m` and `N/h` are all exact. The kernel never divides:
//! user space turns a rate into an interval (2^-16 ns per unit) once, the kernel multiplies and
//! shifts. Every rounding goes against the sender: a limit never admits more than it says, and at
//! most 0.06 % less (at the highest rate; 0.001 % at 100,000/s).
//!
//! A lease ends at a jiffy, because the kernel reads jiffies for nothing and a clock for 35 ns.

use crate::layout::{Clock, Unit};

/// The least rate, 1/s.
pub const RATE_PER_HOUR_MIN: u64 = 3600;
/// The highest rate, 10 million/s: 100 ns per unit, where rounding to 1/16 ns still does not matter.
pub const RATE_PER_HOUR_MAX: u64 = 3600 * 10_000_000;
/// The largest burst.
pub const BURST_MAX: u32 = 1 << 24;
/// The highest rate of bytes, 10 GiB/s.
pub const BYTES_PER_HOUR_MAX: u64 = (3600 * 10) << 30;
/// The largest burst of bytes, 1 GiB.
pub const BURST_BYTES_MAX: u32 = 1 << 30;
/// The least default burst of bytes: five packets of Ethernet.
const BURST_BYTES_MIN: u32 = 5 * 1514;
/// Segments or bytes that one packet may count for. An aggregate has 64 KiB and its headers, unless
/// somebody allowed more.
pub const UNITS_MAX: u32 = (1 << 17) - 1;

const HOUR_NS: u64 = 3_600_000_000_000;

/// Time per unit in 2^-16 ns, for a rate that is clamped to the bounds above (those of bytes are the
/// wider ones).
#[must_use]
pub const fn interval(rate_per_hour: u64) -> u64 {
    (HOUR_NS << 16).div_ceil(clamp(rate_per_hour))
}

/// The burst as time in 1/16 ns: so many single units fit.
#[must_use]
pub const fn window(rate_per_hour: u64, burst: u32) -> u64 {
    let burst = if burst > BURST_MAX { BURST_MAX } else { burst };
    // Below 2^24 * 2^34: 10 million units at 1/s are 2^58.
    cost(1, interval(rate_per_hour)) * burst as u64
}

/// The burst of a limit of bytes as time in 1/16 ns. Bytes come many at a time, so what rounding adds
/// to each counts once, not for each byte.
#[must_use]
pub const fn window_of_bytes(rate_per_hour: u64, burst: u32) -> u64 {
    let burst = if burst > BURST_BYTES_MAX { BURST_BYTES_MAX } else { burst };
    // A time beyond this is longer than any lease.
    const MOST: u128 = 1 << 61;
    let window = (burst as u128 * interval(rate_per_hour) as u128) >> 12;
    if window > MOST { MOST as u64 } else { window as u64 }
}

/// What `units` cost in 1/16 ns. At most 2^17 * 2^46, so nothing overflows.
#[inline(always)]
#[must_use]
pub const fn cost(units: u32, interval: u64) -> u64 {
    let units = if units > UNITS_MAX { UNITS_MAX } else { units };
    (units as u64 * interval + 0xfff) >> 12
}

const fn clamp(rate_per_hour: u64) -> u64 {
    if rate_per_hour < RATE_PER_HOUR_MIN {
        RATE_PER_HOUR_MIN
    } else if rate_per_hour > BYTES_PER_HOUR_MAX {
        BYTES_PER_HOUR_MAX
    } else {
        rate_per_hour
    }
}

/// The burst that a limit of this unit gets when none is given.
#[must_use]
pub const fn default_burst_of(unit: Unit, rate_per_hour: u64) -> u32 {
    match unit {
        Unit::Bytes => default_burst_of_bytes(rate_per_hour),
        Unit::Connections | Unit::Packets => default_burst(rate_per_hour),
    }
}

/// The burst that a limit gets when none is given: 100 ms of its rate, at least 5.
#[must_use]
pub const fn default_burst(rate_per_hour: u64) -> u32 {
    let burst = clamp(rate_per_hour) / 36_000;
    // The highest rate gives a million.
    if burst < 5 {
        5
    } else if burst > BURST_MAX as u64 {
        BURST_MAX
    } else {
        burst as u32
    }
}

/// The same for bytes: 100 ms of the rate, at least five packets of Ethernet.
#[must_use]
pub const fn default_burst_of_bytes(rate_per_hour: u64) -> u32 {
    let burst = clamp(rate_per_hour) / 36_000;
    if burst < BURST_BYTES_MIN as u64 {
        BURST_BYTES_MIN
    } else if burst > BURST_BYTES_MAX as u64 {
        BURST_BYTES_MAX
    } else {
        burst as u32
    }
}

/// Jiffies and the monotonic clock, tied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    reading: Clock,
    tick_ns: u64,
}

impl Ticks {
    /// A reading of both clocks and the length of a jiffy (the resolution of
    /// `CLOCK_MONOTONIC_COARSE`), which is 1 ms to 10 ms on every kernel.
    #[must_use]
    pub const fn new(reading: Clock, tick_ns: u64) -> Self {
        Self { reading, tick_ns: if tick_ns == 0 { 1 } else { tick_ns } }
    }

    /// So many jiffies are at least this long.
    #[must_use]
    pub const fn ticks(&self, time_ns: u64) -> u64 {
        time_ns.div_ceil(self.tick_ns)
    }

    /// The jiffy at which a lease ends that is to hold for `lease_ns` from `now_ns` on: never
    /// early, at most two ticks late.
    #[must_use]
    pub const fn lease_end(&self, now_ns: u64, lease_ns: u64) -> u64 {
        let since = now_ns.saturating_sub(self.reading.monotonic_ns);
        let ticks = since.saturating_add(lease_ns).div_ceil(self.tick_ns);
        // The reading was taken somewhere within its tick.
        self.reading.jiffies.saturating_add(ticks).saturating_add(1)
    }

    /// What remains at `now_ns` of a lease; the inverse, 0 when it is over.
    #[must_use]
    pub const fn remaining_ns(&self, lease_end: u64, now_ns: u64) -> u64 {
        let ticks = lease_end.saturating_sub(self.reading.jiffies).saturating_sub(1);
        let since = now_ns.saturating_sub(self.reading.monotonic_ns);
        ticks.saturating_mul(self.tick_ns).saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn round_rates_are_exact() {
        let check = |per_second: u64, interval_ns: u64| {
            assert_eq!(interval(per_second * 3600), interval_ns << 16);
            assert_eq!(cost(3, interval(per_second * 3600)), 3 * (interval_ns << 4));
        };
        check(1, 1_000_000_000);
        check(100, 10_000_000);
        check(200_000, 5_000);
        check(10_000_000, 100);
    }

    #[test]
    fn bursts_and_bounds() {
        assert_eq!(window(100 * 3600, 10), 10 * 160_000_000);
        assert_eq!(default_burst(100 * 3600), 10);
        assert_eq!(default_burst(20 * 3600), 5);
        assert_eq!(default_burst(0), 5);
        assert_eq!(interval(0), interval(RATE_PER_HOUR_MIN));
        assert_eq!(cost(u32::MAX, interval(0)), cost(UNITS_MAX, interval(0)));
        assert_eq!(window(0, u32::MAX) >> 4, (1 << 24) * 1_000_000_000);
    }

    #[test]
    fn bytes_have_wider_bounds() {
        let mib = 3600 << 20;
        assert_eq!(default_burst_of_bytes(10 * mib), 1 << 20);
        assert_eq!(default_burst_of_bytes(3600), BURST_BYTES_MIN);
        // A burst of 1 MiB at 10 MiB/s is 100 ms.
        let window = window_of_bytes(10 * mib, 1 << 20);
        assert!((window >> 4).abs_diff(100_000_000) < 2000, "{window}");
        assert_eq!(window_of_bytes(3600, u32::MAX), 1 << 61);
        assert!(cost(UNITS_MAX, interval(3600)) < 1 << 60);
    }

    proptest! {
        #[test]
        fn costs_round_up_and_by_little(
            rate in RATE_PER_HOUR_MIN..RATE_PER_HOUR_MAX, units in 1u32..UNITS_MAX,
        ) {
            // Exactly units / rate hours, in 1/16 ns, with the denominator on the other side.
            let exact = u128::from(units) * u128::from(HOUR_NS) * 16;
            let cost = u128::from(cost(units, interval(rate)));
            let rate = u128::from(rate);
            prop_assert!(cost * rate >= exact);
            // One unit of rounding here, and 2^-12 of it for each unit of the interval.
            prop_assert!((cost - 1) * rate <= exact + rate * u128::from(units) / 4096 + rate);
        }

        #[test]
        fn a_lease_is_never_early_and_hardly_late(
            jiffies in 0u64..1 << 40,
            tick_ns in prop::sample::select(&[1_000_000u64, 3_333_333, 4_000_000, 10_000_000][..]),
            within_tick in 0u64..1_000_000,
            start_ns in 1u64 << 24..1 << 50,
            since_ns in 0u64..1 << 50,
            lease_ns in 0u64..86_400_000_000_000,
        ) {
            let ticks = Ticks::new(Clock { jiffies, monotonic_ns: start_ns }, tick_ns);
            let now_ns = start_ns + since_ns;
            let end = ticks.lease_end(now_ns, lease_ns);
            // When that jiffy really begins, if the reading was `within_tick` after its own.
            let begins_ns = start_ns - within_tick + (end - jiffies) * tick_ns;
            prop_assert!(begins_ns >= now_ns + lease_ns);
            prop_assert!(begins_ns <= now_ns + lease_ns + 2 * tick_ns);
            let remaining = ticks.remaining_ns(end, now_ns);
            prop_assert!(remaining >= lease_ns && remaining < lease_ns + tick_ns);
            prop_assert_eq!(ticks.remaining_ns(0, now_ns), 0);
        }
    }
}
