//! Promise: what the kernel sampled leaves as OTLP metrics that equal what the client saw.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Sink, eventually};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics,
    metric::Data, number_data_point::Value as Number,
};
use prost::Message;

/// Ports, what their server sleeps, and how often it is asked.
const SERVICES: [(u16, u64, u32); 3] = [(8000, 0, 500), (8005, 5, 100), (8050, 50, 20)];

fn config(sink: &Sink) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [8000, 8005, 8050], collection_interval: 200ms }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{}' }} }}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [otlp_http] }} }}
{TELEMETRY}",
        sink.address()
    )
}

/// Answers HTTP requests of one connection, each in one write.
fn serve(listener: &TcpListener, think: Duration) {
    let (mut stream, _) = listener.accept().expect("the client connects");
    let mut request = [0; 4096];
    while stream.read(&mut request).is_ok_and(|length| length > 0) {
        std::thread::sleep(think);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        stream.write_all(answer).expect("the client reads");
    }
}

/// Asks so often over one connection; the mean time to the answer.
fn ask(port: u16, count: u32) -> Duration {
    let mut stream = TcpStream::connect(on_wire(IPV4, port)).expect("the server listens");
    stream.set_nodelay(true).expect("a socket has this option");
    let mut sum = Duration::ZERO;
    for _ in 0..count {
        let begun = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").expect("the server reads");
        let length = stream.read(&mut [0; 4096]).expect("the server answers");
        sum += begun.elapsed();
        assert!(length > 40, "in one write");
    }
    sum / count
}

/// All metrics that arrived, in order.
fn metrics(sink: &Sink) -> Vec<Metric> {
    let requests = sink.received().into_iter().map(|request| {
        let request = ExportMetricsServiceRequest::decode(request.body).expect("a request");
        let [resource] = <[_; 1]>::try_from(request.resource_metrics).expect("one resource");
        let attributes = resource.resource.expect("it has attributes").attributes;
        assert_eq!(text(&attributes, "service.name"), Some("medulla-agent"));
        let [scope]: [ScopeMetrics; 1] = resource.scope_metrics.try_into().expect("one scope");
        assert_eq!(scope.scope.expect("it has a name").name, "medulla.kernel");
        scope.metrics
    });
    requests.flatten().collect()
}

fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match find(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn port(attributes: &[KeyValue]) -> u16 {
    assert_eq!(text(attributes, "network.transport"), Some("tcp"));
    match find(attributes, "server.port") {
        Some(Value::IntValue(port)) => u16::try_from(*port).expect("a port"),
        other => panic!("server.port is {other:?}"),
    }
}

/// The points of a metric in all requests, first to last.
fn numbers(metrics: &[Metric], name: &str) -> Vec<NumberDataPoint> {
    let points =
        metrics.iter().filter(|metric| metric.name == name).map(|metric| match &metric.data {
            Some(Data::Gauge(gauge)) if name.ends_with("in_flight") || name.ends_with("rate") => {
                gauge.data_points.clone()
            }
            Some(Data::Sum(sum)) => {
                let cumulative = AggregationTemporality::Cumulative as i32;
                assert!(sum.is_monotonic && sum.aggregation_temporality == cumulative, "{name}");
                sum.data_points.clone()
            }
            other => panic!("{name}: {other:?}"),
        });
    points.flatten().collect()
}

/// The newest value of each port.
fn latest(metrics: &[Metric], name: &str) -> BTreeMap<u16, i64> {
    let points = numbers(metrics, name).into_iter();
    let value = |point: &NumberDataPoint| match point.value {
        Some(Number::AsInt(value)) => value,
        other => panic!("{name}: {other:?}"),
    };
    points.map(|point| (port(&point.attributes), value(&point))).collect()
}

fn histograms(metrics: &[Metric], wanted: u16) -> Vec<ExponentialHistogramDataPoint> {
    let ours = metrics.iter().filter(|metric| metric.name == "medulla.port.request.duration");
    let points = ours.flat_map(|metric| match &metric.data {
        Some(Data::ExponentialHistogram(histogram)) => {
            assert_eq!(metric.unit, "s");
            let delta = AggregationTemporality::Delta as i32;
            assert_eq!(histogram.aggregation_temporality, delta);
            histogram.data_points.clone()
        }
        other => panic!("{other:?}"),
    });
    points.filter(|point| port(&point.attributes) == wanted).collect()
}

/// One histogram: its counts, and that its sum lies within what its buckets say.
fn check_buckets(point: &ExponentialHistogramDataPoint) {
    assert_eq!(point.scale, 3);
    let buckets = point.positive.clone().unwrap_or_default();
    let counted: u64 = buckets.bucket_counts.iter().sum();
    assert_eq!(counted + point.zero_count, point.count);
    assert!(point.start_time_unix_nano < point.time_unix_nano);
    let bound = |index: i32| (f64::from(buckets.offset + index) / 8.0).exp2();
    let (mut least, mut most) = (0.0, point.zero_count as f64 * point.zero_threshold);
    for (index, count) in (0..).zip(&buckets.bucket_counts) {
        least += bound(index) * *count as f64;
        most += bound(index + 1) * *count as f64;
    }
    let sum = point.sum.expect("durations have a sum");
    assert!(least <= sum * 1.0001 && sum <= most * 1.0001, "{least} {sum} {most}");
}

fn all(value: impl Fn(u32) -> i64) -> BTreeMap<u16, i64> {
    SERVICES.into_iter().map(|(port, _, count)| (port, value(count))).collect()
}

#[test]
fn counts_and_means_are_the_clients() {
    host::run(|host| {
        let sink = host.block_on(Sink::start());
        let mut agent = host.agent(&config(&sink));
        // Zeros from the start, and a second time before anybody asks.
        let first = host.block_on(sink.wait_for(2));
        assert!(first.len() >= 2);
        let metrics_now = metrics(&sink);
        for name in ["requests", "connections", "in_flight"] {
            let name = format!("medulla.port.{name}");
            assert_eq!(latest(&metrics_now, &name), all(|_| 0), "{name}");
        }
        assert!(histograms(&metrics_now, 8000).is_empty());
        for (port, think_ms, _) in SERVICES {
            let listener = TcpListener::bind(on_wire(IPV4, port)).expect("the port is free");
            std::thread::spawn(move || serve(&listener, Duration::from_millis(think_ms)));
        }
        let means = host.peer().enter(|| SERVICES.map(|(port, _, count)| ask(port, count)));
        let asked = all(i64::from);
        let counted = host.block_on(eventually("every request in the metrics", async || {
            let metrics = metrics(&sink);
            let seen = latest(&metrics, "medulla.port.requests");
            assert!(seen.iter().all(|(port, count)| *count <= asked[port]), "{seen:?}");
            let idle = latest(&metrics, "medulla.port.in_flight") == all(|_| 0);
            (seen == asked && idle).then_some(sink.received().len())
        }));
        // Nothing is counted later, and nothing twice.
        host.block_on(sink.wait_for(counted + 2));
        let metrics = metrics(&sink);
        assert_eq!(latest(&metrics, "medulla.port.requests"), asked);
        assert_eq!(latest(&metrics, "medulla.port.connections"), all(|_| 1));
        for ((port, think_ms, count), client) in SERVICES.into_iter().zip(means) {
            let points = histograms(&metrics, port);
            points.iter().for_each(check_buckets);
            let answered: u64 = points.iter().map(|point| point.count).sum();
            assert_eq!(answered, u64::from(count), "port {port}");
            let sum: f64 = points.iter().filter_map(|point| point.sum).sum();
            let kernel = Duration::from_secs_f64(sum / f64::from(count));
            println!(
                "{think_ms} ms: client {client:?}, kernel {kernel:?}, {} points",
                points.len()
            );
            let difference = client.abs_diff(kernel);
            assert!(
                difference <= client / 10 + Duration::from_micros(500),
                "{client:?} {kernel:?}"
            );
        }
        check_limits(host, &mut agent, &sink);
    });
}

/// A limited port is watched, and its limit reported.
fn check_limits(host: &medulla_tests::Host, agent: &mut medulla_tests::Medulla, sink: &Sink) {
    agent.tell("limit set --port 8080 --rate 100/s").done();
    let (rates, verdicts) = host.block_on(eventually("a limit in the metrics", async || {
        let metrics = metrics(sink);
        let rates = numbers(&metrics, "medulla.limit.rate");
        let verdicts = numbers(&metrics, "medulla.limit.verdicts");
        let watched = latest(&metrics, "medulla.port.requests").contains_key(&8080);
        (watched && !rates.is_empty()).then_some((rates, verdicts))
    }));
    assert_eq!(port(&rates[0].attributes), 8080);
    assert_eq!(text(&rates[0].attributes, "medulla.limit.source"), Some("operator"));
    assert_eq!(rates[0].value, Some(Number::AsDouble(100.0)));
    let kinds: Vec<_> = verdicts
        .iter()
        .take(3)
        .map(|point| text(&point.attributes, "medulla.limit.verdict").expect("a verdict"))
        .collect();
    assert_eq!(kinds, ["pass", "drop", "expired"]);
}
