//! Points that belong together, in the order in which the first of each group stood.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value,
};
use prost::Message;

/// Groups by a key.
pub(super) fn by<P>(points: Vec<P>, key: impl Fn(&P) -> Vec<u8>) -> Vec<Vec<P>> {
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Vec<P>> = Vec::new();
    for point in points {
        let group = *index.entry(key(&point)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(point);
    }
    groups
}

/// Attributes as bytes that are equal when the attributes are, whatever their order.
pub(super) fn attributes_key(attributes: &[KeyValue]) -> Vec<u8> {
    KeyValueList { values: sorted(attributes) }.encode_length_delimited_to_vec()
}

fn sorted(entries: &[KeyValue]) -> Vec<KeyValue> {
    let mut entries: Vec<KeyValue> = entries
        .iter()
        .map(|entry| KeyValue { value: entry.value.as_ref().map(canonical), ..entry.clone() })
        .collect();
    entries.sort_by(|left, right| left.key.cmp(&right.key));
    entries
}

fn canonical(value: &AnyValue) -> AnyValue {
    use any_value::Value;
    let value = match &value.value {
        Some(Value::KvlistValue(map)) => {
            Some(Value::KvlistValue(KeyValueList { values: sorted(&map.values) }))
        }
        Some(Value::ArrayValue(list)) => {
            let values = list.values.iter().map(canonical).collect();
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        other => other.clone(),
    };
    AnyValue { value }
}
