//! Keys in brackets on values: reading what is inside maps and lists, and writing there.
//!
//! Paths and converters differ: a key that a map lacks reads as nil behind a path and is an error behind a
//! converter. Writing makes the maps and lists that are missing, and either succeeds or changes nothing.

use std::borrow::Cow;

use crate::context::Key;
use crate::value::{Any, Map};
use crate::{RunError, Value};

/// The longest list that writing behind its end makes.
pub const MAX_PADDING: usize = 1 << 16;

/// What a path's keys find in `value`. A key that a map lacks ends the search with nil.
pub fn find<'a>(mut value: Value<'a>, keys: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    for key in keys {
        match step(value, *key)? {
            Some(inner) => value = inner,
            None => return Ok(Value::Nil),
        }
    }
    Ok(value)
}

/// What a converter's keys find in its result. A key that a map lacks is an error.
pub fn pick<'a>(mut value: Value<'a>, keys: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    for key in keys {
        value = step(value, *key)?.ok_or_else(|| RunError::new("key not found in map"))?;
    }
    Ok(value)
}

/// One key; `None` where a map lacks it.
fn step<'a>(value: Value<'a>, key: Key<'_>) -> Result<Option<Value<'a>>, RunError> {
    match (value, key) {
        (Value::Map(Cow::Borrowed(map)), Key::Str(key)) => Ok(map.get(key).map(Any::value)),
        (Value::Map(Cow::Owned(mut map)), Key::Str(key)) => Ok(map.remove(key).map(Value::from)),
        (Value::Slice(Cow::Borrowed(items)), Key::Int(index)) => {
            let item = items.get(checked(index, items.len())?);
            Ok(item.map(Any::value))
        }
        (Value::Slice(Cow::Owned(mut items)), Key::Int(index)) => {
            let index = checked(index, items.len())?;
            Ok(Some(Value::from(items.swap_remove(index))))
        }
        (Value::List(mut items), Key::Int(index)) => {
            let index = checked(index, items.len())?;
            Ok(Some(items.swap_remove(index)))
        }
        (value, key) => Err(mismatch(value.kind(), key)),
    }
}

fn checked(index: i64, length: usize) -> Result<usize, RunError> {
    let within = usize::try_from(index).ok().filter(|index| *index < length);
    within.ok_or_else(|| RunError::new(format!("index {index} out of bounds, {length} items")))
}

fn mismatch(kind: &str, key: Key<'_>) -> RunError {
    match key {
        Key::Str(key) => RunError::new(format!("a {kind} has no key {key:?}")),
        Key::Int(index) => RunError::new(format!("a {kind} has no index {index}")),
    }
}

/// Writes `value` at `keys` in `target`, or changes nothing.
pub fn put(target: &mut Any, keys: &[Key<'_>], value: Any) -> Result<(), RunError> {
    can_put(target, keys)?;
    *slot(target, keys) = value;
    Ok(())
}

/// [`put`] into a map: the first key must be a text.
pub fn put_in_map(map: &mut Map, keys: &[Key<'_>], value: Any) -> Result<(), RunError> {
    let Some((first, rest)) = keys.split_first() else {
        return Err(RunError::new("a map is set with a key or as a whole"));
    };
    let Key::Str(name) = *first else { return Err(mismatch("map", *first)) };
    match map.get_mut(name) {
        Some(inner) => put(inner, rest, value),
        None => {
            let mut inner = Any::Empty;
            put(&mut inner, rest, value)?;
            map.entries.push((name.to_owned(), inner));
            Ok(())
        }
    }
}

/// Whether everything on the way exists or can be made.
fn can_put(mut target: &Any, keys: &[Key<'_>]) -> Result<(), RunError> {
    for (depth, key) in keys.iter().enumerate() {
        let inner = match (target, *key) {
            (Any::Map(map), Key::Str(name)) => map.get(name),
            (Any::Slice(items), Key::Int(index)) => items.get(checked(index, items.len())?),
            (Any::Empty, _) => None,
            (other, key) => return Err(mismatch(other.value().kind(), key)),
        };
        match inner {
            Some(inner) => target = inner,
            // From here on everything is made.
            None => return keys[depth..].iter().try_for_each(can_make),
        }
    }
    Ok(())
}

fn can_make(key: &Key<'_>) -> Result<(), RunError> {
    match key {
        Key::Int(index) => checked(*index, MAX_PADDING).map(drop),
        Key::Str(_) => Ok(()),
    }
}

/// The place to write to, after [`can_put`].
fn slot<'t>(target: &'t mut Any, keys: &[Key<'_>]) -> &'t mut Any {
    let Some((first, rest)) = keys.split_first() else { return target };
    if matches!(target, Any::Empty) {
        *target = match first {
            Key::Str(_) => Any::Map(Map::new()),
            Key::Int(_) => Any::Slice(Vec::new()),
        };
    }
    match (target, *first) {
        (Any::Map(map), Key::Str(name)) => slot(entry(map, name), rest),
        (Any::Slice(items), Key::Int(index)) => {
            let index = usize::try_from(index).unwrap_or(0);
            if items.len() <= index {
                items.resize(index + 1, Any::Empty);
            }
            slot(&mut items[index], rest)
        }
        (target, _) => target,
    }
}

fn entry<'t>(map: &'t mut Map, name: &str) -> &'t mut Any {
    let found = map.entries.iter().position(|(key, _)| key == name);
    let index = found.unwrap_or_else(|| {
        map.entries.push((name.to_owned(), Any::Empty));
        map.entries.len() - 1
    });
    &mut map.entries[index].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_makes_what_is_missing() {
        let mut target = Any::Empty;
        put(&mut target, &[Key::Str("a"), Key::Int(1), Key::Str("b")], Any::Int(5)).unwrap();
        let inner: Map = [("b", 5i64)].into_iter().collect();
        let list = Any::Slice(vec![Any::Empty, Any::Map(inner)]);
        assert_eq!(target, Any::Map([("a", list)].into_iter().collect()));
    }

    #[test]
    fn a_write_that_fails_changes_nothing() {
        let check = |keys: &[Key<'_>]| {
            let mut map: Map = [("text", Any::from("x")), ("list", Any::Slice(vec![Any::Int(1)]))]
                .into_iter()
                .collect();
            let before = map.clone();
            assert!(put_in_map(&mut map, keys, Any::Int(1)).is_err(), "{keys:?}");
            assert_eq!(map, before);
        };
        check(&[]);
        check(&[Key::Int(0)]);
        check(&[Key::Str("text"), Key::Str("a")]);
        check(&[Key::Str("list"), Key::Int(1)]);
        check(&[Key::Str("list"), Key::Int(-1)]);
        check(&[Key::Str("new"), Key::Str("a"), Key::Int(i64::MAX)]);
    }

    #[test]
    fn paths_forgive_a_missing_key_and_converters_do_not() {
        let map: Map = [("a", Any::Slice(vec![Any::Int(7)]))].into_iter().collect();
        let value = || Value::Map(Cow::Borrowed(&map));
        let keys = [Key::Str("a"), Key::Int(0)];
        assert!(matches!(find(value(), &keys), Ok(Value::Int(7))));
        assert!(matches!(find(value(), &[Key::Str("b"), Key::Int(0)]), Ok(Value::Nil)));
        assert!(pick(value(), &[Key::Str("b")]).is_err());
        assert!(find(value(), &[Key::Str("a"), Key::Int(1)]).is_err());
        assert!(find(value(), &[Key::Int(1)]).is_err());
    }
}
