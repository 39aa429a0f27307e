//! Index of a latency in OpenTelemetry's base-2 exponential histogram at scale 3, by integer maths.
//!
//! OTel: a bucket of index `i` holds seconds in (2^(i/8), 2^((i+1)/8)], upper bound included. Here
//! the value is whole nanoseconds, so the bounds are 10^9 * 2^(j/8) ns. All of them but the whole
//! seconds' powers of two are irrational, and those are integers: comparing an integer with the floor of
//! a bound is exact. No logarithm, no table in a map, no float: a shift and eight comparisons.
//!
//! Slots start at index -160, so 252 of them reach from 2^-20 s (954 ns) to 2^11.5 s (48 minutes).
//! What is smaller goes to the zero count with its threshold, what is larger to the last slot.

use crate::layout::BUCKETS;

/// The scale: 2^3 buckets per power of two, a factor of 1.09 each.
pub const SCALE: i32 = 3;
/// OTel's index of slot 0.
pub const OFFSET: i32 = -160;
/// The largest value of the zero count: 2^-20 s, which is 953.67 ns.
pub const ZERO_NS: u64 = 953;

/// floor(10^9 * 2^(j/8) * 2^34) for j = -7..=0: the bounds between 2^29 ns and 2^30 ns, shifted so
/// that 2^29 becomes 2^63. Every other octave has the same bounds, shifted.
const BOUNDS: [u64; 8] = [
    9_367_390_095_664_785_123,
    10_215_211_334_214_395_865,
    11_139_766_950_770_582_417,
    12_148_001_999_904_198_769,
    13_247_490_117_328_543_392,
    14_446_490_411_353_358_019,
    15_754_009_503_455_335_899,
    17_179_869_184_000_000_000,
];

/// OTel's index of a duration. Zero nanoseconds has none and gives that of 1 ns.
#[inline(always)]
#[must_use]
pub const fn index(value_ns: u64) -> i32 {
    let value_ns = value_ns | (value_ns == 0) as u64;
    let zeros = value_ns.leading_zeros();
    let mantissa = value_ns << zeros;
    let octave = 63 - zeros as i32 - 29;
    // Unrolled by hand, since the verifier would have to walk a loop for each value.
    let above = (mantissa > BOUNDS[0]) as i32
        + (mantissa > BOUNDS[1]) as i32
        + (mantissa > BOUNDS[2]) as i32
        + (mantissa > BOUNDS[3]) as i32
        + (mantissa > BOUNDS[4]) as i32
        + (mantissa > BOUNDS[5]) as i32
        + (mantissa > BOUNDS[6]) as i32
        + (mantissa > BOUNDS[7]) as i32;
    8 * octave - 8 + above
}

/// The slot of a duration; `None` for the zero count.
#[inline(always)]
#[must_use]
pub const fn slot(value_ns: u64) -> Option<usize> {
    if value_ns <= ZERO_NS {
        return None;
    }
    let slot = (index(value_ns) - OFFSET) as usize;
    Some(if slot < BUCKETS { slot } else { BUCKETS - 1 })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;
    use std::vec;
    use std::vec::Vec;

    /// `value_ns` against 10^9 * 2^(j/8), exactly: both to the eighth power, in whole numbers.
    fn compare(value_ns: u64, j: i32) -> Ordering {
        let (mut value, mut bound) = (power(value_ns), power(1_000_000_000));
        let side = if j < 0 { &mut value } else { &mut bound };
        for _ in 0..j.unsigned_abs() {
            multiply(side, 2);
        }
        (value.len(), value.iter().rev().collect::<Vec<_>>())
            .cmp(&(bound.len(), bound.iter().rev().collect()))
    }

    fn power(base: u64) -> Vec<u32> {
        let mut number = vec![1];
        for _ in 0..8 {
            multiply(&mut number, base);
        }
        number
    }

    /// Little-endian limbs without leading zeros, times a word.
    fn multiply(number: &mut Vec<u32>, factor: u64) {
        let mut carry = 0u128;
        for limb in number.iter_mut() {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        while carry > 0 {
            number.push(carry as u32);
            carry >>= 32;
        }
    }

    fn is_in_its_bucket(value_ns: u64) -> bool {
        let index = index(value_ns);
        compare(value_ns, index) == Ordering::Greater
            && compare(value_ns, index + 1) != Ordering::Greater
    }

    #[test]
    fn powers_of_two_are_upper_inclusive() {
        // OTel: 1 belongs to (2^(-1/8), 1].
        assert_eq!(index(1_000_000_000), -1);
        assert_eq!(index(1_000_000_001), 0);
        assert_eq!(index(2_000_000_000), 7);
        assert_eq!(index(500_000_000), -9);
        assert_eq!(index(500_000_001), -8);
    }

    #[test]
    fn exact_around_every_bound() {
        for j in OFFSET..OFFSET + BUCKETS as i32 + 16 {
            let bound = 1e9 * (f64::from(j) / 8.0).exp2();
            for value_ns in (bound as u64).saturating_sub(3).max(1)..bound as u64 + 4 {
                assert!(is_in_its_bucket(value_ns), "{value_ns}");
            }
        }
    }

    #[test]
    fn slots_begin_after_zero_and_end_with_the_last() {
        assert_eq!(slot(0), None);
        assert_eq!(slot(ZERO_NS), None);
        assert_eq!(slot(ZERO_NS + 1), Some(0));
        assert_eq!(compare(ZERO_NS, OFFSET), Ordering::Less);
        assert_eq!(compare(ZERO_NS + 1, OFFSET), Ordering::Greater);
        assert_eq!(slot(u64::MAX), Some(BUCKETS - 1));
    }

    proptest! {
        #[test]
        fn every_value_is_in_its_bucket(bits in 0u32..63, noise in any::<u64>()) {
            let value_ns = (1 << bits) | (noise & ((1 << bits) - 1));
            prop_assert!(is_in_its_bucket(value_ns));
            prop_assert!(index(value_ns) <= index(value_ns + 1));
        }
    }
}
