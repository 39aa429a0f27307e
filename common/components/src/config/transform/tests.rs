//! Which groups the ways to write statements make.

use bytes::Bytes;
use ottl::Time;
use ottl::contexts::Request;
use ottl::program::Runner;

use super::*;
use crate::config::error::Report;
use crate::config::value::parse;

fn program(yaml: &str) -> Program {
    let report = Report::default();
    report.add_file("f");
    let value = parse(yaml, 0, &report).expect("the test's YAML is valid");
    let transform = Transform::read(&Section::new(&value, "processors.transform", &report));
    assert_eq!(report.into_parts().0, [], "{yaml}");
    transform.program(Signal::Logs).expect("there are statements").clone()
}

/// How many of two log records have the attribute that comes out of the cache.
fn cached(yaml: &str) -> usize {
    let json = r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"body": {"stringValue": "first"}}, {"body": {"stringValue": "second"}}]}]}]}"#;
    let mut body = Vec::new();
    otlp::json::read_request(Signal::Logs, json.as_bytes(), 1 << 16, &mut body).expect("OTLP");
    let now = Time::from_unix_nano(0);
    let run =
        program(yaml).run(&mut Runner::default(), &Bytes::from(body), &Request::default(), &now);
    let body = run.expect("nothing fails").body;
    body.windows(6).filter(|bytes| *bytes == b"cached").count()
}

#[test]
fn a_cache_is_one_records_unless_its_group_says_otherwise() {
    let statements = r#"['set(log.cache["a"], "cached") where log.body == "first"', 'set(log.attributes["a"], log.cache["a"])']"#;
    let group =
        |more: &str| cached(&format!("log_statements: [{{statements: {statements}{more}}}]"));
    assert_eq!(cached(&format!("log_statements: {statements}")), 1);
    assert_eq!(group(""), 1);
    assert_eq!(group(", shared_cache: true"), 2);
}
