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

/// Of the names that everybody uses none may be lost to our engine.
#[test]
fn nearly_all_names_compile() {
    let mut names: Vec<&str> = table::PATTERNS.iter().map(|(name, _)| *name).collect();
    names.extend(grok::patterns().iter().map(|(name, _)| *name));
    let own = HashMap::new();
    let failed: Vec<String> = names
        .iter()
        .filter_map(|name| {
            Grok::new(&format!("%{{{name}}}"), false, &own)
                .err()
                .map(|error| format!("{name}: {error}"))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), names.len());
}
