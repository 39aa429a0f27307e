//! A detector for one series: rows of time and value in, a verdict per row out.

use crate::auto::Auto;
use crate::ewma::Ewma;
use crate::zscore::Zscore;

/// How a series is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// The calibrated detector: a budget of false alarms per day at any cadence.
    #[default]
    Auto,
    /// A mean and variance chart with exponential weights.
    Ewma {
        /// Weight of the newest row, above 0 and below 1.
        alpha: f64,
        /// Alarm at this many standard deviations.
        threshold: f64,
    },
    /// The distance to the mean of a window of past rows.
    Zscore {
        /// Rows of the window, 3 to 512.
        window: usize,
        /// Alarm at this many standard deviations.
        threshold: f64,
    },
}

/// What a detector is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How the series is judged.
    pub method: Method,
    /// A state closes when the series has been back for this long (and 6 rows).
    pub clear_after_s: f64,
    /// A new level is normal after this long (and 120 rows).
    pub accept_after_s: f64,
    /// How much each part of [`Method::Auto`] is believed.
    pub weights: Weights,
}

/// Factors of the scores of [`Method::Auto`]'s parts. The default is what the gates judge; others are for evaluations:
/// `examples/nab.rs` chooses them on one half of a corpus to see what that is worth on the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Level, distance and spread of the newest rows.
    pub newest: f64,
    /// The same where the row's shape is well known: a daily peak.
    pub familiar: f64,
    /// A shape never seen before.
    pub shape: f64,
    /// The time of day.
    pub season: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { newest: 1.0, familiar: 0.5, shape: 1.0, season: 1.0 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            method: Method::Auto,
            clear_after_s: 10.0,
            accept_after_s: 900.0,
            weights: Weights::default(),
        }
    }
}

/// Where the series went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Above its baseline, or wider than usual.
    #[default]
    Up,
    /// Below its baseline, or narrower than usual.
    Down,
}

/// Which view of the series spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistic {
    /// The mean of the newest rows.
    #[default]
    Level,
    /// Single distances: noise and bursts.
    Distance,
    /// The spread of the newest rows.
    Spread,
    /// A series that never moved did.
    Constant,
    /// A shape that was never seen before.
    Shape,
    /// Unusual for the time of day.
    Season,
}

impl Statistic {
    /// A word for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Distance => "distance",
            Self::Spread => "spread",
            Self::Constant => "constant",
            Self::Shape => "shape",
            Self::Season => "season",
        }
    }
}

/// What a row meant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// At least 1 exactly on a row that opens an alarm.
    pub score: f64,
    /// This row opened an alarm.
    pub opened: bool,
    /// The state after this row.
    pub open: bool,
    /// The row did not count: not a number, or not later than the last one.
    pub rejected: bool,
    /// What is normal for the series; while open, what was normal before.
    pub baseline: f64,
    /// Where the series went, of the running or opening alarm.
    pub direction: Direction,
    /// What spoke, of the running or opening alarm.
    pub statistic: Statistic,
    /// The score that opened the running alarm, else 0: the value of a rule's `anomaly` signal.
    pub anomaly: f64,
}

#[derive(Clone, Debug)]
enum Kind {
    Auto(Box<Auto>),
    Ewma(Ewma),
    Zscore(Zscore),
}

/// One series under watch. Allocates when it is made and never again.
#[derive(Clone, Debug)]
pub struct Detector(Kind);

impl Detector {
    /// A detector that has seen nothing. Values out of range in `config` are brought into range.
    pub fn new(config: Config) -> Self {
        Self(match config.method {
            Method::Auto => Kind::Auto(Box::new(Auto::new(config))),
            Method::Ewma { alpha, threshold } => Kind::Ewma(Ewma::new(alpha, threshold, config)),
            Method::Zscore { window, threshold } => {
                Kind::Zscore(Zscore::new(window, threshold, config))
            }
        })
    }

    /// Takes the next row; `t_ns` is any clock in nanoseconds, the time of day read as UTC.
    pub fn push(&mut self, t_ns: i64, value: f64) -> Verdict {
        match &mut self.0 {
            Kind::Auto(auto) => auto.push(t_ns, value),
            Kind::Ewma(ewma) => ewma.push(t_ns, value),
            Kind::Zscore(zscore) => zscore.push(t_ns, value),
        }
    }

    /// The running alarm is a true one: somebody acted on it. What ends soon teaches [`Method::Auto`] otherwise
    /// that it was a healthy oddity, and what was cut short by a limit ends soon.
    pub fn uphold(&mut self) {
        if let Kind::Auto(auto) = &mut self.0 {
            auto.uphold();
        }
    }
}
