//! When a score may open an alarm: after the warm-up, not too soon after the last one, and the later
//! the more often the series has alarmed (habituation). After a long hole only the fast layer is silent: what
//! shapes and the time of day are like was not forgotten, and a series with a hole every other hour would
//! never speak.

/// Nothing opens before this time and these rows.
const WARM_S: f64 = 300.0;
const WARM_ROWS: u32 = 150;
/// Rows between an opening and the next one.
const REFRACTORY_ROWS: u32 = 28;
/// Rows of silence after the level has been learned anew.
const SILENT_ROWS: u32 = 30;
/// What an alarm adds to the score that the next one needs, and how long that lasts.
const HABIT: f64 = 0.05;
const HABIT_S: f64 = 86_400.0;
const HABIT_ROWS: f64 = 10_000.0;

#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    seconds: f64,
    rows: u32,
    silent_rows: u32,
    levelling_rows: u32,
    habit: f64,
}

impl Readiness {
    pub(crate) const fn new() -> Self {
        Self { seconds: 0.0, rows: 0, silent_rows: 0, levelling_rows: 0, habit: 0.0 }
    }

    /// A row passed.
    pub(crate) fn count(&mut self, dt_s: f64) {
        self.seconds += dt_s;
        self.rows = self.rows.saturating_add(1);
        self.silent_rows = self.silent_rows.saturating_sub(1);
        self.levelling_rows = self.levelling_rows.saturating_sub(1);
        self.habit -= self.habit * (dt_s / HABIT_S).min(1.0 / HABIT_ROWS);
    }

    /// Whether this score opens an alarm.
    pub(crate) fn opens(&self, score: f64) -> bool {
        self.rows > WARM_ROWS
            && self.seconds > WARM_S
            && self.silent_rows == 0
            && score >= 1.0 + self.habit
    }

    /// An alarm opened; returns its score after habituation.
    pub(crate) fn opened(&mut self, score: f64) -> f64 {
        let effective = (score / (1.0 + self.habit)).max(1.0);
        self.habit += HABIT;
        self.silent_rows = REFRACTORY_ROWS;
        effective
    }

    /// A new level was accepted: all has to settle.
    pub(crate) fn be_silent(&mut self) {
        self.silent_rows = self.silent_rows.max(SILENT_ROWS);
    }

    /// The level is being learned anew, after a long hole.
    pub(crate) fn learn_level(&mut self) {
        self.levelling_rows = SILENT_ROWS;
    }

    /// Whether the level is known, so that what is measured from it counts.
    pub(crate) fn knows_level(&self) -> bool {
        self.levelling_rows == 0
    }
}
