//! Pages against sorting everything at once.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as AnyKind};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use ottl::{Compiler, Functions, Purpose};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::store::{Store, StoreSettings};

fn resource(service: &str) -> Option<Resource> {
    let value = Some(AnyValue { value: Some(AnyKind::StringValue(service.into())) });
    let name = KeyValue { key: "service.name".into(), value, ..Default::default() };
    Some(Resource { attributes: vec![name], ..Default::default() })
}

/// A request of records, each of a service of its own and with a number.
fn logs(records: &[(u64, u8, u32)]) -> Bytes {
    let resource_logs = records.iter().map(|(time, service, number)| ResourceLogs {
        resource: resource(&format!("s{service}")),
        scope_logs: vec![ScopeLogs {
            log_records: vec![LogRecord {
                // Half of the records only say when they were observed.
                time_unix_nano: if number % 2 == 0 { *time } else { 0 },
                observed_time_unix_nano: *time,
                severity_text: number.to_string(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec().into()
}

/// The numbers of the records of a page, with their services.
fn numbers(page: &Page) -> Vec<(String, u32)> {
    let request = ExportLogsServiceRequest::decode(&page.request[..]).expect("sound");
    let mut found = Vec::new();
    for resource in request.resource_logs {
        let service = resource.resource.expect("kept").attributes.remove(0).value;
        let Some(AnyKind::StringValue(service)) = service.and_then(|it| it.value) else {
            panic!("a name")
        };
        let records = resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
        found.extend(
            records
                .map(|record| (service.clone(), record.severity_text.parse().expect("a number"))),
        );
    }
    found
}

fn query(signal: Signal, limit: usize) -> RecordQuery {
    let all = 0..=u64::MAX;
    RecordQuery { signal, times_ns: all, service: None, condition: None, limit, after: None }
}

fn condition(context: Otlp, text: &str) -> Option<Condition<Otlp>> {
    let functions = Functions::new(&context, Purpose::Filter, true);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    Some(compiler.condition(text).expect("a condition"))
}

fn open(folder: &tempfile::TempDir) -> Arc<Store> {
    let settings = StoreSettings {
        path: folder.path().to_owned(),
        fallback: None,
        retention: Duration::from_secs(3600),
        max_bytes: 64 << 20,
    };
    Store::open(settings).expect("a store")
}

/// Follows the pages to their end.
async fn all_pages(store: &Store, make: impl Fn() -> RecordQuery) -> Vec<(String, u32)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let limit = make().limit;
        let page = store.records(RecordQuery { after, ..make() }).await.expect("a page");
        let here = numbers(&page);
        assert!(here.len() <= limit);
        found.extend(here);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn pages_are_the_sorted_whole(
        batches in proptest::collection::vec(
            proptest::collection::vec((1u64..30, 0u8..3), 1..8), 1..6),
        limit in 1usize..9,
        (from, span) in (0u64..20, 0u64..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = open(&folder);
            let (mut expected, mut number) = (Vec::new(), 0);
            for (batch, records) in batches.iter().enumerate() {
                let mut numbered = Vec::new();
                for (index, (time, service)) in records.iter().enumerate() {
                    numbered.push((*time, *service, number));
                    expected.push(((*time, batch, index), *service, number));
                    number += 1;
                }
                let bodies = vec![logs(&numbered)];
                store.write(Signal::Logs, bodies, SystemTime::now()).await.expect("stored");
            }
            expected.sort_unstable_by_key(|(key, ..)| std::cmp::Reverse(*key));
            let times = from..=from + span;
            let of = |wanted: &dyn Fn(u64, u8, u32) -> bool| -> Vec<(String, u32)> {
                let rows = expected.iter().filter(|((time, ..), service, number)| {
                    times.contains(time) && wanted(*time, *service, *number)
                });
                rows.map(|(_, service, number)| (format!("s{service}"), *number)).collect()
            };
            let plain = || RecordQuery { times_ns: times.clone(), ..query(Signal::Logs, limit) };
            assert_eq!(all_pages(&store, plain).await, of(&|_, _, _| true));
            let service = || RecordQuery { service: Some("s1".into()), ..plain() };
            assert_eq!(all_pages(&store, service).await, of(&|_, service, _| service == 1));
            let text = "Int(severity_text) >= 5 and resource.attributes[\"service.name\"] != \"s0\"";
            let both = || RecordQuery { condition: condition(Otlp::Log, text), ..plain() };
            assert_eq!(
                all_pages(&store, both).await,
                of(&|_, service, number| number >= 5 && service != 0)
            );
        });
    }
}

#[tokio::test]
async fn a_point_keeps_the_metric_around_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let point = |time, value| NumberDataPoint {
        time_unix_nano: time,
        value: Some(number_data_point::Value::AsInt(value)),
        ..Default::default()
    };
    let sum = |points| Sum { data_points: points, aggregation_temporality: 2, is_monotonic: true };
    let request = |points| ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource("shop"),
            schema_url: "schema".into(),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![Metric {
                    name: "orders".into(),
                    unit: "1".into(),
                    data: Some(metric::Data::Sum(sum(points))),
                    ..Default::default()
                }],
                ..Default::default()
            }],
        }],
    };
    let whole = request(vec![point(1, 10), point(2, 20), point(3, 30), point(0, 40)]);
    let received = SystemTime::UNIX_EPOCH + Duration::from_nanos(2);
    let now = SystemTime::now();
    store.write(Signal::Metrics, vec![whole.encode_to_vec().into()], now).await.expect("stored");
    let other = request(vec![point(0, 50)]).encode_to_vec();
    store.write(Signal::Metrics, vec![other.into()], received).await.expect("stored");
    let text = "value_int > 10 and metric.name == \"orders\"";
    let wanted = || RecordQuery {
        times_ns: 0..=3,
        condition: condition(Otlp::DataPoint, text),
        ..query(Signal::Metrics, 10)
    };
    let page = store.records(wanted()).await.expect("a page");
    let read = ExportMetricsServiceRequest::decode(&page.request[..]).expect("sound");
    // A point without a time is from when it arrived.
    assert_eq!(read, request(vec![point(3, 30), point(0, 50), point(2, 20)]));
    assert_eq!(page.next, None);
}
