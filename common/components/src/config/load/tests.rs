//! Whole configurations through the whole road: exact error lines, and Collector configurations.

use std::collections::HashMap;

use super::*;
use crate::config::catalog::{Class, Kind, OwnSection, Stability, any_keys, nothing_more};
use crate::config::otlp_exporter::OtlpExporter;
use crate::config::shared::SHARED;

const OWN: &[Kind] = &[
    Kind::stable(Class::Connector, "loop", any_keys),
    Kind::stable(Class::Connector, "count", any_keys)
        .carrying(&[otlp::Signal::Traces])
        .giving(&[otlp::Signal::Metrics]),
    Kind::elsewhere(Class::Exporter, "store", "medulla-gateway"),
];
const CATALOG: Catalog = Catalog {
    kinds: &[SHARED, OWN],
    sections: &[
        OwnSection { name: "limits", stability: Stability::Stable, check: any_keys },
        OwnSection { name: "reflex", stability: Stability::NotBuiltIn, check: any_keys },
    ],
    check_whole: nothing_more,
};

struct Fixture {
    files: HashMap<&'static str, &'static str>,
    variables: HashMap<&'static str, &'static str>,
}

impl Sources for Fixture {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|text| (*text).to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.files.get(path).map(|text| (*text).to_owned()).ok_or("not found".to_owned())
    }
}

pub(super) fn load_text(text: &str) -> Result<Loaded, Vec<Error>> {
    let none = Fixture { files: HashMap::new(), variables: HashMap::new() };
    load(&[format!("yaml:{text}")], "", &none, &CATALOG)
}

pub(super) fn lines(errors: &[Error]) -> Vec<String> {
    errors.iter().map(|error| error.to_string().split_once(": ").unwrap().1.to_owned()).collect()
}

/// Adds what a valid configuration needs besides `text`.
pub(super) fn with_pipeline(text: &str) -> String {
    let rest = "
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}";
    let mut whole = text.to_owned();
    for (section, body) in
        [("receivers:", "{otlp: {protocols: {grpc: }}}"), ("exporters:", "{debug: }")]
    {
        if !text.lines().any(|line| line.starts_with(section)) {
            whole.push_str(&format!("\n{section} {body}"));
        }
    }
    if !text.lines().any(|line| line.starts_with("service:")) {
        whole.push_str(rest);
    }
    whole
}

#[track_caller]
pub(super) fn check(text: &str, expect: &[&str]) {
    let text = with_pipeline(text);
    let errors = load_text(&text).map(|loaded| loaded.config.pipelines.len());
    assert_eq!(lines(&errors.expect_err("the configuration is bad")), expect, "{text}");
}

#[test]
fn the_smallest_configuration_loads() {
    let loaded = load_text(&with_pipeline("")).expect("valid");
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.pipelines[0].name, "traces");
    assert_eq!(loaded.config.telemetry.metrics_addresses[0].to_string(), "localhost:8888");
    assert_eq!(loaded.config.memory.budget_bytes, 64 << 20);
}

#[test]
fn an_error_names_file_path_code_and_the_nearest_name() {
    let files = HashMap::from([("a.yaml", "receivers: {otlp: {protocols: {gprc: {}}}}")]);
    let fixture = Fixture { files, variables: HashMap::new() };
    let errors = load(&["a.yaml".to_owned()], "", &fixture, &CATALOG).unwrap_err();
    let lines: Vec<String> = errors.iter().map(Error::to_string).collect();
    assert_eq!(
        lines,
        [
            "a.yaml: receivers.otlp.protocols: missing: nothing found, expected grpc, http or both",
            "a.yaml: receivers.otlp.protocols.gprc: unknown_key: unknown key, expected one of grpc, \
             http; did you mean grpc?",
            "a.yaml: service.pipelines: missing: nothing found, expected at least one pipeline",
        ]
    );
}

#[test]
fn components_that_are_not_there() {
    check(
        "exporters: {debg: , filelog: , kafka/x: {brokers: [a]}, store: , debug: }",
        &[
            "exporters.debg: unknown_component: no exporter \"debg\", expected one of clickhouse, \
             debug, elasticsearch, file, jaeger, kafka, loadbalancing, otlp_grpc, otlp_http, \
             prometheus, prometheus_remote_write; did you mean debug?",
            "exporters.filelog: unknown_component: no exporter \"filelog\", expected one of \
             clickhouse, debug, elasticsearch, file, jaeger, kafka, loadbalancing, otlp_grpc, \
             otlp_http, prometheus, prometheus_remote_write",
            "exporters.kafka/x: not_built_in: exporter kafka: not built in yet",
            "exporters.store: not_built_in: exporter store: not built in here, it is part of \
             medulla-gateway",
        ],
    );
}

#[test]
fn sections_and_keys_that_are_not_there() {
    check(
        "reciever: {}\nlimits: {anything: 1}\nreflex: {mode: act}",
        &[
            "reflex: not_built_in: not built in yet",
            "reciever: unknown_key: unknown key, expected one of connectors, exporters, \
             extensions, limits, memory, processors, receivers, reflex, service; did you mean \
             receivers?",
        ],
    );
    check(
        "processors: {batch: {send_batch_sise: 5, x: 1}}",
        &[
            "processors.batch.send_batch_sise: unknown_key: unknown key, expected one of \
             metadata_cardinality_limit, metadata_keys, send_batch_max_size, send_batch_size, \
             timeout; did you mean send_batch_size?",
            "processors.batch.x: unknown_key: unknown key, expected one of \
             metadata_cardinality_limit, metadata_keys, send_batch_max_size, send_batch_size, \
             timeout",
        ],
    );
}

#[test]
fn values_of_the_wrong_kind_are_all_found() {
    check(
        "processors:
  batch: {timeout: 5, send_batch_size: -1, send_batch_max_size: many, metadata_keys: tenant}
  batch/2: {timeout: -1s, send_batch_size: 1.5, metadata_keys: [a, A, [b]]}
  batch/3: 7
  batch/4: {send_batch_size: 100, send_batch_max_size: 10}",
        &[
            "processors.batch.timeout: bad_value: 5, expected a duration such as 200ms or 1h30m",
            "processors.batch.send_batch_size: out_of_range: -1, expected 0 to 4294967295",
            "processors.batch.send_batch_max_size: wrong_type: \"many\", expected a whole number",
            "processors.batch.metadata_keys: wrong_type: \"tenant\", expected a list",
            "processors.batch/2.timeout: out_of_range: \"-1s\", expected zero or more",
            "processors.batch/2.send_batch_size: wrong_type: 1.5, expected a whole number",
            "processors.batch/2.metadata_keys[1]: bad_value: a more than once, expected once",
            "processors.batch/2.metadata_keys[2]: wrong_type: a list, expected a text",
            "processors.batch/3: wrong_type: 7, expected a mapping",
            "processors.batch/4.send_batch_max_size: out_of_range: 10, expected 0 or at least \
             send_batch_size, 100",
        ],
    );
    check(
        "memory: {budget: 64MB!, per_peer: 0, max_connections: 0}",
        &[
            "memory.budget: bad_value: \"64MB!\", expected a size such as 64MiB",
            "memory.per_peer: out_of_range: 0, expected 0.0001 to 1",
            "memory.max_connections: out_of_range: 0, expected 1 to 1000000",
        ],
    );
}

#[test]
fn receivers_say_what_is_wrong() {
    check(
        "receivers:
  otlp:
    protocols:
      grpc: {endpoint: localhost, max_recv_msg_size_mib: 9999, tls: {cert_file: x}}
      http: {endpoint: 'http://localhost:4318', max_request_body_size: 1MiB, cors: {}, include_metadata: maybe}
  otlp/off: {protocols: }",
        &[
            "receivers.otlp.protocols.grpc.tls: not_built_in: not built in yet",
            "receivers.otlp.protocols.grpc.max_recv_msg_size_mib: out_of_range: 9999, expected 0 \
             to 2047",
            "receivers.otlp.protocols.grpc.endpoint: bad_value: \"localhost\", expected an address \
             such as localhost:4317",
            "receivers.otlp.protocols.http.max_request_body_size: wrong_type: \"1MiB\", expected a \
             whole number",
            "receivers.otlp.protocols.http.endpoint: bad_value: \"http://localhost:4318\", \
             expected an address such as localhost:4317",
            "receivers.otlp.protocols.http.include_metadata: wrong_type: \"maybe\", expected true \
             or false",
            "receivers.otlp/off.protocols: missing: nothing found, expected grpc, http or both",
        ],
    );
}

#[test]
fn the_service_is_checked() {
    check(
        "service:
  extensions: [health_chek]
  telemetry:
    logs: {level: loud, sampling: {}}
    metrics: {level: all, readers: [{periodic: {}}, {pull: {exporter: {otlp: {}}}}]}
    traces: {}
  pipelines:
    traces: {receivers: [otlp, otlp], exporters: [debgu]}
    spans: {receivers: [otlp], exporters: [debug]}
    logs/: {receivers: [otlp], exporters: [debug]}
    metrics: {receivers: [], processors: batch}",
        &[
            "service.telemetry.traces: not_built_in: not built in yet",
            "service.telemetry.logs.sampling: not_built_in: not built in yet",
            "service.telemetry.logs.level: bad_value: \"loud\", expected one of debug, error, info, \
             warn",
            "service.telemetry.metrics.level: bad_value: \"all\", expected one of basic, detailed, \
             none, normal",
            "service.telemetry.metrics.readers[0].periodic: not_built_in: not built in yet",
            "service.telemetry.metrics.readers[1].pull.exporter.otlp: unknown_key: unknown key, \
             expected prometheus",
            "service.extensions[0]: undefined_reference: extension \"health_chek\" is not \
             configured",
            "service.pipelines.traces.receivers: bad_value: otlp more than once, expected once",
            "service.pipelines.traces.exporters[0]: undefined_reference: exporter \"debgu\" is not \
             configured; did you mean debug?",
            "service.pipelines.spans: bad_value: \"spans\", expected logs, metrics or traces, with \
             or without /name",
            "service.pipelines.logs/: bad_value: \"logs/\", expected logs, metrics or traces, with \
             or without /name",
            "service.pipelines.metrics.processors: wrong_type: \"batch\", expected a list",
            "service.pipelines.metrics.receivers: missing: nothing found, expected at least one",
            "service.pipelines.metrics.exporters: missing: nothing found, expected at least one",
        ],
    );
    check(
        "service: {}",
        &["service.pipelines: missing: nothing found, expected at least one pipeline"],
    );
}

#[test]
fn a_refused_component_is_reported_once() {
    check(
        "exporters: {debug: , kafka: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug, kafka]}}}",
        &["exporters.kafka: not_built_in: exporter kafka: not built in yet"],
    );
}

#[test]
fn connectors_join_pipelines() {
    let joined = |traces: &str, metrics: &str| {
        format!(
            "connectors: {{count: , loop: }}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [{traces}]}}
    metrics: {{receivers: [{metrics}], exporters: [debug]}}"
        )
    };
    let loaded = load_text(&with_pipeline(&joined("count", "count"))).expect("valid");
    assert_eq!(lines(&loaded.warnings), ["connectors.loop: unused: connector loop is not used"]);
    check(
        &joined("count", "otlp"),
        &["connectors.count: undefined_reference: connector count is used on one side, expected \
           also as a receiver"],
    );
    check(
        &joined("loop", "loop"),
        &[
            "connectors.loop: unsupported_signal: pipeline traces leads to no other through connector \
           loop, expected one that receives from it with a signal that it gives",
        ],
    );
    check(
        "connectors: {count: , debug: }
exporters: {debug: }
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [count]}
    traces: {receivers: [count], exporters: [debug]}",
        &[
            "connectors.debug: unknown_component: no connector \"debug\", expected one of count, \
             detect, forward, loop, routing, spanmetrics",
            "service.pipelines.metrics.exporters: unsupported_signal: connector count in a \
             pipeline of metrics, expected traces",
            "service.pipelines.traces.receivers: unsupported_signal: connector count in a pipeline \
             of traces, expected metrics",
            "connectors.count: unsupported_signal: pipeline metrics leads to no other through \
             connector count, expected one that receives from it with a signal that it gives",
        ],
    );
}

#[test]
fn loops_are_found() {
    check(
        "connectors: {loop/a: , loop/b: }
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [loop/a]}
    traces/1: {receivers: [loop/a, loop/b], exporters: [loop/b, debug]}
    traces/2: {receivers: [loop/b], exporters: [debug]}",
        &["service.pipelines: cycle: connectors lead back through traces/1"],
    );
}

#[test]
fn sources_merge_and_expand() {
    let files = HashMap::from([
        ("base.yaml", "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {debug: }"),
        ("over.yaml", "exporters: {otlp: {endpoint: 'http://${env:TO}'}}"),
    ]);
    let pipeline = "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp, debug]}}}";
    let variables = HashMap::from([("TO", "gateway:4317"), ("SERVICE", pipeline)]);
    let fixture = Fixture { files, variables };
    let sources = ["base.yaml", "file:over.yaml", "env:SERVICE", "yaml:memory::budget: 32MiB"];
    let loaded = load(&sources.map(str::to_owned), "", &fixture, &CATALOG).expect("valid");
    assert_eq!(loaded.config.memory.budget_bytes, 32 << 20);
    let exporter = &loaded.config.exporters[1];
    assert_eq!((exporter.kind.name, exporter.id.as_str()), ("otlp_grpc", "otlp"));
    let settings = exporter.read(OtlpExporter::read_grpc);
    assert_eq!(settings.target.expect("valid").to_string(), "http://gateway:4317");

    let bad = ["none.yaml", "http://h/c", "env:NONE", "yaml:[1]"];
    let errors = load(&bad.map(str::to_owned), "", &fixture, &CATALOG).expect_err("bad");
    let lines: Vec<String> = errors.iter().map(Error::to_string).collect();
    assert_eq!(
        lines,
        [
            "none.yaml: (document): unreadable: not found",
            "http://h/c: (document): not_built_in: scheme http is not built in yet, expected env, \
             file or yaml",
            "env:NONE: (document): unreadable: variable \"NONE\" is not set",
            "(yaml): (document): wrong_type: a list, expected a mapping",
        ]
    );
}

#[test]
fn errors_stay_on_one_line() {
    check(
        "exporters: {debug: {verbosity: \"a\\nb\", \"x\\ny\": 1}}",
        &[
            "exporters.debug.verbosity: bad_value: \"a\\nb\", expected one of basic, detailed, \
             normal",
            "exporters.debug.x\\ny: unknown_key: unknown key, expected one of loglevel, \
             output_paths, sampling_initial, sampling_thereafter, sending_queue, \
             use_internal_logger, verbosity",
        ],
    );
}

#[test]
fn components_are_listed() {
    let list = CATALOG.to_json();
    let list = list.as_array().expect("a list");
    let otlp = list.iter().find(|kind| kind["name"] == "otlp_grpc").expect("listed");
    assert_eq!(
        otlp.to_string(),
        "{\"class\":\"exporter\",\"name\":\"otlp_grpc\",\"aliases\":[\"otlp\"],\"stability\":\
         \"stable\",\"signals\":[\"traces\",\"metrics\",\"logs\"],\"settles_early\":false}"
    );
    assert!(list.iter().all(|kind| kind["name"] != "store"));
    assert!(list.iter().any(|kind| kind["stability"] == "not built in"));
}

#[test]
fn a_reload_sees_what_changed() {
    let load = |text: &str| load_text(&with_pipeline(text)).expect("valid").config;
    let one = load("processors: {batch: {timeout: 1s}}");
    let moved = load("\n\nprocessors:\n  batch:\n    timeout: 1s\n");
    let changed = load("processors: {batch: {timeout: 2s}}");
    assert_eq!(one.processors, moved.processors);
    assert_ne!(one.processors, changed.processors);
}

#[test]
fn hostile_sizes_are_refused_in_time() {
    let keys: String = (0..50_000).map(|n| format!(" endpoin{n}: 1\n")).collect();
    let errors = load_text(&with_pipeline(&format!("memory:\n{keys}"))).expect_err("bad");
    assert_eq!(errors.len(), crate::config::error::MAX_ERRORS + 1);
    assert!(lines(&errors).last().is_some_and(|line| line.ends_with("the rest is left out")));

    let many: String = (0..300).map(|n| format!(" otlp/{n}: \n")).collect();
    check(
        &format!("receivers:\n otlp: {{protocols: {{grpc: }}}}\n{many}"),
        &["receivers: too_large: 301, expected at most 256"],
    );
    let many: String = (0..300).map(|n| format!("  traces/{n}: \n")).collect();
    check(
        &format!("service:\n pipelines:\n{many}"),
        &["service.pipelines: too_large: 300, expected at most 256"],
    );
    let list = vec!["otlp"; 20_000].join(", ");
    let text = format!("service: {{pipelines: {{traces: {{receivers: [{list}]}}}}}}");
    assert!(load_text(&with_pipeline(&text)).is_err());
}

#[test]
fn a_bad_reference_and_a_duplicate_hide_nothing_else() {
    check(
        "receivers: {otlp: {protocols: '${file:/protocols.yaml}'}}
exporters:
  debug: {verbosity: basic, verbosity: normal}
  otlp_http: {endpoint: '${http://h}', timeout: x}
  file: {path: '${env:a b}'}
processors: {batch: '${file:/b.yaml}', batch/2: {metadata_keys: '${file:/k}', timeout: y}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug, otlp_http, file]}
    logs: {receivers: '${file:/r}', processors: otlp, exporters: debug}",
        &[
            "exporters.debug.verbosity: duplicate_key: \"verbosity\" again in line 3",
            "receivers.otlp.protocols: expansion: file \"/protocols.yaml\": not found",
            "exporters.otlp_http.endpoint: expansion: scheme \"http\", expected one of env, file, \
             yaml",
            "exporters.file.path: expansion: \"a b\", expected a variable's name",
            "processors.batch: expansion: file \"/b.yaml\": not found",
            "processors.batch/2.metadata_keys: expansion: file \"/k\": not found",
            "service.pipelines.logs.receivers: expansion: file \"/r\": not found",
            "processors.batch/2.timeout: bad_value: \"y\", expected a duration such as 200ms or \
             1h30m",
            "exporters.otlp_http.timeout: bad_value: \"x\", expected a duration such as 200ms or \
             1h30m",
            "service.pipelines.logs.processors: wrong_type: \"otlp\", expected a list",
            "service.pipelines.logs.exporters: wrong_type: \"debug\", expected a list",
        ],
    );
}

#[test]
fn what_is_of_the_wrong_type_is_not_missing_too() {
    check(
        "receivers: {otlp: {protocols: 5}, otlp/2: 5}
exporters: {debug: , file: {path: [x]}, file/2: {path: ''}, file/3: }",
        &[
            "receivers.otlp.protocols: wrong_type: 5, expected a mapping",
            "receivers.otlp/2: wrong_type: 5, expected a mapping",
            "exporters.file.path: wrong_type: a list, expected a text",
            "exporters.file/2.path: missing: nothing found, expected a non-empty text",
            "exporters.file/3.path: missing: nothing found, expected a text",
        ],
    );
}

#[test]
fn the_system_reads_bounded_text_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("ok"), "a: 1\n").expect("written");
    std::fs::write(path("long"), vec![b'#'; 3 * MAX_TEXT_BYTES]).expect("written");
    std::fs::write(path("binary"), [0xff, 0xfe, 0x00]).expect("written");
    assert_eq!(System.file(&path("ok")), Ok("a: 1\n".to_owned()));
    assert_eq!(System.file(&path("long")).map(|text| text.len()), Ok(MAX_TEXT_BYTES + 1));
    assert!(System.file(&path("binary")).is_err() && System.file(&path("none")).is_err());
    assert_eq!(System.variable("MEDULLA_A_VARIABLE_THAT_NOBODY_SETS"), None);
}
