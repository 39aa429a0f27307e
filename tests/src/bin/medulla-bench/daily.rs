//! What people let a Collector do with logs and metrics every day: read a body that is JSON, sort out what nobody
//! reads, make names and severities uniform, shorten paths, drop labels and add up what then is the same.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    metric::Data, number_data_point::Value as Number,
};
use prost::Message;

use crate::spans::{Chance, TIME, any, attribute, resource, text};

/// One log record in four is a probe, half of the others are of level `info`.
pub(crate) const LOGS: &str = r#"
processors:
  filter: { error_mode: ignore, logs: { log_record: ['IsMatch(body, "/healthz")'] } }
  transform:
    error_mode: ignore
    log_statements:
      - merge_maps(log.attributes, ParseJSON(log.body), "upsert") where IsMatch(log.body, "^\\{")
      - set(log.severity_number, SEVERITY_NUMBER_ERROR) where log.attributes["level"] == "error"
      - set(log.severity_text, ConvertCase(log.attributes["level"], "upper"))
      - replace_pattern(log.attributes["path"], "/carts/\\d+", "/carts/{id}")
      - delete_key(log.attributes, "level")"#;

/// A counter of four labels, of which two stay.
pub(crate) const METRICS: &str = r#"
processors:
  filter: { error_mode: ignore, metrics: { metric: ['HasPrefix(name, "jvm.")'] } }
  transform:
    error_mode: ignore
    metric_statements:
      - set(metric.name, Concat(["shop", metric.name], ".")) where metric.type == METRIC_DATA_TYPE_SUM
      - aggregate_on_attributes("sum", ["http.route", "cluster"]) where metric.type == METRIC_DATA_TYPE_SUM"#;

/// An export request of `count` log records whose bodies are JSON, about 400 bytes each.
pub(crate) fn logs(count: usize) -> Bytes {
    let mut chance = Chance::of(1);
    let log_records = (0..count).map(|index| log(index, &mut chance)).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let resource = Some(resource(0));
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

fn log(index: usize, chance: &mut Chance) -> LogRecord {
    const LEVELS: [&str; 4] = ["info", "warn", "info", "error"];
    let level = LEVELS[index / 4 % 4];
    let cart = chance.below(1_000_000);
    let path = match index % 4 {
        0 => "/healthz".to_owned(),
        _ => format!("/v2/carts/{cart}/items"),
    };
    let (status, took) = (200 + 100 * chance.below(4), chance.below(90_000));
    let user = chance.next();
    let body = format!(
        r#"{{"level":"{level}","msg":"request served","method":"POST","path":"{path}","status":{status},"took_us":{took},"user":{{"id":"{user:016x}","plan":"gold"}},"tags":["eu","web"]}}"#
    );
    LogRecord {
        time_unix_nano: TIME + chance.next() % 1_000_000_000,
        body: Some(any(Value::StringValue(body))),
        attributes: vec![
            text("log.file.name", "shop.log".to_owned()),
            text("log.iostream", "stdout".to_owned()),
            text("k8s.pod.name", format!("shop-{}", chance.below(20))),
        ],
        ..Default::default()
    }
}

/// An export request of `count` points, 50 a metric, about 200 bytes each. One metric in five is of the JVM.
pub(crate) fn metrics(count: usize) -> Bytes {
    const POINTS: usize = 50;
    let mut chance = Chance::of(1);
    let metrics = (0..count.div_ceil(POINTS)).map(|index| metric(index, POINTS, &mut chance));
    let scope_metrics = vec![ScopeMetrics { metrics: metrics.collect(), ..Default::default() }];
    let resource = Some(resource(0));
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

fn metric(index: usize, points: usize, chance: &mut Chance) -> Metric {
    let name = match index % 5 {
        0 => "jvm.gc.duration".to_owned(),
        _ => format!("http.server.requests.{index}"),
    };
    let point = |point: usize| NumberDataPoint {
        attributes: vec![
            text("http.route", format!("/v2/carts/{}", point % 5)),
            text("cluster", "eu-central-1".to_owned()),
            text("k8s.pod.name", format!("shop-{}", point % 10)),
            attribute("http.response.status_code", Value::IntValue(200)),
        ],
        start_time_unix_nano: TIME,
        time_unix_nano: TIME + 60_000_000_000,
        value: Some(Number::AsInt(chance.below(10_000))),
        ..Default::default()
    };
    let data = Data::Sum(Sum {
        data_points: (0..points).map(point).collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    });
    Metric { name, unit: "1".to_owned(), data: Some(data), ..Default::default() }
}
