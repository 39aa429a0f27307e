//! Promise: anomalies that agents send are found in the gateway's store, and nothing else with them.

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;

fn config() -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
exporters: {{ store: {{}} }}
store: {{}}
query: {{ listen: 127.0.0.1:0 }}
service:
  pipelines: {{ logs: {{ receivers: [otlp], exporters: [store] }} }}
{TELEMETRY}"
    )
}

fn record(event: &str, series: &str) -> LogRecord {
    let value = Some(AnyValue { value: Some(Value::StringValue(series.to_owned())) });
    LogRecord {
        event_name: event.to_owned(),
        time_unix_nano: 1_700_000_000_000_000_000,
        attributes: vec![KeyValue {
            key: "medulla.series".to_owned(),
            value,
            ..KeyValue::default()
        }],
        ..LogRecord::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anomalies_are_found_and_nothing_else() {
    let mut gateway = Medulla::gateway(&config());
    let log_records = vec![
        record("medulla.anomaly", "port[1].latency_p50"),
        record("medulla.decision", "port[1].latency_p50"),
        record("medulla.anomaly", "port[2].latency_p50"),
        record("", "port[3].latency_p50"),
    ];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let answer = gateway.http().await.export(Signal::Logs, body).await;
    assert!(answer.is_success(), "{answer:?}");
    let address = gateway.address("query").to_string();
    let ask = |more: &[&str]| {
        let fixed =
            ["query", "anomalies", "--start", "2023-11-14T00:00:00Z", "--address", &address];
        let output = gateway.ask(&[&fixed[..], more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let all = ask(&[]);
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.contains("port[1]") && all.contains("port[2]"), "{all}");
    let one = ask(&["--where", "attributes[\"medulla.series\"] == \"port[2].latency_p50\""]);
    assert_eq!(one.lines().count(), 1, "{one}");
}
