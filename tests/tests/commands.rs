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

/// The table of the README: what either program has, and where.
fn component_table() -> String {
    let mut rows = std::collections::BTreeMap::new();
    for name in ["medulla-agent", "medulla-gateway"] {
        let output = Medulla::command(name, GOOD, &["components", "--json"]);
        let list: Vec<serde_json::Value> =
            serde_json::from_slice(&output.stdout).expect("components prints JSON");
        for kind in list.iter().filter(|kind| kind["stability"] != "not built in") {
            let text = |key: &str| kind[key].as_str().unwrap_or_default().to_owned();
            let signals = kind["signals"].as_array().into_iter().flatten();
            let signals: Vec<_> = signals.filter_map(serde_json::Value::as_str).collect();
            let row =
                format!("| {} | `{}` | {} |", text("class"), text("name"), signals.join(", "));
            let programs: &mut Vec<&str> = rows.entry(row).or_default();
            programs.push(name.trim_start_matches("medulla-"));
        }
    }
    let head = "| class | name | signals | in |\n|---|---|---|---|\n".to_owned();
    let line = |(row, programs): (String, Vec<&str>)| format!("{row} {} |\n", programs.join(", "));
    head + &rows.into_iter().map(line).collect::<String>()
}

#[test]
fn the_readme_lists_what_is_built_in() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README is there");
    let (_, rest) = readme.split_once("a test compares them -->\n").expect("the table's begin");
    let (table, _) = rest.split_once("<!-- /components -->").expect("the table's end");
    let expected = component_table();
    assert!(table == expected, "the README's table should be:\n{expected}");
}

/// A rule that counts on what is not there may come too early; it is no error, and it is said.
#[test]
fn what_a_rule_counts_on_and_is_not_there_is_a_warning() {
    let config = "
receivers: { kernel: { ports: [8080] }, reflex: }
exporters: { debug: }
reflex:
  rules:
    - name: heal
      when: port[8080].latency_p99 > Duration(\"1s\") and cgroup[\"/no/such\"].cpu.utilization > 0.5
      mode: act
      then:
        - alert: {}
        - restart: { cri: { label: app=checkout, socket: /nonexistent/cri.sock } }
        - restart: { kubernetes: { namespace: shop, selector: app=checkout } }
service: { pipelines: { logs: { receivers: [reflex], exporters: [debug] } } }
";
    let output =
        Medulla::command("medulla-agent", config, &["validate", "--config", "config.yaml"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let path = "warning: config.yaml: reflex.rules[0]";
    for line in [
        format!("{path}.when: undefined_reference: there is no cgroup \"/no/such\" now"),
        format!(
            "{path}.then[1].restart: undefined_reference: no container runtime: /nonexistent/cri.sock: no such file"
        ),
        format!(
            "{path}.then[2].restart: undefined_reference: cannot restart pods: KUBERNETES_SERVICE_HOST is not set: this agent runs in no pod"
        ),
    ] {
        assert!(said.contains(&line), "{line} in {said}");
    }
    for (good, bad, error) in [
        ("namespace: shop", "namespace: Shop", "kubernetes.namespace: bad_value: \"Shop\""),
        (
            "selector: app=checkout }",
            "selector: app=checkout, node: n2 }",
            "kubernetes.node: bad_value",
        ),
        (
            "selector: app=checkout }",
            "selector: 'a;b' }",
            "kubernetes.selector: bad_value: \"a;b\"",
        ),
        (
            "{ kubernetes:",
            "{ systemd: { unit: a }, kubernetes:",
            "expected one of cri, systemd, kubernetes",
        ),
    ] {
        let config = config.replace(good, bad);
        let output =
            Medulla::command("medulla-agent", &config, &["validate", "--config", "config.yaml"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(error), "{error} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_blind_rules_and_what_they_miss() {
    let config = format!(
        "
receivers: {{ kernel: {{ ports: [8080] }}, reflex: }}
exporters: {{ debug: }}
reflex:
  rules:
    - name: heal
      when: service[\"nobody\"].error_ratio > 0.5
      then: [ restart: {{ cri: {{ label: app=checkout, socket: /nonexistent/cri.sock }} }} ]
service:
  pipelines: {{ logs: {{ receivers: [reflex], exporters: [debug] }} }}
{}",
        medulla_tests::medulla::TELEMETRY
    );
    let agent = Medulla::agent(&config);
    let missing = "rule heal: no container runtime: /nonexistent/cri.sock: no such file";
    assert!(agent.tell("doctor").done().contains(missing));
    assert!(agent.tell("top --once").done().contains("no container runtime"));
    let blind = "rule heal is blind: no data for a minute (service[\"nobody\"].error_ratio=nil)";
    let begun = std::time::Instant::now();
    while !agent.tell("doctor").done().contains(blind) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(90), "{:?}", agent.tell("doctor"));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
