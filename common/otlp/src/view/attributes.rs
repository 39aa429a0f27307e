//! Attributes where they stand: keys and values of every kind, lists and maps among them.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::{bytes, double, text, uint64};
use crate::wire::{Field, Fields, Malformed};

/// Key and value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// The key; OTLP allows an empty one.
    pub key: &'a str,
    /// The value.
    pub value: Any<'a>,
}

/// An `AnyValue`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Any<'a> {
    /// Nothing, or a kind that we do not know.
    Empty,
    /// A text.
    Text(&'a str),
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list or a map.
    Nested(Nested<'a>),
}

impl<'a> Any<'a> {
    /// A scalar as people write it; `None` for nothing, bytes, lists and maps.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Bool(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
            Self::Int(value) => Some(Cow::Owned(value.to_string())),
            Self::Double(value) => Some(Cow::Owned(value.to_string())),
            Self::Empty | Self::Bytes(_) | Self::Nested(_) => None,
        }
    }

    /// Takes a field of the `AnyValue` in `slot`: of the oneof the last one counts.
    fn take(&mut self, field: Field<'a>, slot: Nested<'a>) -> Result<(), Malformed> {
        *self = match (field.number, field.value) {
            (1, value) => Self::Text(text(value)?),
            (2, value) => Self::Bool(uint64(value)? != 0),
            (3, value) => Self::Int(uint64(value)?.cast_signed()),
            (4, value) => Self::Double(double(value)?),
            (LIST | MAP, value) => bytes(value).map(|_| Self::Nested(slot))?,
            (7, value) => Self::Bytes(bytes(value)?),
            _ => return Ok(()),
        };
        Ok(())
    }
}

/// Fields of an `AnyValue`.
const LIST: u32 = 5;
const MAP: u32 = 6;

/// A list or map where it stands: the `AnyValue` in a field of a message, which may be in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<'a> {
    message: &'a [u8],
    /// The field; 0 if the message is the `AnyValue`.
    number: u32,
}

/// What is in a list or map.
#[derive(Clone, Debug)]
pub enum Values<'a> {
    /// The items of a list.
    List(Items<'a>),
    /// The entries of a map.
    Map(Attributes<'a>),
}

impl<'a> Nested<'a> {
    /// What is in it, in order.
    pub fn values(&self) -> Result<Values<'a>, Malformed> {
        let (mut pieces, mut fields) = match self.number {
            0 => (Fields::new(&[]), Fields::new(self.message)),
            _ => (Fields::new(self.message), Fields::new(&[])),
        };
        // Of the oneof the last kind counts, from where it begins; its occurrences are one message.
        let mut found = (0, fields, pieces);
        loop {
            let before = fields;
            if let Some(field) = fields.try_next()? {
                if (1..=7).contains(&field.number) && field.number != found.0 {
                    found = (field.number, before, pieces);
                }
            } else {
                match pieces.next_of(self.number.max(1))? {
                    Some(piece) => fields = Fields::new(bytes(piece.value)?),
                    None => break,
                }
            }
        }
        let (kind, fields, pieces) = found;
        let levels = [(Fields::new(&[]), 1), (fields, kind), (pieces, self.number.max(1))];
        let cursor = Cursor::over(levels);
        Ok(match kind {
            MAP => Values::Map(Attributes { cursor }),
            _ => Values::List(Items { cursor }),
        })
    }
}

/// The items of a list, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Any<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_or_end()?;
        Some(found.and_then(|message| value(message, Nested { message, number: 0 })))
    }
}

/// The `AnyValue` in field `number` of a message, if it is there.
pub(super) fn slot(message: &[u8], number: u32) -> Result<Option<Any<'_>>, Malformed> {
    let mut found = None;
    let mut pieces = Cursor::of(message, number);
    while let Some(piece) = pieces.try_next()? {
        add(found.get_or_insert(Any::Empty), piece, Nested { message, number })?;
    }
    Ok(found)
}

fn value<'a>(message: &'a [u8], slot: Nested<'a>) -> Result<Any<'a>, Malformed> {
    let mut value = Any::Empty;
    add(&mut value, message, slot)?;
    Ok(value)
}

/// Reads a piece of an `AnyValue`.
fn add<'a>(value: &mut Any<'a>, piece: &'a [u8], slot: Nested<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::new(piece);
    while let Some(field) = fields.try_next()? {
        value.take(field, slot)?;
    }
    Ok(())
}

/// The attributes of a message, in order, repeated keys and all. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Attributes<'a> {
    /// The attributes in field `number` of `message`.
    pub(super) fn of(message: &'a [u8], number: u32) -> Self {
        Self { cursor: Cursor::of(message, number) }
    }

    /// The attributes in field `number` of every message in field `holder` of `message`.
    pub(super) fn within(message: &'a [u8], holder: u32, number: u32) -> Self {
        Self { cursor: Cursor::within(message, holder, number) }
    }

    /// The value of the first attribute with this key.
    pub fn find(mut self, key: &str) -> Result<Option<Any<'a>>, Malformed> {
        while let Some(message) = self.cursor.try_next()? {
            let attribute = attribute(message)?;
            if attribute.key == key {
                return Ok(Some(attribute.value));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_or_end()?.and_then(attribute);
        if found.is_err() {
            self.cursor = Cursor::nothing();
        }
        Some(found)
    }
}

/// Reads a `KeyValue`.
fn attribute(message: &[u8]) -> Result<Attribute<'_>, Malformed> {
    const VALUE: u32 = 2;
    let mut attribute = Attribute { key: "", value: Any::Empty };
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        match field.number {
            1 => attribute.key = text(field.value)?,
            VALUE => {
                let slot = Nested { message, number: VALUE };
                add(&mut attribute.value, bytes(field.value)?, slot)?;
            }
            _ => {}
        }
    }
    Ok(attribute)
}
