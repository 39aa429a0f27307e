//! Block maxima that wait before they are learned. What is younger than [`AGE_S`] when an alarm opens
//! is thrown away: otherwise a ramp teaches the detector the fault. Slow series wait for as many rows as it takes to
//! confirm one: what was learned before it could speak would vouch for the fault.

use crate::pace::seconds;
use crate::shift::{SILENT, Stats};

/// A block is one second, or one row of slower series.
const BLOCK_S: f64 = 1.0;
/// Age at which a block is learned.
const AGE_S: f64 = 30.0;
const SLOTS: usize = 30;
/// Blocks that wait at least: the rows of the shortest window.
const WAIT_MIN: usize = 3;

#[derive(Clone, Debug)]
pub(crate) struct Quarantine {
    open: Stats,
    open_since_ns: i64,
    open_rows: u32,
    waiting: [Stats; SLOTS],
    first: u8,
    length: u8,
}

/// The length of a block for a series of this period.
pub(crate) fn block_s(period_s: f64) -> f64 {
    BLOCK_S.max(period_s)
}

impl Quarantine {
    pub(crate) const fn new() -> Self {
        Self {
            open: SILENT,
            open_since_ns: 0,
            open_rows: 0,
            waiting: [SILENT; SLOTS],
            first: 0,
            length: 0,
        }
    }

    /// Forgets all that waits.
    pub(crate) fn clear(&mut self) {
        self.open = SILENT;
        self.open_rows = 0;
        self.length = 0;
    }

    /// Takes a row; returns the block that is old enough to be learned, if one is.
    pub(crate) fn push(&mut self, stats: &Stats, t_ns: i64, period_s: f64) -> Option<Stats> {
        if self.open_rows == 0 {
            self.open_since_ns = t_ns;
        }
        self.open_rows += 1;
        for (most, value) in self.open.iter_mut().zip(stats) {
            *most = most.max(*value);
        }
        let block_s = block_s(period_s);
        let age_s = seconds(self.open_since_ns, t_ns) + 1.5 * period_s;
        if age_s <= block_s && age_s >= 0.0 {
            return None;
        }
        self.close(block_s)
    }

    fn close(&mut self, block_s: f64) -> Option<Stats> {
        let wait = ((AGE_S / block_s) as usize).clamp(WAIT_MIN, SLOTS);
        let oldest = (usize::from(self.length) >= wait).then(|| self.take());
        let slot = (usize::from(self.first) + usize::from(self.length)) % SLOTS;
        self.waiting[slot] = self.open;
        self.length += 1;
        self.open = SILENT;
        self.open_rows = 0;
        oldest
    }

    fn take(&mut self) -> Stats {
        let oldest = self.waiting[usize::from(self.first)];
        self.first = (self.first + 1) % SLOTS as u8;
        self.length -= 1;
        oldest
    }
}
