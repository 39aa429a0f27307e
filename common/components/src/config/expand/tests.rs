//! Tables of the Collector's rules, and bounds on what references may unfold.

use std::collections::HashMap;

use super::*;
use crate::config::to_json;
use proptest::prelude::*;

struct Fixture(HashMap<&'static str, String>);

impl Sources for Fixture {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "not found".to_owned())
    }
}

fn fixture() -> Fixture {
    let texts = [
        ("HOST", "localhost"),
        ("PORT", "4317"),
        ("OCTAL", "0123"),
        ("YES", "true"),
        ("EMPTY", ""),
        ("MAP", "{a: 1, b: '${env:PORT}'}"),
        ("LIST", "[x, y]"),
        ("QUOTED", "\"q\""),
        ("BROKEN", "[1, 2"),
        ("INDIRECT", "${env:HOST}"),
        ("NAME", "HOST"),
        ("DOLLAR", "a$$b"),
        ("RAW", "a$b"),
        ("SELF", "${env:SELF}"),
        ("SELF_IN_TEXT", "x${env:SELF_IN_TEXT}"),
        ("/token", "s3cret\n"),
        ("/part.yaml", "endpoint: ${env:HOST}:1\nlist: [1]\n"),
    ];
    Fixture(texts.map(|(name, text)| (name, text.to_owned())).into())
}

fn run(text: &str, sources: &Fixture) -> (serde_json::Value, Vec<String>, Vec<String>) {
    let report = Report::default();
    report.add_file("f");
    let value = Value::text(text, Origin::default());
    let map = [("k".to_owned(), value)].into_iter().collect();
    let tree = Value { node: Node::Map(map), origin: Origin::default() };
    let expanded = to_json(&expand(tree, sources, &report))["k"].clone();
    let (errors, warnings) = report.into_parts();
    let lines = |list: Vec<crate::config::Error>| list.iter().map(ToString::to_string).collect();
    (expanded, lines(errors), lines(warnings))
}

#[test]
fn references_expand_as_in_the_collector() {
    let sources = fixture();
    let check = |text: &str, expect: serde_json::Value| {
        let (found, errors, _) = run(text, &sources);
        assert_eq!((found, errors), (expect, vec![]), "{text}");
    };
    check("plain", "plain".into());
    check("${env:HOST}", "localhost".into());
    check("${HOST}", "localhost".into());
    check("${env:HOST}:${env:PORT}", "localhost:4317".into());
    check("http://${HOST}/", "http://localhost/".into());
    // Alone, a reference takes the type of its content; inside a text it is text.
    check("${env:PORT}", 4317.into());
    check("x${env:OCTAL}", "x0123".into());
    check("${env:YES}", true.into());
    check("${env:MAP}", serde_json::json!({"a": 1, "b": 4317}));
    check("${env:LIST}", serde_json::json!(["x", "y"]));
    check("${env:QUOTED}", "\"q\"".into());
    check("${env:BROKEN}", "[1, 2".into());
    check("${env:EMPTY}", serde_json::Value::Null);
    check("a${env:EMPTY}b", "ab".into());
    // Defaults stand in for variables that are not set, not for empty ones.
    check("${env:NONE:-5}", 5.into());
    check("${NONE:-fallback}", "fallback".into());
    check("${env:EMPTY:-5}", serde_json::Value::Null);
    check("${env:NONE:-}", serde_json::Value::Null);
    check("${env:NONE:-http://h:1}", "http://h:1".into());
    // Nesting, in both directions.
    check("${env:INDIRECT}", "localhost".into());
    check("${env:${env:NAME}}", "localhost".into());
    check("${env:NONE:-${env:HOST}}", "localhost".into());
    check("x${env:INDIRECT}", "xlocalhost".into());
    // Dollars.
    check("$$", "$".into());
    check("a$b", "a$b".into());
    check("$HOST", "$HOST".into());
    check("$${env:HOST}", "${env:HOST}".into());
    check("$$${env:HOST}", "$localhost".into());
    check("$$$${env:HOST}", "$${env:HOST}".into());
    check("${env:DOLLAR}", "a$b".into());
    check("${env:RAW}", "a$b".into());
    check("${env:HOST", "${env:HOST".into());
    check("${env:A${env:HOST}", "${env:Alocalhost".into());
    check("}", "}".into());
    // Other schemes.
    check("${file:/token}", "s3cret".into());
    check("Bearer ${file:/token}", "Bearer s3cret\n".into());
    check("${file:/part.yaml}", serde_json::json!({"endpoint": "localhost:1", "list": [1]}));
    check("${yaml:[1]}", serde_json::json!([1]));
    // The first brace closes, as in the Collector.
    check("${yaml:{a: 1}}", "{a: 1}".into());
}

#[test]
fn what_cannot_be_expanded_is_an_error() {
    let sources = fixture();
    let check = |text: &str, expect: &str| {
        let (_, errors, _) = run(text, &sources);
        assert_eq!(errors, [expect], "{text}");
    };
    check("${http:x}", "f: k: expansion: scheme \"http\", expected one of env, file, yaml");
    check("${file:/no}", "f: k: expansion: file \"/no\": not found");
    check("${env:a-b}", "f: k: expansion: \"a-b\", expected a variable's name");
    check("${}", "f: k: expansion: \"\", expected a variable's name");
    check("a${env:MAP}", "f: k: expansion: a mapping or list from ${env:MAP} inside a text");
    check("${env:SELF}", "f: k: too_large: references nested deeper than 100");
    check("${env:SELF_IN_TEXT}", "f: k: too_large: references nested deeper than 100");
}

#[test]
fn an_unset_variable_is_nothing_with_a_warning() {
    let (found, errors, warnings) = run("${env:NONE}", &fixture());
    assert_eq!((found, errors), (serde_json::Value::Null, vec![]));
    assert_eq!(warnings, ["f: k: unset_variable: variable NONE is not set, taken as nothing"]);
}

#[test]
fn exponential_growth_is_bounded() {
    let mut texts = fixture().0;
    texts.insert("L0", "x".repeat(1000));
    let names = ["L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"];
    for (level, name) in names.iter().enumerate() {
        texts.insert(name, format!("${{env:L{level}}}").repeat(10));
    }
    let (_, errors, _) = run("a ${env:L8}", &Fixture(texts.clone()));
    assert_eq!(errors, ["f: k: too_large: more values than a configuration may have"]);
    texts.insert("L0", String::new());
    let (_, errors, _) = run("a ${env:L8}", &Fixture(texts.clone()));
    assert_eq!(errors, ["f: k: too_large: more than 10000 references"]);
    texts.insert("DEEP", "[[[['${env:DEEP}']]]]".to_owned());
    let (_, errors, _) = run("${env:DEEP}", &Fixture(texts));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].ends_with(": too_large: nested deeper than 64"), "{}", errors[0]);
}

proptest! {
    #[test]
    fn no_text_panics(pieces in proptest::collection::vec(
        prop_oneof![
            Just("${"), Just("}"), Just("$"), Just("env:"), Just(":-"), Just("SELF"), Just("MAP"),
            Just("HOST"), Just("file:"), Just("yaml:"), Just("/token"), Just("{"), Just("\u{e9}"),
        ],
        0..24,
    )) {
        run(&pieces.concat(), &fixture());
    }

    #[test]
    fn text_without_dollars_is_left_alone(text in "[^$]{0,40}") {
        let (found, errors, _) = run(&text, &fixture());
        prop_assert_eq!((found, errors), (serde_json::Value::from(text), vec![]));
    }

    #[test]
    fn escaping_round_trips(text in "[a-z${}:]{0,40}") {
        let (found, errors, _) = run(&text.replace('$', "$$"), &fixture());
        prop_assert_eq!((found, errors), (serde_json::Value::from(text), vec![]));
    }
}
