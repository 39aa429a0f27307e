//! Shapes, types, duplicates, aliases and bounds of parsed texts.

use super::*;
use crate::config::error::{Error, Report};
use proptest::prelude::*;

fn read(text: &str) -> (Option<Value>, Vec<Error>) {
    let report = Report::default();
    report.add_file("f");
    let value = parse(text, 0, &report);
    (value, report.into_parts().0)
}

#[track_caller]
fn json(text: &str) -> String {
    let (value, errors) = read(text);
    assert_eq!(errors, [], "{text}");
    crate::config::to_json(&value.expect("valid")).to_string()
}

#[test]
fn plain_scalars_have_the_types_of_the_core_schema() {
    let check = |text: &str, expect: Core<'_>| assert_eq!(core_of(text), expect, "{text}");
    for text in ["", "~", "null", "Null", "NULL"] {
        check(text, Core::Null);
    }
    for text in ["yes", "no", "on", "off", "y", "nULL", "tRUE", "1_000", "0b1", "1:30", "-", "."] {
        check(text, Core::Str(text));
    }
    for text in ["10s", "0x", "0xg", "0x-1", "0o8", "+", "e5", "1e", "inf", "nan", "1.2.3", "- 1"] {
        check(text, Core::Str(text));
    }
    check("true", Core::Bool(true));
    check("FALSE", Core::Bool(false));
    check("0", Core::Int(0));
    check("-12", Core::Int(-12));
    check("+12", Core::Int(12));
    check("0123", Core::Int(123));
    check("0x1F", Core::Int(31));
    check("0o17", Core::Int(15));
    check("1.5", Core::Float(1.5));
    check("1e3", Core::Float(1000.0));
    check("-.5", Core::Float(-0.5));
    check("9223372036854775808", Core::Float(9_223_372_036_854_775_808.0));
    check(".inf", Core::Float(f64::INFINITY));
    check("-.Inf", Core::Float(f64::NEG_INFINITY));
}

#[test]
fn quotes_and_tags_make_texts() {
    assert_eq!(
        json(r#"{a: 1, b: "1", c: !!str 1, d: '', e: , f: !!int "7"}"#),
        r#"{"a":1,"b":"1","c":"1","d":"","e":null,"f":7}"#
    );
    assert_eq!(json("g: |-\n  two\n  lines\n"), r#"{"g":"two\nlines"}"#);
}

#[test]
fn order_and_origin_are_kept() {
    let (value, _) = read("b: 1\na:\n  - x\n  - y: 2\n");
    let value = value.expect("valid");
    let map = value.as_map().expect("a mapping");
    let keys: Vec<(&str, u32)> = map.iter().map(|(key, v)| (key, v.origin.line)).collect();
    assert_eq!(keys, [("b", 1), ("a", 3)]);
}

#[test]
fn aliases_and_merge_keys_unfold() {
    assert_eq!(json("a: &x [1, 2]\nb: *x"), r#"{"a":[1,2],"b":[1,2]}"#);
    assert_eq!(
        json("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3"),
        r#"{"a":{"p":1,"q":2},"b":{"q":3,"p":1}}"#
    );
    assert_eq!(
        json("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc:\n  <<: [*x, *y]"),
        r#"{"a":{"p":1},"b":{"p":2,"q":2},"c":{"p":1,"q":2}}"#
    );
}

#[test]
fn every_duplicate_is_found_and_the_first_kept() {
    let (value, errors) = read("a: 1\nb: {c: 1, c: 2, d: [{e: 1, e: 2}]}\na: 3");
    let lines: Vec<String> = errors.iter().map(Error::to_string).collect();
    assert_eq!(
        lines,
        [
            "f: b.d[0].e: duplicate_key: \"e\" again in line 2",
            "f: b.c: duplicate_key: \"c\" again in line 2",
            "f: a: duplicate_key: \"a\" again in line 3",
        ]
    );
    let text = crate::config::to_json(&value.expect("a tree")).to_string();
    assert_eq!(text, r#"{"a":1,"b":{"c":1,"d":[{"e":1}]}}"#);
}

#[test]
fn what_is_no_configuration_is_refused_with_its_place() {
    let check = |text: &str, expect: &str| {
        let (value, errors) = read(text);
        let lines: Vec<String> = errors.iter().map(Error::to_string).collect();
        assert_eq!((value, lines.join("\n").as_str()), (None, expect), "{text}");
    };
    check("{[a]: 1}", "f: (document): yaml_syntax: line 1: a collection as key, expected a text");
    check("a: 1\n---\nb: 1", "f: (document): yaml_syntax: line 2: a second document, expected one");
    check("a: {b: &x [*x]}", "f: a.b[0]: yaml_syntax: line 1: an alias inside its own anchor");
    let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
    let path = "[0]".repeat(MAX_DEPTH);
    check(&deep, &format!("f: {path}: too_large: line 1: nested deeper than {MAX_DEPTH}"));
    let long = "#".repeat(MAX_TEXT_BYTES + 1);
    check(&long, "f: (document): too_large: 1048577 bytes, expected at most 1048576");
}

#[test]
fn broken_yaml_names_line_and_column() {
    for text in ["a: [1, 2", "a: 'x", "a:\n\t- b", "a: b: c", "a: *nothing", "\u{1}"] {
        let (value, errors) = read(text);
        assert_eq!((value, errors.len()), (None, 1), "{text}");
        let line = errors[0].to_string();
        assert!(line.contains(": yaml_syntax: line ") && line.contains(", column "), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn laughs_are_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = level - 1;
        let list = vec![format!("*a{inner}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    let (value, errors) = read(&text);
    assert_eq!((value, errors[0].code), (None, crate::config::Code::TooLarge));
}

#[test]
fn nothing_is_null() {
    for text in ["", "\n", "# only a comment\n", "---\n", "~"] {
        let (value, errors) = read(text);
        assert!(value.is_some_and(|value| value.is_null()) && errors.is_empty(), "{text}");
    }
}

fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a: "),
        Just("- "),
        Just("\n"),
        Just("  "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("&x "),
        Just("*x"),
        Just("<<: "),
        Just("'"),
        Just("\""),
        Just("|\n"),
        Just(", "),
        Just("!!str "),
        Just("? "),
        Just(": "),
        Just("---\n"),
        Just("# c\n"),
        Just("\t"),
        Just("1"),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", like in yamlish()) {
        for text in [text, like] {
            let (value, errors) = read(&text);
            prop_assert!(value.is_some() || !errors.is_empty());
            if let Some(value) = value {
                prop_assert!(value.weight() <= MAX_WEIGHT);
            }
        }
    }

    // Whatever is read prints as YAML that reads as the same.
    #[test]
    fn printed_yaml_reads_back(text in yamlish()) {
        let (Some(value), errors) = read(&text) else { return Ok(()) };
        prop_assume!(errors.is_empty());
        let printed = crate::config::to_yaml(&value);
        let (again, errors) = read(&printed);
        prop_assert!(errors.is_empty(), "{}", printed);
        let json = |value: &Value| crate::config::to_json(value);
        prop_assert_eq!(again.as_ref().map(json), Some(json(&value)), "{}", printed);
    }
}
