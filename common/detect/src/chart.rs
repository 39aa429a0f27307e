//! What the textbook charts share: deviation from what is normal in standard deviations, a threshold,
//! and the alarm's state. Nothing is learned while it is open.

use crate::detector::{Config, Direction, Statistic, Verdict};
use crate::episode::{Change, Episode, Patience};
use crate::pace::{Pace, Tick};
use crate::unit::Unit;

/// What a chart knows of a healthy series.
pub(crate) trait Normal {
    /// Mean and standard deviation, once they are known.
    fn mean_and_deviation(&self) -> Option<(f64, f64)>;
    fn learn(&mut self, value: f64);
    fn accept(&mut self, level: f64, deviation: f64);
}

#[derive(Clone, Debug)]
pub(crate) struct Chart {
    threshold: f64,
    patience: Patience,
    pace: Pace,
    unit: Unit,
    episode: Episode,
    anomaly: f64,
    direction: Direction,
    baseline: f64,
}

impl Chart {
    pub(crate) fn new(threshold: f64, config: Config) -> Self {
        Self {
            threshold: usable(threshold),
            patience: Patience::of(&config),
            pace: Pace::new(),
            unit: Unit::new(),
            episode: Episode::new(),
            anomaly: 0.0,
            direction: Direction::Up,
            baseline: 0.0,
        }
    }

    pub(crate) fn push(&mut self, t_ns: i64, value: f64, normal: &mut impl Normal) -> Verdict {
        if !value.is_finite() || self.pace.tick(t_ns) == Tick::Rejected {
            return Verdict { rejected: true, ..self.verdict(0.0, false) };
        }
        let value = self.unit.inward(value);
        let Some((mean, deviation)) = normal.mean_and_deviation() else {
            normal.learn(value);
            return self.verdict(0.0, false);
        };
        let score = self.score(value - mean, deviation);
        if self.episode.is_open() {
            self.go_on(t_ns, value, score < 1.0, normal);
            return self.verdict(0.0, false);
        }
        self.baseline = mean;
        if score >= 1.0 {
            self.open(t_ns, value, score);
            return self.verdict(score, true);
        }
        normal.learn(value);
        self.verdict(score, false)
    }

    fn score(&self, distance: f64, deviation: f64) -> f64 {
        if distance == 0.0 {
            0.0
        } else if deviation > 0.0 {
            // A deviation next to nothing would make it infinite.
            (distance.abs() / deviation / self.threshold).min(f64::MAX)
        } else {
            f64::MAX
        }
    }

    fn open(&mut self, t_ns: i64, value: f64, score: f64) {
        self.anomaly = score;
        self.direction = if value > self.baseline { Direction::Up } else { Direction::Down };
        self.episode.open(t_ns, value);
    }

    fn go_on(&mut self, t_ns: i64, value: f64, back: bool, normal: &mut impl Normal) {
        let period_s = self.pace.period_s();
        match self.episode.push(t_ns, value, back, period_s, self.patience) {
            Change::Accepted { level, distance } => {
                normal.accept(level, distance * MEAN_DISTANCE_TO_DEVIATION);
            }
            Change::Stays | Change::Cleared { .. } => {}
        }
    }

    fn verdict(&self, score: f64, opened: bool) -> Verdict {
        let open = self.episode.is_open();
        Verdict {
            score: if opened { score } else { score.min(0.999) },
            opened,
            open,
            rejected: false,
            baseline: self.unit.outward(self.baseline),
            direction: self.direction,
            statistic: Statistic::Level,
            anomaly: if open { self.anomaly } else { 0.0 },
        }
    }
}

/// A threshold that is no positive number becomes the customary one.
pub(crate) fn usable(threshold: f64) -> f64 {
    if threshold >= f64::MIN_POSITIVE && threshold.is_finite() { threshold } else { 3.0 }
}

/// Of a normal distribution: the square root of half pi.
const MEAN_DISTANCE_TO_DEVIATION: f64 = 1.253_314_137_315_500_3;
