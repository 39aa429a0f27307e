//! The slow layer: one evaluation per five minutes or row, of the mean over that step, against a
//! memory of shapes and the time of day. Slow series get every row looked at; fast ones pay nothing.
//!
//! It learns whether an alarm is open or not: a memory that stood still meanwhile would find what comes
//! after strange, and what a fault looked like is no news the second time.

use crate::detector::{Statistic, Weights};
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
const VIGILANCE: f32 = 0.2;
const WEIGHTS: [f32; 6] = [1.0, 0.5, 0.25, 0.1, 0.04, 0.015];
/// A shape is well known below this share of the novelty that one in a hundred exceeds.
const FAMILIAR: f64 = 0.6;
/// The time of day says nothing before it has been seen this often.
const SEASON_WARM_S: f64 = 5.0 * 86_400.0;

/// Number of scores.
pub(crate) const COUNT: usize = 3;
const SHAPE: usize = 0;
const ABOVE: usize = 1;
const BELOW: usize = 2;
type Values = [f32; COUNT];

const NOVELTY: Kind =
    Kind { quantile: 0.99, shape_max: 0.45, budget_per_day: 0.3, beyond_largest: 1.0, unsure: 0.0 };
const SEASON: Kind =
    Kind { quantile: 0.98, budget_per_day: 0.1, beyond_largest: 2.0, unsure: 5.0, ..NOVELTY };
const KINDS: [Kind; COUNT] = [NOVELTY, SEASON, SEASON];

#[derive(Clone, Debug)]
pub(crate) struct Slow {
    since_ns: i64,
    rows: u32,
    steps: u32,
    sum: f64,
    mean: f64,
    variance: f64,
    shapes: Prototypes<6>,
    novelty: f32,
    season: Season,
    tails: [Tail; COUNT],
    pending: Option<Values>,
}

/// What one evaluation found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) value: f32,
    pub(crate) score: f64,
    pub(crate) statistic: Statistic,
    /// The step was one row, and its shape is well known.
    pub(crate) familiar: bool,
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
            shapes: Prototypes::new(),
            novelty: 0.0,
            season: Season::new(),
            tails: [const { Tail::new() }; COUNT],
            pending: None,
        }
    }

    /// Takes a row; evaluates when a step is complete.
    pub(crate) fn push(
        &mut self,
        value: f64,
        t_ns: i64,
        period_s: f64,
        weights: &Weights,
    ) -> Option<Seen> {
        if self.rows == 0 {
            self.since_ns = t_ns;
        }
        self.rows += 1;
        self.sum += value;
        let age_s = seconds(self.since_ns, t_ns) + 1.5 * period_s;
        if age_s <= STEP_S.max(period_s) {
            return None;
        }
        let (mean, alone) = (self.sum / f64::from(self.rows), self.rows == 1);
        self.restart_step();
        let mut seen = self.step(mean as f32, t_ns, STEP_S.max(period_s), weights);
        seen.familiar &= alone;
        Some(seen)
    }

    fn step(&mut self, value: f32, t_ns: i64, step_s: f64, weights: &Weights) -> Seen {
        self.learn_spread(f64::from(value));
        let values = self.look(value, t_ns);
        let (which, score) = self.best(&values, step_s, weights);
        let tail = &self.tails[SHAPE];
        let familiar = tail.ready() && f64::from(values[SHAPE]) <= FAMILIAR * tail.threshold();
        self.learn(value, t_ns, step_s, values);
        let statistic = if which == SHAPE { Statistic::Shape } else { Statistic::Season };
        Seen { value, score, statistic, familiar }
    }

    fn look(&mut self, value: f32, t_ns: i64) -> Values {
        let novelty = self.novelty(value);
        let mut values = [f32::NEG_INFINITY; COUNT];
        if self.steps > WARM_STEPS {
            values[SHAPE] = novelty;
            if let Some(residual) = self.season.residual(value, t_ns) {
                (values[ABOVE], values[BELOW]) = (residual, -residual);
            }
        }
        values
    }

    /// How new the present shape is; in full only if the one before was as new.
    fn novelty(&mut self, value: f32) -> f32 {
        let before = std::mem::replace(&mut self.novelty, self.shapes.observe(value, &WEIGHTS));
        self.novelty.min(0.5 * (self.novelty + before))
    }

    fn best(&self, values: &Values, step_s: f64, weights: &Weights) -> (usize, f64) {
        let seen_s = f64::from(self.steps) * step_s;
        let mut best = (SHAPE, 0.0);
        for (index, (tail, value)) in self.tails.iter().zip(values).enumerate() {
            let warm_s = if index == SHAPE { WARM_S } else { SEASON_WARM_S };
            let weight = if index == SHAPE { weights.shape } else { weights.season };
            let score = weight * tail.score(*value, &KINDS[index], step_s, 0.0);
            if score > best.1 && seen_s >= warm_s {
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

    /// Shapes at once, tails one step later and not what opened an alarm.
    fn learn(&mut self, value: f32, t_ns: i64, step_s: f64, values: Values) {
        let spread = self.spread();
        self.shapes.learn(VIGILANCE * spread, spread);
        self.season.learn(value, t_ns, spread);
        let Some(values) = self.pending.replace(values) else { return };
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

    /// Starts the running step anew.
    pub(crate) fn restart_step(&mut self) {
        self.rows = 0;
        self.sum = 0.0;
    }

    /// A new level is the normal one now.
    pub(crate) fn accept(&mut self, level: f64, from: f64) {
        self.restart_step();
        self.season.shift((level - from) as f32);
    }
}
