//! Where the attributes of a message stand: one scan for many look-ups.
//!
//! An index belongs to one version of a message; who changes the message clears it. Messages of more than
//! [`MAX_INDEXED`] attributes, or that cannot be scanned to their end, have none: look-ups then scan as far
//! as they must.

use std::borrow::Cow;

use super::fields::{Found, bytes, key, value};
use crate::wire::{Field, Fields, Malformed};

/// The most attributes of a message that has an index.
pub const MAX_INDEXED: usize = 128;

/// Where attributes stand. Scratch: keep it and use it again.
#[derive(Debug, Default)]
pub struct Index {
    state: State,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unread,
    /// The attributes in the field of that number.
    Of(u32),
    Unusable,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    key_start: u32,
    key_bytes: u32,
}

/// Where the field of an attribute stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    start: u32,
}

impl Place {
    /// The bytes before the attribute, the attribute without its tag and length, and the bytes behind it.
    pub fn parts(self, message: &[u8]) -> Result<Found<'_>, Malformed> {
        let (before, rest) = message.split_at_checked(self.start as usize).ok_or(Malformed)?;
        let field = Fields::new(rest).try_next()?.ok_or(Malformed)?;
        Ok((before, bytes(field.value)?, &rest[field.raw.len()..]))
    }

    /// The bytes of the attribute's value.
    pub fn value(self, message: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
        value(self.parts(message)?.1)
    }
}

impl Index {
    /// Forgets the message.
    pub fn clear(&mut self) {
        self.state = State::Unread;
    }

    /// The first attribute under a key, the attributes being field `number` of `message`, which is scanned
    /// unless it was. `Err` says that there is no index.
    pub fn find(
        &mut self,
        message: &[u8],
        number: u32,
        wanted: &[u8],
    ) -> Result<Option<Place>, Unindexed> {
        if self.state == State::Unread {
            let is_read = self.scan(message, number);
            self.state = if is_read { State::Of(number) } else { State::Unusable };
        }
        if self.state != State::Of(number) {
            return Err(Unindexed);
        }
        let is_wanted = |entry: &&Entry| {
            let (start, bytes) = (entry.key_start as usize, entry.key_bytes as usize);
            bytes == wanted.len() && message.get(start..start + bytes) == Some(wanted)
        };
        Ok(self.entries.iter().find(is_wanted).map(|entry| entry.place))
    }

    /// Says whether the index can be used.
    fn scan(&mut self, message: &[u8], number: u32) -> bool {
        self.entries.clear();
        // As everywhere in an edit, messages are under 4 GiB.
        if u32::try_from(message.len()).is_err() {
            return false;
        }
        let mut fields = Fields::new(message);
        while let Ok(found) = fields.next_of(number) {
            let Some(field) = found else { return true };
            let end = message.len() - fields.bytes_left();
            if !self.push(message, field, end) {
                return false;
            }
        }
        false
    }

    /// Adds an attribute whose field ends at `end`, and says whether it could.
    fn push(&mut self, message: &[u8], field: Field<'_>, end: usize) -> bool {
        let Ok(name) = bytes(field.value).and_then(key) else { return false };
        // Without a key there is nothing to point to.
        let key_start = match name.is_empty() {
            true => 0,
            false => name.as_ptr().addr() - message.as_ptr().addr(),
        };
        let place = Place { start: (end - field.raw.len()) as u32 };
        self.entries.push(Entry {
            place,
            key_start: key_start as u32,
            key_bytes: name.len() as u32,
        });
        self.entries.len() <= MAX_INDEXED
    }

    /// Hears that an attribute was appended, so that the message is now `message`: the same up to `start`.
    pub fn appended(&mut self, message: &[u8], start: usize) {
        let (State::Of(number), Ok(_)) = (self.state, u32::try_from(message.len())) else {
            return self.clear();
        };
        let field = message.get(start..).map(|new| Fields::new(new).next_of(number));
        let is_added = match field {
            Some(Ok(Some(field))) => self.push(message, field, message.len()),
            _ => false,
        };
        if !is_added {
            self.clear();
        }
    }
}

/// There is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unindexed;

#[cfg(test)]
mod tests;
