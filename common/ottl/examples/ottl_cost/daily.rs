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

const DROPS_LOGS: [&str; 2] =
    [r#"IsMatch(log.body, "/healthz")"#, r#"log.severity_number < SEVERITY_NUMBER_INFO"#];

const LOGS: [&str; 12] = [
    r#"set(log.attributes["parsed"], true) where IsMatch(log.body, "^\\{")"#,
    r#"merge_maps(log.attributes, ParseJSON(log.body), "upsert")"#,
    r#"merge_maps(log.cache, ParseJSON(log.body), "upsert")"#,
    r#"set(log.body, ParseJSON(log.body))"#,
    r#"set(log.severity_text, ConvertCase(log.attributes["level"], "upper"))"#,
    r#"set(log.severity_number, SEVERITY_NUMBER_ERROR) where log.attributes["level"] == "error""#,
    r#"replace_pattern(log.attributes["path"], "/carts/\\d+", "/carts/{id}")"#,
    r#"replace_all_patterns(log.attributes, "value", "\\d{4,}", "N")"#,
    r#"merge_maps(log.attributes, ExtractPatterns(log.body, "path\":\"(?P<route>[^\"]+)\".*status\":(?P<status>\\d+)"), "upsert")"#,
    r#"set(log.attributes["line"], Concat([log.attributes["level"], log.attributes["path"]], " "))"#,
    r#"set(log.attributes["hash"], SHA256(log.body))"#,
    r#"truncate_all(log.attributes, 64)"#,
];

const METRICS: [&str; 5] = [
    r#"set(metric.name, Concat(["shop", metric.name], "."))"#,
    r#"aggregate_on_attributes("sum", ["http.route", "cluster"]) where metric.type == METRIC_DATA_TYPE_SUM"#,
    r#"keep_keys(datapoint.attributes, ["http.route", "cluster"])"#,
    r#"set(datapoint.attributes["cluster"], "eu")"#,
    r#"set(datapoint.value_int, datapoint.value_int * 1000)"#,
];

/// Measures each statement alone.
pub(crate) fn measure(only: &str) {
    let (logs, metrics) = (logs(), metrics());
    for text in DROPS_LOGS {
        let entry = Entry { conditions: vec![text.to_owned()], ..Entry::default() };
        let program = filter(Signal::Logs, &[entry], false);
        one(only, text, &program.expect("it loads"), &logs);
    }
    for (signal, texts, body) in
        [(Signal::Logs, &LOGS[..], &logs), (Signal::Metrics, &METRICS[..], &metrics)]
    {
        for text in texts {
            let statements = vec![(*text).to_owned()];
            let group = Group { statements, error_mode: ErrorMode::Propagate, ..Group::default() };
            one(only, text, &transform(signal, &[group], false).expect("it loads"), body);
        }
    }
}

fn one(only: &str, text: &str, program: &Program, body: &Bytes) {
    let name = format!("ottl daily, per record: {text}");
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
