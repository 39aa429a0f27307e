//! What must hold for any series: no panic, no change by unit or offset, nothing from rows that do not
//! count, the same result every time.

use medulla_detect::{Config, Detector, Method, Verdict};
use proptest::prelude::*;

const SECOND_NS: i64 = 1_000_000_000;

/// A small deterministic source of noise.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Noise around 10 with a step, a stall and a burst of noise.
fn faulty(seed: u64, rows: usize) -> Vec<f64> {
    let mut noise = Noise(seed);
    (0..rows)
        .map(|row| {
            let value = 10.0 + noise.normal();
            match row {
                1200..=1260 => value * 4.0,
                1500..=1560 => 0.0,
                1800..=1860 => 10.0 + (value - 10.0) * 8.0,
                _ => value,
            }
        })
        .collect()
}

fn run(values: &[f64], config: Config) -> Vec<Verdict> {
    let mut detector = Detector::new(config);
    let rows = values.iter().enumerate();
    rows.map(|(row, value)| detector.push(row as i64 * SECOND_NS, *value)).collect()
}

fn opened(verdicts: &[Verdict]) -> Vec<usize> {
    let rows = verdicts.iter().enumerate();
    rows.filter(|(_, verdict)| verdict.opened).map(|(row, _)| row).collect()
}

#[test]
fn faults_open_within_three_rows_and_close() {
    for seed in 0..5 {
        let verdicts = run(&faulty(seed, 2400), Config::default());
        for (onset, end) in [(1200, 1260), (1500, 1560)] {
            assert!(
                opened(&verdicts).iter().any(|row| (onset..onset + 4).contains(row)),
                "{onset}"
            );
            assert!(!verdicts[end + 16].open, "seed {seed}: still open after {end}");
        }
    }
}

#[test]
fn units_and_offsets_change_nothing() {
    let values = faulty(7, 2400);
    let expected = opened(&run(&values, Config::default()));
    assert!(expected.len() >= 3);
    let maps = [(1024.0, 0.0), (1e-18, 0.0), (1e18, 0.0), (3.7, -200.0), (-1.0, 5.0), (1.0, 1e6)];
    for (scale, offset) in maps {
        let mapped: Vec<f64> = values.iter().map(|value| scale * value + offset).collect();
        assert_eq!(opened(&run(&mapped, Config::default())), expected, "{scale} x + {offset}");
    }
}

#[test]
fn a_fault_is_found_at_half_and_a_quarter_of_the_rate() {
    let mut noise = Noise(3);
    let values: Vec<f64> = (0..20_000)
        .map(|row| noise.normal() + if (16_000..17_000).contains(&row) { 12.0 } else { 0.0 })
        .collect();
    for every in [1, 2, 4] {
        let mut detector = Detector::new(Config::default());
        let found = values.iter().enumerate().step_by(every).any(|(row, value)| {
            let verdict = detector.push(row as i64 * 50_000_000, *value);
            verdict.opened && (16_000..16_080).contains(&row)
        });
        assert!(found, "every {every}");
    }
}

#[test]
fn rows_that_do_not_count_change_nothing() {
    let values = faulty(11, 2400);
    let expected = run(&values, Config::default());
    let mut detector = Detector::new(Config::default());
    for (row, value) in values.iter().enumerate() {
        let t_ns = row as i64 * SECOND_NS;
        assert_eq!(detector.push(t_ns, *value), expected[row]);
        for (t_ns, value) in [(t_ns, 1e9), (t_ns - 3, 7.0), (t_ns + 1, f64::NAN)] {
            let verdict = detector.push(t_ns, value);
            assert!(verdict.rejected && verdict.score == 0.0 && !verdict.opened);
        }
    }
}

#[test]
fn a_constant_series_alarms_on_the_second_row_elsewhere_and_takes_a_new_value() {
    let mut values = vec![42.0; 4000];
    values[800] = 43.0;
    values[1000..].fill(50.0);
    let verdicts = run(&values, Config::default());
    assert_eq!(opened(&verdicts), [1001]);
    assert_eq!(verdicts[1001].baseline, 42.0);
    assert!(verdicts[1800].open && !verdicts[2000].open);
}

#[test]
fn a_hole_is_no_alarm() {
    let mut detector = Detector::new(Config::default());
    let mut noise = Noise(5);
    let mut t_ns = 0;
    for row in 0..6000 {
        t_ns += if row % 1000 == 999 { 7200 * SECOND_NS } else { SECOND_NS };
        let level = if row >= 4999 { 30.0 } else { 10.0 };
        assert!(!detector.push(t_ns, level + noise.normal()).opened, "row {row}");
    }
}

#[test]
fn a_series_full_of_holes_still_speaks() {
    let mut detector = Detector::new(Config::default());
    let mut noise = Noise(9);
    let mut t_ns = 0;
    let mut openings = Vec::new();
    for row in 0..2400 {
        t_ns += if row % 25 == 24 { 18_000 } else { 600 } * SECOND_NS;
        let level = if row >= 2100 { 40.0 } else { 10.0 };
        if detector.push(t_ns, level + noise.normal()).opened {
            openings.push(row);
        }
    }
    assert!(openings.iter().any(|row| (2100..2103).contains(row)), "{openings:?}");
    assert!(openings.len() <= 3, "{openings:?}");
}

#[test]
fn what_wakes_now_and_then_soon_stops_alarming() {
    const HALF_SECOND_NS: i64 = SECOND_NS / 2;
    let mut detector = Detector::new(Config::default());
    // Three packets each quarter of an hour, for half a day.
    let opened = (0..86_400).filter(|row| {
        let awake = row % 1800 >= 1797;
        detector.push(row * HALF_SECOND_NS, if awake { 6.0 } else { 0.0 }).opened
    });
    assert!(opened.count() <= 2);
}

#[test]
fn a_clock_set_back_is_believed_after_a_minute_of_rows() {
    let mut detector = Detector::new(Config::default());
    (0..500).for_each(|row| _ = detector.push((row + 10_000) * SECOND_NS, row as f64 % 7.0));
    let rejected =
        (0..500).filter(|row| detector.push(row * SECOND_NS, *row as f64 % 7.0).rejected);
    assert_eq!(rejected.count(), 59);
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Auto),
        (any::<f64>(), any::<f64>())
            .prop_map(|(alpha, threshold)| Method::Ewma { alpha, threshold }),
        (0..700_usize, any::<f64>())
            .prop_map(|(window, threshold)| Method::Zscore { window, threshold }),
    ]
}

/// Mostly small values in order, sometimes anything.
fn rows() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = prop_oneof![8 => 1_i64..3_000_000_000, 1 => any::<i64>()];
    let value = prop_oneof![8 => -1.0..1.0_f64, 1 => any::<f64>(), 1 => Just(0.0)];
    prop::collection::vec((step, value), 1..1500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_input_breaks_the_contract(method in methods(), rows in rows()) {
        let config = Config { method, ..Config::default() };
        let (mut one, mut two) = (Detector::new(config), Detector::new(config));
        let (mut t_ns, mut was_open) = (0_i64, false);
        for (step, value) in rows {
            t_ns = t_ns.wrapping_add(step);
            let verdict = one.push(t_ns, value);
            prop_assert_eq!(verdict, two.push(t_ns, value), "the same rows give the same verdicts");
            prop_assert!(verdict.score.is_finite() && verdict.score >= 0.0);
            prop_assert_eq!(verdict.score >= 1.0, verdict.opened);
            prop_assert_eq!(verdict.opened, verdict.open && !was_open);
            was_open = verdict.open;
        }
    }
}
