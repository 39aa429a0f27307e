//! A slice of the gates on series made here: healthy ones stay quiet, faults are found. The full gates are
//! `examples/gate.rs` with the shared generator and NAB; see README.md beside it.

use medulla_detect::{Config, Detector};

mod series;
use series::{KINDS, Source};

/// Alarms of a healthy series of this length.
fn healthy(kind: &str, dt_ns: i64, rows: i64, seed: u64) -> usize {
    let mut source = Source::new(seed);
    let mut detector = Detector::new(Config::default());
    (0..rows).filter(|row| detector.push(row * dt_ns, source.next(kind)).opened).count()
}

#[test]
fn healthy_series_stay_within_the_budget() {
    let (mut alarms, mut days) = (0, 0.0);
    for (index, kind) in KINDS.iter().enumerate() {
        for (dt_ns, rows) in
            [(100_000_000, 40_000), (1_000_000_000, 40_000), (60_000_000_000, 20_000)]
        {
            alarms += healthy(kind, dt_ns, rows, index as u64 + 1);
            days += rows as f64 * dt_ns as f64 / 8.64e13;
        }
    }
    assert!(alarms as f64 <= days, "{alarms} alarms in {days:.1} series-days, at most one a day");
}

/// Whether a threefold step after `rows` healthy ones is found within three seconds and three rows.
fn finds_step(kind: &str, dt_ns: i64, rows: i64, seed: u64) -> bool {
    let mut source = Source::new(seed);
    let mut detector = Detector::new(Config::default());
    let in_time = (3_000_000_000 / dt_ns).max(3);
    (0..rows + in_time).any(|row| {
        let factor = if row >= rows { 4.0 } else { 1.0 };
        detector.push(row * dt_ns, factor * source.next(kind)).opened && row >= rows
    })
}

#[test]
fn steps_are_found_in_time() {
    let (mut found, mut all) = (0, 0);
    for kind in ["normal", "lognormal", "slow", "heavy"] {
        for (dt_ns, rows) in [(50_000_000, 20_000), (1_000_000_000, 4000), (60_000_000_000, 4400)] {
            for seed in 1..4 {
                found += usize::from(finds_step(kind, dt_ns, rows, seed));
                all += 1;
            }
        }
    }
    assert!(found * 100 >= all * 95, "{found} of {all} steps found in time");
}
