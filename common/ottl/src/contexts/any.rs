//! `AnyValue` and lists of attributes: from bytes to values and back.
//!
//! Of the oneof the last member written counts; a list or map written in pieces is one. Nesting is
//! followed [`otlp::MAX_DEPTH`] deep, deeper values are malformed.

use std::borrow::Cow;

use otlp::edit::fields::{key, repeated, value};
use otlp::wire::{self, Fields, field_bytes, put_bytes, put_fixed64, put_varint};
use otlp::{MAX_DEPTH, Malformed};

use crate::ast::Comparison;
use crate::compare::holds;
use crate::context::Key;
use crate::value::{Any, Map};
use crate::{RunError, Value};

/// Fields of `AnyValue`.
const TEXT: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const LIST: u32 = 5;
const MAP: u32 = 6;
const BYTES: u32 = 7;
/// Tags of these.
const TEXT_TAG: u8 = (TEXT as u8) << 3 | 2;
const BOOL_TAG: u8 = (BOOL as u8) << 3;
const INT_TAG: u8 = (INT as u8) << 3;
/// The field of `ArrayValue` and `KeyValueList`.
const VALUES: u32 = 1;
/// Fields of `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// A tag and a length at most.
const HEAD_BYTES: usize = 15;

/// The member of an `AnyValue` that counts.
enum Member<'a> {
    Empty,
    Text(Cow<'a, [u8]>),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(Cow<'a, [u8]>),
    Map(Cow<'a, [u8]>),
    Bytes(Cow<'a, [u8]>),
}

fn member(any: &[u8]) -> Result<Member<'_>, Malformed> {
    use wire::Value::{Bytes, Fixed64, Varint};
    let mut found = Member::Empty;
    let mut fields = Fields::new(any);
    while let Some(field) = fields.try_next()? {
        found = match (field.number, field.value, found) {
            (LIST, Bytes(more), Member::List(list)) => Member::List(joined(list, more)),
            (MAP, Bytes(more), Member::Map(map)) => Member::Map(joined(map, more)),
            (TEXT, Bytes(text), _) => Member::Text(text.into()),
            (BOOL, Varint(value), _) => Member::Bool(value != 0),
            (INT, Varint(value), _) => Member::Int(value.cast_signed()),
            (DOUBLE, Fixed64(bits), _) => Member::Double(f64::from_bits(bits)),
            (LIST, Bytes(list), _) => Member::List(list.into()),
            (MAP, Bytes(map), _) => Member::Map(map.into()),
            (BYTES, Bytes(bytes), _) => Member::Bytes(bytes.into()),
            (TEXT..=BYTES, ..) => return Err(Malformed),
            (_, _, found) => found,
        };
    }
    Ok(found)
}

fn joined<'a>(mut first: Cow<'a, [u8]>, more: &[u8]) -> Cow<'a, [u8]> {
    first.to_mut().extend_from_slice(more);
    first
}

/// The value of an `AnyValue`; texts and bytes are borrowed if it is.
pub fn read(any: Cow<'_, [u8]>) -> Result<Value<'_>, Malformed> {
    match any {
        Cow::Borrowed(any) => read_borrowed(any),
        Cow::Owned(any) => Ok(read_borrowed(&any)?.into_owned()),
    }
}

#[inline]
fn read_borrowed(any: &[u8]) -> Result<Value<'_>, Malformed> {
    match plain(any) {
        Some(value) => value,
        None => read_of_any_form(any),
    }
}

fn read_of_any_form(any: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(match member(any)? {
        Member::Empty => Value::Nil,
        Member::Text(text) => Value::Str(utf8(text)?),
        Member::Bool(value) => Value::Bool(value),
        Member::Int(value) => Value::Int(value),
        Member::Double(value) => Value::Double(value),
        Member::List(list) => Value::Slice(Cow::Owned(read_list(&list, MAX_DEPTH)?)),
        Member::Map(map) => Value::Map(Cow::Owned(map_at(&map, VALUES, MAX_DEPTH)?)),
        Member::Bytes(bytes) => Value::Bytes(bytes),
    })
}

/// The value of what is a short text or one scalar and nothing else, as nearly all are. `None` says nothing.
#[inline]
fn plain(any: &[u8]) -> Option<Result<Value<'_>, Malformed>> {
    match any {
        [TEXT_TAG, length @ 0..0x80, text @ ..] if usize::from(*length) == text.len() => {
            Some(utf8(Cow::Borrowed(text)).map(Value::Str))
        }
        [INT_TAG, number @ ..] => match wire::varint(number) {
            Ok((number, [])) => Some(Ok(Value::Int(number.cast_signed()))),
            _ => None,
        },
        [BOOL_TAG, value @ 0..0x80] => Some(Ok(Value::Bool(*value != 0))),
        _ => None,
    }
}

/// Whether an `AnyValue` compares with a value; of most nothing is made for it.
#[inline]
pub fn compare(any: &[u8], op: Comparison, right: &Value<'_>) -> Result<bool, Malformed> {
    let is_equal = match (any, right) {
        ([BOOL_TAG, left @ 0..0x80], Value::Bool(right)) => (*left != 0) == *right,
        ([INT_TAG, left @ ..], Value::Int(number)) => match wire::varint(left) {
            Ok((left, [])) => left.cast_signed() == *number,
            _ => return Ok(holds(&read_borrowed(any)?, op, right)),
        },
        ([TEXT_TAG, length @ 0..0x80, left @ ..], Value::Str(right))
            if usize::from(*length) == left.len() =>
        {
            let is_equal = left == right.as_bytes();
            if !is_equal && std::str::from_utf8(left).is_err() {
                return Err(Malformed);
            }
            is_equal
        }
        _ => return Ok(holds(&read_borrowed(any)?, op, right)),
    };
    match op {
        Comparison::Equal => Ok(is_equal),
        Comparison::NotEqual => Ok(!is_equal),
        _ => Ok(holds(&read_borrowed(any)?, op, right)),
    }
}

#[inline]
fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Malformed> {
    match bytes {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Malformed)
        }
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Malformed),
    }
}

/// The value of an `AnyValue`, owned.
pub fn read_owned(any: &[u8]) -> Result<Any, Malformed> {
    owned(any, MAX_DEPTH)
}

fn owned(any: &[u8], depth: usize) -> Result<Any, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    Ok(match member(any)? {
        Member::Empty => Any::Empty,
        Member::Text(text) => Any::Str(utf8(text)?.into_owned()),
        Member::Bool(value) => Any::Bool(value),
        Member::Int(value) => Any::Int(value),
        Member::Double(value) => Any::Double(value),
        Member::List(list) => Any::Slice(read_list(&list, depth)?),
        Member::Map(map) => Any::Map(map_at(&map, VALUES, depth)?),
        Member::Bytes(bytes) => Any::Bytes(bytes.into_owned()),
    })
}

fn read_list(list: &[u8], depth: usize) -> Result<Vec<Any>, Malformed> {
    repeated(list, VALUES).map(|item| owned(item?, depth)).collect()
}

/// The attributes in field `number` of a message.
pub fn read_map(message: &[u8], number: u32) -> Result<Map, Malformed> {
    map_at(message, number, MAX_DEPTH)
}

fn map_at(message: &[u8], number: u32, depth: usize) -> Result<Map, Malformed> {
    let entry = |entry: Result<&[u8], Malformed>| {
        let entry = entry?;
        let name = std::str::from_utf8(key(entry)?).map_err(|_| Malformed)?;
        Ok((name.to_owned(), owned(&value(entry)?, depth)?))
    };
    let entries = repeated(message, number).map(entry).collect::<Result<_, Malformed>>()?;
    Ok(Map { entries })
}

/// What `keys` find in an `AnyValue`, without decoding what is beside them. A key that a map lacks
/// ends the search with nil.
#[inline]
pub fn find<'a>(any: Cow<'a, [u8]>, keys: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    match any {
        Cow::Borrowed(any) if keys.is_empty() => Ok(read_borrowed(any)?),
        Cow::Borrowed(any) => find_borrowed(any, keys),
        Cow::Owned(any) => Ok(find_borrowed(&any, keys)?.into_owned()),
    }
}

fn find_borrowed<'a>(any: &'a [u8], keys: &[Key<'_>]) -> Result<Value<'a>, RunError> {
    let Some((first, rest)) = keys.split_first() else { return Ok(read_borrowed(any)?) };
    match (member(any)?, *first) {
        (Member::Map(map), Key::Str(name)) => match entry(map, name)? {
            Some(inner) => find(inner, rest),
            None => Ok(Value::Nil),
        },
        (Member::List(Cow::Borrowed(list)), Key::Int(index)) => {
            find_borrowed(item(list, index)?, rest)
        }
        (Member::List(Cow::Owned(list)), Key::Int(index)) => {
            Ok(find_borrowed(item(&list, index)?, rest)?.into_owned())
        }
        _ => crate::index::find(read_borrowed(any)?, keys),
    }
}

fn entry<'a>(map: Cow<'a, [u8]>, name: &str) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
    let name = name.as_bytes();
    match map {
        Cow::Borrowed(map) => otlp::edit::fields::attribute(map, VALUES, name),
        Cow::Owned(map) => {
            let found = otlp::edit::fields::attribute(&map, VALUES, name)?;
            Ok(found.map(|any| Cow::Owned(any.into_owned())))
        }
    }
}

fn item(list: &[u8], index: i64) -> Result<&[u8], RunError> {
    let items = repeated(list, VALUES);
    let found = usize::try_from(index).ok().and_then(|index| items.clone().nth(index));
    let out_of_bounds = || format!("index {index} out of bounds, {} items", items.count());
    found.transpose()?.ok_or_else(|| RunError::new(out_of_bounds()))
}

/// Appends the content of an `AnyValue`. What OTLP cannot hold is an error.
pub fn write(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), RunError> {
    match value {
        Value::Nil => {}
        Value::Bool(value) => write_varint(out, BOOL, u64::from(*value)),
        Value::Int(value) => write_varint(out, INT, value.cast_unsigned()),
        Value::Double(value) => put_fixed64(out, DOUBLE, value.to_bits()),
        Value::Str(text) => put_bytes(out, TEXT, text.as_bytes()),
        Value::Bytes(bytes) => put_bytes(out, BYTES, bytes),
        Value::Map(map) => write_pairs(out, map),
        Value::Slice(items) => write_list(out, items),
        Value::List(items) => put_bytes(out, LIST, &native_list(items)?),
        other => return Err(RunError::of_type("a value of OTLP", other.kind())),
    }
    Ok(())
}

fn write_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

fn native_list(items: &[Value<'_>]) -> Result<Vec<u8>, RunError> {
    let (mut out, mut content) = (Vec::new(), Vec::new());
    for item in items {
        content.clear();
        write(&mut content, item)?;
        put_bytes(&mut out, VALUES, &content);
    }
    Ok(out)
}

/// Appends the content of an `AnyValue`.
pub fn write_owned(out: &mut Vec<u8>, any: &Any) {
    match any {
        Any::Empty => {}
        Any::Str(text) => put_bytes(out, TEXT, text.as_bytes()),
        Any::Bool(value) => write_varint(out, BOOL, u64::from(*value)),
        Any::Int(value) => write_varint(out, INT, value.cast_unsigned()),
        Any::Double(value) => put_fixed64(out, DOUBLE, value.to_bits()),
        Any::Bytes(bytes) => put_bytes(out, BYTES, bytes),
        Any::Slice(items) => write_list(out, items),
        Any::Map(map) => write_pairs(out, map),
    }
}

fn write_list(out: &mut Vec<u8>, items: &[Any]) {
    put_head(out, LIST, list_bytes(items));
    for item in items {
        put_head(out, VALUES, any_bytes(item));
        write_owned(out, item);
    }
}

fn write_pairs(out: &mut Vec<u8>, map: &Map) {
    put_head(out, MAP, map_bytes(map));
    write_map(out, VALUES, map);
}

/// Appends a map as the repeated field `number`.
pub fn write_map(out: &mut Vec<u8>, number: u32, map: &Map) {
    map.entries.iter().for_each(|(name, value)| write_entry(out, number, name, value));
}

/// Appends an entry of a map as the field `number`.
pub fn write_entry(out: &mut Vec<u8>, number: u32, name: &str, value: &Any) {
    let value_bytes = any_bytes(value);
    put_head(out, number, field_bytes(name.len()) + field_bytes(value_bytes));
    put_bytes(out, KEY, name.as_bytes());
    put_head(out, VALUE, value_bytes);
    write_owned(out, value);
}

/// Tag and length of a field whose content follows, and room for it.
fn put_head(out: &mut Vec<u8>, number: u32, bytes: usize) {
    out.reserve(bytes + HEAD_BYTES);
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes as u64);
}

/// The bytes that [`write_owned`] appends.
fn any_bytes(any: &Any) -> usize {
    match any {
        Any::Empty => 0,
        Any::Str(text) => field_bytes(text.len()),
        Any::Bool(_) => 2,
        Any::Int(value) => 1 + wire::varint_bytes(value.cast_unsigned()),
        Any::Double(_) => 9,
        Any::Bytes(bytes) => field_bytes(bytes.len()),
        Any::Slice(items) => field_bytes(list_bytes(items)),
        Any::Map(map) => field_bytes(map_bytes(map)),
    }
}

fn list_bytes(items: &[Any]) -> usize {
    items.iter().map(|item| field_bytes(any_bytes(item))).sum()
}

fn map_bytes(map: &Map) -> usize {
    let entry = |(name, value): &(String, Any)| {
        field_bytes(field_bytes(name.len()) + field_bytes(any_bytes(value)))
    };
    map.entries.iter().map(entry).sum()
}
