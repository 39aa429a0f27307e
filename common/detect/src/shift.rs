//! The fast statistics: how far the newest rows are from the base, each trimmed towards silence, so
//! that one odd row never speaks (k of n).
//!
//! Mean over half a second and over two seconds (up and down), the second largest distance (noise and
//! bursts), and the mean distance from the window's own mean against its slow mean (noise, stall, lost periodicity). Windows
//! are seconds with a floor in rows.

use crate::base::Base;
use crate::ring::{Ring, Window};

/// Number of statistics.
pub(crate) const COUNT: usize = 7;
pub(crate) const SHORT_UP: usize = 0;
pub(crate) const SHORT_DOWN: usize = 1;
pub(crate) const LONG_UP: usize = 2;
pub(crate) const LONG_DOWN: usize = 3;
pub(crate) const DISTANCE: usize = 4;
pub(crate) const WIDER: usize = 5;
pub(crate) const NARROWER: usize = 6;

/// One value per statistic; minus infinity where the window is not full.
pub(crate) type Stats = [f32; COUNT];

/// No statistic speaks.
pub(crate) const SILENT: Stats = [f32::NEG_INFINITY; COUNT];

/// Rows of the three windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spans {
    pub(crate) short: usize,
    pub(crate) long: usize,
    pub(crate) spread: usize,
}

impl Spans {
    pub(crate) fn of(period_s: f64) -> Self {
        let rows = |seconds: f64, floor: usize| {
            ((seconds / period_s + 0.5) as usize).clamp(floor, crate::ring::ROWS)
        };
        Self { short: rows(0.5, 3), long: rows(2.0, 6), spread: rows(2.0, 20) }
    }
}

/// The statistics and the trimmed mean distance that the spread ones come from (0 while unknown).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) values: Stats,
    pub(crate) distance: f64,
    pub(crate) short: Window,
    pub(crate) long: Window,
}

/// Share of a row's mean distance that steadies the ratio of two spreads where most rows stand still.
const STEADY_SHARE: f64 = 0.3;

/// The statistics of the ring's newest rows.
pub(crate) fn stats(ring: &Ring, spans: Spans, base: &Base) -> Seen {
    let (short, long) = ring.windows(spans.short, spans.long);
    let mut seen = Seen { values: SILENT, distance: 0.0, short, long };
    means(&mut seen, spans, base.level());
    if ring.filled() >= spans.spread {
        spread(ring, spans, base, &mut seen);
    }
    seen
}

fn means(seen: &mut Seen, spans: Spans, base: f64) {
    let Seen { values, short, long, .. } = seen;
    if short.rows == spans.short {
        values[SHORT_UP] = (short.mean_without_high() - base) as f32;
        values[SHORT_DOWN] = (base - short.mean_without_low()) as f32;
        values[DISTANCE] = short.second_distance(base) as f32;
    }
    if long.rows == spans.long {
        values[LONG_UP] = (long.mean_without_high() - base) as f32;
        values[LONG_DOWN] = (base - long.mean_without_low()) as f32;
    }
}

fn spread(ring: &Ring, spans: Spans, base: &Base, seen: &mut Seen) {
    let window = ring.distances(spans.spread, ring.mean(spans.spread));
    seen.distance = window.mean_without_high();
    if base.window_distance() > 0.0 {
        let steady = STEADY_SHARE * base.plain_distance();
        let usual = base.window_distance() + steady;
        seen.values[WIDER] = libm::log((seen.distance + steady) / usual) as f32;
        seen.values[NARROWER] = -libm::log((window.mean_without_low() + steady) / usual) as f32;
    }
}
