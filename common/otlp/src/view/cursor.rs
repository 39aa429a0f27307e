//! Where a reader stands in messages that are in messages.
//!
//! A singular message may stand in pieces, which are one message: its fields are those of all pieces. So a
//! repeated field of it is read through a cursor over the pieces.

use super::bytes;
use crate::wire::{Field, Fields, Malformed, Value};

/// How far a field may be from the message whose view it belongs to: a list in an `AnyValue` in an attribute.
const LEVELS: usize = 3;

/// The messages in a field, of all the messages in a field of those in a field.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    /// The fields still to come and the number of those that count, the innermost first.
    levels: [(Fields<'a>, u32); LEVELS],
}

impl<'a> Cursor<'a> {
    /// Over nothing.
    pub(super) const fn nothing() -> Self {
        Self::over([(Fields::new(&[]), 0); LEVELS])
    }

    /// Over the messages in field `number` of `message`.
    pub(super) const fn of(message: &'a [u8], number: u32) -> Self {
        let nothing = (Fields::new(&[]), 0);
        Self::over([(Fields::new(message), number), nothing, nothing])
    }

    /// Over the messages in field `number` of every message in field `holder` of `message`.
    pub(super) const fn within(message: &'a [u8], holder: u32, number: u32) -> Self {
        let nothing = Fields::new(&[]);
        Self::over([(nothing, number), (Fields::new(message), holder), (nothing, 0)])
    }

    /// Over what is left of several levels, the innermost first.
    pub(super) const fn over(levels: [(Fields<'a>, u32); LEVELS]) -> Self {
        Self { levels }
    }

    #[inline]
    pub(super) fn try_next(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            let (fields, number) = &mut self.levels[0];
            if let Some(field) = fields.next_of(*number)? {
                return bytes(field.value).map(Some);
            }
            if !self.refill(1)? {
                return Ok(None);
            }
        }
    }

    /// The next message, or nothing after an error.
    pub(super) fn next_or_end(&mut self) -> Option<Result<&'a [u8], Malformed>> {
        let found = self.try_next().transpose()?;
        if found.is_err() {
            *self = Self::nothing();
        }
        Some(found)
    }

    /// Goes to the next message at `level`; false at the end.
    fn refill(&mut self, level: usize) -> Result<bool, Malformed> {
        if level == LEVELS {
            return Ok(false);
        }
        loop {
            let (fields, number) = &mut self.levels[level];
            if let Some(field) = fields.next_of(*number)? {
                self.levels[level - 1].0 = Fields::new(bytes(field.value)?);
                return Ok(true);
            }
            if !self.refill(level + 1)? {
                return Ok(false);
            }
        }
    }
}

/// The last field of that number in a message.
pub(super) fn last(message: &[u8], number: u32) -> Result<Option<Value<'_>>, Malformed> {
    let mut found = None;
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_of(number)? {
        found = Some(field.value);
    }
    Ok(found)
}

/// The last field of that number in the messages in field `holder`, which are one message.
pub(super) fn last_within(
    message: &[u8],
    holder: u32,
    number: u32,
) -> Result<Option<Value<'_>>, Malformed> {
    let mut found = None;
    let mut pieces = Cursor::of(message, holder);
    while let Some(piece) = pieces.try_next()? {
        found = last(piece, number)?.or(found);
    }
    Ok(found)
}

/// The fields of a message, each given to a reader.
pub(super) fn each<'a>(
    message: &'a [u8],
    mut take: impl FnMut(Field<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        take(field)?;
    }
    Ok(())
}
