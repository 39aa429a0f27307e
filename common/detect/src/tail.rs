//! The upper tail of a statistic, learned from a stream in constant memory: a quantile by stochastic
//! approximation and a generalised Pareto distribution of the excesses over it, by moments.
//!
//! A tail turns a raw statistic into "how rare is this here", whatever its unit and distribution.
//! The quantile's start is the largest of the first [`START_BLOCKS`] values and is read again while
//! nothing exceeds it, because a quantile that starts too high sinks for hours.
//!
//! How sure a tail is goes by bursts, not by values: a load that lasts for ten seconds exceeds ten times and was seen
//! once. Real series are made of bursts; independent ones lose nothing.

/// Values before a tail has an opinion.
pub(crate) const START_BLOCKS: u32 = 50;
/// Gain of the quantile's steps; with a quantile of .98 it forgets in about half an hour of seconds.
const GAIN: f32 = 0.03;
/// Memory of rate and excesses.
const MEMORY_S: f64 = 12.0 * 3600.0;
const MEMORY_MIN_BLOCKS: f64 = 6000.0;
/// Memory of the largest excess.
const LARGEST_MEMORY_S: f64 = 2.0 * 86_400.0;
/// An excess teaches at most this multiple of the mean excess.
const EXCESS_CLIP: f32 = 20.0;
/// A long alarm lets the largest excess grow by at most this factor, a short one teaches this much of its peak.
const LONG_GROWTH: f32 = 1.08;
const SHORT_SHARE: f32 = 0.8;

/// What distinguishes one tail from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The quantile that begins the tail.
    pub(crate) quantile: f32,
    /// The heaviest shape allowed.
    pub(crate) shape_max: f64,
    /// False alarms allowed per day.
    pub(crate) budget_per_day: f64,
    /// An alarm exceeds the largest known excess by this factor.
    pub(crate) beyond_largest: f64,
    /// Widens the scale, over the square root of the number of bursts known.
    pub(crate) unsure: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Tail {
    threshold: f32,
    spread: f32,
    excess: f32,
    square: f32,
    largest: f32,
    rate: f32,
    exceedances: u32,
    /// Runs of exceedances.
    bursts: u32,
    blocks: u32,
    /// The last value exceeded.
    in_burst: bool,
}

impl Tail {
    pub(crate) const fn new() -> Self {
        Self {
            threshold: 0.0,
            spread: 0.0,
            excess: 0.0,
            square: 0.0,
            largest: 0.0,
            rate: 0.0,
            exceedances: 0,
            bursts: 0,
            blocks: 0,
            in_burst: false,
        }
    }

    pub(crate) fn threshold(&self) -> f64 {
        f64::from(self.threshold)
    }

    pub(crate) fn largest(&self) -> f32 {
        self.largest
    }

    pub(crate) fn set_largest(&mut self, largest: f32) {
        self.largest = largest;
    }

    pub(crate) fn ready(&self) -> bool {
        self.blocks >= START_BLOCKS
    }

    /// How far `value` is beyond what is normal: 1 is an alarm of the kind's budget.
    pub(crate) fn score(&self, value: f32, kind: &Kind, block_s: f64, least: f64) -> f64 {
        let excess = f64::from(value - self.threshold);
        if !self.ready() || excess <= 0.0 || self.spread <= 0.0 {
            return 0.0;
        }
        let goal = -libm::log(kind.budget_per_day * block_s / 86_400.0);
        let rarity = self.rarity(excess, kind) / goal;
        let least = least.max(kind.beyond_largest * f64::from(self.largest));
        if least > 0.0 { rarity.min(excess / least) } else { rarity }
    }

    /// The value whose score is 1.
    pub(crate) fn level(&self, kind: &Kind, block_s: f64, least: f64) -> f64 {
        let (shape, scale) = self.shape_and_scale(kind);
        let rate = self.rate_floor(kind);
        let ln = libm::log(rate / (kind.budget_per_day * block_s / 86_400.0)).max(0.0);
        let excess = if shape.abs() < 1e-3 {
            scale * ln
        } else {
            scale * (libm::exp(shape * ln) - 1.0) / shape
        };
        self.threshold() + excess.max(least).max(kind.beyond_largest * f64::from(self.largest))
    }

    /// Minus the logarithm of the probability of an excess this large.
    fn rarity(&self, excess: f64, kind: &Kind) -> f64 {
        let (shape, scale) = self.shape_and_scale(kind);
        if scale <= 0.0 {
            return 0.0;
        }
        let tail = if shape.abs() < 1e-3 {
            excess / scale
        } else {
            let inner = 1.0 + shape * excess / scale;
            if inner > 0.0 { libm::log(inner) / shape } else { 700.0 }
        };
        tail - libm::log(self.rate_floor(kind))
    }

    /// Minus the logarithm of the probability of one row at or above `value`, from the middle (a half) on.
    pub(crate) fn row_rarity(&self, value: f64, kind: &Kind) -> f64 {
        if !self.ready() {
            return f64::INFINITY;
        }
        let threshold = self.threshold();
        if value > threshold {
            return self.rarity(value - threshold, kind).max(-libm::log(self.rate_floor(kind)));
        }
        let share = if threshold > 0.0 { (value / threshold).max(0.0) } else { 0.0 };
        let half = core::f64::consts::LN_2;
        half + share * (-libm::log(f64::from(1.0 - kind.quantile)) - half)
    }

    fn rate_floor(&self, kind: &Kind) -> f64 {
        f64::from(self.rate).max(0.1 * f64::from(1.0 - kind.quantile))
    }

    /// Few bursts widen the scale.
    fn shape_and_scale(&self, kind: &Kind) -> (f64, f64) {
        if self.exceedances == 0 {
            return (0.0, f64::from(self.spread));
        }
        let mean = f64::from(self.excess);
        let variance = (f64::from(self.square) - mean * mean).max(1e-6 * mean * mean);
        let ratio = mean * mean / variance;
        let shape = (0.5 * (1.0 - ratio)).clamp(-0.2, kind.shape_max);
        let unsure = 1.0 + kind.unsure / f64::from(self.bursts).sqrt();
        (shape, mean * (1.0 - shape) * unsure)
    }

    /// Takes one healthy value.
    pub(crate) fn learn(&mut self, value: f32, kind: &Kind, block_s: f64) {
        self.blocks = self.blocks.saturating_add(1);
        if self.exceedances == 0 && !self.begin(value) {
            return;
        }
        let memory = (MEMORY_S / block_s).max(MEMORY_MIN_BLOCKS);
        let weight = (1.0 / f64::from(self.blocks)).max(1.0 / memory) as f32;
        let above = value > self.threshold;
        self.rate += weight * (f32::from(u8::from(above)) - self.rate);
        self.spread += weight.max(1.0 / 1800.0) * ((value - self.threshold).abs() - self.spread);
        self.largest *= 1.0 - (block_s / LARGEST_MEMORY_S).min(0.01) as f32;
        self.bursts = self.bursts.saturating_add(u32::from(above && !self.in_burst));
        self.in_burst = above;
        if above {
            self.learn_excess(value - self.threshold, f64::from(1.0 - kind.quantile) * memory);
            self.threshold += GAIN * kind.quantile * self.spread;
        } else {
            self.threshold -= GAIN * (1.0 - kind.quantile) * self.spread;
        }
    }

    /// Reads the start until something exceeds it; says whether the tail may go on.
    fn begin(&mut self, value: f32) -> bool {
        if self.ready() && self.blocks > START_BLOCKS && value > self.threshold {
            return true;
        }
        let first = self.blocks % START_BLOCKS == 1;
        self.excess = if first { value } else { self.excess.max(value) };
        self.spread += ((self.excess - value) - self.spread) / self.blocks.min(START_BLOCKS) as f32;
        if self.blocks.is_multiple_of(START_BLOCKS) {
            self.threshold = self.excess;
        }
        false
    }

    fn learn_excess(&mut self, excess: f32, memory: f64) {
        if self.exceedances == 0 {
            self.rate = 1.0 / self.blocks as f32;
        }
        self.exceedances = self.exceedances.saturating_add(1);
        let weight = (1.0 / f64::from(self.exceedances)).max(1.0 / memory) as f32;
        let known =
            if self.exceedances > 5 { excess.min(EXCESS_CLIP * self.excess) } else { excess };
        if self.exceedances == 1 {
            (self.excess, self.square) = (known, known * known * 2.0);
        } else {
            self.excess += weight * (known - self.excess);
            self.square += weight * (known * known - self.square);
        }
        self.largest = self.largest.max(excess);
    }

    /// What an alarm that is over teaches about the largest excess: a fault little, an oddity nearly all.
    pub(crate) fn learn_alarm(&mut self, peak: f32, oddity: f32) {
        let excess = peak - self.threshold;
        if excess > self.largest {
            let grown = (self.largest * LONG_GROWTH).min(excess);
            self.largest = grown.max(oddity * SHORT_SHARE * excess);
        }
    }

    /// The series became `factor` times as wide.
    pub(crate) fn widen(&mut self, factor: f32) {
        self.threshold *= factor;
        self.spread *= factor;
        self.excess *= factor;
        self.square *= factor * factor;
        self.largest *= factor;
    }
}
