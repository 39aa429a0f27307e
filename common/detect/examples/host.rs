//! Watches this host: its signals of /proc twice a second, each through a detector of its own. Prints each alarm,
//! then per signal how many there were and how long they stood, and the alarms per series-day.
//!
//!     cargo run --release -p medulla-detect --example host -- 60             watch for 60 minutes (the default)
//!     cargo run --release -p medulla-detect --example host -- 60 FILE.csv    the same, and write what was read
//!     cargo run --release -p medulla-detect --example host -- FILE.csv       judge what was read before
//!
//! A file has the columns `t_ns,name,kind,reading`, so a recording is judged again after each change of the detector.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::time::{Duration, Instant, SystemTime};

use medulla_detect::{Config, Counter, Detector, Width};

const TICK: Duration = Duration::from_millis(500);
const HEADER: &str = "t_ns,name,kind,reading";

/// Which readings only grow.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Gauge,
    Counter,
}

struct Series {
    counter: Counter,
    detector: Detector,
    alarms: usize,
    rows: usize,
    rows_open: usize,
}

/// All that is watched, and since when.
#[derive(Default)]
struct Host {
    series: BTreeMap<String, Series>,
    first_ns: Option<i64>,
    last_ns: i64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut host = Host::default();
    let minutes = arguments.first().map_or(Ok(60), |text| text.parse());
    match (minutes, arguments.first()) {
        (Ok(minutes), _) => watch(&mut host, minutes, arguments.get(1)),
        (Err(_), Some(file)) => replay(&mut host, file),
        (Err(_), None) => {}
    }
    host.report();
}

fn watch(host: &mut Host, minutes: u64, file: Option<&String>) {
    let mut file = file.map(|path| BufWriter::new(File::create(path).expect("a writable file")));
    if let Some(file) = &mut file {
        writeln!(file, "{HEADER}").expect("a writable file");
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let t_ns = since.expect("a clock after 1970").as_nanos() as i64;
        for (name, kind, reading) in readings() {
            if let Some(file) = &mut file {
                let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
                writeln!(file, "{t_ns},{name},{kind},{reading}").expect("a writable file");
            }
            host.take(t_ns, &name, kind, reading);
        }
        let next = TICK * (begun.elapsed().as_millis() / TICK.as_millis() + 1) as u32;
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
}

fn replay(host: &mut Host, file: &str) {
    let file = BufReader::new(File::open(file).expect("a number of minutes or a readable file"));
    for line in file.lines().skip(1) {
        let line = line.expect("readable text");
        let mut fields = line.split(',');
        let mut next = || fields.next().unwrap_or_default();
        let (t_ns, name, kind, reading) = (next().parse(), next(), next(), next().parse());
        let kind = if kind == "counter" { Kind::Counter } else { Kind::Gauge };
        if let (Ok(t_ns), Ok(reading)) = (t_ns, reading) {
            host.take(t_ns, name, kind, reading);
        }
    }
}

impl Host {
    fn take(&mut self, t_ns: i64, name: &str, kind: Kind, reading: u64) {
        let first_ns = *self.first_ns.get_or_insert(t_ns);
        self.last_ns = t_ns;
        let minute = (t_ns - first_ns) as f64 / 60e9;
        self.series.entry(name.to_owned()).or_insert_with(Series::new).take(
            t_ns,
            (name, minute),
            kind,
            reading,
        );
    }

    fn report(&self) {
        let Some(first_ns) = self.first_ns else { return };
        let hours = (self.last_ns - first_ns) as f64 / 3.6e12;
        for (name, one) in self.series.iter().filter(|(_, one)| one.alarms > 0) {
            let open = 100.0 * one.rows_open as f64 / one.rows as f64;
            println!("{name:<18} {:>3} alarms, open {open:.1} % of the time", one.alarms);
        }
        let alarms: usize = self.series.values().map(|one| one.alarms).sum();
        let count = self.series.len();
        let rate = alarms as f64 / (count as f64 * hours / 24.0);
        println!("{alarms} alarms of {count} series in {hours:.2} hours: {rate:.2} per series-day");
    }
}

impl Series {
    fn new() -> Self {
        Self {
            counter: Counter::new(Width::Bits64),
            detector: Detector::new(Config::default()),
            alarms: 0,
            rows: 0,
            rows_open: 0,
        }
    }

    fn take(&mut self, t_ns: i64, (name, minute): (&str, f64), kind: Kind, reading: u64) {
        let value = match kind {
            Kind::Gauge => Some(reading as f64),
            Kind::Counter => self.counter.rate_per_s(t_ns, reading),
        };
        let Some(value) = value else { return };
        let verdict = self.detector.push(t_ns, value);
        self.rows += 1;
        self.rows_open += usize::from(verdict.open);
        self.alarms += usize::from(verdict.opened);
        if verdict.opened {
            let (statistic, score) = (verdict.statistic.name(), verdict.score);
            let baseline = verdict.baseline;
            println!(
                "{minute:6.2} min  {name}: {value:.6} against {baseline:.6}, {statistic} {score:.2}"
            );
        }
    }
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
