//! Where a series is and how wide it is, slowly: the level (nearly a median), the mean distance from
//! it, and the slow mean of the spread window's distance.

/// Memory of the level.
const LEVEL_S: f64 = 300.0;
const LEVEL_ROWS: f64 = 60.0;
/// Memory of the spread.
const SPREAD_S: f64 = 1800.0;
const SPREAD_ROWS: f64 = 300.0;
/// Rows whose plain mean begins the level.
const START_ROWS: u32 = 30;
/// A row counts up to this many plain mean distances.
const WILD: f64 = 200.0;

#[derive(Clone, Debug)]
pub(crate) struct Base {
    level: f64,
    /// Mean distance of a row, rows clipped at three of it: the unit of clipping.
    distance: f64,
    /// Mean distance of a row, all but the wildest rows counted: the unit of what matters.
    plain_distance: f64,
    /// Slow mean of the trimmed distance in the spread window.
    window_distance: f64,
    /// Share of spread windows in which anything moves.
    moving: f64,
    rows: u32,
    window_rows: u32,
}

impl Base {
    pub(crate) const fn new() -> Self {
        Self {
            level: 0.0,
            distance: 0.0,
            plain_distance: 0.0,
            window_distance: 0.0,
            moving: 1.0,
            rows: 0,
            window_rows: 0,
        }
    }

    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    pub(crate) fn plain_distance(&self) -> f64 {
        self.plain_distance
    }

    /// The usual distance in a window; 0 where there is none: before [`LEVEL_ROWS`] windows moved, and in a series
    /// whose windows stand still more often than not.
    pub(crate) fn window_distance(&self) -> f64 {
        let usual = f64::from(self.window_rows) >= LEVEL_ROWS && !self.is_still();
        if usual { self.window_distance } else { 0.0 }
    }

    /// Whether the series stands still more often than not.
    pub(crate) fn is_still(&self) -> bool {
        self.moving < 0.5
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Takes a healthy row.
    pub(crate) fn learn(&mut self, value: f64, period_s: f64) {
        self.rows = self.rows.saturating_add(1);
        let innovation = value - self.level;
        let begin = 1.0 / f64::from(self.rows);
        let level_weight = begin.max((period_s / LEVEL_S).min(1.0 / LEVEL_ROWS));
        let spread_weight = begin.max((period_s / SPREAD_S).min(1.0 / SPREAD_ROWS));
        let clipped = if self.rows <= START_ROWS {
            innovation
        } else {
            innovation.clamp(-self.distance, self.distance)
        };
        self.level += level_weight * clipped;
        let distance = innovation.abs();
        self.distance +=
            spread_weight * (self.clipped(distance, 3.0 * self.distance) - self.distance);
        let plain = self.clipped(distance, WILD * self.plain_distance);
        self.plain_distance += spread_weight * (plain - self.plain_distance);
    }

    fn clipped(&self, distance: f64, limit: f64) -> f64 {
        if self.rows <= START_ROWS || limit <= 0.0 { distance } else { distance.min(limit) }
    }

    /// Takes the mean distance of a full spread window.
    pub(crate) fn learn_window(&mut self, distance: f64, period_s: f64) {
        let moves = f64::from(u8::from(distance > 0.0));
        self.moving += (period_s / SPREAD_S).min(1.0 / SPREAD_ROWS) * (moves - self.moving);
        if moves == 0.0 {
            return;
        }
        self.window_rows = self.window_rows.saturating_add(1);
        let begin = 1.0 / f64::from(self.window_rows);
        let weight = begin.max((period_s / SPREAD_S).min(1.0 / SPREAD_ROWS));
        self.window_distance += weight * (distance - self.window_distance);
    }

    /// The level has to be learned again, the spread stays.
    pub(crate) fn forget_level(&mut self) {
        self.rows = 0;
    }

    /// A new level is the normal one now.
    pub(crate) fn accept(&mut self, level: f64, factor: f64) {
        self.level = level;
        self.distance *= factor;
        self.plain_distance *= factor;
        self.window_distance *= factor;
        self.window_rows = 0;
    }
}
