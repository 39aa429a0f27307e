//! Which groups the ways to write statements make.

use ottl::Time;
use ottl::contexts::Request;
use ottl::program::Runner;

use super::*;
use crate::testing::{request, section};

fn program(yaml: &str) -> Program {
    let (transform, errors, _) = section(yaml, "processors.transform", Transform::read);
    assert_eq!(errors, [], "{yaml}");
    transform.program(Signal::Logs).expect("there are statements").clone()
}

/// How many of two log records have the attribute that comes out of the cache.
fn cached(yaml: &str) -> usize {
    let json = r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"body": {"stringValue": "first"}}, {"body": {"stringValue": "second"}}]}]}]}"#;
    let (body, now) = (request(Signal::Logs, json), Time::from_unix_nano(0));
    let run = program(yaml).run(&mut Runner::default(), &body, &Request::default(), &now);
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
