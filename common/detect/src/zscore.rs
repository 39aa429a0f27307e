//! The windowed Z-score, done right: the window holds past rows only, never the one under test, and the
//! chart is silent until the window is full.

use crate::chart::{Chart, Normal};
use crate::detector::{Config, Verdict};

/// Largest window; state stays within 4 KiB.
const ROWS_MAX: usize = 480;

#[derive(Clone, Debug)]
pub(crate) struct Zscore {
    chart: Chart,
    window: Window,
}

#[derive(Clone, Debug)]
struct Window {
    values: Box<[f64]>,
    next: usize,
    filled: usize,
}

impl Zscore {
    pub(crate) fn new(rows: usize, threshold: f64, config: Config) -> Self {
        let values = vec![0.0; rows.clamp(3, ROWS_MAX)].into_boxed_slice();
        Self { chart: Chart::new(threshold, config), window: Window { values, next: 0, filled: 0 } }
    }

    pub(crate) fn push(&mut self, t_ns: i64, value: f64) -> Verdict {
        self.chart.push(t_ns, value, &mut self.window)
    }
}

impl Normal for Window {
    fn mean_and_deviation(&self) -> Option<(f64, f64)> {
        if self.filled < self.values.len() {
            return None;
        }
        let rows = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / rows;
        let squares: f64 = self.values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Some((mean, (squares / (rows - 1.0)).sqrt()))
    }

    fn learn(&mut self, value: f64) {
        self.values[self.next] = value;
        self.next = (self.next + 1) % self.values.len();
        self.filled = (self.filled + 1).min(self.values.len());
    }

    fn accept(&mut self, _level: f64, _deviation: f64) {
        self.filled = 0;
        self.next = 0;
    }
}
