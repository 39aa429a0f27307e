//! Attributes that statements put into a record, beside its message until somebody needs that.
//!
//! A message is one slice, and putting an attribute into it makes another one. Statements that put many would copy it
//! as often and keep every copy until the record is done. So what is put waits here, by the slots of the keys that the
//! texts look up: look-ups find it, and whoever needs the message gets one in which it all stands.

use std::cell::Cell;
use std::ops::Range;

use bumpalo::Bump;
use smallvec::SmallVec;

/// What waits.
#[derive(Debug)]
pub(super) struct Puts<'a> {
    /// Where messages are made; none before the first put.
    arena: Option<&'a Bump>,
    /// The field that the attributes are.
    number: u32,
    /// For each of the wanted keys.
    slots: &'a [Cell<Put<'a>>],
    /// The slots that wait, as a list in the order in which they came.
    first: Cell<u32>,
    last: Cell<u32>,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
struct Put<'a> {
    /// Its field as it will stand in the message; empty where none waits.
    field: &'a [u8],
    /// How many bytes at the end are its value.
    value_bytes: u32,
    /// The place in the message that it takes; at the end where it takes none.
    place: (u32, u32),
    next: u32,
}

/// No slot, and no place.
const NONE: u32 = u32::MAX;

impl Put<'_> {
    const EMPTY: Self = Self { field: &[], value_bytes: 0, place: (NONE, NONE), next: NONE };

    fn is_there(&self) -> bool {
        !self.field.is_empty()
    }
}

impl<'a> Puts<'a> {
    pub(super) const fn new() -> Self {
        let (first, last) = (Cell::new(NONE), Cell::new(NONE));
        Self { arena: None, number: 0, slots: &[], first, last }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.get() == NONE
    }

    /// Whether attributes that are field `number` can wait here.
    #[inline]
    pub(super) fn takes(&self, number: u32) -> bool {
        self.is_empty() || self.number == number
    }

    /// The value that waits in a slot, the attributes being field `number`.
    #[inline]
    pub(super) fn value(&self, number: u32, slot: usize) -> Option<&'a [u8]> {
        if self.is_empty() || !self.takes(number) {
            return None;
        }
        let put = self.slots.get(slot)?.get();
        let start = put.field.len() - put.value_bytes as usize;
        put.is_there().then(|| &put.field[start..])
    }

    /// Puts an attribute, whose whole `field` ends in its value, into one of so many slots: over what waits there, or in
    /// the place of `range` of the message.
    pub(super) fn put(
        &mut self,
        arena: &'a Bump,
        (number, slots): (u32, usize),
        slot: usize,
        range: Option<Range<usize>>,
        field: &[u8],
        value_bytes: usize,
    ) {
        self.begin(arena, number, slots);
        let (before, field) = (self.slots[slot].get(), arena.alloc_slice_copy(field));
        // As everywhere in an edit, messages are under 4 GiB.
        let new = range.map_or((NONE, NONE), |it| (it.start as u32, it.end as u32));
        let is_new = !before.is_there();
        let place = if is_new { new } else { before.place };
        let value_bytes = value_bytes as u32;
        self.slots[slot].set(Put { field, value_bytes, place, next: before.next });
        if is_new {
            self.link(slot as u32);
        }
    }

    fn begin(&mut self, arena: &'a Bump, number: u32, slots: usize) {
        if self.slots.len() != slots {
            self.slots = arena.alloc_slice_fill_with(slots, |_| Cell::new(Put::EMPTY));
        }
        (self.arena, self.number) = (Some(arena), number);
    }

    fn link(&self, slot: u32) {
        match self.slots.get(self.last.get() as usize) {
            Some(last) => last.set(Put { next: slot, ..last.get() }),
            None => self.first.set(slot),
        }
        self.last.set(slot);
    }

    /// Takes out all that waits, in the order of its places in the message, what takes none last.
    fn take(&self) -> SmallVec<[Put<'a>; 8]> {
        let mut puts: SmallVec<[Put<'a>; 8]> = SmallVec::new();
        let mut next = self.first.get();
        while let Some(slot) = self.slots.get(next as usize) {
            let put = slot.replace(Put::EMPTY);
            next = put.next;
            puts.push(put);
        }
        self.first.set(NONE);
        self.last.set(NONE);
        puts.sort_by_key(|put| put.place.0);
        puts
    }

    /// The message with all that waited, in the arena.
    pub(super) fn made(&self, message: &[u8]) -> Option<&'a [u8]> {
        let arena = self.arena.filter(|_| !self.is_empty())?;
        let mut out = Vec::new();
        self.write(message, &mut out);
        Some(arena.alloc_slice_copy(&out))
    }

    /// Appends the message with all that waited.
    pub(super) fn write(&self, message: &[u8], out: &mut Vec<u8>) {
        let puts = self.take();
        out.reserve(message.len() + puts.iter().map(|put| put.field.len()).sum::<usize>());
        let mut copied = 0;
        for put in puts {
            let (start, end) = (put.place.0 as usize, put.place.1 as usize);
            if put.place.0 == NONE {
                out.extend_from_slice(&message[copied..]);
                copied = message.len();
            } else {
                out.extend_from_slice(&message[copied..start]);
                copied = end;
            }
            out.extend_from_slice(put.field);
        }
        out.extend_from_slice(&message[copied..]);
    }
}

#[cfg(test)]
mod tests;
