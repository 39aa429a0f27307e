//! Metrics in, alarms out: kinds of metrics, filters, and the bound on series.

use std::time::UNIX_EPOCH;

use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint};
use pipeline::{Sender, Stats};

use super::*;

#[derive(Default)]
struct Shelf(Mutex<Vec<Batch>>);

impl Sink for Shelf {
    fn push(&self, batch: Batch, _now: Instant) {
        self.0.lock().expect("not poisoned").push(batch);
    }
}

/// A connector with a pipeline of logs behind it, and what arrived there.
struct Bench {
    detect: Detect,
    shelf: Arc<Shelf>,
    stats: Stats,
}

impl Bench {
    fn new(metrics: &[&str]) -> Self {
        let metrics = metrics.iter().map(|name| (*name).to_owned()).collect();
        let settings = Settings { metrics, detector: detect::Config::default() };
        let detect = Detect::new(settings, Budget::new(1 << 26, 1.0), "node-1".to_owned());
        let shelf = Arc::new(Shelf::default());
        let sinks: Vec<Arc<dyn Sink>> = vec![shelf.clone()];
        detect.connect(&[Pipeline::start("logs".into(), Signal::Logs, vec![], sinks, vec![])]);
        Self { detect, shelf, stats: Stats::default() }
    }

    fn push(&self, body: Vec<u8>) {
        let ledger = self.stats.receiver("otlp", "grpc", Signal::Metrics);
        let (ack, _waiter) = Ack::channel(1, ledger, None);
        let permit = Arc::new(self.detect.budget.permit(None));
        let part = Part { body: Bytes::from(body), packed: None, records: 1, permit, ack };
        let received_at = UNIX_EPOCH;
        let batch = Batch {
            signal: Signal::Metrics,
            parts: vec![part],
            received_at,
            sender: Sender::default(),
        };
        self.detect.push(batch, Instant::now());
    }

    fn records(&self) -> Vec<Bytes> {
        let batches = self.shelf.0.lock().expect("not poisoned");
        batches.iter().flat_map(|batch| batch.parts.iter().map(|part| part.body.clone())).collect()
    }
}

/// A request with one point of `kind` (a field number of `Metric`).
fn request(metric: &str, kind: u32, second: u64, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        put_message(out, 1, |out| {
            put_message(out, 1, |out| text_pair(out, "service.name", "shop"))
        });
        put_message(out, 2, |out| {
            put_message(out, 2, |out| {
                put_bytes(out, 1, metric.as_bytes());
                put_message(out, kind, |out| {
                    put_message(out, 1, |out| point(out, kind, second, value));
                    put_uint(out, 2, 2);
                    put_uint(out, 3, 1);
                });
            });
        });
    });
    out
}

fn point(out: &mut Vec<u8>, kind: u32, second: u64, value: f64) {
    put_fixed64(out, 3, second * 1_000_000_000);
    if kind == 9 {
        put_fixed64(out, 4, second * 10);
        put_fixed64(out, 5, value.to_bits());
        put_message(out, 9, |out| text_pair(out, "port", "80"));
    } else {
        put_fixed64(out, 4, value.to_bits());
        put_message(out, 7, |out| text_pair(out, "port", "80"));
    }
}

fn text_pair(out: &mut Vec<u8>, key: &str, value: &str) {
    put_bytes(out, 1, key.as_bytes());
    put_message(out, 2, |out| put_bytes(out, 1, value.as_bytes()));
}

/// A level that wobbles and leaps after 900 s.
fn level(second: u64) -> f64 {
    let wobble = (second * 7919 % 101) as f64 / 101.0;
    if second < 900 { 10.0 + wobble } else { 100.0 + wobble }
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn check_kind(kind: u32, value: impl Fn(u64, &mut f64) -> f64) {
    let bench = Bench::new(&["http.*"]);
    let mut total = 0.0;
    for second in 1..930 {
        let value = value(second, &mut total);
        bench.push(request("http.load", kind, second, value));
        bench.push(request("other", kind, second, value));
    }
    let records = bench.records();
    assert_eq!(records.len(), 1, "kind {kind}");
    for text in ["medulla.anomaly", "medulla.event.id", "node-1", "http.load{port=80}", "shop"] {
        assert!(contains(&records[0], text), "{text}");
    }
    assert_eq!(bench.detect.table().counts(), (1, 0));
}

#[tokio::test]
async fn a_gauge_that_leaps_is_one_record() {
    check_kind(5, |second, _| level(second));
}

#[tokio::test]
async fn a_total_is_judged_by_its_growth() {
    check_kind(7, |second, total| {
        *total += level(second);
        *total
    });
}

#[tokio::test]
async fn a_histogram_is_judged_by_its_mean() {
    check_kind(9, |second, total| {
        *total += level(second) * 10.0;
        *total
    });
}

#[tokio::test]
async fn a_reset_total_is_no_alarm() {
    let bench = Bench::new(&[]);
    let mut total = 0.0;
    for second in 1..1000 {
        total = if second == 800 { 3.0 } else { total + level(second % 900) };
        bench.push(request("requests", 7, second, total));
    }
    assert_eq!(bench.records().len(), 0);
}

#[tokio::test]
async fn records_are_valid_requests() {
    let bench = Bench::new(&[]);
    (1..930).for_each(|second| bench.push(request("load", 5, second, level(second))));
    let records = bench.records();
    assert_eq!(otlp::check(Signal::Logs, &records[0]).map(|checked| checked.records), Ok(1));
}

#[tokio::test]
async fn series_beyond_the_bound_are_counted_until_others_fall_silent() {
    let bench = Bench::new(&[]);
    for index in 0..series::SERIES_MAX + 5 {
        bench.push(request(&format!("m{index}"), 5, 1, 1.0));
    }
    assert_eq!(bench.detect.table().counts(), (series::SERIES_MAX, 5));
    bench.push(request("late", 5, 7200, 1.0));
    assert_eq!(bench.detect.table().counts(), (1, 5));
}
