//! The exponentially weighted mean and variance chart, done right: the deviation is taken from the
//! prediction *before* the update, in standard deviations, after a warm-up, and an outlier teaches no
//! more than an alarm's worth.

use crate::chart::{Chart, Normal, usable};
use crate::detector::{Config, Verdict};

/// Rows before the chart speaks.
const WARM_ROWS: u32 = 50;

#[derive(Clone, Debug)]
pub(crate) struct Ewma {
    chart: Chart,
    weights: Weights,
}

#[derive(Clone, Debug)]
struct Weights {
    alpha: f64,
    threshold: f64,
    mean: f64,
    variance: f64,
    rows: u32,
}

impl Ewma {
    pub(crate) fn new(alpha: f64, threshold: f64, config: Config) -> Self {
        let alpha = if alpha.is_finite() { alpha.clamp(1e-6, 1.0) } else { 0.01 };
        let threshold = usable(threshold);
        Self {
            chart: Chart::new(threshold, config),
            weights: Weights { alpha, threshold, mean: 0.0, variance: 0.0, rows: 0 },
        }
    }

    pub(crate) fn push(&mut self, t_ns: i64, value: f64) -> Verdict {
        self.chart.push(t_ns, value, &mut self.weights)
    }
}

impl Normal for Weights {
    fn mean_and_deviation(&self) -> Option<(f64, f64)> {
        (self.rows >= WARM_ROWS).then(|| (self.mean, self.variance.sqrt()))
    }

    fn learn(&mut self, value: f64) {
        self.rows = self.rows.saturating_add(1);
        let weight = self.alpha.max(1.0 / f64::from(self.rows));
        let mut innovation = value - self.mean;
        if self.rows > WARM_ROWS && self.variance > 0.0 {
            let limit = self.threshold * self.variance.sqrt();
            innovation = innovation.clamp(-limit, limit);
        }
        self.mean += weight * innovation;
        self.variance = (1.0 - weight) * (self.variance + weight * innovation * innovation);
    }

    fn accept(&mut self, level: f64, deviation: f64) {
        self.mean = level;
        self.variance = deviation * deviation;
    }
}
