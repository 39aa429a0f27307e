//! Setting a path: the field is encoded and spliced into its message.
//!
//! Scalars take exactly their type, and nil is an error; whole maps and lists are emptied by nil, a
//! value of OTLP becomes the empty one. Whole numbers are cut to the bits of their field.

use bumpalo::Bump;
use otlp::Malformed;
use otlp::edit::{Data, Level, fields};
use otlp::wire::{put_bytes, put_fixed64, put_varint};

use super::paths::{Field, Path, Target};
use super::read::{self, SPAN_KINDS, has, points_of};
use super::tables::{Kind, Nest};
use super::trace_state::TraceState;
use super::{Record, any, ids};
use crate::context::Key;
use crate::value::{Any, OpaqueKind};
use crate::{RunError, Value, index};

mod maps;

pub(super) use maps::{remove, retain, rewrite};

pub(super) fn set<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    path: &Path,
    keys: &[Key<'_>],
    value: &Value<'_>,
) -> Result<(), RunError> {
    let field = field_of(path)?;
    match field.kind() {
        Kind::MetricType => return Ok(()),
        Kind::EventIndex => return Err(RunError::new("the index of an event is read-only")),
        Kind::Temporality | Kind::IsMonotonic | Kind::DataPoints => {
            return set_in_data(record, arena, &field, value);
        }
        Kind::Messages(_) if field.level != record.level() => return Err(around(&field)),
        _ => {}
    }
    let number = number_of(record, &field)?;
    if let (Kind::Attributes, [first, rest @ ..]) = (field.kind(), keys) {
        return set_attribute(record, arena, &field, number, *first, rest, value);
    }
    let mut new = std::mem::take(&mut record.scratch.field);
    new.clear();
    let encoded = encode(record, &field, number, keys, value, &mut new);
    let written = encoded.and_then(|()| {
        edit_in(record, arena, &field, |message, out| {
            fields::replace(message, &replaced(&field, number), &new, out)?;
            Ok(true)
        })
    });
    record.scratch.field = new;
    written
}

fn field_of(path: &Path) -> Result<Field, RunError> {
    match path.0 {
        Target::Field(field) => Ok(field),
        Target::Request(_) => Err(RunError::new("what came with a request is read-only")),
    }
}

fn number_of(record: &Record<'_>, field: &Field) -> Result<u32, RunError> {
    let data = if field.level == Level::Child { record.data() } else { None };
    let missing = || RunError::new(format!("points of this kind have no {}", field.row.name));
    field.number(data).ok_or_else(missing)
}

fn around(field: &Field) -> RunError {
    RunError::new(format!("{} cannot be set from one of them", field.row.name))
}

/// The fields that a new one takes the place of.
fn replaced(field: &Field, number: u32) -> [u32; 2] {
    match field.kind() {
        Kind::ValueDouble(double, int) | Kind::ValueInt(double, int) => [double, int],
        _ => [number, number],
    }
}

/// Edits the message that a field is in, and the one around it, if `write` says that it wrote one.
fn edit_in<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    field: &Field,
    write: impl FnOnce(&[u8], &mut Vec<u8>) -> Result<bool, RunError>,
) -> Result<(), RunError> {
    let Nest::In(nest) = field.nest() else {
        return record.edit(arena, field.level, |message, out| write(message, out));
    };
    let mut inner = std::mem::take(&mut record.scratch.inner);
    inner.clear();
    let edited = record.edit(arena, field.level, |message, out| {
        let old = fields::nested(message, nest)?.unwrap_or_default();
        if !write(&old, &mut inner)? || *inner == *old {
            return Ok(false);
        }
        let mut new = Vec::with_capacity(inner.len() + 8);
        put_bytes(&mut new, nest, &inner);
        fields::replace(message, &[nest], &new, out)?;
        Ok(true)
    });
    record.scratch.inner = inner;
    edited
}

fn set_attribute<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    field: &Field,
    number: u32,
    first: Key<'_>,
    rest: &[Key<'_>],
    value: &Value<'_>,
) -> Result<(), RunError> {
    let Key::Str(name) = first else {
        return Err(RunError::new("a map is indexed with a text"));
    };
    let name = name.as_bytes();
    let mut new = std::mem::take(&mut record.scratch.field);
    new.clear();
    let written = any::write(&mut new, value).and_then(|()| {
        if rest.is_empty() && field.is_own(record) {
            return record.put_attribute(arena, number, name, &new);
        }
        edit_in(record, arena, field, |message, out| {
            if !rest.is_empty() {
                let old = fields::attribute(message, number, name)?.unwrap_or_default();
                let mut target = any::read_owned(&old)?;
                index::put(&mut target, rest, any::read_owned(&new)?)?;
                new.clear();
                any::write_owned(&mut new, &target);
            }
            fields::put_attribute(message, number, name, &new, out)?;
            Ok(true)
        })
    });
    record.scratch.field = new;
    written
}

/// Appends the field that a value makes; nothing for a default.
fn encode(
    record: &Record<'_>,
    field: &Field,
    number: u32,
    keys: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RunError> {
    match field.kind() {
        Kind::Attributes => match value {
            Value::Nil => {}
            Value::Map(map) => any::write_map(out, number, map),
            other => return Err(RunError::of_type("map", other.kind())),
        },
        Kind::Body => return body(record, field, number, keys, value, out),
        Kind::BodyText => {
            text(value)?;
            let mut content = Vec::new();
            any::write(&mut content, value)?;
            put_bytes(out, number, &content);
        }
        Kind::TraceState if !keys.is_empty() => {
            return trace_state(record, field, number, keys, value, out);
        }
        Kind::Fixed64s | Kind::Doubles | Kind::Uint64s => {
            return numbers(field.kind(), number, value, out);
        }
        Kind::Messages(kind) => return messages(kind, number, value, out),
        Kind::Message(kind) => {
            let Value::Opaque(opaque) = value else { return Err(wrong("message", value)) };
            if opaque.kind != kind {
                return Err(wrong("message of another kind", value));
            }
            put_bytes(out, number, &opaque.messages.concat());
        }
        kind => return scalar(kind, number, value, out),
    }
    Ok(())
}

fn wrong(expected: &str, value: &Value<'_>) -> RunError {
    match value {
        Value::Nil => RunError::new("setting a value to nil is not supported"),
        other => RunError::of_type(expected, other.kind()),
    }
}

fn text<'v>(value: &'v Value<'_>) -> Result<&'v str, RunError> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(wrong("string", other)),
    }
}

fn int(value: &Value<'_>) -> Result<i64, RunError> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(wrong("int", other)),
    }
}

fn scalar(kind: Kind, number: u32, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), RunError> {
    match kind {
        Kind::Text | Kind::TraceState => bytes(out, number, text(value)?.as_bytes()),
        Kind::Uint32 => varint(out, number, u64::from(int(value)? as u32)),
        Kind::Int32 => varint(out, number, sign_extended(int(value)? as i32)),
        Kind::Sint32 => varint(out, number, u64::from(zigzag(int(value)? as i32))),
        Kind::Fixed32 => fixed32(out, number, int(value)? as u32),
        Kind::Fixed32Checked => {
            let wide = int(value)?;
            let out_of_range = |_| RunError::new(format!("{wide} is out of range for uint32"));
            fixed32(out, number, u32::try_from(wide).map_err(out_of_range)?);
        }
        Kind::Fixed64 => fixed64(out, number, int(value)?.cast_unsigned()),
        Kind::Time => match value {
            Value::Time(time) => fixed64(out, number, time.unix_nano().cast_unsigned()),
            other => return Err(wrong("time", other)),
        },
        Kind::Double | Kind::ValueDouble(..) => match value {
            Value::Double(double) => put_fixed64(out, number, double.to_bits()),
            other => return Err(wrong("double", other)),
        },
        Kind::ValueInt(..) => put_fixed64(out, number, int(value)?.cast_unsigned()),
        Kind::TraceId => match value {
            Value::TraceId(id) => id_field(out, number, id),
            other => return Err(wrong("trace id", other)),
        },
        Kind::SpanId => match value {
            Value::SpanId(id) => id_field(out, number, id),
            other => return Err(wrong("span id", other)),
        },
        Kind::TraceIdText => id_field(out, number, &ids::parse::<16>(text(value)?, "trace")?),
        Kind::SpanIdText => id_field(out, number, &ids::parse::<8>(text(value)?, "span")?),
        Kind::SpanKindText => span_kind(out, number, text(value)?, |kind| kind.0)?,
        Kind::SpanKindSymbol => span_kind(out, number, text(value)?, |kind| kind.1)?,
        _ => return Err(RunError::new("this path cannot be set")),
    }
    Ok(())
}

fn bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}

/// An id of zeros is none.
fn id_field(out: &mut Vec<u8>, number: u32, id: &[u8]) {
    if id.iter().any(|byte| *byte != 0) {
        put_bytes(out, number, id);
    }
}

fn varint(out: &mut Vec<u8>, number: u32, value: u64) {
    otlp::wire::put_uint(out, number, value);
}

fn fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_fixed64(out, number, value);
    }
}

fn fixed32(out: &mut Vec<u8>, number: u32, value: u32) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3 | 5);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Protobuf: an `int32` is written as 64 bits.
fn sign_extended(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}

fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31).cast_unsigned()
}

fn span_kind(
    out: &mut Vec<u8>,
    number: u32,
    wanted: &str,
    name: fn(&(&'static str, &'static str)) -> &'static str,
) -> Result<(), RunError> {
    let found = SPAN_KINDS.iter().position(|kind| name(kind) == wanted);
    let kind = found.ok_or_else(|| RunError::new(format!("unknown span kind {wanted:?}")))?;
    varint(out, number, kind as u64);
    Ok(())
}

fn body(
    record: &Record<'_>,
    field: &Field,
    number: u32,
    keys: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RunError> {
    let mut content = Vec::new();
    any::write(&mut content, value)?;
    if !keys.is_empty() {
        let old = fields::nested(record.message(field.level), number)?.unwrap_or_default();
        let mut target = any::read_owned(&old)?;
        if !matches!(target, Any::Map(_) | Any::Slice(_)) {
            let kind = target.value().kind();
            return Err(RunError::new(format!("a body of type {kind} cannot be indexed")));
        }
        index::put(&mut target, keys, any::read_owned(&content)?)?;
        content.clear();
        any::write_owned(&mut content, &target);
    }
    put_bytes(out, number, &content);
    Ok(())
}

/// Puts a member in front. A state or a value that is not well formed leaves it as it was.
fn trace_state(
    record: &Record<'_>,
    field: &Field,
    number: u32,
    keys: &[Key<'_>],
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RunError> {
    let value = text(value)?;
    let ([Key::Str(key)], true) = (keys, field.is_literal) else {
        return Err(RunError::new("a trace state is indexed with a literal text"));
    };
    let old = fields::last(record.message(field.level), number)?;
    let old = old.map_or(Ok(&[][..]), fields::bytes)?;
    let old = std::str::from_utf8(old).map_err(|_| Malformed)?;
    let new = TraceState::parse(old).and_then(|state| state.with(key, value));
    bytes(out, number, new.as_deref().unwrap_or(old).as_bytes());
    Ok(())
}

/// A packed field. Nil is no numbers.
fn numbers(kind: Kind, number: u32, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), RunError> {
    let mut packed = Vec::new();
    match value {
        Value::Nil => {}
        Value::List(items) => items.iter().try_for_each(|it| pack(kind, it, &mut packed))?,
        Value::Slice(items) => {
            items.iter().try_for_each(|it| pack(kind, &it.value(), &mut packed))?;
        }
        other => return Err(RunError::of_type("list", other.kind())),
    }
    bytes(out, number, &packed);
    Ok(())
}

fn pack(kind: Kind, item: &Value<'_>, packed: &mut Vec<u8>) -> Result<(), RunError> {
    match (kind, item) {
        (Kind::Doubles, Value::Double(item)) => packed.extend_from_slice(&item.to_le_bytes()),
        (Kind::Fixed64s, Value::Int(item)) => packed.extend_from_slice(&item.to_le_bytes()),
        (Kind::Uint64s, Value::Int(item)) => put_varint(packed, item.cast_unsigned()),
        (Kind::Doubles, other) => return Err(RunError::of_type("double", other.kind())),
        (_, other) => return Err(RunError::of_type("int", other.kind())),
    }
    Ok(())
}

/// All messages of a repeated field. Nil is none.
fn messages(
    kind: OpaqueKind,
    number: u32,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RunError> {
    match value {
        Value::Nil => {}
        Value::Opaque(opaque) if opaque.kind == kind => {
            opaque.messages.iter().for_each(|message| put_bytes(out, number, message));
        }
        other => return Err(RunError::of_type("messages of the same kind", other.kind())),
    }
    Ok(())
}

/// What is in the data of a metric. Metrics whose data has no such field stay as they are.
fn set_in_data<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    field: &Field,
    value: &Value<'_>,
) -> Result<(), RunError> {
    let mut new = Vec::new();
    let number = match field.kind() {
        Kind::DataPoints if field.level != record.level() => return Err(around(field)),
        Kind::DataPoints => read::POINTS,
        Kind::IsMonotonic => {
            let Value::Bool(value) = value else { return Err(wrong("bool", value)) };
            varint(&mut new, read::IS_MONOTONIC, u64::from(*value));
            read::IS_MONOTONIC
        }
        _ => {
            varint(&mut new, read::TEMPORALITY, sign_extended(int(value)? as i32));
            read::TEMPORALITY
        }
    };
    let found = Data::of_metric(record.message(field.level))?;
    let Some((kind, data)) = found.filter(|(kind, _)| has(*kind, number)) else { return Ok(()) };
    if number == read::POINTS {
        messages(points_of(kind), number, value, &mut new)?;
    }
    put_data(record, arena, field.level, kind, &data, number, &new)
}

fn put_data<'a>(
    record: &mut Record<'a>,
    arena: &'a Bump,
    level: Level,
    kind: Data,
    data: &[u8],
    number: u32,
    new: &[u8],
) -> Result<(), RunError> {
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    fields::replace(data, &[number], new, &mut inner)?;
    if inner[..] == data[..] {
        return Ok(());
    }
    put_bytes(&mut outer, kind.number(), &inner);
    let all = Data::ALL.map(Data::number);
    record.edit(arena, level, |message, out| {
        fields::replace(message, &all, &outer, out)?;
        Ok(true)
    })
}
