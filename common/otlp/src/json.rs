//! OTLP/JSON, written from bytes; [`read`](read_request) is the way back.
//!
//! OTLP: JSON encoding. Ids are hexadecimal, other bytes base64, 64-bit integers texts, enums
//! numbers, NaN and the infinities texts; defaults are left out, except where presence means
//! something (oneofs, optional fields) and for keys, on which readers insist. A singular field that stands several times is merged as
//! proto3 says. Invalid UTF-8 becomes U+FFFD. Unknown fields have no place in JSON and are dropped.
//!
//! Cost: each message is scanned once per known field, its contents skipped; meant for sinks that
//! people read, not for the hot path.

use std::borrow::Cow;
use std::io::Write;

use crate::Signal;
use crate::schema::{self, Kind, MAX_DEPTH, Message, Row, Rule};
use crate::wire::{Fields, Malformed, Value, varint};

mod out;
mod read;
mod reply;

use out::Out;

pub use read::{ReadError, Reason, read_request};
pub use reply::{read_response, read_status, write_response, write_status};

/// Why a request was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// It cannot be read, nests too deeply, or has no JSON form here.
    Malformed,
    /// The memory for it was not permitted.
    Refused,
}

impl From<Malformed> for WriteError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Appends an export request as OTLP/JSON. Profiles have no JSON form here: `Malformed`.
pub fn write_request(signal: Signal, request: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    // Where everything is permitted nothing is refused.
    write_request_within(signal, request, out, &mut |_| true).map_err(|_| Malformed)
}

/// The same, where `grow` is asked whether so many bytes more may be used before they are; refused, `out` is
/// left empty.
pub fn write_request_within(
    signal: Signal,
    request: &[u8],
    out: &mut Vec<u8>,
    grow: &mut dyn FnMut(usize) -> bool,
) -> Result<(), WriteError> {
    let message = schema::request(signal).ok_or(Malformed)?;
    let mut text = Out::new(std::mem::take(out), grow);
    let written = write_message(message, request, MAX_DEPTH, &mut text);
    *out = text.finish()?;
    written
}

fn write_message(
    message: &Message,
    bytes: &[u8],
    depth: usize,
    out: &mut Out<'_>,
) -> Result<(), WriteError> {
    out.check()?;
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let (chosen, chosen_bytes) = last_of_oneof(message, bytes)?;
    let mut first = true;
    out.push(b'{');
    for row in message.fields {
        let bytes = match row.rule {
            Rule::OneOf if chosen != Some(row.number) => continue,
            Rule::OneOf => chosen_bytes,
            _ => bytes,
        };
        let mark = out.len();
        if !first {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(row.name.as_bytes());
        out.extend_from_slice(b"\":");
        if write_field(row, bytes, depth, out)? {
            first = false;
        } else {
            out.truncate(mark);
        }
    }
    out.push(b'}');
    Ok(())
}

/// Writes a field's value; `false` if there is nothing to write.
fn write_field(
    row: &Row,
    bytes: &[u8],
    depth: usize,
    out: &mut Out<'_>,
) -> Result<bool, WriteError> {
    match (row.rule, row.kind) {
        (Rule::Repeated, _) => write_list(row, bytes, depth, out),
        (_, Kind::Message(message)) => match merged(row.number, bytes)? {
            Some(inner) => write_message(message, &inner, depth, out).map(|()| true),
            None => Ok(false),
        },
        (rule, kind) => match last(row.number, bytes)? {
            None if rule == Rule::Always => {
                write_text("", out);
                Ok(true)
            }
            Some(value) if rule != Rule::Single || !is_default(kind, value) => {
                write_scalar(kind, value, out)?;
                Ok(true)
            }
            _ => Ok(false),
        },
    }
}

fn write_list(
    row: &Row,
    bytes: &[u8],
    depth: usize,
    out: &mut Out<'_>,
) -> Result<bool, WriteError> {
    let mut any = false;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if field.number != row.number {
            continue;
        }
        match (row.kind, field.value) {
            (Kind::Message(message), Value::Bytes(inner)) => {
                separate(&mut any, out);
                write_message(message, inner, depth, out)?;
            }
            (Kind::Text | Kind::Bytes | Kind::Id, value) => {
                separate(&mut any, out);
                write_scalar(row.kind, value, out)?;
            }
            (kind, Value::Bytes(packed)) => {
                let mut rest = packed;
                while !rest.is_empty() {
                    let (value, after) = unpack(kind, rest)?;
                    separate(&mut any, out);
                    write_scalar(kind, value, out)?;
                    rest = after;
                }
            }
            (kind, value) => {
                separate(&mut any, out);
                write_scalar(kind, value, out)?;
            }
        }
    }
    if any {
        out.push(b']');
    }
    Ok(any)
}

/// Opens the list before its first item, separates the others.
fn separate(any: &mut bool, out: &mut Out<'_>) {
    out.push(if std::mem::replace(any, true) { b',' } else { b'[' });
}

/// The next scalar of a packed field.
pub(crate) fn unpack(kind: Kind, bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Malformed> {
    match kind {
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
            let (value, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
            Ok((Value::Fixed64(u64::from_le_bytes(*value)), rest))
        }
        Kind::Fixed32 => {
            let (value, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
            Ok((Value::Fixed32(u32::from_le_bytes(*value)), rest))
        }
        _ => varint(bytes).map(|(value, rest)| (Value::Varint(value), rest)),
    }
}

fn write_scalar(kind: Kind, value: Value<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    match (kind, value) {
        (Kind::Text, Value::Bytes(text)) => write_text(&String::from_utf8_lossy(text), out),
        (Kind::Bytes, Value::Bytes(bytes)) => write_base64(bytes, out),
        (Kind::Id, Value::Bytes(id)) => write_hex(id, out),
        (Kind::Uint32, Value::Varint(value)) => write_display(value as u32, out),
        (Kind::Enum, Value::Varint(value)) => write_display((value as u32).cast_signed(), out),
        (Kind::Fixed32, Value::Fixed32(value)) => write_display(value, out),
        (Kind::Sint32, Value::Varint(value)) => write_display(zigzag(value as u32), out),
        (Kind::Uint64, Value::Varint(value)) | (Kind::Fixed64, Value::Fixed64(value)) => {
            write_quoted(value, out);
        }
        (Kind::Int64, Value::Varint(value)) | (Kind::Sfixed64, Value::Fixed64(value)) => {
            write_quoted(value.cast_signed(), out);
        }
        (Kind::Double, Value::Fixed64(bits)) => write_double(f64::from_bits(bits), out),
        (Kind::Bool, Value::Varint(value)) => write_display(value != 0, out),
        _ => return Err(Malformed),
    }
    Ok(())
}

fn zigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Of a varint of 32 bits the rest does not count.
fn is_default(kind: Kind, value: Value<'_>) -> bool {
    match (kind, value) {
        (Kind::Uint32 | Kind::Sint32 | Kind::Enum, Value::Varint(value)) => value as u32 == 0,
        (_, value) => {
            matches!(
                value,
                Value::Varint(0) | Value::Fixed64(0) | Value::Fixed32(0) | Value::Bytes([])
            )
        }
    }
}

/// proto3: the last occurrence of a scalar counts.
fn last(number: u32, bytes: &[u8]) -> Result<Option<Value<'_>>, Malformed> {
    let mut found = None;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if field.number == number {
            found = Some(field.value);
        }
    }
    Ok(found)
}

/// proto3: the occurrences of a singular message are merged, which is their concatenation.
pub(crate) fn merged(number: u32, bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
    let mut found: Option<Cow<'_, [u8]>> = None;
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if field.number != number {
            continue;
        }
        let Value::Bytes(inner) = field.value else { return Err(Malformed) };
        match &mut found {
            None => found = Some(Cow::Borrowed(inner)),
            Some(before) => before.to_mut().extend_from_slice(inner),
        }
    }
    Ok(found)
}

/// The member of a message's oneof that was written last, and the bytes from where it began to
/// stand: another member before it ends what came earlier, the same one written again is merged.
fn last_of_oneof<'a>(
    message: &Message,
    bytes: &'a [u8],
) -> Result<(Option<u32>, &'a [u8]), Malformed> {
    let is_member =
        |number| message.fields.iter().any(|row| row.rule == Rule::OneOf && row.number == number);
    if !message.fields.iter().any(|row| row.rule == Rule::OneOf) {
        return Ok((None, bytes));
    }
    let (mut chosen, mut from, mut at) = (None, 0, 0);
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.try_next()? {
        if is_member(field.number) && chosen != Some(field.number) {
            (chosen, from) = (Some(field.number), at);
        }
        at += field.raw.len();
    }
    Ok((chosen, &bytes[from..]))
}

fn write_display(value: impl std::fmt::Display, out: &mut Out<'_>) {
    write!(out, "{value}").expect("writing to memory cannot fail");
}

fn write_quoted(value: impl std::fmt::Display, out: &mut Out<'_>) {
    write!(out, "\"{value}\"").expect("writing to memory cannot fail");
}

fn write_double(value: f64, out: &mut Out<'_>) {
    match value {
        value if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        // Debug writes the shortest form that reads back, with an exponent where it is shorter.
        value => write!(out, "{value:?}").expect("writing to memory cannot fail"),
    }
}

fn write_hex(bytes: &[u8], out: &mut Out<'_>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

fn write_base64(bytes: &[u8], out: &mut Out<'_>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= chunk.len() { letter } else { b'=' });
        }
    }
    out.push(b'"');
}

fn write_text(text: &str, out: &mut Out<'_>) {
    out.push(b'"');
    let mut plain_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain_from..index]);
        plain_from = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => write!(out, "\\u{byte:04x}").expect("writing to memory cannot fail"),
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
