//! Views against prost's reading of the same bytes, and byte-for-byte copies.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;

use super::{owned, *};
use crate::Signal;
use crate::testing;
use crate::testing::scramble::{Choices, scramble};
use crate::wire::{put_bytes, put_message, put_uint};

/// A message as a text in which an attribute without a value has an empty one: views do not tell them apart.
fn shown<T: std::fmt::Debug>(message: &T) -> String {
    format!("{message:?}")
        .replace("value: None, key_strindex", "value: Some(AnyValue { value: None }), key_strindex")
}

fn check_traces(bytes: &[u8]) {
    let owned = Traces::decode(bytes).expect("well formed");
    assert_eq!(shown(&owned::traces(bytes).expect("well formed")), shown(&owned));
}

fn check_logs(bytes: &[u8]) {
    let owned = Logs::decode(bytes).expect("well formed");
    assert_eq!(shown(&owned::logs(bytes).expect("well formed")), shown(&owned));
}

fn check_metrics(bytes: &[u8]) {
    let owned = Metrics::decode(bytes).expect("well formed");
    assert_eq!(shown(&owned::metrics(bytes).expect("well formed")), shown(&owned));
}

fn first_span(request: &Traces) -> Option<&Span> {
    request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).next()
}

fn first_metric(request: &Metrics) -> Option<&Metric> {
    let scopes = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics);
    scopes.flat_map(|s| &s.metrics).next()
}

/// What `select_spans` must give, on owned messages. The n-th span is kept if `keep(n)`.
fn selected(mut request: Traces, keep: impl Fn(usize) -> bool) -> Traces {
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
    fn views_of_traces_read_what_prost_reads(request in testing::traces(), seed: u64) {
        let bytes = request.encode_to_vec();
        check_traces(&bytes);
        check_traces(&scramble(Signal::Traces, &bytes, &mut Choices::new(seed)));
    }

    #[test]
    fn views_of_logs_read_what_prost_reads(request in testing::logs(), seed: u64) {
        let bytes = request.encode_to_vec();
        check_logs(&bytes);
        check_logs(&scramble(Signal::Logs, &bytes, &mut Choices::new(seed)));
    }

    #[test]
    fn views_of_metrics_read_what_prost_reads(request in testing::metrics(), seed: u64) {
        let bytes = request.encode_to_vec();
        check_metrics(&bytes);
        check_metrics(&scramble(Signal::Metrics, &bytes, &mut Choices::new(seed)));
    }

    #[test]
    fn repeated_singular_fields_are_merged(one in testing::traces(), two in testing::traces()) {
        // The concatenation of two messages is protobuf's merge of them, on every level.
        if let (Some(one), Some(two)) = (first_span(&one), first_span(&two)) {
            let bytes = [one.encode_to_vec(), two.encode_to_vec()].concat();
            let view = SpanView::view(&bytes).and_then(owned::span).expect("well formed");
            let owned = Span::decode(&bytes[..]).expect("well formed");
            prop_assert_eq!(shown(&view), shown(&owned));
        }
        if let ([one, ..], [two, ..]) = (&one.resource_spans[..], &two.resource_spans[..]) {
            let mut bytes = Vec::new();
            put_bytes(&mut bytes, 1, &[one.encode_to_vec(), two.encode_to_vec()].concat());
            check_traces(&bytes);
        }
    }

    #[test]
    fn metrics_written_over_each_other_are_merged(
        one in testing::metrics(),
        two in testing::metrics(),
        three in testing::metrics(),
    ) {
        let all = [one, two, three];
        let metrics = all.iter().filter_map(first_metric).map(Metric::encode_to_vec);
        let bytes = metrics.collect::<Vec<_>>().concat();
        let view = MetricView::view(&bytes).and_then(owned::metric).expect("well formed");
        prop_assert_eq!(shown(&view), shown(&Metric::decode(&bytes[..]).expect("well formed")));
    }

    #[test]
    fn values_written_over_each_other_are_merged(
        values in proptest::collection::vec(testing::any_value(), 1..4),
    ) {
        let mut message = Vec::new();
        for value in values.iter().flatten() {
            put_bytes(&mut message, 2, &value.encode_to_vec());
        }
        let owned = KeyValue::decode(&message[..]).expect("well formed");
        let mut list = Vec::new();
        put_bytes(&mut list, 7, &message);
        let view = owned::attributes(Attributes::of(&list, 7)).expect("well formed");
        prop_assert_eq!(shown(&view), shown(&[owned]));
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
        let resource: ResourceView<'_> = ResourceView::view(&bytes).expect("nothing is read yet");
        let _ = resource.service_name();
        let _ = (owned::traces(&bytes), owned::logs(&bytes), owned::metrics(&bytes));
        let _ = MetricView::view(&bytes).and_then(owned::metric);
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
        let view: ResourceView<'_> = ResourceView::view(&message).expect("nothing is read yet");
        assert_eq!(view.service_name(), expect);
    };
    check(|out| put_bytes(out, 1, b"shop"), Ok(Some("shop")));
    check(|out| put_uint(out, 3, 5), Ok(None));
    check(|_| {}, Ok(None));
    check(|out| put_bytes(out, 1, b"\xff"), Err(Malformed));
    let scope = ScopeSpans::default().encode_to_vec();
    assert!(ScopeView::<SpanView<'_>>::view(&scope).expect("empty").spans().next().is_none());
}
