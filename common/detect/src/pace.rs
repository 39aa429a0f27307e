//! The rhythm of a series: which rows count, how long a row lasts, and what a hole is.
//!
//! The period is a running geometric mean of the intervals, so that irregular series have one too.
//! Rows that repeat a timestamp or step back do not count; a clock that stays behind is believed
//! after [`STUBBORN_ROWS`] of them.

/// An interval longer than this many periods, and than [`GAP_S`], is a hole in the series.
const GAP_PERIODS: f64 = 8.0;
const GAP_S: f64 = 3.0;
/// A hole after which the old level says nothing about the new one.
const LONG_GAP_PERIODS: f64 = 20.0;
const LONG_GAP_S: f64 = 3600.0;
/// This many holes in a row are a slower period.
const HOLES_ARE_A_PERIOD: u8 = 6;
/// This many backward rows in a row are a clock that was set back.
const STUBBORN_ROWS: u8 = 60;
/// Weight of one interval in the mean, once enough have been seen.
const WEIGHT: f64 = 0.02;

/// What a timestamp means for the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tick {
    /// Repeats or steps back: the row does not count.
    Rejected,
    /// The row follows the last one after this many seconds.
    Next(f64),
    /// The first row, or the first one after a hole: windows start anew.
    Gap,
    /// After a hole so long that the level has to be learned again.
    LongGap,
}

#[derive(Clone, Debug)]
pub(crate) struct Pace {
    last_ns: i64,
    ln_period: f64,
    period_s: f64,
    intervals: u32,
    holes: u8,
    backward: u8,
    started: bool,
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self {
            last_ns: 0,
            ln_period: 0.0,
            period_s: 1.0,
            intervals: 0,
            holes: 0,
            backward: 0,
            started: false,
        }
    }

    /// The usual distance of two rows.
    pub(crate) fn period_s(&self) -> f64 {
        self.period_s
    }

    /// Takes the next row's timestamp.
    pub(crate) fn tick(&mut self, t_ns: i64) -> Tick {
        if !self.started {
            self.started = true;
            self.last_ns = t_ns;
            return Tick::Gap;
        }
        if t_ns <= self.last_ns {
            return self.step_back(t_ns);
        }
        let dt_s = seconds(self.last_ns, t_ns);
        self.last_ns = t_ns;
        self.backward = 0;
        self.classify(dt_s)
    }

    fn step_back(&mut self, t_ns: i64) -> Tick {
        self.backward += 1;
        if self.backward < STUBBORN_ROWS {
            return Tick::Rejected;
        }
        self.backward = 0;
        self.last_ns = t_ns;
        Tick::Gap
    }

    fn classify(&mut self, dt_s: f64) -> Tick {
        if self.intervals > 0 && dt_s > GAP_S && dt_s > GAP_PERIODS * self.period_s {
            self.holes += 1;
            if self.holes >= HOLES_ARE_A_PERIOD {
                self.holes = 0;
                self.intervals = 0;
                self.learn(dt_s);
            }
            let long = dt_s > LONG_GAP_S && dt_s > LONG_GAP_PERIODS * self.period_s;
            return if long { Tick::LongGap } else { Tick::Gap };
        }
        self.holes = 0;
        self.learn(dt_s);
        Tick::Next(dt_s)
    }

    fn learn(&mut self, dt_s: f64) {
        self.intervals = self.intervals.saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.intervals));
        if self.intervals > 1 && (dt_s - self.period_s).abs() < 1e-4 * self.period_s {
            return;
        }
        let innovation = libm::log(dt_s) - self.ln_period;
        self.ln_period +=
            weight * if self.intervals > 1 { innovation.clamp(-2.0, 2.0) } else { innovation };
        self.period_s = libm::exp(self.ln_period);
    }
}

/// From one moment to another.
pub(crate) fn seconds(from_ns: i64, to_ns: i64) -> f64 {
    (i128::from(to_ns) - i128::from(from_ns)) as f64 / 1e9
}
