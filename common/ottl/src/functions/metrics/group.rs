//! Points that belong together, in the order in which the first of each group stood.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use smallvec::SmallVec;

/// Groups by a key, which is appended to an empty buffer.
pub(super) fn by<P>(points: Vec<P>, write_key: impl Fn(&P, &mut Vec<u8>)) -> Vec<Vec<P>> {
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Vec<P>> = Vec::new();
    let mut key = Vec::new();
    for point in points {
        key.clear();
        write_key(&point, &mut key);
        match index.get(&key) {
            Some(group) => groups[*group].push(point),
            None => {
                index.insert(key.clone(), groups.len());
                groups.push(vec![point]);
            }
        }
    }
    groups
}

/// Appends attributes as bytes that are equal when the attributes are, whatever their order.
pub(super) fn write_attributes(attributes: &[KeyValue], out: &mut Vec<u8>) {
    let mut sorted: SmallVec<[&KeyValue; 8]> = attributes.iter().collect();
    sorted.sort_by(|left, right| left.key.cmp(&right.key));
    out.extend(sorted.len().to_le_bytes());
    for KeyValue { key, value, key_strindex } in sorted {
        write_bytes(out, key.as_bytes());
        out.extend(key_strindex.to_le_bytes());
        write_value(value.as_ref(), out);
    }
}

/// A byte for the form, and the value.
fn write_value(any: Option<&AnyValue>, out: &mut Vec<u8>) {
    let Some(AnyValue { value }) = any else { return out.push(0) };
    match value {
        None => out.push(1),
        Some(Value::StringValue(text)) => {
            out.push(2);
            write_bytes(out, text.as_bytes());
        }
        Some(Value::BytesValue(bytes)) => {
            out.push(3);
            write_bytes(out, bytes);
        }
        Some(Value::BoolValue(value)) => out.extend([4, u8::from(*value)]),
        Some(Value::IntValue(value)) => write_number(out, 5, value.cast_unsigned()),
        Some(Value::DoubleValue(value)) => write_number(out, 6, value.to_bits()),
        Some(Value::StringValueStrindex(value)) => write_number(out, 7, *value as u64),
        Some(Value::ArrayValue(list)) => {
            write_number(out, 8, list.values.len() as u64);
            list.values.iter().for_each(|item| write_value(Some(item), out));
        }
        Some(Value::KvlistValue(map)) => {
            out.push(9);
            write_attributes(&map.values, out);
        }
    }
}

fn write_number(out: &mut Vec<u8>, form: u8, value: u64) {
    out.push(form);
    out.extend(value.to_le_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.len().to_le_bytes());
    out.extend_from_slice(bytes);
}
