//! Programs over whole requests: untouched bytes, hoisted conditions, fused walks, and the examples of the
//! issue that asked for them.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{Entry, ErrorMode, Group, Outcome, Refused, Runner, filter, transform};
use medulla_ottl::{Program, Time};
use otlp::Signal;
use serde_json::{Value as Json, json};

fn bytes_of(signal: Signal, request: &Json) -> Bytes {
    let mut out = Vec::new();
    otlp::json::read_request(signal, request.to_string().as_bytes(), 1 << 24, &mut out)
        .expect("a request");
    out.into()
}

fn json_of(signal: Signal, body: &[u8]) -> Json {
    let mut out = Vec::new();
    otlp::json::write_request(signal, body, &mut out).expect("a request");
    serde_json::from_slice(&out).expect("it is JSON")
}

fn statements(signal: Signal, context: Option<&str>, texts: &[&str]) -> Program {
    let statements = texts.iter().map(|text| (*text).to_owned()).collect();
    let context = context.map(str::to_owned);
    let group = Group { context, statements, error_mode: ErrorMode::Propagate, ..Group::default() };
    transform(signal, &[group], false).expect("they load")
}

fn dropping(signal: Signal, texts: &[&str]) -> Program {
    let conditions = texts.iter().map(|text| (*text).to_owned()).collect();
    filter(signal, &[Entry { conditions, ..Entry::default() }], false).expect("they load")
}

fn run(program: &Program, body: &Bytes) -> Result<Outcome, Refused> {
    let now = Time::from_unix_nano(1_700_000_000_000_000_000);
    program.run(&mut Runner::default(), body, &Request::default(), &now)
}

/// Resources of `envs`, each with two scopes of three records.
fn logs(envs: &[&str]) -> Bytes {
    let record = |index: usize| {
        json!({"body": {"stringValue": format!("line {index}")}, "severityNumber": index,
            "attributes": [{"key": "n", "value": {"intValue": index.to_string()}},
                {"key": "a", "value": {"stringValue": "x"}}]})
    };
    let scope = |name: &str| {
        let records: Vec<Json> = (0..3).map(record).collect();
        json!({"scope": {"name": name}, "logRecords": records})
    };
    let resource = |env: &&str| {
        json!({"resource": {"attributes": [{"key": "env", "value": {"stringValue": env}}]},
            "scopeLogs": [scope("one"), scope("two")]})
    };
    let resources: Vec<Json> = envs.iter().map(resource).collect();
    bytes_of(Signal::Logs, &json!({"resourceLogs": resources}))
}

fn bodies(outcome: &Outcome) -> Vec<String> {
    let json = json_of(Signal::Logs, &outcome.body);
    let mut found = Vec::new();
    for resource in json["resourceLogs"].as_array().expect("a list") {
        for scope in resource["scopeLogs"].as_array().expect("a list") {
            for record in scope["logRecords"].as_array().expect("a list") {
                found.push(record["body"]["stringValue"].as_str().expect("a text").to_owned());
            }
        }
    }
    found
}

#[test]
fn bodies_are_hashed_where_the_resource_is_production() {
    let text = r#"set(log.body, SHA256(log.body)) where resource.attributes["env"] == "prod""#;
    let outcome = run(&statements(Signal::Logs, None, &[text]), &logs(&["dev", "prod"])).unwrap();
    let bodies = bodies(&outcome);
    assert_eq!(bodies[..3], ["line 0", "line 1", "line 2"]);
    assert!(bodies[6..].iter().all(|body| body.len() == 64), "{bodies:?}");
    assert_eq!(bodies[6], bodies[9], "the same text has the same hash");
}

#[test]
fn a_metric_is_reduced_to_two_labels() {
    let mut points = Vec::new();
    for node in 0..3 {
        for pod in 0..4 {
            let label =
                |key: &str, value: String| json!({"key": key, "value": {"stringValue": value}});
            points.push(json!({"timeUnixNano": "1700000000000000000",
                "asInt": (100 * node + pod).to_string(), "attributes": [label("cluster", "c".into()),
                label("node", format!("n{node}")), label("pod", format!("p{node}{pod}"))]}));
        }
    }
    let metric = json!({"name": "requests",
        "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points}});
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
    let text = r#"aggregate_on_attributes("sum", ["cluster", "node"])"#;
    let program = statements(Signal::Metrics, Some("metric"), &[text]);
    let outcome = run(&program, &bytes_of(Signal::Metrics, &request)).unwrap();
    let json = json_of(Signal::Metrics, &outcome.body);
    let points = json.pointer("/resourceMetrics/0/scopeMetrics/0/metrics/0/sum/dataPoints");
    let mut sums: Vec<i64> = points
        .and_then(Json::as_array)
        .unwrap()
        .iter()
        .map(|point| point["asInt"].as_str().unwrap().parse().unwrap())
        .collect();
    sums.sort_unstable();
    assert_eq!(sums, [6, 406, 806]);
}

#[test]
fn what_nobody_changes_is_the_same_bytes() {
    let body = logs(&["a", "b"]);
    for program in [
        statements(Signal::Logs, None, &[r#"set(log.attributes["z"], 1) where log.body == "no""#]),
        statements(Signal::Logs, None, &[r#"delete_key(log.attributes, "none")"#]),
        statements(Signal::Logs, None, &[r#"set(log.attributes["a"], "x")"#]),
        dropping(Signal::Logs, &[r#"log.body == "no""#, r#"resource.attributes["env"] == "c""#]),
    ] {
        let outcome = run(&program, &body).unwrap();
        assert_eq!(outcome.body.as_ptr(), body.as_ptr(), "{program}");
        assert!(!outcome.is_changed);
    }
}

#[test]
fn a_condition_on_the_resource_runs_once_per_resource() {
    let text = r#"set(log.attributes["hit"], true) where resource.attributes["env"] == "prod""#;
    let program = statements(Signal::Logs, None, &[text]);
    run(&program, &logs(&["dev", "prod", "prod"])).unwrap();
    let counted = program.counted().next().unwrap();
    assert_eq!(counted.text, text);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&counted.counters.evaluations), 3, "6 records each");
    assert_eq!(count(&counted.counters.matched), 12);
    assert_eq!(count(&counted.counters.skipped), 6);
    assert_eq!(count(&counted.counters.failed), 0);
}

#[test]
fn a_hoisted_condition_sees_what_a_statement_wrote_around_it() {
    let program = statements(
        Signal::Logs,
        None,
        &[
            r#"set(log.attributes["seen"], true) where resource.attributes["done"] == nil"#,
            r#"set(resource.attributes["done"], true) where log.severity_number == 1"#,
        ],
    );
    let outcome = run(&program, &logs(&["dev"])).unwrap();
    let json = json_of(Signal::Logs, &outcome.body).to_string();
    assert_eq!(json.matches(r#""seen""#).count(), 2, "the records before and with severity 1");
}

/// Programs of logs of every level and kind, in an order that makes some walk together.
fn programs() -> Vec<Program> {
    let edit = |text: &str| statements(Signal::Logs, None, &[text]);
    vec![
        edit(r#"set(resource.attributes["r"], "1")"#),
        edit(r#"set(scope.name, resource.attributes["r"]) where resource.attributes["r"] != nil"#),
        edit(r#"set(log.attributes["s"], scope.name) where resource.attributes["env"] == "prod""#),
        dropping(Signal::Logs, &["log.severity_number == 1"]),
        edit(r#"set(resource.attributes["last"], log.body)"#),
        edit(r#"set(log.attributes["of"], resource.attributes["last"])"#),
        edit(r#"keep_keys(log.attributes, ["of", "n"])"#),
        dropping(Signal::Logs, &[r#"resource.attributes["env"] == "dev" and scope.name == "1""#]),
    ]
}

#[test]
fn fused_programs_do_what_they_do_one_after_the_other() {
    let body = logs(&["dev", "prod", "test"]);
    for start in 0..programs().len() {
        for end in start + 1..=programs().len() {
            let mut apart = body.clone();
            for program in &programs()[start..end] {
                apart = run(program, &apart).unwrap().body;
            }
            let fused = programs().drain(start..end).reduce(Program::then).unwrap();
            let together = run(&fused, &body).unwrap().body;
            let same = json_of(Signal::Logs, &together) == json_of(Signal::Logs, &apart);
            assert!(same, "{start}..{end}\n{fused}");
        }
    }
    let fused = programs().into_iter().reduce(Program::then).unwrap();
    assert!(fused.walks() < programs().len(), "{fused}");
}

#[test]
fn failures_are_counted_refused_or_passed_over() {
    let group = |error_mode| Group {
        statements: vec![
            r#"set(log.attributes["x"], log.attributes["a"]["b"])"#.to_owned(),
            r#"set(log.attributes["after"], true)"#.to_owned(),
        ],
        error_mode,
        ..Group::default()
    };
    let body = logs(&["dev"]);
    let with = |mode| run(&transform(Signal::Logs, &[group(mode)], false).unwrap(), &body);
    assert!(matches!(with(ErrorMode::Propagate), Err(Refused::Failed(_))));
    let ignored = with(ErrorMode::Ignore).unwrap();
    assert_eq!((ignored.failures, ignored.first_failure.is_some()), (6, true));
    assert!(json_of(Signal::Logs, &ignored.body).to_string().contains("after"));
    let silent = with(ErrorMode::Silent).unwrap();
    assert_eq!((silent.failures, silent.first_failure.is_none()), (6, true));
}

#[test]
fn every_mistake_of_a_configuration_is_reported_with_its_place() {
    let group = |texts: &[&str]| Group {
        statements: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..Group::default()
    };
    let groups = [
        group(&["set(log.attributes[\"a\"], 1", "set(log.nope, 1)"]),
        group(&["set(log.body, Nope())"]),
        group(&["set(log.attributes.x, 1)", "set(log.body, SHA256(5))"]),
    ];
    let mistakes = transform(Signal::Logs, &groups, false).unwrap_err();
    let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.iter().map(|it| it.group).collect::<Vec<_>>(), [0, 0, 1, 2, 2]);
    assert!(shown[0].contains("at 1:27"), "{shown:?}");
    assert!(shown[1].contains("log has no path nope"), "{shown:?}");
    assert!(shown[2].contains("at 1:15: unknown_function: Nope"), "{shown:?}");
    assert!(shown[3].contains(r#"log.attributes["x"]"#), "{shown:?}");
    assert!(shown[4].contains("expected string, found int"), "{shown:?}");
}

#[test]
fn malformed_records_in_a_good_request_are_counted() {
    // A record whose attribute claims more bytes than there are.
    let mut scope = Vec::new();
    otlp::wire::put_bytes(&mut scope, 2, &[0x32, 0x7f, 0x01]);
    otlp::wire::put_message(&mut scope, 2, |record| otlp::wire::put_uint(record, 2, 9));
    let mut body = Vec::new();
    otlp::wire::put_message(&mut body, 1, |resource| otlp::wire::put_bytes(resource, 2, &scope));
    let body = Bytes::from(body);
    let text = r#"set(log.attributes["a"], 1)"#;
    let refused = run(&statements(Signal::Logs, None, &[text]), &body);
    assert!(refused.is_err(), "errors propagate");
    let group = Group { statements: vec![text.to_owned()], ..Group::default() };
    let outcome = run(&transform(Signal::Logs, &[group], false).unwrap(), &body).unwrap();
    assert_eq!(outcome.failures + outcome.malformed, 1, "{outcome:?}");
    assert!(outcome.is_changed, "the other record is edited");
}

/// The plan of one statement, without its text.
fn plan(text: &str) -> String {
    let plan = statements(Signal::Logs, None, &[text]).to_string();
    plan.lines()
        .filter(|line| !line.contains("statement "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_call_of_constants_is_evaluated_when_it_is_loaded() {
    let check = |text: &str, shown: &str| {
        let plan = plan(text);
        assert!(plan.contains(shown), "{shown} in {plan}");
    };
    check(r#"set(log.attributes["a"], Concat(["x", "y"], "-"))"#, r#"with "x-y""#);
    check(r#"set(log.attributes["a"], ParseJSON("{\"k\": [1]}"))"#, r#"with {"k":[1]}"#);
    check(r#"set(log.body, "b") where log.time - Time("2026", "%Y") > Duration("1m" )"#, "> ");
    check(r#"set(log.attributes["a"], [Concat(["x", "y"], "")])"#, r#"with ["xy"]"#);
    check(r#"set(log.attributes["a"], SHA256(Concat(["x", "y"], "")))"#, "with \"769a4e6d");
    // What has keys, a clock, or no parameters stays.
    check(r#"set(log.attributes["a"], Split("x,y", ",")[0])"#, "Split(");
    check(r#"set(log.attributes["a"], UUID())"#, "UUID(");
    check(r#"set(log.time, Now())"#, "Now(");
    check(r#"set(log.attributes["a"], Concat(["x", log.severity_text], "-"))"#, "Concat(");
}

#[test]
fn what_fails_when_it_is_folded_is_the_failure_of_each_record() {
    let check = |text: &str| {
        let program = statements(Signal::Logs, None, &[text]);
        let refused = run(&program, &logs(&["dev"])).expect_err(text);
        assert!(matches!(refused, Refused::Failed(_)), "{text}: {refused}");
    };
    check(r#"set(log.attributes["a"], Int(Concat(["2", "0"], ".")))"#);
    check(r#"set(log.attributes["a"], ParseJSON(Concat(["{", "}"], "oops")))"#);
    check(r#"set(log.body, "b") where IsMatch(log.body, Concat(["(", "x"], ""))"#);
    check(r#"replace_pattern(log.body, Concat(["(", "l"], ""), "x")"#);
    // The first term fails, whatever the second one is.
    check(r#"set(log.body, "b") where ParseJSON(log.body) == nil or IsMatch("a", "a")"#);
    check(r#"set(log.body, "b") where ParseJSON(log.body) == nil or Int("1") == 1"#);
}

#[test]
fn flat_groups_write_to_the_resource_of_their_record_alone() {
    let group = |texts: &[&str]| Group {
        statements: texts.iter().map(|text| (*text).to_owned()).collect(),
        flattened: true,
        ..Group::default()
    };
    let load = |texts| transform(Signal::Logs, &[group(texts)], false).unwrap();
    let by_record = load(&[r#"set(resource.attributes["n"], log.attributes["n"])"#]);
    let body = logs(&["a", "b"]);
    let outcome = run(&by_record, &body).unwrap();
    let json = json_of(Signal::Logs, &outcome.body);
    // Three values of `n` in each of two resources, both scopes with each.
    let resources = json["resourceLogs"].as_array().unwrap();
    assert_eq!(resources.len(), 6);
    assert!(resources.iter().all(|it| it["scopeLogs"].as_array().unwrap().len() == 2));
    // A statement behind it sees the groups again: one evaluation a resource.
    let behind = statements(Signal::Logs, None, &[r#"set(resource.attributes["all"], true)"#]);
    let both = by_record.then(behind);
    assert_eq!(both.walks(), 2);
    let outcome = run(&both, &body).unwrap();
    let last = both.counted().last().unwrap();
    assert_eq!(last.counters.matched.load(Ordering::Relaxed), 6);
    assert_eq!(json_of(Signal::Logs, &outcome.body)["resourceLogs"].as_array().unwrap().len(), 6);
}

#[test]
fn what_flat_groups_do_not_change_is_the_same_bytes() {
    let check = |text: &str| {
        let statements = vec![text.to_owned()];
        let group = Group { statements, flattened: true, ..Group::default() };
        let program = transform(Signal::Logs, &[group], false).unwrap();
        let body = logs(&["a", "a"]);
        let outcome = run(&program, &body).unwrap();
        assert!(!outcome.is_changed);
        assert_eq!(outcome.body.as_ptr(), body.as_ptr());
    };
    check(r#"set(resource.attributes["n"], log.attributes["n"]) where log.body == "no such""#);
    check(r#"set(log.attributes["n"], 1) where log.body == "no such""#);
}

/// A trace of two resources: spans with this many events each, and nothing.
fn traces(events: &[usize]) -> Bytes {
    let span = |count: &usize| {
        let events: Vec<Json> =
            (0..*count).map(|index| json!({"name": format!("e{index}")})).collect();
        json!({"name": format!("of {count}"), "events": events})
    };
    let spans: Vec<Json> = events.iter().map(span).collect();
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}, {}]});
    bytes_of(Signal::Traces, &request)
}

/// The spans that are left, with how many events each has.
fn left(entries: &[Entry], body: &Bytes) -> Vec<(String, usize)> {
    let program = filter(Signal::Traces, entries, false).expect("they load");
    let json = json_of(Signal::Traces, &run(&program, body).expect("nothing fails").body);
    let resources = json["resourceSpans"].as_array().expect("a list");
    assert_eq!(resources.len(), 1, "what is empty goes: {program}");
    let spans = json.pointer("/resourceSpans/0/scopeSpans/0/spans").and_then(Json::as_array);
    let left = |span: &Json| {
        let events = span.get("events").and_then(Json::as_array).map_or(0, Vec::len);
        (span["name"].as_str().expect("a text").to_owned(), events)
    };
    spans.into_iter().flatten().map(left).collect()
}

fn entry(context: Option<&str>, texts: &[&str]) -> Entry {
    let conditions = texts.iter().map(|text| (*text).to_owned()).collect();
    Entry { context: context.map(str::to_owned), conditions, ..Entry::default() }
}

#[test]
fn conditions_of_one_entry_drop_each_at_its_own_level() {
    let check = |entries: &[Entry], expect: &[(&str, usize)]| {
        let found = left(entries, &traces(&[0, 1, 2]));
        let found: Vec<(&str, usize)> = found.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(found, expect);
    };
    let (event, empty) = (r#"spanevent.name == "e0""#, "Len(span.events) == 0");
    check(&[entry(None, &[event, empty])], &[("of 1", 0), ("of 2", 1)]);
    // Entries see what those before them left.
    check(&[entry(None, &[event]), entry(None, &[empty])], &[("of 2", 1)]);
    check(&[entry(None, &[empty]), entry(None, &[event])], &[("of 1", 0), ("of 2", 1)]);
    let outer = entry(Some("resource"), &[r#"attributes["a"] == 1"#]);
    for resources in [outer, entry(None, &[]), entry(None, &["resource.attributes[\"a\"] == 1"])] {
        check(&[resources], &[("of 0", 0), ("of 1", 1), ("of 2", 2)]);
    }
}

#[test]
fn a_condition_that_names_no_context_is_to_blame_alone() {
    let entries = [entry(None, &["span.name == \"a\"", "IsRootSpan()"])];
    let mistakes = filter(Signal::Traces, &entries, false).expect_err("no path");
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].text.as_deref(), Some("IsRootSpan()"));
}

#[test]
fn conditions_of_a_group_may_call_what_a_filter_may() {
    let load = |statement: &str, condition: &str| {
        let (statements, conditions) = (vec![statement.to_owned()], vec![condition.to_owned()]);
        let group = Group {
            context: Some("metric".to_owned()),
            statements,
            conditions,
            ..Group::default()
        };
        transform(Signal::Metrics, &[group], false).is_ok()
    };
    let condition = r#"HasAttrKeyOnDatapoint("a")"#;
    assert!(load(r#"set(name, "a")"#, condition));
    assert!(!load(&format!(r#"set(name, "a") where {condition}"#), "true"));
}

#[test]
fn groups_of_one_context_share_a_cache() {
    let group = |text: &str| Group {
        statements: vec![text.to_owned()],
        shared_cache: true,
        ..Group::default()
    };
    let groups = [
        r#"set(scope.cache["a"], 1)"#,
        r#"set(log.attributes["a"], log.cache["a"])"#,
        r#"set(scope.attributes["a"], scope.cache["a"])"#,
    ];
    let program = transform(Signal::Logs, &groups.map(group), false).unwrap();
    let json = json_of(Signal::Logs, &run(&program, &logs(&["a"])).unwrap().body);
    let scope = json.pointer("/resourceLogs/0/scopeLogs/0").unwrap();
    assert_eq!(scope["scope"]["attributes"][0]["value"]["intValue"], "1");
    assert_eq!(scope["logRecords"][0]["attributes"][1]["value"], json!({}), "another cache");
}

#[test]
fn statements_behind_a_filter_see_nothing_empty() {
    let drops = dropping(Signal::Traces, &[r#"scope.name == "none""#]);
    let counts =
        statements(Signal::Traces, None, &[r#"append(resource.attributes["n"], scope.name)"#]);
    let request = json!({"resourceSpans": [{"scopeSpans": [
        {"scope": {"name": "empty"}}, {"scope": {"name": "full"}, "spans": [{"name": "a"}]}]}]});
    let outcome = run(&drops.then(counts), &bytes_of(Signal::Traces, &request)).unwrap();
    let json = json_of(Signal::Traces, &outcome.body);
    let found = json.pointer("/resourceSpans/0/resource/attributes/0/value/arrayValue/values");
    assert_eq!(found, Some(&json!([{"stringValue": "full"}])));
}

#[test]
fn what_spans_and_their_children_know_is_asked_of_events_before_links() {
    let text = r#"set(resource.attributes["kind"], SPAN_KIND_SERVER)"#;
    let program = statements(Signal::Traces, None, &[text]);
    let changes = |events| run(&program, &traces(events)).unwrap().is_changed;
    assert!(changes(&[1]) && !changes(&[0]), "{program}");
}

#[test]
fn points_are_edited_by_the_next_group_after_all_have_become_metrics() {
    let group = |text: &str| Group {
        context: Some("datapoint".to_owned()),
        statements: vec![text.to_owned()],
        ..Group::default()
    };
    let texts = [
        r#"convert_summary_count_val_to_sum("delta", true) where metric.name == "s""#,
        r#"set(attributes["seen"], true) where metric.name == "s""#,
    ];
    let program = transform(Signal::Metrics, &texts.map(group), false).unwrap();
    let summary = json!({"name": "s", "summary": {"dataPoints": [{"count": "1"}, {"count": "2"}]}});
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [summary]}]}]});
    let outcome = run(&program, &bytes_of(Signal::Metrics, &request)).unwrap();
    let json = json_of(Signal::Metrics, &outcome.body);
    let metrics = json.pointer("/resourceMetrics/0/scopeMetrics/0/metrics").unwrap();
    let seen = |metric: &Json| metric.to_string().matches("seen").count();
    let seen: Vec<usize> = metrics.as_array().unwrap().iter().map(seen).collect();
    assert_eq!(seen, [2, 0, 0]);
}
