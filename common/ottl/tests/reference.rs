//! What the reference (0.161) does with texts that the vectors do not have: found by running both over ten thousand texts
//! that were made at random.

use bytes::Bytes;
use medulla_ottl::Class;
use medulla_ottl::playground::{Problem, any_value};
use serde_json::{Value as Json, json};

#[path = "support/log.rs"]
mod support;

use support::{request, setting};

/// A log record with a text, a number, and a list that ends in nothing.
fn log() -> Bytes {
    let list = json!({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "two"}, {}]}});
    let attributes = json!([
        {"key": "text", "value": {"stringValue": "hello world"}},
        {"key": "number", "value": {"intValue": "42"}},
        {"key": "list", "value": list}
    ]);
    let record = json!({"body": {"stringValue": "b"}, "attributes": attributes});
    request(record)
}

/// The value of an expression.
fn value(source: &str) -> Result<Json, String> {
    let values = setting().values(source, &log());
    let values = values.unwrap_or_else(|problem| panic!("{source}: {problem:?}"));
    let value = values.into_iter().next().expect("one record");
    let shown = value.map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(&any_value(&shown)).expect("it is JSON"))
}

fn gives(table: &[(&str, Json)]) {
    for (source, expect) in table {
        assert_eq!(value(source).as_ref(), Ok(expect), "{source}");
    }
}

fn text(text: &str) -> Json {
    json!({"stringValue": text})
}

#[test]
fn values_are_those_of_the_reference() {
    gives(&[
        // Nothing in a list of OTLP is empty, nil in a list literal has a text.
        (r#"Concat(attributes["list"], "|")"#, text("1|two|")),
        (r#"Concat([attributes["none"]], "|")"#, text("<nil>")),
        (r#"Concat(0x6162, ",")"#, text("97,98")),
        // What comes behind the first value is not looked at.
        (r#"Coalesce([nil, 1, Int(attributes["text"])])"#, json!({"intValue": "1"})),
        (r#"Coalesce([nil, attributes["none"]])"#, Json::Null),
        ("010 + 1", json!({"intValue": "9"})),
        (r#"attributes["list"][01]"#, text("two")),
        (r#"Double("1_000.5")"#, json!({"doubleValue": 1000.5})),
        (r#"Format("%+v %+d", [1, 1])"#, text("1 +1")),
        (r#"FormatTime(Unix(0), "%y-%o %")"#, text("70-_1 %")),
        (r#"IsInCIDR("1.2.3.4", ["::ffff:1.2.0.0/112"])"#, json!({"boolValue": true})),
        (r#"CommunityID("10.0.0.1", 80, "::1", 443)"#, text("1:LTb4c1wcFa4q2Y/fdSCKKniBd0I=")),
        (r#"IsMatch("ab", "(?P<n>a)(?P<n>b)")"#, json!({"boolValue": true})),
        (r#"GetXML("", "/a")"#, text("")),
        (r#"RemoveXML("", "/a")"#, text("")),
        (r#"InsertXML("", "/a", "<b/>")"#, text("")),
        (r#"InsertXML("", "/", "<b/>")"#, text("<b></b>")),
        (r#"InsertXML("<a/>", "/", "<b/>")"#, text("<a></a><b></b>")),
        (r#"RemoveXML("t<a/>u<b/>v\n", "//z")"#, text("<a></a>u<b></b>v\n")),
        (r#"GetXML("<a><![CDATA[<x>]]></a>", "/a/text()")"#, text("&lt;x&gt;")),
        (r#"ConvertTextToElementsXML("<a>\n<b/></a>")"#, text("<a><value>\n</value><b></b></a>")),
        (
            r#"URL("HTTP://us%20er:p:w@h/a[b]{")["url.original"]"#,
            text("http://us%20er:p%3Aw@h/a%5Bb%5D%7B"),
        ),
        (r#"URL("http://h/a[b]")["url.original"]"#, text("http://h/a[b]")),
        (r#"URL("http://")["url.original"]"#, text("http:")),
        (r#"URL("http://h/x?")["url.original"]"#, text("http://h/x?")),
        (r#"URL("http://h/a.b/")["url.extension"]"#, text("b/")),
        (r#"URL("http:///p")["url.original"]"#, text("http:///p")),
        (r#"URL("?a=1&b=x+y%20z&a=2")["query"]["a"][1]"#, text("2")),
        (r#"URL("?a=1&b=x+y%20z&a=2")["query"]["b"][0]"#, text("x y z")),
    ]);
}

#[test]
fn failures_are_those_of_the_reference() {
    for source in [
        // What is no literal fails for each record, and not when it is loaded.
        r#"SHA256([attributes["text"]])"#,
        r#"SHA256({"a": Len("a")})"#,
        r#"Bool([attributes["text"]])"#,
        "SHA256(1 + 1)",
        "SHA256(-(1))",
        r#"ExtractGrokPatterns("5", "%{NUMBER:a:nope}")"#,
        r#"ParseXML("<a/>\n")"#,
        r#"Reduce([1], 0, (acc, k, v) => attributes["none"])"#,
        r#"ParseXML("<a/><b/>")"#,
        r#"InsertXML("", "/a", "</b>")"#,
        r#"URL("?a;b")"#,
        r#"URL("?%zz")"#,
    ] {
        assert!(value(source).is_err(), "{source}");
    }
    for (source, class) in [
        ("SHA256((1))", Class::Type),
        ("SHA256([1])", Class::Type),
        ("08", Class::Parse),
        ("Len(Target=body)", Class::Parse),
        ("Coalesce([])", Class::Literal),
        (r#"Time("2024", "%Y", "europe/berlin")"#, Class::Literal),
        (r#"Time("2024", "%Y", "UTC", "it_IT")"#, Class::Literal),
        (r#"ExtractGrokPatterns("a", "%{A:a}", true, ["A:B=a"])"#, Class::Literal),
    ] {
        match setting().values(source, &log()) {
            Err(Problem::Load(_, error)) => assert_eq!(error.class, class, "{source}: {error}"),
            found => panic!("{source}: {found:?}"),
        }
    }
}

/// A literal decides for what stands beside it, and what is computed does not.
#[test]
fn conditions_fold_as_in_the_reference() {
    for (beside, holds) in [
        ("true", Some(true)),
        ("1 == 1", Some(true)),
        ("(1) == +1", Some(true)),
        ("-1.5 < 2", Some(true)),
        ("[1, [2]] == [1, [2]]", Some(true)),
        ("1 + 1 == 2", None),
        ("-(1) == -1", None),
        ("[1 + 1] == [2]", None),
        (r#"Len("a") == 1"#, None),
    ] {
        let source = format!(r#"Int(attributes["text"]) == 1 or {beside}"#);
        let found = setting().condition(&source, &log()).expect("it loads");
        assert_eq!(found, [holds], "{source}");
    }
}

#[test]
fn editors_are_those_of_the_reference() {
    let failures = |statement: &str| {
        let (_, failures) = setting().statements(&[statement], &log()).expect("it loads");
        failures.len()
    };
    for (statement, expect) in [
        // The converter and its format are looked at even where nothing matches.
        (r#"replace_match(body, "z*", "$x", ParseJSON)"#, 1),
        (r#"replace_match(attributes["number"], "*", "a", SHA256, "x")"#, 1),
        (r#"replace_all_matches(attributes, "z*", "a", IsString)"#, 1),
        (r#"replace_match(body, "z*", "a", SHA256)"#, 0),
        // Of a pattern they are not.
        (r#"replace_pattern(body, "z", "a", SHA256, "x")"#, 0),
    ] {
        assert_eq!(failures(statement), expect, "{statement}");
    }
}
