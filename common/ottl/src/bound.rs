//! How much a statement may make of a record.
//!
//! Records come from outside, and a statement can make much of little: a text for each character, a document put into
//! each element of another, a list of itself once for each statement. What is larger than this fails the statement on
//! that record, before it is copied where that is possible. Functions that could go on and on stop where they are over
//! the bound; what calls them sees that.

use crate::value::Any;
use crate::{RunError, Value};

/// The most bytes that the texts and bytes of one value have together; an item of a list or map counts 8 bytes more.
pub const VALUE_MAX_BYTES: usize = 16 << 20;
/// The most bytes that statements set on one record, what they overwrite again included. All versions of its messages
/// that are kept while they run, and what lambdas work on, have at most twice as many.
pub const RECORD_MAX_BYTES: usize = 256 << 20;
/// The most calls of lambdas on one record: lambdas within lambdas multiply.
pub const LAMBDA_CALLS_MAX: u32 = 1 << 20;
const ITEM_BYTES: usize = 8;

/// Messages around a value at most: the request down to an exemplar's attribute.
const MESSAGES_AROUND: usize = 9;
/// Messages of a key and what is below it: the list of pairs, the pair, the value.
const MESSAGES_PER_KEY: usize = 3;
/// Messages of a list and an item of it.
const MESSAGES_PER_ITEM: usize = 2;

/// Whether a text of that length is over the bound.
#[inline]
pub(crate) fn is_over(bytes: usize) -> bool {
    bytes > VALUE_MAX_BYTES
}

/// Refuses a text, bytes or list over the bound, by its length alone.
#[inline]
pub(crate) fn check(value: &Value<'_>) -> Result<(), RunError> {
    let bytes = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len() * ITEM_BYTES,
        _ => 0,
    };
    if is_over(bytes) { Err(too_large()) } else { Ok(()) }
}

/// The bytes of a value that is about to be set below `keys` keys; an error if it is over the bound, or nests deeper than
/// OTLP is read ([`otlp::MAX_DEPTH`] messages).
#[inline]
pub(crate) fn weigh(value: &Value<'_>, keys: usize) -> Result<usize, RunError> {
    match value {
        Value::Str(_) | Value::Bytes(_) => check(value).map(|()| length(value)),
        Value::Map(_) | Value::Slice(_) | Value::List(_) => {
            let around = MESSAGES_AROUND + keys * MESSAGES_PER_KEY;
            let mut scale = Scale { bytes: 0 };
            scale.put(value, otlp::MAX_DEPTH.saturating_sub(around))?;
            Ok(scale.bytes)
        }
        _ => Ok(0),
    }
}

/// Refuses a value over the bound, all that is in it counted.
pub(crate) fn check_all(value: &Value<'_>) -> Result<(), RunError> {
    Scale { bytes: 0 }.put(value, usize::MAX)
}

/// The bytes of a map, whatever its size.
pub(crate) fn map_bytes(map: &crate::Map) -> usize {
    map.entries.iter().map(|(key, value)| key.len() + ITEM_BYTES + any_bytes(value)).sum()
}

fn any_bytes(any: &Any) -> usize {
    match any {
        Any::Str(text) => text.len(),
        Any::Bytes(bytes) => bytes.len(),
        Any::Slice(items) => items.iter().map(|item| ITEM_BYTES + any_bytes(item)).sum(),
        Any::Map(map) => map_bytes(map),
        _ => 0,
    }
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

pub(crate) fn record_is_full() -> RunError {
    RunError::new(format!("more than {RECORD_MAX_BYTES} bytes set on one record"))
}

pub(crate) fn too_large() -> RunError {
    RunError::new(format!("a value of more than {VALUE_MAX_BYTES} bytes"))
}

struct Scale {
    bytes: usize,
}

impl Scale {
    fn put(&mut self, value: &Value<'_>, depth: usize) -> Result<(), RunError> {
        self.add(length(value))?;
        match value {
            Value::List(items) => {
                let depth = below(depth, MESSAGES_PER_ITEM)?;
                items.iter().try_for_each(|item| self.put(item, depth))
            }
            Value::Slice(items) => {
                let depth = below(depth, MESSAGES_PER_ITEM)?;
                items.iter().try_for_each(|item| self.put_any(item, depth))
            }
            Value::Map(map) => self.put_entries(&map.entries, depth),
            _ => Ok(()),
        }
    }

    fn put_any(&mut self, any: &Any, depth: usize) -> Result<(), RunError> {
        match any {
            Any::Str(text) => self.add(text.len()),
            Any::Bytes(bytes) => self.add(bytes.len()),
            Any::Slice(items) => {
                self.add(0)?;
                let depth = below(depth, MESSAGES_PER_ITEM)?;
                items.iter().try_for_each(|item| self.put_any(item, depth))
            }
            Any::Map(map) => self.put_entries(&map.entries, depth),
            _ => self.add(0),
        }
    }

    fn put_entries(&mut self, entries: &[(String, Any)], depth: usize) -> Result<(), RunError> {
        let depth = below(depth, MESSAGES_PER_KEY)?;
        entries.iter().try_for_each(|(key, value)| {
            self.add(key.len())?;
            self.put_any(value, depth)
        })
    }

    fn add(&mut self, bytes: usize) -> Result<(), RunError> {
        self.bytes = self.bytes.saturating_add(bytes + ITEM_BYTES);
        if is_over(self.bytes) { Err(too_large()) } else { Ok(()) }
    }
}

fn below(depth: usize, messages: usize) -> Result<usize, RunError> {
    depth.checked_sub(messages).ok_or_else(|| {
        RunError::new(format!(
            "a value that nests deeper than OTLP is read, {} messages",
            otlp::MAX_DEPTH
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Map;

    fn nested(levels: usize, around: fn(Any) -> Any) -> Value<'static> {
        (0..levels).fold(Any::Int(1), |inner, _| around(inner)).into()
    }

    #[test]
    fn nesting_ends_where_otlp_does() {
        let list = |inner| Any::Slice(vec![inner]);
        let map = |inner| Any::Map([("k".to_owned(), inner)].into_iter().collect::<Map>());
        for (value, fits) in [
            (nested(27, list), true),
            (nested(28, list), false),
            (nested(18, map), true),
            (nested(19, map), false),
        ] {
            assert_eq!(weigh(&value, 0).is_ok(), fits, "{value:?}");
        }
        assert!(weigh(&nested(18, map), 1).is_err(), "a key around it counts");
    }

    #[test]
    fn bytes_are_counted() {
        let text = Value::text("x".repeat(VALUE_MAX_BYTES / 2));
        assert!(weigh(&text, 0).is_ok());
        assert!(weigh(&Value::List(vec![text.by_ref(), text.by_ref()]), 0).is_err());
        assert!(check(&Value::text("x".repeat(VALUE_MAX_BYTES + 1))).is_err());
    }
}
