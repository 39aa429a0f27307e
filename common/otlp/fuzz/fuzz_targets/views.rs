//! Any bytes under the views: no panic; where prost reads them and no group is in them, the views
//! show the same spans, and a selection is what filtering prost's messages gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use otlp::view::{
    Any, Data, MetricView, ResourceView, SpanView, Values, View, log_resources, metric_resources,
    resources, select_spans,
};
use otlp::{Signal, check_deep};
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    walk(bytes);
    let mut all = Vec::new();
    let kept = select_spans(bytes, |_| true, &mut all);
    let Ok(owned) = ExportTraceServiceRequest::decode(bytes) else { return };
    let Ok(tally) = check_deep(Signal::Traces, bytes) else { return };
    assert_eq!(kept, Ok(tally.records), "keep all keeps all");
    assert_eq!(decode(&all).encode_to_vec(), filtered(owned.clone(), |_| true).encode_to_vec());
    compare(bytes, &owned);
    split(bytes, &owned);
});

/// Every view over anything.
fn walk(bytes: &[u8]) {
    let _ = SpanView::view(bytes).map(visit);
    for resource in resources(bytes).flatten() {
        around(&resource);
        resource.scopes().flatten().flat_map(|scope| scope.spans().flatten()).for_each(visit);
    }
    for resource in log_resources(bytes).flatten() {
        around(&resource);
        for record in resource.scopes().flatten().flat_map(|scope| scope.records().flatten()) {
            let _ = record.body().map(|body| body.map(inside));
            record.attributes().flatten().for_each(|it| inside(it.value));
        }
    }
    for resource in metric_resources(bytes).flatten() {
        around(&resource);
        let scopes = resource.scopes().flatten();
        scopes.flat_map(|scope| scope.records().flatten()).for_each(measured);
    }
}

fn around<'a, R: View<'a>>(resource: &ResourceView<'a, R>) {
    let _ = (resource.service_name(), resource.schema_url(), resource.dropped_attributes());
    resource.attributes().flatten().for_each(|it| inside(it.value));
    for entity in resource.entities().flatten() {
        entity.id_keys().chain(entity.description_keys()).for_each(drop);
    }
    for scope in resource.scopes().flatten() {
        let _ = (scope.name(), scope.version(), scope.schema_url(), scope.dropped_attributes());
        scope.attributes().for_each(drop);
    }
}

/// As deep as nesting is followed elsewhere.
fn inside(value: Any<'_>) {
    let mut left = vec![(value, 0)];
    while let Some((value, depth)) = left.pop() {
        let Any::Nested(nested) = value else { continue };
        if depth > 64 {
            continue;
        }
        match nested.values() {
            Ok(Values::List(items)) => left.extend(items.flatten().map(|it| (it, depth + 1))),
            Ok(Values::Map(map)) => left.extend(map.flatten().map(|it| (it.value, depth + 1))),
            Err(_) => {}
        }
    }
}

fn measured(metric: MetricView<'_>) {
    metric.metadata().for_each(drop);
    match metric.data() {
        Ok(Data::Gauge(data) | Data::Sum(data)) => {
            let _ = (data.temporality(), data.is_monotonic());
            let points = data.number_points().flatten();
            points.flat_map(|point| point.exemplars()).for_each(drop);
        }
        Ok(Data::Histogram(data)) => {
            for point in data.histogram_points().flatten() {
                point.bucket_counts().for_each(drop);
                point.explicit_bounds().for_each(drop);
            }
        }
        Ok(Data::ExponentialHistogram(data)) => {
            for point in data.exponential_points().flatten() {
                let buckets = [point.positive(), point.negative()];
                buckets.into_iter().flatten().flatten().for_each(|it| it.counts().for_each(drop));
            }
        }
        Ok(Data::Summary(data)) => {
            data.summary_points().flatten().for_each(|it| it.quantiles().for_each(drop));
        }
        Ok(Data::Empty) | Err(_) => {}
    }
}

fn visit(span: SpanView<'_>) {
    let _ = (span.duration_ns(), span.status_code(), span.status_message(), span.trace_state());
    span.events().flatten().for_each(|event| event.attributes().for_each(drop));
    span.links().flatten().for_each(|link| link.attributes().for_each(drop));
    let texts = span.attributes().chain(span.event_attributes()).flatten();
    texts.for_each(|attribute| drop(attribute.value.text()));
}

fn compare(bytes: &[u8], owned: &ExportTraceServiceRequest) {
    let views = resources(bytes).flat_map(|resource| resource.expect("sound").scopes());
    let views = views.flat_map(|scope| scope.expect("sound").spans());
    let spans = owned.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = spans.flat_map(|scope| &scope.spans);
    for (view, span) in views.zip(spans) {
        compare_span(&view.expect("sound"), span);
    }
}

fn compare_span(view: &SpanView<'_>, span: &Span) {
    assert_eq!(view.trace_id, span.trace_id);
    assert_eq!(view.span_id, span.span_id);
    assert_eq!(view.parent_span_id, span.parent_span_id);
    assert_eq!((view.name, view.kind), (span.name.as_str(), span.kind));
    let times = (span.start_time_unix_nano, span.end_time_unix_nano);
    assert_eq!((view.start_ns, view.end_ns), times);
    let code = span.status.as_ref().map_or(0, |status| status.code);
    assert_eq!(view.status_code(), Ok(code));
    let keys = span.attributes.iter().map(|attribute| attribute.key.as_str());
    assert!(view.attributes().map(|attribute| attribute.expect("sound").key).eq(keys));
    let events = span.events.iter().flat_map(|event| &event.attributes);
    assert_eq!(view.event_attributes().count(), events.count());
}

/// Both halves of the spans, by the first byte of the name.
fn split(bytes: &[u8], owned: &ExportTraceServiceRequest) {
    let is_odd = |name: &str| name.bytes().next().unwrap_or(0) % 2 == 1;
    for want in [true, false] {
        let mut out = Vec::new();
        let kept = select_spans(bytes, |span| is_odd(span.name) == want, &mut out);
        kept.expect("sound");
        let expected = filtered(owned.clone(), |span| is_odd(&span.name) == want);
        assert_eq!(decode(&out).encode_to_vec(), expected.encode_to_vec());
    }
}

fn decode(bytes: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(bytes).expect("a selection is as sound as what it is from")
}

fn filtered(
    mut request: ExportTraceServiceRequest,
    keep: impl Fn(&Span) -> bool,
) -> ExportTraceServiceRequest {
    for resource in &mut request.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(&keep);
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    request
}
