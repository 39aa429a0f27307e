//! The fast layer: the statistics of every row against tails of their own block maxima.

use crate::base::Base;
use crate::quarantine::{Quarantine, block_s};
use crate::ring::Ring;
use crate::rows::Rows;
use crate::shift::{
    COUNT, DISTANCE, LONG_DOWN, LONG_UP, NARROWER, SHORT_DOWN, SHORT_UP, SILENT, Seen, Spans,
    Stats, WIDER, stats,
};
use crate::tail::{Kind, Tail};

/// The base is trusted after this time and these rows; the tails begin then.
const BASE_S: f64 = 60.0;
const BASE_ROWS: u32 = 60;

const LEVEL: Kind =
    Kind { quantile: 0.98, shape_max: 0.2, budget_per_day: 0.1, beyond_largest: 1.7, unsure: 2.0 };
const SPREAD: Kind = Kind { budget_per_day: 0.02, beyond_largest: 2.5, unsure: 5.0, ..LEVEL };
/// Changes of spread below this (a logarithm) matter to nobody.
const LEAST_CHANGE: f64 = 0.4;
/// Shifts of a window's mean below this share of a row's mean distance, over the square root of its
/// rows, neither.
const LEAST_SHIFT: f64 = 2.0;
/// Single distances below this share neither.
const LEAST_DISTANCE: f64 = 0.6;
const KINDS: [Kind; COUNT] = [LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, SPREAD, SPREAD];

/// The statistics that say whether a series is back, beside the one that spoke.
const BACK: [usize; 6] = [SHORT_UP, SHORT_DOWN, LONG_UP, LONG_DOWN, DISTANCE, NARROWER];

/// Below these values a series is back where it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band(Stats);

#[derive(Clone, Debug)]
pub(crate) struct Fast {
    ring: Ring,
    base: Base,
    tails: [Tail; COUNT],
    quarantine: Quarantine,
    rows: Rows,
    spans: Spans,
    spans_for_s: f64,
    /// Trimmed mean distance in the newest spread window.
    distance: f64,
    /// Rows of windows that an alarm still fills.
    tainted_rows: u8,
}

impl Fast {
    pub(crate) const fn new() -> Self {
        Self {
            ring: Ring::new(),
            base: Base::new(),
            tails: [const { Tail::new() }; COUNT],
            quarantine: Quarantine::new(),
            rows: Rows::new(),
            spans: Spans { short: 3, long: 6, spread: 20 },
            spans_for_s: 0.0,
            distance: 0.0,
            tainted_rows: 0,
        }
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// After a hole the windows start anew.
    pub(crate) fn restart_windows(&mut self) {
        self.ring.clear();
    }

    pub(crate) fn forget_level(&mut self) {
        self.base.forget_level();
    }

    /// Takes a row into the windows and returns the statistics.
    pub(crate) fn push(&mut self, value: f64, period_s: f64) -> Seen {
        if (period_s - self.spans_for_s).abs() > 0.02 * period_s {
            self.spans_for_s = period_s;
            self.spans = Spans::of(period_s);
        }
        self.ring.push(value as f32);
        let seen = stats(&self.ring, self.spans, &self.base);
        self.distance = seen.distance;
        seen
    }

    /// The highest score and its statistic.
    pub(crate) fn score(&self, seen: &Seen, period_s: f64) -> (usize, f64) {
        let block_s = block_s(period_s);
        let mut best = (0, 0.0);
        for (index, (tail, value)) in self.tails.iter().zip(&seen.values).enumerate() {
            if self.tainted_rows > 0 && matches!(index, WIDER | NARROWER) {
                continue;
            }
            let score = tail.score(*value, &KINDS[index], block_s, self.least(index));
            if score > best.1 && score >= 1.0 {
                let score = score.min(self.coincidence(index, seen, period_s));
                if score > best.1 {
                    best = (index, score);
                }
            } else if score > best.1 {
                best = (index, score);
            }
        }
        best
    }

    /// No excess below this is an alarm.
    fn least(&self, index: usize) -> f64 {
        match index {
            WIDER | NARROWER => LEAST_CHANGE,
            DISTANCE => LEAST_DISTANCE * self.base.plain_distance(),
            SHORT_UP | SHORT_DOWN => self.least_shift(self.spans.short),
            _ => self.least_shift(self.spans.long),
        }
    }

    fn least_shift(&self, rows: usize) -> f64 {
        LEAST_SHIFT * self.base.plain_distance() / (rows as f64).sqrt()
    }

    /// The score that the rows of a window would get if odd rows came one by one.
    fn coincidence(&self, index: usize, seen: &Seen, period_s: f64) -> f64 {
        let base = self.base.level();
        match index {
            SHORT_UP => self.rows.high(&seen.short, base, period_s),
            SHORT_DOWN => self.rows.low(&seen.short, base, period_s),
            LONG_UP => self.rows.high(&seen.long, base, period_s),
            LONG_DOWN => self.rows.low(&seen.long, base, period_s),
            DISTANCE => {
                let distance = f64::from(seen.values[DISTANCE]);
                self.rows.pair(seen.short.rows, distance, period_s)
            }
            _ => f64::INFINITY,
        }
    }

    /// Learns a healthy row.
    pub(crate) fn learn(&mut self, value: f64, stats: &Stats, t_ns: i64, period_s: f64) {
        let distance = value - self.base.level();
        self.base.learn(value, period_s);
        if self.base.rows() > BASE_ROWS {
            self.rows.learn(distance, period_s);
        }
        if self.tainted_rows > 0 {
            self.tainted_rows -= 1;
            return;
        }
        if self.ring.filled() >= self.spans.spread {
            self.base.learn_window(self.distance, period_s);
        }
        if self.base.rows() < BASE_ROWS || f64::from(self.base.rows()) * period_s < BASE_S {
            return;
        }
        let Some(block) = self.quarantine.push(stats, t_ns, period_s) else { return };
        let block_s = block_s(period_s);
        for ((tail, value), kind) in self.tails.iter_mut().zip(block).zip(&KINDS) {
            if value.is_finite() {
                tail.learn(value, kind, block_s);
            }
        }
    }

    /// An alarm opened: what waits is not learned, nor what its rows still fill afterwards.
    pub(crate) fn discard(&mut self) {
        self.quarantine.clear();
    }

    /// The newest row is out of the band: the windows stay tainted until it has left them.
    pub(crate) fn taint(&mut self) {
        self.tainted_rows = self.spans.spread as u8;
    }

    pub(crate) fn untaint_row(&mut self) {
        self.tainted_rows = self.tainted_rows.saturating_sub(1);
    }

    /// The band that an alarm of the statistic `spoke` leaves: half of each alarm level, or half way there
    /// from what is usual.
    pub(crate) fn band(&self, period_s: f64) -> Band {
        let block_s = block_s(period_s);
        let mut band = [f32::INFINITY; COUNT];
        for index in BACK {
            let level = self.tails[index].level(&KINDS[index], block_s, self.least(index));
            let usual = self.tails[index].threshold().max(0.0);
            let share = if matches!(index, LONG_UP | LONG_DOWN) { 0.75 } else { 0.5 };
            band[index] = (usual + share * (level - usual)) as f32;
        }
        Band(band)
    }

    /// Whether the statistics are within the band.
    pub(crate) fn is_back(stats: &Stats, band: &Band) -> bool {
        stats.iter().zip(band.0).all(|(value, limit)| *value <= limit)
    }

    /// The largest excess that each tail knows.
    pub(crate) fn largest(&self) -> Stats {
        core::array::from_fn(|index| self.tails[index].largest())
    }

    pub(crate) fn set_largest(&mut self, largest: &Stats) {
        for (tail, largest) in self.tails.iter_mut().zip(largest) {
            tail.set_largest(*largest);
        }
    }

    /// An alarm is over. Only a series that stands still more often than not has oddities by degrees: it moves in bursts,
    /// some of them longer.
    pub(crate) fn learn_alarm(&mut self, peaks: &Stats, oddity: f32) {
        let oddity = if self.base.is_still() { oddity } else { oddity.floor() };
        for (tail, peak) in self.tails.iter_mut().zip(peaks) {
            if peak.is_finite() {
                tail.learn_alarm(*peak, oddity);
            }
        }
    }

    /// A new level is the normal one now; its rows are `factor` times as far apart as before.
    pub(crate) fn accept(&mut self, level: f64, factor: f64) {
        self.base.accept(level, factor);
        self.rows.widen(factor as f32);
        self.quarantine.clear();
        for index in [SHORT_UP, SHORT_DOWN, LONG_UP, LONG_DOWN, DISTANCE] {
            self.tails[index].widen(factor as f32);
        }
        self.restart_windows();
    }
}

/// Whether a statistic looks upwards.
pub(crate) fn is_up(index: usize) -> bool {
    matches!(index, SHORT_UP | LONG_UP | WIDER)
}

/// No peak yet.
pub(crate) const NO_PEAKS: Stats = SILENT;
