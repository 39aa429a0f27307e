//! Properties as conditions, their mistakes, and that each condition is one of the language.

use otlp::Signal;

use super::*;
use crate::config::error::Report;
use crate::config::filter::Filter;
use crate::config::value::parse;

fn read(yaml: &str, signal: Signal, dialect: Dialect) -> (Option<String>, String) {
    let report = Report::default();
    report.add_file("f");
    let value = parse(yaml, 0, &report).expect("the test's YAML is valid");
    let condition = left_out(&Section::new(&value, "x", &report), signal, dialect);
    (condition, format!("{:?}", report.into_parts().0))
}

#[test]
fn properties_are_conditions() {
    let check = |yaml: &str, signal: Signal, dialect: Dialect, expect: &str| {
        let (condition, errors) = read(yaml, signal, dialect);
        assert_eq!((condition.as_deref(), errors.as_str()), (Some(expect), "[]"), "{yaml}");
    };
    let (any, filter) = (Dialect::Any, Dialect::Filter);
    check(
        "include: { match_type: strict, services: [a, b], span_names: ['x\"y'] }",
        Signal::Traces,
        any,
        r#"not ((resource.attributes["service.name"] == "a" or resource.attributes["service.name"] == "b") and span.name == "x\"y")"#,
    );
    check(
        "exclude: { match_type: regexp, span_names: ['^GET \\d+'], resources: [{ key: env, value: p.* }] }",
        Signal::Traces,
        any,
        r#"((span.name != nil and IsMatch(span.name, "^GET \\d+")) and (resource.attributes["env"] != nil and IsMatch(resource.attributes["env"], "p.*")))"#,
    );
    check(
        "{ include: { match_type: strict, attributes: [{ key: a }, { key: n, value: 3 }] }, \
         exclude: { match_type: strict, libraries: [{ name: l, version: '1' }] } }",
        Signal::Traces,
        any,
        r#"not (span.attributes["a"] != nil and span.attributes["n"] == 3) or ((scope.name == "l" and scope.version == "1"))"#,
    );
    check(
        "exclude: { severity_number: { min: warn2, match_undefined: true } }",
        Signal::Logs,
        filter,
        "((log.severity_number == 0 or (log.severity_number != 0 and log.severity_number >= 14)))",
    );
    check(
        "include: { match_type: regexp, bodies: ['^GET'], severity_texts: [W.*] }",
        Signal::Logs,
        filter,
        r#"not ((log.severity_text != nil and IsMatch(log.severity_text, "W.*")) and (IsString(log.body) and (log.body != nil and IsMatch(log.body, "^GET"))))"#,
    );
    check(
        "exclude: { match_type: strict, metric_names: [m], resource_attributes: [{ key: k, value: true }] }",
        Signal::Metrics,
        filter,
        r#"(metric.name == "m" and resource.attributes["k"] == true)"#,
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |yaml: &str, signal: Signal, dialect: Dialect, expect: &str| {
        let (_, errors) = read(yaml, signal, dialect);
        assert!(errors.contains(expect), "{yaml}: {errors}");
    };
    let (any, filter) = (Dialect::Any, Dialect::Filter);
    check("include: { services: [a] }", Signal::Traces, any, "x.include.match_type");
    check("include: { match_type: glob }", Signal::Traces, any, "glob");
    check("include: { match_type: strict }", Signal::Traces, any, "no property");
    check(
        "include: { match_type: strict, span_kinds: [server] }",
        Signal::Traces,
        any,
        "SPAN_KIND",
    );
    check("include: { match_type: expr }", Signal::Metrics, filter, "not built in yet");
    let severity = "exclude: { match_type: strict, severity_number: { min: LOUD } }";
    check(severity, Signal::Logs, filter, "expected a severity");
    check("include: { match_type: strict, colours: [red] }", Signal::Logs, filter, "unknown");
}

#[test]
fn a_filter_takes_them_beside_conditions() {
    let check = |yaml: &str, signal: Signal| {
        let report = Report::default();
        report.add_file("f");
        let value = parse(yaml, 0, &report).expect("the test's YAML is valid");
        let filter = Filter::read(&Section::new(&value, "processors.filter", &report));
        assert_eq!(format!("{:?}", report.into_parts().0), "[]", "{yaml}");
        assert!(filter.program(signal).is_some(), "{yaml}");
    };
    let kinds = "spans: { exclude: { match_type: strict, span_kinds: [SPAN_KIND_SERVER], \
                 libraries: [{ name: l }] } }\ntraces: { spanevent: ['name == \"x\"'] }";
    check(kinds, Signal::Traces);
    let logs = "logs: { include: { match_type: regexp, bodies: ['a\\\\.b'], record_attributes: \
                [{ key: k, value: v }] }, log_record: ['severity_number < 9'] }";
    check(logs, Signal::Logs);
    check("metrics: { include: { match_type: strict, metric_names: [m, n] } }", Signal::Metrics);
}
