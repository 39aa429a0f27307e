//! Requests put together from views, for the tests: what prost reads from the same bytes must be the same.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Logs;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Metrics;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Traces;
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

use super::*;

type Read<T> = Result<T, Malformed>;

fn all<T, U>(views: impl Iterator<Item = Read<T>>, owned: impl Fn(T) -> Read<U>) -> Read<Vec<U>> {
    views.map(|view| view.and_then(&owned)).collect()
}

fn any(view: Any<'_>) -> Read<AnyValue> {
    use any_value::Value as Owned;
    let value = match view {
        Any::Empty => None,
        Any::Text(text) => Some(Owned::StringValue(text.to_owned())),
        Any::Bool(value) => Some(Owned::BoolValue(value)),
        Any::Int(value) => Some(Owned::IntValue(value)),
        Any::Double(value) => Some(Owned::DoubleValue(value)),
        Any::Bytes(bytes) => Some(Owned::BytesValue(bytes.to_vec())),
        Any::Nested(nested) => Some(match nested.values()? {
            Values::List(items) => Owned::ArrayValue(ArrayValue { values: all(items, any)? }),
            Values::Map(entries) => {
                Owned::KvlistValue(KeyValueList { values: attributes(entries)? })
            }
        }),
    };
    Ok(AnyValue { value })
}

/// A view does not tell an absent value from an empty one; prost's reading is brought to the same.
pub(super) fn attributes(views: Attributes<'_>) -> Read<Vec<KeyValue>> {
    all(views, |view| {
        let value = Some(any(view.value)?);
        Ok(KeyValue { key: view.key.to_owned(), value, ..Default::default() })
    })
}

fn resource<R>(view: &ResourceView<'_, R>) -> Read<Option<Resource>> {
    let entity_refs = all(view.entities(), |entity| {
        Ok(EntityRef {
            schema_url: entity.schema_url.to_owned(),
            r#type: entity.kind.to_owned(),
            id_keys: all(entity.id_keys(), |key| Ok(key.to_owned()))?,
            description_keys: all(entity.description_keys(), |key| Ok(key.to_owned()))?,
        })
    })?;
    let attributes = attributes(view.attributes())?;
    let dropped_attributes_count = view.dropped_attributes()?;
    let resource = Resource { attributes, dropped_attributes_count, entity_refs };
    Ok(view.has_resource()?.then_some(resource))
}

fn scope<R>(view: &ScopeView<'_, R>) -> Read<Option<InstrumentationScope>> {
    let scope = InstrumentationScope {
        name: view.name()?.to_owned(),
        version: view.version()?.to_owned(),
        attributes: attributes(view.attributes())?,
        dropped_attributes_count: view.dropped_attributes()?,
    };
    Ok(view.has_scope()?.then_some(scope))
}

pub(super) fn span(view: SpanView<'_>) -> Read<Span> {
    let event = |view: EventView<'_>| {
        Ok(Event {
            time_unix_nano: view.time_ns,
            name: view.name.to_owned(),
            attributes: attributes(view.attributes())?,
            dropped_attributes_count: view.dropped_attributes,
        })
    };
    let link = |view: LinkView<'_>| {
        Ok(Link {
            trace_id: view.trace_id.to_vec(),
            span_id: view.span_id.to_vec(),
            trace_state: view.trace_state.to_owned(),
            attributes: attributes(view.attributes())?,
            dropped_attributes_count: view.dropped_attributes,
            flags: view.flags,
        })
    };
    let status = Status { message: view.status_message()?.to_owned(), code: view.status_code()? };
    Ok(Span {
        trace_id: view.trace_id.to_vec(),
        span_id: view.span_id.to_vec(),
        trace_state: view.trace_state()?.to_owned(),
        parent_span_id: view.parent_span_id.to_vec(),
        flags: view.flags()?,
        name: view.name.to_owned(),
        kind: view.kind,
        start_time_unix_nano: view.start_ns,
        end_time_unix_nano: view.end_ns,
        attributes: attributes(view.attributes())?,
        dropped_attributes_count: view.dropped_attributes()?,
        events: all(view.events(), event)?,
        dropped_events_count: view.dropped_events()?,
        links: all(view.links(), link)?,
        dropped_links_count: view.dropped_links()?,
        status: view.has_status()?.then_some(status),
    })
}

pub(super) fn traces(request: &[u8]) -> Read<Traces> {
    let scope_spans = |view: ScopeView<'_>| {
        let (spans, schema_url) = (all(view.spans(), span)?, view.schema_url()?.to_owned());
        Ok(ScopeSpans { scope: scope(&view)?, spans, schema_url })
    };
    let resource_spans = |view: ResourceView<'_>| {
        let scope_spans = all(view.scopes(), scope_spans)?;
        let schema_url = view.schema_url()?.to_owned();
        Ok(ResourceSpans { resource: resource(&view)?, scope_spans, schema_url })
    };
    Ok(Traces { resource_spans: all(resources(request), resource_spans)? })
}

fn record(view: LogView<'_>) -> Read<LogRecord> {
    Ok(LogRecord {
        time_unix_nano: view.time_ns,
        observed_time_unix_nano: view.observed_ns,
        severity_number: view.severity_number,
        severity_text: view.severity_text.to_owned(),
        body: view.body()?.map(any).transpose()?,
        attributes: attributes(view.attributes())?,
        dropped_attributes_count: view.dropped_attributes,
        flags: view.flags,
        trace_id: view.trace_id.to_vec(),
        span_id: view.span_id.to_vec(),
        event_name: view.event_name.to_owned(),
    })
}

pub(super) fn logs(request: &[u8]) -> Read<Logs> {
    let scope_logs = |view: ScopeView<'_, LogView<'_>>| {
        let (log_records, schema_url) =
            (all(view.records(), record)?, view.schema_url()?.to_owned());
        Ok(ScopeLogs { scope: scope(&view)?, log_records, schema_url })
    };
    let resource_logs = |view: ResourceView<'_, LogView<'_>>| {
        let scope_logs = all(view.scopes(), scope_logs)?;
        let schema_url = view.schema_url()?.to_owned();
        Ok(ResourceLogs { resource: resource(&view)?, scope_logs, schema_url })
    };
    Ok(Logs { resource_logs: all(log_resources(request), resource_logs)? })
}

fn exemplars<'a>(views: Messages<'a, ExemplarView<'a>>) -> Read<Vec<Exemplar>> {
    all(views, |view| {
        Ok(Exemplar {
            filtered_attributes: attributes(view.filtered_attributes())?,
            time_unix_nano: view.time_ns,
            span_id: view.span_id.to_vec(),
            trace_id: view.trace_id.to_vec(),
            value: match view.value {
                NumberValue::Empty => None,
                NumberValue::Int(value) => Some(exemplar::Value::AsInt(value)),
                NumberValue::Double(value) => Some(exemplar::Value::AsDouble(value)),
            },
        })
    })
}

fn number_point(view: NumberPointView<'_>) -> Read<NumberDataPoint> {
    Ok(NumberDataPoint {
        attributes: attributes(view.attributes())?,
        start_time_unix_nano: view.moment.start_ns,
        time_unix_nano: view.moment.time_ns,
        exemplars: exemplars(view.exemplars())?,
        flags: view.moment.flags,
        value: match view.value {
            NumberValue::Empty => None,
            NumberValue::Int(value) => Some(number_data_point::Value::AsInt(value)),
            NumberValue::Double(value) => Some(number_data_point::Value::AsDouble(value)),
        },
    })
}

fn histogram_point(view: HistogramPointView<'_>) -> Read<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: attributes(view.attributes())?,
        start_time_unix_nano: view.moment.start_ns,
        time_unix_nano: view.moment.time_ns,
        count: view.extent.count,
        sum: view.extent.sum,
        bucket_counts: all(view.bucket_counts(), |Fixed(count)| Ok(count))?,
        explicit_bounds: all(view.explicit_bounds(), Ok)?,
        exemplars: exemplars(view.exemplars())?,
        flags: view.moment.flags,
        min: view.extent.min,
        max: view.extent.max,
    })
}

fn exponential_point(view: ExponentialPointView<'_>) -> Read<ExponentialHistogramDataPoint> {
    let buckets = |view: Option<BucketsView<'_>>| {
        view.map(|view| {
            let bucket_counts = all(view.counts(), |Varint(count)| Ok(count))?;
            Ok(Buckets { offset: view.offset, bucket_counts })
        })
        .transpose()
    };
    Ok(ExponentialHistogramDataPoint {
        attributes: attributes(view.attributes())?,
        start_time_unix_nano: view.moment.start_ns,
        time_unix_nano: view.moment.time_ns,
        count: view.extent.count,
        sum: view.extent.sum,
        scale: view.scale,
        zero_count: view.zero_count,
        positive: buckets(view.positive()?)?,
        negative: buckets(view.negative()?)?,
        flags: view.moment.flags,
        exemplars: exemplars(view.exemplars())?,
        min: view.extent.min,
        max: view.extent.max,
        zero_threshold: view.zero_threshold,
    })
}

fn summary_point(view: SummaryPointView<'_>) -> Read<SummaryDataPoint> {
    let quantile =
        |view: QuantileView| Ok(ValueAtQuantile { quantile: view.quantile, value: view.value });
    Ok(SummaryDataPoint {
        attributes: attributes(view.attributes())?,
        start_time_unix_nano: view.moment.start_ns,
        time_unix_nano: view.moment.time_ns,
        count: view.count,
        sum: view.sum,
        quantile_values: all(view.quantiles(), quantile)?,
        flags: view.moment.flags,
    })
}

fn data(view: Data<'_>) -> Read<Option<metric::Data>> {
    Ok(Some(match view {
        Data::Empty => return Ok(None),
        Data::Gauge(view) => {
            metric::Data::Gauge(Gauge { data_points: all(view.number_points(), number_point)? })
        }
        Data::Sum(view) => metric::Data::Sum(Sum {
            data_points: all(view.number_points(), number_point)?,
            aggregation_temporality: view.temporality()?,
            is_monotonic: view.is_monotonic()?,
        }),
        Data::Histogram(view) => metric::Data::Histogram(Histogram {
            data_points: all(view.histogram_points(), histogram_point)?,
            aggregation_temporality: view.temporality()?,
        }),
        Data::ExponentialHistogram(view) => {
            metric::Data::ExponentialHistogram(ExponentialHistogram {
                data_points: all(view.exponential_points(), exponential_point)?,
                aggregation_temporality: view.temporality()?,
            })
        }
        Data::Summary(view) => metric::Data::Summary(Summary {
            data_points: all(view.summary_points(), summary_point)?,
        }),
    }))
}

pub(super) fn metric(view: MetricView<'_>) -> Read<Metric> {
    Ok(Metric {
        name: view.name.to_owned(),
        description: view.description.to_owned(),
        unit: view.unit.to_owned(),
        metadata: attributes(view.metadata())?,
        data: data(view.data()?)?,
    })
}

pub(super) fn metrics(request: &[u8]) -> Read<Metrics> {
    let scope_metrics = |view: ScopeView<'_, MetricView<'_>>| {
        let (metrics, schema_url) = (all(view.records(), metric)?, view.schema_url()?.to_owned());
        Ok(ScopeMetrics { scope: scope(&view)?, metrics, schema_url })
    };
    let resource_metrics = |view: ResourceView<'_, MetricView<'_>>| {
        let scope_metrics = all(view.scopes(), scope_metrics)?;
        let schema_url = view.schema_url()?.to_owned();
        Ok(ResourceMetrics { resource: resource(&view)?, scope_metrics, schema_url })
    };
    Ok(Metrics { resource_metrics: all(metric_resources(request), resource_metrics)? })
}
