//! Properties as conditions, their mistakes, and that each condition is one of the language.

use otlp::Signal;

use super::*;
use crate::config::filter::Filter;
use crate::testing::section;

fn read(yaml: &str, signal: Signal, dialect: Dialect) -> (Option<String>, String) {
    let (condition, errors, _) = section(yaml, "x", |section| left_out(section, signal, dialect));
    (condition, format!("{errors:?}"))
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
        r#"not ((String(resource.attributes["service.name"]) == "a" or String(resource.attributes["service.name"]) == "b") and span.name == "x\"y")"#,
    );
    check(
        "exclude: { match_type: regexp, span_names: ['^GET \\d+'], resources: [{ key: env, value: p.* }] }",
        Signal::Traces,
        any,
        r#"((span.name != nil and IsMatch(span.name, "^GET \\d+")) and ((IsString(resource.attributes["env"]) or IsBool(resource.attributes["env"]) or IsInt(resource.attributes["env"]) or IsDouble(resource.attributes["env"])) and IsMatch(resource.attributes["env"], "p.*")))"#,
    );
    check(
        "{ include: { match_type: strict, attributes: [{ key: a }, { key: n, value: 3 }] }, \
         exclude: { match_type: strict, libraries: [{ name: l, version: '1' }] } }",
        Signal::Traces,
        any,
        r#"not (span.attributes["a"] != nil and (IsInt(span.attributes["n"]) and span.attributes["n"] == 3)) or ((scope.name == "l" and scope.version == "1"))"#,
    );
    check(
        "include: { attributes: [{ key: a }] }",
        Signal::Logs,
        any,
        r#"not (log.attributes["a"] != nil)"#,
    );
    check(
        "include: { match_type: regexp, services: ['svc$', '^.*$'] }",
        Signal::Traces,
        any,
        r#"not (((String(resource.attributes["service.name"]) != nil and IsMatch(String(resource.attributes["service.name"]), "svc$")) or (String(resource.attributes["service.name"]) != nil and IsMatch(String(resource.attributes["service.name"]), "^.*$")) or resource.attributes["service.name"] == nil))"#,
    );
    check(
        "exclude: { severity_number: { min: warn2, match_undefined: true } }",
        Signal::Logs,
        filter,
        "((log.severity_number == 0 or (log.severity_number != 0 and log.severity_number >= 14)))",
    );
    check(
        "include: { log_severity_number: { min: 0 } }",
        Signal::Logs,
        any,
        "not ((log.severity_number != 0 and log.severity_number >= 0))",
    );
    check(
        "include: { match_type: regexp, bodies: ['^GET'], severity_texts: [W.*] }",
        Signal::Logs,
        filter,
        r#"not ((log.severity_text != nil and IsMatch(log.severity_text, "W.*")) and (log.body.string != nil and IsMatch(log.body.string, "^GET")))"#,
    );
    let metrics =
        "{ match_type: strict, metric_names: [m], resource_attributes: [{ key: k, value: true }] }";
    check(
        &format!("exclude: {metrics}"),
        Signal::Metrics,
        filter,
        r#"(metric.name == "m" or resource.attributes["k"] == true)"#,
    );
    check(
        &format!("include: {metrics}"),
        Signal::Metrics,
        filter,
        r#"not (metric.name == "m" and resource.attributes["k"] == true)"#,
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
    let expressions = "include: { match_type: expr, expressions: ['HasLabel(\"a\")'] }";
    check(expressions, Signal::Metrics, filter, "not built in yet");
    check("include: { match_type: strict, services: [] }", Signal::Traces, any, "no property");
    let pattern = "include: { match_type: regexp, attributes: [{ key: a, value: 3 }] }";
    check(pattern, Signal::Traces, any, "expected a text");
    let name = "include: { log_severity_number: { min: WARN } }";
    check(name, Signal::Logs, any, "expected a whole number");
    let severity = "exclude: { match_type: strict, severity_number: { min: LOUD } }";
    check(severity, Signal::Logs, filter, "expected a severity");
    check("include: { match_type: strict, colours: [red] }", Signal::Logs, filter, "unknown");
}

/// A filter's errors and warnings.
fn filter_of(yaml: &str) -> (Filter, String, String) {
    let (filter, errors, warnings) = section(yaml, "processors.filter", Filter::read);
    (filter, format!("{errors:?}"), format!("{warnings:?}"))
}

#[test]
fn a_filter_takes_them() {
    let check = |yaml: &str, signal: Signal| {
        let (filter, errors, warnings) = filter_of(yaml);
        assert_eq!((errors.as_str(), warnings.as_str()), ("[]", "[]"), "{yaml}");
        assert!(filter.program(signal).is_some(), "{yaml}");
    };
    let kinds = "spans: { exclude: { match_type: strict, span_kinds: [SPAN_KIND_SERVER], \
                 libraries: [{ name: l }] } }\ntraces: {}";
    check(kinds, Signal::Traces);
    let logs = "logs: { include: { match_type: regexp, bodies: ['a\\\\.b'], record_attributes: \
                [{ key: k, value: v }] }, exclude: { match_type: strict, bodies: [a] } }";
    check(logs, Signal::Logs);
    check("metrics: { include: { match_type: strict, metric_names: [m, n] } }", Signal::Metrics);
    let cached = "metrics: { regexp: { cacheenabled: true }, include: { match_type: regexp, \
                  regexp: { cacheenabled: true, cachemaxnumentries: 3 }, metric_names: [m] } }";
    check(cached, Signal::Metrics);
    check("logs: {}\nlog_conditions: ['log.body == nil']", Signal::Logs);
    for nothing in
        ["metrics: { include: { match_type: expr } }", "logs: { include: { match_type: strict } }"]
    {
        assert_eq!(filter_of(nothing).1, "[]", "{nothing}");
    }
}

#[test]
fn a_filter_is_written_in_one_way_per_signal() {
    let refuses = |yaml: &str, expect: &str| {
        let (_, errors, _) = filter_of(yaml);
        assert!(errors.contains(expect), "{yaml}: {errors}");
    };
    let spans = "spans: { include: { match_type: strict, span_names: [a] } }";
    refuses(&format!("{spans}\ntraces: {{ span: ['name == \"x\"'] }}"), "beside spans");
    let logs = "exclude: { match_type: strict, bodies: [a] }";
    refuses(
        &format!("logs: {{ {logs}, log_record: ['body == nil'] }}"),
        "beside include or exclude",
    );
    refuses(&format!("logs: {{ {logs} }}\nlog_conditions: ['log.body == nil']"), "both logs and");
    let list = "trace_conditions: ['span.name == \"x\"']";
    refuses(&format!("{list}\ntraces: {{ spanevent: ['name == \"x\"'] }}"), "both traces and");
    refuses("spans: { include: { match_type: strict, log_bodies: [a] } }", "no property of spans");
    refuses("trace_conditions: ['span.name == nil', IsRootSpan()]", "trace_conditions[1]");
    let (filter, errors, warnings) = filter_of(&format!("{list}\n{spans}"));
    assert_eq!(errors, "[]");
    assert!(warnings.contains("without effect"), "{warnings}");
    assert!(filter.program(Signal::Traces).is_some());
}
