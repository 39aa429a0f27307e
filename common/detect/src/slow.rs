//! The slow layer: one evaluation per five minutes or row, of the mean over that step, against two
//! memories of shapes and the time of day. Slow series get every row looked at; fast ones pay nothing.

use crate::pace::seconds;
use crate::prototypes::Prototypes;
use crate::seasonal::Season;
use crate::tail::{Kind, Tail};

/// Least distance of two evaluations.
const STEP_S: f64 = 300.0;
/// Evaluations before shapes are judged.
const WARM_STEPS: u32 = 50;
/// A shape can be new only once a day has been seen.
const WARM_S: f64 = 86_400.0;
/// Memory of the spread that decides what a new shape is.
const SPREAD_WEIGHT: f64 = 1e-4;
/// A shape is new at this share of the spread.
const VIGILANCE_NEAR: f32 = 0.3;
const VIGILANCE_WIDE: f32 = 0.4;
const WEIGHTS_NEAR: [f32; 3] = [1.0, 0.2, 0.04];
const WEIGHTS_WIDE: [f32; 6] = [1.0, 0.5, 0.25, 0.1, 0.04, 0.015];

/// Number of scores.
pub(crate) const COUNT: usize = 4;
pub(crate) type Values = [f32; COUNT];
/// No peak yet.
pub(crate) const NO_PEAKS: Values = [f32::NEG_INFINITY; COUNT];

const SHAPE: Kind =
    Kind { quantile: 0.99, shape_max: 0.45, budget_per_day: 0.5, beyond_largest: 1.7, unsure: 5.0 };
const SEASON: Kind = Kind { quantile: 0.98, budget_per_day: 0.1, beyond_largest: 2.0, ..SHAPE };
const KINDS: [Kind; COUNT] = [SHAPE, SHAPE, SEASON, SEASON];

#[derive(Clone, Debug)]
pub(crate) struct Slow {
    since_ns: i64,
    rows: u32,
    steps: u32,
    sum: f64,
    mean: f64,
    variance: f64,
    near: Prototypes<3>,
    wide: Prototypes<6>,
    season: Season,
    tails: [Tail; COUNT],
    pending: Option<Values>,
}

/// What one evaluation saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) value: f32,
    pub(crate) values: Values,
    pub(crate) score: f64,
    pub(crate) which: usize,
}

impl Slow {
    pub(crate) const fn new() -> Self {
        Self {
            since_ns: 0,
            rows: 0,
            steps: 0,
            sum: 0.0,
            mean: 0.0,
            variance: 0.0,
            near: Prototypes::new(),
            wide: Prototypes::new(),
            season: Season::new(),
            tails: [const { Tail::new() }; COUNT],
            pending: None,
        }
    }

    /// Starts the running step anew.
    pub(crate) fn restart_step(&mut self) {
        self.rows = 0;
        self.sum = 0.0;
    }

    /// Takes a row; evaluates when a step is complete.
    pub(crate) fn push(&mut self, value: f64, t_ns: i64, period_s: f64) -> Option<Seen> {
        if self.rows == 0 {
            self.since_ns = t_ns;
        }
        self.rows += 1;
        self.sum += value;
        let age_s = seconds(self.since_ns, t_ns) + 1.5 * period_s;
        if age_s <= STEP_S.max(period_s) {
            return None;
        }
        let mean = self.sum / f64::from(self.rows);
        self.restart_step();
        Some(self.evaluate(mean, t_ns, STEP_S.max(period_s)))
    }

    fn evaluate(&mut self, mean: f64, t_ns: i64, step_s: f64) -> Seen {
        self.learn_spread(mean);
        let value = mean as f32;
        let near = self.near.observe(value, &WEIGHTS_NEAR);
        let wide = self.wide.observe(value, &WEIGHTS_WIDE);
        let residual = self.season.residual(value, t_ns);
        let mut values = NO_PEAKS;
        if self.steps > WARM_STEPS {
            (values[0], values[1]) = (near, wide);
            if let Some(residual) = residual {
                (values[2], values[3]) = (residual, -residual);
            }
        }
        let (which, mut score) = self.best(&values, step_s);
        if f64::from(self.steps) * step_s < WARM_S {
            score = 0.0;
        }
        Seen { value, values, score, which }
    }

    fn best(&self, values: &Values, step_s: f64) -> (usize, f64) {
        let mut best = (0, 0.0);
        for (index, (tail, value)) in self.tails.iter().zip(values).enumerate() {
            let score = tail.score(*value, &KINDS[index], step_s, 0.0);
            if score > best.1 {
                best = (index, score);
            }
        }
        best
    }

    fn learn_spread(&mut self, value: f64) {
        self.steps = self.steps.saturating_add(1);
        let weight = SPREAD_WEIGHT.max(1.0 / f64::from(self.steps));
        let difference = value - self.mean;
        self.mean += weight * difference;
        self.variance = (1.0 - weight) * (self.variance + weight * difference * difference);
    }

    fn spread(&self) -> f32 {
        self.variance.sqrt() as f32
    }

    /// Learns what an evaluation saw: shapes at once, tails one step later and only if nothing opened.
    pub(crate) fn learn(&mut self, seen: &Seen, t_ns: i64, step_s: f64, opened: bool) {
        let spread = self.spread();
        self.near.learn(VIGILANCE_NEAR * spread, spread);
        self.wide.learn(VIGILANCE_WIDE * spread, spread);
        self.season.learn(seen.value, t_ns, spread);
        let ripe = if opened { None } else { self.pending.replace(seen.values) };
        let Some(values) = ripe else { return };
        for ((tail, value), kind) in self.tails.iter_mut().zip(values).zip(&KINDS) {
            if value.is_finite() {
                tail.learn(value, kind, step_s);
            }
        }
    }

    /// An alarm opened: what waits is not learned.
    pub(crate) fn discard(&mut self) {
        self.pending = None;
    }

    /// The largest excess that each tail knows.
    pub(crate) fn largest(&self) -> Values {
        core::array::from_fn(|index| self.tails[index].largest())
    }

    pub(crate) fn set_largest(&mut self, largest: &Values) {
        for (tail, largest) in self.tails.iter_mut().zip(largest) {
            tail.set_largest(*largest);
        }
    }

    /// An alarm of this layer is over.
    pub(crate) fn learn_alarm(&mut self, peaks: &Values, short: bool) {
        for (tail, peak) in self.tails.iter_mut().zip(peaks) {
            if peak.is_finite() {
                tail.learn_alarm(*peak, short);
            }
        }
    }

    /// A new level is the normal one now.
    pub(crate) fn accept(&mut self, level: f64, from: f64) {
        self.restart_step();
        let spread = self.spread();
        self.near.settle(level as f32);
        self.wide.settle(level as f32);
        self.near.learn(VIGILANCE_NEAR * spread, spread);
        self.wide.learn(VIGILANCE_WIDE * spread, spread);
        self.season.shift((level - from) as f32);
    }
}
