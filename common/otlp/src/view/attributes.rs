//! Attributes where they stand: keys and the kinds of values that compare as texts.

use std::borrow::Cow;

use super::{bytes, fixed64, next_message, text};
use crate::wire::{Field, Fields, Malformed, Value};

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
    Nested,
}

impl<'a> Any<'a> {
    /// A scalar as people write it; `None` for nothing, bytes, lists and maps.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Bool(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
            Self::Int(value) => Some(Cow::Owned(value.to_string())),
            Self::Double(value) => Some(Cow::Owned(value.to_string())),
            Self::Empty | Self::Bytes(_) | Self::Nested => None,
        }
    }

    /// Takes a field of an `AnyValue`: of the oneof the last one counts.
    fn take(&mut self, field: Field<'a>) -> Result<(), Malformed> {
        *self = match (field.number, field.value) {
            (1, value) => Self::Text(text(value)?),
            (2, Value::Varint(value)) => Self::Bool(value != 0),
            (3, Value::Varint(value)) => Self::Int(value.cast_signed()),
            (4, value) => Self::Double(f64::from_bits(fixed64(value)?)),
            (5 | 6, Value::Bytes(_)) => Self::Nested,
            (7, value) => Self::Bytes(bytes(value)?),
            (2 | 3 | 5 | 6, _) => return Err(Malformed),
            _ => return Ok(()),
        };
        Ok(())
    }
}

/// The attributes of a message, in order, repeated keys and all. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Messages still to come that hold attributes, with the number of their field.
    holders: (Fields<'a>, u32),
    fields: Fields<'a>,
    number: u32,
}

impl<'a> Attributes<'a> {
    /// The attributes in field `number` of `message`.
    pub(super) fn of(message: &'a [u8], number: u32) -> Self {
        Self { holders: (Fields::new(&[]), 0), fields: Fields::new(message), number }
    }

    /// The attributes in field `number` of every message in field `holder` of `message`.
    pub(super) fn within(message: &'a [u8], holder: u32, number: u32) -> Self {
        Self { holders: (Fields::new(message), holder), fields: Fields::new(&[]), number }
    }

    /// The value of the first attribute with this key.
    pub fn find(self, key: &str) -> Result<Option<Any<'a>>, Malformed> {
        for attribute in self {
            let attribute = attribute?;
            if attribute.key == key {
                return Ok(Some(attribute.value));
            }
        }
        Ok(None)
    }

    fn try_next(&mut self) -> Result<Option<Attribute<'a>>, Malformed> {
        loop {
            if let Some(message) = next_message(&mut self.fields, self.number)? {
                return attribute(message).map(Some);
            }
            match next_message(&mut self.holders.0, self.holders.1)? {
                Some(holder) => self.fields = Fields::new(holder),
                None => return Ok(None),
            }
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.try_next().transpose()?;
        if found.is_err() {
            *self = Self::of(&[], 0);
        }
        Some(found)
    }
}

/// Reads a `KeyValue`.
fn attribute(message: &[u8]) -> Result<Attribute<'_>, Malformed> {
    let mut attribute = Attribute { key: "", value: Any::Empty };
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        match field.number {
            1 => attribute.key = text(field.value)?,
            2 => {
                let mut value = Fields::new(bytes(field.value)?);
                while let Some(field) = value.try_next()? {
                    attribute.value.take(field)?;
                }
            }
            _ => {}
        }
    }
    Ok(attribute)
}
