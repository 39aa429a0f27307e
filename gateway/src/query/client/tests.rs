//! The command line and its texts, on answers written down here.

use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    query: QueryArgs,
}

fn args(line: &str) -> QueryArgs {
    let words = ["query"].into_iter().chain(line.split_whitespace());
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).query
}

const NOW_NS: u64 = 1_795_437_296_789_000_000;

#[test]
fn what_is_asked() {
    let check = |line: &str, expect: &str| {
        assert_eq!(path(&args(line).command, NOW_NS).unwrap(), expect, "{line}");
    };
    check("services", "/api/v3/services");
    check("trace 0aF", "/api/v3/traces/0aF");
    check(
        "traces",
        "/api/v3/traces?query.startTimeMin=2026-11-22T12:34:56.789Z\
         &query.startTimeMax=2026-11-23T12:35:56.789Z&query.searchDepth=20",
    );
    check(
        "traces --service a&b --operation GET/\u{e4} --start 15m --end 2026-11-23T12:30:00Z --limit 3",
        "/api/v3/traces?query.startTimeMin=2026-11-23T12:19:56.789Z\
         &query.startTimeMax=2026-11-23T12:30:00.000Z&query.searchDepth=3\
         &query.serviceName=a%26b&query.operationName=GET%2F%C3%A4",
    );
}

#[test]
fn anomalies_are_asked_for_as_logs_are() {
    let path = path(&args("anomalies --start 15m --where x==1").command, NOW_NS).expect("a path");
    assert!(path.starts_with("/api/v1/anomalies?start=2026-11-23T12:19:56.789Z&end="), "{path}");
    assert!(path.ends_with("&limit=100&where=x%3D%3D1"), "{path}");
}

#[test]
fn what_cannot_be_asked() {
    let check = |line: &str, expect: &str, code: u8| {
        let error = path(&args(line).command, NOW_NS).unwrap_err();
        assert!(error.to_string().contains(expect), "{line}: {error}");
        assert_eq!(error.exit_code(), code, "{line}");
    };
    check("logs --start yesterday", "--start: expected a time", 2);
    check("limits --start never", "--start: expected a time", 2);
    check("trace xyz", "expected up to 32 hexadecimal digits", 2);
    check("traces --start yesterday", "--start: expected a time", 2);
    assert_eq!(args("services --address h:1 --json").address, "h:1");
}

fn answer() -> Value {
    let trace = "0102030405060708090a0b0c0d0e0f10";
    let span = |id: &str, parent: &str, name: &str, start: u64, end: u64| {
        json!({
            "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 2,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
            "attributes": [
                {"key": "n", "value": {"intValue": "7"}},
                {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": true}]}}},
            ],
            "status": {"code": 2, "message": "no\u{1b}[31m"},
        })
    };
    let root = span("01", "", "buy", NOW_NS, NOW_NS + 12_345_678);
    let child = span("02", "01", "pay", NOW_NS + 1_000_000, NOW_NS + 2_000_000);
    let circle = [
        span("03", "04", "a", NOW_NS + 3, NOW_NS + 3),
        span("04", "03", "b", NOW_NS + 4, NOW_NS + 4),
    ];
    let resource = |service: &str, spans: &[Value]| {
        let name = json!({"key": "service.name", "value": {"stringValue": service}});
        json!({"resource": {"attributes": [name]}, "scopeSpans": [{"spans": spans}]})
    };
    json!({"result": {"resourceSpans":
        [resource("bank", &[child]), resource("shop", &[root]), resource("x", &circle)]}})
}

#[test]
fn a_list_names_the_root() {
    let expect = "0102030405060708090a0b0c0d0e0f10  2026-11-23T12:34:56.789Z  12.35ms  4 spans  \
                  shop: buy\n";
    assert_eq!(show::list(&spans::of(&answer())), expect);
    assert_eq!(show::list(&[]), "");
}

#[test]
fn a_tree_is_indented_and_harmless() {
    let text = show::tree(&spans::of(&answer()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "shop: buy  12.35ms  +0.00ns  server  ERROR no\\u{1b}[31m  01");
    assert_eq!(lines[2], "    n = 7");
    assert_eq!(lines[3], "    list = {\"values\":[{\"boolValue\":true}]}");
    assert_eq!(lines[4], "  bank: pay  1.00ms  +1.00ms  server  ERROR no\\u{1b}[31m  02");
    assert_eq!(lines.len(), 1 + 4 * 3, "the circle is shown, each span once:\n{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn services_are_lines() {
    assert_eq!(show::services(&json!({"services": ["a", "b"]})), "a\nb\n");
}
