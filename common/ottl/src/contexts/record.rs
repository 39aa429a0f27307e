//! A record under statements: slices of the request and, where something was set, of the arena.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use bumpalo::Bump;
use otlp::Malformed;
use otlp::edit::index::{Index, Unindexed, Wanted};
use otlp::edit::{At, Changes, Data, LEVELS, Level, fields};

use super::Request;
use super::puts::Puts;
use crate::RunError;
use crate::function::Changed;

/// Buffers that travel from record to record, so that edits allocate only in the arena.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) message: Vec<u8>,
    pub(super) inner: Vec<u8>,
    pub(super) field: Vec<u8>,
    index: RefCell<Index>,
}

impl Scratch {
    /// The bytes that it holds on to.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.message.capacity() + self.inner.capacity() + self.field.capacity()
    }
}

/// A record and the messages around it.
#[derive(Debug)]
pub struct Record<'a> {
    at: &'a At<'a>,
    /// The messages that were changed, by level.
    changed: [Cell<Option<&'a [u8]>>; LEVELS],
    /// Attributes of the record itself that are not in its message yet.
    puts: Puts<'a>,
    appended: Vec<Vec<u8>>,
    request: &'a Request,
    /// The keys of the record's own attributes for which one scan is worth it.
    wanted: Option<&'a Wanted>,
    /// The level whose message the scratch buffer holds, too, because it was written last.
    written: Cell<Option<Level>>,
    pub(super) scratch: &'a mut Scratch,
}

/// Where an attribute would stand.
struct Spot<'a> {
    /// What of the message it takes the place of; it comes to the end if nothing, or to where one waits.
    range: Option<Range<usize>>,
    /// The value that is there.
    old: Option<Cow<'a, [u8]>>,
}

impl<'a> Record<'a> {
    /// The record that a walk is at.
    #[inline(always)]
    pub fn new(at: &'a At<'a>, request: &'a Request, scratch: &'a mut Scratch) -> Self {
        Self::expecting(at, request, scratch, None)
    }

    /// The record that a walk is at, of which attributes under these keys will be looked up: all of them are found in
    /// one scan.
    #[inline(always)]
    pub fn expecting(
        at: &'a At<'a>,
        request: &'a Request,
        scratch: &'a mut Scratch,
        wanted: Option<&'a Wanted>,
    ) -> Self {
        scratch.index.get_mut().clear();
        let changed = [const { Cell::new(None) }; LEVELS];
        let (puts, appended, written) = (Puts::new(), Vec::new(), Cell::new(None));
        Self { at, changed, puts, appended, request, wanted, written, scratch }
    }

    /// Says what changed.
    #[inline]
    pub fn finish(&mut self, changes: &mut Changes) {
        self.write_puts();
        for (level, changed) in Level::ALL.into_iter().zip(&self.changed) {
            match changed.get() {
                Some(_) if self.written.get() == Some(level) => {
                    changes.replace_with(level, &mut self.scratch.message);
                }
                Some(message) => changes.replace(level, message),
                None => {}
            }
        }
        for message in self.appended.drain(..) {
            // Asked before: see `change`.
            let appended = changes.append(message);
            debug_assert!(appended.is_ok(), "nothing is appended where nothing may be");
        }
    }

    /// Writes what was put into the buffer that [`finish`](Self::finish) gives away.
    fn write_puts(&mut self) {
        if self.puts.is_empty() {
            return;
        }
        let level = self.at.level;
        let before = self.base();
        self.scratch.message.clear();
        self.puts.write(before, &mut self.scratch.message);
        if self.scratch.message == before {
            self.written.set(None);
            return;
        }
        // What stands there is not read any more.
        self.changed[level as usize].set(Some(before));
        self.written.set(Some(level));
    }

    #[inline]
    pub(super) fn level(&self) -> Level {
        self.at.level
    }

    pub(super) fn data(&self) -> Option<Data> {
        self.at.data
    }

    pub(super) fn request(&self) -> &'a Request {
        self.request
    }

    /// The message of a level; of those around the record without the children.
    #[inline]
    pub(super) fn message(&self, level: Level) -> &'a [u8] {
        if level == self.at.level && !self.puts.is_empty() {
            self.make_message();
        }
        self.changed[level as usize].get().unwrap_or(self.at.message_of(level))
    }

    /// The message of the record without what was put.
    #[inline]
    fn base(&self) -> &'a [u8] {
        self.changed[self.at.level as usize].get().unwrap_or(self.at.message())
    }

    /// Makes the message in which all stands that was put.
    #[cold]
    fn make_message(&self) {
        if let Some(made) = self.puts.made(self.base()) {
            self.changed[self.at.level as usize].set(Some(made));
            self.written.set(None);
            self.scratch.index.borrow_mut().clear();
        }
    }

    /// The message of a level with its children.
    pub(super) fn whole(&self, level: Level) -> &'a [u8] {
        if level == self.at.level { self.message(level) } else { self.at.whole_of(level) }
    }

    /// The number of a key among those for which one scan is worth it.
    #[inline]
    fn slot(&self, key: &[u8]) -> Option<(&'a Wanted, usize)> {
        let wanted = self.wanted?;
        Some((wanted, wanted.slot(key)?))
    }

    /// The value of the first attribute of the record itself under a key, the attributes being field `number`.
    #[inline]
    pub(super) fn attribute(
        &self,
        number: u32,
        key: &[u8],
    ) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
        let Some((wanted, slot)) = self.slot(key) else {
            return fields::attribute(self.message(self.at.level), number, key);
        };
        if let Some(value) = self.puts.value(number, slot) {
            return Ok(Some(Cow::Borrowed(value)));
        }
        let base = self.base();
        let found = self.scratch.index.borrow_mut().find(base, number, wanted, slot);
        match found {
            Ok(place) => place.map(|place| place.value(base)).transpose(),
            Err(Unindexed) => fields::attribute(self.message(self.at.level), number, key),
        }
    }

    /// Puts an attribute of the record itself. `any` is an `AnyValue`.
    pub(super) fn put_attribute(
        &mut self,
        arena: &'a Bump,
        number: u32,
        key: &[u8],
        any: &[u8],
    ) -> Result<(), RunError> {
        let Some((wanted, slot)) = self.slot(key) else {
            return self.write_attribute(arena, number, key, any);
        };
        let Some(spot) = self.spot(number, wanted, slot) else {
            return self.write_attribute(arena, number, key, any);
        };
        if spot.old.as_deref() != Some(any) {
            let mut field = std::mem::take(&mut self.scratch.inner);
            field.clear();
            fields::put_entry(&mut field, number, key, any);
            let slots = wanted.len();
            self.puts.put(arena, (number, slots), slot, spot.range, &field, any.len());
            self.scratch.inner = field;
        }
        Ok(())
    }

    /// Where an attribute would stand, if it can wait for the message to be made.
    fn spot(&self, number: u32, wanted: &Wanted, slot: usize) -> Option<Spot<'a>> {
        if !self.puts.takes(number) {
            return None;
        }
        if let Some(value) = self.puts.value(number, slot) {
            return Some(Spot { range: None, old: Some(Cow::Borrowed(value)) });
        }
        let base = self.base();
        let found = self.scratch.index.borrow_mut().find(base, number, wanted, slot).ok()?;
        let Some(place) = found else { return Some(Spot { range: None, old: None }) };
        // What an entry holds besides key and value stays, so it is edited where it is.
        let range = place.plain_range()?;
        Some(Spot { range: Some(range), old: Some(place.value(base).ok()?) })
    }

    fn write_attribute(
        &mut self,
        arena: &'a Bump,
        number: u32,
        key: &[u8],
        any: &[u8],
    ) -> Result<(), RunError> {
        self.edit(arena, self.at.level, |message, out| {
            fields::put_attribute(message, number, key, any, out)?;
            Ok(true)
        })
    }

    /// Replaces the message of a level by what `write` appends, if it succeeds and says that it did.
    pub(super) fn edit(
        &mut self,
        arena: &'a Bump,
        level: Level,
        write: impl FnOnce(&'a [u8], &mut Vec<u8>) -> Result<bool, RunError>,
    ) -> Result<(), RunError> {
        let mut out = std::mem::take(&mut self.scratch.message);
        out.clear();
        self.written.set(None);
        let written = write(self.message(level), &mut out);
        if matches!(written, Ok(true)) && out != self.message(level) {
            self.changed[level as usize].set(Some(arena.alloc_slice_copy(&out)));
            self.written.set(Some(level));
            self.scratch.index.get_mut().clear();
        }
        self.scratch.message = out;
        written.map(drop)
    }

    pub(super) fn change(&mut self, arena: &'a Bump, changed: Changed) -> Result<(), RunError> {
        if !changed.appended.is_empty() && !self.at.may_append {
            return Err(RunError::new(otlp::edit::Endless.to_string()));
        }
        if let Some(record) = changed.record {
            self.edit(arena, self.at.level, |_, out| {
                out.extend_from_slice(&record);
                Ok(true)
            })?;
        }
        self.appended.extend(changed.appended);
        Ok(())
    }
}
