//! The state of an alarm: when it opened, whether the series is back, and when a new level counts as
//! normal. An alarm is the row that opens; the state lasts. One that opens again at once goes on with the
//! episode before: it has to stay away for longer, and what it taught is taught anew.

use crate::detector::Config;
use crate::pace::seconds;

/// Rows in the band before an alarm may close, whatever `clear_after` says.
const CLEAR_ROWS: u32 = 6;
/// Rows of a new level before it may be accepted, whatever `accept_after` says.
const ACCEPT_ROWS: u32 = 120;
/// An alarm whose last row out of the band is within this of its first was short.
const SHORT_S: f64 = 2.5;
const SHORT_ROWS: f64 = 4.0;
/// One that is this many times as long was a fault; between the two it is less and less an oddity.
const LONG_TIMES: f64 = 3.0;
/// An alarm that opens this soon after the last one closed goes on with it.
const CHAIN_S: f64 = 60.0;
/// Each time it did, the series has to be back for twice as long, up to three times.
const DOUBLINGS_MAX: i32 = 3;
/// Memory of the level and spread seen while open.
const SHADOW_S: f64 = 300.0;
const SHADOW_ROWS: f64 = 60.0;
/// Rows whose plain mean begins it.
const START_ROWS: u32 = 30;

/// How long states last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) clear_after_s: f64,
    pub(crate) accept_after_s: f64,
}

impl Patience {
    /// Times that are not positive numbers are none.
    pub(crate) fn of(config: &Config) -> Self {
        let positive = |seconds: f64| if seconds > 0.0 { seconds } else { 0.0 };
        Self {
            clear_after_s: positive(config.clear_after_s),
            accept_after_s: positive(config.accept_after_s),
        }
    }
}

/// What a row did to an open state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Stays,
    /// The series is back; how far the alarm was a short oddity: 1 was one, 0 a fault. Of a chain the longest counts.
    Cleared {
        oddity: f32,
    },
    /// The new level is the normal one: where it stands and how far its rows are from it.
    Accepted {
        level: f64,
        distance: f64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Episode {
    open: bool,
    /// The first opening: acceptance counts from here.
    opened_ns: i64,
    closed_ns: i64,
    last_row_ns: i64,
    back_since_ns: i64,
    rows: u32,
    rows_back: u32,
    link: Link,
    links: i32,
    oddity: f32,
    level: f64,
    distance: f64,
}

/// One opening of a chain: the last one.
#[derive(Clone, Copy, Debug)]
struct Link {
    opened_ns: i64,
    last_out_ns: i64,
    rows_out: u32,
}

impl Link {
    fn oddity(&self) -> f32 {
        let by_time = seconds(self.opened_ns, self.last_out_ns) / SHORT_S;
        let times = by_time.min(f64::from(self.rows_out) / SHORT_ROWS);
        ((LONG_TIMES - times) / (LONG_TIMES - 1.0)).clamp(0.0, 1.0) as f32
    }
}

impl Episode {
    pub(crate) const fn new() -> Self {
        Self {
            open: false,
            opened_ns: 0,
            closed_ns: i64::MIN,
            last_row_ns: 0,
            back_since_ns: 0,
            rows: 0,
            rows_back: 0,
            link: Link { opened_ns: 0, last_out_ns: 0, rows_out: 0 },
            links: 0,
            oddity: 1.0,
            level: 0.0,
            distance: 0.0,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Opens; returns whether this goes on with the alarm before.
    pub(crate) fn open(&mut self, t_ns: i64, value: f64) -> bool {
        let goes_on = seconds(self.closed_ns, t_ns) <= CHAIN_S;
        if goes_on {
            self.links += 1;
            self.rows_back = 0;
        } else {
            *self = Self { opened_ns: t_ns, level: value, ..Self::new() };
        }
        self.open = true;
        self.last_row_ns = t_ns;
        self.link = Link { opened_ns: t_ns, last_out_ns: t_ns, rows_out: 1 };
        goes_on
    }

    /// A hole: the time in the band starts again.
    pub(crate) fn interrupt(&mut self) {
        self.rows_back = 0;
    }

    /// Takes a row of an open state.
    pub(crate) fn push(
        &mut self,
        t_ns: i64,
        value: f64,
        back: bool,
        period_s: f64,
        patience: Patience,
    ) -> Change {
        self.rows += 1;
        self.shadow(value, period_s);
        if back {
            self.rows_back += 1;
        } else {
            self.rows_back = 0;
            self.link.rows_out += 1;
            self.link.last_out_ns = t_ns;
        }
        if self.rows_back == 1 {
            self.back_since_ns = self.last_row_ns;
        }
        self.last_row_ns = t_ns;
        self.judge(t_ns, patience)
    }

    fn judge(&mut self, t_ns: i64, patience: Patience) -> Change {
        let clear_after_s =
            patience.clear_after_s * libm::ldexp(1.0, self.links.min(DOUBLINGS_MAX));
        if self.rows_back >= CLEAR_ROWS && seconds(self.back_since_ns, t_ns) >= clear_after_s {
            self.open = false;
            self.closed_ns = t_ns;
            self.oddity = self.oddity.min(self.link.oddity());
            return Change::Cleared { oddity: self.oddity };
        }
        if self.rows >= ACCEPT_ROWS && seconds(self.opened_ns, t_ns) >= patience.accept_after_s {
            self.open = false;
            return Change::Accepted { level: self.level, distance: self.distance };
        }
        Change::Stays
    }

    fn shadow(&mut self, value: f64, period_s: f64) {
        let weight = (1.0 / f64::from(self.rows)).max((period_s / SHADOW_S).min(1.0 / SHADOW_ROWS));
        let innovation = value - self.level;
        let limit = if self.rows > START_ROWS { self.distance } else { f64::MAX };
        self.level += weight * innovation.clamp(-limit, limit);
        self.distance += weight * (innovation.abs() - self.distance);
    }
}
