//! Spans out of OTLP/JSON, with the little that is shown of them.

use serde_json::Value;

use crate::query::json::{attributes, list, number, text};

/// A span as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) service: String,
    pub(super) name: String,
    /// `SpanKind` as a number.
    pub(super) kind: u64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    /// `Status.code` as a number.
    pub(super) status: u64,
    pub(super) status_message: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) events: Vec<Event>,
}

/// What happened within a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) time_ns: u64,
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// The spans of an answer, in its order.
pub(super) fn of(answer: &Value) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in list(&answer["result"]["resourceSpans"]) {
        let attributes = attributes(&resource["resource"]["attributes"]);
        let service = attributes.into_iter().find(|(key, _)| key == "service.name");
        let service = service.map(|(_, name)| name).unwrap_or_default();
        for scope in list(&resource["scopeSpans"]) {
            spans.extend(list(&scope["spans"]).iter().map(|json| span(&service, json)));
        }
    }
    spans
}

fn span(service: &str, json: &Value) -> Span {
    Span {
        trace: text(&json["traceId"]),
        id: text(&json["spanId"]),
        parent: text(&json["parentSpanId"]),
        service: service.to_owned(),
        name: text(&json["name"]),
        kind: number(&json["kind"]),
        start_ns: number(&json["startTimeUnixNano"]),
        end_ns: number(&json["endTimeUnixNano"]),
        status: number(&json["status"]["code"]),
        status_message: text(&json["status"]["message"]),
        attributes: attributes(&json["attributes"]),
        events: list(&json["events"]).iter().map(event).collect(),
    }
}

fn event(json: &Value) -> Event {
    Event {
        time_ns: number(&json["timeUnixNano"]),
        name: text(&json["name"]),
        attributes: attributes(&json["attributes"]),
    }
}
