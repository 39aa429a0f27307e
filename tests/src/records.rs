//! Export requests to send: plain ones, numbered ones, and ones only a careful proxy keeps whole.

use crate::Signal;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data,
    number_data_point::Value as Number,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// The time of every record, nanoseconds since 1970.
const TIME: u64 = 1_700_000_000_000_000_000;

/// A request of `count` records of a signal.
pub fn request(signal: Signal, count: u64) -> Bytes {
    match signal {
        Signal::Traces => traces(0, count),
        Signal::Metrics => metrics(count),
        Signal::Logs => logs(count),
    }
}

/// Spans whose ids count up from `first`, about 300 bytes each.
pub fn traces(first: u64, count: u64) -> Bytes {
    let spans = (first..first + count).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans {
        resource: Some(resource()),
        scope_spans,
        schema_url: "https://opentelemetry.io/schemas/1.27.0".to_owned(),
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// The numbers of the spans in a request made by [`traces`].
///
/// # Panics
/// When the body is not such a request.
pub fn span_numbers(body: &[u8]) -> Vec<u64> {
    let request = ExportTraceServiceRequest::decode(body).expect("the body is an export request");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    spans
        .map(|span| {
            let id: [u8; 8] = span.span_id.try_into().expect("a span id has eight bytes");
            u64::from_be_bytes(id)
        })
        .collect()
}

/// A trace request that says everything in an unusual way: fields nobody knows on every level, a
/// singular field twice, fields out of order, lengths and keys in longer forms than needed.
/// Two spans. A proxy that decodes and encodes again changes it.
pub fn odd_traces() -> Bytes {
    let unknown = |number: u64| [varint(number << 3 | 2), vec![5], b"later".to_vec()].concat();
    let mut plain = span(1).encode_to_vec();
    plain.extend(unknown(900));
    // A singular field twice: the last one wins for a reader, both stay for a proxy.
    let twice = [field(5, b"first name"), field(5, b"second name")].concat();
    let backwards = [twice, field(2, &2_u64.to_be_bytes()), field(1, &[7; 16])].concat();
    let scope_spans = [field(2, &backwards), unknown(31), field(2, &plain), field(1, &[])].concat();
    // The resource after the spans, and its length in two bytes where one would do.
    let resource = [vec![0x0a], overlong(0)].concat();
    let resource_spans = [field(2, &scope_spans), resource, unknown(77)].concat();
    [unknown(1000), field(1, &resource_spans), unknown(1001)].concat().into()
}

/// OTLP: an export response with a partial success; its numbers are the same for every signal.
pub fn partial_success(rejected: i64, message: &str) -> Bytes {
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: message.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec().into()
}

/// Reads what [`partial_success`] writes, from an answer for any signal.
pub fn read_partial_success(body: &[u8]) -> Option<(i64, String)> {
    let partial = ExportTraceServiceResponse::decode(body).ok()?.partial_success?;
    Some((partial.rejected_spans, partial.error_message))
}

fn span(number: u64) -> Span {
    Span {
        trace_id: u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: "GET /checkout/{id}".to_owned(),
        kind: 2,
        start_time_unix_nano: TIME,
        end_time_unix_nano: TIME + 1_500_000,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.path", "/checkout/4711"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("cart.total", Value::DoubleValue(39.9)),
            attribute("cart.empty", Value::BoolValue(false)),
        ],
        ..Default::default()
    }
}

fn logs(count: u64) -> Bytes {
    let record = |number| LogRecord {
        time_unix_nano: TIME + number,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(format!("order {number} placed"))) }),
        ..Default::default()
    };
    let log_records = (0..count).map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let resource = Some(resource());
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

fn metrics(count: u64) -> Bytes {
    let point = |number| NumberDataPoint {
        time_unix_nano: TIME + number,
        value: Some(Number::AsInt(i64::try_from(number).expect("a test's count is small"))),
        ..Default::default()
    };
    let data = Some(Data::Gauge(Gauge { data_points: (0..count).map(point).collect() }));
    let metrics = vec![Metric { name: "queue.depth".to_owned(), data, ..Default::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let resource = Some(resource());
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..Default::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

fn resource() -> Resource {
    let attributes = vec![text("service.name", "checkout"), text("host.name", "shop-1")];
    Resource { attributes, ..Default::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

/// A length-delimited field.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).expect("a test's field is short");
    [varint(number << 3 | 2), varint(length), content.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// A varint under 128 in two bytes.
fn overlong(value: u8) -> Vec<u8> {
    vec![value | 0x80, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_carry_their_numbers() {
        assert_eq!(span_numbers(&traces(7, 3)), [7, 8, 9]);
    }

    #[test]
    fn the_odd_request_is_valid_and_does_not_survive_decoding() {
        let odd = odd_traces();
        let decoded = ExportTraceServiceRequest::decode(odd.clone()).unwrap();
        let spans = &decoded.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0].name, "second name");
        assert_ne!(decoded.encode_to_vec(), odd);
    }

    #[test]
    fn a_partial_success_is_read_back() {
        let message = partial_success(3, "no room");
        assert_eq!(read_partial_success(&message), Some((3, "no room".to_owned())));
    }
}
