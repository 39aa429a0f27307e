//! Promise: the receiver `hostmetrics` tells what `/proc` says, with the Collector's names, units and
//! attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Sink};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, metric::Data,
    number_data_point::Value as Number,
};
use prost::Message;

/// Scraper, metric, unit, kind (gauge, sum, or counter), and the keys of its points' attributes.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// What the Collector's documentation lists as enabled by default on Linux.
const DEFAULTS: &[Row] = &[
    ("cpu", "system.cpu.time", "s", "counter", &["state"]),
    ("load", "system.cpu.load_average.1m", "{thread}", "gauge", &[]),
    ("load", "system.cpu.load_average.5m", "{thread}", "gauge", &[]),
    ("load", "system.cpu.load_average.15m", "{thread}", "gauge", &[]),
    ("memory", "system.memory.usage", "By", "sum", &["state"]),
];

const SCRAPERS: &str = "cpu: , load: , memory: ";

fn config(sink: &Sink, scrapers: &str) -> String {
    format!(
        "
receivers:
  hostmetrics: {{ collection_interval: 200ms, initial_delay: 0s, scrapers: {{ {scrapers} }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}' }} }}
service:
  pipelines: {{ metrics: {{ receivers: [hostmetrics], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    )
}

/// The resources of all requests, in order.
fn resources(sink: &Sink) -> Vec<ResourceMetrics> {
    let requests = sink.received().into_iter().map(|request| {
        ExportMetricsServiceRequest::decode(request.body).expect("a request").resource_metrics
    });
    requests.flatten().collect()
}

/// The scraper and the metrics of a resource.
fn scraper(resource: &ResourceMetrics) -> (String, &[Metric]) {
    let [scope] = &resource.scope_metrics[..] else { panic!("one scope") };
    let name = &scope.scope.as_ref().expect("it has a name").name;
    let prefix = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/\
                  hostmetricsreceiver/internal/scraper/";
    let name = name.strip_prefix(prefix).and_then(|name| name.strip_suffix("scraper"));
    (name.expect("the Collector's scope").to_owned(), &scope.metrics)
}

fn points(metric: &Metric) -> (&'static str, &[NumberDataPoint]) {
    match metric.data.as_ref().expect("it has data") {
        Data::Gauge(gauge) => ("gauge", &gauge.data_points),
        Data::Sum(sum) => {
            let cumulative = AggregationTemporality::Cumulative as i32;
            assert_eq!(sum.aggregation_temporality, cumulative, "{}", metric.name);
            (if sum.is_monotonic { "counter" } else { "sum" }, &sum.data_points)
        }
        other => panic!("{}: {other:?}", metric.name),
    }
}

fn text(value: &KeyValue) -> String {
    match value.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{}: {other:?}", value.key),
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value.expect("a point has a value") {
        Number::AsInt(value) => value as f64,
        Number::AsDouble(value) => value,
    }
}

/// The points of a metric by their attributes' values, joined by commas.
fn values<'a>(
    resources: impl IntoIterator<Item = &'a ResourceMetrics>,
    name: &str,
) -> BTreeMap<String, Vec<f64>> {
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for resource in resources {
        for metric in scraper(resource).1.iter().filter(|metric| metric.name == name) {
            for point in points(metric).1 {
                let key: Vec<String> = point.attributes.iter().map(text).collect();
                found.entry(key.join(",")).or_default().push(number(point));
            }
        }
    }
    found
}

/// A field of `/proc/meminfo` in bytes.
fn meminfo(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("proc is mounted");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.expect("the kernel tells it") * 1024.0
}

/// When the host started, in seconds since 1970.
fn boot_s() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").expect("proc is mounted");
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    line.expect("the kernel tells it").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn names_units_kinds_and_attributes_are_the_collectors() {
    let sink = Sink::start().await;
    let _agent = Medulla::agent(&config(&sink, SCRAPERS));
    sink.wait_for(2).await;
    let mut found = BTreeSet::new();
    for resource in resources(&sink) {
        let (scraper, metrics) = scraper(&resource);
        assert_eq!(resource.schema_url, "https://opentelemetry.io/schemas/1.9.0");
        for metric in metrics {
            let (kind, points) = points(metric);
            assert!(!points.is_empty() && !metric.description.is_empty(), "{}", metric.name);
            for point in points {
                let keys = point.attributes.iter().map(|attribute| attribute.key.clone());
                let keys: Vec<String> = keys.collect();
                found.insert((
                    scraper.clone(),
                    metric.name.clone(),
                    metric.unit.clone(),
                    kind,
                    keys,
                ));
            }
        }
    }
    let expected = DEFAULTS.iter().map(|(scraper, name, unit, kind, keys)| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        ((*scraper).to_owned(), (*name).to_owned(), (*unit).to_owned(), *kind, keys)
    });
    assert_eq!(found, expected.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_those_of_proc() {
    let sink = Sink::start().await;
    let scrapers = "
    cpu: { metrics: { system.cpu.time: { attributes: [cpu, state] }, \
           system.cpu.logical.count: { enabled: true } } },
    memory: { metrics: { system.memory.limit: { enabled: true } } }, load: ";
    let _agent = Medulla::agent(&config(&sink, scrapers));
    sink.wait_for(4).await;
    let resources = resources(&sink);
    let total = meminfo("MemTotal");
    let limit = values(&resources, "system.memory.limit");
    assert!(limit[""].iter().all(|limit| *limit == total), "{limit:?} of {total}");
    for (state, bytes) in values(&resources, "system.memory.usage") {
        assert!(bytes.iter().all(|bytes| (0.0..=total).contains(bytes)), "{state}: {bytes:?}");
    }
    let cpus = std::thread::available_parallelism().expect("a host has CPUs").get();
    let counted = values(&resources, "system.cpu.logical.count");
    assert!(counted[""].iter().all(|count| *count >= cpus as f64), "{counted:?} of {cpus}");
    let times = values(&resources, "system.cpu.time");
    assert_eq!(times.len(), counted[""][0] as usize * 8);
    for (cpu, seconds) in &times {
        assert!(seconds.is_sorted() && seconds[0] >= 0.0, "{cpu}: {seconds:?}");
    }
    let spent: f64 = times.values().map(|seconds| seconds[0]).sum();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let since_boot = now.as_secs_f64() - boot_s() as f64;
    let share = spent / since_boot / counted[""][0];
    assert!((0.8..1.1).contains(&share), "{share} of the time since boot");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_began_when_the_host_did() {
    let sink = Sink::start().await;
    let _agent = Medulla::agent(&config(&sink, "cpu: , memory: "));
    sink.wait_for(1).await;
    for resource in resources(&sink) {
        for point in scraper(&resource).1.iter().flat_map(|metric| points(metric).1) {
            assert_eq!(point.start_time_unix_nano, boot_s() * 1_000_000_000);
            assert!(point.time_unix_nano > point.start_time_unix_nano);
        }
    }
}
