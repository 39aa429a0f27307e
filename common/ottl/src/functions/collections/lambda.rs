//! Functions that call a lambda for each item of a map or a list.
//!
//! A lambda is given the key (a text, or the index as a whole number) and the value. Values that lambdas make
//! for a new map or list must be ones that OTLP has.

use super::{any as to_any, merged};
use crate::function::Args;
use crate::{RunError, Value, bound};

/// The keys and values of a map or list.
fn pairs<'a>(args: &Args<'a>) -> Result<Vec<(Value<'a>, Value<'a>)>, RunError> {
    match args.value(0) {
        Value::Map(map) => Ok(match map {
            std::borrow::Cow::Borrowed(map) => {
                map.entries.iter().map(|(key, value)| (Value::text(key), value.value())).collect()
            }
            std::borrow::Cow::Owned(map) => map
                .entries
                .into_iter()
                .map(|(key, value)| (Value::text(key), Value::from(value)))
                .collect(),
        }),
        Value::Slice(_) | Value::List(_) => {
            let items = args.items(0)?.into_iter().enumerate();
            Ok(items.map(|(index, item)| (Value::Int(index as i64), item)).collect())
        }
        other => Err(RunError::of_type("map or list", other.kind())),
    }
}

/// Whether the lambda holds for the pair.
fn holds(args: &Args<'_>, key: &Value<'_>, value: &Value<'_>) -> Result<bool, RunError> {
    args.test(1, &[key.by_ref(), value.by_ref()])
}

pub(super) fn all<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    for (key, value) in pairs(args)? {
        if !holds(args, &key, &value)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

pub(super) fn any<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    for (key, value) in pairs(args)? {
        if holds(args, &key, &value)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// The pairs that pass, as a map or a list like the source.
pub(super) fn filter<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let mut kept = Vec::new();
    for (key, value) in pairs(args)? {
        if holds(args, &key, &value)? {
            kept.push((key, value));
        }
    }
    collected(args, kept)
}

/// The first value that passes, or what the second lambda makes of it.
pub(super) fn find<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    for (key, value) in pairs(args)? {
        if holds(args, &key, &value)? {
            return if args.has(2) { args.call(2, &[key, value]) } else { Ok(value) };
        }
    }
    Ok(Value::Nil)
}

/// Each value replaced by what the lambda makes of it.
pub(super) fn map_each<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let (mut made, mut bytes) = (Vec::new(), 0);
    for (key, value) in pairs(args)? {
        let value = match args.call(1, &[key.by_ref(), value])? {
            Value::Nil => return Err(RunError::of_type("a value", "nil")),
            value => {
                bytes += bound::weigh(&value, 0)?;
                Value::from(to_any(value)?)
            }
        };
        if bound::is_over(bytes) {
            return Err(RunError::new("the values that were made are too large together"));
        }
        made.push((key, value));
    }
    collected(args, made)
}

/// Each key replaced by what the lambda makes of it. A key made twice keeps its last value.
pub(super) fn map_keys<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let mut made = Vec::new();
    for (key, value) in pairs(args)? {
        match args.call(1, &[key, value.by_ref()])? {
            Value::Str(key) => made.push((key.into_owned(), to_any(value)?)),
            other => return Err(RunError::of_type("string", other.kind())),
        }
    }
    Ok(Value::map(merged(made)))
}

/// The last value of the lambda over the value before it, the key and the value.
pub(super) fn reduce<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let mut made = args.value(1);
    for (key, value) in pairs(args)? {
        made = args.call(2, &[made, key, value])?;
        if made.is_nil() {
            return Err(RunError::of_type("a value", "nil"));
        }
        bound::weigh(&made, 0)?;
    }
    Ok(made)
}

/// One of two values; the other is not evaluated.
pub(super) fn when<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let chosen = if args.test(0, &[])? { 1 } else { 2 };
    args.lazy(chosen, 0).unwrap_or(Ok(Value::Nil))
}

/// A map if the source is one, otherwise a list.
fn collected<'a>(
    args: &Args<'a>,
    pairs: Vec<(Value<'a>, Value<'a>)>,
) -> Result<Value<'a>, RunError> {
    if !matches!(args.peek(0), Value::Map(_)) {
        return Ok(Value::List(pairs.into_iter().map(|(_, value)| value).collect()));
    }
    let entry = |(key, value)| match key {
        Value::Str(key) => Ok((key.into_owned(), to_any(value)?)),
        other => Err(RunError::of_type("string", other.kind())),
    };
    let entries = pairs.into_iter().map(entry).collect::<Result<_, RunError>>()?;
    Ok(Value::map(crate::Map { entries }))
}
