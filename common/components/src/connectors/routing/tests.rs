//! Tables from the Collector's documentation and the corners of it, on one request of two tenants.

use bytes::Bytes;
use otlp::view::{Any, resources};
use ottl::contexts::{Headers, Request};

use super::*;
use crate::config::error::Error;
use crate::testing::{self, section};

fn read(yaml: &str) -> (Settings, Vec<Error>, Vec<Error>) {
    section(yaml, "connectors.routing", Settings::read)
}

/// Tenants `acme` and `ecorp`, each with the spans `get` and `put`.
fn request() -> Bytes {
    let resource = |tenant: &str| {
        format!(
            r#"{{"resource": {{"attributes": [{{"key": "tenant", "value": {{"stringValue": "{tenant}"}}}}]}},
            "scopeSpans": [{{"spans": [{{"name": "get"}}, {{"name": "put"}}]}}]}}"#
        )
    };
    let json = format!(r#"{{"resourceSpans": [{}, {}]}}"#, resource("acme"), resource("ecorp"));
    testing::request(Signal::Traces, &json)
}

/// The spans of a piece: `tenant:name`.
fn spans(body: &[u8]) -> String {
    let mut texts = Vec::new();
    for resource in resources(body) {
        let resource = resource.expect("sound");
        let tenant = match resource.attributes().find("tenant").expect("sound") {
            Some(Any::Text(tenant)) => tenant,
            _ => "-",
        };
        for scope in resource.scopes() {
            for span in scope.expect("sound").spans() {
                texts.push(format!("{tenant}:{}", span.expect("sound").name));
            }
        }
    }
    texts.join(" ")
}

/// What each place gets of the request, and how many spans go nowhere.
fn divided(yaml: &str, headers: &[(&str, &str)]) -> Result<(Vec<String>, u64), String> {
    let (settings, errors, _) = read(yaml);
    assert_eq!(errors, [], "{yaml}");
    let table = Table::compile(&settings, Signal::Traces).expect("rows for traces");
    let metadata = Headers::of(headers.iter().copied());
    let request_of = Request { metadata, ..Request::default() };
    let divided = divide(&table, &request(), &request_of, &Time::from_unix_nano(0))?;
    let piece = |piece: &divide::Piece| {
        format!("{} <- {}", table.places()[piece.place].join("+"), spans(&piece.body))
    };
    Ok((divided.pieces.iter().map(piece).collect(), divided.lost))
}

#[track_caller]
fn check(rows: &[&str], more: &str, expect: &[&str], lost: u64) {
    let yaml = format!("table: [{}]\n{more}", rows.join(", "));
    let headers = [("x-tenant", "acme"), ("x-tenant", "other")];
    assert_eq!(
        divided(&yaml, &headers),
        Ok((expect.iter().map(|text| (*text).to_owned()).collect(), lost)),
        "{yaml}"
    );
}

const DEFAULT: &str = "default_pipelines: [traces/rest]";

#[test]
fn the_first_row_wins_and_the_rest_goes_to_the_default() {
    let acme = r#"{condition: 'attributes["tenant"] == "acme"', pipelines: [traces/a, traces/b]}"#;
    check(
        &[acme],
        DEFAULT,
        &["traces/a+traces/b <- acme:get acme:put", "traces/rest <- ecorp:get ecorp:put"],
        0,
    );
    check(&[acme], "", &["traces/a+traces/b <- acme:get acme:put"], 2);
    let all = r#"{condition: "true", pipelines: [traces/c]}"#;
    check(
        &[acme, all],
        DEFAULT,
        &["traces/a+traces/b <- acme:get acme:put", "traces/c <- ecorp:get ecorp:put"],
        0,
    );
    let copy = r#"{condition: "true", action: copy, pipelines: [traces/c]}"#;
    check(
        &[copy, acme],
        "",
        &[
            "traces/c <- acme:get acme:put ecorp:get ecorp:put",
            "traces/a+traces/b <- acme:get acme:put",
        ],
        2,
    );
}

#[test]
fn a_row_is_for_the_context_that_its_paths_name() {
    let get = r#"{condition: 'span.name == "get"', pipelines: [traces/a]}"#;
    let rest = "traces/rest <- acme:put ecorp:put";
    check(&[get], DEFAULT, &["traces/a <- acme:get ecorp:get", rest], 0);
    let get = r#"{context: span, condition: 'name == "get"', pipelines: [traces/a]}"#;
    check(&[get], DEFAULT, &["traces/a <- acme:get ecorp:get", rest], 0);
    let roots = "{context: span, condition: IsRootSpan(), pipelines: [traces/a]}";
    check(&[roots], "", &["traces/a <- acme:get acme:put ecorp:get ecorp:put"], 0);
    let both = r#"{context: "", condition: 'span.name == "get" and resource.attributes["tenant"] == "acme"', pipelines: [traces/a]}"#;
    check(&[both], "", &["traces/a <- acme:get"], 3);
}

#[test]
fn headers_are_compared_value_by_value() {
    let all = "traces/a <- acme:get acme:put ecorp:get ecorp:put";
    for (condition, holds) in [
        (r#"request["X-Tenant"] == "acme""#, true),
        (r#"request["X-Tenant"] == "other""#, true),
        (r#"request["X-Tenant"] != "acme""#, true),
        (r#"request["X-Tenant"] == "none""#, false),
        (r#"request["Y"] != "acme""#, false),
    ] {
        let row = format!("{{context: request, condition: '{condition}', pipelines: [traces/a]}}");
        match holds {
            true => check(&[&row], "", &[all], 0),
            false => check(&[&row], "", &[], 4),
        }
    }
    let metadata =
        r#"{condition: 'otelcol.client.metadata["X-Tenant"][0] == "acme"', pipelines: [traces/a]}"#;
    check(&[metadata], "", &[all], 0);
}

#[test]
fn a_statement_may_take_attributes_out() {
    let out =
        r#"statement: 'delete_key(attributes, "tenant") where attributes["tenant"] == "acme"'"#;
    let moves = format!("{{{out}, pipelines: [traces/a]}}");
    check(
        &[&moves],
        DEFAULT,
        &["traces/a <- -:get -:put", "traces/rest <- ecorp:get ecorp:put"],
        0,
    );
    let copies = format!("{{{out}, action: copy, pipelines: [traces/a]}}");
    check(
        &[&copies, r#"{condition: 'attributes["tenant"] == "acme"', pipelines: [traces/b]}"#],
        DEFAULT,
        &["traces/a <- -:get -:put", "traces/rest <- -:get -:put ecorp:get ecorp:put"],
        0,
    );
    let every = "{statement: route(), pipelines: [traces/a]}";
    check(&[every], "", &["traces/a <- acme:get acme:put ecorp:get ecorp:put"], 0);
}

#[test]
fn what_fails_refuses_or_does_not_match() {
    let fails =
        r#"{context: span, condition: 'Int(ParseJSON(name)["a"]) == 1', pipelines: [traces/a]}"#;
    let yaml = format!("table: [{fails}]\n{DEFAULT}");
    assert!(divided(&yaml, &[]).is_err(), "propagate is the default");
    for mode in ["ignore", "silent"] {
        let more = format!("error_mode: {mode}\n{DEFAULT}");
        check(&[fails], &more, &["traces/rest <- acme:get acme:put ecorp:get ecorp:put"], 0);
    }
}

#[test]
fn a_table_says_what_is_wrong_with_it() {
    let check = |yaml: &str, expect: &[&str]| {
        let (_, errors, warnings) = read(yaml);
        let lines: Vec<String> = errors.iter().chain(&warnings).map(Error::to_string).collect();
        assert_eq!(lines.len(), expect.len(), "{yaml}: {lines:?}");
        for (line, part) in lines.iter().zip(expect) {
            assert!(line.contains(part), "{part} not in {line}");
        }
    };
    check("{}", &["table: missing"]);
    let row = |row: &str| format!("table: [{{{row}, pipelines: [traces/a]}}]");
    check(&row("condition: 'true', statement: route()"), &["table[0].statement: bad_value: both"]);
    check(&row("condition: ''"), &["table[0].condition: missing"]);
    check(&row("context: spam, condition: 'true'"), &["table[0].context: bad_value"]);
    check(&row("context: request, statement: route()"), &["table[0].statement: bad_value: a st"]);
    check(&row("context: request, condition: 'true'"), &["table[0].condition: bad_value"]);
    check(&row("statement: 'set(name, 1)'"), &["table[0].statement: bad_value"]);
    check(&row("condition: span.nam == 1"), &["at 1:"]);
    check("table: [{condition: 'true'}]", &["table[0].pipelines: missing"]);
    check(
        &format!("match_once: true\n{}", row("condition: 'true'")),
        &["match_once: bad_value: gone"],
    );
    let twice = "{condition: 'true', pipelines: [traces/a]}";
    let thrice = "{statement: route() where true, pipelines: [traces/b]}";
    check(
        &format!("table: [{twice}, {twice}, {thrice}]"),
        &["table[1]: unused: the same as", "table[2]: unused: the same as"],
    );
    let header = |name| {
        format!(
            "{{context: request, condition: 'request[\"{name}\"] == \"\"', pipelines: [traces/a]}}"
        )
    };
    check(&format!("table: [{}, {}]", header("A"), header("a")), &[]);
}

/// The records of each piece and those that go nowhere.
fn counted(yaml: &str, signal: Signal, body: &Bytes) -> Result<(Vec<u64>, u64), String> {
    let (settings, errors, _) = read(yaml);
    assert_eq!(errors, [], "{yaml}");
    let table = Table::compile(&settings, signal).expect("rows for the signal");
    let divided = divide(&table, body, &Request::default(), &Time::from_unix_nano(0))?;
    Ok((divided.pieces.iter().map(|piece| piece.records).collect(), divided.lost))
}

#[test]
fn a_row_for_points_sees_the_metric_with_all_of_them() {
    let body = testing::request(
        Signal::Metrics,
        r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "one", "gauge": {"dataPoints": [{"asInt": "1"}]}},
            {"name": "two", "gauge": {"dataPoints": [{"asInt": "1"}, {"asInt": "2"}]}}]}]}]}"#,
    );
    let row =
        "{context: datapoint, condition: Len(metric.data_points) == 2, pipelines: [metrics/a]}";
    assert_eq!(counted(&format!("table: [{row}]"), Signal::Metrics, &body), Ok((vec![2], 1)));
}

#[test]
fn rows_that_move_records_leave_nothing_empty_to_the_rows_behind() {
    let body = Bytes::from([request(), Bytes::from_static(&[0x0a, 0])].concat());
    let table = |rows: &[&str]| format!("table: [{}]", rows.join(", "));
    let spans = "{context: span, condition: 'name == \"none\"', pipelines: [traces/a]}";
    let tenants =
        "{context: resource, condition: 'Len(attributes[\"tenant\"]) > 0', pipelines: [traces/b]}";
    assert_eq!(counted(&table(&[spans, tenants]), Signal::Traces, &body), Ok((vec![4], 0)));
    let copied = spans.replace("pipelines", "action: copy, pipelines");
    for rows in [&[tenants][..], &[&copied, tenants]] {
        assert!(counted(&table(rows), Signal::Traces, &body).is_err(), "the empty one fails");
    }
}
