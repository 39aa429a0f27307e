//! How long until a quantity that grows meets its limit: the signal of a leak.
//!
//! A line by least squares through the last [`POINTS`] readings, one a second. It speaks only when
//! the growth is steady: most of the variation is explained by the line, and the line rises by
//! more than the readings scatter around it. A quantity that jumps or swings has no trend.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Readings that are kept.
pub const POINTS: usize = 120;
/// Fewer tell nothing.
const POINTS_MIN: usize = 20;
/// Readings that come faster are left out.
const SPACING: Duration = Duration::from_secs(1);
/// The share of variation that the line has to explain.
const EXPLAINED_MIN: f64 = 0.9;
/// Beyond this a trend means nothing.
const HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);

/// The last readings of a quantity.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    points: VecDeque<(Instant, f64)>,
}

impl Trend {
    /// Takes a reading. One that is not a number, or comes too early, is left out.
    pub fn add(&mut self, now: Instant, value: f64) {
        let due = self.points.back().is_none_or(|(last, _)| now >= *last + SPACING);
        if !due || !value.is_finite() {
            return;
        }
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back((now, value));
    }

    /// How long until `limit` is met if it goes on like this; `None` while it does not grow. Zero
    /// when the limit is met already.
    pub fn time_to(&self, limit: f64) -> Option<Duration> {
        let (slope_per_s, level) = self.line()?;
        if slope_per_s <= 0.0 {
            return None;
        }
        let left_s = ((limit - level) / slope_per_s).max(0.0);
        (left_s <= HORIZON.as_secs_f64()).then(|| Duration::from_secs_f64(left_s))
    }

    /// The steady line through the readings: its slope, and its value at the last of them.
    fn line(&self) -> Option<(f64, f64)> {
        let (count, (first, base)) = (self.points.len(), *self.points.front()?);
        if count < POINTS_MIN {
            return None;
        }
        let points = self.points.iter();
        let points = points.map(|(at, value)| ((*at - first).as_secs_f64(), value - base));
        let points: Vec<(f64, f64)> = points.collect();
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count as f64;
        let (middle, level) = (mean(|point| point.0), mean(|point| point.1));
        let sums = points.iter().fold((0.0, 0.0, 0.0), |(tt, tv, vv), (t, v)| {
            let (t, v) = (t - middle, v - level);
            (tt + t * t, tv + t * v, vv + v * v)
        });
        let (tt, tv, vv) = sums;
        if tt <= 0.0 || vv <= 0.0 || tv * tv < EXPLAINED_MIN * tt * vv {
            return None;
        }
        let slope = tv / tt;
        let last = points.last()?.0;
        Some((slope, base + level + slope * (last - middle)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(count: u64, value: impl Fn(u64) -> f64) -> Trend {
        let begun = Instant::now();
        let mut trend = Trend::default();
        (0..count).for_each(|second| trend.add(begun + Duration::from_secs(second), value(second)));
        trend
    }

    #[test]
    fn a_leak_has_a_time_to_its_limit() {
        let left = trend(60, |s| 1e9 + 1e6 * s as f64).time_to(2e9).expect("it grows");
        assert!((left.as_secs_f64() - 941.0).abs() < 1.0, "{left:?}");
        let noisy = |s: u64| 1e9 + 1e6 * s as f64 + if s.is_multiple_of(2) { 3e6 } else { -3e6 };
        let left = trend(200, noisy).time_to(2e9).expect("it still grows");
        assert!((left.as_secs_f64() - 801.0).abs() < 40.0, "{left:?}");
        assert_eq!(trend(60, |s| 1e6 * s as f64).time_to(1e6), Some(Duration::ZERO));
    }

    #[test]
    fn what_does_not_grow_steadily_has_none() {
        let check = |value: &dyn Fn(u64) -> f64| assert_eq!(trend(120, value).time_to(1e9), None);
        check(&|_| 5e8);
        check(&|s| 9e8 - 1e6 * s as f64);
        check(&|s| 5e8 + if s < 60 { 0.0 } else { 1e8 });
        check(&|s| 5e8 + 1e8 * (s as f64 / 5.0).sin());
        check(&|_| f64::NAN);
        assert_eq!(trend(19, |s| 1e6 * s as f64).time_to(1e9), None);
    }

    #[test]
    fn readings_are_bounded_and_spaced() {
        let begun = Instant::now();
        let mut trend = Trend::default();
        (0..100_000_u64).for_each(|n| trend.add(begun + Duration::from_millis(50 * n), n as f64));
        assert_eq!(trend.points.len(), POINTS);
        let left = trend.time_to(200_000.0).expect("it grows");
        assert!((left.as_secs_f64() - 5000.0).abs() < 5.0, "{left:?}");
    }
}
