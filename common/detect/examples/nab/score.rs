//! The rules of the Numenta Anomaly Benchmark: the earlier in a window, the more an alarm is worth; each alarm outside costs.

use std::ops::AddAssign;

use crate::corpus::File;

/// What the three profiles count: a false alarm and a missed window. A window found at once counts 1.
pub(crate) const PROFILES: [(&str, f64, f64); 3] =
    [("standard", 0.11, 1.0), ("low FP", 0.22, 1.0), ("low FN", 0.11, 2.0)];

/// What alarms were worth, profile by profile, before it is put on a scale to 100.
#[derive(Clone, Copy, Default)]
pub(crate) struct Score {
    gained: [f64; 3],
    windows: usize,
}

impl Score {
    /// 0 is never to alarm, 100 to find every window at once and nothing else.
    pub(crate) fn normalized(&self) -> [f64; 3] {
        std::array::from_fn(|profile| {
            let missed = PROFILES[profile].2;
            let windows = self.windows as f64;
            100.0 * (self.gained[profile] + missed * windows) / ((1.0 + missed) * windows)
        })
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        for (gained, more) in self.gained.iter_mut().zip(other.gained) {
            *gained += more;
        }
        self.windows += other.windows;
    }
}

/// The score of alarms in these rows, in order.
pub(crate) fn score(file: &File, alarms: &[usize]) -> Score {
    let probation = (0.15 * file.rows.len() as f64).floor().min(750.0) as usize;
    let mut found = vec![None; file.windows.len()];
    let mut false_alarms = 0.0;
    for row in alarms.iter().copied().filter(|row| *row >= probation) {
        match file.windows.iter().position(|window| (window.0..=window.1).contains(&row)) {
            Some(window) => {
                found[window].get_or_insert_with(|| inside(file.windows[window], row));
            }
            None => false_alarms += outside(&file.windows, row),
        }
    }
    let gained = PROFILES.map(|(_, false_alarm, missed)| {
        let of_window = |(window, worth): (&(usize, usize), &Option<f64>)| match worth {
            Some(worth) => *worth,
            // Who may not speak misses nothing.
            None if window.1 < probation => 0.0,
            None => -missed,
        };
        let windows: f64 = file.windows.iter().zip(&found).map(of_window).sum();
        windows - false_alarm * false_alarms
    });
    Score { gained, windows: file.windows.len() }
}

/// The worth of an alarm inside a window: 1 at its first row, nearly 0 at its last.
fn inside((first, last): (usize, usize), row: usize) -> f64 {
    let rows = (last - first + 1) as f64;
    sigmoid(-((last - row + 1) as f64) / rows) / sigmoid(-1.0)
}

/// The cost of an alarm outside: less than 1 shortly after a window.
fn outside(windows: &[(usize, usize)], row: usize) -> f64 {
    let Some((first, last)) = windows.iter().rev().find(|window| window.1 < row) else {
        return 1.0;
    };
    let distance = (row - last) as f64 / (last - first) as f64;
    if distance > 3.0 { 1.0 } else { -sigmoid(distance) }
}

fn sigmoid(y: f64) -> f64 {
    2.0 / (1.0 + (5.0 * y).exp()) - 1.0
}
