//! Whole configurations through the whole road: exact error lines, and Collector configurations.

use std::collections::HashMap;

use super::*;
use crate::config::catalog::{Class, Kind, OwnSection, Stability, any_keys};
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

fn load_text(text: &str) -> Result<Loaded, Vec<Error>> {
    let none = Fixture { files: HashMap::new(), variables: HashMap::new() };
    load(&[format!("yaml:{text}")], "", &none, &CATALOG)
}

fn lines(errors: &[Error]) -> Vec<String> {
    errors.iter().map(|error| error.to_string().split_once(": ").unwrap().1.to_owned()).collect()
}

/// Adds what a valid configuration needs besides `text`.
fn with_pipeline(text: &str) -> String {
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
fn check(text: &str, expect: &[&str]) {
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
