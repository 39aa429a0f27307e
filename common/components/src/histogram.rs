//! Histograms of durations: between fixed bounds, or between powers of a base that follows the values.
//!
//! The exponential one is OTLP's: it begins at the finest scale and halves its resolution whenever
//! the values would need more buckets than it may have. Two of the same form can be added, whatever
//! their scales. Values are finite and not negative; zero has a count of its own.

/// OTLP: the finest scale that exporters and backends agree on.
const SCALE_MAX: i32 = 20;

/// A histogram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Values in it.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: f64,
    /// The least and the greatest, of at least one.
    pub(crate) range: Option<(f64, f64)>,
    /// Where they are.
    pub(crate) counts: Counts,
}

/// The counts of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Counts {
    /// One per bound, for values up to it, and one for those above all.
    Explicit(Vec<u64>),
    /// Those of an exponential histogram.
    Exponential(Exponential),
}

/// Counts of `(base^i, base^(i+1)]` with `base = 2^(2^-scale)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exponential {
    /// The resolution.
    pub(crate) scale: i32,
    /// Values that are zero.
    pub(crate) zeros: u64,
    /// The index of the first bucket.
    pub(crate) first: i32,
    /// The buckets from there.
    pub(crate) buckets: Vec<u64>,
    size_max: usize,
}

impl Histogram {
    /// One for so many bounds.
    pub(crate) fn explicit(bounds: usize) -> Self {
        Self::of(Counts::Explicit(vec![0; bounds + 1]))
    }

    /// One of at most `size_max` buckets, at least two.
    pub(crate) fn exponential(size_max: usize) -> Self {
        let (scale, buckets) = (SCALE_MAX, Vec::new());
        Self::of(Counts::Exponential(Exponential { scale, zeros: 0, first: 0, buckets, size_max }))
    }

    fn of(counts: Counts) -> Self {
        Self { count: 0, sum: 0.0, range: None, counts }
    }

    /// Counts a value; `bounds` are those it was made for.
    pub(crate) fn record(&mut self, value: f64, bounds: &[f64]) {
        self.count += 1;
        self.sum += value;
        let (least, most) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), most.max(value)));
        match &mut self.counts {
            Counts::Explicit(counts) => {
                let at = bounds.partition_point(|bound| *bound < value);
                counts[at.min(bounds.len())] += 1;
            }
            Counts::Exponential(exponential) => exponential.record(value),
        }
    }

    /// Adds what another one of the same form counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.range = match (self.range, other.range) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        match (&mut self.counts, &other.counts) {
            (Counts::Explicit(mine), Counts::Explicit(theirs)) => {
                mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
            }
            (Counts::Exponential(mine), Counts::Exponential(theirs)) => mine.add(theirs),
            _ => debug_assert!(false, "histograms of one metric have one form"),
        }
    }
}

impl Exponential {
    fn record(&mut self, value: f64) {
        match value > 0.0 {
            true => self.count_at(index(value, self.scale), 1),
            false => self.zeros += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.zeros += other.zeros;
        self.coarsen((self.scale - other.scale).max(0));
        for (place, count) in other.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            // Counting may coarsen on the way.
            let at = other.first + place as i32;
            self.count_at(at >> (other.scale - self.scale), *count);
        }
    }

    /// Counts at an index of the present scale.
    fn count_at(&mut self, mut index: i32, count: u64) {
        if self.buckets.is_empty() {
            self.first = index;
        }
        let (mut first, mut last) = (self.first.min(index), self.last().max(index));
        let mut steps = 0;
        while i64::from(last) - i64::from(first) >= self.size_max as i64 {
            (first, last, index) = (first >> 1, last >> 1, index >> 1);
            steps += 1;
        }
        self.coarsen(steps);
        self.reach(first, last);
        self.buckets[(index - self.first) as usize] += count;
    }

    fn last(&self) -> i32 {
        self.first + (self.buckets.len() as i32 - 1).max(0)
    }

    /// Halves the resolution so many times.
    fn coarsen(&mut self, steps: i32) {
        if steps == 0 {
            return;
        }
        let first = self.first >> steps;
        let mut buckets = Vec::new();
        for (place, count) in self.buckets.iter().enumerate() {
            let at = (((self.first + place as i32) >> steps) - first) as usize;
            buckets.resize(buckets.len().max(at + 1), 0);
            buckets[at] += count;
        }
        (self.scale, self.first, self.buckets) = (self.scale - steps, first, buckets);
    }

    /// Makes room from `first` to `last`, which fits.
    fn reach(&mut self, first: i32, last: i32) {
        let before = (self.first - first).max(0) as usize;
        self.buckets.splice(0..0, std::iter::repeat_n(0, before));
        self.first = self.first.min(first);
        let length = (last - self.first + 1) as usize;
        self.buckets.resize(length.max(self.buckets.len()), 0);
    }
}

/// The bucket of a positive value: upper bounds belong to it, and powers of two are exact.
fn index(value: f64, scale: i32) -> i32 {
    let exact = value.log2() * f64::from(scale).exp2();
    // Within i32 for every double at scales up to 20: 1075 * 2^20 < 2^31.
    exact.ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exponential(values: &[f64], size_max: usize) -> Histogram {
        let mut histogram = Histogram::exponential(size_max);
        values.iter().for_each(|value| histogram.record(*value, &[]));
        histogram
    }

    fn of(histogram: &Histogram) -> &Exponential {
        let Counts::Exponential(exponential) = &histogram.counts else { unreachable!() };
        exponential
    }

    #[test]
    fn bounds_are_inclusive_above() {
        let bounds = [1.0, 2.0];
        let mut histogram = Histogram::explicit(bounds.len());
        [0.0, 1.0, 1.5, 2.0, 2.5].iter().for_each(|value| histogram.record(*value, &bounds));
        assert_eq!(histogram.counts, Counts::Explicit(vec![2, 2, 1]));
        assert_eq!((histogram.count, histogram.sum, histogram.range), (5, 7.0, Some((0.0, 2.5))));
    }

    #[test]
    fn powers_of_two_are_exact() {
        let histogram = exponential(&[1.0, 2.0, 4.0, 8.0], 4);
        let found = of(&histogram);
        assert_eq!((found.scale, found.first, &found.buckets[..]), (0, -1, &[1, 1, 1, 1][..]));
    }

    proptest! {
        /// Every value lies within its bucket, the size is kept, and adding is recording both.
        #[test]
        fn values_lie_where_they_are_counted(
            one in prop::collection::vec(prop_oneof![Just(0.0), 1e-9..1e12f64], 0..60),
            two in prop::collection::vec(1e-9..1e12f64, 0..60),
            size_max in 2usize..200,
        ) {
            let mut sum = exponential(&one, size_max);
            sum.add(&exponential(&two, size_max));
            let all: Vec<f64> = one.iter().chain(&two).copied().collect();
            let found = of(&sum);
            prop_assert!(found.buckets.len() <= size_max);
            prop_assert_eq!(found.zeros + found.buckets.iter().sum::<u64>(), all.len() as u64);
            let base = (-f64::from(found.scale)).exp2();
            let mut seen = 0;
            for (place, count) in found.buckets.iter().enumerate() {
                seen += count;
                let upper = (f64::from(found.first + place as i32 + 1) * base).exp2();
                let (near, far) = (upper * (1.0 - 1e-9), upper * (1.0 + 1e-9));
                let below = |bound: f64| all.iter().filter(|v| **v > 0.0 && **v <= bound).count() as u64;
                prop_assert!((below(near)..=below(far)).contains(&seen));
            }
        }
    }
}
