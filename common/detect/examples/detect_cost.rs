//! What the detectors find and cost: `auto` beside the textbook charts, on series made here, healthy ones and
//! ones with a fourfold step. `cargo xtask bench` runs it; one JSON object per line on stdout.

#![forbid(unsafe_code)]

use std::time::Instant;

use medulla_detect::{Config, Detector, Method};

#[path = "../tests/gate/series.rs"]
mod series;
use series::{KINDS, Source};

/// The rhythms of each kind of series: nanoseconds per row and rows.
const RHYTHMS: [(i64, i64); 3] =
    [(100_000_000, 60_000), (1_000_000_000, 60_000), (60_000_000_000, 20_000)];
const SEEDS: u64 = 3;
const DAY_NS: f64 = 8.64e13;
/// Share of the slowest rows that the mean leaves out: those met by the scheduler.
const INTERRUPTED: f64 = 0.001;

const FALSE_ALARMS_AT_MOST: f64 = 1.0;
const FOUND_AT_LEAST: f64 = 0.95;
const MEAN_AT_MOST_US: f64 = 1.0;
const P99_AT_MOST_US: f64 = 5.0;

fn main() {
    let auto = Method::Auto;
    let ewma = Method::Ewma { alpha: 0.3, threshold: 3.0 };
    let zscore = Method::Zscore { window: 100, threshold: 3.0 };
    for (name, method) in [("auto", auto), ("ewma", ewma), ("zscore", zscore)] {
        let config = Config { method, ..Config::default() };
        let goal = |goal: f64| (method == Method::Auto).then_some(goal);
        let alarms = false_alarms_per_day(config);
        let name = |what| format!("detect: {name}, {what}");
        print(
            &name("alarms per healthy series-day"),
            alarms,
            "",
            "at_most",
            goal(FALSE_ALARMS_AT_MOST),
        );
        print(
            &name("steps found in 3 s or 3 rows"),
            found(config),
            "",
            "at_least",
            goal(FOUND_AT_LEAST),
        );
        let (mean_us, p99_us) = cost_us(config);
        print(&name("row, mean"), mean_us, "us", "at_most", goal(MEAN_AT_MOST_US));
        print(&name("row, p99"), p99_us, "us", "at_most", goal(P99_AT_MOST_US));
    }
}

fn print(name: &str, value: f64, unit: &str, bound: &str, goal: Option<f64>) {
    let goal = goal.map_or(String::new(), |goal| format!(r#","{bound}":{goal}"#));
    println!(r#"{{"name":"{name}","value":{value},"unit":"{unit}"{goal}}}"#);
}

/// Every series of the measurement.
fn series() -> impl Iterator<Item = (&'static str, i64, i64, u64)> {
    KINDS.into_iter().flat_map(|kind| {
        RHYTHMS
            .into_iter()
            .flat_map(move |(dt_ns, rows)| (1..=SEEDS).map(move |seed| (kind, dt_ns, rows, seed)))
    })
}

fn false_alarms_per_day(config: Config) -> f64 {
    let (mut alarms, mut days) = (0, 0.0);
    for (kind, dt_ns, rows, seed) in series() {
        let mut source = Source::new(seed);
        let mut detector = Detector::new(config);
        alarms +=
            (0..rows).filter(|row| detector.push(row * dt_ns, source.next(kind)).opened).count();
        days += rows as f64 * dt_ns as f64 / DAY_NS;
    }
    alarms as f64 / days
}

/// Share of steps that open an alarm within three seconds and three rows, and only then.
fn found(config: Config) -> f64 {
    let (mut found, mut all) = (0, 0);
    for (kind, dt_ns, rows, seed) in series() {
        if matches!(kind, "normal" | "lognormal" | "slow" | "heavy") {
            found += u32::from(finds_step(config, kind, dt_ns, rows / 3, seed));
            all += 1;
        }
    }
    f64::from(found) / f64::from(all)
}

fn finds_step(config: Config, kind: &str, dt_ns: i64, rows: i64, seed: u64) -> bool {
    let mut source = Source::new(seed);
    let mut detector = Detector::new(config);
    for row in 0..rows {
        detector.push(row * dt_ns, source.next(kind));
    }
    let in_time = (3_000_000_000 / dt_ns).max(3);
    (rows..rows + in_time).any(|row| detector.push(row * dt_ns, 4.0 * source.next(kind)).opened)
}

/// Mean and p99 of a row's cost over all series, the clock's included.
fn cost_us(config: Config) -> (f64, f64) {
    let mut costs = Vec::new();
    for (kind, dt_ns, rows, seed) in series().filter(|series| series.3 == 1) {
        let mut source = Source::new(seed);
        let mut detector = Detector::new(config);
        for row in 0..rows {
            let value = source.next(kind);
            let begun = Instant::now();
            std::hint::black_box(detector.push(row * dt_ns, value));
            costs.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    costs.sort_by(f64::total_cmp);
    let kept = &costs[..(costs.len() as f64 * (1.0 - INTERRUPTED)) as usize];
    (kept.iter().sum::<f64>() / kept.len() as f64, costs[costs.len() * 99 / 100])
}
