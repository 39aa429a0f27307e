//! A record under statements: slices of the request and, where something was set, of the arena.

use std::borrow::Cow;
use std::cell::RefCell;

use bumpalo::Bump;
use otlp::Malformed;
use otlp::edit::index::{Index, Place, Unindexed, Wanted};
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
    at: &'a At<'a>,
    /// The messages that were changed, by level.
    changed: [Option<&'a [u8]>; LEVELS],
    appended: Vec<Vec<u8>>,
    request: &'a Request,
    /// The keys of the record's own attributes for which one scan is worth it.
    wanted: Option<&'a Wanted>,
    /// The level whose message the scratch buffer holds, too, because it was written last.
    written: Option<Level>,
    pub(super) scratch: &'a mut Scratch,
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
        let (changed, appended, written) = ([None; LEVELS], Vec::new(), None);
        Self { at, changed, appended, request, wanted, written, scratch }
    }

    /// Says what changed.
    #[inline]
    pub fn finish(&mut self, changes: &mut Changes) {
        for (level, changed) in Level::ALL.into_iter().zip(self.changed) {
            match changed {
                Some(_) if self.written == Some(level) => {
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

    /// The levels at which something changed.
    pub fn is_changed(&self, level: Level) -> bool {
        self.changed[level as usize].is_some()
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
        self.changed[level as usize].unwrap_or(self.at.message_of(level))
    }

    /// The message of a level with its children.
    pub(super) fn whole(&self, level: Level) -> &'a [u8] {
        if level == self.at.level { self.message(level) } else { self.at.whole_of(level) }
    }

    /// Where the first attribute of the record itself under a key stands, the attributes being field `number`.
    /// `Err` says that there is no index of them.
    #[inline]
    fn place(&self, number: u32, key: &[u8]) -> Result<Option<Place>, Unindexed> {
        let wanted = self.wanted.ok_or(Unindexed)?;
        self.scratch.index.borrow_mut().find(self.message(self.at.level), number, wanted, key)
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
        if place.is_some() {
            self.scratch.index.get_mut().clear();
        }
        // Where there is none yet it is appended.
        self.write(arena, level, |message, out| {
            let found = place.map(|place| place.parts(message)).transpose()?;
            fields::put_attribute_at(message, number, found, key, any, out)?;
            Ok(true)
        })?;
        Ok(())
    }

    /// Replaces the message of a level by what `write` appends, if it succeeds and says that it did.
    pub(super) fn edit(
        &mut self,
        arena: &'a Bump,
        level: Level,
        write: impl FnOnce(&'a [u8], &mut Vec<u8>) -> Result<bool, RunError>,
    ) -> Result<(), RunError> {
        if self.write(arena, level, write)? {
            self.scratch.index.get_mut().clear();
        }
        Ok(())
    }

    /// [`edit`](Self::edit) that leaves the index of attributes as it is; says whether anything changed.
    fn write(
        &mut self,
        arena: &'a Bump,
        level: Level,
        write: impl FnOnce(&'a [u8], &mut Vec<u8>) -> Result<bool, RunError>,
    ) -> Result<bool, RunError> {
        let mut out = std::mem::take(&mut self.scratch.message);
        out.clear();
        self.written = None;
        let written = write(self.message(level), &mut out);
        let is_changed = matches!(written, Ok(true)) && out != self.message(level);
        if is_changed {
            self.changed[level as usize] = Some(arena.alloc_slice_copy(&out));
            self.written = Some(level);
        }
        self.scratch.message = out;
        written.map(|_| is_changed)
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
