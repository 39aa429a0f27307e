//! Lists of numbers, packed or not, where they stand.

use std::marker::PhantomData;

use super::{bytes, fixed64};
use crate::wire::{Fields, Malformed, Value, varint};

/// How numbers of a kind are written.
pub trait Number: Sized {
    /// The first of a packed list, and what follows it.
    #[doc(hidden)]
    fn packed(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed>;
    /// One that stands alone.
    #[doc(hidden)]
    fn alone(value: Value<'_>) -> Result<Self, Malformed>;
}

/// `fixed64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(pub u64);

/// `uint64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varint(pub u64);

impl Number for Fixed {
    fn packed(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (value, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
        Ok((Self(u64::from_le_bytes(*value)), rest))
    }

    fn alone(value: Value<'_>) -> Result<Self, Malformed> {
        fixed64(value).map(Self)
    }
}

impl Number for f64 {
    fn packed(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        Fixed::packed(bytes).map(|(Fixed(bits), rest)| (Self::from_bits(bits), rest))
    }

    fn alone(value: Value<'_>) -> Result<Self, Malformed> {
        fixed64(value).map(Self::from_bits)
    }
}

impl Number for Varint {
    fn packed(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        varint(bytes).map(|(value, rest)| (Self(value), rest))
    }

    fn alone(value: Value<'_>) -> Result<Self, Malformed> {
        super::uint64(value).map(Self)
    }
}

/// The numbers in a repeated field, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Numbers<'a, T> {
    /// The messages still to come that hold some, in this field.
    pieces: (Fields<'a>, u32),
    fields: Fields<'a>,
    number: u32,
    packed: &'a [u8],
    kind: PhantomData<fn() -> T>,
}

impl<'a, T: Number> Numbers<'a, T> {
    /// Those in field `number` of `message`.
    pub(super) fn of(message: &'a [u8], number: u32) -> Self {
        let pieces = (Fields::new(&[]), 0);
        Self { pieces, fields: Fields::new(message), number, packed: &[], kind: PhantomData }
    }

    /// Those in field `number` of every message in field `holder` of `message`.
    pub(super) fn within(message: &'a [u8], holder: u32, number: u32) -> Self {
        Self { pieces: (Fields::new(message), holder), ..Self::of(&[], number) }
    }

    fn try_next(&mut self) -> Result<Option<T>, Malformed> {
        loop {
            if !self.packed.is_empty() {
                let (value, rest) = T::packed(self.packed)?;
                self.packed = rest;
                return Ok(Some(value));
            }
            match self.fields.next_of(self.number)?.map(|field| field.value) {
                Some(Value::Bytes(packed)) => self.packed = packed,
                Some(value) => return T::alone(value).map(Some),
                None => match self.pieces.0.next_of(self.pieces.1)? {
                    Some(piece) => self.fields = Fields::new(bytes(piece.value)?),
                    None => return Ok(None),
                },
            }
        }
    }
}

impl<T: Number> Iterator for Numbers<'_, T> {
    type Item = Result<T, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.try_next().transpose()?;
        if found.is_err() {
            *self = Self::of(&[], 0);
        }
        Some(found)
    }
}
