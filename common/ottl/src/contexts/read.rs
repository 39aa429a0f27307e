//! Reading a path.

use std::borrow::Cow;

use otlp::Malformed;
use otlp::edit::{Data, Level, fields};
use otlp::wire::{self, Fields};

use super::paths::{Field, Path, Target};
use super::tables::{Kind, Nest};
use super::trace_state::TraceState;
use super::{Record, any, request};
use crate::ast::Comparison;
use crate::compare::holds;
use crate::context::Key;
use crate::json::{as_string, hex};
use crate::value::{Opaque, OpaqueKind, Time};
use crate::{RunError, Value};

/// Span kinds by number, without and with what OTLP puts in front.
pub(super) const SPAN_KINDS: [(&str, &str); 6] = [
    ("Unspecified", "SPAN_KIND_UNSPECIFIED"),
    ("Internal", "SPAN_KIND_INTERNAL"),
    ("Server", "SPAN_KIND_SERVER"),
    ("Client", "SPAN_KIND_CLIENT"),
    ("Producer", "SPAN_KIND_PRODUCER"),
    ("Consumer", "SPAN_KIND_CONSUMER"),
];

/// Fields of the kinds of data of a metric.
pub(super) const TEMPORALITY: u32 = 2;
pub(super) const IS_MONOTONIC: u32 = 3;
pub(super) const POINTS: u32 = 1;

pub(super) fn get<'a>(
    record: &Record<'a>,
    path: &Path,
    keys: &[Key<'_>],
) -> Result<Value<'a>, RunError> {
    let field = match path.0 {
        Target::Field(field) => field,
        Target::Request(path) => return request::get(record.request(), path, keys),
    };
    let data = if field.level == Level::Child { record.data() } else { None };
    let Some(number) = field.number(data) else { return Ok(Value::Nil) };
    // What is read most.
    if let (Kind::Attributes, [Key::Str(name), rest @ ..]) = (field.kind(), keys)
        && field.is_own(record)
    {
        let found = record.attribute(number, name.as_bytes())?;
        return found.map_or(Ok(Value::Nil), |found| any::find(found, rest));
    }
    if let Some(value) = of_metric(record, &field)? {
        return Ok(value);
    }
    if let Kind::Messages(kind) = field.kind() {
        return messages(record.whole(field.level), number, kind);
    }
    let message = record.message(field.level);
    match field.nest() {
        Nest::Own => value(message, &field, number, keys),
        Nest::In(nest) => match fields::nested(message, nest)? {
            None => value(&[], &field, number, keys),
            Some(Cow::Borrowed(inner)) => value(inner, &field, number, keys),
            Some(Cow::Owned(inner)) => Ok(value(&inner, &field, number, keys)?.into_owned()),
        },
    }
}

/// Whether an attribute of the record itself compares with a value; nothing where the path is not to one.
#[inline]
pub(super) fn compare(
    record: &Record<'_>,
    path: &Path,
    key: &str,
    op: Comparison,
    right: &Value<'_>,
) -> Option<Result<bool, RunError>> {
    let Target::Field(field) = path.0 else { return None };
    if field.kind() != Kind::Attributes || !field.is_own(record) {
        return None;
    }
    let data = if field.level == Level::Child { record.data() } else { None };
    let found = record.attribute(field.number(data)?, key.as_bytes());
    Some(match found {
        Ok(Some(Cow::Borrowed(found))) => any::compare(found, op, right).map_err(RunError::from),
        Ok(Some(found)) => any::read(found).map_err(RunError::from).map(|it| holds(&it, op, right)),
        Ok(None) => Ok(holds(&Value::Nil, op, right)),
        Err(malformed) => Err(malformed.into()),
    })
}

/// The field `number` of a message.
fn value<'m>(
    message: &'m [u8],
    field: &Field,
    number: u32,
    keys: &[Key<'_>],
) -> Result<Value<'m>, RunError> {
    match field.kind() {
        Kind::Attributes => attributes(message, number, keys),
        Kind::Body => body(message, number, keys),
        Kind::TraceState => trace_state(message, field, number, keys),
        Kind::Fixed64s | Kind::Doubles | Kind::Uint64s => numbers(message, field.kind(), number),
        Kind::Message(kind) => {
            let messages = vec![fields::nested(message, number)?.unwrap_or_default()];
            Ok(Value::Opaque(Opaque { kind, messages }))
        }
        Kind::ValueDouble(double, int) => match fields::last_of(message, &[double, int])? {
            Some((number, value)) if number == double => scalar(Kind::Double, Some(value)),
            _ => Ok(Value::Double(0.0)),
        },
        Kind::ValueInt(double, int) => match fields::last_of(message, &[double, int])? {
            Some((number, value)) if number == int => scalar(Kind::Fixed64, Some(value)),
            _ => Ok(Value::Int(0)),
        },
        Kind::EventIndex => Err(RunError::new("the index of an event is not known here")),
        kind => scalar(kind, fields::last(message, number)?),
    }
}

/// A scalar; absent is the default.
fn scalar(kind: Kind, value: Option<wire::Value<'_>>) -> Result<Value<'_>, RunError> {
    Ok(match kind {
        Kind::Text => Value::text(text(value)?),
        Kind::Uint32 => Value::Int(i64::from(varint(value)? as u32)),
        Kind::Int32 => Value::Int(i64::from((varint(value)? as u32).cast_signed())),
        Kind::Sint32 => Value::Int(i64::from(zigzag(varint(value)? as u32))),
        Kind::Fixed32 | Kind::Fixed32Checked => Value::Int(i64::from(fixed32(value)?)),
        Kind::Fixed64 => Value::Int(fixed64(value)?.cast_signed()),
        Kind::Time => Value::Time(Time::from_unix_nano(fixed64(value)?)),
        Kind::Double => Value::Double(f64::from_bits(fixed64(value)?)),
        Kind::TraceId => Value::TraceId(id(value)?),
        Kind::SpanId => Value::SpanId(id(value)?),
        Kind::TraceIdText => Value::text(hex(&id::<16>(value)?)),
        Kind::SpanIdText => Value::text(hex(&id::<8>(value)?)),
        Kind::SpanKindText => Value::text(span_kind(value)?.map_or("", |(name, _)| name)),
        Kind::SpanKindSymbol => Value::text(span_kind(value)?.map_or("", |(_, symbol)| symbol)),
        _ => {
            let body = value.map_or(Ok(&[][..]), fields::bytes)?;
            Value::text(as_string(&any::read_owned(body)?))
        }
    })
}

/// What is not in one field of the metric: its type, and what is in its data.
fn of_metric<'a>(record: &Record<'a>, field: &Field) -> Result<Option<Value<'a>>, RunError> {
    let (number, metric) = match field.kind() {
        Kind::MetricType => (0, record.message(field.level)),
        Kind::Temporality => (TEMPORALITY, record.message(field.level)),
        Kind::IsMonotonic => (IS_MONOTONIC, record.message(field.level)),
        Kind::DataPoints => (POINTS, record.whole(field.level)),
        _ => return Ok(None),
    };
    let found = Data::of_metric(metric)?;
    let kind = found.as_ref().map(|(kind, _)| *kind);
    if field.kind() == Kind::MetricType {
        return Ok(Some(Value::Int(kind.map_or(0, |kind| kind as i64 + 1))));
    }
    let Some((kind, data)) = found.filter(|(kind, _)| has(*kind, number)) else {
        return Ok(Some(Value::Nil));
    };
    match data {
        Cow::Borrowed(data) => in_data(kind, data, number).map(Some),
        Cow::Owned(data) => Ok(Some(in_data(kind, &data, number)?.into_owned())),
    }
}

/// A field of the data of a metric.
fn in_data(kind: Data, data: &[u8], number: u32) -> Result<Value<'_>, RunError> {
    match number {
        POINTS => messages(data, POINTS, points_of(kind)),
        IS_MONOTONIC => Ok(Value::Bool(varint(fields::last(data, number)?)? != 0)),
        _ => scalar(Kind::Int32, fields::last(data, number)?),
    }
}

/// Whether the data of a metric has a field.
pub(super) fn has(kind: Data, number: u32) -> bool {
    match number {
        TEMPORALITY => !matches!(kind, Data::Gauge | Data::Summary),
        IS_MONOTONIC => kind == Data::Sum,
        _ => true,
    }
}

/// What the points of a metric are.
pub(super) fn points_of(kind: Data) -> OpaqueKind {
    match kind {
        Data::Gauge | Data::Sum => OpaqueKind::NumberPoints,
        Data::Histogram => OpaqueKind::HistogramPoints,
        Data::ExponentialHistogram => OpaqueKind::ExponentialHistogramPoints,
        Data::Summary => OpaqueKind::SummaryPoints,
    }
}

fn messages(message: &[u8], number: u32, kind: OpaqueKind) -> Result<Value<'_>, RunError> {
    let messages = fields::repeated(message, number).map(|it| it.map(Cow::Borrowed));
    Ok(Value::Opaque(Opaque { kind, messages: messages.collect::<Result<_, _>>()? }))
}

fn attributes<'m>(message: &'m [u8], number: u32, keys: &[Key<'_>]) -> Result<Value<'m>, RunError> {
    match keys {
        [] => Ok(Value::map(any::read_map(message, number)?)),
        [Key::Str(name), rest @ ..] => match fields::attribute(message, number, name.as_bytes())? {
            Some(found) => any::find(found, rest),
            None => Ok(Value::Nil),
        },
        [Key::Int(index), ..] => Err(RunError::new(format!("a map has no index {index}"))),
    }
}

fn body<'m>(message: &'m [u8], number: u32, keys: &[Key<'_>]) -> Result<Value<'m>, RunError> {
    let body = fields::nested(message, number)?.unwrap_or_default();
    if keys.is_empty() {
        return Ok(any::read(body)?);
    }
    any::find(body, keys)
}

fn trace_state<'m>(
    message: &'m [u8],
    field: &Field,
    number: u32,
    keys: &[Key<'_>],
) -> Result<Value<'m>, RunError> {
    let text = text(fields::last(message, number)?)?;
    match keys {
        [] => Ok(Value::text(text)),
        [Key::Str(key)] if field.is_literal => Ok(match TraceState::parse(text) {
            Some(state) => Value::text(state.get(key).unwrap_or("")),
            None => Value::Nil,
        }),
        _ => Err(RunError::new("a trace state is indexed with a literal text")),
    }
}

/// A repeated field of numbers, packed or not.
fn numbers(message: &[u8], kind: Kind, number: u32) -> Result<Value<'static>, RunError> {
    let mut items = Vec::new();
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if field.number != number {
            continue;
        }
        match (field.value, kind) {
            (wire::Value::Bytes(packed), Kind::Uint64s) => {
                let mut rest = packed;
                while !rest.is_empty() {
                    let (item, after) = wire::varint(rest)?;
                    items.push(whole_number(item));
                    rest = after;
                }
            }
            (wire::Value::Bytes(packed), _) => {
                let (chunks, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(Malformed.into());
                }
                items.extend(chunks.iter().map(|it| eight_bytes(kind, u64::from_le_bytes(*it))));
            }
            (wire::Value::Varint(item), Kind::Uint64s) => items.push(whole_number(item)),
            (wire::Value::Fixed64(item), Kind::Fixed64s | Kind::Doubles) => {
                items.push(eight_bytes(kind, item));
            }
            _ => return Err(Malformed.into()),
        }
    }
    Ok(Value::List(items))
}

fn whole_number(item: u64) -> Value<'static> {
    Value::Int(item.cast_signed())
}

fn eight_bytes(kind: Kind, item: u64) -> Value<'static> {
    if kind == Kind::Doubles { Value::Double(f64::from_bits(item)) } else { whole_number(item) }
}

fn varint(value: Option<wire::Value<'_>>) -> Result<u64, Malformed> {
    match value {
        None => Ok(0),
        Some(wire::Value::Varint(value)) => Ok(value),
        Some(_) => Err(Malformed),
    }
}

fn fixed64(value: Option<wire::Value<'_>>) -> Result<u64, Malformed> {
    match value {
        None => Ok(0),
        Some(wire::Value::Fixed64(value)) => Ok(value),
        Some(_) => Err(Malformed),
    }
}

fn fixed32(value: Option<wire::Value<'_>>) -> Result<u32, Malformed> {
    match value {
        None => Ok(0),
        Some(wire::Value::Fixed32(value)) => Ok(value),
        Some(_) => Err(Malformed),
    }
}

fn text(value: Option<wire::Value<'_>>) -> Result<&str, Malformed> {
    let bytes = value.map_or(Ok(&[][..]), fields::bytes)?;
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// An id; absent and empty are all zeros.
fn id<const N: usize>(value: Option<wire::Value<'_>>) -> Result<[u8; N], Malformed> {
    match value.map_or(Ok(&[][..]), fields::bytes)? {
        [] => Ok([0; N]),
        bytes => bytes.try_into().map_err(|_| Malformed),
    }
}

fn span_kind(
    value: Option<wire::Value<'_>>,
) -> Result<Option<&'static (&'static str, &'static str)>, Malformed> {
    Ok(SPAN_KINDS.get(usize::try_from(varint(value)?).unwrap_or(usize::MAX)))
}

fn zigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
