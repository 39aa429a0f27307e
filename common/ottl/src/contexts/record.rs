//! A record under statements: slices of the request and, where something was set, of the arena.

use std::borrow::Cow;
use std::cell::RefCell;

use bumpalo::Bump;
use otlp::Malformed;
use otlp::edit::index::{Index, Place, Unindexed};
use otlp::edit::{At, Changes, Data, LEVELS, Level, fields};

use super::Request;
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

/// A record and the messages around it.
#[derive(Debug)]
pub struct Record<'a> {
    at: At<'a>,
    is_changed: [bool; LEVELS],
    appended: Vec<Vec<u8>>,
    request: &'a Request,
    /// Whether an index of the record's own attributes is worth its scan.
    is_indexed: bool,
    /// The level whose message the scratch buffer holds, too, because it was written last.
    written: Option<Level>,
    pub(super) scratch: Scratch,
}

impl<'a> Record<'a> {
    /// The record that a walk is at.
    #[inline(always)]
    pub fn new(at: At<'a>, request: &'a Request, scratch: Scratch) -> Self {
        let (is_changed, appended) = ([false; LEVELS], Vec::new());
        let (is_indexed, written) = (false, None);
        Self { at, is_changed, appended, request, is_indexed, written, scratch }
    }

    /// Says that several attributes of the record itself will be looked up: all of them are then found in one
    /// scan.
    #[inline]
    #[must_use]
    pub fn indexed(mut self) -> Self {
        self.is_indexed = true;
        self.scratch.index.get_mut().clear();
        self
    }

    /// Says what changed, and gives the buffers back.
    #[inline]
    pub fn finish(&mut self, changes: &mut Changes) -> Scratch {
        for level in Level::ALL.into_iter().filter(|level| self.is_changed[*level as usize]) {
            match self.written == Some(level) {
                true => changes.replace_with(level, &mut self.scratch.message),
                false => changes.replace(level, self.message(level)),
            }
        }
        for message in self.appended.drain(..) {
            // Asked before: see `change`.
            let appended = changes.append(message);
            debug_assert!(appended.is_ok(), "nothing is appended where nothing may be");
        }
        std::mem::take(&mut self.scratch)
    }

    /// The levels at which something changed.
    pub fn is_changed(&self, level: Level) -> bool {
        self.is_changed[level as usize]
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
        self.at.messages[level as usize]
    }

    /// The message of a level with its children.
    pub(super) fn whole(&self, level: Level) -> &'a [u8] {
        if level == self.at.level { self.message(level) } else { self.at.wholes.of(level) }
    }

    /// Where the first attribute of the record itself under a key stands, the attributes being field `number`.
    /// `Err` says that there is no index of them.
    #[inline]
    fn place(&self, number: u32, key: &[u8]) -> Result<Option<Place>, Unindexed> {
        if !self.is_indexed {
            return Err(Unindexed);
        }
        self.scratch.index.borrow_mut().find(self.message(self.at.level), number, key)
    }

    /// The value of the first attribute of the record itself under a key.
    #[inline]
    pub(super) fn attribute(
        &self,
        number: u32,
        key: &[u8],
    ) -> Result<Option<Cow<'a, [u8]>>, Malformed> {
        let message = self.message(self.at.level);
        match self.place(number, key) {
            Ok(place) => place.map(|place| place.value(message)).transpose(),
            Err(Unindexed) => fields::attribute(message, number, key),
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
        let level = self.at.level;
        let Ok(place) = self.place(number, key) else {
            return self.edit(arena, level, |message, out| {
                fields::put_attribute(message, number, key, any, out)?;
                Ok(true)
            });
        };
        let old = self.scratch.index.take();
        let bytes_before = self.message(level).len();
        self.edit(arena, level, |message, out| {
            let found = place.map(|place| place.parts(message)).transpose()?;
            fields::put_attribute_at(message, number, found, key, any, out)?;
            Ok(true)
        })?;
        if place.is_none() {
            let index = self.scratch.index.get_mut();
            *index = old;
            index.appended(self.at.messages[level as usize], bytes_before);
        }
        Ok(())
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
        self.written = None;
        let written = write(self.message(level), &mut out);
        if matches!(written, Ok(true)) && out != self.message(level) {
            self.scratch.index.get_mut().clear();
            self.at.messages[level as usize] = arena.alloc_slice_copy(&out);
            self.is_changed[level as usize] = true;
            self.written = Some(level);
        }
        self.scratch.message = out;
        written.map(|_| ())
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
