//! The detectors on the Numenta Anomaly Benchmark (a folder with `data` and `combined_windows.json`), one JSON
//! object per line on stdout as `cargo xtask bench` reads them.
//!
//!     cargo run --release -p medulla-detect --example nab -- NAB
//!
//! `auto` as compiled; its mean over five starts and three thresholds, because one score is luck within two
//! points; and what tuning would be worth: the weights of the detector's parts are chosen on every second file
//! and scored on the others, both ways, so that no file is scored by what was chosen on it. Once the best weights
//! are chosen and once the mean of the best tenth, which follows chance less. Last the textbook charts.

#![forbid(unsafe_code)]

mod corpus;
mod score;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use corpus::File;
use medulla_detect::{Config, Detector, Method, Weights};
use score::{PROFILES, Score};

/// What the issue asks of `auto`, profile by profile.
const GOALS: [f64; 3] = [73.0, 62.0, 79.0];
/// Rows left out at the start.
const STARTS: [usize; 5] = [0, 23, 61, 97, 150];
const THRESHOLDS: [f64; 3] = [0.87, 1.0, 1.15];

/// The weights that two-fold tuning chooses from.
const NEWEST: [f64; 3] = [0.8, 1.0, 1.25];
const FAMILIAR: [f64; 3] = [0.35, 0.5, 0.7];
const SHAPE: [f64; 3] = [0.8, 1.0, 1.25];
const SEASON: [f64; 3] = [0.8, 1.0, 1.25];
/// Starts over which a choice is judged.
const TUNING_STARTS: [usize; 3] = [0, 61, 150];

fn main() {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).expect("the folder of NAB");
    let files = corpus::load(&folder);
    let compiled = total(&scores(&files, Config::default(), 0));
    print("auto", compiled, Some(GOALS));
    print("auto, mean of starts and thresholds", mean(&files), None);
    let tried = tried(&files);
    for (name, share) in [("best", tried.len()), ("mean of the best tenth", 10)] {
        let held_out = two_fold(&files, &tried, tried.len() / share);
        print(&format!("auto, two-fold tuning, {name}"), held_out, None);
        let distance = std::array::from_fn(|profile| compiled[profile] - held_out[profile]);
        print(&format!("auto, compiled less two-fold, {name}"), distance, None);
    }
    for (name, method) in textbook() {
        print(name, total(&scores(&files, Config { method, ..Config::default() }, 0)), None);
    }
}

fn textbook() -> [(&'static str, Method); 4] {
    [
        ("ewma .05, 4 deviations", Method::Ewma { alpha: 0.05, threshold: 4.0 }),
        ("ewma .3, 3 deviations", Method::Ewma { alpha: 0.3, threshold: 3.0 }),
        ("zscore of 60, 4 deviations", Method::Zscore { window: 60, threshold: 4.0 }),
        ("zscore of 100, 3 deviations", Method::Zscore { window: 100, threshold: 3.0 }),
    ]
}

fn print(name: &str, values: [f64; 3], goals: Option<[f64; 3]>) {
    for (profile, value) in values.into_iter().enumerate() {
        let goal =
            goals.map_or(String::new(), |goals| format!(r#","at_least":{}"#, goals[profile]));
        let profile = PROFILES[profile].0;
        println!(
            r#"{{"name":"detect: NAB, {name}: {profile}","value":{value:.1},"unit":""{goal}}}"#
        );
    }
}

/// The score of each file, its first `start` rows left out.
fn scores(files: &[File], config: Config, start: usize) -> Vec<Score> {
    let one = |file: &File| {
        let mut detector = Detector::new(config);
        let rows = file.rows.iter().enumerate().skip(start);
        let opens = rows.filter(|(_, (t_ns, value))| detector.push(*t_ns, *value).opened);
        let alarms: Vec<usize> = opens.map(|(row, _)| row).collect();
        score::score(file, &alarms)
    };
    files.iter().map(one).collect()
}

fn total(scores: &[Score]) -> [f64; 3] {
    let mut total = Score::default();
    scores.iter().for_each(|score| total += *score);
    total.normalized()
}

fn mean(files: &[File]) -> [f64; 3] {
    let mut mean = [0.0; 3];
    for start in STARTS {
        for threshold in THRESHOLDS {
            let config = Config { weights: louder(1.0 / threshold), ..Config::default() };
            let one = total(&scores(files, config, start));
            let share = (STARTS.len() * THRESHOLDS.len()) as f64;
            mean.iter_mut().zip(one).for_each(|(mean, one)| *mean += one / share);
        }
    }
    mean
}

fn louder(factor: f64) -> Weights {
    let Weights { newest, familiar, shape, season } = Weights::default();
    Weights {
        newest: factor * newest,
        familiar: factor * familiar,
        shape: factor * shape,
        season: factor * season,
    }
}

/// One choice of weights and the scores of each file, start by start.
struct Tried {
    weights: Weights,
    starts: Vec<Vec<Score>>,
}

impl Tried {
    /// What the choice is worth on every second file.
    fn worth(&self, half: usize) -> f64 {
        self.starts.iter().flat_map(|scores| total(&every_second(scores, half))).sum()
    }
}

fn every_second(scores: &[Score], half: usize) -> Vec<Score> {
    scores.iter().skip(half).step_by(2).copied().collect()
}

/// Each half scored with the mean of the `count` weights that are best on the other.
fn two_fold(files: &[File], tried: &[Tried], count: usize) -> [f64; 3] {
    let mut held_out = Vec::new();
    for half in 0..2 {
        let mut order: Vec<&Tried> = tried.iter().collect();
        order.sort_by(|a, b| b.worth(1 - half).total_cmp(&a.worth(1 - half)));
        let weights = mean_of(&order[..count]);
        let scores = scores(files, Config { weights, ..Config::default() }, 0);
        held_out.extend(every_second(&scores, half));
    }
    total(&held_out)
}

fn mean_of(tried: &[&Tried]) -> Weights {
    let mean = |of: fn(&Weights) -> f64| {
        tried.iter().map(|one| of(&one.weights)).sum::<f64>() / tried.len() as f64
    };
    Weights {
        newest: mean(|weights| weights.newest),
        familiar: mean(|weights| weights.familiar),
        shape: mean(|weights| weights.shape),
        season: mean(|weights| weights.season),
    }
}

/// Every choice of weights with its scores.
fn tried(files: &[File]) -> Vec<Tried> {
    let choices = choices();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&weights) = choices.get(index) else { return done };
            let config = Config { weights, ..Config::default() };
            let starts = TUNING_STARTS.map(|start| scores(files, config, start)).to_vec();
            done.push((index, Tried { weights, starts }));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Tried)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, tried)| tried).collect()
}

fn choices() -> Vec<Weights> {
    let mut choices = Vec::new();
    for newest in NEWEST {
        for share in FAMILIAR {
            for shape in SHAPE {
                for season in SEASON {
                    choices.push(Weights { newest, familiar: share * newest, shape, season });
                }
            }
        }
    }
    choices
}
