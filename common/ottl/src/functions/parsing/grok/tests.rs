//! Grok patterns over texts.

use super::*;
use crate::functions::parsing::ALL;
use crate::functions::testing::{call, check, json, text};

#[test]
fn patterns_capture() {
    for (target, pattern, expect) in [
        ("12 ab", "%{NUMBER:n} %{WORD:w}", r#"{"n":"12","BASE10NUM":"12","w":"ab"}"#),
        ("5", "%{NUMBER:n:long}", r#"{"n":5,"BASE10NUM":"5"}"#),
        (
            "1.5 true",
            "%{NUMBER:n:double} %{WORD:b:boolean}",
            r#"{"n":1.5,"BASE10NUM":"1.5","b":true}"#,
        ),
        ("x y", "%{WORD:a} %{WORD:a}", r#"{"a":"y"}"#),
        ("x", "%{WORD:a.b}", r#"{"a.b":"x"}"#),
        ("x", "%{WORD:w", "{}"),
        ("x", "%{WORD:[a][b]}", "{}"),
        ("", "%{WORD:w}", "{}"),
        ("/a/b", "%{PATH:p}", r#"{"p":"/a/b","UNIXPATH":"/a/b"}"#),
        ("::1", "^%{IP:i}$", r#"{"i":"::1","IPV6":"::1"}"#),
        ("k=v", "(?P<key>k)=%{WORD:value}", r#"{"key":"k","value":"v"}"#),
    ] {
        check(ALL, "ExtractGrokPatterns", &[target, pattern], Some(expect));
    }
}

#[test]
fn definitions_and_aliases() {
    let grok = |target: &str, pattern: &str, definitions: &str| {
        let args = vec![text(target), text(pattern), Value::Bool(true), json(definitions)];
        call(ALL, "ExtractGrokPatterns", args).map(|value| value.into_any().unwrap())
    };
    let expect = json(r#"{"x":"a-b"}"#).into_any().unwrap();
    assert_eq!(grok("a-b", "%{MY:x}", r#"["MY=%{A}-%{A}","A=[a-z]"]"#), Ok(expect));
    assert!(grok("a", "%{WORD}", "[]").is_err(), "nothing is named");
    assert!(grok("a", "%{MY:x}", r#"["MY"]"#).is_err());
    assert!(grok("a", "%{MY:x}", r#"["=x"]"#).is_err());
    assert!(grok("a", "%{MY:x}", r#"["MY=%{MY}"]"#).is_err(), "it names itself");
    assert!(
        grok(
            "a",
            "%{MY:x}",
            r#"["MY=%{A}%{A}","A=%{B}%{B}%{B}%{B}","B=%{C}%{C}%{C}%{C}","C=%{WORD}%{WORD}%{WORD}"]"#
        )
        .is_ok()
    );
}

#[test]
fn groups_of_the_pattern_itself_are_captures() {
    for (target, pattern, expect) in [
        ("a b", r"(?P<x___y>\w) (?<z>\w)", r#"{"x.y":"a","z":"b"}"#),
        ("a b", r"(?P<c0>\w) %{WORD:c1}", r#"{"c0":"a","c1":"b"}"#),
        ("a b", r"(?P<x>\w) (?P<x>\w)", r#"{"x":"b"}"#),
        (r"(?P<x>", r"\(\?P<x>|[(?P<x>]+", "{}"),
        ("1 2", "%{INT:n:int} (?P<n>2)", r#"{"n":2}"#),
        ("true", "%{BOOL:b:bool}", r#"{"b":true}"#),
    ] {
        check(ALL, "ExtractGrokPatterns", &[target, pattern], Some(expect));
    }
    check(ALL, "ExtractGrokPatterns", &["a", "%{WORD:w:date}"], None);
    check(ALL, "ExtractGrokPatterns", &["-", "%{WORD:w:date}"], Some("{}"));
    for pattern in ["%{INT:n:int", "(?P<x>", "%{NOBODY}"] {
        let compiled = Grok::new(pattern, false, &HashMap::new());
        assert_eq!(compiled.is_ok(), pattern == "%{INT:n:int", "{pattern}");
    }
}

fn matches(name: &str, text: &str) -> bool {
    let own = HashMap::new();
    let grok = Grok::new(&format!("^%{{{name}}}$"), true, &own).or_else(|_| {
        // Without a field inside there has to be one outside.
        Grok::new(&format!("^%{{{name}:whole}}$"), true, &own)
    });
    grok.unwrap_or_else(|error| panic!("{name}: {error}")).regex.is_match(text)
}

/// Every name of the reference's set on a text that it stands for and on one that it does not.
#[test]
fn each_name_has_its_examples() {
    let mut wrong = Vec::new();
    for name in table::names() {
        let example = examples::NAMES.iter().find(|(known, ..)| *known == name);
        let (_, text, other) = example.unwrap_or_else(|| panic!("{name} has no example"));
        if !matches(&name, text) || matches(&name, other) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn lines_have_their_fields() {
    for (name, text, expect) in examples::LINES {
        let args = vec![
            crate::functions::testing::text(text),
            crate::functions::testing::text(&format!("%{{{name}}}")),
            Value::Bool(true),
        ];
        let found = call(ALL, "ExtractGrokPatterns", args)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.into_any(), json(expect).into_any(), "{name}");
    }
}

/// Of the names that only the crate has, none may be lost to our engine.
#[test]
fn all_names_of_the_crate_compile() {
    let own = HashMap::new();
    for (name, _) in grok::patterns() {
        let compiled = Grok::new(&format!("%{{{name}}}"), false, &own);
        assert!(compiled.is_ok(), "{name}: {:?}", compiled.err());
    }
}

mod examples;
