//! OTLP's spans as Jaeger's.
//!
//! What a Jaeger span has no place for becomes a tag by the rules of the OpenTelemetry
//! specification ("Jaeger" under "Trace exporters", and "OTLP to non-OTLP formats"): the scope,
//! the kind, the status, the trace state. Dropped counts, schema URLs and flags have none.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::{DecodeError, Message};
use serde_json::{Map, Number, Value};

use ottl::json::hex;

use super::shapes::{Log, Process, Reference, Span, Tag, Trace};
use crate::store::{TraceId, span_kind};

/// What Jaeger calls a service whose resource does not name it.
const NO_SERVICE: &str = "missing-service-name";
/// The largest whole number that every reader of JSON keeps exactly.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// The trace in stored requests that hold only its spans.
pub(super) fn trace(id: &TraceId, requests: &[Bytes]) -> Result<Trace, DecodeError> {
    let mut spans = Vec::new();
    let mut processes = Map::new();
    let mut numbers = HashMap::new();
    for request in requests {
        for resource in ExportTraceServiceRequest::decode(&request[..])?.resource_spans {
            let process = process(resource.resource.unwrap_or_default());
            let process = serde_json::to_value(process).expect("a process is JSON");
            let next = numbers.len() + 1;
            let number = *numbers.entry(process.to_string()).or_insert(next);
            processes.entry(process_id(number)).or_insert(process);
            for scope in resource.scope_spans {
                let tags = scope_tags(scope.scope.as_ref());
                spans.extend(scope.spans.into_iter().map(|one| span(one, &tags, number)));
            }
        }
    }
    Ok(Trace { trace_id: trace_id(id), spans, processes, warnings: None })
}

fn process_id(number: usize) -> String {
    format!("p{number}")
}

fn process(resource: Resource) -> Process {
    let mut service_name = NO_SERVICE.to_owned();
    let mut tags = Vec::new();
    for attribute in resource.attributes {
        match tag(attribute) {
            Tag { key, value: Value::String(name), .. } if key == "service.name" => {
                service_name = name;
            }
            tag => tags.push(tag),
        }
    }
    Process { service_name, tags }
}

fn scope_tags(scope: Option<&InstrumentationScope>) -> Vec<Tag> {
    let Some(scope) = scope else { return Vec::new() };
    let texts = [("otel.scope.name", &scope.name), ("otel.scope.version", &scope.version)];
    let written = texts.into_iter().filter(|(_, text)| !text.is_empty());
    written.map(|(key, text)| Tag::text(key, text)).collect()
}

fn span(span: otlp::Span, scope: &[Tag], process: usize) -> Span {
    let references = references(&span);
    let mut tags = scope.to_vec();
    let own = own_tags(&span);
    tags.extend(span.attributes.into_iter().map(tag));
    tags.extend(own);
    Span {
        trace_id: trace_id(&span.trace_id),
        span_id: hex(&span.span_id),
        operation_name: span.name,
        references,
        start_time: span.start_time_unix_nano / 1000,
        duration: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) / 1000,
        tags,
        logs: span.events.into_iter().map(log).collect(),
        process_id: process_id(process),
        warnings: None,
    }
}

/// The span's own fields that are tags here.
fn own_tags(span: &otlp::Span) -> Vec<Tag> {
    let mut tags = Vec::new();
    if let Some(kind) = span_kind(span.kind) {
        tags.push(Tag::text("span.kind", kind));
    }
    let status = span.status.clone().unwrap_or_default();
    match status.code {
        1 => tags.push(Tag::text("otel.status_code", "OK")),
        2 => {
            tags.push(Tag::text("otel.status_code", "ERROR"));
            tags.push(Tag { key: "error".to_owned(), kind: "bool", value: true.into() });
        }
        _ => {}
    }
    if !status.message.is_empty() {
        tags.push(Tag::text("otel.status_description", status.message));
    }
    if !span.trace_state.is_empty() {
        tags.push(Tag::text("w3c.tracestate", &span.trace_state));
    }
    tags
}

/// The parent first, unless a link to it says what it is.
fn references(span: &otlp::Span) -> Vec<Reference> {
    let reference = |kind, trace: &[u8], id: &[u8]| Reference {
        ref_type: kind,
        trace_id: trace_id(trace),
        span_id: hex(id),
    };
    let mut references = Vec::new();
    if !is_zero(&span.parent_span_id) {
        references.push(reference("CHILD_OF", &span.trace_id, &span.parent_span_id));
    }
    for link in &span.links {
        let linked = reference(kind_of(link), &link.trace_id, &link.span_id);
        let is_parent = !is_zero(&span.parent_span_id)
            && link.trace_id == span.trace_id
            && link.span_id == span.parent_span_id;
        match is_parent {
            true => references[0] = linked,
            false => references.push(linked),
        }
    }
    references
}

/// A link follows from what it links to, unless it says otherwise.
fn kind_of(link: &otlp::span::Link) -> &'static str {
    let says = |attribute: &&KeyValue| attribute.key == "opentracing.ref_type";
    let said = link.attributes.iter().find(says).and_then(|attribute| attribute.value.as_ref());
    match said.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(kind)) if kind == "child_of" => "CHILD_OF",
        _ => "FOLLOWS_FROM",
    }
}

fn log(event: otlp::span::Event) -> Log {
    let names_itself = event.attributes.iter().any(|attribute| attribute.key == "event");
    let name = (!event.name.is_empty() && !names_itself).then(|| Tag::text("event", event.name));
    let fields = name.into_iter().chain(event.attributes.into_iter().map(tag)).collect();
    Log { timestamp: event.time_unix_nano / 1000, fields }
}

fn tag(attribute: KeyValue) -> Tag {
    let (kind, value) = match attribute.value.and_then(|value| value.value) {
        Some(Any::BoolValue(value)) => ("bool", value.into()),
        Some(Any::IntValue(value)) if value.unsigned_abs() > MAX_EXACT => {
            ("int64", value.to_string().into())
        }
        Some(Any::IntValue(value)) => ("int64", value.into()),
        Some(Any::DoubleValue(value)) => ("float64", double(value)),
        Some(Any::BytesValue(value)) => ("binary", STANDARD.encode(value).into()),
        Some(nested @ (Any::ArrayValue(_) | Any::KvlistValue(_))) => {
            ("string", plain(Some(nested)).to_string().into())
        }
        text => ("string", plain(text)),
    };
    Tag { key: attribute.key, kind, value: if value.is_null() { "".into() } else { value } }
}

/// A value as plain JSON: the form in which lists and maps are texts.
fn plain(value: Option<Any>) -> Value {
    match value {
        None => Value::Null,
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(value)) => value.into(),
        Some(Any::IntValue(value)) => value.into(),
        Some(Any::DoubleValue(value)) => double(value),
        Some(Any::BytesValue(value)) => STANDARD.encode(value).into(),
        Some(Any::ArrayValue(list)) => {
            list.values.into_iter().map(|value| plain(value.value)).collect()
        }
        Some(Any::KvlistValue(map)) => {
            let value = |pair: KeyValue| (pair.key, plain(pair.value.and_then(|any| any.value)));
            let mut pairs: Vec<_> = map.values.into_iter().map(value).collect();
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(pairs.into_iter().collect())
        }
        // An index into a table that only profiles have.
        Some(_) => Value::Null,
    }
}

/// A number, a whole one without a point; JSON has no word for those that are none.
fn double(value: f64) -> Value {
    let whole = value as i64;
    if whole.unsigned_abs() <= MAX_EXACT && whole as f64 == value {
        return whole.into();
    }
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

/// An id of 16 bytes as Jaeger writes it: of 64 bits if it has no more.
pub(super) fn trace_id(id: &[u8]) -> String {
    let digits = hex(id);
    let short = digits.get(16..).filter(|_| digits.bytes().take(16).all(|digit| digit == b'0'));
    short.map_or_else(|| digits.clone(), str::to_owned)
}

fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|byte| *byte == 0)
}
