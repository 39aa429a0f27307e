//! Editors of lists.

use crate::function::{Args, Edit, Target, Unfit};
use crate::functions::collections::any;
use crate::value::Any;
use crate::{RunError, Value};

/// Something must be appended.
pub(super) fn append(args: &Args<'_>) -> Result<Edit, Unfit> {
    if !args.is_given(0) && !args.is_given(1) {
        return Err("value or values must be given".to_owned().into());
    }
    Ok(Box::new(appended))
}

/// Adds a value, then the values of a list. What is no list becomes the first item of one.
fn appended<'a>(target: &mut dyn Target<'a>, args: &Args<'a>) -> Result<(), RunError> {
    let mut items = match target.get()? {
        Value::Nil => Vec::new(),
        Value::Slice(items) => items.into_owned(),
        Value::List(items) => items.into_iter().map(any).collect::<Result<_, _>>()?,
        Value::Map(_) => return Err(RunError::of_type("a list or a simple value", "map")),
        other => vec![any(other)?],
    };
    if args.has(0) {
        items.push(item(args.value(0))?);
    }
    if args.has(1) {
        for value in args.items(1)? {
            items.push(item(value)?);
        }
    }
    target.set(&Value::slice(items))
}

/// As in the reference, a list is appended only if the language made it, and a map never is.
fn item(value: Value<'_>) -> Result<Any, RunError> {
    match value {
        Value::Map(_) | Value::Slice(_) => {
            Err(RunError::of_type("a list literal or a simple value", value.kind()))
        }
        other => any(other),
    }
}

/// Removes the items from an index to before another, or one item.
pub(super) fn delete_index<'a>(
    target: &mut dyn Target<'a>,
    args: &Args<'a>,
) -> Result<(), RunError> {
    let mut items = match target.get()? {
        Value::Slice(items) => items.into_owned(),
        other => return Err(RunError::of_type("list", other.kind())),
    };
    let start = args.int(0)?;
    let end = if args.has(1) { args.int(1)? } else { start.saturating_add(1) };
    let length = items.len();
    let within = |index: i64| usize::try_from(index).ok();
    let range = match (within(start), within(end)) {
        (Some(first), Some(end)) if first < length && first <= end && end <= length => first..end,
        _ => {
            let message = format!("{start} to {end} is no range of {length} items");
            return Err(RunError::new(message));
        }
    };
    if range.is_empty() {
        return Ok(());
    }
    items.drain(range);
    target.set(&Value::slice(items))
}
