//! What single statements of everyday use cost on logs and metrics; without goals.

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{Entry, ErrorMode, Group, Runner, filter, transform};
use medulla_ottl::{Program, Time};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use otlp::Signal;
use prost::Message as _;

use crate::request::{attribute, text};
use crate::{Bound, row, time};

const RECORDS: usize = 1000;
const POINTS: usize = 50;
const ROUNDS: usize = 300;

/// A name and what has it.
type Named = (&'static str, &'static str);

const DROPS_LOGS: [Named; 2] = [
    ("drop by pattern", r#"IsMatch(log.body, "/healthz")"#),
    ("drop by severity", "log.severity_number < SEVERITY_NUMBER_INFO"),
];

const LOGS: [Named; 12] = [
    ("set by pattern", r#"set(log.attributes["parsed"], true) where IsMatch(log.body, "^\\{")"#),
    ("JSON to attributes", r#"merge_maps(log.attributes, ParseJSON(log.body), "upsert")"#),
    ("JSON to cache", r#"merge_maps(log.cache, ParseJSON(log.body), "upsert")"#),
    ("JSON to body", "set(log.body, ParseJSON(log.body))"),
    ("upper case", r#"set(log.severity_text, ConvertCase(log.attributes["level"], "upper"))"#),
    (
        "severity by level",
        r#"set(log.severity_number, SEVERITY_NUMBER_ERROR) where log.attributes["level"] == "error""#,
    ),
    (
        "replace in one attribute",
        r#"replace_pattern(log.attributes["path"], "/carts/\\d+", "/carts/{id}")"#,
    ),
    (
        "replace in all attributes",
        r#"replace_all_patterns(log.attributes, "value", "\\d{4,}", "N")"#,
    ),
    (
        "groups to attributes",
        r#"merge_maps(log.attributes, ExtractPatterns(log.body, "path\":\"(?P<route>[^\"]+)\".*status\":(?P<status>\\d+)"), "upsert")"#,
    ),
    (
        "join two attributes",
        r#"set(log.attributes["line"], Concat([log.attributes["level"], log.attributes["path"]], " "))"#,
    ),
    ("SHA-256 of the body", r#"set(log.attributes["hash"], SHA256(log.body))"#),
    ("truncate all attributes", "truncate_all(log.attributes, 64)"),
];

const METRICS: [Named; 5] = [
    ("rename a metric of 50", r#"set(metric.name, Concat(["shop", metric.name], "."))"#),
    (
        "add up by two labels",
        r#"aggregate_on_attributes("sum", ["http.route", "cluster"]) where metric.type == METRIC_DATA_TYPE_SUM"#,
    ),
    ("keep two labels", r#"keep_keys(datapoint.attributes, ["http.route", "cluster"])"#),
    ("set a label", r#"set(datapoint.attributes["cluster"], "eu")"#),
    ("scale a value", "set(datapoint.value_int, datapoint.value_int * 1000)"),
];

/// Measures each statement alone.
pub(crate) fn measure(only: &str) {
    let (logs, metrics) = (logs(), metrics());
    for (name, text) in DROPS_LOGS {
        let entry = Entry { conditions: vec![text.to_owned()], ..Entry::default() };
        let program = filter(Signal::Logs, &[entry], false);
        one(only, name, &program.expect("it loads"), &logs);
    }
    for (signal, texts, body) in
        [(Signal::Logs, &LOGS[..], &logs), (Signal::Metrics, &METRICS[..], &metrics)]
    {
        for (name, text) in texts {
            let statements = vec![(*text).to_owned()];
            let group = Group { statements, error_mode: ErrorMode::Propagate, ..Group::default() };
            one(only, name, &transform(signal, &[group], false).expect("it loads"), body);
        }
    }
}

fn one(only: &str, name: &str, program: &Program, body: &Bytes) {
    let name = format!("ottl daily, {name}, per record");
    if !name.contains(only) {
        return;
    }
    let (mut runner, request) = (Runner::default(), Request::default());
    let now = Time::from_unix_nano(1_700_000_000_000_000_000);
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        best = best.min(time(|| {
            drop(program.run(&mut runner, body, &request, &now).expect("it runs"));
        }));
    }
    row(&name, (1e9 * best / RECORDS as f64).round(), "ns", Bound::None);
}

fn logs() -> Bytes {
    let log = |index: usize| {
        let level = ["info", "warn", "info", "error"][index % 4];
        let path = format!("/v2/carts/{}/items", 7919 * index);
        let body = format!(
            r#"{{"level":"{level}","msg":"request served","method":"POST","path":"{path}","status":200,"took_us":{index},"user":{{"id":"{index:016x}","plan":"gold"}},"tags":["eu","web"]}}"#
        );
        LogRecord {
            time_unix_nano: 1_700_000_000_000_000_000 + index as u64,
            severity_number: 9,
            body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
            attributes: vec![
                text("log.file.name", "shop.log"),
                text("k8s.pod.name", &format!("shop-{}", index % 20)),
                text("level", level),
                text("path", &path),
            ],
            ..Default::default()
        }
    };
    let log_records = (0..RECORDS).map(log).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

fn metrics() -> Bytes {
    let point = |index: usize| NumberDataPoint {
        attributes: vec![
            text("http.route", &format!("/v2/carts/{}", index % 5)),
            text("cluster", "eu-central-1"),
            text("k8s.pod.name", &format!("shop-{}", index % 10)),
            attribute("http.response.status_code", Value::IntValue(200)),
        ],
        time_unix_nano: 1_700_000_000_000_000_000,
        value: Some(Number::AsInt(index as i64)),
        ..Default::default()
    };
    let metric = |index: usize| Metric {
        name: format!("http.server.requests.{index}"),
        data: Some(Data::Sum(Sum {
            data_points: (0..POINTS).map(point).collect(),
            aggregation_temporality: 2,
            is_monotonic: true,
        })),
        ..Default::default()
    };
    let metrics = (0..RECORDS / POINTS).map(metric).collect();
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}
