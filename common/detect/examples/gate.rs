//! Runs the detector over every CSV below the folders given, in two threads, and prints one line per series: path,
//! rows, then `+opening|statistic|score` and `-closing` times. Much faster than writing every row; README.md
//! beside this folder says how the gates are run.
//!
//!     cargo run --release -p medulla-detect --example gate -- FOLDER... > events.txt

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use medulla_detect::{Config, Detector, backtest::timestamp_ns};

fn main() {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut work = Vec::new();
    for folder in &folders {
        walk(folder, &mut work);
    }
    let work = Mutex::new(work);
    let start = Instant::now();
    let rows = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| drain(&work))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a worker does not panic"))
            .sum::<usize>()
    });
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{rows} rows in {seconds:.1} s");
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .expect("a readable folder")
            .map(|entry| entry.expect("a readable entry").path())
            .collect();
        entries.sort();
        entries.iter().for_each(|entry| walk(entry, files));
    } else if path.extension().is_some_and(|extension| extension == "csv") {
        files.push(path.to_owned());
    }
}

fn drain(work: &Mutex<Vec<PathBuf>>) -> usize {
    let mut rows = 0;
    loop {
        let Some(path) = work.lock().expect("no worker panics").pop() else { return rows };
        let (line, count) = run(&path);
        rows += count;
        println!("{line}");
    }
}

fn run(path: &Path) -> (String, usize) {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let mut detector = Detector::new(Config::default());
    let mut rows = 0;
    let mut was_open = false;
    let mut events = String::new();
    for line in text.lines().skip(1) {
        let (time, value) = line.split_once(',').expect("two columns");
        let t_ns = timestamp_ns(time).expect("a timestamp");
        let verdict = detector.push(t_ns, value.parse().unwrap_or(f64::NAN));
        rows += 1;
        if verdict.opened {
            let _ = write!(events, ";+{time}|{}|{:.2}", verdict.statistic.name(), verdict.score);
        }
        if was_open && !verdict.open {
            let _ = write!(events, ";-{time}");
        }
        was_open = verdict.open;
    }
    (format!("{}\t{rows}\t{}", path.display(), events.trim_start_matches(';')), rows)
}
