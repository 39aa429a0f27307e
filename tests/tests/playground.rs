//! Promise: `medulla-gateway ottl` (and the agent's) runs texts on a request as the pipeline would, and says where
//! a text is wrong.

use std::fs;
use std::process::Output;

use medulla_tests::binaries::binary;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Two log records, one of which has a number.
const LOGS: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
 "scopeLogs":[{"logRecords":[
  {"body":{"stringValue":"one"},"attributes":[{"key":"n","value":{"intValue":"1"}}]},
  {"body":{"stringValue":"two"}}]}]}]}"#;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("logs.json"), LOGS).expect("the folder is writable");
        Self { folder }
    }

    /// `medulla-gateway ottl --signal logs --input logs.json` and `arguments`.
    fn ottl(&self, arguments: &[&str]) -> Output {
        let mut command = std::process::Command::new(binary("medulla-gateway"));
        command.current_dir(self.folder.path()).args(["ottl", "--signal", "logs"]);
        command.args(["--input", "logs.json"]).args(arguments);
        command.output().expect("the command runs")
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn out(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(output), 0, "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn statements_change_the_request() {
    let bench = Bench::new();
    let ran = out(&bench.ottl(&[
        "--statement",
        r#"set(attributes["hash"], SHA256(body)) where resource.attributes["service.name"] == "shop""#,
        "--statement",
        r#"delete_key(attributes, "n")"#,
    ]));
    let records = &ran["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!(records[0]["attributes"][0]["key"], "hash");
    assert_eq!(records[0]["attributes"].as_array().map(Vec::len), Some(1));
    let resource = out(&bench.ottl(&["--statement", r#"set(resource.attributes["a"], "b")"#]));
    assert_eq!(resource["resourceLogs"][0]["resource"]["attributes"][1]["key"], "a");
}

#[test]
fn conditions_and_values_are_lists() {
    let bench = Bench::new();
    assert_eq!(out(&bench.ottl(&["--condition", r#"body == "one""#])), json!([true, false]));
    let values = out(&bench.ottl(&["--value", r#"attributes["n"]"#]));
    assert_eq!(values, json!([{"intValue": "1"}, null]));
    let failing = ["--condition", "Int(attributes[\"n\"]) / 0 == 1"];
    let refused = bench.ottl(&failing);
    assert_eq!((code(&refused), refused.stdout.len()), (1, 0), "propagate is the default");
    let ignored = bench.ottl(&[&failing[..], &["--error-mode", "ignore", "--json"]].concat());
    assert_eq!(out(&ignored).as_array().map(Vec::len), Some(2));
    let first = err(&ignored);
    let first: Value = serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["record"], &first["statement"]), (&json!(0), &json!(0)));
    let silent = bench.ottl(&[&failing[..], &["--error-mode", "silent"]].concat());
    assert_eq!(err(&silent), "");
}

#[test]
fn mistakes_name_their_place_and_class() {
    let bench = Bench::new();
    let table = [
        ("set(body", "ottl:1:", "parse"),
        ("nope(body, 1)", "ottl:1:1:", "unknown_function"),
        ("set(nope, 1)", "ottl:1:5:", "unknown_path"),
        ("set(body)", "ottl:1:", "arity"),
        ("set(severity_number, NOPE)", "ottl:1:22:", "unknown_enum"),
    ];
    for (text, place, class) in table {
        let output = bench.ottl(&["--context", "log", "--statement", text]);
        assert_eq!(code(&output), 2, "{text}");
        let said = err(&output);
        assert!(
            said.starts_with(place) && said.contains(&format!(": {class}: ")),
            "{text}: {said}"
        );
    }
    fs::write(bench.folder.path().join("file"), "# fine\nset(body, 1)\n\nset(nope, 1)\n")
        .expect("the folder is writable");
    let output = bench.ottl(&["--context", "log", "--file", "file"]);
    assert!(err(&output).starts_with("ottl:4:5: unknown_path: "), "{}", err(&output));
    assert_eq!(code(&bench.ottl(&[])), 2);
    assert_eq!(code(&bench.ottl(&["--context", "span", "--condition", "true"])), 2);
    let missing = bench.ottl(&["--input", "logs.json"]);
    assert_eq!(code(&missing), 2, "an argument twice");
}

#[test]
fn input_is_either_form_and_output_goes_where_it_should() {
    let bench = Bench::new();
    let set = r#"set(time, Now())"#;
    let now = ["--now", "2026-01-31T12:00:00Z", "--output", "out.json"];
    let output = bench.ottl(&[&["--statement", set][..], &now].concat());
    assert_eq!((code(&output), output.stdout.len()), (0, 0), "{}", err(&output));
    let written = fs::read_to_string(bench.folder.path().join("out.json")).expect("a file");
    assert!(written.contains(r#""timeUnixNano":"1769860800000000000""#), "{written}");
    let request = medulla_tests::records::request(medulla_tests::Signal::Logs, 2);
    fs::write(bench.folder.path().join("logs.json"), request).expect("the folder is writable");
    assert_eq!(out(&bench.ottl(&["--condition", "true"])), json!([true, true]), "protobuf, too");
    fs::write(bench.folder.path().join("logs.json"), r#"{"resourceLogs":5}"#).expect("a file");
    let bad = bench.ottl(&["--condition", "true"]);
    assert_eq!(code(&bad), 1);
    assert!(err(&bad).contains("line 1 column 17: resourceLogs: expected a list"), "{}", err(&bad));
    let explained = bench.ottl(&["--statement", set, "--explain"]);
    assert!(String::from_utf8_lossy(&explained.stdout).starts_with("context log\nstatement set"));
}

#[test]
fn cases_run_in_one_process() {
    let bench = Bench::new();
    let case = |id: &str, kind: &str, source: &str| {
        json!({"id": id, "kind": kind, "context": "log", "source": source, "fixture": "logs.json"})
            .to_string()
    };
    let filter = "error_mode: ignore\nlog_conditions:\n  - log.body == \"one\"\n";
    let everything = "log_conditions: [\"true\"]";
    let flatten =
        "flatten_data: true\nlog_statements: ['set(resource.attributes[\"b\"], log.body)']";
    let lines = [
        case("a", "condition", r#"body == "one""#),
        case("b", "value", "body"),
        case("c", "statement", "set(body"),
        case("d", "filter", filter),
        case("e", "filter", everything.replace("\"true\"", "'log.body != nil'").as_str()),
        case("f", "transform", "log_statements: ['set(log.body, 5)']"),
        case("g", "filter", "log_conditions: ['nope(1)']"),
        case("h", "nonsense", ""),
        case("i", "transform", flatten),
        case("j", "transform", flatten)
            .replace("\"id\"", "\"gates\":[\"transform.flatten.logs\"],\"id\""),
    ];
    fs::write(bench.folder.path().join("cases"), lines.join("\n")).expect("a file");
    let cases = bench.folder.path().join("cases");
    let output = std::process::Command::new(binary("medulla-gateway"))
        .args(["ottl", "--cases"])
        .arg(&cases)
        .output()
        .expect("the command runs");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<&str> = answers.iter().filter_map(|answer| answer["id"].as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    let expect = |index: usize| &answers[index]["expect"];
    assert_eq!(expect(0)["conditions"], json!([true, false]));
    assert_eq!(expect(1)["values"][1], json!({"stringValue": "two"}));
    assert!(expect(2)["parse_error"].is_string());
    let left = &expect(3)["result"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    assert_eq!(expect(4)["dropped"], true);
    let changed = &expect(5)["result"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!(changed[0]["body"], json!({"intValue": "5"}));
    assert!(expect(6)["config_error"].is_string());
    assert!(expect(7)["case_error"].is_string());
    assert!(expect(8)["config_error"].is_string());
    let apart = expect(9)["result"]["resourceLogs"].as_array().expect("a list");
    let bodies = apart.iter().map(|it| &it["resource"]["attributes"][1]["value"]["stringValue"]);
    assert!(bodies.eq(["one", "two"]), "{apart:?}");
}

#[test]
fn a_line_that_is_no_case_is_answered_and_the_rest_runs() {
    let bench = Bench::new();
    let case = |id: &str| {
        json!({"id": id, "kind": "value", "context": "log", "source": "1", "fixture": "logs.json"})
            .to_string()
    };
    let headless = case("c").replace("fixture", "fixtures");
    let lines = [case("a"), "{\"id\": ".to_owned(), String::new(), headless, case("d")];
    fs::write(bench.folder.path().join("cases"), lines.join("\n")).expect("a file");
    let output = std::process::Command::new(binary("medulla-gateway"))
        .current_dir(bench.folder.path())
        .args(["ottl", "--cases", "cases"])
        .output()
        .expect("the command runs");
    assert_eq!(code(&output), 1, "not all cases ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let shown: Vec<_> = answers.iter().map(|it| (&it["id"], &it["line"])).collect();
    let nothing = Value::Null;
    let (a, c, d, second, fourth) = (json!("a"), json!("c"), json!("d"), json!(2), json!(4));
    assert_eq!(shown, [(&a, &nothing), (&nothing, &second), (&c, &fourth), (&d, &nothing)]);
    assert!(answers[1]["expect"]["case_error"].is_string(), "{text}");
    assert!(answers[2]["expect"]["case_error"].is_string(), "{text}");
    assert!(answers[3]["expect"]["values"].is_array(), "{text}");
    let said = err(&output);
    let places: Vec<&str> = said.lines().map(|line| &line[..line.len().min(9)]).collect();
    assert_eq!(places, ["cases:2: ", "cases:4: "], "{said}");
}

/// The sample of `--explain` in README.md is what the command prints.
#[test]
fn the_sample_of_the_readme_is_true() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    let (_, after) = readme.split_once("ottl --signal logs --explain").expect("the command");
    let (command, after) = after.split_once("\n\n").expect("an empty line behind the command");
    let sample = after.lines().take_while(|line| line.starts_with("    "));
    let sample: Vec<&str> = sample.map(|line| &line[4..]).collect();
    let statement =
        command.trim().strip_prefix("--statement '").and_then(|it| it.strip_suffix('\''));
    let statement = statement.expect("one statement in quotes");
    let explained = Bench::new().ottl(&["--explain", "--statement", statement]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert_eq!(explained.lines().collect::<Vec<_>>(), sample);
}
