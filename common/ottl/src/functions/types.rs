//! Conversion between types, and tests of a value's type.
//!
//! The parameters' kinds do the conversion. The tests take any value; a literal of another type is refused
//! when the statement is loaded, as the reference does.

use crate::function::{Args, Body, Call, Definition, Kind, Param, Unfit, required};
use crate::value::Map;
use crate::{RunError, Value};

const ANY: &[Param] = &[required("target", Kind::Any)];

/// The family.
pub const ALL: &[Definition] = &[
    conversion("Bool", &[required("target", Kind::BoolLike)]),
    conversion("Int", &[required("target", Kind::IntLike)]),
    conversion("Double", &[required("target", Kind::DoubleLike)]),
    conversion("String", &[required("target", Kind::StrLike)]),
    Definition { name: "IsBool", params: ANY, body: Body::Prepared(is_bool) },
    Definition { name: "IsInt", params: ANY, body: Body::Prepared(is_int) },
    Definition { name: "IsDouble", params: ANY, body: Body::Prepared(is_double) },
    Definition { name: "IsString", params: ANY, body: Body::Prepared(is_string) },
    Definition { name: "IsMap", params: ANY, body: Body::Prepared(is_map) },
    Definition { name: "IsList", params: ANY, body: Body::Plain(is_list) },
    Definition { name: "IsEmpty", params: ANY, body: Body::Plain(is_empty) },
    Definition { name: "Len", params: ANY, body: Body::Plain(len) },
    Definition {
        name: "Coalesce",
        params: &[required("values", Kind::LazyItems)],
        body: Body::Prepared(coalesce),
    },
];

const fn conversion(name: &'static str, params: &'static [Param]) -> Definition {
    Definition { name, params, body: Body::Plain(converted) }
}

fn converted<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(args.value(0))
}

fn is_bool(args: &Args<'_>) -> Result<Call, Unfit> {
    tested(args, "bool", |value| matches!(value, Value::Bool(_)))
}

fn is_int(args: &Args<'_>) -> Result<Call, Unfit> {
    tested(args, "int", |value| matches!(value, Value::Int(_)))
}

fn is_double(args: &Args<'_>) -> Result<Call, Unfit> {
    tested(args, "double", |value| matches!(value, Value::Double(_)))
}

fn is_string(args: &Args<'_>) -> Result<Call, Unfit> {
    tested(args, "string", |value| matches!(value, Value::Str(_)))
}

fn is_map(args: &Args<'_>) -> Result<Call, Unfit> {
    tested(args, "map", |value| matches!(value, Value::Map(_)))
}

fn tested(args: &Args<'_>, kind: &str, is: fn(&Value<'_>) -> bool) -> Result<Call, Unfit> {
    if args.has(0) && !is(args.peek(0)) {
        return Err(Unfit::argument(0, RunError::of_type(kind, args.peek(0).kind())));
    }
    Ok(Box::new(move |args| Ok(Value::Bool(is(args.peek(0))))))
}

fn is_list<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::Bool(match args.peek(0) {
        Value::Slice(_) | Value::List(_) => true,
        Value::Opaque(opaque) => !opaque.kind.is_single(),
        _ => false,
    }))
}

fn is_empty<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    Ok(Value::Bool(match args.peek(0) {
        Value::Nil => true,
        Value::Bool(value) => !value,
        Value::Int(number) | Value::Duration(number) => *number == 0,
        Value::Double(number) => *number == 0.0,
        Value::TraceId(id) | Value::ProfileId(id) => *id == [0; 16],
        Value::SpanId(id) => *id == [0; 8],
        // As in the reference, lists of messages never are.
        Value::Time(_) | Value::Opaque(_) => false,
        other => length(other) == Some(0),
    }))
}

fn len<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let value = args.peek(0);
    match length(value) {
        Some(length) => Ok(Value::Int(length as i64)),
        None => Err(RunError::of_type("string, bytes, map or list", value.kind())),
    }
}

/// Bytes of a text, entries of a map, items of a list.
fn length(value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Str(text) => Some(text.len()),
        Value::Bytes(bytes) => Some(bytes.len()),
        Value::Map(map) => Some(Map::len(map)),
        Value::Slice(items) => Some(items.len()),
        Value::List(items) => Some(items.len()),
        Value::Opaque(opaque) if !opaque.kind.is_single() => Some(opaque.messages.len()),
        _ => None,
    }
}

/// The first value that is not nil; those behind it are not evaluated. An empty list has none, whatever the record.
fn coalesce(args: &Args<'_>) -> Result<Call, Unfit> {
    if matches!(args.peek(0), Value::List(items) if items.is_empty()) {
        return Err(Unfit::argument(0, "it needs at least one value"));
    }
    Ok(Box::new(|args| {
        for index in 0.. {
            match args.lazy(0, index).transpose()? {
                Some(Value::Nil) => {}
                found => return Ok(found.unwrap_or(Value::Nil)),
            }
        }
        Ok(Value::Nil)
    }))
}
