//! Values as OTLP/JSON, with words for what OTLP has no value for.

use crate::Value;
use crate::json::{base64, double_text, hex, quoted};
use crate::value::{Any, Opaque, OpaqueKind, Time};

/// A value as an OTLP/JSON `AnyValue`; `null` for nil, and an object of another key for what OTLP cannot
/// hold: `time`, `durationNanos`, `traceId`, `spanId`, `profileId`, `status`, `opaque`.
pub fn any_value(value: &Value<'_>) -> String {
    match value {
        Value::Nil => "null".to_owned(),
        Value::Bool(value) => format!(r#"{{"boolValue":{value}}}"#),
        Value::Int(value) => format!(r#"{{"intValue":"{value}"}}"#),
        Value::Double(value) => format!(r#"{{"doubleValue":{}}}"#, double(*value)),
        Value::Str(text) => format!(r#"{{"stringValue":{}}}"#, quoted(text)),
        Value::Bytes(bytes) => format!(r#"{{"bytesValue":"{}"}}"#, base64(bytes)),
        Value::Map(map) => {
            let entry = |(key, value): &(String, Any)| {
                format!(r#"{{"key":{},"value":{}}}"#, quoted(key), inner(value))
            };
            let entries: Vec<String> = map.entries.iter().map(entry).collect();
            format!(r#"{{"kvlistValue":{{"values":[{}]}}}}"#, entries.join(","))
        }
        Value::Slice(items) => list(items.iter().map(inner)),
        Value::List(items) => list(items.iter().map(any_value)),
        Value::Time(time) => format!(r#"{{"time":"{}"}}"#, precise(time)),
        Value::Duration(nanos) => format!(r#"{{"durationNanos":"{nanos}"}}"#),
        Value::TraceId(id) => format!(r#"{{"traceId":"{}"}}"#, hex(id)),
        Value::SpanId(id) => format!(r#"{{"spanId":"{}"}}"#, hex(id)),
        Value::ProfileId(id) => format!(r#"{{"profileId":"{}"}}"#, hex(id)),
        Value::Opaque(opaque) => message(opaque),
    }
}

/// Inside of maps and lists of OTLP an empty value is an empty object.
fn inner(any: &Any) -> String {
    match any {
        Any::Empty => "{}".to_owned(),
        any => any_value(&any.value()),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, items.join(","))
}

fn double(value: f64) -> String {
    let text = double_text(value);
    if value.is_finite() { text } else { format!("\"{text}\"") }
}

/// With all nine digits of the second.
fn precise(time: &Time) -> String {
    let told = time.at.to_zoned(time.zone.clone());
    told.strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string().replace("+00:00", "Z")
}

fn message(opaque: &Opaque<'_>) -> String {
    let name = match opaque.kind {
        OpaqueKind::Status => return status(opaque),
        OpaqueKind::Events => "events",
        OpaqueKind::Links => "links",
        OpaqueKind::NumberPoints => "number_data_points",
        OpaqueKind::HistogramPoints => "histogram_data_points",
        OpaqueKind::ExponentialHistogramPoints => "exponential_histogram_data_points",
        OpaqueKind::SummaryPoints => "summary_data_points",
        OpaqueKind::Exemplars => "exemplars",
        OpaqueKind::Quantiles => "quantile_values",
        OpaqueKind::Buckets => "buckets",
        OpaqueKind::Record => "record",
    };
    if opaque.kind == OpaqueKind::Buckets {
        return buckets(opaque);
    }
    if opaque.kind.is_single() {
        return format!(r#"{{"opaque":"{name}"}}"#);
    }
    format!(r#"{{"opaque":"{name}","length":{}}}"#, opaque.messages.len())
}

/// OTLP: `Buckets` has its offset, zigzag, in field 1 and its counts in field 2.
fn buckets(opaque: &Opaque<'_>) -> String {
    use otlp::wire::{Fields, Value as Wire, varint};
    let bytes = opaque.messages.first().map_or(&[][..], |message| message);
    let (mut offset, mut count) = (0, 0);
    let mut fields = Fields::new(bytes);
    while let Ok(Some(field)) = fields.try_next() {
        match (field.number, field.value) {
            (1, Wire::Varint(value)) => offset = (value >> 1) as i32 ^ -((value & 1) as i32),
            (2, Wire::Varint(_)) => count += 1,
            (2, Wire::Bytes(mut packed)) => {
                while let Ok((_, rest)) = varint(packed) {
                    (packed, count) = (rest, count + 1);
                }
            }
            _ => {}
        }
    }
    format!(r#"{{"opaque":"buckets","offset":{offset},"length":{count}}}"#)
}

/// OTLP: `Status` has its message in field 2 and its code in field 3.
fn status(opaque: &Opaque<'_>) -> String {
    use otlp::wire::{Fields, Value as Wire};
    let bytes = opaque.messages.first().map_or(&[][..], |message| message);
    let (mut code, mut text) = (0, String::new());
    let mut fields = Fields::new(bytes);
    while let Ok(Some(field)) = fields.try_next() {
        match (field.number, field.value) {
            (2, Wire::Bytes(message)) => text = String::from_utf8_lossy(message).into_owned(),
            (3, Wire::Varint(value)) => code = value as i32,
            _ => {}
        }
    }
    format!(r#"{{"status":{{"code":{code},"message":{}}}}}"#, quoted(&text))
}
