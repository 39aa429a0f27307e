//! Statements and records that make much of little end in an error or in a bounded value, and soon.

use std::time::{Duration, Instant};

use bytes::Bytes;
use medulla_ottl::Class;
use medulla_ottl::bound::VALUE_MAX_BYTES;
use medulla_ottl::playground::Problem;
use medulla_ottl::program::{Group, transform};
use otlp::Signal;
use serde_json::json;

#[path = "support/log.rs"]
mod support;

use support::{request, setting};

/// Far more than any of them needs, without optimisation on a busy machine.
const SOON: Duration = Duration::from_secs(240);

/// One log record with that body.
fn log(body: &str) -> Bytes {
    request(json!({"body": {"stringValue": body}}))
}

/// Runs statements over a record with that body: the message of the failure, if one failed. What comes out is a
/// request that can be read.
fn run(statements: &[&str], body: &str) -> Option<String> {
    let begin = Instant::now();
    let outcome = setting().statements(statements, &log(body));
    let (request, failures) = outcome.unwrap_or_else(|problem| panic!("{problem:?}"));
    assert!(begin.elapsed() < SOON, "{:?} took {:?}", statements[0], begin.elapsed());
    assert!(request.len() <= 20 * VALUE_MAX_BYTES);
    otlp::json::write_request(Signal::Logs, &request, &mut Vec::new()).expect("it can be read");
    failures.first().map(|failed| failed.error.to_string())
}

fn refused(statements: &[&str], body: &str, part: &str) {
    let error = run(statements, body).unwrap_or_else(|| panic!("{:?} passed", statements[0]));
    assert!(error.contains(part), "{:?}: {error}", &statements[0][..statements[0].len().min(80)]);
}

#[test]
fn growth_ends_in_an_error() {
    let large = "x".repeat(1 << 20);
    let twice = r#"set(body, Concat([body, body], ""))"#;
    refused(&[twice; 40], "ab", "more than 16777216 bytes");
    refused(
        &[r#"set(attributes["a"], [body, body])"#, r#"set(body, [body, body])"#].repeat(20),
        "a",
        "more than",
    );
    refused(
        &[r#"set(attributes["a"], {"a": attributes["a"], "b": body})"#; 40],
        "a",
        "nests deeper",
    );
    let pattern = r#"replace_pattern(body, "", Concat([body], ""))"#;
    refused(&[pattern], &"x".repeat(1 << 16), "more than");
    let all = r#"replace_all_patterns(attributes, "value", "", body)"#;
    refused(&[r#"set(attributes["a"], body)"#, all], &"x".repeat(1 << 16), "more than");
    refused(
        &[
            r#"set(body, Format("%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s%[1]s", [body]))"#,
        ],
        &large,
        "more than",
    );
    let many = format!("set(attributes[\"a\"], [{}])", ["body"; 2000].join(","));
    refused(&[&many], &large, "more than");
    let many = format!("set(attributes[\"a\"], Concat([{}], body))", ["body"; 2000].join(","));
    refused(&[&many], &large, "more than");
    let many = format!("set(attributes[\"a\"], String([{}]))", ["body"; 2000].join(","));
    refused(&[&many], &large, "more than");
    let hex = format!("set(body, {}body{})", "Hex(".repeat(60), ")".repeat(60));
    refused(&[&hex], "ab", "more than");
}

#[test]
fn lambdas_end_in_an_error() {
    let items = format!("[{}]", ["1"; 64].join(","));
    let texts = format!(r#"set(body, Reduce({items}, "ab", (a, _, v) => Concat([a, a], "")))"#);
    refused(&[&texts], "", "more than");
    let lists = format!(r#"set(body, Reduce({items}, "ab", (a, _, v) => [a, a]))"#);
    refused(&[&lists], "", "more than");
    let within = r#"set(body, All(Split(body, ""), (a, b) => All(Split(body, ""), (c, d) => All(Split(body, ""), (e, f) => true))))"#;
    refused(&[within], &"x".repeat(500), "calls of lambdas");
    let each =
        format!("set(body, MapEach(Split(body, \"\"), (k, v) => [{}]))", ["body"; 64].join(","));
    refused(&[&each], &"x".repeat(1 << 14), "too large");
}

#[test]
fn documents_end_in_an_error() {
    let wide = format!("<r>{}</r>", "<a/>".repeat(100_000));
    let into_each = format!(r#"set(body, InsertXML(body, "//a", "{}"))"#, "<b/>".repeat(1000));
    refused(&[&into_each], &wide, "nodes");
    assert_eq!(run(&[r#"set(body, RemoveXML(body, "//a"))"#], &wide), None);
    refused(&[r#"set(body, GetXML(body, "//a[count(//a) > 0]"))"#], &wide, "looks at more than");
    let deep = format!("{}{}{}", "<a>".repeat(500), "x".repeat(1 << 17), "</a>".repeat(500));
    refused(&[r#"set(body, GetXML(body, "//a"))"#], &deep, "more than");
    refused(&[r#"set(attributes["x"], ParseXML(body))"#], &deep, "nests deeper");
    refused(&[r#"set(cache["x"], ParseXML(body))"#], &"<a>".repeat(100_000), "nested deeper");
    let nested = format!("{}1{}", r#"{"a":"#.repeat(20), "}".repeat(20));
    refused(&[r#"set(attributes["x"], ParseJSON(body))"#], &nested, "nests deeper");
    assert_eq!(run(&[r#"set(attributes["x"], ParseJSON(body)["a"]["a"]["a"])"#], &nested), None);
    refused(&[r#"set(attributes["x"], ParseJSON(body))"#], &"[".repeat(1 << 20), "deep");
}

#[test]
fn indices_and_numbers_end_in_an_error() {
    refused(&[r#"set(attributes["a"][9223372036854775807], 1)"#], "", "");
    refused(&[r#"set(attributes["a"], Split(body, "")[9223372036854775807])"#], "ab", "");
    refused(&["set(body, Substring(body, 0, 9223372036854775807))"], "ab", "no part");
    assert_eq!(run(&[r#"set(body, Format("%9223372036854775807d", [1]))"#], ""), None);
    assert!(run(&[r#"set(attributes["a"], Unix(9223372036854775807))"#], "").is_some());
    assert_eq!(
        run(&[r#"set(attributes["a"], 9223372036854775807 * 9223372036854775807)"#], ""),
        None
    );
    refused(&[r#"set(attributes["a"], -9223372036854775807 / 0)"#], "", "");
}

#[test]
fn patterns_run_in_linear_time() {
    let text = format!("{}b", "a".repeat(100_000));
    for statement in [
        r#"set(attributes["a"], IsMatch(body, "(?:(?:a+)+)+$"))"#,
        r#"set(attributes["a"], IsMatch(body, "(a|aa)+$"))"#,
        r#"replace_pattern(body, "(a*)*c", "x")"#,
        r#"set(attributes["a"], ExtractGrokPatterns(body, "%{URI} %{EMAILADDRESS} %{QS}"))"#,
        r#"replace_match(body, "*a*a*a*a*a*a*a*a*a*c", "x")"#,
        r#"set(attributes["a"], UserAgent(body))"#,
    ] {
        assert_eq!(run(&[statement], &text), None, "{statement}");
    }
}

/// The class of what is wrong, and that the place is in the text.
fn load(text: &str) -> Option<Class> {
    let begin = Instant::now();
    let outcome = setting().statements(&[text], &log(""));
    assert!(begin.elapsed() < SOON, "{:?} took {:?}", &text[..60.min(text.len())], begin.elapsed());
    match outcome {
        Err(Problem::Load(_, error)) => {
            assert!(error.offset <= text.len());
            let (line, column) = error.position(text);
            assert!(line > 0 && column > 0 && !error.message.is_empty());
            assert!(error.message.len() < 2000, "{}", error.message.len());
            Some(error.class)
        }
        _ => None,
    }
}

#[test]
fn texts_end_in_an_error_with_its_place() {
    let deep = |open: &str, close: &str| {
        format!("set(body, {}1{})", open.repeat(50_000), close.repeat(50_000))
    };
    for text in [
        deep("(", ")"),
        deep("[", "]"),
        deep(r#"{"a":"#, "}"),
        deep("-", ""),
        deep("Hex(", ")"),
        deep("attributes[", "]"),
        format!("set(body, 1) where {}true", "not ".repeat(50_000)),
        format!("set(body, 1) where {}true{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("set(body, 1) where Any([], (k, v) => {}true", "Any([], (k, v) => ".repeat(5_000)),
        format!("set(body, \"{}\")", "x".repeat(1 << 20)),
        format!("set(body, {})", "9".repeat(10_000)),
        format!("set(body, 1.{})", "9".repeat(2_000_000)),
        format!("set(body, 0x{}a)", "ab".repeat(10_000)),
        format!("{}(body)", "x".repeat(100_000)),
        format!("set({}.a, 1)", "x".repeat(100_000)),
        format!("set(body.{}, 1)", ["a"; 50_000].join(".")),
        format!("set(body, {})", "X".repeat(100_000)),
        "set(body, IsMatch(body, \"((a{1000}){1000}){1000}\"))".to_owned(),
        format!("set(body, IsMatch(body, \"{}\"))", "(".repeat(100_000)),
        format!("set(body, IsMatch(body, \"{}\"))", "[a-z]{1000}".repeat(1000)),
        format!("replace_match(body, \"{}\", \"x\")", "{".repeat(100_000)),
        format!("set(body, GetXML(body, \"{}\"))", "(".repeat(100_000)),
        format!("set(body, GetXML(body, \"{}\"))", "//a[".repeat(100_000)),
        format!("set(body, Time(body, \"{}\"))", "%Q".repeat(100_000)),
    ] {
        assert!(load(&text).is_some(), "{:?}", &text[..60]);
    }
}

#[test]
fn long_texts_that_are_right_load() {
    let many = |item: &str, by: &str, count: usize| vec![item; count].join(by);
    for text in [
        format!("set(body, [{}])", many("1", ",", 50_000)),
        format!("set(body, {})", many("1", " + ", 50_000)),
        format!(
            "set(body, 1) where {}true{}",
            "Any([1], (k, v) => true and ".repeat(40),
            ")".repeat(40)
        ),
        format!("set(body, 1) where {}", many("body == 1", " or ", 5_000)),
        format!("set(body, \"{}\")", "x".repeat(100_000)),
        format!(
            "set(body, {{{}}})",
            (0..10_000).map(|key| format!("\"k{key}\": 1")).collect::<Vec<_>>().join(",")
        ),
    ] {
        assert_eq!(load(&text), None, "{:?}", &text[..60]);
    }
}

#[test]
fn thousands_of_statements_load_and_run() {
    let begin = Instant::now();
    let statements = (0..5_000).map(|it| {
        format!("set(log.attributes[\"k{}\"], {it}) where log.body == \"x{it}\"", it % 50)
    });
    let group = Group { statements: statements.collect(), ..Group::default() };
    assert!(transform(Signal::Logs, &[group], false).is_ok());
    assert!(begin.elapsed() < SOON);
}
