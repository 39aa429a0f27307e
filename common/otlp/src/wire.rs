//! Protobuf's wire format, read in place.
//!
//! [`Fields`] walks one message and yields each field with its value and its raw bytes (tag, length
//! and payload): what copying an untouched field needs. Nothing is allocated. Groups (wire types 3
//! and 4) are refused: proto3 has none, and no OTLP peer writes them.

/// The bytes are not the message they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("malformed protobuf")
    }
}

impl std::error::Error for Malformed {}

/// The value of a field, by wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: a text, bytes, a message, or packed scalars.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field's number, from 1.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// The field as it stands in the message: tag, length and payload.
    pub raw: &'a [u8],
}

/// The fields of a message in the order of writing.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field; `None` at the end.
    #[inline]
    pub fn try_next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if let Some((field, rest)) = short_bytes(self.rest) {
            self.rest = rest;
            return Ok(Some(field));
        }
        self.next_of_any_form()
    }

    /// The next field of that number; `None` at the end.
    #[inline(always)]
    pub fn next_of(&mut self, number: u32) -> Result<Option<Field<'a>>, Malformed> {
        loop {
            if let Some((field, rest)) = short_bytes(self.rest) {
                self.rest = rest;
                if field.number == number {
                    return Ok(Some(field));
                }
            } else if let Some(rest) = behind_scalar(self.rest, number) {
                self.rest = rest;
            } else {
                match self.next_of_any_form()? {
                    Some(field) if field.number != number => {}
                    found => return Ok(found),
                }
            }
        }
    }

    /// How many bytes are behind the fields that were read.
    #[inline]
    pub fn bytes_left(&self) -> usize {
        self.rest.len()
    }

    fn next_of_any_form(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if let Some((field, rest)) = medium_bytes(self.rest) {
            self.rest = rest;
            return Ok(Some(field));
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.rest;
        let (tag, after) = varint(start)?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        if number == 0 || number > MAX_FIELD_NUMBER {
            return Err(Malformed);
        }
        let (value, rest) = value(tag & 7, after)?;
        self.rest = rest;
        let raw = &start[..start.len() - rest.len()];
        Ok(Some(Field { number, value, raw }))
    }
}

/// What most fields are: a number under 16, wire type 2, less than 128 bytes. Anything else is `None`.
#[inline(always)]
fn short_bytes(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let [tag, length, after @ ..] = bytes else { return None };
    if tag & 0x87 != 2 || *tag < 8 || *length >= 0x80 {
        return None;
    }
    let (value, rest) = after.split_at_checked(usize::from(*length))?;
    let raw = &bytes[..bytes.len() - rest.len()];
    Some((Field { number: u32::from(tag >> 3), value: Value::Bytes(value), raw }, rest))
}

/// What most records are: a number under 16, wire type 2, less than 16 KiB. Anything else is `None`.
#[inline]
fn medium_bytes(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let [tag @ 8..0x80, low @ 0x80..=0xff, high @ 0..0x80, after @ ..] = bytes else { return None };
    if tag & 7 != 2 {
        return None;
    }
    let (value, rest) =
        after.split_at_checked(usize::from(low & 0x7f) | usize::from(*high) << 7)?;
    let raw = &bytes[..bytes.len() - rest.len()];
    Some((Field { number: u32::from(tag >> 3), value: Value::Bytes(value), raw }, rest))
}

/// What is behind a scalar of a common form and of another number under 16; nothing is made of its value. `None`
/// says nothing.
#[inline(always)]
fn behind_scalar(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    let [tag @ 8..0x80, first, ..] = bytes else { return None };
    if u32::from(tag >> 3) == wanted {
        return None;
    }
    match tag & 7 {
        1 => bytes.get(9..),
        0 if *first < 0x80 => bytes.get(2..),
        _ => None,
    }
}

/// Protobuf: the largest field number.
const MAX_FIELD_NUMBER: u32 = (1 << 29) - 1;

#[inline]
fn value(wire_type: u64, bytes: &[u8]) -> Result<(Value<'_>, &[u8]), Malformed> {
    match wire_type {
        0 => varint(bytes).map(|(value, rest)| (Value::Varint(value), rest)),
        1 => {
            let (value, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
            Ok((Value::Fixed64(u64::from_le_bytes(*value)), rest))
        }
        2 => {
            let (length, rest) = varint(bytes)?;
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            let (value, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
            Ok((Value::Bytes(value), rest))
        }
        5 => {
            let (value, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
            Ok((Value::Fixed32(u32::from_le_bytes(*value)), rest))
        }
        _ => Err(Malformed),
    }
}

/// A varint of at most ten bytes, and what follows it.
#[inline]
pub fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Ok((u64::from(*first), rest)),
        [first, second, rest @ ..] if *second < 0x80 => {
            Ok((u64::from(*first & 0x7f) | u64::from(*second) << 7, rest))
        }
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        // The tenth byte holds the one bit that is left.
        if index == 9 && byte > 1 {
            return Err(Malformed);
        }
        value |= part << (7 * index);
        if byte < 0x80 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    Err(Malformed)
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field of wire type 0, unless it is the default.
pub fn put_uint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

/// Appends a field of wire type 1, default or not.
pub fn put_fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of wire type 2, empty or not.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes of a varint: one for seven bits each.
#[inline]
pub fn varint_bytes(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Bytes of a field of wire type 2 with a number under 16 and a content of this length.
#[inline]
pub fn field_bytes(content: usize) -> usize {
    1 + varint_bytes(content as u64) + content
}

/// Appends a message field written by `write`.
pub fn put_message(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    write(&mut message);
    put_bytes(out, number, &message);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_varints() {
        assert_eq!(varint(&[]), Err(Malformed));
        assert_eq!(varint(&[0x80]), Err(Malformed));
        assert_eq!(varint(&[0xff; 10]), Err(Malformed));
        let mut longest = [0xff; 10];
        longest[9] = 1;
        assert_eq!(varint(&longest), Ok((u64::MAX, &[][..])));
        longest[9] = 2;
        assert_eq!(varint(&longest), Err(Malformed));
        assert_eq!(varint(&[0x80, 0x80, 0x00, 7]), Ok((0, &[7][..])), "overlong is allowed");
    }

    #[test]
    fn groups_and_reserved_numbers_are_refused() {
        for bytes in [&[0x0b][..], &[0x0c], &[0x0e, 0], &[0x0f, 0], &[0x00, 0], &[0x0a, 5, 1]] {
            assert_eq!(Fields::new(bytes).try_next(), Err(Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn varints_survive(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            prop_assert_eq!(varint(&bytes), Ok((value, &[][..])));
            let mut oracle = Vec::new();
            prost::encoding::encode_varint(value, &mut oracle);
            prop_assert_eq!(bytes, oracle);
        }

        #[test]
        fn the_fields_of_a_number_are_those_among_all(
            bytes in proptest::collection::vec(0u8..40, 0..80),
            number in 1u32..5,
        ) {
            let (mut all, mut some) = (Fields::new(&bytes), Fields::new(&bytes));
            loop {
                let expect = loop {
                    match all.try_next() {
                        Ok(Some(field)) if field.number != number => {}
                        found => break found,
                    }
                };
                prop_assert_eq!(some.next_of(number), expect);
                if !matches!(expect, Ok(Some(_))) {
                    break;
                }
                prop_assert_eq!(some.bytes_left(), all.bytes_left());
            }
        }

        #[test]
        fn raw_slices_tile_the_message(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut fields = Fields::new(&bytes);
            let mut seen = 0;
            while let Ok(Some(field)) = fields.try_next() {
                seen += field.raw.len();
                prop_assert!(seen <= bytes.len());
                prop_assert_eq!(field.raw, &bytes[seen - field.raw.len()..seen]);
            }
        }
    }
}
