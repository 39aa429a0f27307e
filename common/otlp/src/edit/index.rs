//! Where the attributes of a message stand: one scan for many look-ups.
//!
//! Who looks says beforehand which keys may be asked for ([`Wanted`]). A look-up scans to the attribute it is for, notes
//! where the others stand on the way, and the next one goes on from there. An index belongs to one version of a
//! message; who changes the message clears it, unless bytes were only appended. Where a message cannot be scanned
//! there is no index: look-ups then scan for themselves, and find out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::fields::{Found, bytes, key, plain_entry, value};
use crate::wire::{Fields, Malformed};

/// The keys that look-ups may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    keys: Vec<Box<[u8]>>,
    /// Their [`mark`]s: most other keys have none of these.
    marks: u64,
    /// Their slots, where they are more than [`FEW_KEYS`].
    slots: HashMap<Box<[u8]>, usize>,
}

/// So many keys are compared in less time than it takes to hash one.
const FEW_KEYS: usize = 16;

/// One bit for a key, by its length and its last byte.
#[inline]
fn mark(key: &[u8]) -> u64 {
    let last = key.last().map_or(0, |last| usize::from(*last));
    1 << ((key.len() ^ last.wrapping_mul(5)) % 64)
}

impl Wanted {
    /// Adds a key.
    pub fn add(&mut self, key: &[u8]) {
        if self.slot(key).is_some() {
            return;
        }
        self.keys.push(key.into());
        self.marks |= mark(key);
        let hashed = self.slots.len();
        if self.keys.len() > FEW_KEYS {
            let new = self.keys.iter().enumerate().skip(hashed);
            self.slots.extend(new.map(|(slot, key)| (key.clone(), slot)));
        }
    }

    /// How many keys there are: their slots are below.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of a key among them.
    #[inline]
    pub fn slot(&self, key: &[u8]) -> Option<usize> {
        if self.marks & mark(key) == 0 {
            return None;
        }
        match self.keys.len() {
            ..=FEW_KEYS => self.keys.iter().position(|known| **known == *key),
            _ => self.hashed_slot(key),
        }
    }

    /// Not inlined: a hash function in the middle of the scan makes it slower where there are few keys.
    #[inline(never)]
    fn hashed_slot(&self, key: &[u8]) -> Option<usize> {
        self.slots.get(key).copied()
    }
}

/// Where attributes stand. Scratch: keep it and use it again.
#[derive(Debug, Default)]
pub struct Index {
    state: State,
    /// For each of the wanted keys.
    places: Vec<Option<Place>>,
    /// How far the message was scanned.
    bytes_read: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unread,
    /// The attributes in the field of that number.
    Of(u32),
}

/// Where the field of an attribute stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    start: u32,
    /// Where the bytes of the value begin and end, if they stand together; else there are no such places.
    value: (u32, u32),
}

impl Place {
    /// The attribute with its tag and length, if there is nothing in it but its key and its value, in that order.
    #[inline]
    pub fn plain_range(self) -> Option<Range<usize>> {
        (self.value.0 > 0).then_some(self.start as usize..self.value.1 as usize)
    }

    /// The bytes before the attribute, the attribute without its tag and length, and the bytes behind it.
    #[inline]
    fn parts(self, message: &[u8]) -> Result<Found<'_>, Malformed> {
        let (before, rest) = message.split_at_checked(self.start as usize).ok_or(Malformed)?;
        let field = Fields::new(rest).try_next()?.ok_or(Malformed)?;
        Ok((before, bytes(field.value)?, &rest[field.raw.len()..]))
    }

    /// The bytes of the attribute's value.
    #[inline]
    pub fn value(self, message: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
        let (start, end) = (self.value.0 as usize, self.value.1 as usize);
        match message.get(start..end) {
            Some(value) if start > 0 => Ok(Cow::Borrowed(value)),
            _ => value(self.parts(message)?.1),
        }
    }
}

impl Index {
    /// Forgets the message.
    #[inline]
    pub fn clear(&mut self) {
        self.state = State::Unread;
    }

    /// The first attribute under the key of a slot, the attributes being field `number` of `message`. Until it is cleared
    /// `wanted` is the same, and so is `message`, but that more may have been appended to it. `Err` says that there is no
    /// index.
    #[inline]
    pub fn find(
        &mut self,
        message: &[u8],
        number: u32,
        wanted: &Wanted,
        slot: usize,
    ) -> Result<Option<Place>, Unindexed> {
        if self.state == State::Unread {
            self.begin(number, wanted);
        }
        if self.state != State::Of(number) {
            return Err(Unindexed);
        }
        match self.places.get(slot) {
            Some(Some(place)) => Ok(Some(*place)),
            Some(None) => self.scan(message, number, wanted, slot),
            None => Err(Unindexed),
        }
    }

    fn begin(&mut self, number: u32, wanted: &Wanted) {
        self.places.clear();
        self.places.resize(wanted.keys.len(), None);
        (self.state, self.bytes_read) = (State::Of(number), 0);
    }

    /// Goes on to the attribute of a slot.
    fn scan(
        &mut self,
        message: &[u8],
        number: u32,
        wanted: &Wanted,
        slot: usize,
    ) -> Result<Option<Place>, Unindexed> {
        // As everywhere in an edit, messages are under 4 GiB.
        u32::try_from(message.len()).map_err(|_| Unindexed)?;
        let mut fields = Fields::new(message.get(self.bytes_read..).ok_or(Unindexed)?);
        while let Some(field) = fields.next_of(number).map_err(|_| Unindexed)? {
            let entry = bytes(field.value).map_err(|_| Unindexed)?;
            let (name, any) = match plain_entry(entry) {
                Some((name, any)) => (name, Some(any)),
                None => (key(entry).map_err(|_| Unindexed)?, None),
            };
            let Some(found) = wanted.slot(name) else { continue };
            if self.places[found].is_none() {
                let end = message.len() - fields.bytes_left();
                // The value of a plain entry is the last of it.
                let value = any.map_or((0, 0), |any| ((end - any.len()) as u32, end as u32));
                let place = Place { start: (end - field.raw.len()) as u32, value };
                self.places[found] = Some(place);
                self.bytes_read = end;
                if found == slot {
                    return Ok(Some(place));
                }
            }
        }
        self.bytes_read = message.len();
        Ok(None)
    }
}

/// There is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unindexed;

#[cfg(test)]
mod tests;
