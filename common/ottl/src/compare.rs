//! How values compare (reference/ottl.md section 6).
//!
//! A comparison never fails: values of types that do not compare are unequal, and neither is less.
//! An int meets a double as a double; inside maps and lists the types must be the same.

use std::cmp::Ordering;

use crate::ast::Comparison;
use crate::value::{Any, Map, Value};

/// Whether `left op right` holds.
#[inline]
pub fn holds(left: &Value<'_>, op: Comparison, right: &Value<'_>) -> bool {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match op {
        Equal => equal(left, right),
        NotEqual => !equal(left, right),
        _ => match (order(left, right), op) {
            (Some(order), Less) => order.is_lt(),
            (Some(order), LessOrEqual) => order.is_le(),
            (Some(order), Greater) => order.is_gt(),
            (Some(order), GreaterOrEqual) => order.is_ge(),
            _ => false,
        },
    }
}

/// Whether the values are equal.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        // What is compared most, and faster than for an order.
        (Value::Str(left), Value::Str(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::TraceId(left), Value::TraceId(right))
        | (Value::ProfileId(left), Value::ProfileId(right)) => left == right,
        (Value::SpanId(left), Value::SpanId(right)) => left == right,
        (Value::Opaque(left), Value::Opaque(right)) => left == right,
        (Value::Map(left), Value::Map(right)) => same_map(left, right),
        (Value::Slice(left), Value::Slice(right)) => same_items(left, right),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Slice(items), Value::List(list)) | (Value::List(list), Value::Slice(items)) => {
            let mut pairs = items.iter().zip(list);
            items.len() == list.len() && pairs.all(|(item, other)| same(&item.value(), other))
        }
        _ => order(left, right) == Some(Ordering::Equal),
    }
}

/// The order of values that have one.
pub fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        _ if is_nil(left) || is_nil(right) => {
            (is_nil(left) && is_nil(right)).then_some(Ordering::Equal)
        }
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Double(left), Value::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Str(left), Value::Str(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.at_ns.cmp(&right.at_ns)),
        _ => None,
    }
}

/// No bytes are nothing, as in the reference.
fn is_nil(value: &Value<'_>) -> bool {
    match value {
        Value::Nil => true,
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

/// Equal within a list: types are strict.
fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Int(_), Value::Double(_)) | (Value::Double(_), Value::Int(_)) => false,
        _ => equal(left, right),
    }
}

fn same_any(left: &Any, right: &Any) -> bool {
    match (left, right) {
        (Any::Map(left), Any::Map(right)) => same_map(left, right),
        (Any::Slice(left), Any::Slice(right)) => same_items(left, right),
        _ => left == right,
    }
}

fn same_items(left: &[Any], right: &[Any]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_any(left, right))
}

/// The order of keys does not count.
fn same_map(left: &Map, right: &Map) -> bool {
    let found =
        |(key, value): &(String, Any)| right.get(key).is_some_and(|other| same_any(value, other));
    left.len() == right.len() && left.entries.iter().all(found)
}
