//! Promise: the receiver `hostmetrics` tells what `/proc` says, with the Collector's names, units and
//! attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Sink, eventually};
use nix::sys::stat::Mode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, metric::Data,
    number_data_point::Value as Number,
};
use prost::Message;

/// Scraper, metric, unit, kind (gauge, sum, or counter), and the keys of its points' attributes.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const BY_DEVICE: &[&str] = &["device", "direction"];
const BY_MOUNT: &[&str] = &["device", "mode", "mountpoint", "type", "state"];

/// What the Collector's documentation lists as enabled by default on Linux.
const DEFAULTS: &[Row] = &[
    ("cpu", "system.cpu.time", "s", "counter", &["state"]),
    ("disk", "system.disk.io", "By", "counter", BY_DEVICE),
    ("disk", "system.disk.operations", "{operations}", "counter", BY_DEVICE),
    ("disk", "system.disk.io_time", "s", "counter", &["device"]),
    ("disk", "system.disk.operation_time", "s", "counter", BY_DEVICE),
    ("disk", "system.disk.weighted_io_time", "s", "counter", &["device"]),
    ("disk", "system.disk.pending_operations", "{operations}", "sum", &["device"]),
    ("disk", "system.disk.merged", "{operations}", "counter", BY_DEVICE),
    ("filesystem", "system.filesystem.usage", "By", "sum", BY_MOUNT),
    ("filesystem", "system.filesystem.inodes.usage", "{inodes}", "sum", BY_MOUNT),
    ("load", "system.cpu.load_average.1m", "{thread}", "gauge", &[]),
    ("load", "system.cpu.load_average.5m", "{thread}", "gauge", &[]),
    ("load", "system.cpu.load_average.15m", "{thread}", "gauge", &[]),
    ("memory", "system.memory.usage", "By", "sum", &["state"]),
    ("network", "system.network.io", "By", "counter", BY_DEVICE),
    ("network", "system.network.packets", "{packets}", "counter", BY_DEVICE),
    ("network", "system.network.errors", "{errors}", "counter", BY_DEVICE),
    ("network", "system.network.dropped", "{packets}", "counter", BY_DEVICE),
    ("network", "system.network.connections", "{connections}", "sum", &["protocol", "state"]),
    ("paging", "system.paging.usage", "By", "sum", &["device", "state"]),
    ("paging", "system.paging.operations", "{operations}", "counter", &["direction", "type"]),
    ("paging", "system.paging.faults", "{faults}", "counter", &["type"]),
    ("process", "process.cpu.time", "s", "counter", &["state"]),
    ("process", "process.memory.usage", "By", "sum", &[]),
    ("process", "process.memory.virtual", "By", "sum", &[]),
    ("process", "process.disk.io", "By", "counter", &["direction"]),
    ("processes", "system.processes.count", "{processes}", "sum", &["status"]),
    ("processes", "system.processes.created", "{processes}", "counter", &[]),
    ("system", "system.uptime", "s", "gauge", &[]),
];

const SCRAPERS: &str = "
    cpu: , disk: , filesystem: { include_virtual_filesystems: true }, load: , memory: , network: ,
    paging: , process: { mute_process_all_errors: true }, processes: , system: ";

/// Metrics of a scraper whose devices this host lacks: a container has no disk, many hosts no swap.
fn is_lacking(scraper: &str, metric: &str) -> bool {
    let lines = |path: &str| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    match metric {
        "system.paging.usage" => lines("/proc/swaps") < 2,
        _ => scraper == "disk" && lines("/proc/diskstats") == 0,
    }
}

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

/// The bytes of a file system by state.
fn usage(place: &str) -> BTreeMap<&'static str, f64> {
    let seen = nix::sys::statvfs::statvfs(place).expect("it is mounted");
    let bytes = |blocks: u64| (blocks * seen.fragment_size()) as f64;
    BTreeMap::from([
        ("used", bytes(seen.blocks() - seen.blocks_free())),
        ("free", bytes(seen.blocks_available())),
        ("reserved", bytes(seen.blocks_free() - seen.blocks_available())),
    ])
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
    // Scrapers that may hang send on their own.
    let all: BTreeSet<&str> = DEFAULTS.iter().map(|row| row.0).collect();
    eventually("every scraper", async || {
        let resources = resources(&sink);
        let seen: BTreeSet<String> = resources.iter().map(|resource| scraper(resource).0).collect();
        (seen.len() >= all.len()).then_some(())
    })
    .await;
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
    let there = DEFAULTS.iter().filter(|row| !is_lacking(row.0, row.1));
    let expected = there.map(|(scraper, name, unit, kind, keys)| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        ((*scraper).to_owned(), (*name).to_owned(), (*unit).to_owned(), *kind, keys)
    });
    let expected: BTreeSet<_> = expected.collect();
    let (more, less) = (found.difference(&expected), expected.difference(&found));
    let difference: (Vec<_>, Vec<_>) = (more.collect(), less.collect());
    assert_eq!(difference, (Vec::new(), Vec::new()), "found only, expected only");
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
    assert!((0.5..1.5).contains(&share), "{share} of the time since boot");
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_began_when_the_host_did() {
    let sink = Sink::start().await;
    let _agent = Medulla::agent(&config(&sink, "cpu: , memory: "));
    sink.wait_for(1).await;
    for resource in resources(&sink) {
        for point in scraper(&resource).1.iter().flat_map(|metric| points(metric).1) {
            let start_s = point.start_time_unix_nano / 1_000_000_000;
            assert!(start_s.abs_diff(boot_s()) <= 1, "{start_s} and {}", boot_s());
            assert!(point.time_unix_nano > point.start_time_unix_nano);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_systems_networks_and_counts_are_those_of_the_host() {
    let listening = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let sink = Sink::start().await;
    let scrapers = "
    filesystem:
      { include_virtual_filesystems: true,
        include_mount_points: { mount_points: [/], match_type: strict },
        metrics: { system.filesystem.usage: { attributes: [mountpoint, state] } } },
    network: { include: { interfaces: ['^lo$'], match_type: regexp } }, processes: , system: ";
    let _agent = Medulla::agent(&config(&sink, scrapers));
    sink.wait_for(4).await;
    let resources = resources(&sink);
    for (state, now) in usage("/") {
        let told = &values(&resources, "system.filesystem.usage")[&format!("/,{state}")];
        // Others write meanwhile.
        assert!(told.iter().all(|told| (told - now).abs() < 4e9), "{state}: {told:?} and {now}");
    }
    let carried = values(&resources, "system.network.io");
    assert_eq!(carried.keys().collect::<Vec<_>>(), ["lo,receive", "lo,transmit"]);
    assert!(carried.values().all(|bytes| bytes.is_sorted() && bytes[0] > 0.0), "{carried:?}");
    let connections = values(&resources, "system.network.connections");
    assert!(connections["tcp,LISTEN"].iter().all(|count| *count >= 1.0), "{connections:?}");
    assert!(connections["tcp,ESTABLISHED"].last().is_some_and(|count| *count >= 2.0));
    let counts = values(&resources, "system.processes.count");
    let all: f64 = counts.values().map(|counts| counts[0]).sum();
    assert!((3.0..100_000.0).contains(&all), "{counts:?}");
    let uptime = &values(&resources, "system.uptime")[""];
    let created = &values(&resources, "system.processes.created")[""];
    assert!(uptime.is_sorted() && created.is_sorted(), "{uptime:?} {created:?}");
    drop(listening);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_a_resource_and_says_who_it_is() {
    let sink = Sink::start().await;
    let scrapers = "
    process: { include: { names: [medulla-agent], match_type: strict },
               metrics: { process.threads: { enabled: true }, process.cpu.utilization: { enabled: true } } }";
    let mut agent = Medulla::agent(&config(&sink, scrapers));
    sink.wait_for(3).await;
    let resources = resources(&sink);
    let pid = agent.process().id().to_string();
    let attribute = |resource: &ResourceMetrics, key: &str| {
        let attributes = &resource.resource.as_ref().expect("it has attributes").attributes;
        attributes.iter().find(|attribute| attribute.key == key).map(text)
    };
    let is_agent = |resource: &&ResourceMetrics| {
        attribute(resource, "process.pid").as_deref() == Some(pid.as_str())
    };
    let own: Vec<&ResourceMetrics> = resources.iter().filter(is_agent).collect();
    let first = own.first().expect("the agent sees itself");
    assert_eq!(attribute(first, "process.executable.name").as_deref(), Some("medulla-agent"));
    let path = attribute(first, "process.executable.path").expect("it may see its own");
    assert!(path.ends_with("/medulla-agent"), "{path}");
    let line = attribute(first, "process.command_line").expect("it has one");
    assert!(line.contains(" run ") && line.contains("config.yaml"), "{line}");
    assert_eq!(attribute(first, "process.cgroup"), None, "only on request");
    let memory = values(own.iter().copied(), "process.memory.usage").remove("").expect("told");
    assert!(memory.iter().all(|bytes| (1e6..1e9).contains(bytes)), "{memory:?}");
    let threads = values(own.iter().copied(), "process.threads").remove("").expect("told");
    assert!(threads.iter().all(|count| *count >= 2.0), "{threads:?}");
    let times = values(own.iter().copied(), "process.cpu.time");
    assert!(times.values().all(|seconds| seconds.is_sorted()), "{times:?}");
    let shares = values(own.iter().copied(), "process.cpu.utilization");
    assert!(shares["user"].iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
}

/// A folder for `root_path` that any account can read, with these files below `proc`.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    for (name, text) in files {
        let path = root.path().join("proc").join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(root.path(), open).expect("it is ours");
    root
}

fn config_at(root: &Path, sink: &Sink, keys: &str, scrapers: &str) -> String {
    let keys = format!("root_path: {}, {keys}, initial_delay", root.display());
    config(sink, scrapers).replace("initial_delay", &keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_once_and_the_rest_goes_on() {
    let root = root(&[("stat", "btime 1000\n"), ("loadavg", "0.50 0.25 0.125 1/1 1\n")]);
    let sink = Sink::start().await;
    let config = config_at(root.path(), &sink, "timeout: 30s", "cpu: , load: , memory: ");
    let mut agent = Medulla::agent(&config);
    sink.wait_for(3).await;
    let resources = resources(&sink);
    assert_eq!(values(&resources, "system.cpu.load_average.1m")[""][0], 0.5);
    for resource in &resources {
        let (scraper, metrics) = scraper(resource);
        assert_eq!(scraper, "load");
        let start_ns = points(&metrics[0]).1[0].start_time_unix_nano;
        assert_eq!(start_ns, 1_000_000_000_000);
    }
    let metrics = agent.metrics().await;
    let faults = |scraper| metrics.sum("medulla_scraper_faults", &[("scraper", scraper)]);
    assert!(faults("cpu") >= 2.0 && faults("memory") >= 2.0 && faults("load") == 0.0);
    let log = agent.process().log();
    assert_eq!(log.matches("scraper memory: cannot read").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_hangs_holds_up_neither_the_others_nor_the_end() {
    let stat = "7 (stuck) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 8192 2";
    let root =
        root(&[("stat", "btime 1000\n"), ("loadavg", "0.50 0.25 0.125 1/1 1\n"), ("7/stat", stat)]);
    // Nobody ever writes, so whoever opens it to read waits.
    let pipe = root.path().join("proc/7/cmdline");
    nix::unistd::mkfifo(&pipe, Mode::from_bits_truncate(0o644)).expect("a pipe can be made");
    let sink = Sink::start().await;
    let config = config_at(root.path(), &sink, "timeout: 300ms", "load: , process: ");
    let mut agent = Medulla::agent(&config);
    agent.process().wait_for("the late look", |line| {
        line.contains("a look takes more than 300ms").then_some(())
    });
    let before = sink.received().len();
    sink.wait_for(before + 5).await;
    let log = agent.process().log();
    assert_eq!(log.matches("a look takes more").count(), 1, "{log}");
    assert!(agent.terminate().success());
}

/// How many threads of a process look at the host.
fn lookers(pid: nix::unistd::Pid) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let name = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.ok()?.path().join("comm")).ok()
    };
    threads.filter_map(name).filter(|name| name.trim() == "hostmetrics").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_scrapers_and_ends_their_threads() {
    let sink = Sink::start().await;
    let mut agent = Medulla::agent(&config(&sink, "load: , filesystem: , process: "));
    sink.wait_for(1).await;
    let pid = agent.process().id();
    assert_eq!(lookers(pid), 3, "two scrapers may hang");
    agent.reload(&config(&sink, "memory: "));
    eventually("memory alone", async || {
        let last = resources(&sink).pop().expect("there are some");
        (scraper(&last).0 == "memory" && lookers(pid) == 1).then_some(())
    })
    .await;
    assert!(agent.terminate().success());
}
