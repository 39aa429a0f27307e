//! Maps and lists: their parts, their order, and lambdas over them.

use crate::function::{Args, Body, Definition, Kind, Param, optional, required};
use crate::value::{Any, Map};
use crate::{RunError, Value, compare};

mod lambda;
mod sort;

const MAP: &[Param] = &[required("target", Kind::Map)];
const PREDICATE: &[Param] =
    &[required("source", Kind::Any), required("predicate", Kind::Lambda(2))];

/// The family.
pub const ALL: &[Definition] = &[
    Definition { name: "Keys", params: MAP, body: Body::Plain(keys) },
    Definition { name: "Values", params: MAP, body: Body::Plain(values) },
    Definition {
        name: "ContainsValue",
        params: &[required("target", Kind::List), required("item", Kind::Any)],
        body: Body::Plain(contains_value),
    },
    Definition {
        name: "Index",
        params: &[required("target", Kind::Any), required("value", Kind::Any)],
        body: Body::Plain(index),
    },
    Definition {
        name: "Sort",
        params: &[required("target", Kind::Any), optional("order", Kind::LiteralStr)],
        body: Body::Prepared(sort::sort),
    },
    Definition { name: "All", params: PREDICATE, body: Body::Plain(lambda::all) },
    Definition { name: "Any", params: PREDICATE, body: Body::Plain(lambda::any) },
    Definition { name: "Filter", params: PREDICATE, body: Body::Plain(lambda::filter) },
    Definition {
        name: "Find",
        params: &[
            required("source", Kind::Any),
            required("predicate", Kind::Lambda(2)),
            optional("mapper", Kind::Lambda(2)),
        ],
        body: Body::Plain(lambda::find),
    },
    Definition {
        name: "MapEach",
        params: &[required("source", Kind::Any), required("mapper", Kind::Lambda(2))],
        body: Body::Plain(lambda::map_each),
    },
    Definition {
        name: "MapKeys",
        params: &[required("source", Kind::Map), required("key_mapper", Kind::Lambda(2))],
        body: Body::Plain(lambda::map_keys),
    },
    Definition {
        name: "Reduce",
        params: &[
            required("source", Kind::Any),
            required("seed", Kind::Any),
            required("accumulator", Kind::Lambda(3)),
        ],
        body: Body::Plain(lambda::reduce),
    },
    Definition {
        name: "When",
        params: &[
            required("condition", Kind::Lambda(0)),
            required("true_value", Kind::Lazy),
            required("false_value", Kind::Lazy),
        ],
        body: Body::Plain(lambda::when),
    },
];

fn keys<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::slice(args.map(0)?.entries.iter().map(|(key, _)| Any::from(key.as_str())).collect()))
}

fn values<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::slice(args.map(0)?.entries.iter().map(|(_, value)| value.clone()).collect()))
}

fn contains_value<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::Bool(position(args.peek(0), args.peek(1))?.is_some()))
}

/// Bytes before the text, or items before the item; -1 where there is none.
fn index<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let found = match args.peek(0) {
        Value::Str(text) => text.find(args.str(1)?),
        list => position(list, args.peek(1))?,
    };
    Ok(Value::Int(found.map_or(-1, |index| index as i64)))
}

fn position(list: &Value<'_>, item: &Value<'_>) -> Result<Option<usize>, RunError> {
    match list {
        Value::Slice(items) => {
            Ok(items.iter().position(|other| compare::equal(&other.value(), item)))
        }
        Value::List(items) => Ok(items.iter().position(|other| compare::equal(other, item))),
        other => Err(RunError::of_type("list", other.kind())),
    }
}

/// What OTLP can hold of a value; the rest is an error.
pub(super) fn any(value: Value<'_>) -> Result<Any, RunError> {
    match value {
        Value::Nil => Ok(Any::Empty),
        Value::Bool(value) => Ok(Any::Bool(value)),
        Value::Int(number) => Ok(Any::Int(number)),
        Value::Double(number) => Ok(Any::Double(number)),
        Value::Str(text) => Ok(Any::Str(text.into_owned())),
        Value::Bytes(bytes) => Ok(Any::Bytes(bytes.into_owned())),
        Value::Map(map) => Ok(Any::Map(map.into_owned())),
        Value::Slice(items) => Ok(Any::Slice(items.into_owned())),
        Value::List(items) => Ok(Any::Slice(items.into_iter().map(any).collect::<Result<_, _>>()?)),
        other => Err(RunError::of_type("a value that OTLP has", other.kind())),
    }
}

/// A map with the entries of `entries` in order; a key that repeats keeps its place and its last value.
pub(super) fn merged(entries: impl IntoIterator<Item = (String, Any)>) -> Map {
    let mut places = std::collections::HashMap::new();
    let mut map = Map::new();
    for (key, value) in entries {
        match places.get(&key) {
            Some(place) => {
                let place: usize = *place;
                map.entries[place].1 = value;
            }
            None => {
                places.insert(key.clone(), map.entries.len());
                map.entries.push((key, value));
            }
        }
    }
    map
}
