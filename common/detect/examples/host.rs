//! Watches this host: its signals of /proc twice a second for the minutes given (60 unless told), each through
//! a detector of its own, and prints each alarm and in the end the alarms per series-day.
//!
//!     cargo run --release -p medulla-detect --example host -- 60

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use medulla_detect::{Config, Counter, Detector, Width};

const TICK: Duration = Duration::from_millis(500);

/// Which readings only grow.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Gauge,
    Counter,
}

struct Series {
    counter: Counter,
    detector: Detector,
}

fn main() {
    let minutes: u64 = std::env::args().nth(1).map_or(60, |text| text.parse().expect("minutes"));
    let begun = Instant::now();
    let mut series = BTreeMap::new();
    let mut alarms = 0;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        for (name, kind, reading) in readings() {
            alarms += usize::from(watch(&mut series, &name, kind, reading));
        }
        let next = TICK * (begun.elapsed().as_millis() / TICK.as_millis() + 1) as u32;
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    let days = series.len() as f64 * begun.elapsed().as_secs_f64() / 86_400.0;
    let rate = alarms as f64 / days;
    println!(
        "{alarms} alarms of {} series in {minutes} minutes: {rate:.2} per series-day",
        series.len()
    );
}

/// Takes a reading; says whether it opened an alarm.
fn watch(series: &mut BTreeMap<String, Series>, name: &str, kind: Kind, reading: u64) -> bool {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let t_ns = since.expect("a clock after 1970").as_nanos() as i64;
    let one = series.entry(name.to_owned()).or_insert_with(|| Series {
        counter: Counter::new(Width::Bits64),
        detector: Detector::new(Config::default()),
    });
    let value = match kind {
        Kind::Gauge => Some(reading as f64),
        Kind::Counter => one.counter.rate_per_s(t_ns, reading),
    };
    let Some(value) = value else { return false };
    let verdict = one.detector.push(t_ns, value);
    if verdict.opened {
        let (statistic, score) = (verdict.statistic.name(), verdict.score);
        println!("{name}: {value} against {}, {statistic} {score:.2}", verdict.baseline);
    }
    verdict.opened
}

/// CPU times, faults, disk and network totals, memory and load.
fn readings() -> Vec<(String, Kind, u64)> {
    let mut readings = Vec::new();
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    fields(
        &text("/proc/stat"),
        "cpu ",
        &["user", "nice", "system", "idle", "iowait"],
        &mut readings,
    );
    for name in ["ctxt", "intr", "processes"] {
        fields(&text("/proc/stat"), name, &[name], &mut readings);
    }
    for name in ["pgfault", "pgmajfault", "pgpgin", "pgpgout"] {
        fields(&text("/proc/vmstat"), name, &[name], &mut readings);
    }
    const NETWORK: [&str; 10] =
        ["bytes in", "packets in", "", "", "", "", "", "", "bytes out", "packets out"];
    for line in text("/proc/net/dev").lines().filter(|line| line.contains(':')) {
        let name = line.split(':').next().unwrap_or_default();
        let before = readings.len();
        fields(line, name, &NETWORK, &mut readings);
        readings[before..].iter_mut().for_each(|one| one.0 = format!("{} {}", name.trim(), one.0));
    }
    let counters = readings.len();
    for name in ["MemFree", "MemAvailable", "Cached", "Dirty"] {
        fields(&text("/proc/meminfo"), name, &[name], &mut readings);
    }
    fields(&text("/proc/stat"), "procs_running", &["running"], &mut readings);
    readings[counters..].iter_mut().for_each(|one| one.1 = Kind::Gauge);
    readings
}

/// The named numbers of the line that begins with `start`, as counters.
fn fields(text: &str, start: &str, names: &[&str], readings: &mut Vec<(String, Kind, u64)>) {
    let Some(rest) = text.lines().find_map(|line| line.strip_prefix(start)) else { return };
    let rest = rest.trim_start_matches(':');
    for (name, number) in names.iter().zip(rest.split_whitespace()) {
        if let (false, Ok(number)) = (name.is_empty(), number.parse()) {
            readings.push(((*name).to_owned(), Kind::Counter, number));
        }
    }
}
