//! The calibrated detector: the fast and the slow layer, the rule for constants, and one alarm state.
//!
//! Per row: validate, windows, scores *before* learning, state, learning. The fast layer learns nothing
//! while the state is open.

use crate::constant::Constant;
use crate::detector::{Config, Direction, Statistic, Verdict, Weights};
use crate::episode::{Change, Episode, Patience};
use crate::fast::{self, Band, Fast};
use crate::pace::{Pace, Tick};
use crate::score::Readiness;
use crate::shift::{DISTANCE, NARROWER, Seen, Stats, WIDER};
use crate::slow::{self, Slow};
use crate::unit::Unit;

#[derive(Clone, Debug)]
pub(crate) struct Auto {
    patience: Patience,
    pace: Pace,
    unit: Unit,
    fast: Fast,
    slow: Slow,
    constant: Constant,
    readiness: Readiness,
    episode: Episode,
    alarm: Alarm,
    weights: Weights,
}

/// What the gate on memory allows for a series.
const STATE_BYTES_MAX: usize = 4096;
const _: () = assert!(size_of::<Auto>() <= STATE_BYTES_MAX);

/// What the running alarm is about.
#[derive(Clone, Debug)]
struct Alarm {
    cause: Cause,
    band: Option<Band>,
    peaks: Stats,
    /// What was known before it taught anything: an alarm that goes on takes its lesson back.
    known: Stats,
    baseline: f64,
    /// Somebody vouches for it: it teaches nothing about what is normal.
    upheld: bool,
}

/// Who spoke, how loud.
#[derive(Clone, Copy, Debug)]
struct Cause {
    score: f64,
    statistic: Statistic,
    direction: Direction,
}

impl Cause {
    const NONE: Self = Self { score: 0.0, statistic: Statistic::Level, direction: Direction::Up };
}

/// All that one row showed.
struct Row {
    t_ns: i64,
    value: f64,
    period_s: f64,
    seen: Seen,
    slow: Option<slow::Seen>,
    moved: bool,
}

impl Auto {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            patience: Patience::of(&config),
            pace: Pace::new(),
            unit: Unit::new(),
            fast: Fast::new(),
            slow: Slow::new(),
            constant: Constant::new(),
            readiness: Readiness::new(),
            episode: Episode::new(),
            alarm: Alarm {
                cause: Cause::NONE,
                band: None,
                peaks: fast::NO_PEAKS,
                known: fast::NO_PEAKS,
                baseline: 0.0,
                upheld: false,
            },
            weights: config.weights,
        }
    }

    /// See [`crate::Detector::uphold`].
    pub(crate) fn uphold(&mut self) {
        self.alarm.upheld = true;
    }

    pub(crate) fn push(&mut self, t_ns: i64, value: f64) -> Verdict {
        if !value.is_finite() {
            return self.reject();
        }
        let dt_s = match self.pace.tick(t_ns) {
            Tick::Rejected => return self.reject(),
            Tick::Next(dt_s) => dt_s,
            tick => self.hole(tick == Tick::LongGap),
        };
        self.readiness.count(dt_s);
        let inward = self.unit.inward(value);
        let row = self.look(t_ns, inward);
        if self.episode.is_open() { self.continue_alarm(&row) } else { self.judge(&row) }
    }

    fn reject(&self) -> Verdict {
        Verdict { rejected: true, ..self.verdict(0.0, false) }
    }

    /// Windows start anew after a hole; after a long one the level too.
    fn hole(&mut self, long: bool) -> f64 {
        self.fast.restart_windows();
        self.episode.interrupt();
        if long && !self.episode.is_open() {
            self.fast.forget_level();
            self.slow.restart_step();
            self.readiness.learn_level();
        }
        self.pace.period_s()
    }

    fn look(&mut self, t_ns: i64, value: f64) -> Row {
        let period_s = self.pace.period_s();
        let seen = self.fast.push(value, period_s);
        let slow = self.slow.push(value, t_ns, period_s, &self.weights);
        if self.episode.is_open() {
            return Row { t_ns, value, period_s, seen, slow: None, moved: false };
        }
        let moved = self.constant.push(value, period_s);
        Row { t_ns, value, period_s, seen, slow, moved }
    }

    fn judge(&mut self, row: &Row) -> Verdict {
        let cause = self.cause(row);
        if self.readiness.opens(cause.score) && cause.score > 0.0 {
            let score = self.readiness.opened(cause.score);
            self.open(row, Cause { score, ..cause });
            return self.verdict(score, true);
        }
        self.learn(row);
        self.verdict(cause.score, false)
    }

    fn cause(&self, row: &Row) -> Cause {
        let knows_level = self.readiness.knows_level();
        if self.constant.holds() {
            let score = if row.moved && knows_level { 2.0 } else { 0.0 };
            let direction = direction(row.value > self.constant.value());
            return Cause { score, statistic: Statistic::Constant, direction };
        }
        let mut cause = if knows_level { self.fast_cause(row) } else { Cause::NONE };
        cause.score *= match row.slow {
            Some(seen) if seen.familiar => self.weights.familiar,
            _ => self.weights.newest,
        };
        let Some(seen) = row.slow else { return cause };
        let slow = self.slow_cause(&seen);
        if slow.score > cause.score { slow } else { cause }
    }

    fn fast_cause(&self, row: &Row) -> Cause {
        let (which, score) = self.fast.score(&row.seen, row.period_s);
        let statistic = match which {
            DISTANCE => Statistic::Distance,
            WIDER | NARROWER => Statistic::Spread,
            _ => Statistic::Level,
        };
        let up = if which == DISTANCE {
            row.value > self.fast.base().level()
        } else {
            fast::is_up(which)
        };
        Cause { score, statistic, direction: direction(up) }
    }

    fn slow_cause(&self, seen: &slow::Seen) -> Cause {
        let up = f64::from(seen.value) > self.fast.base().level();
        Cause { score: seen.score, statistic: seen.statistic, direction: direction(up) }
    }

    fn open(&mut self, row: &Row, cause: Cause) {
        let constant = self.constant.holds();
        self.alarm.cause = cause;
        self.alarm.band = (!constant).then(|| self.fast.band(row.period_s));
        if self.episode.open(row.t_ns, row.value) {
            self.fast.set_largest(&self.alarm.known);
            larger(&mut self.alarm.peaks, &row.seen.values);
        } else {
            self.begin(row);
        }
        self.fast.discard();
        self.fast.taint();
        self.slow.discard();
    }

    fn begin(&mut self, row: &Row) {
        let constant = self.constant.holds();
        self.alarm.peaks = row.seen.values;
        self.alarm.known = self.fast.largest();
        self.alarm.baseline =
            if constant { self.constant.value() } else { self.fast.base().level() };
        self.alarm.upheld = false;
    }

    fn learn(&mut self, row: &Row) {
        self.fast.learn(row.value, &row.seen.values, row.t_ns, row.period_s);
    }

    fn continue_alarm(&mut self, row: &Row) -> Verdict {
        larger(&mut self.alarm.peaks, &row.seen.values);
        let back = match &self.alarm.band {
            Some(band) => Fast::is_back(&row.seen.values, band),
            None => self.constant.is_home(row.value),
        };
        if back {
            self.fast.untaint_row();
        } else {
            self.fast.taint();
        }
        match self.episode.push(row.t_ns, row.value, back, row.period_s, self.patience) {
            Change::Stays => {}
            Change::Cleared { oddity } => self.clear(oddity),
            Change::Accepted { level, distance } => self.accept(level, distance, row.value),
        }
        self.verdict(0.0, false)
    }

    fn clear(&mut self, oddity: f32) {
        if !self.alarm.upheld {
            self.fast.learn_alarm(&self.alarm.peaks, oddity);
            if oddity >= 1.0 && self.alarm.cause.statistic == Statistic::Constant {
                self.constant.woke();
            }
        }
    }

    fn accept(&mut self, level: f64, distance: f64, value: f64) {
        let before = self.fast.base().plain_distance();
        let factor = if before > 0.0 { (distance / before).max(1.0) } else { 1.0 };
        self.slow.accept(level, self.alarm.baseline);
        self.fast.accept(level, factor);
        self.constant.accept(value);
        self.readiness.be_silent();
    }

    fn verdict(&self, score: f64, opened: bool) -> Verdict {
        let open = self.episode.is_open();
        let baseline = if open { self.alarm.baseline } else { self.fast.base().level() };
        let cause = if open { self.alarm.cause } else { Cause::NONE };
        Verdict {
            score: if opened { score } else { score.min(0.999) },
            opened,
            open,
            rejected: false,
            baseline: self.unit.outward(baseline),
            direction: cause.direction,
            statistic: cause.statistic,
            anomaly: cause.score,
        }
    }
}

fn direction(up: bool) -> Direction {
    if up { Direction::Up } else { Direction::Down }
}

/// The larger of each pair.
fn larger<const N: usize>(peaks: &mut [f32; N], values: &[f32; N]) {
    for (peak, value) in peaks.iter_mut().zip(values) {
        *peak = peak.max(*value);
    }
}
