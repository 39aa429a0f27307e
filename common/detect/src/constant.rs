//! A series that does not move has no spread to measure by; it has a rule of its own: two of three rows
//! elsewhere are an alarm.

/// Rows and time without any movement after which a series is constant.
const STILL_ROWS: u32 = 600;
const STILL_S: f64 = 300.0;
/// Still rows that an odd one takes back: a series that moves often is not constant.
const ODD_ROW_COSTS: u32 = 100;

#[derive(Clone, Debug)]
pub(crate) struct Constant {
    value: f64,
    still_rows: u32,
    still_s: f64,
    /// The last three rows, newest in bit 0: 1 is elsewhere.
    elsewhere: u8,
}

impl Constant {
    pub(crate) const fn new() -> Self {
        Self { value: 0.0, still_rows: 0, still_s: 0.0, elsewhere: 0 }
    }

    /// Whether the series counts as constant.
    pub(crate) fn holds(&self) -> bool {
        self.still_rows >= STILL_ROWS && self.still_s >= STILL_S
    }

    /// Takes a row of a closed state; says whether two of the last three are elsewhere.
    pub(crate) fn push(&mut self, value: f64, period_s: f64) -> bool {
        let away = !self.is_home(value);
        self.elsewhere = (self.elsewhere << 1 | u8::from(away)) & 0b111;
        if !away {
            self.still_rows = (self.still_rows + 1).min(2 * STILL_ROWS);
            self.still_s += period_s;
        } else if self.holds() && self.elsewhere.count_ones() < 2 {
            self.still_rows = self.still_rows.saturating_sub(ODD_ROW_COSTS);
        } else if !self.holds() {
            self.accept(value);
        }
        self.holds() && self.elsewhere.count_ones() >= 2
    }

    /// Whether a row is where the series always was.
    pub(crate) fn is_home(&self, value: f64) -> bool {
        value == self.value
    }

    /// Where the series stands.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// The series moves, or stands elsewhere.
    pub(crate) fn accept(&mut self, value: f64) {
        self.value = value;
        self.still_rows = 0;
        self.still_s = 0.0;
        self.elsewhere = 0;
    }
}
