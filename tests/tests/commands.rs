//! Promise: `validate`, `print-config` and `components` answer by the contract: every error at once,
//! one per line, status 2, nothing else on stderr.

use medulla_tests::Medulla;

const GOOD: &str = "
receivers: { otlp: { protocols: { http: } } }
exporters: { debug: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }
";

#[test]
fn validate_tells_every_error() {
    let bad = "
receivers: { otlp: { protocols: { http: { endpiont: x } } }, otpl: }
exporters: { debug: { verbosity: loud }, kafka: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug, nothing] } } }
";
    for name in ["medulla-gateway", "medulla-agent"] {
        let output = Medulla::command(name, GOOD, &["validate", "--config", "config.yaml"]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let output = Medulla::command(name, bad, &["validate", "--config", "config.yaml"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines.len(), 5, "{stderr}");
        assert!(lines.iter().all(|line| line.starts_with("config.yaml: ")), "{stderr}");
        for part in [
            "receivers.otlp.protocols.http.endpiont: unknown_key: ",
            "did you mean endpoint?",
            "did you mean otlp?",
            "exporters.debug.verbosity: ",
            "exporters.kafka: not_built_in: exporter kafka: not built in yet",
            "nothing",
        ] {
            assert!(stderr.contains(part), "{part} in {stderr}");
        }
    }
}

#[test]
fn the_built_in_default_is_valid_and_printed() {
    for name in ["medulla-gateway", "medulla-agent"] {
        let output = Medulla::command(name, "", &["validate"]);
        assert!(output.status.success(), "{output:?}");
        let output = Medulla::command(name, "", &["print-config"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let again = Medulla::command(name, &text, &["print-config", "--config", "config.yaml"]);
        assert_eq!(String::from_utf8_lossy(&again.stdout), text, "what is printed reads the same");
    }
}

#[test]
fn components_are_listed_for_machines() {
    let output = Medulla::command("medulla-gateway", "", &["components", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the list is JSON");
    let find = |name: &str| {
        let list = list.as_array().expect("a list");
        list.iter().find(|kind| kind["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(find("otlp")["stability"], "stable");
    assert_eq!(find("kafka")["stability"], "not built in");
    assert_eq!(find("batch")["settles_early"], false);
}

#[test]
fn usage_errors_and_what_comes_later_end_with_two() {
    for arguments in [&["nonsense"][..], &["run", "--nonsense"], &["ottl", "--signal", "traces"]] {
        let output = Medulla::command("medulla-gateway", "", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    let output = Medulla::command("medulla-gateway", "", &["run", "--config", "missing.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("missing.yaml: "));
}
