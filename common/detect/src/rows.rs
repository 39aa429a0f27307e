//! How rare single rows are, and how rare a window would be if its odd rows came one by one: a series
//! with lone outliers has some close together now and then, and that is no alarm.

use crate::ring::Window;
use crate::tail::{Kind, Tail};

/// False alarms by coincidence allowed per day.
const BUDGET_PER_DAY: f64 = 10.0;
const ROW: Kind = Kind {
    quantile: 0.98,
    shape_max: 0.2,
    budget_per_day: BUDGET_PER_DAY,
    beyond_largest: 0.0,
    unsure: 0.0,
};

#[derive(Clone, Debug)]
pub(crate) struct Rows {
    above: Tail,
    below: Tail,
}

impl Rows {
    pub(crate) const fn new() -> Self {
        Self { above: Tail::new(), below: Tail::new() }
    }

    /// Takes a healthy row's distance from the base.
    pub(crate) fn learn(&mut self, distance: f64, period_s: f64) {
        self.above.learn(distance as f32, &ROW, period_s);
        self.below.learn(-distance as f32, &ROW, period_s);
    }

    /// The score of a window that is high, by coincidence: all of its rows are above the lowest, all but
    /// one above the second lowest.
    pub(crate) fn high(&self, window: &Window, base: f64, period_s: f64) -> f64 {
        Self::coincidence(&self.above, window.rows, window.low.map(|low| low - base), period_s)
    }

    /// The same of a window that is low.
    pub(crate) fn low(&self, window: &Window, base: f64, period_s: f64) -> f64 {
        Self::coincidence(&self.below, window.rows, window.high.map(|high| base - high), period_s)
    }

    fn coincidence(tail: &Tail, rows: usize, inner: [f64; 2], period_s: f64) -> f64 {
        let rows = rows as f64;
        let all = rows * tail.row_rarity(inner[0], &ROW);
        let all_but_one = (rows - 1.0) * tail.row_rarity(inner[1], &ROW) - libm::log(rows);
        all.max(all_but_one) / goal(period_s)
    }

    /// The score of two rows of a window at this distance or more.
    pub(crate) fn pair(&self, rows: usize, distance: f64, period_s: f64) -> f64 {
        let rarity =
            self.above.row_rarity(distance, &ROW).min(self.below.row_rarity(distance, &ROW));
        let pairs = (rows * (rows - 1) / 2) as f64;
        (2.0 * rarity - libm::log(pairs)) / goal(period_s)
    }

    pub(crate) fn widen(&mut self, factor: f32) {
        self.above.widen(factor);
        self.below.widen(factor);
    }
}

fn goal(period_s: f64) -> f64 {
    -libm::log(BUDGET_PER_DAY * period_s / 86_400.0)
}
