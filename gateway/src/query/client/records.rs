//! Log records and metric points for people: one a line, newest first.

use std::fmt::Write;

use components::time;
use serde_json::Value;

use super::show::clean;
use crate::query::json::{attributes, list, number, text, value_text};

/// The kinds of data of a metric.
const DATA: [&str; 5] = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];

/// Time, severity, service, body and attributes of log records.
pub(super) fn logs(answer: &Value) -> String {
    let mut out = String::new();
    each(answer, ["resourceLogs", "scopeLogs", "logRecords"], |service, record| {
        let at = match number(&record["timeUnixNano"]) {
            0 => number(&record["observedTimeUnixNano"]),
            at => at,
        };
        let severity = match text(&record["severityText"]) {
            empty if empty.is_empty() => number(&record["severityNumber"]).to_string(),
            severity => severity,
        };
        let event = text(&record["eventName"]);
        let body = value_text(&record["body"]);
        let what = [event, body].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>();
        line(&mut out, at, &severity, service, &what.join(" "), &record["attributes"]);
    });
    out
}

/// Time, kind, service, name, value and attributes of points.
pub(super) fn metrics(answer: &Value) -> String {
    let mut out = String::new();
    each(answer, ["resourceMetrics", "scopeMetrics", "metrics"], |service, metric| {
        for kind in DATA {
            for point in list(&metric[kind]["dataPoints"]) {
                let at = number(&point["timeUnixNano"]);
                let name = text(&metric["name"]);
                let value = value(point);
                let what = format!("{name} = {value} {}", text(&metric["unit"]));
                line(&mut out, at, kind, service, what.trim_end(), &point["attributes"]);
            }
        }
    });
    out
}

fn each(answer: &Value, names: [&str; 3], mut see: impl FnMut(&str, &Value)) {
    for resource in list(&answer[names[0]]) {
        let attributes = attributes(&resource["resource"]["attributes"]);
        let service = attributes.into_iter().find(|(key, _)| key == "service.name");
        let service = service.map(|(_, name)| name).unwrap_or_default();
        for scope in list(&resource[names[1]]) {
            list(&scope[names[2]]).iter().for_each(|record| see(&service, record));
        }
    }
}

fn line(out: &mut String, at: u64, kind: &str, service: &str, what: &str, attrs: &Value) {
    let (kind, service, what) = (clean(kind), clean(service), clean(what));
    write!(out, "{}  {kind}  {service}: {what}", time::format(at))
        .expect("writing to memory cannot fail");
    for (key, value) in attributes(attrs) {
        write!(out, "  {}={}", clean(&key), clean(&value)).expect("writing to memory cannot fail");
    }
    out.push('\n');
}

/// The value of a number point, else count and sum.
fn value(point: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (&point["asInt"], &point["asDouble"]) {
        (Value::Null, Value::Null) => {
            let count = number(&point["count"]);
            match &point["sum"] {
                Value::Null => format!("{count} values"),
                sum => format!("{count} values, sum {}", plain(sum)),
            }
        }
        (Value::Null, double) => plain(double),
        (int, _) => plain(int),
    }
}
