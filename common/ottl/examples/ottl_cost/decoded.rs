//! The same work as everybody does it: decode, change, encode.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message as _;

use super::METHOD;
use super::request::text;

/// The request without the spans of a method.
pub(crate) fn without(body: &Bytes, method: &str) -> Bytes {
    with_scopes(body, |scope| scope.spans.retain(|span| !has_method(span, method)))
}

/// The request with an attribute more on some spans.
pub(crate) fn marked(body: &Bytes, is_wanted: impl Fn(&Span) -> bool) -> Bytes {
    with_scopes(body, |scope| {
        for span in scope.spans.iter_mut().filter(|span| is_wanted(span)) {
            span.attributes.push(text("tier", "gold"));
        }
    })
}

fn with_scopes(body: &Bytes, change: impl Fn(&mut ScopeSpans)) -> Bytes {
    let mut owned = ExportTraceServiceRequest::decode(&body[..]).expect("a request");
    owned.resource_spans.iter_mut().flat_map(|it| &mut it.scope_spans).for_each(change);
    owned.encode_to_vec().into()
}

/// Whether a span is of that method.
pub(crate) fn has_method(span: &Span, wanted: &str) -> bool {
    let method = span.attributes.iter().find(|it| it.key == METHOD);
    let value = method.and_then(|it| it.value.as_ref()).and_then(|any| any.value.as_ref());
    matches!(value, Some(Value::StringValue(text)) if text == wanted)
}
