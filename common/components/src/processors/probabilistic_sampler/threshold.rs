//! Sampling thresholds and randomness of 56 bits (OpenTelemetry: probability sampling; W3C Trace
//! Context Level 2, random trace id flag).
//!
//! A record passes when its randomness is at least the threshold. Thresholds are written as up to
//! fourteen hexadecimal digits without the zeros at their end, randomness as exactly fourteen.

/// Bits of both.
const BITS: u32 = 56;
/// Hexadecimal digits of both.
const DIGITS: u32 = 14;
/// One more than the largest randomness.
const END: u64 = 1 << BITS;

/// What randomness must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Threshold(u64);

/// A number that is the same wherever the same trace is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Randomness(u64);

impl Threshold {
    /// Everything passes.
    pub(super) const ALWAYS: Self = Self(0);
    /// Nothing passes.
    pub(super) const NEVER: Self = Self(END);

    /// A threshold with so many of its low bits zero, from the 14 bits of a hash.
    pub(super) fn of_buckets(rejected: u32) -> Self {
        Self(u64::from(rejected) << (BITS - 14))
    }

    /// The threshold that lets a part of everything pass, rounded to `digits` digits after those that
    /// say nothing: near 0 and 1 more are needed for the same relative error.
    pub(super) fn of_probability(part: f64, digits: u32) -> Self {
        if part < 1.0 / END as f64 {
            return Self::NEVER;
        }
        if part >= 1.0 {
            return Self::ALWAYS;
        }
        let extra = |value: f64| (-exponent(value)).max(0) as u32 / 4;
        let digits = (digits + extra(part).max(extra(1.0 - part))).min(DIGITS);
        let exact = END - (part * END as f64).round() as u64;
        let shift = 4 * (DIGITS - digits);
        let half = if shift == 0 { 0 } else { 1 << (shift - 1) };
        Self((exact + half) >> shift << shift)
    }

    /// Which part of everything passes.
    pub(super) fn probability(self) -> f64 {
        (END - self.0) as f64 / END as f64
    }

    /// Whether a record with this randomness passes.
    pub(super) fn passes(self, randomness: Randomness) -> bool {
        self.0 <= randomness.0
    }

    /// Reads a `th` value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits =
            u32::try_from(text.len()).ok().filter(|digits| (1..=DIGITS).contains(digits))?;
        Some(Self(hex(text)? << (4 * (DIGITS - digits))))
    }

    /// Writes a `th` value; that of a sampler that passes nothing does not exist.
    pub(super) fn text(self) -> Option<String> {
        if self == Self::NEVER {
            return None;
        }
        let text = format!("{:014x}", self.0);
        let trimmed = text.trim_end_matches('0');
        Some(if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() })
    }
}

impl Randomness {
    /// Passes whatever passes anything.
    pub(super) const MOST: Self = Self(END - 1);

    /// W3C: the last seven bytes of a random trace id.
    pub(super) fn of_trace_id(id: &[u8; 16]) -> Self {
        let last: [u8; 8] = id[8..].try_into().expect("half of sixteen is eight");
        Self(u64::from_be_bytes(last) & (END - 1))
    }

    /// Of a 32-bit hash of which 14 bits decide: those, mirrored so that a small one passes, lead; the
    /// others fill up.
    pub(super) fn of_hash(hash: u32) -> Self {
        let decisive = u64::from(hash & 0x3fff);
        let rest = u64::from(hash >> 18);
        let mixed = rest ^ rest << 10;
        Self((0x3fff - decisive) << 42 | mixed << 14 | decisive)
    }

    /// Reads an `rv` value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        (text.len() == DIGITS as usize).then(|| hex(text).map(Self)).flatten()
    }

    /// Writes an `rv` value.
    pub(super) fn text(self) -> String {
        format!("{:014x}", self.0)
    }
}

/// Digits only; the Collector reads upper case, too.
fn hex(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

/// The exponent of a positive number written as a fraction in [0.5, 1) times a power of two.
fn exponent(value: f64) -> i32 {
    const BIAS: i32 = 1022;
    // Neither zero nor subnormal comes here: parts are at least 2^-56 away from 0 and 1.
    ((value.to_bits() >> 52) & 0x7ff) as i32 - BIAS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn probabilities_are_the_specifications() {
        let check = |part, digits, expect: &str| {
            let threshold = Threshold::of_probability(part, digits);
            assert_eq!(threshold.text().as_deref(), Some(expect), "{part} in {digits}");
        };
        check(1.0, 4, "0");
        check(0.5, 4, "8");
        check(0.25, 4, "c");
        check(0.1, 4, "e666");
        check(1.0 / 3.0, 4, "aaab");
        check(0.01, 3, "fd71");
        check(0.00001, 4, "ffff583a");
        assert_eq!(Threshold::of_probability(0.0, 4), Threshold::NEVER);
        assert_eq!(Threshold::NEVER.text(), None);
    }

    proptest! {
        #[test]
        fn texts_survive(bits in 0u64..END) {
            let threshold = Threshold(bits);
            prop_assert_eq!(threshold.text().and_then(|text| Threshold::parse(&text)), Some(threshold));
            let randomness = Randomness(bits);
            prop_assert_eq!(Randomness::parse(&randomness.text()), Some(randomness));
        }

        #[test]
        fn a_hash_passes_as_its_bucket_does(hash: u32, rejected in 0u32..=0x4000) {
            let passes = Threshold::of_buckets(rejected).passes(Randomness::of_hash(hash));
            prop_assert_eq!(passes, hash & 0x3fff < 0x4000 - rejected);
        }

        #[test]
        fn rounding_stays_near(part in 1e-9f64..1.0, digits in 1u32..=14) {
            let got = Threshold::of_probability(part, digits).probability();
            prop_assert!((got - part).abs() <= part * 0.5, "{} for {}", got, part);
        }

        #[test]
        fn hostile_texts_never_panic(text: String) {
            let _ = (Threshold::parse(&text), Randomness::parse(&text));
        }
    }
}
