//! The series that are watched, one detector each, at most [`SERIES_MAX`] of them.
//!
//! Each takes its room from the process's byte budget. A new series beyond the bound takes the place of one
//! that has been silent for [`SILENT_S`]; if there is none, or no room, it is not watched, and counted.

use std::collections::HashMap;

use detect::{Config, Detector, Verdict};
use pipeline::Permit;

use super::points::{Point, Reading};

/// Series watched at a time.
pub(super) const SERIES_MAX: usize = 10_000;
/// A detector, its name and its place in the table.
const SERIES_BYTES: usize = 5 * 1024;
/// A series without points for this long may be replaced.
const SILENT_S: u64 = 3600;

pub(super) struct Table {
    series: HashMap<u64, Series>,
    permit: Permit,
    config: Config,
    newest_ns: u64,
    /// The newest time when the table was last searched for silent series.
    searched_ns: u64,
    unwatched_points: u64,
}

struct Series {
    detector: Detector,
    last_ns: u64,
    last: Option<Reading>,
}

impl Table {
    pub(super) fn new(config: Config, permit: Permit) -> Self {
        let series = HashMap::new();
        Self { series, permit, config, newest_ns: 0, searched_ns: 0, unwatched_points: 0 }
    }

    /// Series watched, and points of series that are not.
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.series.len(), self.unwatched_points)
    }

    /// Takes a point; returns the verdict and the value judged, if there was one.
    pub(super) fn push(&mut self, point: &Point<'_>) -> Option<(Verdict, f64)> {
        self.newest_ns = self.newest_ns.max(point.time_ns);
        if !self.series.contains_key(&point.identity) && !self.make_room() {
            self.unwatched_points += 1;
            return None;
        }
        let config = self.config;
        let series = self.series.entry(point.identity).or_insert_with(|| Series {
            detector: Detector::new(config),
            last_ns: 0,
            last: None,
        });
        let value = series.value(point)?;
        let t_ns = i64::try_from(point.time_ns).ok()?;
        Some((series.detector.push(t_ns, value), value))
    }

    fn make_room(&mut self) -> bool {
        if self.series.len() >= SERIES_MAX {
            self.forget_silent();
        }
        self.series.len() < SERIES_MAX && self.permit.grow(SERIES_BYTES).is_ok()
    }

    /// Searching costs, so it is done once a minute of the data's time.
    fn forget_silent(&mut self) {
        if self.newest_ns < self.searched_ns.saturating_add(60_000_000_000) {
            return;
        }
        self.searched_ns = self.newest_ns;
        let oldest_ns = self.newest_ns.saturating_sub(SILENT_S * 1_000_000_000);
        self.series.retain(|_, series| series.last_ns >= oldest_ns);
        self.permit.shrink_to(self.series.len() * SERIES_BYTES);
    }
}

impl Series {
    /// The value that a point adds to the series: totals become rates and means.
    fn value(&mut self, point: &Point<'_>) -> Option<f64> {
        let (before_ns, before) = (self.last_ns, self.last);
        if point.time_ns <= before_ns && before.is_some() {
            return None;
        }
        (self.last_ns, self.last) = (point.time_ns, Some(point.reading));
        let seconds = |since_ns: u64| point.time_ns.saturating_sub(since_ns) as f64 / 1e9;
        match (point.reading, before) {
            (Reading::Level(value), _) => Some(value),
            (Reading::Added { value, start_ns }, before) => {
                let start_ns = if start_ns > 0 { start_ns } else { before.map(|_| before_ns)? };
                let seconds = seconds(start_ns);
                (seconds > 0.0).then(|| value / seconds)
            }
            // A total that falls was reset: no value.
            (Reading::Total(total), Some(Reading::Total(before))) => {
                (total >= before).then(|| (total - before) / seconds(before_ns))
            }
            (
                Reading::TotalMean { sum, count },
                Some(Reading::TotalMean { sum: sum_before, count: count_before }),
            ) => (count > count_before).then(|| (sum - sum_before) / (count - count_before)),
            (Reading::Total(_) | Reading::TotalMean { .. }, _) => None,
        }
    }
}
