//! Views against prost's reading of the same bytes, and byte-for-byte copies.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::testing;
use crate::wire::{put_bytes, put_message, put_uint};

fn same_value(view: Any<'_>, owned: Option<&AnyValue>) -> bool {
    use any_value::Value as Owned;
    match (view, owned.and_then(|any| any.value.as_ref())) {
        (Any::Empty, None) => true,
        (Any::Text(view), Some(Owned::StringValue(owned))) => view == owned,
        (Any::Bool(view), Some(Owned::BoolValue(owned))) => view == *owned,
        (Any::Int(view), Some(Owned::IntValue(owned))) => view == *owned,
        (Any::Double(view), Some(Owned::DoubleValue(owned))) => view == *owned,
        (Any::Bytes(view), Some(Owned::BytesValue(owned))) => view == owned,
        (Any::Nested, Some(Owned::ArrayValue(_) | Owned::KvlistValue(_))) => true,
        _ => false,
    }
}

fn same_attributes<'a>(
    views: Attributes<'_>,
    owned: impl IntoIterator<Item = &'a KeyValue>,
) -> bool {
    let views: Vec<_> = views.map(|view| view.expect("well formed")).collect();
    let owned: Vec<_> = owned.into_iter().collect();
    let same = |(view, owned): (&Attribute<'_>, &&KeyValue)| {
        view.key == owned.key && same_value(view.value, owned.value.as_ref())
    };
    views.len() == owned.len() && views.iter().zip(&owned).all(same)
}

fn check_span(view: &SpanView<'_>, owned: &Span) {
    assert_eq!(view.trace_id, owned.trace_id);
    assert_eq!(view.span_id, owned.span_id);
    assert_eq!(view.parent_span_id, owned.parent_span_id);
    assert_eq!(view.name, owned.name);
    assert_eq!(view.kind, owned.kind);
    assert_eq!(view.start_ns, owned.start_time_unix_nano);
    assert_eq!(view.end_ns, owned.end_time_unix_nano);
    let code = owned.status.as_ref().map_or(0, |status| status.code);
    assert_eq!(view.status_code(), Ok(code));
    assert!(same_attributes(view.attributes(), &owned.attributes));
    let events = owned.events.iter().flat_map(|event| &event.attributes);
    assert!(same_attributes(view.event_attributes(), events));
}

fn check_resource(view: &ResourceView<'_>, owned: &ResourceSpans) {
    let attributes = owned.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
    assert!(same_attributes(view.attributes(), attributes));
    let scopes: Vec<_> = view.scopes().map(|scope| scope.expect("well formed")).collect();
    assert_eq!(scopes.len(), owned.scope_spans.len());
    for (view, owned) in scopes.iter().zip(&owned.scope_spans) {
        let attributes = owned.scope.as_ref().map_or(&[][..], |scope| &scope.attributes);
        assert!(same_attributes(view.attributes(), attributes));
        let spans: Vec<_> = view.spans().map(|span| span.expect("well formed")).collect();
        assert_eq!(spans.len(), owned.spans.len());
        spans.iter().zip(&owned.spans).for_each(|(view, owned)| check_span(view, owned));
    }
}

fn check_request(bytes: &[u8]) {
    let owned = ExportTraceServiceRequest::decode(bytes).expect("well formed");
    let views: Vec<_> = resources(bytes).map(|view| view.expect("well formed")).collect();
    assert_eq!(views.len(), owned.resource_spans.len());
    let pairs = views.iter().zip(&owned.resource_spans);
    pairs.for_each(|(view, owned)| check_resource(view, owned));
}

fn first_span(request: &ExportTraceServiceRequest) -> Option<&Span> {
    request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).next()
}

/// What `select_spans` must give, on owned messages. The n-th span is kept if `keep(n)`.
fn selected(
    mut request: ExportTraceServiceRequest,
    keep: impl Fn(usize) -> bool,
) -> ExportTraceServiceRequest {
    let mut count = 0;
    let mut next = |_: &Span| {
        count += 1;
        keep(count - 1)
    };
    for resource in &mut request.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(&mut next);
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn views_read_what_prost_reads(request in testing::traces()) {
        check_request(&request.encode_to_vec());
    }

    #[test]
    fn repeated_singular_fields_are_merged(one in testing::traces(), two in testing::traces()) {
        // The concatenation of two messages is protobuf's merge of them, on every level.
        let merged = |one: &[u8], two: &[u8]| [one, two].concat();
        if let (Some(one), Some(two)) = (first_span(&one), first_span(&two)) {
            let bytes = merged(&one.encode_to_vec(), &two.encode_to_vec());
            let owned = Span::decode(&bytes[..]).expect("well formed");
            check_span(&SpanView::view(&bytes).expect("well formed"), &owned);
        }
        if let ([one, ..], [two, ..]) = (&one.resource_spans[..], &two.resource_spans[..]) {
            let bytes = merged(&one.encode_to_vec(), &two.encode_to_vec());
            let owned = ResourceSpans::decode(&bytes[..]).expect("well formed");
            check_resource(&ResourceView::view(&bytes).expect("well formed"), &owned);
        }
    }

    #[test]
    fn a_selection_is_what_filtering_the_owned_request_gives(
        request in testing::traces(),
        mask: u32,
    ) {
        let keep = |index: usize| mask >> (index % 32) & 1 == 1;
        let (mut index, mut out) = (0, Vec::new());
        let kept = select_spans(&request.encode_to_vec(), |_| {
            index += 1;
            keep(index - 1)
        }, &mut out).expect("well formed");
        let expected = selected(request, keep);
        prop_assert_eq!(out, expected.encode_to_vec());
        let spans = expected.resource_spans.iter().flat_map(|r| &r.scope_spans);
        prop_assert_eq!(kept, spans.map(|scope| scope.spans.len() as u64).sum::<u64>());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = select_spans(&bytes, |span| span.status_code().is_ok(), &mut Vec::new());
        if let Ok(span) = SpanView::view(&bytes) {
            span.attributes().chain(span.event_attributes()).for_each(drop);
        }
        let resource = ResourceView::view(&bytes).expect("nothing is read yet");
        let _ = resource.service_name();
        resource.scopes().flatten().flat_map(|scope| scope.spans()).for_each(drop);
    }
}

#[test]
fn unknown_fields_and_odd_orders_are_copied_byte_for_byte() {
    let mut request = Vec::new();
    put_uint(&mut request, 99, 7);
    put_message(&mut request, 1, |resource| {
        put_bytes(resource, 3, b"schema before");
        put_message(resource, 2, |scope| {
            put_message(scope, 2, |span| put_bytes(span, 5, b"one"));
            put_bytes(scope, 1, b"");
            put_message(scope, 2, |span| put_bytes(span, 5, b"two"));
            put_uint(scope, 77, 1);
        });
        put_bytes(resource, 88, b"unknown");
        put_bytes(resource, 1, b"");
    });
    put_bytes(&mut request, 98, b"end");
    let mut out = Vec::new();
    assert_eq!(select_spans(&request, |_| true, &mut out), Ok(2));
    assert_eq!(out, request);
}

#[test]
fn the_service_name_must_be_a_text() {
    let named = |value: fn(&mut Vec<u8>)| {
        let mut message = Vec::new();
        put_message(&mut message, 1, |resource| {
            put_message(resource, 1, |attribute| {
                put_bytes(attribute, 1, b"service.name");
                put_message(attribute, 2, value);
            });
        });
        message
    };
    let check = |value, expect| {
        let message = named(value);
        let view = ResourceView::view(&message).expect("nothing is read yet");
        assert_eq!(view.service_name(), expect);
    };
    check(|out| put_bytes(out, 1, b"shop"), Ok(Some("shop")));
    check(|out| put_uint(out, 3, 5), Ok(None));
    check(|_| {}, Ok(None));
    check(|out| put_bytes(out, 1, b"\xff"), Err(Malformed));
    let scope = ScopeSpans::default().encode_to_vec();
    assert!(ScopeView::view(&scope).expect("empty").spans().next().is_none());
}
