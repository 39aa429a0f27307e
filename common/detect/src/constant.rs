//! A series that does not move has no spread to measure by; it has a rule of its own: two of three rows
//! elsewhere are an alarm.
//!
//! What is still now and then is not constant: an idle interface, a disk nobody writes to. So a series has to be still
//! for as long as it has been lively before, and each time that it woke for a moment only, for four times as
//! long. Meanwhile its tails learn it like any other.

/// Rows and time without any movement after which a series is constant.
const STILL_ROWS: u32 = 600;
const STILL_S: f64 = 600.0;
/// Each short awakening makes the time this many powers of two longer, this often.
const PATIENCE_DOUBLINGS: u32 = 2;
const AWAKENINGS_MAX: u32 = 10;
/// Still rows that an odd one takes back: a series that moves often is not constant.
const ODD_ROW_COSTS: u32 = 100;

#[derive(Clone, Debug)]
pub(crate) struct Constant {
    value: f64,
    still_rows: u32,
    still_s: f64,
    lively_s: f64,
    awakenings: u32,
    /// The last three rows, newest in bit 0: 1 is elsewhere.
    elsewhere: u8,
}

impl Constant {
    pub(crate) const fn new() -> Self {
        Self { value: 0.0, still_rows: 0, still_s: 0.0, lively_s: 0.0, awakenings: 0, elsewhere: 0 }
    }

    /// Whether the series counts as constant.
    pub(crate) fn holds(&self) -> bool {
        let longer = f64::from(1_u32 << (PATIENCE_DOUBLINGS * self.awakenings));
        self.still_rows >= STILL_ROWS && self.still_s >= (longer * STILL_S).max(self.lively_s)
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
            self.lively_s += self.still_s + period_s;
            self.accept(value);
        }
        self.holds() && self.elsewhere.count_ones() >= 2
    }

    /// It woke for a moment, and that was all.
    pub(crate) fn woke(&mut self) {
        self.awakenings = (self.awakenings + 1).min(AWAKENINGS_MAX);
        self.lively_s += self.still_s;
        self.accept(self.value);
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
