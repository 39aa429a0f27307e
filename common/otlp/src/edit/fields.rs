//! Reading and splicing single fields of one message, without decoding the rest.
//!
//! Readers follow proto3: the last scalar wins, the occurrences of a singular message are one
//! message. Writers append the edited message to `out`; after an error its end is undefined. They
//! put what is new where the old one stood, else at the end, and leave every other byte as it was.
//! Of attributes with the same key the first one is meant, as everywhere in OTTL.

use std::borrow::Cow;

use crate::wire::{Fields, Malformed, Value, field_bytes, put_bytes, put_varint, varint};

/// The last value of field `number`.
pub fn last<'a>(message: &'a [u8], number: u32) -> Result<Option<Value<'a>>, Malformed> {
    let mut found = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        found = Some(field.value);
    }
    Ok(found)
}

/// The last of several fields, such as the members of a oneof.
pub fn last_of<'a>(
    message: &'a [u8],
    numbers: &[u32],
) -> Result<Option<(u32, Value<'a>)>, Malformed> {
    let mut found = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if numbers.contains(&field.number) {
            found = Some((field.number, field.value));
        }
    }
    Ok(found)
}

/// The bytes of a value that must be of wire type 2.
pub fn bytes(value: Value<'_>) -> Result<&[u8], Malformed> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(Malformed),
    }
}

/// The singular message in field `number`: a slice, unless it was written in pieces.
pub fn nested(message: &[u8], number: u32) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
    let mut found: Option<Cow<'_, [u8]>> = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        let inner = bytes(field.value)?;
        match &mut found {
            None => found = Some(Cow::Borrowed(inner)),
            Some(pieces) => pieces.to_mut().extend_from_slice(inner),
        }
    }
    Ok(found)
}

/// The messages in the repeated field `number`.
pub fn repeated(
    message: &[u8],
    number: u32,
) -> impl Iterator<Item = Result<&[u8], Malformed>> + Clone {
    let mut fields = Fields::new(message);
    std::iter::from_fn(move || match fields.next_of(number) {
        Ok(field) => field.map(|field| bytes(field.value)),
        Err(malformed) => {
            fields = Fields::new(&[]);
            Some(Err(malformed))
        }
    })
}

/// Takes the fields of a message but those whose numbers are left out.
pub(crate) fn others<'t>(
    message: &'t [u8],
    is_left_out: impl Fn(u32) -> bool,
    mut take: impl FnMut(&'t [u8]),
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if !is_left_out(field.number) {
            take(field.raw);
        }
    }
    Ok(())
}

/// Key and value of a `KeyValue` that is written as nearly all are: the key, then the value, each once
/// and nothing else, the key shorter than 128 bytes. `None` says only that it must be read field by field.
#[inline(always)]
pub fn plain_entry(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, length @ 0..0x80, rest @ ..] = entry else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    let [0x12, rest @ ..] = rest else { return None };
    let (length, value) = varint(rest).ok()?;
    (length == value.len() as u64).then_some((key, value))
}

/// The key of a `KeyValue`.
#[inline(always)]
pub fn key(entry: &[u8]) -> Result<&[u8], Malformed> {
    match plain_entry(entry) {
        Some((key, _)) => Ok(key),
        None => key_of_any_form(entry),
    }
}

#[cold]
fn key_of_any_form(entry: &[u8]) -> Result<&[u8], Malformed> {
    last(entry, KEY)?.map_or(Ok(&[]), bytes)
}

/// The value of a `KeyValue`: the bytes of its `AnyValue`, empty if there is none.
pub fn value(entry: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    if let Some((_, value)) = plain_entry(entry) {
        return Ok(Cow::Borrowed(value));
    }
    Ok(nested(entry, VALUE)?.unwrap_or_default())
}

/// The value of the first attribute with this key, the attributes being field `number`. The scan
/// ends there.
pub fn attribute<'a>(
    message: &'a [u8],
    number: u32,
    wanted: &[u8],
) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        let entry = bytes(field.value)?;
        if key(entry)? == wanted {
            return value(entry).map(Some);
        }
    }
    Ok(None)
}

/// Fields of `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Replaces all fields in `numbers` by `new`, which holds whole fields, or nothing.
pub fn replace(
    message: &[u8],
    numbers: &[u32],
    new: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    out.reserve(message.len() + new.len());
    let mut is_written = false;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if !numbers.contains(&field.number) {
            out.extend_from_slice(field.raw);
        } else if !is_written {
            out.extend_from_slice(new);
            is_written = true;
        }
    }
    if !is_written {
        out.extend_from_slice(new);
    }
    Ok(())
}

/// Sets the value of the first attribute with this key, or adds one. `any` is an `AnyValue`.
pub fn put_attribute(
    message: &[u8],
    number: u32,
    wanted: &[u8],
    any: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let found = find(message, number, wanted)?;
    out.reserve(message.len() + wanted.len() + any.len() + ENTRY_HEAD_BYTES);
    let Some((before, old, after)) = found else {
        out.extend_from_slice(message);
        put_entry(out, number, wanted, any);
        return Ok(());
    };
    out.extend_from_slice(before);
    put_value(out, number, wanted, old, any)?;
    out.extend_from_slice(after);
    Ok(())
}

/// Appends the field of an entry with another value.
fn put_value(
    out: &mut Vec<u8>,
    number: u32,
    key: &[u8],
    old: &[u8],
    any: &[u8],
) -> Result<(), Malformed> {
    if is_plain(old)? {
        put_entry(out, number, key, any);
        return Ok(());
    }
    let mut entry = Vec::with_capacity(old.len() + any.len());
    let mut new = Vec::with_capacity(any.len() + ENTRY_HEAD_BYTES);
    put_bytes(&mut new, VALUE, any);
    replace(old, &[VALUE], &new, &mut entry)?;
    put_bytes(out, number, &entry);
    Ok(())
}

/// Whether there is nothing in a `KeyValue` besides key and value.
fn is_plain(entry: &[u8]) -> Result<bool, Malformed> {
    if plain_entry(entry).is_some() {
        return Ok(true);
    }
    let mut fields = Fields::new(entry);
    while let Some(field) = fields.try_next()? {
        if !matches!(field.number, KEY | VALUE) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// At most this many bytes are around the key and the value of an attribute: three tags, lengths.
const ENTRY_HEAD_BYTES: usize = 24;

/// Takes the first attribute with this key out. Says whether there was one; if not, `out` is as it
/// was.
pub fn remove_attribute(
    message: &[u8],
    number: u32,
    wanted: &[u8],
    out: &mut Vec<u8>,
) -> Result<bool, Malformed> {
    let Some((before, _, after)) = find(message, number, wanted)? else { return Ok(false) };
    out.extend_from_slice(before);
    out.extend_from_slice(after);
    Ok(true)
}

/// What is before an attribute, the attribute itself, and what is behind it.
pub type Found<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn find<'a>(message: &'a [u8], number: u32, wanted: &[u8]) -> Result<Option<Found<'a>>, Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        let entry = bytes(field.value)?;
        if key(entry)? == wanted {
            let end = message.len() - fields.bytes_left();
            return Ok(Some((&message[..end - field.raw.len()], entry, &message[end..])));
        }
    }
    Ok(None)
}

/// Keeps the attributes whose key passes. Says whether any went; if not, `out` is as it was.
pub fn retain_attributes<E: From<Malformed>>(
    message: &[u8],
    number: u32,
    mut keep: impl FnMut(&[u8]) -> Result<bool, E>,
    out: &mut Vec<u8>,
) -> Result<bool, E> {
    let mut copied = 0;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        if !keep(key(bytes(field.value)?)?)? {
            let end = message.len() - fields.bytes_left();
            out.extend_from_slice(&message[copied..end - field.raw.len()]);
            copied = end;
        }
    }
    if copied > 0 {
        out.extend_from_slice(&message[copied..]);
    }
    Ok(copied > 0)
}

/// Replaces the values of attributes: `change` sees a key and its `AnyValue`, and says whether it wrote another one. Says
/// whether any changed; if not, `out` is as it was.
pub fn replace_values<E: From<Malformed>>(
    message: &[u8],
    number: u32,
    mut change: impl FnMut(&[u8], &[u8], &mut Vec<u8>) -> Result<bool, E>,
    out: &mut Vec<u8>,
) -> Result<bool, E> {
    let (mut copied, mut any) = (0, Vec::new());
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        let entry = bytes(field.value)?;
        let (key, old) = (key(entry)?, value(entry)?);
        any.clear();
        if change(key, &old, &mut any)? && any != *old {
            let end = message.len() - fields.bytes_left();
            out.extend_from_slice(&message[copied..end - field.raw.len()]);
            put_value(out, number, key, entry, &any)?;
            copied = end;
        }
    }
    if copied > 0 {
        out.extend_from_slice(&message[copied..]);
    }
    Ok(copied > 0)
}

/// Appends a field that holds a `KeyValue`.
pub fn put_entry(out: &mut Vec<u8>, number: u32, key: &[u8], any: &[u8]) {
    let length = field_bytes(key.len()) + field_bytes(any.len());
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, length as u64);
    put_bytes(out, KEY, key);
    put_bytes(out, VALUE, any);
}

#[cfg(test)]
mod tests;
