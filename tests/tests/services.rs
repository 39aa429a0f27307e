//! Promise: a rule over a service is judged by every span that arrives, also by those that a sampler drops, and
//! switches a feature off and on again.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Process, Signal, peers, wait_until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use serde_json::Value as Json;
use tempfile::TempDir;

const BEGIN_NS: u64 = 1_700_000_000_000_000_000;
const FLAGS: &str = r#"{"flags": {"recommendations":
    {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}"#;

fn config(flags: &str) -> String {
    format!(
        "
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }} }} }} }}
processors: {{ probabilistic_sampler: {{ sampling_percentage: 0 }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  feature_flags: {{ file: {flags}, base: {flags}.base }}
  rules:
    - name: shed-feature
      when: service[\"checkout\"].error_ratio > 0.5 and service[\"checkout\"].requests_per_s > 1
      clear_for: 1s
      mode: act
      then: [ degrade: {{ feature: recommendations, variant: \"off\", for: 5s }} ]
    - name: nobody
      when: service[\"nobody\"].latency_p50 > Duration(\"1ms\")
      then: [ alert: {{ message: never }} ]
service:
  pipelines: {{ traces: {{ receivers: [otlp], processors: [probabilistic_sampler], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

/// One server span of a service.
fn span(service: &str, fails: bool) -> Vec<u8> {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![9; 8],
        kind: 2,
        start_time_unix_nano: BEGIN_NS,
        end_time_unix_nano: BEGIN_NS + 5_000_000,
        status: Some(Status { code: if fails { 2 } else { 0 }, ..Status::default() }),
        ..Span::default()
    };
    let value = Some(AnyValue { value: Some(Value::StringValue(service.to_owned())) });
    let name = KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() };
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Sends until this holds, for a minute at most.
async fn send_until(
    agent: &mut Medulla,
    fails: bool,
    what: &str,
    holds: impl Fn(&Medulla) -> bool,
) {
    let mut client = agent.http().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds(agent) {
        assert!(Instant::now() < deadline, "waited a minute until {what}");
        for (service, fails) in [("checkout", fails), ("other", !fails)] {
            let answer = client.export(Signal::Traces, span(service, fails)).await;
            assert!(answer.is_success(), "{answer:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the flag has for targeting.
fn targeting(flags: &std::path::Path) -> Option<Json> {
    let text = std::fs::read_to_string(flags).ok()?;
    let file: Json = serde_json::from_str(&text).expect("the file is whole at any time");
    file["flags"]["recommendations"].get("targeting").cloned()
}

/// A folder with the base of the flags, and where the agent is to write its own.
fn flag_files() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    // The agent of a keeper that is root has an account of its own.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("it is ours");
    std::fs::write(folder.path().join("flags.json.base"), FLAGS).expect("a base file");
    let flags = folder.path().join("flags.json");
    (folder, flags)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_loses_a_feature_and_gets_it_back() {
    let (_folder, flags) = flag_files();
    let mut agent = Medulla::agent(&config(&flags.to_string_lossy()));
    send_until(&mut agent, false, "the windows are full", Medulla::is_warm).await;
    assert_eq!(targeting(&flags), None, "a healthy service keeps its feature");
    let off = |_: &Medulla| targeting(&flags).is_some_and(|rule| rule.to_string().contains("off"));
    send_until(&mut agent, true, "the feature is off", off).await;
    let on = |_: &Medulla| targeting(&flags).is_none();
    send_until(&mut agent, false, "the feature is on", on).await;
    let top = agent.view().to_string();
    assert!(top.contains(r#"service[\"checkout\"].requests_per_s"#), "{top}");
    assert!(!top.contains(r#"service[\"other\"]"#), "only what rules look at is counted");
}

/// The end of a degradation is in the file itself: an evaluator sees the feature again when the agent is dead.
#[tokio::test(flavor = "multi_thread")]
async fn an_evaluator_of_flagd_sees_the_feature_off_and_on_again_after_a_kill() {
    if !peers::are_wanted(&["python3"]) {
        return;
    }
    let python = peers::python("flagd", &["openfeature-provider-flagd==0.6.1"]).join("bin/python");
    let (_folder, flags) = flag_files();
    let mut agent = Medulla::agent(&config(&flags.to_string_lossy()));
    send_until(&mut agent, false, "the windows are full", Medulla::is_warm).await;
    wait_until("the file is there", || flags.is_file());
    let script = peers::source("flagd_evaluator.py");
    let mut evaluator = Command::new(python);
    let mut evaluator = Process::start(evaluator.arg(script).arg(&flags).arg("recommendations"));
    let seen = |log: &str| log.lines().map(str::to_owned).collect::<Vec<_>>();
    evaluator.wait_for("feature", |line| (line == "variant on").then_some(()));
    let off = |_: &Medulla| targeting(&flags).is_some_and(|rule| rule.to_string().contains("off"));
    send_until(&mut agent, true, "the feature is off", off).await;
    evaluator.wait_for("degradation", |line| (line == "variant off").then_some(()));
    agent.kill();
    let all = ["variant on", "variant off", "variant on"];
    wait_until("the feature is back", || seen(&evaluator.log()) == all);
    assert!(off(&agent), "nobody has touched the file");
}
