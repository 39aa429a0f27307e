//! GCRA, the generic cell rate algorithm: a limiter whose whole state is one word.
//!
//! The word is the theoretical arrival time (TAT): when the bucket will be empty again. A unit costs
//! a fixed time; admitting it moves the TAT, and a TAT too far ahead of now refuses. One word means
//! one compare-and-swap, and a refusal writes nothing, so an attack bounces no cache line. Times are
//! 1/16 ns (36 years of uptime in 64 bits).

/// Decides on one arrival that costs `cost`. `Some` is the TAT to store if it is admitted.
///
/// From an idle bucket `window / cost` arrivals pass at once. An arrival dearer than the whole
/// window (an aggregate of many segments) passes only through an idle bucket, and pays in full: the
/// rate holds, and a small burst does not starve aggregating interfaces.
#[inline(always)]
#[must_use]
pub const fn admit(tat: u64, now: u64, cost: u64, window: u64) -> Option<u64> {
    let begin = if tat > now { tat } else { now };
    let next = begin.wrapping_add(cost);
    let room = if cost > window { cost } else { window };
    if next.wrapping_sub(now) > room { None } else { Some(next) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{RATE_PER_HOUR_MAX, RATE_PER_HOUR_MIN, cost, interval, window};
    use proptest::prelude::*;

    #[test]
    fn a_burst_then_the_rate() {
        let second = 16_000_000_000;
        let step = second / 10;
        let full = 5 * step;
        let mut tat = 0;
        let mut admitted = 0;
        for _ in 0..20 {
            if let Some(next) = admit(tat, second, step, full) {
                tat = next;
                admitted += 1;
            }
        }
        assert_eq!(admitted, 5);
        assert_eq!(admit(tat, second + step - 1, step, full), None);
        assert_eq!(admit(tat, second + step, step, full), Some(tat + step));
    }

    #[test]
    fn an_aggregate_larger_than_the_burst_passes_an_idle_bucket_only() {
        assert_eq!(admit(0, 1000, 700, 500), Some(1700));
        assert_eq!(admit(1001, 1000, 700, 500), None);
    }

    proptest! {
        // The promise to the user, in real numbers: burst + rate * time, and never one more.
        #[test]
        fn never_more_than_burst_and_rate(
            rate_per_hour in RATE_PER_HOUR_MIN..RATE_PER_HOUR_MAX,
            burst in 1u32..1000,
            start in 0u64..1 << 50,
            arrivals in prop::collection::vec((0u64..5_000_000, 1u32..64), 1..300),
        ) {
            let (step, full) = (interval(rate_per_hour), window(rate_per_hour, burst));
            let (mut tat, mut now_ns, mut admitted, mut largest) = (0, start, 0u128, 0);
            for (gap_ns, units) in arrivals {
                now_ns += gap_ns;
                if let Some(next) = admit(tat, now_ns << 4, cost(units, step), full) {
                    tat = next;
                    admitted += u128::from(units);
                    largest = largest.max(units);
                }
                let elapsed_ns = u128::from(now_ns - start);
                let allowance = u128::from(burst.max(largest)) * 3_600_000_000_000
                    + u128::from(rate_per_hour) * elapsed_ns;
                prop_assert!(admitted * 3_600_000_000_000 <= allowance);
            }
        }

        // And not noticeably less: a saturated limit loses at most the rounding of a unit's cost.
        #[test]
        fn a_saturated_limit_admits_its_rate(
            rate_per_hour in RATE_PER_HOUR_MIN * 100..RATE_PER_HOUR_MAX / 100,
            start in 0u64..1 << 50,
        ) {
            let (step, full) = (interval(rate_per_hour), window(rate_per_hour, 5));
            let unit_ns = 3_600_000_000_000 / rate_per_hour;
            let mut tat = 0;
            let mut admitted = 0u64;
            // Offered twice per unit time, for a thousand units.
            for offer in 0..2000 {
                let now = (start + offer * unit_ns / 2) << 4;
                if let Some(next) = admit(tat, now, cost(1, step), full) {
                    tat = next;
                    admitted += 1;
                }
            }
            prop_assert!((1000..=1006).contains(&admitted), "{admitted}");
        }
    }
}
