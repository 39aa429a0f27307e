//! Trees made of the dialect's own words, in wrong places: nothing panics, every failure says
//! something on one line, and what loads can be printed and loaded again.

use proptest::prelude::*;

use super::tests::load_text;
use crate::config::to_yaml;

const WORDS: &[&str] = &[
    "receivers",
    "processors",
    "connectors",
    "exporters",
    "extensions",
    "service",
    "memory",
    "limits",
    "pipelines",
    "telemetry",
    "otlp",
    "otlp/2",
    "batch",
    "debug",
    "file",
    "loop",
    "count",
    "health_check",
    "protocols",
    "grpc",
    "http",
    "endpoint",
    "tls",
    "insecure",
    "headers",
    "traces",
    "metrics",
    "logs",
    "readers",
    "pull",
    "exporter",
    "prometheus",
    "level",
    "timeout",
    "sending_queue",
    "retry_on_failure",
    "queue_size",
    "enabled",
    "<<",
    "x",
    "",
];

fn leaf() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(WORDS).prop_map(str::to_owned);
    let odd = proptest::sample::select(
        &["", "null", "true", "-1", "1.5", "1e99", "10s", "64MiB", "'a:1'", "'http://h:1/'", "'$'"]
            [..],
    );
    prop_oneof![word, odd.prop_map(str::to_owned), "[a-z0-9]{0,8}"]
}

fn tree() -> impl Strategy<Value = String> {
    leaf().prop_recursive(6, 64, 6, |inner| {
        let key = proptest::sample::select(WORDS).prop_map(|word| format!("'{word}'"));
        let entry = (key, inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
        prop_oneof![
            proptest::collection::vec(entry, 0..6)
                .prop_map(|all| format!("{{{}}}", all.join(", "))),
            proptest::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(", "))),
        ]
    })
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match load_text(text) {
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            for error in errors {
                let line = error.to_string();
                prop_assert!(
                    !line.contains('\n') && line.contains(error.code.as_str()),
                    "{}",
                    line
                );
            }
        }
        Ok(loaded) => {
            let printed = to_yaml(&loaded.config.tree);
            let again = load_text(&printed).map(|loaded| loaded.config.pipelines);
            prop_assert_eq!(again, Ok(loaded.config.pipelines), "{}", printed);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn words_in_wrong_places(text in tree()) {
        check(&text)?;
    }

    // The frame is right, so that the walk gets deep.
    #[test]
    fn wrong_words_in_the_right_frame(receiver in tree(), exporter in tree(), service in tree()) {
        check(&format!(
            "receivers: {{otlp: {{protocols: {{grpc: {receiver}, http: }}}}}}
exporters: {{debug: , otlp: {exporter}}}
service: {{telemetry: {service}, pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}}}"
        ))?;
    }
}
