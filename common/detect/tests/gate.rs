//! A slice of the gates on series made here: healthy ones stay quiet, faults are found. The full gates are
//! `examples/gate.rs` with the shared generator and NAB; see README.md beside it.

use medulla_detect::{Config, Detector};

/// Kinds of healthy series.
const KINDS: [&str; 6] = ["normal", "lognormal", "slow", "heavy", "bimodal", "sparse"];

struct Source {
    state: u64,
    slow: f64,
}

impl Source {
    fn unit(&mut self) -> f64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn next(&mut self, kind: &str) -> f64 {
        let noise = self.normal();
        match kind {
            "lognormal" => 100.0 * (0.3 * noise).exp(),
            "slow" => {
                self.slow = 0.95 * self.slow + 0.3 * noise;
                100.0 + 6.0 * self.slow
            }
            "heavy" if self.unit() < 0.01 => 100.0 * (2.0 + self.unit().powf(-0.4)),
            "bimodal" if self.unit() < 0.3 => 250.0 + 10.0 * noise,
            "sparse" => f64::from(u8::from(self.unit() < 0.02)),
            _ => 100.0 + 5.0 * noise,
        }
    }
}

/// Alarms of a healthy series of this length.
fn healthy(kind: &str, dt_ns: i64, rows: i64, seed: u64) -> usize {
    let mut source = Source { state: seed, slow: 0.0 };
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
    let mut source = Source { state: seed, slow: 0.0 };
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
