//! Arbitrary OTLP messages for property tests: every field, every kind of value.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric,
    number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::Event, span::Link,
};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) mod scramble;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,8}", ".{0,6}"]
}

/// Numbers whose JSON form the oracle can read, too.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-1.5), Just(1e300), any::<i32>().prop_map(f64::from)]
}

pub(crate) fn any_value() -> impl Strategy<Value = Option<AnyValue>> {
    use any_value::Value;
    let leaf = prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        double().prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        let some = inner.prop_map(|value| AnyValue { value: Some(value) });
        let entry = (text(), some.clone()).prop_map(|(key, value)| KeyValue {
            key,
            value: Some(value),
            ..Default::default()
        });
        prop_oneof![
            vec(some, 1..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(entry, 1..3).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
    });
    proptest::option::of(value.prop_map(|value| AnyValue { value: Some(value) }))
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (text(), any_value()).prop_map(|(key, value)| KeyValue {
        key,
        value,
        ..Default::default()
    });
    vec(attribute, 0..3)
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    // The oracle cannot read the JSON of entities that leave something out.
    let word = || "[a-z.]{1,6}";
    let entity = (word(), word(), vec(word(), 1..3), vec(word(), 1..3)).prop_map(
        |(schema_url, kind, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type: kind,
            id_keys,
            description_keys,
        },
    );
    let resource = (attributes(), 0u32..3, vec(entity, 0..2));
    proptest::option::of(resource.prop_map(|(attributes, dropped, entity_refs)| Resource {
        attributes,
        dropped_attributes_count: dropped,
        entity_refs,
    }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let scope = (text(), text(), attributes(), 0u32..3);
    proptest::option::of(scope.prop_map(|(name, version, attributes, dropped)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count: dropped }
    }))
}

fn id(bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(any::<u8>(), bytes)]
}

fn span() -> impl Strategy<Value = Span> {
    let event = (any::<u64>(), text(), attributes(), 0u32..2).prop_map(|(time, name, attrs, n)| {
        Event { time_unix_nano: time, name, attributes: attrs, dropped_attributes_count: n }
    });
    let link = (id(16), id(8), text(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: 1,
            flags,
        },
    );
    let status = proptest::option::of(
        (text(), 0i32..3).prop_map(|(message, code)| Status { message, code }),
    );
    let head = (id(16), id(8), text(), id(8), text(), 0i32..6, any::<u64>(), any::<u64>());
    let tail = (attributes(), vec(event, 0..2), vec(link, 0..2), status, any::<u32>());
    (head, tail).prop_map(|(head, tail)| Span {
        trace_id: head.0,
        span_id: head.1,
        trace_state: head.2,
        parent_span_id: head.3,
        name: head.4,
        kind: head.5,
        start_time_unix_nano: head.6,
        end_time_unix_nano: head.7,
        attributes: tail.0,
        dropped_attributes_count: 2,
        events: tail.1,
        dropped_events_count: 0,
        links: tail.2,
        dropped_links_count: 3,
        status: tail.3,
        flags: tail.4,
    })
}

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scopes = (scope(), vec(span(), 0..3), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resources =
        (resource(), vec(scopes, 0..3), text()).prop_map(|(resource, scope_spans, schema_url)| {
            ResourceSpans { resource, scope_spans, schema_url }
        });
    vec(resources, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let head = (any::<u64>(), any::<u64>(), 0i32..25, text(), any_value());
    let record = (head, attributes(), any::<u32>(), id(16), id(8), text()).prop_map(
        |(head, attributes, flags, trace_id, span_id, event_name)| LogRecord {
            time_unix_nano: head.0,
            observed_time_unix_nano: head.1,
            severity_number: head.2,
            severity_text: head.3,
            body: head.4,
            attributes,
            dropped_attributes_count: 1,
            flags,
            trace_id,
            span_id,
            event_name,
        },
    );
    let scopes = (scope(), vec(record, 0..3), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resources =
        (resource(), vec(scopes, 0..3), text()).prop_map(|(resource, scope_logs, schema_url)| {
            ResourceLogs { resource, scope_logs, schema_url }
        });
    vec(resources, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let value = prop_oneof![
        double().prop_map(exemplar::Value::AsDouble),
        any::<i64>().prop_map(exemplar::Value::AsInt)
    ];
    let exemplar = (attributes(), any::<u64>(), id(8), id(16), value).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value: Some(value),
        },
    );
    vec(exemplar, 0..2)
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt)
    ];
    (attributes(), any::<u64>(), exemplars(), 0u32..2, value).prop_map(
        |(attributes, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano: 7,
            time_unix_nano,
            exemplars,
            flags,
            value: Some(value),
        },
    )
}

fn summary() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile =
        (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), double(), vec(quantile, 0..3)).prop_map(|(attributes, sum, quantile_values)| {
        SummaryDataPoint { attributes, count: 1, sum, quantile_values, ..Default::default() }
    })
}

fn data() -> impl Strategy<Value = metric::Data> {
    let optional = || proptest::option::of(double());
    let histogram = (attributes(), vec(any::<u64>(), 0..3), vec(double(), 0..3), exemplars())
        .prop_flat_map(move |parts| (Just(parts), optional(), optional()))
        .prop_map(|((attributes, bucket_counts, explicit_bounds, exemplars), sum, min)| {
            HistogramDataPoint {
                attributes,
                count: 9,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                min,
                max: None,
                ..Default::default()
            }
        });
    let buckets = || {
        let buckets = (any::<i32>(), vec(any::<u64>(), 0..3));
        proptest::option::of(
            buckets.prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    let exponential = (attributes(), -10i32..21, buckets(), buckets(), double(), exemplars())
        .prop_map(|(attributes, scale, positive, negative, zero_threshold, exemplars)| {
            ExponentialHistogramDataPoint {
                attributes,
                scale,
                zero_count: 4,
                positive,
                negative,
                zero_threshold,
                exemplars,
                ..Default::default()
            }
        });
    prop_oneof![
        vec(number_point(), 0..3)
            .prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..3), 0i32..3, any::<bool>()).prop_map(
            |(data_points, temporality, m)| {
                metric::Data::Sum(Sum {
                    data_points,
                    aggregation_temporality: temporality,
                    is_monotonic: m,
                })
            }
        ),
        (vec(histogram, 0..3), 0i32..3).prop_map(|(data_points, temporality)| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
        }),
        (vec(exponential, 0..3), 0i32..3).prop_map(|(data_points, temporality)| {
            metric::Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality: temporality,
            })
        }),
        vec(summary(), 0..3).prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ]
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let metric = (text(), text(), text(), attributes(), data()).prop_map(
        |(name, description, unit, metadata, data)| Metric {
            name,
            description,
            unit,
            metadata,
            data: Some(data),
        },
    );
    let scopes = (scope(), vec(metric, 0..3), text())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let resources = (resource(), vec(scopes, 0..3), text()).prop_map(
        |(resource, scope_metrics, schema_url)| ResourceMetrics {
            resource,
            scope_metrics,
            schema_url,
        },
    );
    vec(resources, 0..3)
        .prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}
