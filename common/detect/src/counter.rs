//! From a cumulative counter to a rate: the difference over the time that really passed. A counter that
//! falls was reset, unless it stood in the last tenth of its range: then it wrapped.

/// The range of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Wraps at 2^32.
    Bits32,
    /// Wraps at 2^64.
    Bits64,
}

impl Width {
    fn max(self) -> u64 {
        match self {
            Self::Bits32 => u64::from(u32::MAX),
            Self::Bits64 => u64::MAX,
        }
    }
}

/// The last reading of a counter.
#[derive(Clone, Debug)]
pub struct Counter {
    width: Width,
    last: Option<(i64, u64)>,
}

impl Counter {
    /// A counter that was never read.
    pub const fn new(width: Width) -> Self {
        Self { width, last: None }
    }

    /// Takes a reading; the rate per second since the one before, or none after a first reading, a reset or
    /// a timestamp that is not later (which changes nothing).
    pub fn rate_per_s(&mut self, t_ns: i64, reading: u64) -> Option<f64> {
        let Some((before_ns, before)) = self.last else {
            self.last = Some((t_ns, reading));
            return None;
        };
        if t_ns <= before_ns {
            return None;
        }
        self.last = Some((t_ns, reading));
        let seconds = (i128::from(t_ns) - i128::from(before_ns)) as f64 / 1e9;
        self.difference(before, reading).map(|difference| difference as f64 / seconds)
    }

    fn difference(&self, before: u64, reading: u64) -> Option<u64> {
        if reading >= before {
            return Some(reading - before);
        }
        let max = self.width.max();
        let wrapped = before <= max && before > max / 10 * 9 && reading < max / 10;
        wrapped.then(|| (max - before) + reading + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: Width, before: u64, reading: u64, expect: Option<f64>) {
        let mut counter = Counter::new(width);
        assert_eq!(counter.rate_per_s(0, before), None);
        assert_eq!(counter.rate_per_s(2_000_000_000, reading), expect, "{before} to {reading}");
    }

    #[test]
    fn counters_grow_wrap_and_are_reset() {
        check(Width::Bits64, 10, 30, Some(10.0));
        check(Width::Bits64, 30, 30, Some(0.0));
        check(Width::Bits64, 30, 10, None);
        check(Width::Bits64, u64::MAX - 3, 6, Some(5.0));
        check(Width::Bits32, u64::from(u32::MAX) - 3, 6, Some(5.0));
        check(Width::Bits32, 1 << 31, 6, None);
        check(Width::Bits32, u64::MAX, 6, None);
    }

    #[test]
    fn a_repeated_timestamp_changes_nothing() {
        let mut counter = Counter::new(Width::Bits64);
        counter.rate_per_s(1_000_000_000, 10);
        assert_eq!(counter.rate_per_s(1_000_000_000, 99), None);
        assert_eq!(counter.rate_per_s(2_000_000_000, 20), Some(10.0));
    }
}
