//! The data: spans of ten attributes as services make them, one in twenty a DELETE, one in ten a PATCH.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

const RESOURCES: usize = 3;
/// How many spans there are.
pub(crate) const SPANS: usize = 1000;
/// The name of one span in ten.
pub(crate) const RARE: &str = "PATCH /v2/carts/{cart}/items";

/// All of it as one request under three resources.
pub(crate) fn request() -> Bytes {
    let resource = |number: usize| {
        let attributes = vec![
            text("service.version", "2.14.1"),
            text("service.name", &format!("shop-{number}")),
            text("host.name", &format!("node-{number}.eu-central-1.internal")),
        ];
        let spans = (number..SPANS).step_by(RESOURCES).map(span).collect();
        ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans, ..Default::default() }],
            ..Default::default()
        }
    };
    let resource_spans = (0..RESOURCES).map(resource).collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn span(index: usize) -> Span {
    let (method, name) = match index % 20 {
        0 => ("DELETE", "DELETE /v2/carts/{cart}/items"),
        5 | 15 => ("PATCH", RARE),
        _ => ("POST", "POST /v2/carts/{cart}/items"),
    };
    let start = 1_700_000_000_000_000_000 + index as u64;
    Span {
        trace_id: (index as u128).to_be_bytes().to_vec(),
        span_id: (index as u64).to_be_bytes().to_vec(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        attributes: vec![
            text("server.address", "shop.example.com"),
            text("client.address", &format!("10.0.{}.7", index % 256)),
            text("user_agent.original", "okhttp/4.12.0 (Android 14)"),
            text("http.request.method", method),
            text("url.path", &format!("/v2/carts/{index}/items")),
            text("enduser.id", &format!("{index:016x}")),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("http.response.body.size", Value::IntValue(index as i64)),
            attribute("cart.total", Value::DoubleValue(index as f64)),
            attribute("cart.guest", Value::BoolValue(index.is_multiple_of(2))),
        ],
        ..Default::default()
    }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}
